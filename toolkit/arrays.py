"""Several arrays in one safetensors file: numbers and no code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from toolkit.schema import InputError
from toolkit.store import writing


def write_arrays(arrays: Mapping[str, npt.NDArray[Any]], path: Path | str) -> Path:
    """Write `arrays` by name."""
    with writing(Path(path)) as aside:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, aside)
    return Path(path)


def read_arrays(path: Path | str) -> dict[str, npt.NDArray[Any]]:
    """Read what `write_arrays` wrote; a missing or broken file gives an `InputError`."""
    try:
        return dict(load_file(path))
    except FileNotFoundError as error:
        raise InputError(f"There is no {path}: run the notebook that makes it first.") from error
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} holds no readable arrays ({error}): make it again.") from error
