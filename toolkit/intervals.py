"""Intervals of shares that hold for news, where the articles of one day and of one story come in clumps.

Wilson's interval takes articles as independent. Forty reprints of one wire text are not forty observations, and an
event fills the days on which it happens: on such data a 95% Wilson interval holds the truth in 45 to 90% of trials.
A block bootstrap over days and stories mends little of it, since a week has seven days and a rare theme one or two
stories: the few blocks that were drawn cannot show those that were not.

The interval here is Wilson's at the *effective* number of articles, n / (1 + design effect of clumps), as survey
statistics does it (Kish 1965, "Survey Sampling", section 8.2; Korn & Graubard 1998, "Confidence intervals for
proportions with small expected number of positive counts estimated from survey data"; the effective size inside
Wilson's formula: Franco, Little, Louis & Slud 2019, "Comparative study of confidence intervals for proportions in
complex sample surveys"). Two articles of one story resemble each other by a correlation, two articles at most two
days apart by another; both are estimated from all periods of the theme together, which one period alone is too small
for, by the method of moments (Ridout, Demetrio & Firth 1999, "Estimating intraclass correlation for binary data"),
and each period's own clumps decide what they do to it. ``benchmarks/interval_coverage.py`` compares the three.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import nnls
from scipy.special import ndtri, stdtrit

from toolkit.schema import InputError
from toolkit.settings import TrendSettings
from toolkit.stats import wilson
from toolkit.trends import assign_periods

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NEAR_DAYS = 2
_LEAST_YOUDEN = 0.05


class _Cells(NamedTuple):
    """A grouping of articles: the cell of each, the period of each cell, and the pairs of neighbouring cells."""

    of: Ints
    period: Ints
    near: tuple[tuple[Ints, Ints], ...]


class Clumps(NamedTuple):
    """How the articles of each period hang together; the same for every theme, so made once (`find_clumps`)."""

    starts: pd.Index
    period: Ints
    totals: Floats
    story: _Cells
    day: _Cells
    pairs: Floats
    """Per period: same story, near in days, both (3, periods)."""
    crossed: Floats
    """Per period: the sums over articles of S*S, S*N, N*N, where an article has S and N such neighbours."""


def place(articles: pd.DataFrame, settings: TrendSettings = TrendSettings()) -> pd.DataFrame:
    """Return ``article_id, start, day, story_id, source, language`` of each dated article, in local time.

    `articles` needs ``article_id, published, source, story_id``; a missing ``language`` is ``""``.
    """
    own = articles[articles["published"].notna()]
    names = ["article_id", "story_id", "source"] + ["language"] * ("language" in own)
    day = own["published"].dt.tz_convert(settings.timezone).dt.tz_localize(None).dt.normalize()
    placed = own[names].assign(day=day).merge(assign_periods(articles, settings), on="article_id", validate="1:1")
    return placed.assign(language=placed.get("language", ""))


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
    pairs = [np.bincount(period, of, count) for of in (same, near, _neighbours(both))]
    crossed = [np.bincount(period, of, count) for of in (same * same, same * near, near * near)]
    totals = np.bincount(period, minlength=count).astype(float)
    return Clumps(every, period, totals, story, day, np.array(pairs), np.array(crossed))


def _cells(period: Ints, group: Ints, days: Ints | None) -> _Cells:
    """Group articles by period, `group` and day; cells of like group at most two days apart are neighbours."""
    width = int(days.max(initial=0)) + 1 + _NEAR_DAYS if days is not None else 1
    keys = (period * (int(group.max(initial=0)) + 1) + group) * width + (0 if days is None else days)
    found, first, of = np.unique(keys, return_index=True, return_inverse=True)
    near = []
    for lag in range(1, _NEAR_DAYS + 1 if days is not None and len(found) else 1):
        at = np.minimum(np.searchsorted(found, found + lag), len(found) - 1)
        hits = np.flatnonzero(found[at] == found + lag)
        near.append((hits, at[hits]))
    return _Cells(of.astype(np.int64), period[first], tuple(near))


def _neighbours(cells: _Cells) -> Floats:
    """Return for each article the number of others in its cell and in the neighbouring cells."""
    sizes = np.bincount(cells.of, minlength=len(cells.period)).astype(float)
    around = sizes.copy()
    for left, right in cells.near:
        np.add.at(around, left, sizes[right])
        np.add.at(around, right, sizes[left])
    return np.asarray(around[cells.of] - 1)


def design_effects(clumps: Clumps, values: npt.ArrayLike) -> Floats:
    """Return for each period by how much clumps swell the variance of its share, 1 or more.

    `values` holds 0 or 1, or a probability, for each placed article. The two correlations solve the two moment
    equations of the residual products of pairs; the equations hold for residuals from the period's own share, whose
    sum is zero. None may be negative. With daily periods the days of a period cannot differ: stories alone count.
    """
    values, n = np.asarray(values, dtype=float), np.maximum(clumps.totals, 1)
    share = np.bincount(clumps.period, values, len(n)) / n
    rest = values - share[clumps.period]
    seen = np.array([_products(cells, rest) for cells in (clumps.story, clumps.day)])
    weight = share * (1 - share)
    same, near, both = clumps.pairs
    squares, mixed, nears = clumps.crossed
    terms = [[(same, squares, same), (both, mixed, near)], [(both, mixed, same), (near, nears, near)]]
    system = np.array(
        [
            [(weight * (joint - 2 * cross / n + own * other / n**2)).sum() for joint, cross, other in row]
            for row, own in zip(terms, (same, near), strict=True)
        ]
    )
    found = seen + np.array([(weight * own / n).sum() for own in (same, near)])
    scale = np.maximum((weight * clumps.pairs[:2]).sum(axis=1), 1e-12)
    alike = np.minimum(nnls(system / scale[:, None], found / scale)[0], 1)
    return np.asarray(1 + (alike[0] * same + alike[1] * near) / n)


def _products(cells: _Cells, rest: Floats) -> float:
    """Return the sum of the residual products over all ordered pairs of neighbours."""
    sums = np.bincount(cells.of, rest, len(cells.period))
    across = sum(float(sums[left] @ sums[right]) for left, right in cells.near)
    return float(sums @ sums - rest @ rest + 2 * across)


def share_intervals(clumps: Clumps, values: npt.ArrayLike, confidence: float = 0.95) -> pd.DataFrame:
    """Return one row a period: ``start, articles, total, share, low, high, effect``; NaN where nothing was collected.

    ``articles`` is the sum of `values`: a count of labels, or an expected count where they are probabilities.
    ``effect`` is the design effect: ``total / effect`` independent articles would say as much.
    """
    values = np.asarray(values, dtype=float)
    hits, effect = np.bincount(clumps.period, values, len(clumps.totals)), design_effects(clumps, values)
    effect = np.maximum(1, effect * _unsure(clumps, confidence) if (effect > 1).any() else effect)
    low, high = wilson(hits / effect, clumps.totals / effect, confidence)
    with np.errstate(invalid="ignore"):
        share = hits / clumps.totals
    columns = {"articles": hits, "total": clumps.totals.astype(int), "share": share, "low": low, "high": high}
    return pd.DataFrame({"start": clumps.starts, **columns, "effect": effect})


def shares_of(
    placed: pd.DataFrame,
    carried: pd.DataFrame,
    starts: Sequence[pd.Timestamp] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return `share_intervals` of every group: ``theme, start, articles, total, share, low, high, effect``.

    `carried` has ``theme, article_id, value``, one row where the value is not 0: themes, topics, actors, sources or
    languages alike. Undated articles in it are left out.
    """
    clumps, at = (
        find_clumps(placed, starts),
        pd.Index(placed["article_id"]).get_indexer(pd.Index(carried["article_id"])),
    )
    every = carried["value"].to_numpy(dtype=float)
    parts = []
    for theme, rows in carried.groupby("theme", sort=False).indices.items():
        rows = rows[at[rows] >= 0]
        values = np.zeros(len(placed))
        values[at[rows]] = every[rows]
        parts.append(share_intervals(clumps, values, confidence).assign(theme=str(theme)))
    columns = "theme start articles total share low high effect".split()
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def with_clumps(
    points: pd.DataFrame, placed: pd.DataFrame, carried: pd.DataFrame, confidence: float = 0.95
) -> pd.DataFrame:
    """Return `points` of `trends.share_over_time` with the interval that allows for clumps as ``low, high``.

    Wilson's interval is kept as ``wilson_low, wilson_high``; ``effect`` is the design effect. `carried` as for
    `shares_of`, with a row for each theme even if none of its values is above 0.
    """
    if points.empty:
        return points.assign(wilson_low=points["low"], wilson_high=points["high"], effect=points["low"])
    shares = shares_of(placed, carried, sorted(points["start"].unique()), confidence)
    kept = points.rename(columns={"low": "wilson_low", "high": "wilson_high"})
    wide = kept.merge(shares[["theme", "start", "low", "high", "effect"]], on=["theme", "start"], validate="1:1")
    return wide[[*points.columns, "wilson_low", "wilson_high", "effect"]]


def block_bootstrap(
    placed: pd.DataFrame, values: npt.ArrayLike, confidence: float = 0.95, draws: int = 999, seed: int = 42
) -> pd.DataFrame:
    """Return ``start, low, high``: percentiles of the share over periods put together from drawn blocks.

    A block is the stories that begin on one day of the period, whole (Davison & Hinkley 1997, "Bootstrap Methods and
    their Application", section 3.8). Kept to show what it is worth; a period of one block has no interval (NaN).
    """
    table = placed[["start", "day", "story_id"]].assign(value=np.asarray(values, dtype=float))
    block = table.groupby(["start", "story_id"])["day"].transform("min")
    sums = table.groupby(["start", block])["value"].agg(["sum", "size"])
    random, rows = np.random.default_rng(seed), []
    for start, mine in sums.groupby(level=0):
        times = random.multinomial(len(mine), np.full(len(mine), 1 / len(mine)), draws)
        shares = (times @ mine["sum"].to_numpy()) / (times @ mine["size"].to_numpy())
        bounds = np.quantile(shares, [0.5 - confidence / 2, 0.5 + confidence / 2])
        rows.append((start, *(bounds if len(mine) > 1 else [np.nan] * 2)))
    return pd.DataFrame(rows, columns=["start", "low", "high"])


def _unsure(clumps: Clumps, confidence: float) -> float:
    """Return how much an estimated design effect widens the interval: Korn & Graubard's ratio of squared quantiles."""
    freedom = max(1, len(clumps.day.period) - int((clumps.totals > 0).sum()))
    return float((stdtrit(freedom, 0.5 + confidence / 2) / ndtri(0.5 + confidence / 2)) ** 2)


class Judged(NamedTuple):
    """How a theme's labels did on labelled articles: right and wrong positives, wrong and right negatives."""

    right_yes: int
    wrong_yes: int
    wrong_no: int
    right_no: int


def corrected(shares: pd.DataFrame, judged: Judged, confidence: float = 0.95) -> pd.DataFrame:
    """Return `shares` (``share, total, effect``) with the share that is true, given how often labels are wrong.

    Adds ``true_share, true_low, true_high``: Rogan & Gladen 1978, "Estimating prevalence from the results of a
    screening test", with the interval of Lang & Reiczigel 2014, "Confidence limits for prevalence of disease
    adjusted for estimated sensitivity and specificity", which carries the uncertainty of the labelled sample too.
    Raises `InputError` when the labels tell next to nothing: then no share can be drawn from them.
    """
    carriers, others = judged.right_yes + judged.wrong_no, judged.right_no + judged.wrong_yes
    if min(carriers, others) == 0:
        raise InputError("The labelled articles are all of one kind; to correct a share, both kinds are needed.")
    found, passed = judged.right_yes / carriers, judged.right_no / others
    if found + passed - 1 < _LEAST_YOUDEN:
        raise InputError(
            f"The labels find {found:.0%} of the theme's articles and wrongly take {1 - passed:.0%} of the others; "
            "no share can be corrected by them. Mend the theme first."
        )
    size = (shares["total"] / shares["effect"]).to_numpy(dtype=float)
    seen = shares["share"].to_numpy(dtype=float)
    low, high = _lang_reiczigel(seen, size, (found, carriers), (passed, others), confidence)
    true = np.clip((seen + passed - 1) / (found + passed - 1), 0, 1)
    return shares.assign(true_share=true, true_low=low, true_high=high)


def _lang_reiczigel(
    seen: Floats, size: Floats, found: tuple[float, int], passed: tuple[float, int], confidence: float
) -> tuple[Floats, Floats]:
    z = float(ndtri(0.5 + confidence / 2))
    (sensitivity, carriers), (specificity, others) = found, passed
    p, n = (size * seen + z**2 / 2) / (size + z**2), size + z**2
    se, sp = (carriers * sensitivity + 1) / (carriers + 2), (others * specificity + 1) / (others + 2)
    youden = se + sp - 1
    true = (p + sp - 1) / youden
    on_se, on_sp = se * (1 - se) / carriers, sp * (1 - sp) / others
    shift = 2 * z**2 * (true * on_se - (1 - true) * on_sp)
    half = z * np.sqrt(p * (1 - p) / n + true**2 * on_se + (1 - true) ** 2 * on_sp) / youden
    return np.clip(true + shift - half, 0, 1), np.clip(true + shift + half, 0, 1)
