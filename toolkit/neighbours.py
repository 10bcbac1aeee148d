"""The nearest of many vectors: exactly by blocks of matrix products, or by an index where they are too many for that.

The index is a graph of near neighbours (Malkov & Yashunin 2018, "Efficient and Robust Approximate Nearest Neighbor
Search Using Hierarchical Navigable Small World Graphs") by the package usearch, an extra.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from toolkit.store import writing

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]
Find = Callable[[Floats, int], tuple[Rows, Floats]]
"""Queries (n, dim) and how many are wanted in, rows and cosines (n, wanted) out, the nearest first."""

EXACT = 2_000_000
"""Up to so many vectors all are compared: a second or two for a million, of which an index takes above an hour."""
_BLOCK = 16_384


def finder(vectors: Floats, kept: Path | None = None) -> Find:
    """Return a function that finds the nearest of `vectors` (n, dim; length one or zero).

    The index in the file `kept` answers, if it is there, fits, and usearch is installed; else all are compared.
    """
    index = _read(kept, len(vectors)) if kept and kept.is_file() and find_spec("usearch") else None
    if index is None:
        return lambda queries, most: nearest(vectors, queries, most)
    return lambda queries, most: search_index(index, queries, most)


def keep_index(vectors: Floats, path: Path, exact: int = EXACT) -> bool:
    """Build and keep an index where there are more than `exact` vectors, which takes minutes; tell whether it was.

    Without usearch there is none; an old one is taken away.
    """
    if len(vectors) <= exact or find_spec("usearch") is None:
        path.unlink(missing_ok=True)
        return False
    index = build_index(vectors)
    with writing(path) as aside:
        index.save(str(aside))
    return True


def _read(path: Path, count: int) -> Any:
    """Return the index in a file; None where it is broken or of other vectors."""
    from usearch.index import Index

    try:
        index = Index.restore(str(path))
    except (RuntimeError, ValueError):
        return None
    return index if index is not None and len(index) == count else None


def nearest(vectors: Floats, queries: Floats, most: int) -> tuple[Rows, Floats]:
    """Compare `queries` (n, dim) with all of `vectors`: rows and cosines (n, most), ties by row."""
    most = min(most, len(vectors))
    rows, cosines = np.empty((len(queries), 0), dtype=np.intp), np.empty((len(queries), 0), dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        found = queries @ vectors[start : start + _BLOCK].T
        kept = _largest(found, most)
        rows = np.hstack([rows, kept + start])
        cosines = np.hstack([cosines, np.take_along_axis(found, kept, axis=1)])
    order = np.lexsort((rows, -cosines), axis=1)[:, :most]
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(cosines, order, axis=1)


def _largest(found: Floats, most: int) -> Rows:
    if found.shape[1] <= most:
        return np.tile(np.arange(found.shape[1]), (len(found), 1))
    return np.argpartition(-found, most - 1, axis=1)[:, :most]


def build_index(vectors: Floats) -> Any:
    """Return usearch's index of `vectors`; needs the extra ``lab``."""
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="cos", dtype="f16", connectivity=32, expansion_search=128)
    index.add(np.arange(len(vectors), dtype=np.uint64), vectors)
    return index


def search_index(index: Any, queries: Floats, most: int) -> tuple[Rows, Floats]:
    """Ask an index that `build_index` made: rows and cosines as `nearest` gives them, nearly all of them the same."""
    found = index.search(queries, min(most, len(index)))
    rows, distances = (np.asarray(part).reshape(len(queries), -1) for part in (found.keys, found.distances))
    return rows.astype(np.intp), (1 - distances).astype(np.float32)
