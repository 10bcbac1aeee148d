"""What changed from the first half of the coverage to the second, split into the same sources and others."""

from __future__ import annotations

import numpy as np
import pandas as pd

from toolkit.clumps import find_clumps
from toolkit.intervals import share_intervals
from toolkit.mix import PARTS, split_change, waterfall
from toolkit.stats import wilson

_HALVES = ("theme", "unit", "label", "before", *PARTS, "after", "change", "low", "high", "sources")
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
    """Return the start of the period that divides the articles best into halves; None for a single period."""
    totals = points.drop_duplicates("start").sort_values("start")
    if totals["total"].gt(0).sum() < 2:
        return None
    before = totals["total"].cumsum() - totals["total"]
    candidates = totals[before > 0]
    return pd.Timestamp(candidates["start"].iloc[int((before[before > 0] - totals["total"].sum() / 2).abs().argmin())])


def compare_halves(
    points: pd.DataFrame, placed: pd.DataFrame, carried: pd.DataFrame, confidence: float = 0.95
) -> pd.DataFrame:
    """Return why each theme's share changed from the first half to the second: one row a theme and unit.

    `points` from `trends.share_over_time`, `placed` from `intervals.place`, `carried` has ``theme, article_id,
    value``. Columns: ``theme, unit`` (``article``, ``story``), ``label`` (the period with which the second half
    begins), ``before, within, mix, newcomers, leavers, after, change`` as `mix.waterfall` gives them, the interval of
    the change, ``low, high``, which allows for articles in clumps, and the number of ``sources``. Empty where there is
    one period only.
    """
    cut = middle(points) if len(points) else None
    if cut is None:
        return pd.DataFrame(columns=list(_HALVES))
    label = str(points.loc[points["start"] == cut, "label"].iloc[0])
    late, rows, sources = (placed["start"] >= cut).to_numpy(), [], placed["source"].nunique()
    for theme, values in _values(placed, carried):
        bounds = {unit: _bounds(placed.assign(value=values, late=late), unit, confidence) for unit in _UNITS}
        for row in waterfall(split_change(placed, values, late, ~late)).to_dict("records"):
            low, high = bounds[row["unit"]]
            rows.append({"theme": theme, "label": label, **row, "low": low, "high": high, "sources": sources})
    return pd.DataFrame(rows, columns=list(_HALVES))


def split_halves(
    points: pd.DataFrame, placed: pd.DataFrame, carried: pd.DataFrame, key: str = "source"
) -> pd.DataFrame:
    """Return what each source (or language) adds to that change: `mix.split_change` with a column ``theme``."""
    cut = middle(points) if len(points) else None
    if cut is None:
        return pd.DataFrame(columns=list(_KEYS))
    late = (placed["start"] >= cut).to_numpy()
    parts = [split_change(placed, v, late, ~late, key).assign(theme=theme) for theme, v in _values(placed, carried)]
    return pd.concat(parts, ignore_index=True)[list(_KEYS)] if parts else pd.DataFrame(columns=list(_KEYS))


_UNITS = ("article", "story")


def _values(placed: pd.DataFrame, carried: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    """Return each theme with its value for every placed article, 0 where it does not carry it."""
    every = placed["article_id"]
    found = [(theme, rows.set_index("article_id")["value"]) for theme, rows in carried.groupby("theme", sort=False)]
    return [(str(theme), every.map(value).fillna(0).astype(float)) for theme, value in found]


def _bounds(table: pd.DataFrame, unit: str, confidence: float) -> tuple[float, float]:
    """Return the interval of the change; a story stands in each half on its first day there."""
    if unit == "story":
        told = table.groupby(["late", "story_id"])["value"].transform("max")
        table = table.assign(value=told).sort_values("day", kind="stable").drop_duplicates(["late", "story_id"])
    sides = [pd.Timestamp(0), pd.Timestamp(1)]
    clumps = find_clumps(table.assign(start=pd.Series(sides)[table["late"].astype(int)].to_numpy()), sides)
    halves = share_intervals(clumps, table["value"], confidence)[["share", "low", "high"]].to_numpy(dtype=float)
    before, after = (tuple(map(float, row)) for row in halves)
    return _difference(before, after)  # type: ignore[arg-type]
