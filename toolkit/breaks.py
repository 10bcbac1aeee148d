"""Change points of a theme's share: from when on it was another.

Penalised likelihood, the segmentation of least cost found exactly by dynamic programming (Jackson et al. 2005, "An
algorithm for optimal partitioning of data on an interval"), all begins of the last segment at once; the cost of a
segment is the binomial deviance of its counts, so that a period of ten articles weighs less than one of a thousand. The
package ``ruptures`` gives the same (a test compares them) and takes a hundred times as long. A segment has at least
`SHORTEST` periods: what is shorter is a burst or an outlier. The penalty is given by the caller; `toolkit.detect` takes
what a history without any change exceeds in one of twenty.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SHORTEST = 4


def change_points(hits: Floats, totals: Floats, penalty: float) -> list[int]:
    """Return the first period of every new segment of one series, in order; counts may be fractions.

    Periods without articles belong to the segment around them and count for nothing.
    """
    filled = np.flatnonzero(totals > 0)
    size = len(filled)
    if size < 2 * SHORTEST:
        return []
    x, n = (np.concatenate([[0], np.cumsum(part[filled])]) for part in (hits, totals))
    cost, begun = np.full(size + 1, np.inf), np.zeros(size + 1, dtype=np.intp)
    cost[0] = 0
    for end in range(SHORTEST, size + 1):
        begin = slice(0, end - SHORTEST + 1)
        tried = cost[begin] - 2 * likelihood(x[end] - x[begin], n[end] - n[begin]) + max(penalty, 1e-9)
        begun[end] = tried.argmin()
        cost[end] = tried[begun[end]]
    found, at = [], int(begun[size])
    while at > 0:
        found.append(int(filled[at]))
        at = int(begun[at])
    return found[::-1]


def best_split(hits: Floats, totals: Floats) -> Floats:
    """Return for each series (rows) twice the log likelihood ratio of its best single change."""
    return np.asarray(_splits(hits, totals).max(axis=1, initial=0))


def _splits(hits: Floats, totals: Floats) -> Floats:
    """Return the ratio of every split into two segments of `SHORTEST` periods or more: (series, splits)."""
    x, n = np.cumsum(hits, axis=1), np.cumsum(totals, axis=1)
    cut = slice(SHORTEST - 1, hits.shape[1] - SHORTEST)
    return np.asarray(likelihood_ratio(x[:, cut], n[:, cut], x[:, -1:] - x[:, cut], n[:, -1:] - n[:, cut]))


def likelihood_ratio(
    hits1: npt.ArrayLike, total1: npt.ArrayLike, hits2: npt.ArrayLike, total2: npt.ArrayLike
) -> Floats:
    """Return twice the log likelihood ratio of two shares against one."""
    x1, n1, x2, n2 = (np.asarray(counts, dtype=float) for counts in (hits1, total1, hits2, total2))
    ratio = likelihood(x1, n1) + likelihood(x2, n2) - likelihood(x1 + x2, n1 + n2)
    return np.asarray(2 * np.maximum(ratio, 0))


def likelihood(hits: Floats, totals: Floats) -> Floats:
    """Return the greatest binomial log likelihood of counts, without the terms that no share changes."""
    result = _entropy(hits)
    result += _entropy(totals - hits)
    return np.asarray(result - _entropy(totals))


def _entropy(counts: Floats) -> Floats:
    """Return x log x, 0 at 0 and below; several times as fast as ``scipy.special.xlogy``."""
    result = np.maximum(counts, 1e-300)
    result *= np.log(result)
    return np.asarray(result)
