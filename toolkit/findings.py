"""Findings: events of a theme beyond chance, each told once, with what an analyst asks next.

Change points, bursts and outlying periods (`toolkit.detect`) and runs of periods (`toolkit.scan`) are tested on
stories and corrected together (Benjamini & Hochberg 1995). The same rise is often found by several of them: findings
of one theme and direction that overlap or touch are one event, told by the surest of them. A change that begins where
an event of the other direction ends is the end of that event, and no event of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit.chance import FEWEST_PERIODS, dispersion
from toolkit.changes import within_bounds
from toolkit.detect import Counts, counts_of, every_test
from toolkit.exhibits import rows
from toolkit.intervals import values_of
from toolkit.mix import split_change
from toolkit.periods import span
from toolkit.scan import run_tests
from toolkit.stats import false_discovery, wilson

Mask = npt.NDArray[np.bool_]

COLUMNS = (
    "theme kind also way start end label lasting page share low high rest rest_low rest_high against then within "
    "within_low within_high stories sources p q"
).split()


class _Event(NamedTuple):
    """Findings of one theme and direction; the surest is told, ``reach`` is from the first to the last of all."""

    told: Any
    also: tuple[str, ...]
    reach: tuple[int, int]
    then: int = -1
    """Where the change that ends it ends; -1 where none does."""


def find_events(
    points: pd.DataFrame, placed: pd.DataFrame, carried: pd.DataFrame, rate: float = 0.05, seed: int = 42
) -> pd.DataFrame:
    """Return the events beyond chance, at a false discovery rate of `rate`, theme by theme and in their order.

    `points` from `trends.share_over_time`, `placed` from `intervals.place`, `carried` has ``theme, article_id,
    value``. Columns: ``theme``; ``kind`` (``change``, ``burst``, ``outlier``, ``run``) and ``also``, the further kinds
    that found it; ``way`` (``rise``, ``fall``); ``start, end`` (first days of its first and last period), ``label``,
    ``lasting`` (a change up to the last period; ``label`` is then the first period); ``page`` of the period with most
    stories; ``share`` of stories with its 95% interval ``low, high``, and ``rest, rest_low, rest_high``, the
    share ``against`` which it stands (``before``, or in the ``other`` periods, without those of the theme's other
    events); ``then``, the share after its end where a change ends it; ``within``, the part of the difference that lies
    within the same sources (0.7 is 70% of it) with its interval ``within_low, within_high``, NaN where there is one
    source only, 0 to 0 where none has articles enough on both sides; ``stories`` and ``sources`` that tell of it;
    ``p, q``. Empty below eight comparable periods with articles.
    """
    counts = counts_of(points) if len(points) else None
    tests = _corrected(counts, seed) if counts is not None else pd.DataFrame()
    if counts is None or tests.empty:
        return pd.DataFrame(columns=COLUMNS)
    effects = dispersion(counts.hits, counts.totals)[:, None]
    own = counts._replace(hits=counts.hits / effects, totals=counts.totals / effects)
    found = tests[(tests["q"] <= rate) & tests["kind"].ne("")]
    told: list[tuple[object, ...]] = []
    for series in sorted(found["series"].astype(int).unique().tolist()):
        begin = int(np.flatnonzero(own.totals[series] > 0)[0])
        mine = found[found["series"] == series]
        events = _ended(_merged(_directed(mine, own)), begin)
        told += [_described(event, events, own, points) for event in sorted(events, key=lambda e: e.told.first)]
    table = pd.DataFrame(told, columns=[*COLUMNS[:-7], "p", "q", "since"])
    return _told(table, counts, dict(zip(counts.themes, effects[:, 0], strict=True)), placed, carried)


def few_periods(points: pd.DataFrame) -> int | None:
    """Return the number of comparable periods with articles where these are too few to test any, else None."""
    periods = points[points["comparable"] & (points["total_stories"] > 0)]["start"].nunique() if len(points) else 0
    return int(periods) if periods < FEWEST_PERIODS else None


def _corrected(counts: Counts, seed: int) -> pd.DataFrame:
    tests = every_test(counts, seed)
    if tests.empty:
        return tests
    runs = run_tests(counts.hits, counts.totals, seed=seed).assign(kind="run", since=-1)
    tests = pd.concat([tests, runs], ignore_index=True) if len(runs) else tests
    return tests.assign(q=false_discovery(tests["p"]))


def _share(own: Counts, series: int, where: Mask) -> tuple[float, float, float]:
    """Return a share of stories with its interval, at the effective counts."""
    x, n = float(own.hits[series, where].sum()), float(own.totals[series, where].sum())
    low, high = wilson(x, n)
    return (x / n if n > 0 else float("nan")), float(low), float(high)


def _stretch(own: Counts, first: int, last: int) -> Mask:
    places = np.arange(len(own.starts))
    return (places >= first) & (places < last)


def _directed(mine: pd.DataFrame, own: Counts) -> pd.DataFrame:
    """Add ``up``: whether the share is above that before a change, or above that of all other periods."""
    up = []
    for row in rows(mine):
        inside = _stretch(own, int(row.first), int(row.last))
        rest = ~inside if row.since < 0 else _stretch(own, int(row.since), int(row.first))
        up.append(_share(own, int(row.series), inside)[0] > _share(own, int(row.series), rest)[0])
    return mine.assign(up=up).sort_values(["p", "first"], kind="stable")


def _merged(mine: pd.DataFrame) -> list[_Event]:
    """Put findings of one direction that overlap or touch together, the surest first."""
    events: list[_Event] = []
    for row in rows(mine):
        for at, event in enumerate(events):
            (first, last), told = event.reach, event.told
            if told.up == row.up and row.first <= last and row.last >= first:
                kinds = tuple(dict.fromkeys([*event.also, *[row.kind] * (row.kind != told.kind)]))
                events[at] = event._replace(also=kinds, reach=(min(first, row.first), max(last, row.last)))
                break
        else:
            events.append(_Event(row, (), (row.first, row.last)))
    return events


def _ended(events: list[_Event], begin: int) -> list[_Event]:
    """Fold a change into the event of the other direction that it ends; a run from the very start is the change's."""
    kept: list[_Event] = []
    for event in sorted(events, key=lambda e: e.told.first):
        told = event.told
        ended = [e for e in kept if e.told.up != told.up and e.reach[0] < told.first <= e.reach[1]]
        if told.kind != "change" or not ended:
            kept.append(event)
        elif ended[-1].told.kind != "change" and ended[-1].reach[0] <= begin:
            kept[kept.index(ended[-1])] = event._replace(also=(*event.also, ended[-1].told.kind))
        else:
            kept[kept.index(ended[-1])] = ended[-1]._replace(then=told.last)
    return kept


def _described(event: _Event, events: list[_Event], own: Counts, points: pd.DataFrame) -> tuple[object, ...]:
    told, series, theme = event.told, int(event.told.series), own.themes[event.told.series]
    inside = _stretch(own, told.first, told.last)
    apart = np.any([_stretch(own, *other.reach) for other in events], axis=0)
    others = ~apart if own.totals[series, ~apart].sum() > 0 else ~inside
    rest = others if told.since < 0 else _stretch(own, told.since, told.first)
    then = _share(own, series, _stretch(own, told.last, event.then))[0] if event.then > told.last else float("nan")
    mine = points[points["theme"] == theme].set_index("start").loc[own.starts[inside]]
    shown = mine[mine["comparable"] & (mine["total"] > 0)]
    lasting = told.kind == "change" and told.last > np.flatnonzero(own.totals[series] > 0)[-1]
    label = span(str(shown["label"].iloc[0]), str(shown["label"].iloc[0 if lasting else -1]))
    most = shown["stories"].to_numpy().argmax()
    page = shown["page"].iloc[most] if shown["stories"].iloc[most] else ""
    where = (theme, told.kind, list(event.also), "rise" if told.up else "fall", shown.index[0], shown.index[-1])
    shares = (*_share(own, series, inside), *_share(own, series, rest), "before" if told.since >= 0 else "other", then)
    return (*where, label, lasting, page, *shares, told.p, told.q, np.flatnonzero(rest))


def _told(
    table: pd.DataFrame, counts: Counts, effects: Mapping[str, float], placed: pd.DataFrame, carried: pd.DataFrame
) -> pd.DataFrame:
    """Add what lies within the same sources, and how many stories and sources tell of each event."""
    empty = counts.starts[(counts.totals == 0).all(axis=0)]
    codes = pd.factorize(placed["story_id"])[0]
    coded, more = placed.assign(story_id=codes, source=placed["source"].astype("category")), []
    for theme, values in values_of(placed, carried[carried["theme"].isin(table["theme"])]):
        for event in rows(table.assign(at=table.index)[table["theme"] == theme]):
            after = placed["start"].between(event.start, event.end) & ~placed["start"].isin(empty)
            before = placed["start"].isin(counts.starts[event.since])
            telling = coded[after & (values > 0)]
            within = _within(split_change(coded, values, after, before), effects[theme])
            sources = telling.loc[telling["source"] != "", "source"].nunique()
            more.append((event.at, *within, telling["story_id"].nunique(), sources))
    added = pd.DataFrame(more, columns=["at", *COLUMNS[-7:-2]]).set_index("at")
    return table.join(added)[COLUMNS].reset_index(drop=True)


def _within(split: pd.DataFrame, effect: float) -> tuple[float, float, float]:
    """Return the part of the change of the stories' share that lies within the same sources, with its interval.

    The bounds are those of the part in points, over the change as it was measured.
    """
    mine = split[split["unit"] == "story"]
    whole = float(mine["change"].sum())
    if len(mine) < 2 or whole == 0:
        return float("nan"), float("nan"), float("nan")
    low, high = sorted(bound / whole for bound in within_bounds(split, "story", [effect, effect]))
    return float(mine["within"].sum()) / whole, low, high
