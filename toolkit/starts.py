"""Where k-means begins: rows that lie far apart, drawn by chance (k-means++)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
Distances = Callable[[Rows], Doubles]


def far_apart(distances: Distances, size: int, number: int, seed: int) -> Rows:
    """Return `number` of `size` rows, each of which lies far from those before it.

    Arthur & Vassilvitskii 2007, "k-means++: the advantages of careful seeding": a row is drawn by its squared distance
    to the nearest of those before; of a few that are drawn, the one that leaves least is taken. `distances` are what
    `measuring` returns. The same rows as scikit-learn draws, which takes several times as long where rows are few.

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
