"""Tables of what changed: findings, the split of a change over sources, and what is small and growing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from toolkit import periods
from toolkit.exhibits import Prose, Table, counted, number, percent, rows, signed, windows_named, with_bounds
from toolkit.languages import language_name

_CITED, _TERMS = 2, 6
_GREATEST = 100
_LEAST_SHARE = 0.0005
_ALL = 0.99
_WORDLESS = "; the articles are too few to tell which words mark them"


def findings(found: pd.DataFrame, titles: Mapping[str, str], few: int | None = None) -> Table:
    """Return the events beyond chance; `found` from `findings.find_events`, with ``terms`` and ``cited``.

    `few` is the number of comparable periods where these are too few to test any.
    """
    cells = [
        [
            titles[e.theme],
            (f"{e.label}{' to the end' * bool(e.lasting)}", e.page),
            e.way,
            with_bounds(e.share, e.low, e.high),
            f"{with_bounds(e.rest, e.rest_low, e.rest_high)} {'before' if e.against == 'before' else 'otherwise'}",
            percent(e.then),
            number(e.stories),
            ", ".join([e.kind, *e.also]),
            chance(e.q),
            _part(e),
            ", ".join(e.terms[:_TERMS]),
            "; ".join(e.cited[:_CITED]) if e.way == "rise" else "",
        ]
        for e in rows(found)
    ]
    columns = [
        ("theme", "text"),
        ("when", "link"),
        ("what", "text"),
        ("share of stories", "number"),
        ("against", "number"),
        ("afterwards", "number"),
        ("stories", "number"),
        ("found as", "below"),
        ("chance of a false alarm", "below"),
        ("within the same sources", "below"),
        ("telling words", "below"),
        ("first articles", "below"),
    ]
    if cells:
        wordless = "" if any(row[-2] for row in cells) else _WORDLESS
        return Table(f"What changed beyond chance, with 95% intervals{wordless}", columns, cells)
    periods = f"{counted(few or 0, 'comparable period')}: too few to tell a change from chance; eight are needed."
    none = "No article has a date, or no period can be compared with another."
    why = "No change beyond chance." if few is None else periods if few else none
    return _nothing("What changed beyond chance", why)


def _nothing(caption: str, why: str) -> Table:
    return Table(caption, [("", "text")], [[why]])


def _part(event: Any) -> str:
    """Return a part of a change with its interval; a part beyond the whole, or against it, is all or none of it."""
    if pd.isna(event.within) or event.within_low == event.within_high:
        return ""
    bounds = (event.within, event.within_low, event.within_high)
    part, low, high = (f"{min(1, max(0, bound)) * 100:.0f}" for bound in bounds)
    return f"{part}% of the {event.way} ({low}–{high})"


def chance(q: float) -> str:
    """Return the chance of a false alarm as people write it, never 0."""
    return "<0.1%" if q < 0.001 else percent(q)


def compared(table: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    """Return why each theme's share changed between the windows; `table` from `changes.compare_windows`."""
    cells = [
        [
            titles[c.theme],
            {"article": "articles", "story": "stories"}[c.unit],
            percent(c.before),
            signed(c.within),
            f"{signed(c.within_low)} to {signed(c.within_high)}",
            *(signed(getattr(c, part)) for part in ("mix", "newcomers", "leavers")),
            percent(c.after),
            signed(c.change),
            f"{signed(c.low)} to {signed(c.high)}",
        ]
        for c in rows(table)
    ]
    columns = [
        ("theme", "text"),
        ("share of", "text"),
        ("first window", "number"),
        ("same sources", "number"),
        ("95% interval", "number"),
        ("their mix", "number"),
        ("new sources", "number"),
        ("ended sources", "number"),
        ("second window", "number"),
        ("change", "number"),
        ("95% interval", "number"),
    ]
    if not cells:
        return _nothing("The two windows", "There is nothing to compare.")
    return Table(f"What the change is made of, in points: {windows_named(table)}", columns, cells)


def behind(split: pd.DataFrame, titles: Mapping[str, str], what: str = "source", most: int = 4) -> Table | Prose:
    """Return the sources (or languages) that add most to each theme's change; nothing where one has 99% of all.

    `split` from `changes.split_windows`.
    """
    mine = split[split["unit"] == "article"]
    sizes = mine.groupby("key", observed=True)[["articles_before", "articles_after"]].first().sum(axis=1)
    if sizes.max() > _ALL * sizes.sum() or sizes.empty:
        return Prose("")
    shown = mine[mine["change"].abs() >= _LEAST_SHARE].groupby("theme", sort=False).head(most)
    cells = [
        [
            titles[s.theme],
            language_name(s.key) if what == "language" else s.key or "unknown",
            _of(s.before, s.articles_before),
            _of(s.after, s.articles_after),
            signed(s.within),
            signed(s.mix),
            signed(s.newcomers + s.leavers),
            signed(s.change),
        ]
        for s in rows(shown)
    ]
    columns = [
        ("theme", "text"),
        (what, "text"),
        ("first window", "number"),
        ("second window", "number"),
        ("by writing of it", "number"),
        ("by its amount", "number"),
        ("new or ended", "number"),
        ("adds", "number"),
    ]
    caption = f"The {what}s that add most to each theme's change, in points; {most} of a theme at most"
    alike = f"No {what} adds to a change."
    return Table(caption, columns, cells) if cells else _nothing(f"The {what}s behind the change", alike)


def _of(share: float, articles: float) -> str:
    return f"{percent(share)} of {number(articles)}" if articles else "–"


def growing(signals: pd.DataFrame) -> Table:
    """Return the topics that are small and growing; `signals` from `weak.weak_topics`."""
    cells = [
        [
            (s.label, f"articles/topic-{s.topic_id}.html"),
            number(s.stories),
            percent(s.share),
            _growth(s.growth, s.low, s.high),
            number(s.sources),
            "–" if pd.isna(s.novelty) else f"{s.novelty:.0%}",
            chance(s.q),
        ]
        for s in rows(signals)
    ]
    columns = [
        ("topic", "link"),
        ("stories", "number"),
        ("share of stories", "number"),
        ("growth over the whole time", "number"),
        ("sources of late", "number"),
        ("new words", "number"),
        ("chance of a false alarm", "number"),
    ]
    caption = "Small and growing topics"
    return Table(caption, columns, cells) if cells else _nothing(caption, "No small topic grows beyond chance.")


def emerging(found: pd.DataFrame) -> Table:
    """Return the words that emerge; `found` from `emerging.emerging_words`, with ``cited``."""
    cells = [
        [
            s.label,
            number(s.stories),
            percent(s.early),
            _growth(s.growth, s.low, s.high),
            number(s.sources),
            f"{s.novelty:.0%}",
            chance(s.q),
            next(iter(s.cited), "–"),
        ]
        for s in rows(found)
    ]
    columns = [
        ("words", "text"),
        ("stories", "number"),
        ("at first", "number"),
        ("growth", "number"),
        ("sources", "number"),
        ("new", "number"),
        ("false alarm", "number"),
        ("first article", "below"),
    ]
    caption = "Words that emerge"
    return Table(caption, columns, cells) if cells else _nothing(caption, "No rare word grows beyond chance.")


def rising(alarms: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    """Return the themes on which an alarm is on at the end; `alarms` from `watch.rising`."""
    cells = [
        [titles[a.theme], f"since {periods.named(a.label)}", percent(a.share), percent(a.before), chance(a.chance)]
        for a in rows(alarms)
    ]
    columns = [
        ("theme", "text"),
        ("last periods", "text"),
        ("share of stories", "number"),
        ("before", "number"),
        ("chance of so many", "text"),
    ]
    caption = "Rising at the end, seen from the past alone"
    why = "No theme rises at the end beyond chance; to tell takes thirteen comparable periods."
    return Table(caption, columns, cells) if cells else _nothing(caption, why)


def corrected(points: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    """Return shares as labelled and as they are truly, by the answers; `points` from `intervals.correct_points`."""
    cells = [
        [
            titles[p.theme],
            p.label,
            with_bounds(p.share, p.low, p.high),
            with_bounds(p.true_share, p.true_low, p.true_high),
        ]
        for p in rows(points[points["total"] > 0])
    ]
    columns = [("theme", "text"), ("period", "text"), ("as labelled", "text"), ("corrected for wrong labels", "text")]
    why = "No theme has twenty answers drawn at random, ten of them about it: notebook 7-label asks for them."
    return Table("Shares corrected for wrong labels", columns, cells) if cells else _nothing("Wrong labels", why)


def _growth(growth: float, low: float, high: float) -> str:
    if low > _GREATEST:
        return f"over ×{_GREATEST}"
    size = f"over ×{_GREATEST}" if growth > _GREATEST else f"×{_times(growth)}"
    return f"{size} (at least ×{_times(low)})" if high > _GREATEST else f"{size} ({_times(low)}–{_times(high)})"


def _times(factor: float) -> str:
    return f"{factor:.1f}" if factor < 10 else f"{factor:.0f}"
