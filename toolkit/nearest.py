"""The articles nearest to one article: exact cosine, a block of vectors at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_BLOCK = 16384


def similarities(vectors: npt.NDArray[np.float32], like: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the cosine of each row of `vectors` (n, dim) with `like` (dim,); 0 where a vector is zero."""
    target = like / max(float(np.linalg.norm(like)), 1e-12)
    found = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        lengths = np.sqrt(np.einsum("ij,ij->i", block, block))
        found[start : start + _BLOCK] = (block @ target) / np.maximum(lengths, 1e-12)
    return found


def nearest(
    vectors: npt.NDArray[np.float32], row: int, without: npt.NDArray[np.bool_], count: int = 5
) -> list[tuple[int, float]]:
    """Return the `count` rows nearest to `row` as (row, cosine), the nearest first; equal ones in their order.

    `without` marks rows that do not count, such as reprints of the same story; `row` itself never does.
    """
    found = similarities(vectors, vectors[row])
    found[without] = -2
    found[row] = -2
    most = min(count, int((found > -2).sum()))
    if not most:
        return []
    least = np.partition(found, -most)[-most]
    ties = np.flatnonzero(found >= least)
    order = ties[np.argsort(-found[ties], kind="stable")][:most]
    return [(int(place), round(float(found[place]), 4)) for place in order]
