"""Shares of coverage over time, with their uncertainty.

A trend point is the share of a period's articles that carry a theme, never a raw count: how much was collected
differs from period to period. A period without articles is a zero with no share, not a gap; the last period, when
the corpus ends inside it, and the first, when it begins inside it, are flagged partial.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import xlogy
from scipy.stats import false_discovery_control

from toolkit.schema import SettingsError
from toolkit.settings import TrendSettings
from toolkit.stats import wilson

ALL = "all"

_OFFSETS = {"day": "D", "week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}
_LONGEST_SPAN = {"day": 31, "week": 365, "month": 365 * 5, "quarter": 365 * 12}


class Change(NamedTuple):
    """A theme's share in an earlier and a later group of periods, and the difference with its interval."""

    theme: str
    before: float
    after: float
    difference: float
    low: float
    high: float
    articles: int
    total: int


def choose_period(published: pd.Series) -> str:
    """Return the period that suits the span: days up to a month, weeks up to a year, then months, quarters, years.

    The span is that of the middle 98% of the dates, so that one stray date does not decide.
    """
    dates = published.dropna()
    if dates.empty:
        return "month"
    early, late = dates.quantile([0.01, 0.99])
    span = pd.Timedelta(late - early).days + 1
    only_days = bool((dates.dt.month == dates.dt.month.iloc[0]).all()) and dates.dt.year.nunique() > 2
    if only_days or span > _LONGEST_SPAN["quarter"]:
        return "year"
    return next(period for period, longest in _LONGEST_SPAN.items() if span <= longest)


def assign_periods(articles: pd.DataFrame, settings: TrendSettings = TrendSettings()) -> pd.DataFrame:
    """Return ``article_id, start`` (naive local timestamp of the period's first day) of each dated article."""
    dated = articles[articles["published"].notna()]
    starts = _periods(dated["published"], _resolve(articles, settings), settings.timezone).dt.start_time
    return pd.DataFrame({"article_id": dated["article_id"].to_numpy(), "start": starts.to_numpy()})


def calendar(articles: pd.DataFrame, settings: TrendSettings = TrendSettings()) -> pd.DataFrame:
    """Return ``key, start, label, partial`` for every period from the first article to the last."""
    period = _resolve(articles, settings)
    dated = articles["published"].dropna()
    if dated.empty:
        return pd.DataFrame({"key": [], "start": pd.to_datetime([]), "label": [], "partial": []})
    own = _periods(dated, period, settings.timezone)
    every = pd.period_range(own.min(), own.max(), freq=_OFFSETS[period])
    return pd.DataFrame(
        {
            "key": [_key(p, period) for p in every],
            "start": every.start_time,
            "label": [_label(p, period) for p in every],
            "partial": _partial(dated, every, settings.timezone),
        }
    )


def _resolve(articles: pd.DataFrame, settings: TrendSettings) -> str:
    return choose_period(articles["published"]) if settings.period == "auto" else settings.period


def _periods(published: pd.Series, period: str, timezone: str) -> pd.Series:
    try:
        local = published.dt.tz_convert(timezone).dt.tz_localize(None)
    except (KeyError, ValueError, TypeError) as error:
        raise SettingsError(
            f"The time zone is {timezone!r}, expected an IANA name such as 'Asia/Almaty' or 'UTC'."
        ) from error
    return pd.Series(local.dt.to_period(_OFFSETS[period]))


def share_over_time(
    articles: pd.DataFrame, scores: pd.DataFrame, settings: TrendSettings = TrendSettings()
) -> pd.DataFrame:
    """Return one row a theme and period, every period from the first to the last.

    Columns: ``theme, key, start, label, articles, total, share, low, high, stories, total_stories, story_share,
    partial, page``. `articles` needs ``article_id, published, story_id``; `scores` ``article_id, theme, label``.
    Shares are between 0 and 1, NaN where nothing was collected. Undated articles are left out.
    """
    every = calendar(articles, settings)
    if every.empty:
        return pd.DataFrame(columns=_COLUMNS)
    dated = articles[articles["published"].notna()]
    base = dated[["article_id", "story_id"]].merge(assign_periods(articles, settings), on="article_id")
    totals = _count(base, every["start"])
    parts = []
    for theme, mine in scores.groupby("theme", sort=False):
        carrying = base[base["article_id"].isin(mine.loc[mine["label"], "article_id"])]
        counts = _count(carrying, every["start"])
        low, high = wilson(counts["articles"], totals["articles"], settings.confidence)
        table = every.assign(
            theme=theme,
            articles=counts["articles"].to_numpy(),
            total=totals["articles"].to_numpy(),
            share=(counts["articles"] / totals["articles"]).to_numpy(),
            low=low,
            high=high,
            stories=counts["stories"].to_numpy(),
            total_stories=totals["stories"].to_numpy(),
            story_share=(counts["stories"] / totals["stories"]).to_numpy(),
            page="articles/" + str(theme) + "-" + every["key"] + ".html",
        )
        parts.append(table[_COLUMNS])
    return pd.concat(parts, ignore_index=True)


_COLUMNS = "theme key start label articles total share low high stories total_stories story_share partial page".split()


def _count(base: pd.DataFrame, starts: pd.Series) -> pd.DataFrame:
    """Return articles and stories per period; a story counts once in each period it is told in."""
    grouped = base.groupby("start")
    counts = pd.DataFrame({"articles": grouped.size(), "stories": grouped["story_id"].nunique()})
    return pd.DataFrame(counts.reindex(starts, fill_value=0))


def _partial(published: pd.Series, every: pd.PeriodIndex, timezone: str) -> npt.NDArray[np.bool_]:
    """Flag the first and last period when the corpus begins or ends inside them, by more than a tenth of it."""
    local = published.dt.tz_convert(timezone).dt.tz_localize(None)
    flags = np.zeros(len(every), dtype=bool)
    slack = 0.1 * (every[0].end_time - every[0].start_time)
    flags[0] = local.min() - every[0].start_time > slack
    flags[-1] |= every[-1].end_time - local.max().normalize() - pd.Timedelta(days=1) > slack
    return flags


def _key(period: pd.Period, kind: str) -> str:
    start = period.start_time
    if kind == "week":
        year, week, _ = start.isocalendar()
        return f"{year}-w{week:02d}"
    return {
        "day": f"{start:%Y-%m-%d}",
        "month": f"{start:%Y-%m}",
        "quarter": f"{start.year}-q{start.quarter}",
        "year": f"{start.year}",
    }[kind]


def _label(period: pd.Period, kind: str) -> str:
    start = period.start_time
    day = f"{start.day} {start:%B %Y}"
    return {
        "day": day,
        "week": f"week of {day}",
        "month": f"{start:%B %Y}",
        "quarter": f"Q{start.quarter} {start.year}",
        "year": f"{start.year}",
    }[kind]


def early_and_late(points: pd.DataFrame, confidence: float = 0.95) -> list[Change]:
    """Compare each theme's share in the first and the second half of the articles, cut between two periods.

    Partial periods count: they hold articles like others. The interval of the difference is Newcombe's hybrid score
    interval (Newcombe 1998, "Interval estimation for the difference between independent proportions", method 10).
    """
    changes = []
    for theme, mine in points.groupby("theme", sort=False):
        mine = mine.sort_values("start")
        running = mine["total"].cumsum()
        early = (running - mine["total"] / 2 <= running.iloc[-1] / 2).to_numpy()
        if early.all() or not early.any():
            continue
        groups = [(int(mine["articles"][half].sum()), int(mine["total"][half].sum())) for half in (early, ~early)]
        changes.append(difference(str(theme), groups[0], groups[1], confidence))
    return changes


def difference(theme: str, before: tuple[int, int], after: tuple[int, int], confidence: float = 0.95) -> Change:
    """Return the change between two (articles, total) with Newcombe's interval; see `early_and_late`."""
    first, second = before[0] / before[1], after[0] / after[1]
    (low1, high1), (low2, high2) = (wilson(*group, confidence) for group in (before, after))
    low = second - first - float(np.hypot(second - low2, high1 - first))
    high = second - first + float(np.hypot(high2 - second, first - low1))
    return Change(theme, first, second, second - first, low, high, before[0] + after[0], before[1] + after[1])


def standing_out(points: pd.DataFrame, rate: float = 0.05, seed: int = 42) -> pd.DataFrame:
    """Return the runs of periods in which a theme's share of stories is high or low beyond chance.

    A temporal scan statistic for Bernoulli data (Kulldorff 1997, "A spatial scan statistic", section 3): of all runs
    of at most half the periods (and at most 26), those with the highest likelihood ratio that do not overlap, three a
    theme at most. ``p`` is the rank of that ratio among 999 histories in which the theme's stories fall on the
    periods by chance, corrected over the themes for a false discovery rate of `rate` (Benjamini & Hochberg 1995).
    Stories and not articles are counted, since reprints are not independent.

    Columns: ``theme, label, start, page, periods, stories, total, share, low, high, rest, p``, by theme and p.
    """
    found = []
    for theme, mine in points.groupby("theme", sort=False):
        mine = mine.sort_values("start", ignore_index=True)
        hits, totals = mine["stories"].to_numpy(), mine["total_stories"].to_numpy()
        runs = _runs(len(mine))
        if not len(runs) or not 0 < hits.sum() < totals.sum():
            continue
        random = np.random.default_rng(seed)
        by_chance = random.multivariate_hypergeometric(totals, hits.sum(), size=_HISTORIES)
        highest = np.array([_ratios(history, totals, runs).max() for history in by_chance])
        ratios = _ratios(hits, totals, runs)
        for first, last in _apart(runs, ratios):
            p = (1 + (highest >= _ratios(hits, totals, np.array([[first, last]]))[0]).sum()) / (1 + _HISTORIES)
            found.append({"theme": theme, **_run(mine, int(first), int(last)), "p": p})
    table = pd.DataFrame(found, columns=_RUN_COLUMNS)
    return table[_discoveries(table["p"].to_numpy(dtype=float), rate)].reset_index(drop=True)


_HISTORIES = 999
_LONGEST_RUN = 26
_MOST_RUNS = 3
_RUN_COLUMNS = "theme label start page periods stories total share low high rest p".split()


def _runs(periods: int) -> npt.NDArray[np.intp]:
    """Return (first, last exclusive) of every run of at most half of the periods; shape (runs, 2)."""
    longest = min(periods // 2, _LONGEST_RUN)
    pairs = [(first, first + size) for size in range(1, longest + 1) for first in range(periods - size + 1)]
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


def _ratios(
    hits: npt.NDArray[np.int64], totals: npt.NDArray[np.int64], runs: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Return the log likelihood ratio of each run having a share of its own."""
    inside, size = (_sums(counts, runs) for counts in (hits, totals))
    outside, rest = hits.sum() - inside, totals.sum() - size
    ratio = _likelihood(inside, size) + _likelihood(outside, rest) - _likelihood(hits.sum(), totals.sum())
    return np.where((size > 0) & (rest > 0), ratio, 0)


def _sums(counts: npt.NDArray[np.int64], runs: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    running = np.concatenate([[0], np.cumsum(counts)])
    return np.asarray(running[runs[:, 1]] - running[runs[:, 0]])


def _likelihood(hits: npt.ArrayLike, total: npt.ArrayLike) -> npt.NDArray[np.float64]:
    hits, total = np.asarray(hits, dtype=float), np.asarray(total, dtype=float)
    return np.asarray(xlogy(hits, hits) + xlogy(total - hits, total - hits) - xlogy(total, total))


def _apart(runs: npt.NDArray[np.intp], ratios: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the runs of highest ratio that do not overlap or touch."""
    kept: list[tuple[int, int]] = []
    for place in np.argsort(-ratios, kind="stable"):
        first, last = (int(end) for end in runs[place])
        if all(last < other[0] or first > other[1] for other in kept):
            kept.append((first, last))
        if len(kept) == _MOST_RUNS:
            break
    return kept


def _run(mine: pd.DataFrame, first: int, last: int) -> dict[str, object]:
    inside, outside = mine.iloc[first:last], mine.drop(mine.index[first:last])
    stories, total = int(inside["stories"].sum()), int(inside["total_stories"].sum())
    low, high = wilson(stories, total)
    labels = [inside["label"].iloc[0], inside["label"].iloc[-1]]
    return {
        "label": labels[0] if len(inside) == 1 else f"{labels[0]} to {labels[1]}",
        "start": inside["start"].iloc[0],
        "page": inside["page"].iloc[int(inside["stories"].to_numpy().argmax())],
        "periods": len(inside),
        "stories": stories,
        "total": total,
        "share": stories / total,
        "low": float(low),
        "high": float(high),
        "rest": outside["stories"].sum() / outside["total_stories"].sum(),
    }


def _discoveries(p: npt.NDArray[np.float64], rate: float) -> npt.NDArray[np.bool_]:
    return np.asarray(false_discovery_control(p, method="bh") <= rate) if len(p) else np.zeros(0, dtype=bool)
