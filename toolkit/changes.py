"""What changed from one window of time to another, split into the same sources and others.

The windows are the halves of the coverage, or any two that are asked for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit.clumps import Clumps, find_clumps
from toolkit.exhibits import counted, date
from toolkit.intervals import share_intervals, values_of
from toolkit.mix import FEWEST, PARTS, split_change, waterfall
from toolkit.schema import InputError
from toolkit.settings import WindowSettings
from toolkit.stats import wilson

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

HALVES = ("first half", "second half")
_BOUNDS = ("low", "high", "within_low", "within_high")
_COMPARED = ("theme", "unit", "first", "second", "since", "before", *PARTS, "after", "change", *_BOUNDS, "sources")
_KEYS = ("theme", "unit", "key", "before", "after", "articles_before", "articles_after", *PARTS, "change")


def newcombe(before: tuple[int, int], after: tuple[int, int], confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of the difference of two shares, given as (hits, total).

    The hybrid score interval of Newcombe 1998, "Interval estimation for the difference between independent
    proportions", method 10.
    """
    first, second = before[0] / before[1], after[0] / after[1]
    (low1, high1), (low2, high2) = (wilson(*group, confidence) for group in (before, after))
    return _difference((first, float(low1), float(high1)), (second, float(low2), float(high2)))


def _difference(before: tuple[float, float, float], after: tuple[float, float, float]) -> tuple[float, float]:
    """Return the interval of a difference from two shares with their bounds, put together by Newcombe's method."""
    (first, low1, high1), (second, low2, high2) = before, after
    low = second - first - float(np.hypot(second - low2, high1 - first))
    return low, second - first + float(np.hypot(high2 - second, first - low1))


def middle(points: pd.DataFrame) -> pd.Timestamp | None:
    """Return the start of the period with articles that divides these best into halves; None for a single one."""
    totals = points.drop_duplicates("start").sort_values("start")
    if totals["total"].gt(0).sum() < 2:
        return None
    before = totals["total"].cumsum() - totals["total"]
    later = (before > 0) & totals["total"].gt(0)
    nearest = int((before[later] - totals["total"].sum() / 2).abs().argmin())
    return pd.Timestamp(totals.loc[later, "start"].iloc[nearest])


class Windows(NamedTuple):
    """Two windows: their names, the rows of `placed` in each, and from when on, where they are the halves."""

    names: tuple[str, str]
    before: Mask
    after: Mask
    since: str


def choose_windows(
    points: pd.DataFrame, placed: pd.DataFrame, settings: WindowSettings = WindowSettings()
) -> Windows | None:
    """Return the windows asked for, or the halves of the coverage; None where there is one period only, or no date.

    `points` from `trends.share_over_time`, `placed` from `intervals.place`: days are local ones. Raises `InputError`
    where a window holds no article.
    """
    if not settings.before and not settings.after:
        cut = middle(points) if len(points) else None
        if cut is None:
            return None
        late = (placed["start"] >= cut).to_numpy()
        return Windows(HALVES, ~late, late, str(points.loc[points["start"] == cut, "label"].iloc[0]))
    if placed.empty:
        return None
    first, last = placed["day"].min(), placed["day"].max()
    days = [[pd.Timestamp(day) for day in given] for given in (settings.before, settings.after)]
    before = days[0] or [first, days[1][0] - pd.Timedelta(days=1)]
    after = days[1] or [days[0][1] + pd.Timedelta(days=1), last]
    rows = [placed["day"].between(window[0], window[1]).to_numpy() for window in (before, after)]
    for name, inside in zip(("before", "after"), rows, strict=True):
        if not inside.any():
            some = f"{counted(len(placed), 'article is', 'articles are')} dated {date(first)} to {date(last)}"
            raise InputError(f"No article is dated {_where(name, settings)}; {some}: choose days among these.")
    return Windows((_named(*before), _named(*after)), rows[0], rows[1], "")


def _where(name: str, settings: WindowSettings) -> str:
    """Return where a window lies: in the days asked for, or beyond those of the other."""
    given = getattr(settings, name)
    if given:
        return f"in the window {name} ({_named(*map(pd.Timestamp, given))})"
    other, side = ("after", "earlier") if name == "before" else ("before", "later")
    return f"{side} than the window {other} ({_named(*map(pd.Timestamp, getattr(settings, other)))})"


def _named(first: pd.Timestamp, last: pd.Timestamp) -> str:
    """Return a window as people call it.

    >>> _named(pd.Timestamp("2017-01-01"), pd.Timestamp("2017-01-31"))
    'January 2017'
    >>> _named(pd.Timestamp("2017-01-09"), pd.Timestamp("2017-01-15"))
    '9 to 15 January 2017'
    """
    if first == last:
        return date(first)
    if first.is_month_start and last.is_month_end:
        if (first.year, first.month) == (last.year, last.month):
            return f"{first:%B %Y}"
        return f"{first.year}" if first.is_year_start and last == first + pd.offsets.YearEnd() else _months(first, last)
    return f"{first.day if (first.year, first.month) == (last.year, last.month) else date(first)} to {date(last)}"


def _months(first: pd.Timestamp, last: pd.Timestamp) -> str:
    return f"{first:%B}{f' {first.year}' * (first.year != last.year)} to {last:%B %Y}"


def compare_windows(
    windows: Windows | None, placed: pd.DataFrame, carried: pd.DataFrame, confidence: float = 0.95
) -> pd.DataFrame:
    """Return why each theme's share changed from one window to the other: one row a theme and unit.

    `windows` from `choose_windows`, `placed` from `intervals.place`, `carried` has ``theme, article_id, value``.
    Columns: ``theme, unit`` (``article``, ``story``), ``first, second`` (the windows' names), ``since`` (the period
    with which the second half begins, ``""`` where the windows were asked for), ``before, within, mix, newcomers,
    leavers, after, change`` as `mix.waterfall` gives them, the intervals of the change and of its part within the same
    sources, ``low, high, within_low, within_high``, which allow for articles in clumps, and the number of ``sources``.
    Empty where there is nothing to compare.
    """
    if windows is None:
        return pd.DataFrame(columns=list(_COMPARED))
    first, second = windows.names
    either, rows = windows.before | windows.after, []
    sources = placed["source"][either].nunique()
    named: dict[str, object] = {"first": first, "second": second, "since": windows.since, "sources": sources}
    table = _coded(placed, "source").assign(late=windows.after)
    sides = {unit: _sides(table[either], unit) for unit in ("article", "story")}
    for theme, values in values_of(placed, carried):
        split = split_change(table, values, windows.after, windows.before)
        for row in waterfall(split).to_dict("records"):
            low, high, effects = _bounds(sides[str(row["unit"])], values[either], confidence)
            same = within_bounds(split, str(row["unit"]), effects, confidence)
            told = dict(zip(("theme", *_BOUNDS), (theme, low, high, *same), strict=True))
            rows.append(told | named | {str(name): value for name, value in row.items()})
    return pd.DataFrame(rows, columns=list(_COMPARED))


def _coded(placed: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return `placed` with stories as numbers and `key` as a category, which many themes share."""
    return placed.assign(story_id=pd.factorize(placed["story_id"])[0], **{key: placed[key].astype("category")})


def split_windows(
    windows: Windows | None, placed: pd.DataFrame, carried: pd.DataFrame, key: str = "source"
) -> pd.DataFrame:
    """Return what each source (or language) adds to that change: `mix.split_change` with a column ``theme``."""
    if windows is None:
        return pd.DataFrame(columns=list(_KEYS))
    table = _coded(placed, key)
    parts = [
        split_change(table, values, windows.after, windows.before, key).assign(theme=theme)
        for theme, values in values_of(placed, carried)
    ]
    return pd.concat(parts, ignore_index=True)[list(_KEYS)] if parts else pd.DataFrame(columns=list(_KEYS))


class _Sides(NamedTuple):
    """The two windows as periods: their clumps, and the place of each row's story among these; the rows themselves
    where the unit is the article."""

    clumps: Clumps
    of: npt.NDArray[np.int64] | None


def _sides(table: pd.DataFrame, unit: str) -> _Sides:
    """Return the clumps of both windows; a story stands in each on its first day."""
    starts = [pd.Timestamp(0), pd.Timestamp(1)]
    placed = table.assign(start=pd.Series(starts)[table["late"].astype(int)].to_numpy())
    if unit == "article":
        return _Sides(find_clumps(placed, starts), None)
    of = placed.groupby(["late", "story_id"], sort=True).ngroup().astype(np.int64)
    first = placed.assign(of=of).sort_values("day", kind="stable").drop_duplicates("of").sort_values("of")
    return _Sides(find_clumps(first, starts), np.asarray(of, dtype=np.int64))


def _bounds(sides: _Sides, values: Floats, confidence: float) -> tuple[float, float, Floats]:
    """Return the interval of the change and the design effects; a story's value is the highest of its articles."""
    if sides.of is not None:
        told = np.zeros(int(sides.of.max()) + 1)
        carrying = np.flatnonzero(values)
        np.maximum.at(told, sides.of[carrying], values[carrying])
        values = told
    found = share_intervals(sides.clumps, values, confidence)
    before, after = (tuple(map(float, row)) for row in found[["share", "low", "high"]].to_numpy(dtype=float))
    return *_difference(before, after), found["effect"].to_numpy(dtype=float)  # type: ignore[arg-type]


def within_bounds(
    split: pd.DataFrame, unit: str, effects: npt.ArrayLike, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the interval of the part of a change that lies within the same sources; 0 to 0 where there are none.

    `split` from `mix.split_change`, `effects` the design effects of the first and the second window. The bounds of the
    single sources' shares, Wilson's at the effective counts, are put together as Zou & Donner 2008 ("Construction
    of confidence limits about effect measures: a general approach") do for sums of proportions.
    """
    unit_of, fewest = split["unit"].to_numpy(), split[["articles_before", "articles_after"]].to_numpy().min(axis=1)
    keys, article = split["key"].tolist(), np.flatnonzero(unit_of == "article").tolist()
    enough = {keys[at] for at in article if fewest[at] >= FEWEST}
    held = [at for at in np.flatnonzero(unit_of == unit).tolist() if keys[at] in enough]
    if not held:
        return 0.0, 0.0
    sizes, shares = (
        np.array([split[f"{of}{side}"].to_numpy(dtype=float)[held] for side in ("before", "after")]).T
        for of in ("articles_", "")
    )
    weight = (sizes / sizes.sum(axis=0)).mean(axis=1)
    effect = np.asarray(effects, dtype=float)
    low, high = wilson(shares * sizes / effect, sizes / effect, confidence)
    down, up = (
        ((weight[:, None] * (shares - low)) ** 2).sum(axis=0),
        ((weight[:, None] * (high - shares)) ** 2).sum(axis=0),
    )
    change = float(split["within"].to_numpy()[held].sum())
    return change - float(np.sqrt(up[0] + down[1])), change + float(np.sqrt(down[0] + up[1]))
