"""k-means: where it begins (k-means++), and Lloyd's rounds from there; what scikit-learn makes of the same numbers.

The library looks long at what it is given, and at which libraries are loaded, each time: of a few hundred vectors all
is done here in a fraction of that.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
Distances = Callable[[Rows], Doubles]
_BLOCK = 4096
_STILL = 1e-4
_DENSE = 50_000
"""Members of groups up to which a whole matrix is multiplied sooner than a sparse one is made."""


def far_apart(distances: Distances, size: int, number: int, seed: int) -> Rows:
    """Return `number` of `size` rows, each of which lies far from those before it.

    Arthur & Vassilvitskii 2007, "k-means++: the advantages of careful seeding": a row is drawn by its squared distance
    to the nearest of those before; of a few that are drawn, the one that leaves least is taken. `distances` are what
    `measuring` returns.

    >>> far_apart(measuring(np.array([[0.0, 0], [0, 1], [9, 9], [9, 8]])), 4, 2, seed=0)
    array([2, 1])
    """
    random, tries, ones = np.random.RandomState(seed), 2 + int(np.log(number)), np.ones(size)
    chosen = np.empty(number, dtype=np.intp)
    chosen[0] = random.choice(size, p=ones / size)
    nearest = distances(chosen[:1])[0]
    left = nearest @ ones
    for place in range(1, number):
        drawn = np.searchsorted(np.cumsum(nearest), random.uniform(size=tries) * left)
        drawn = np.minimum(drawn, size - 1)
        after = np.minimum(nearest, distances(drawn))
        sums = after @ ones
        best = int(sums.argmin())
        chosen[place], nearest, left = drawn[best], after[best], sums[best]
    return chosen


def measuring(vectors: npt.NDArray[np.floating]) -> Distances:
    """Return what tells the squared distances of the rows it is given to all of `vectors` (n, dim): (rows, n)."""
    own = vectors.astype(np.float64)
    squares = np.einsum("ij,ij->i", own, own)

    def distances(rows: Rows) -> Doubles:
        found = -2 * (own[rows] @ own.T)
        found += squares[rows, None]
        found += squares
        return np.asarray(np.maximum(found, 0, out=found))

    return distances


def lloyd(vectors: Floats, starts: Rows, rounds: int, still: float = _STILL) -> tuple[Rows, Rows]:
    """Return the group of each of `vectors` (n, dim), and the groups whose means the last centres are.

    Lloyd 1982, "Least squares quantization in PCM": each vector goes to the nearest centre, and centres to the mean of
    theirs, for so many `rounds` or until nothing moves by more than the share `still` of the variance. The first
    centres are the vectors at the rows `starts`. A group that is left empty begins anew at the vector that lies
    farthest from its centre.
    """
    apart = np.ascontiguousarray(vectors - vectors.mean(axis=0))
    centres, enough = apart[starts], np.mean(np.var(apart, axis=0)) * still
    labels, done = np.full(len(apart), -1), False
    for _ in range(rounds):
        before, labels = labels, nearest(apart, centres)
        groups = _filled(apart, labels, centres)
        moved = means(apart, groups, len(centres))
        shift = ((moved - centres) ** 2).sum()
        centres, done = moved, bool((labels == before).all())
        if done or shift <= enough:
            break
    return labels if done else nearest(apart, centres), groups


def nearest(vectors: Floats, centres: Floats) -> Rows:
    """Return the row of `centres` that each of `vectors` is nearest to."""
    found, squares = np.empty(len(vectors), dtype=np.intp), np.einsum("ij,ij->i", centres, centres)
    turned = -2 * centres.T
    for start in range(0, len(vectors), _BLOCK):
        apart = vectors[start : start + _BLOCK] @ turned
        apart += squares
        found[start : start + _BLOCK] = apart.argmin(axis=1)
    return found


def means(vectors: Floats, groups: Rows, number: int) -> Floats:
    """Return the mean of each of `number` groups of `vectors` (n, dim); zeros where there is none."""
    if len(groups) * number <= _DENSE:
        sums = (groups == np.arange(number)[:, None]).astype(np.float32) @ vectors
    else:
        ones, bounds = np.ones(len(groups), dtype=np.float32), np.arange(len(groups) + 1)
        sums = sparse.csc_matrix((ones, groups, bounds), (number, len(groups))) @ vectors
    sizes = np.maximum(np.bincount(groups, minlength=number), 1)
    return np.asarray(sums / sizes[:, None].astype(np.float32), dtype=np.float32)


def _filled(vectors: Floats, labels: Rows, centres: Floats) -> Rows:
    """Return the groups `labels`, those that are empty with a vector far from its centre, if any is."""
    empty = np.flatnonzero(np.bincount(labels, minlength=len(centres)) == 0)
    if not len(empty):
        return labels
    far = ((vectors - centres[labels]) ** 2).sum(axis=1)
    groups = labels.copy()
    if far.max() > 0:
        groups[np.argpartition(far, -len(empty))[: -len(empty) - 1 : -1]] = empty
    return groups


def some_rows(count: int, number: int, seed: int) -> Rows:
    """Return `number` of `count` rows, drawn by chance."""
    ones = np.ones(count, dtype=np.float32)
    return np.random.RandomState(seed).choice(count, number, replace=False, p=ones / ones.sum())
