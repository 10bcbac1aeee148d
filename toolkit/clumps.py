"""How the articles of a period hang together, and what that does to the variance of a share: its design effect.

Two articles of one story resemble each other by a correlation, two articles of one day by another, which halves with
each day between them, up to two (in two corpora of news it fell to 0.16 and 0.63 after one day, to 0 and 0.35 after
two). Both are estimated from all periods of the theme together, which one period alone is too small for, by the method
of moments (Ridout, Demetrio & Firth 1999, "Estimating intraclass correlation for binary data"), and each period's own
clumps decide what they do to it (Kish 1965, "Survey Sampling", section 8.2).

Few clumps tell little of a correlation. The estimate is therefore drawn towards what is usual, as far as the number of
clumps that speak for it asks (empirical Bayes; Efron & Morris 1975, "Data analysis using Stein's estimator and its
generalizations"): articles of one story agree by 0.75, and neighbouring days add three tenths to the variance. In
theme scores of a week's news at hand stories agreed by 0.1 to 1 and days added 0 to 0.5. What doubt is left widens the
interval, by Student's t in place of the normal quantile (Korn & Graubard 1998, "Confidence intervals for proportions
with small expected number of positive counts estimated from survey data"), with the degrees of freedom of Satterthwaite
1946, "An approximate distribution of estimates of variance components".

What days add is the difference between a mean square over stretches of days and the binomial variance, so it is as
doubtful as that whole mean square, however small it came out. An estimate of nothing is no proof that nothing is there:
the doubt is that of a normal estimate known not to be negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import nnls
from scipy.special import log_ndtr, ndtri, stdtrit

from toolkit.schema import InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NEAR = (1.0, 0.5, 0.25)
"""How much the correlation of one day is worth at a distance of 0, 1 and 2 days."""
_WIDTH = _NEAR[0] ** 2 + 2 * sum(nearness**2 for nearness in _NEAR[1:])
_USUAL = np.array([0.75, 0.3])
"""What is assumed without evidence: correlation in a story; variance that neighbouring days add, over the binomial."""
_WEIGHT = np.array([3.0, 1.0])
"""How many clumps (stories, stretches of days) that assumption is worth."""
_LEAST_LEFT = 0.2
_FEWEST_FREEDOM = 4
_ROUNDS = 3


class _Cells(NamedTuple):
    """A grouping of articles: the cell of each, the period of each cell, and the pairs of neighbouring cells."""

    of: Ints
    period: Ints
    near: tuple[tuple[Ints, Ints, float], ...]


class Clumps(NamedTuple):
    """How the articles of each period hang together; the same for every theme, so made once (`find_clumps`)."""

    starts: pd.Index
    period: Ints
    totals: Floats
    story: _Cells
    day: _Cells
    around: Floats
    """Per article: others of its story, others near in days (2, articles)."""
    pairs: Floats
    """Per period: same story, near in days, both, near by the square of the nearness (4, periods)."""
    crossed: Floats
    """Per period: the sums over articles of S*S, S*N, N*N, where an article has S and N such neighbours."""
    known: Floats
    """How many clumps can tell: stories, as many alike would say as much, and stretches of days beside another."""


def find_clumps(placed: pd.DataFrame, starts: Sequence[pd.Timestamp] | None = None) -> Clumps:
    """Return the clumps of `placed` (``start, day, story_id``) in the periods `starts`, or in those that occur."""
    every = pd.Index(sorted(placed["start"].unique()) if starts is None else starts)
    period = every.get_indexer(pd.Index(placed["start"])).astype(np.int64)
    if (period < 0).any():
        raise InputError(f"{int((period < 0).sum())} articles lie in none of the {len(every)} periods given.")
    days = placed["day"].to_numpy().astype("datetime64[D]").astype(np.int64)
    days = days - days.min() if len(days) else days
    stories = pd.factorize(placed["story_id"])[0].astype(np.int64)
    story, day = _cells(period, stories, None), _cells(period, np.zeros_like(stories), days)
    both = _cells(period, stories, days)
    same, near = (_neighbours(cells) for cells in (story, day))
    count = len(every)
    pairs = [np.bincount(period, of, count) for of in (same, near, _neighbours(both), _neighbours(day, 2))]
    crossed = [np.bincount(period, of, count) for of in (same * same, same * near, near * near)]
    totals = np.bincount(period, minlength=count).astype(float)
    known = np.array([_alike(story), _stretches(day, count)])
    return Clumps(every, period, totals, story, day, np.array([same, near]), np.array(pairs), np.array(crossed), known)


def _cells(period: Ints, group: Ints, days: Ints | None) -> _Cells:
    """Group articles by period, `group` and day; cells of like group at most two days apart are neighbours."""
    width = int(days.max(initial=0)) + len(_NEAR) if days is not None else 1
    keys = (period * (int(group.max(initial=0)) + 1) + group) * width + (0 if days is None else days)
    found, first, of = np.unique(keys, return_index=True, return_inverse=True)
    near = []
    for lag in range(1, len(_NEAR) if days is not None and len(found) else 1):
        at = np.minimum(np.searchsorted(found, found + lag), len(found) - 1)
        hits = np.flatnonzero(found[at] == found + lag)
        near.append((hits, at[hits], _NEAR[lag]))
    return _Cells(of.astype(np.int64), period[first], tuple(near))


def _neighbours(cells: _Cells, power: int = 1) -> Floats:
    """Return for each article the number of others in its cell and, by their nearness, in the neighbouring cells."""
    sizes = np.bincount(cells.of, minlength=len(cells.period)).astype(float)
    around = sizes.copy()
    for left, right, nearness in cells.near:
        around[left] += nearness**power * sizes[right]
        around[right] += nearness**power * sizes[left]
    return np.asarray(around[cells.of] - 1)


def _alike(story: _Cells) -> float:
    """Return how many stories of like size would tell as much of their correlation (Kish's effective number)."""
    sizes = np.bincount(story.of, minlength=len(story.period)).astype(float)
    pairs = sizes * (sizes - 1)
    return float(pairs.sum() ** 2 / max((pairs**2).sum(), 1e-12))


def _stretches(day: _Cells, periods: int) -> float:
    """Return how many days that know nothing of each other would tell as much, beyond the first of each period."""
    days = np.bincount(day.period, minlength=periods)
    return float(np.maximum(days / _WIDTH - 1, 0).sum())


class _Seen(NamedTuple):
    """What one theme's articles show: its share in each period, and the residual products of pairs, two sums."""

    share: Floats
    products: Floats


def _see(clumps: Clumps, rows: Ints, values: Floats) -> _Seen:
    """Return the moments of a theme whose value is `values` in `rows` and 0 elsewhere, at the cost of these rows."""
    period, count = clumps.period[rows], len(clumps.totals)
    share = np.bincount(period, values, count) / np.maximum(clumps.totals, 1)
    products = []
    for cells, around, pairs in zip((clumps.story, clumps.day), clumps.around, clumps.pairs[:2], strict=True):
        crossed = np.bincount(period, values * around[rows], count)
        products.append(_products(cells, rows, values) - 2 * share @ crossed + share**2 @ pairs)
    return _Seen(share, np.array(products))


def _products(cells: _Cells, rows: Ints, values: Floats) -> float:
    """Return the sum of the products of values over all ordered pairs of neighbours."""
    of = cells.of[rows] if cells.near else np.unique(cells.of[rows], return_inverse=True)[1].ravel()
    sums = np.bincount(of, values, len(cells.period) if cells.near else 0)
    across = sum((nearness * _product(sums[left], sums[right]) for left, right, nearness in cells.near), 0.0)
    return _product(sums, sums) - _product(values, values) + 2 * across


def _product(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Return the inner product, in one thread: several wait for each other, and have the last bits hang on how many."""
    return float((one * other).sum())


def design_effects(clumps: Clumps, rows: Ints, values: Floats, confidence: float = 0.95) -> Floats:
    """Return for each period by how much clumps swell the variance of its share, 1 or more.

    `values` holds the value, above 0, of the placed articles `rows`; those of all others are 0. The two correlations
    solve the moment equations of the residual products of pairs, none of them negative; the equations hold for
    residuals from the period's own share, whose sum is zero. The effect is that of a normal interval that is as wide
    as Student's with the doubt about the correlations.
    """
    seen, n = _see(clumps, rows, values), np.maximum(clumps.totals, 1)
    mean = float(values.sum()) / max(1, len(clumps.period))
    known = clumps.known * [4 * max(mean * (1 - mean), 0), 1]
    effect, added, below = np.ones(len(n)), np.zeros((2, len(n))), np.zeros(len(n))
    for _ in range(_ROUNDS):
        left = np.maximum(1 - effect / n, _LEAST_LEFT)
        weight = np.where(clumps.totals > 1, seen.share * (1 - seen.share) / left, 0)
        added, below = _added(clumps, seen, weight, known)
        effect = np.minimum(1 + added.sum(axis=0), n)
    carrying = max(1.0, float((clumps.totals * seen.share * (1 - seen.share) / effect).sum()))
    doubt = added[0] ** 2 * 2 / (known[0] + _WEIGHT[0]) + _doubt(added[1], below, known[1]) + added[1] ** 2 / carrying
    freedom = np.clip(2 / np.maximum(doubt / effect**2, 1e-6), _FEWEST_FREEDOM, 1e6)
    level = 0.5 + confidence / 2
    return np.asarray(np.maximum(effect * (stdtrit(freedom, level) / ndtri(level)) ** 2, 1))


def _doubt(days: Floats, below: Floats, known: float) -> Floats:
    """Return the variance of what days add: of the estimate and of what is assumed, by the weight of each.

    `below` is how far below zero the estimate would lie without its bound. A mean square of k degrees of freedom has a
    relative variance of 2/k; cut at zero, the part that a normal variable keeps of it (Johnson, Kotz & Balakrishnan
    1994, "Continuous Univariate Distributions", volume 1, chapter 13).
    """
    seen, assumed = np.array([known, _WEIGHT[1]]) / (known + _WEIGHT[1])
    variance = 2 * seen**2 / max(known, 1e-9) * (1 + days) ** 2
    at = (days + below) / np.sqrt(np.maximum(variance, 1e-12))
    ratio = np.exp(-(at**2) / 2 - log_ndtr(at)) / np.sqrt(2 * np.pi)
    return np.asarray(np.clip(1 - ratio * (ratio + at), 0, 1) * variance + 2 * assumed**2 / _WEIGHT[1] * days**2)


def _added(clumps: Clumps, seen: _Seen, weight: Floats, known: Floats) -> tuple[Floats, Floats]:
    """Return what stories and neighbouring days add to the variance of each period's share, over the binomial.

    And how far below zero, 0 or less, the part of days would lie without its bound. `weight` is the variance of one
    article, share * (1 - share) without the part that clumps take from it.
    """
    n = np.maximum(clumps.totals, 1)
    (same, near, both, nearest), (squares, mixed, nears) = clumps.pairs, clumps.crossed
    terms = [[(same, squares, same), (both, mixed, near)], [(both, mixed, same), (nearest, nears, near)]]
    system = np.array(
        [
            [(weight * (joint - 2 * cross / n + own * other / n**2)).sum() for joint, cross, other in row]
            for row, own in zip(terms, (same, near), strict=True)
        ]
    )
    size = (weight * clumps.pairs[[0, 3]]).sum(axis=1)
    found = (seen.products + (weight * clumps.pairs[:2] / n).sum(axis=1)) / np.maximum(size, 1e-12)
    trust = np.where(size > 1e-9, known / (known + _WEIGHT), 0)
    usual = np.minimum(_USUAL * [1, n.sum() / max(float(near.sum()), 1e-9)], 1)
    mixed_in = trust[:, None] * system / np.maximum(size, 1e-12)[:, None] + np.diag(1 - trust)
    wanted = trust * found + (1 - trust) * usual
    alike = np.minimum(nnls(mixed_in, wanted)[0], 1)
    below = 0.0 if alike[1] > 0 else min(0.0, float(np.linalg.lstsq(mixed_in, wanted, rcond=None)[0][1]))
    return np.asarray(alike[:, None] * clumps.pairs[:2] / n), np.asarray(below * near / n)
