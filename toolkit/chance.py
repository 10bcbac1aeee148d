"""What chance does to a share over time: overdispersion, histories without any event, and p values from them.

Counts of news vary more than coin tosses: an event brings several stories. ``dispersion`` says by what factor, and
every count is divided by it before it enters a likelihood (a quasi-likelihood, McCullagh & Nelder 1989, section 4.5).
A statistic that is the best of many places has no p value in a table. It is compared with the same statistic of
histories drawn without an event; series of like share and dispersion share their histories, so that 5,000 topics cost
little more than fifty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, gammainc, gammaincinv

Floats = npt.NDArray[np.float64]

FEWEST_PERIODS = 8
"""With fewer periods of articles nothing is said to stand out."""
_HISTORIES = 399
_TRIM = 0.05
_STEP = 0.25
_TAIL = 10
_EULER = 0.5772156649


def dispersion(hits: Floats, totals: Floats, expected: Floats | None = None) -> Floats:
    """Return for each series (rows) the variance of its counts over the binomial one, 1 or more.

    `expected` are the shares about which they vary, (series, periods); without, the mean share of each series.

    From differences of successive standardised counts, as Rice 1984 ("Bandwidth choice for nonparametric
    regression") estimates a variance: a lasting change of level touches one difference. The largest twentieth is
    trimmed, with the factor that chi-square asks for, so that single bursts do not hide themselves. Empty periods are
    skipped.
    """
    mean = (hits.sum(axis=1) / np.maximum(totals.sum(axis=1), 1))[:, None]
    every = np.clip(np.broadcast_to(mean if expected is None else expected, hits.shape), 1e-9, 1 - 1e-9)
    result = np.ones(len(hits))
    filled = totals > 0
    of = same_rows(filled.astype(float))
    for pattern_at in range(int(of.max(initial=-1)) + 1):
        rows = np.flatnonzero(of == pattern_at)
        pattern = filled[rows[0]]
        if pattern.sum() < 4:
            continue
        whole = len(rows) == len(hits) and pattern.all()  # most often, and then nothing need be picked out
        x, n, share = (table if whole else table[np.ix_(rows, pattern)] for table in (hits, totals, every))
        residual = (x - n * share) / np.sqrt(n * share * (1 - share))
        squares = np.sort(np.diff(residual, axis=1) ** 2 / 2, axis=1)
        kept = squares.shape[1] - int(_TRIM * squares.shape[1])
        result[rows] = squares[:, :kept].mean(axis=1) / _trimmed_mean(kept / squares.shape[1])
    return np.maximum(result, 1)


def _trimmed_mean(kept: float) -> float:
    """Return the mean of a chi-square variable of one degree of freedom below its quantile `kept`."""
    return float(gammainc(1.5, gammaincinv(0.5, kept)) / kept) if kept < 1 else 1.0


def draw(share: float, effect: float, totals: Floats, size: int, random: np.random.Generator) -> Floats:
    """Return `size` histories (rows) of beta-binomial counts with one share throughout and this dispersion."""
    n = np.round(totals).astype(np.int64)
    alike = np.clip((effect - 1) / np.maximum(n - 1, 1), 0, 0.9)
    spread = np.divide(1 - alike, alike, out=np.full(len(n), np.inf), where=alike > 0)
    shares = np.full((size, len(n)), share)
    loose = np.isfinite(spread) & (n > 0)
    shares[:, loose] = random.beta(share * spread[loose], (1 - share) * spread[loose], (size, int(loose.sum())))
    return random.binomial(n, shares).astype(float)


Statistic = Callable[[Floats, Floats], Floats]
"""Hits (series, periods) and totals (the same, or one row for all) to one number a series, c times as large for c times
the counts."""


class Histories:
    """The null distribution of a statistic for every series, made once per group of like series."""

    def __init__(
        self, hits: Floats, totals: Floats, effects: Floats, statistics: Mapping[str, Statistic], seed: int
    ) -> None:
        """Draw the histories; `hits` and `totals` are counts, (series, periods), `effects` their dispersion.

        The statistic of a history is divided by its own estimated dispersion, so that the doubt about it counts too.
        """
        share = (hits.sum(axis=1) + 0.5) / (totals.sum(axis=1) + 1)
        which = np.column_stack([np.round(np.log(value) / _STEP) for value in (share, effects)])
        which = np.column_stack([which, same_rows(totals)])
        groups, self._of = np.unique(which, axis=0, return_inverse=True)
        self._of = self._of.ravel()
        self._values: dict[str, list[Floats]] = {name: [] for name in statistics}
        for group in range(len(groups)):
            rows = np.flatnonzero(self._of == group)
            effect, total = float(effects[rows].mean()), totals[rows[0]]
            null = draw(float(share[rows].mean()), effect, total, _HISTORIES, np.random.default_rng(seed))
            own = dispersion(null, np.broadcast_to(total, null.shape))
            for name, statistic in statistics.items():
                self._values[name].append(statistic(null, total[None]) / own)

    def p(self, name: str, rows: npt.NDArray[np.intp], values: Floats) -> Floats:
        """Return the chance that a history without event reaches `values`, for these series.

        The rank among the histories; beyond the tenth largest, the tail of the Gumbel distribution that fits them
        (Abrams, Kulldorff & Kleinman 2010, "Gumbel based p-value approximations for spatial scan statistics").
        """
        result = np.ones(len(values))
        for at, (row, value) in enumerate(zip(rows, values, strict=True)):
            null = self._values[name][int(self._of[row])]
            above, spread = int((null >= value).sum()), float(null.std()) * np.sqrt(6) / np.pi
            rank = (1 + above) / (1 + len(null))
            if above < _TAIL and spread > 0:
                tail = -np.expm1(-np.exp(-(value - null.mean()) / spread - _EULER))
                rank = min(float(tail), (1 + _TAIL) / (1 + len(null)))
            result[at] = rank
        return result

    def quantile(self, name: str, row: int, level: float) -> float:
        """Return what a share `level` of the histories of this series stays below."""
        return float(np.quantile(self._values[name][int(self._of[row])], level))


def same_rows(table: Floats) -> npt.NDArray[np.intp]:
    """Return for each row the number of its pattern; equal rows have equal numbers."""
    if len(table) and (table == table[0]).all():
        return np.zeros(len(table), dtype=np.intp)
    return np.asarray(np.unique(table, axis=0, return_inverse=True)[1]).ravel()


def tails(hits: Floats, totals: Floats, share: Floats, effect: Floats) -> tuple[Floats, Floats]:
    """Return the chance of so many hits or more, and of so few or fewer.

    Binomial where the counts vary no more than that; with a dispersion (`effect`) above 1, negative binomial of the
    same mean and variance, whose tail is as heavy as that of clumps.

    >>> up, down = tails(np.array([3.0]), np.array([10.0]), np.array([0.1]), np.array([1.0]))
    >>> round(float(up[0]), 4), round(float(down[0]), 4)
    (0.0702, 0.9872)
    """
    return upper_tail(hits, totals, share, effect), _tail(hits, totals, share, effect, upper=False)


def upper_tail(hits: Floats, totals: Floats, share: Floats, effect: Floats) -> Floats:
    """Return the chance of so many hits or more, as `tails` does."""
    return _tail(hits, totals, share, effect, upper=True)


def two_sided(hits: Floats, totals: Floats, share: Floats, effect: Floats) -> Floats:
    """Return twice the chance of what lies as far out on the side of `hits`, at most 1; `tails` says of what."""
    p = np.empty(hits.shape)
    above = hits > totals * share
    for upper, rows in ((True, above), (False, ~above)):
        p[rows] = _tail(hits[rows], totals[rows], share[rows], effect[rows], upper=upper)
    return np.minimum(1, 2 * p)


def _tail(hits: Floats, totals: Floats, share: Floats, effect: Floats, *, upper: bool) -> Floats:
    spread = effect * (1 - share)
    result = np.ones(np.shape(hits))
    open_ = hits > 0 if upper else (spread > 1.02) | (hits < totals)
    for clumped in (True, False):
        rows = open_ & ((spread > 1.02) == clumped)
        x, n, level, wide = hits[rows], totals[rows], share[rows], spread[rows]
        if clumped:
            size = np.maximum(n * level / (wide - 1), 1e-9)
            chance = betainc(x, size, 1 - 1 / wide) if upper else betainc(size, x + 1, 1 / wide)
        else:
            rest = np.maximum(n - x, 1e-9)
            chance = betainc(x, rest + 1, level) if upper else 1 - betainc(x + 1, rest, level)
        result[rows] = np.clip(chance, 0, 1)
    return result
