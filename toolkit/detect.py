"""When a theme's share changed: change points, bursts and outlying periods, all corrected together.

Stories are counted and not articles; every count is divided by the theme's dispersion (`toolkit.chance`). Change points
(`toolkit.breaks`) and bursts (`toolkit.bursts`) are the best of many places and are compared with histories without
any event. An outlying period is compared with its baseline: trend and season by robust STL (Cleveland et al. 1990,
"STL: A seasonal-trend decomposition procedure based on loess") where the series has two years and a season beyond
chance, else the share of the neighbouring periods without their extremes. Benjamini & Hochberg 1995 corrects all tests
of all themes together. ``alarms`` says the same from the past alone, as one who reads the news each week must.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import fdtrc

from toolkit.breaks import best_split, change_points, likelihood_ratio
from toolkit.bursts import burst_runs, burst_states, gains, heaviest
from toolkit.chance import FEWEST_PERIODS, Histories, dispersion, two_sided
from toolkit.changes import newcombe
from toolkit.stats import false_discovery

Floats = npt.NDArray[np.float64]

_WORTH_A_SEARCH = 0.05
_MOST_BY_CHANCE = 10
_AROUND = 6
_TRIM = 1 / 6
_SEASON_RATE = 0.05
_ROWS_AT_ONCE = 500
_COLUMNS = "kind theme first last start end share rest difference low high ratio p q".split()


class Counts(NamedTuple):
    """Stories that carry each theme, and all stories, per theme and period: (themes, periods) both."""

    themes: tuple[str, ...]
    starts: pd.DatetimeIndex
    hits: Floats
    totals: Floats


def counts_of(points: pd.DataFrame, hits: str = "stories", totals: str = "total_stories") -> Counts:
    """Return the counts in `points` (as `trends.share_over_time` makes them); periods not comparable become empty."""
    usable = points["comparable"] if "comparable" in points else pd.Series(True, index=points.index)
    kept = points.assign(hits=points[hits].where(usable, 0), totals=points[totals].where(usable, 0))
    wide = [kept.pivot(index="theme", columns="start", values=name).fillna(0) for name in ("hits", "totals")]
    order = pd.Index(points["theme"].unique())
    first, second = (table.reindex(order).to_numpy(dtype=float) for table in wide)
    return Counts(tuple(map(str, order)), pd.DatetimeIndex(wide[0].columns), first, second)


def find_changes(counts: Counts, rate: float = 0.05, seed: int = 42) -> pd.DataFrame:
    """Return the findings beyond chance, at a false discovery rate of `rate` over all themes and periods.

    Columns: ``kind`` (``change``, ``burst``, ``outlier``), ``theme``, ``first`` and ``last`` (places of the periods,
    both within), ``start`` and ``end`` (their first days), ``share`` in these periods, ``rest`` (before the change, or
    in all other periods), ``difference`` with its 95% interval ``low, high``, ``ratio``, ``p``, ``q``; the smallest
    ``q`` first. Empty where there are fewer than eight periods with articles: then no change can be told from chance.
    """
    tests = every_test(counts, seed)
    if tests.empty:
        return pd.DataFrame(columns=_COLUMNS)
    tests["q"] = false_discovery(tests["p"])
    found = tests[(tests["q"] <= rate) & tests["kind"].ne("")].sort_values(["q", "p"], kind="stable")
    effects = dispersion(counts.hits, counts.totals)[:, None]
    return _described(found, counts._replace(hits=counts.hits / effects, totals=counts.totals / effects))


def every_test(counts: Counts, seed: int = 42) -> pd.DataFrame:
    """Return all tests, uncorrected: ``series, since, first, last, p, kind``.

    ``since`` is the first period of the stretch before a change, -1 where a finding is compared with all others;
    ``last`` is exclusive. ``kind`` is ``""`` for a search that gave nothing to name. Empty as `find_changes` is.
    """
    if counts.hits.size == 0 or (counts.totals > 0).sum(axis=1).max(initial=0) < FEWEST_PERIODS:
        return _tests("", [])
    effects = dispersion(counts.hits, counts.totals)
    own = counts._replace(hits=counts.hits / effects[:, None], totals=counts.totals / effects[:, None])
    statistics = {"split": best_split, "run": heaviest}
    null = Histories(counts.hits, counts.totals, effects, statistics, seed)
    tables = [_breaks(own, null), _bursts(own, null), _outliers(counts, effects)]
    return pd.concat([table for table in tables if len(table)], ignore_index=True)


def _tests(kind: str, rows: list[tuple[int, int, int, int, float]]) -> pd.DataFrame:
    """Return tests as rows of (series, first of the periods before or -1, first, last exclusive, p)."""
    table = pd.DataFrame(rows, columns=["series", "since", "first", "last", "p"])
    return table.astype({"series": int, "since": int, "first": int, "last": int, "p": float}).assign(kind=kind)


def _none(series: npt.NDArray[np.intp], p: Floats) -> pd.DataFrame:
    """Return the tests that searched a series and gave nothing to name: they count in the correction all the same."""
    return _tests("", [(int(at), -1, 0, 0, float(value)) for at, value in zip(series, p, strict=True)])


def _breaks(own: Counts, null: Histories) -> pd.DataFrame:
    every = np.arange(len(own.hits))
    p = null.p("split", every, best_split(own.hits, own.totals))
    runs = null.p("run", every, heaviest(own.hits, own.totals))
    rows = []
    worth = min(_WORTH_A_SEARCH, _MOST_BY_CHANCE / len(p))
    for at in np.flatnonzero(np.minimum(p, runs) <= worth):
        x, n = own.hits[at], own.totals[at]
        edges = [0, *change_points(x, n, null.quantile("split", int(at), 0.95)), len(x)]
        for since, first, last in zip(edges, edges[1:], edges[2:], strict=False):
            before, after = slice(since, first), slice(first, last)
            ratio = likelihood_ratio(x[before].sum(), n[before].sum(), x[after].sum(), n[after].sum())
            chance = null.p("split", np.array([at]), np.array([float(ratio)]))[0]
            rows.append((int(at), since, first, last, float(chance)))
    named = {row[0] for row in rows}
    rest = np.array([at for at in every if at not in named], dtype=np.intp)
    return pd.concat([_tests("change", rows), _none(rest, np.maximum(p[rest], 0.05))], ignore_index=True)


def _bursts(own: Counts, null: Histories) -> pd.DataFrame:
    runs = burst_runs(burst_states(own.hits, own.totals), gains(own.hits, own.totals))
    series = np.array([run[0] for run in runs], dtype=np.intp)
    chances = null.p("run", series, np.array([run[3] for run in runs]))
    rows = [(at, -1, first, last, float(p)) for (at, first, last, _), p in zip(runs, chances, strict=True)]
    rest = np.setdiff1d(np.arange(len(own.hits)), series)
    return pd.concat([_tests("burst", rows), _none(rest, np.ones(len(rest)))], ignore_index=True)


def _outliers(counts: Counts, effects: Floats) -> pd.DataFrame:
    expected, known = baseline(counts)
    effect = effects[:, None] * (1 + counts.totals / np.maximum(known, 1e-9))
    p = two_sided(counts.hits, counts.totals, expected, effect)
    series, period = np.nonzero((counts.totals > 0) & (known > 0))  # with no period around it none lies outside
    table = {"series": series, "since": -1, "first": period, "last": period + 1, "p": p[series, period]}
    return pd.DataFrame(table).assign(kind="outlier")


def baseline(counts: Counts) -> tuple[Floats, Floats]:
    """Return the share to expect of each theme and period, and the number of stories behind that; (themes, periods).

    The share of the six periods on either side, without the sixth of them that is highest and the sixth that is
    lowest; with a season, by STL.
    """
    expected, known = np.empty(counts.hits.shape), np.empty(counts.hits.shape)
    for at in range(0, len(expected), _ROWS_AT_ONCE):
        rows = slice(at, at + _ROWS_AT_ONCE)
        expected[rows], known[rows] = _neighbourhood(counts.hits[rows], counts.totals[rows])
    length = season_length(counts.starts)
    for row in _seasonal(counts, expected, length):
        expected[row] = _stl(counts.hits[row], counts.totals[row], length)
    return np.clip(expected, 1e-9, 1 - 1e-9), known


def _neighbourhood(hits: Floats, totals: Floats) -> tuple[Floats, Floats]:
    width = 2 * _AROUND + 1
    around = [
        np.delete(np.lib.stride_tricks.sliding_window_view(padded, width, axis=1), _AROUND, axis=2)
        for padded in (np.pad(part, ((0, 0), (_AROUND, _AROUND))) for part in (hits, totals))
    ]
    return trimmed_share(*around)


def trimmed_share(hits: Floats, totals: Floats) -> tuple[Floats, Floats]:
    """Return the share over the last axis without its highest and lowest sixth, and the total behind it.

    Half a hit in one more is added, so that what was never seen is not held to be impossible.
    """
    order = np.where(totals > 0, hits / np.maximum(totals, 1e-9), np.inf).argsort(axis=-1)
    filled = (totals > 0).sum(axis=-1, keepdims=True)
    cut, place = np.floor(_TRIM * filled), np.arange(totals.shape[-1])
    kept = (place >= cut) & (place < filled - cut)
    x, n = ((np.take_along_axis(part, order, axis=-1) * kept).sum(axis=-1) for part in (hits, totals))
    return (x + 0.5) / (n + 1), n


def season_length(starts: pd.DatetimeIndex) -> int:
    """Return the number of periods in a season: 7 days, 52 weeks, 12 months, 4 quarters; 1 for years."""
    if len(starts) < 2:
        return 1
    days = float(np.median(np.diff(starts.to_numpy()) / np.timedelta64(1, "D")))
    return next(length for longest, length in ((1.5, 7), (8, 52), (32, 12), (93, 4), (np.inf, 1)) if days <= longest)


def _seasonal(counts: Counts, expected: Floats, length: int) -> npt.NDArray[np.intp]:
    """Return the series of two seasons or more whose season is beyond chance: an F test of its means, corrected."""
    periods = counts.hits.shape[1]
    if length < 2 or periods < 2 * length:
        return np.array([], dtype=np.intp)
    n = np.maximum(counts.totals, 1e-9)
    rest = (counts.hits - n * expected) / np.sqrt(n * expected * (1 - expected))
    place = np.arange(periods) % length
    means = np.column_stack([rest[:, place == at].mean(axis=1) for at in range(length)])
    between = (means - rest.mean(axis=1, keepdims=True))[:, place]
    inside = rest - means[:, place]
    ratio = (between**2).sum(axis=1) / (length - 1) / np.maximum((inside**2).sum(axis=1) / (periods - length), 1e-9)
    p = fdtrc(length - 1, periods - length, ratio)
    return np.flatnonzero(false_discovery(p) <= _SEASON_RATE)


def _stl(hits: Floats, totals: Floats, length: int) -> Floats:
    """Return the share that trend and season tell, fitted to arc sines of the shares, whose variance is even."""
    from statsmodels.tsa.seasonal import STL  # half a second, and only where there is a season

    angle = pd.Series(np.arcsin(np.sqrt((hits + 0.375) / (totals + 0.75)))).where(totals > 0)
    whole = angle.interpolate(limit_direction="both").to_numpy()
    fit = STL(whole, period=length, robust=True, seasonal_jump=5, trend_jump=8, low_pass_jump=8).fit()
    return np.asarray(np.sin(np.clip(fit.trend + fit.seasonal, 0, np.pi / 2)) ** 2)


def _described(found: pd.DataFrame, own: Counts) -> pd.DataFrame:
    rows = []
    places = found[["series", "since", "first", "last"]].to_numpy(dtype=int).tolist()
    for (series, since, first, last), kind, p, q in zip(places, found["kind"], found["p"], found["q"], strict=True):
        x, n = own.hits[series], own.totals[series]
        inside = np.zeros(len(x), dtype=bool)
        inside[first:last] = True
        others = ~inside if since < 0 else np.isin(np.arange(len(x)), np.arange(since, first))
        (x1, n1), (x0, n0) = ((float(x[part].sum()), float(n[part].sum())) for part in (inside, others))
        low, high = newcombe((x0, n0), (x1, n1))  # type: ignore[arg-type]
        share, rest = x1 / n1, x0 / n0
        ratio = share / rest if rest > 0 else np.inf
        where = (kind, own.themes[series], first, last - 1, own.starts[first], own.starts[last - 1])
        rows.append((*where, share, rest, share - rest, low, high, ratio, p, q))
    return pd.DataFrame(rows, columns=_COLUMNS)
