"""What every encoder shares: texts in, vectors of length one out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


class Encoder(Protocol):
    """Texts in, L2-normalised float32 vectors of shape (n, dim) out; ``name`` says which weights."""

    name: str
    dim: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text."""
        ...


def normalise(vectors: npt.NDArray[np.floating]) -> Vectors:
    """Scale each row to length one; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)
