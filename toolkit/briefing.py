"""Sentences made from the numbers, and never beyond them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from toolkit.changes import Change
from toolkit.exhibits import date, number, percent, rows

_SAME_SOURCES = 0.1
"""Least part of a change, as a share of it, for which the same sources are said to stand."""


def overview(articles: pd.DataFrame, dropped: pd.DataFrame, totals: pd.DataFrame) -> str:
    """Return one sentence on what was read: articles, stories, sources, span, losses."""
    dated = articles["published"].dropna()
    sources = articles.loc[articles["source"] != "", "source"].nunique()
    told = f"{number(len(articles))} articles" if len(articles) != 1 else "One article"
    stories = int(articles["story_id"].nunique())
    parts = [f"{told} telling {number(stories)} stor{'ies' if stories != 1 else 'y'}"] if len(articles) > 1 else [told]
    if sources:
        parts.append(f"from {number(sources)} source{'s' * int(sources > 1)}")
    if len(dated):
        first, last = date(dated.min()), date(dated.max())
        parts.append(f"published {first}" if first == last else f"published {first} to {last}")
    undated = len(articles) - len(dated)
    lost = (
        f"; {number(len(dropped))} row{'s' * int(len(dropped) != 1)} dropped" if len(dropped) else "; nothing dropped"
    )
    missing = f"; {number(undated)} without a date, outside the trends" if undated else ""
    none = totals.loc[totals["theme"] == ""].iloc[0]
    return ", ".join(parts) + lost + missing + f". {percent(none['share'])} carry none of the themes."


def caution(points: pd.DataFrame) -> str:
    """Return a warning when periods hold articles of other sources than the rest, else nothing."""
    periods = points[points["total"] > 0].drop_duplicates("start").sort_values("start")
    unlike = periods[~periods["comparable"]]
    if unlike.empty:
        return ""
    labels, affected = unlike["label"], int(unlike["total"].sum())
    span = f"{labels.iloc[0]} to {labels.iloc[-1]}" if len(unlike) > 1 else labels.iloc[0]
    return (
        f"**Caution**: {number(len(unlike))} of {number(len(periods))} periods ({span}; {number(affected)} "
        f"article{'s' * int(affected != 1)}) come from other sources than the rest. Their shares tell what was "
        "collected, not what changed; they are drawn hollow and left out where periods are compared."
    )


def theme_sentence(theme: str, title: str, totals: pd.DataFrame, changes: Sequence[Change], runs: pd.DataFrame) -> str:
    """Return what is to be said of a theme: how much, whether it changed, and which periods stand out."""
    mine = totals.loc[totals["theme"] == theme].iloc[0]
    said = [
        f"**{_plain(title)}**: {number(mine['articles'])} article{'s' * int(mine['articles'] != 1)} "
        f"({percent(mine['share'])}), {number(mine['stories'])} stor{'ies' if mine['stories'] != 1 else 'y'}."
    ]
    said += [_change(change) for change in changes if change.theme == theme]
    said += [_stands_out(run) for run in rows(runs[runs["theme"] == theme])]
    return " ".join(said)


def _change(change: Change) -> str:
    shares = f"{percent(change.before)} in the first half of the coverage, {percent(change.after)} in the second"
    if change.low <= 0 <= change.high:
        return f"No change beyond chance: {shares}."
    verb = "rose" if change.difference > 0 else "fell"
    bounds = sorted((abs(change.low), abs(change.high)))
    size = f"{_points(change.difference)}, 95% interval {bounds[0] * 100:.0f} to {bounds[1] * 100:.0f}"
    return f"Its share {verb}: {shares} ({size}){_why(change)}."


def _why(change: Change) -> str:
    same = change.within / change.difference
    if pd.isna(same):
        return ""
    if same > 1 - _SAME_SOURCES:
        return "; the same sources write so"
    if same > _SAME_SOURCES:
        return f"; {_points(change.within)} of it within the same sources, the rest from other sources being collected"
    return "; but not within the same sources: it comes from other sources being collected"


def _points(difference: float) -> str:
    size = abs(difference) * 100
    return f"{size:.0f} point{'' if round(size) == 1 else 's'}"


def _stands_out(run: Any) -> str:
    way = "High" if run.share > run.rest else "Low"
    interval = f"{percent(run.low)} to {percent(run.high)}"
    return f"{way} in {run.label}: {percent(run.share)} of stories ({interval}) against {percent(run.rest)} otherwise."


def named_lines(theme: str, named: pd.DataFrame, most: int = 6) -> list[str]:
    """Return which organisations and which places a theme's articles name most often, a line each."""
    mine = named[named["theme"] == theme].sort_values(["articles", "name"], ascending=[False, True])
    lines = []
    for what, kinds in (("Organisations", ["organisation"]), ("Places", ["country", "region", "city"])):
        names = [f"{_plain(a.name)} ({percent(a.share)})" for a in rows(mine[mine["kind"].isin(kinds)].head(most))]
        if names:
            lines.append(f"{what}: {', '.join(names)}.")
    return lines or ["No organisation or place of the gazetteer is named."]


def uncovered(topics: pd.DataFrame, most: int = 5) -> str:
    """Return the largest topics that no theme covers."""
    outside = topics[topics["theme"] == ""].head(most)
    if outside.empty:
        return "Every topic found has a theme."
    return (
        "Largest topics outside the themes: "
        + "; ".join(
            f"{_plain(t.label)} ({number(t.articles)} article{'s' * int(t.articles != 1)})" for t in rows(outside)
        )
        + "."
    )


def findings(
    titles: Mapping[str, str],
    totals: pd.DataFrame,
    changes: Sequence[Change],
    runs: pd.DataFrame,
    named: pd.DataFrame,
) -> str:
    """Return a Markdown list with one item a theme: how much, what changed, who is named."""
    lines = []
    for theme, title in titles.items():
        lines.append(f"- {theme_sentence(theme, title, totals, changes, runs)}")
        lines += [f"    - {line}" for line in named_lines(theme, named)]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Keep article text from being read as Markdown."""
    return "".join("\\" + mark if mark in r"\`*_{}[]()#+-.!|<>~&" else mark for mark in " ".join(str(text).split()))


def headlines(
    articles: pd.DataFrame, totals: pd.DataFrame, changes: Sequence[Change], titles: Mapping[str, str], topics: int
) -> list[str]:
    """Return the four lines that a terminal shows of a run, in plain text."""
    shares = ", ".join(f"{titles[t.theme]} {percent(t.share)}" for t in rows(totals) if t.theme)
    none = totals.loc[totals["theme"] == "", "share"].iloc[0]
    moved = [c for c in changes if not c.low <= 0 <= c.high]
    changed = ", ".join(f"{titles[c.theme]} {_moved(c)}" for c in moved)
    stories = int(articles["story_id"].nunique())
    dated = articles["published"].dropna()
    span = f", {date(dated.min())} to {date(dated.max())}" if len(dated) else ", without dates"
    return [
        f"{_counted(len(articles), 'article', 'articles')}, {_counted(stories, 'story', 'stories')}{span}",
        f"Themes: {shares}; none {percent(none)}",
        f"Change from the first to the second half: {changed or 'none beyond chance'}",
        _counted(topics, "topic", "topics"),
    ]


def _moved(change: Change) -> str:
    way = f"{'up' if change.difference > 0 else 'down'} {_points(change.difference)}"
    same = change.within / change.difference
    return way if pd.isna(same) or same > _SAME_SOURCES else f"{way} (from other sources being collected)"


def _counted(count: int, one: str, many: str) -> str:
    return f"{number(count)} {one if count == 1 else many}"
