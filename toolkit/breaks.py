"""Change points of a theme's share: from when on it was another.

Penalised likelihood (Killick, Fearnhead & Eckley 2012, "Optimal detection of changepoints with a linear computational
cost"), searched exactly by PELT of the package ``ruptures``; the cost of a segment is the binomial deviance of its
counts, so that a period of ten articles weighs less than one of a thousand. A segment has at least `SHORTEST` periods:
what is shorter is a burst or an outlier. The penalty is given by the caller; `toolkit.detect` takes what a history
without any change exceeds in one of twenty.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from ruptures import Pelt
from ruptures.base import BaseCost
from scipy.special import xlogy

Floats = npt.NDArray[np.float64]

SHORTEST = 4


class _BinomialCost(BaseCost):  # type: ignore[misc]
    """The binomial deviance of a segment; the signal's columns are hits and totals."""

    model = "binomial"
    min_size = 1

    def fit(self, signal: Floats) -> _BinomialCost:
        self.signal = signal
        self._hits, self._totals = (np.concatenate([[0], np.cumsum(column)]).tolist() for column in signal.T)
        return self

    def error(self, start: int, end: int) -> float:
        hits: float
        total: float
        hits, total = self._hits[end] - self._hits[start], self._totals[end] - self._totals[start]
        if hits <= 0 or hits >= total:
            return 0.0
        return -2 * (hits * math.log(hits / total) + (total - hits) * math.log1p(-hits / total))


def change_points(hits: Floats, totals: Floats, penalty: float) -> list[int]:
    """Return the first period of every new segment of one series, in order; counts may be fractions.

    Periods without articles belong to the segment around them and count for nothing.
    """
    filled = np.flatnonzero(totals > 0)
    if len(filled) < 2 * SHORTEST:
        return []
    signal = np.column_stack([hits[filled], totals[filled]])
    search = Pelt(custom_cost=_BinomialCost(), min_size=SHORTEST, jump=1).fit(signal)
    return [int(filled[at]) for at in search.predict(pen=max(penalty, 1e-9))[:-1]]


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
    ratio = _likelihood(x1, n1) + _likelihood(x2, n2) - _likelihood(x1 + x2, n1 + n2)
    return np.asarray(2 * np.maximum(ratio, 0))


def _likelihood(hits: Floats, totals: Floats) -> Floats:
    rest = np.maximum(totals - hits, 0)
    return np.asarray(xlogy(hits, hits) + xlogy(rest, rest) - xlogy(totals, totals))
