"""Shares of coverage over time, with their uncertainty.

A trend point is the share of a period's articles that carry a theme, never a raw count: how much was collected
differs from period to period. A period without articles is a zero with no share, not a gap; the last period, when
the corpus ends inside it, and the first, when it begins inside it, are flagged partial. Dates far from all others do
not stretch the time to thousands of empty periods: their articles lie outside the trends, as undated ones do.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import gammaln, xlog1py, xlogy

from toolkit.exhibits import date
from toolkit.schema import SettingsError
from toolkit.settings import TrendSettings
from toolkit.stats import wilson

ALL = "all"

_OFFSETS = {"day": "D", "week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}
_MANY, _MOST, _LEAST_ROOM = 1000, 10_000, pd.Timedelta(days=31)
_LONGEST_SPAN = {"day": 31, "week": 365, "month": 365 * 5, "quarter": 365 * 12}


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


def on_axis(articles: pd.DataFrame, settings: TrendSettings = TrendSettings()) -> npt.NDArray[np.bool_]:
    """Return which articles have a place in time: all dated ones, unless these make more than a thousand periods.

    Then those are left out that lie further from the middle 98% than these are long (31 days at least). `SettingsError`
    where more than 10,000 periods remain.
    """
    published, period = articles["published"], _resolve(articles, settings)
    dated = published.notna().to_numpy()
    if not dated.any() or _count_periods(published, period) <= _MANY:
        return np.asarray(dated)
    early, late = (pd.Timestamp(of) for of in published[dated].quantile([0.01, 0.99]))
    room = max(late - early, _LEAST_ROOM)
    near = published.between(early - room, late + room).to_numpy()
    count = _count_periods(published[near], period)
    if count > _MOST:
        first, last = date(published[near].min()), date(published[near].max())
        raise SettingsError(
            f"The period {period!r} makes {count:,} periods from {first} to {last}, more than {_MOST:,}; "
            "ask for a longer one, or leave it to the data with `-p period auto`."
        )
    return np.asarray(near)


def _count_periods(published: pd.Series, period: str) -> int:
    ends = pd.Series([published.min(), published.max()]).dt.tz_localize(None).dt.to_period(_OFFSETS[period])
    return int(ends.iloc[1].ordinal - ends.iloc[0].ordinal) + 1


def assign_periods(articles: pd.DataFrame, settings: TrendSettings = TrendSettings()) -> pd.DataFrame:
    """Return ``article_id, start`` (naive local timestamp of the period's first day) of each article `on_axis`."""
    settings = replace(settings, period=_resolve(articles, settings))
    dated = articles[on_axis(articles, settings)]
    starts = _periods(dated["published"], settings.period, settings.timezone).dt.start_time
    return pd.DataFrame({"article_id": dated["article_id"].to_numpy(), "start": starts.to_numpy()})


def calendar(articles: pd.DataFrame, settings: TrendSettings = TrendSettings()) -> pd.DataFrame:
    """Return ``key, start, label, partial`` for every period from the first article to the last."""
    period = _resolve(articles, settings)
    dated = articles.loc[on_axis(articles, settings), "published"]
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
    return pd.Series(local_time(published, timezone).dt.to_period(_OFFSETS[period]))


def local_time(published: pd.Series, timezone: str) -> pd.Series:
    """Return UTC timestamps as naive local ones; `SettingsError` where there is no such time zone."""
    try:
        return pd.Series(published.dt.tz_convert(timezone).dt.tz_localize(None))
    except (LookupError, ValueError, TypeError) as error:
        raise SettingsError(
            f"The time zone is {timezone!r}, expected an IANA name such as 'Asia/Almaty' or 'UTC'."
        ) from error


def localised(articles: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """Return `articles` with ``published`` in the time zone in which they are counted, for dates that are shown.

    `SettingsError` where there is no such time zone.
    """
    local_time(articles["published"], timezone)
    return articles.assign(published=articles["published"].dt.tz_convert(timezone))


def share_over_time(
    articles: pd.DataFrame, scores: pd.DataFrame, settings: TrendSettings = TrendSettings()
) -> pd.DataFrame:
    """Return one row a theme and period, every period from the first to the last.

    Columns: ``theme, key, start, label, articles, total, share, low, high, stories, total_stories, story_share,
    partial, comparable, page``. `articles` needs ``article_id, published, source, story_id``; `scores` ``article_id,
    theme, label``. Shares are between 0 and 1, NaN where nothing was collected. A period is not comparable when its
    articles come from other sources than the rest (an overlap below 0.35 of that which as many articles drawn from the
    rest would have): its shares tell what was collected, not what changed. Articles without a place in time
    (`on_axis`) are left out.
    """
    settings = replace(settings, period=_resolve(articles, settings))
    every = calendar(articles, settings)
    if every.empty:
        return pd.DataFrame(columns=_COLUMNS)
    dated, periods = articles[articles["published"].notna()], assign_periods(articles, settings)
    base = dated[["article_id", "story_id"]].merge(periods, on="article_id")
    period = pd.Index(every["start"]).get_indexer(pd.Index(base["start"]))
    told = period * len(base) + pd.factorize(base["story_id"])[0]
    totals = _count(period, told, every["start"])
    like = _source_mix(dated, periods, every["start"]) >= _LEAST_MIX
    parts = []
    rows = pd.Index(base["article_id"]).get_indexer(pd.Index(scores["article_id"]))
    carrying = (rows >= 0) & scores["label"].to_numpy(dtype=bool)
    for theme, mine in scores.groupby("theme", sort=False).indices.items():
        own = rows[mine[carrying[mine]]]
        counts = _count(period[own], told[own], every["start"])
        low, high = wilson(counts["articles"], totals["articles"], settings.confidence)
        table = every.assign(
            theme=str(theme),
            articles=counts["articles"].to_numpy(),
            total=totals["articles"].to_numpy(),
            share=(counts["articles"] / totals["articles"]).to_numpy(),
            low=low,
            high=high,
            stories=counts["stories"].to_numpy(),
            total_stories=totals["stories"].to_numpy(),
            story_share=(counts["stories"] / totals["stories"]).to_numpy(),
            comparable=like | (totals["articles"].to_numpy() == 0),
            page="articles/" + str(theme) + "-" + every["key"] + ".html",
        )
        parts.append(table[_COLUMNS])
    return pd.concat(parts, ignore_index=True)


def comparable(placed: pd.DataFrame) -> pd.Series:
    """Return the starts of the periods of `placed` (``article_id, start, source``) that are comparable, as above."""
    starts = pd.Series(np.sort(placed["start"].unique()))
    return starts[_source_mix(placed, placed, starts) >= _LEAST_MIX]


_LEAST_MIX = 0.35
_COLUMNS = (
    "theme key start label articles total share low high stories total_stories story_share partial comparable page"
).split()


def _count(period: npt.NDArray[np.intp], told: npt.NDArray[np.intp], starts: pd.Series) -> pd.DataFrame:
    """Return articles and stories per period; a story counts once in each period it is told in.

    `period` is the place of each article's period in `starts`; `told` differs between stories and between periods.
    """
    first = pd.Series(period).groupby(told).first() if len(told) else period
    counts = {"articles": period, "stories": first}
    return pd.DataFrame({name: np.bincount(at, minlength=len(starts)) for name, at in counts.items()}, index=starts)


def _source_mix(dated: pd.DataFrame, periods: pd.DataFrame, starts: pd.Series) -> npt.NDArray[np.float64]:
    """Return for each period how far its sources are those of all other periods: the overlap over that of chance.

    The overlap is the sum over sources of the smaller of the two shares (Weitzman's coefficient). As many articles
    drawn from the rest have an overlap below 1 as well, since few articles come from few sources: on average the rest's
    share less half the mean deviation of a binomial share from it (De Moivre's formula).
    """
    row = pd.Index(dated["article_id"]).get_indexer(pd.Index(periods["article_id"]))
    source, names = pd.factorize(dated["source"].array[row], sort=True)
    cell = pd.Index(starts).get_indexer(pd.Index(periods["start"])) * max(1, len(names)) + source
    shape = len(starts), max(1, len(names))
    counts = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape).astype(float)
    others = counts.sum(axis=0) - counts
    sizes, rests = counts.sum(axis=1, keepdims=True), others.sum(axis=1, keepdims=True)
    if len(starts) < 3:
        return np.ones(len(starts))
    share = others / np.maximum(rests, 1)
    overlap = np.minimum(counts / np.maximum(sizes, 1), share).sum(axis=1)
    return np.asarray(overlap / np.maximum((share - _deviation(sizes, share) / 2).sum(axis=1), 1e-9))


def _deviation(size: npt.NDArray[np.float64], share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean distance of a binomial share from its expectation: De Moivre 1730, as Diaconis & Zabell 1991
    ("Closed form summation for classical distributions") give it."""
    above = np.floor(size * share) + 1
    ways = gammaln(size + 1) - gammaln(above + 1) - gammaln(np.maximum(size - above, 0) + 1)
    chance = ways + xlogy(above, share) + xlog1py(size - above + 1, -share)
    return np.asarray(np.where(above <= size, 2 * above * np.exp(chance) / np.maximum(size, 1), 0))


def _partial(published: pd.Series, every: pd.PeriodIndex, timezone: str) -> npt.NDArray[np.bool_]:
    """Flag the first and last period when the corpus begins or ends inside them, by more than a tenth of it."""
    local = local_time(published, timezone)
    flags = np.zeros(len(every), dtype=bool)
    slack = 0.1 * (every[0].end_time - every[0].start_time)
    flags[0] = local.min().normalize() - every[0].start_time > slack
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
