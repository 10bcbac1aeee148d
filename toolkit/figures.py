"""Tables in, plotly figures out. Nothing is computed, read or written here.

Each figure carries in ``layout.meta`` what the report shows around it: ``id``, ``caption``, ``alt`` and ``table``, the
numbers as people read them. A point with articles behind it carries the page that lists them as the last item of its
``customdata``. Text from articles is escaped, since plotly reads a subset of HTML.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from toolkit.exhibits import Table, number, percent, rows
from toolkit.style import ACCENT, SOURCES, Parts, finish, nothing, safe, theme_colours, wrap
from toolkit.trend_figures import axis_ticks, theme_shares, waterfall

__all__ = ["actors_by_theme", "losses", "theme_by_source", "theme_colours", "theme_shares", "volume", "waterfall"]

_COUNTED: Parts = {"rangemode": "tozero", "tickformat": ",d"}
_SHARES: Parts = {"rangemode": "tozero", "tickformat": ".0%"}
"""Axes of counts, and of shares."""


def volume(counts: pd.DataFrame, unit: str) -> go.Figure:
    """Stack articles per period by source. `counts`: ``start, label, source, articles``, absent pairs as zeros."""
    if counts.empty:
        return nothing("volume", "Articles over time", "No article has a date, so nothing can be shown over time.")
    bars = [
        {
            "type": "bar",
            "x": mine["start"],
            "y": mine["articles"],
            "name": safe(str(source), 28),
            "marker": {"color": SOURCES[index % len(SOURCES)]},
            "customdata": mine["label"],
            "hovertemplate": "%{customdata}: %{y:,} articles<extra>" + safe(str(source), 28) + "</extra>",
        }
        for index, (source, mine) in enumerate(counts.groupby("source", sort=False))
    ]
    layout = {
        "barmode": "stack",
        "bargap": 0.15,
        "xaxis": axis_ticks(counts["start"], [counts["start"].min(), counts["start"].max()]),
        "yaxis": {"title": "articles", **_COUNTED},
    }
    wide = counts.pivot_table(index=["start", "label"], columns="source", values="articles", sort=False).reset_index()
    names = [str(name) for name in wide.columns[2:]]
    cells = [[row[1], *(number(value) for value in row[2:])] for row in rows(wide)]
    table = Table("Articles", [(unit, "text"), *((name, "number") for name in names)], cells)
    caption = f"Articles per {unit}{' and source' * (len(names) > 1)}, after cleaning"
    return finish(bars, layout, "volume", caption, table, 420)


def losses(dropped: pd.DataFrame) -> go.Figure:
    """Show what was dropped, and why. `dropped`: ``stage, reason, articles``."""
    if dropped.empty:
        return nothing("dropped", "Rows that were dropped", "Nothing was dropped.")
    shown = dropped.iloc[::-1]
    bars = {
        "type": "bar",
        "x": shown["articles"],
        "y": [f"{safe(reason, 44)} " for reason in shown["reason"]],
        "orientation": "h",
        "marker": {"color": ACCENT},
        "text": [number(value) for value in shown["articles"]],
        "textposition": "outside",
        "cliponaxis": False,
        "customdata": shown["stage"],
        "hovertemplate": "%{customdata}: %{x:,} rows, %{y}<extra></extra>",
    }
    whole = {"dtick": 1} if dropped["articles"].max() < 6 else {"nticks": 6}
    layout = {"xaxis": {"title": "rows dropped", **_COUNTED, **whole}}
    cells = [[row.stage, row.reason, number(row.articles)] for row in rows(dropped)]
    table = Table("Rows dropped", [("step", "text"), ("reason", "text"), ("rows", "number")], cells)
    return finish([bars], layout, "dropped", "Rows that were dropped, by reason", table, 150 + 34 * len(dropped))


def probabilities(scores: pd.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Draw how sure the scores are: articles by probability, in steps of ten percent. `scores`: ``theme, score``."""
    steps = [f"{low} to {low + 10}%" for low in range(0, 100, 10)]
    table = pd.crosstab((scores["score"] * 10).astype(int).clip(0, 9), scores["theme"]).reindex(range(10), fill_value=0)
    bars = [
        {
            "type": "bar",
            "x": steps[1:],
            "y": table[name].iloc[1:],
            "name": safe(title),
            "marker": {"color": colours[name]},
            "hovertemplate": "%{x}: %{y:,} articles<extra>" + safe(title) + "</extra>",
        }
        for name, title in titles.items()
    ]
    layout = {
        "barmode": "group",
        "bargap": 0.25,
        "yaxis": {"title": "articles", **_COUNTED},
        "xaxis": {"title": "probability that the article is about the theme", "type": "category"},
    }
    cells = [[step, *(number(table[name].iloc[place]) for name in titles)] for place, step in enumerate(steps)]
    columns = [("probability", "text"), *((title, "number") for title in titles.values())]
    caption = "How sure the scores are: articles by probability, those below 10% left out"
    return finish(bars, layout, "probabilities", caption, Table("Articles by probability", columns, cells), 380)


def theme_by_source(shares: pd.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Draw each source's share of articles per theme with its interval.

    `shares`: ``theme, source, articles, total, share, low, high``.
    """
    caption, dots = "Share of each source's articles that carry a theme", []
    order = list(dict.fromkeys(shares["source"]))[::-1]
    if order == ["unknown"]:
        return nothing("theme-by-source", caption, "No article names its source.")
    place = {source: index for index, source in enumerate(order)}
    for index, name in enumerate(titles):
        mine = shares[shares["theme"] == name]
        shift = (index - (len(titles) - 1) / 2) * -0.22
        dots.append(
            {
                "type": "scatter",
                "x": mine["share"],
                "y": [place[source] + shift for source in mine["source"]],
                "mode": "markers",
                "name": safe(titles[name]),
                "marker": {"size": 9, "color": colours[name]},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": mine["high"] - mine["share"],
                    "arrayminus": mine["share"] - mine["low"],
                    "thickness": 1.5,
                    "width": 0,
                },
                "customdata": [[safe(m.source), number(m.articles), number(m.total)] for m in rows(mine)],
                "hovertemplate": "%{customdata[0]}: %{x:.1%}, %{customdata[1]} of %{customdata[2]} articles"
                "<extra>" + safe(titles[name]) + "</extra>",
            }
        )
    names = [f"{safe(s, 30)} " for s in order]
    layout = {
        "yaxis": {"tickvals": list(place.values()), "ticktext": names, "range": [-0.6, len(order) - 0.4]},
        "xaxis": {"title": "share of the source's articles, with 95% interval", **_SHARES},
    }
    table = _sources_table(shares, titles)
    return finish(dots, layout, "theme-by-source", caption, table, 170 + 44 * len(order))


def _sources_table(shares: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    cells = [
        [
            m.source,
            titles[m.theme],
            number(m.articles),
            number(m.total),
            percent(m.share),
            f"{percent(m.low)} to {percent(m.high)}",
        ]
        for m in rows(shares)
    ]
    columns = [
        ("source", "text"),
        ("theme", "text"),
        ("articles", "number"),
        ("of", "number"),
        ("share", "number"),
        ("95% interval", "number"),
    ]
    return Table("Themes by source", columns, cells)


def actors_by_theme(named: pd.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str], what: str) -> go.Figure:
    """Draw in which share of each theme's articles a name stands. `named`: ``name, theme, articles, share``.

    Each row is a name, each dot a theme; the names that stand in most articles are at the top.
    """
    if named.empty:
        return nothing(f"{what}-by-theme", f"{what.capitalize()} by theme", f"No {what} of the gazetteer are named.")
    order = named.groupby("name")["articles"].sum().sort_values(kind="stable").index
    dots = []
    for name, title in titles.items():
        mine = named[named["theme"] == name]
        dots.append(
            {
                "type": "scatter",
                "x": mine["share"],
                "y": [_label(n) for n in mine["name"]],
                "mode": "markers",
                "name": safe(title),
                "marker": {"size": 11, "color": colours[name], "opacity": 0.9},
                "customdata": [[safe(m.name), number(m.articles)] for m in rows(mine)],
                "hovertemplate": "%{customdata[0]}: %{customdata[1]} articles, %{x:.1%} of the theme's<extra>"
                + safe(title)
                + "</extra>",
            }
        )
    layout = {
        "yaxis": {"categoryorder": "array", "categoryarray": [_label(n) for n in order], "dtick": 1},
        "xaxis": {"title": "share of the theme's articles", **_SHARES},
    }
    cells = [[titles[m.theme], m.name, number(m.articles), percent(m.share)] for m in rows(named)]
    columns = [("theme", "text"), ("name", "text"), ("articles", "number"), ("share of the theme's articles", "number")]
    caption = f"{what.capitalize()} named most often in the articles of each theme"
    height = 160 + (40 if any("<br>" in _label(name) for name in order) else 25) * len(order)
    return finish(dots, layout, f"{what}-by-theme", caption, Table(what.capitalize(), columns, cells), height)


def _label(name: str) -> str:
    """Return a name as it stands beside an axis, in two lines where it is long."""
    return f"{wrap(name, 34)} ".replace("<br>", " <br>")
