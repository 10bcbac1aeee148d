"""Arrays in safetensors files: several by name, or one matrix of vectors, written row by row; numbers and no code."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from toolkit.disk import missing, writing
from toolkit.schema import InputError

Floats = npt.NDArray[np.float32]

_LARGE = 256 << 20
"""Bytes of a matrix from which it stays on the disk and is read as it is used."""
_LENGTH = 8


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


def write_vectors(vectors: Floats, path: Path | str) -> Path:
    """Write a matrix of shape (n, dim) as safetensors."""
    with adding_vectors(path, *vectors.shape) as add:
        add(vectors)
    return Path(path)


@contextlib.contextmanager
def adding_vectors(path: Path | str, rows: int, dim: int) -> Iterator[Callable[[Floats], None]]:
    """Give a function that adds rows to a new matrix of shape (rows, dim), which is in place when all were added."""
    entry = {"dtype": "F32", "shape": [rows, dim], "data_offsets": [0, 4 * rows * dim]}
    head = json.dumps({"vectors": entry}, separators=(",", ":")).encode()
    head += b" " * (-len(head) % _LENGTH)
    with writing(Path(path)) as aside, aside.open("wb") as file:
        file.write(len(head).to_bytes(_LENGTH, "little") + head)
        yield lambda block: _add(file, block)
        written = file.tell() - _LENGTH - len(head)
        if written != 4 * rows * dim:
            raise ValueError(f"{written // (4 * dim)} rows were written to {path}, expected {rows}.")


def _add(file: BinaryIO, block: Floats) -> None:
    file.write(np.ascontiguousarray(block, dtype="<f4").data)


def read_vectors(path: Path | str) -> Floats:
    """Read a matrix that `write_vectors` wrote; a missing or broken one gives an `InputError`.

    A large one is mapped into memory and not to be written to: only the rows that are used are read.
    """
    path = Path(path)
    if not path.is_file():
        raise missing(path)
    try:
        if path.stat().st_size >= _LARGE:
            return _mapped(path)
        return np.asarray(load_file(path)["vectors"], dtype=np.float32)
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise InputError(f"{path} holds no readable vectors ({error}): make it again.") from error


def _mapped(path: Path) -> Floats:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(_LENGTH), "little")
        if size > path.stat().st_size:
            raise ValueError("its head is broken")
        entry = json.loads(file.read(size))["vectors"]
    if entry["dtype"] != "F32":
        raise ValueError(f"its numbers are {entry['dtype']}, expected F32")
    shape = tuple(int(each) for each in entry["shape"])
    start = _LENGTH + size + int(entry["data_offsets"][0])
    return np.memmap(path, dtype="<f4", mode="r", offset=start, shape=shape)
