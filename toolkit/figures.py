"""Tables in, plotly figures out. Nothing is computed, read or written here.

Each figure carries in ``layout.meta`` what the report shows around it: ``id``, ``caption``, ``alt`` and ``table``, the
numbers as people read them. A point with articles behind it carries the page that lists them as the last item of its
``customdata``. Text from articles is escaped, since plotly reads a subset of HTML.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from toolkit.exhibits import Table, number, percent, rows
from toolkit.style import ACCENT, SOURCES, finish, nothing, safe, theme_colours

_STRAY = 0.005

__all__ = ["actors_by_theme", "losses", "theme_by_source", "theme_colours", "theme_shares", "volume"]


def volume(counts: pd.DataFrame, unit: str) -> go.Figure:
    """Stack articles per period by source. `counts`: ``start, label, source, articles``, absent pairs as zeros."""
    if counts.empty:
        return nothing("volume", "Articles over time", "No article has a date, so nothing can be shown over time.")
    figure = go.Figure()
    for index, (source, mine) in enumerate(counts.groupby("source", sort=False)):
        figure.add_bar(
            x=mine["start"],
            y=mine["articles"],
            name=safe(str(source), 28),
            marker_color=SOURCES[index % len(SOURCES)],
            customdata=mine["label"],
            hovertemplate="%{customdata}: %{y:,} articles<extra>" + safe(str(source), 28) + "</extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.15)
    figure.update_yaxes(title="articles", rangemode="tozero")
    wide = counts.pivot_table(index=["start", "label"], columns="source", values="articles", sort=False).reset_index()
    names = [str(name) for name in wide.columns[2:]]
    cells = [[row[1], *(number(value) for value in row[2:])] for row in rows(wide)]
    table = Table("Articles", [(unit, "text"), *((name, "number") for name in names)], cells)
    return finish(figure, "volume", f"Articles per {unit} and source, after cleaning", table, 420)


def losses(dropped: pd.DataFrame) -> go.Figure:
    """Show what was dropped, and why. `dropped`: ``stage, reason, articles``."""
    if dropped.empty:
        return nothing("dropped", "Rows that were dropped", "Nothing was dropped.")
    shown = dropped.iloc[::-1]
    figure = go.Figure(
        go.Bar(
            x=shown["articles"],
            y=[f"{safe(reason, 44)} " for reason in shown["reason"]],
            orientation="h",
            marker_color=ACCENT,
            text=[number(value) for value in shown["articles"]],
            textposition="outside",
            cliponaxis=False,
            customdata=shown["stage"],
            hovertemplate="%{customdata}: %{x:,} rows, %{y}<extra></extra>",
        )
    )
    figure.update_xaxes(title="rows dropped", rangemode="tozero", tickformat=",d", nticks=6)
    cells = [[row.stage, row.reason, number(row.articles)] for row in rows(dropped)]
    table = Table("Rows dropped", [("step", "text"), ("reason", "text"), ("rows", "number")], cells)
    return finish(figure, "dropped", "Rows that were dropped, by reason", table, 150 + 34 * len(dropped))


def theme_shares(points: pd.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Draw each theme's share over time in a panel of its own, with its interval; a click opens the articles."""
    if points.empty:
        return nothing("theme-shares", "Themes over time", "No article has a date, so there are no trends.")
    names = list(titles)
    figure = make_subplots(
        rows=len(names),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.28 / max(2, len(names)),
        subplot_titles=[safe(titles[name]) for name in names],
    )
    for row, name in enumerate(names, 1):
        _share_panel(figure, points[points["theme"] == name], colours[name], row)
    figure.update_yaxes(tickformat=".0%", rangemode="tozero", title="share of articles", nticks=5)
    figure.update_xaxes(showticklabels=True)
    span, outside = _crowded_span(points)
    figure.update_xaxes(range=span)
    figure.update_annotations(x=0, xanchor="left", font={"size": 15})
    figure.update_layout(showlegend=False, hovermode="closest")
    cells = [
        [
            titles[p.theme],
            (p.label + (" (part)" if p.partial else ""), p.page) if p.articles else (p.label, ""),
            number(p.articles),
            number(p.total),
            percent(p.share),
            "–" if pd.isna(p.low) else f"{percent(p.low)} to {percent(p.high)}",
            number(p.stories),
            percent(p.story_share),
        ]
        for p in rows(points)
    ]
    columns = [
        ("theme", "text"),
        ("period", "link"),
        ("articles", "number"),
        ("of", "number"),
        ("share", "number"),
        ("95% interval", "number"),
        ("stories", "number"),
        ("share of stories", "number"),
    ]
    caption = "Share of articles that carry each theme, with 95% intervals; dotted: share of stories"
    if outside:
        caption += f"; {number(outside)} articles of stray dates lie outside the axis"
    return finish(figure, "theme-shares", caption, Table("Shares", columns, cells), 90 + 210 * len(names))


def _share_panel(figure: go.Figure, mine: pd.DataFrame, colour: str, row: int) -> None:
    at = {"row": row, "col": 1}
    _band(figure, mine, colour, at)
    quiet = {"hoverinfo": "skip", "showlegend": False, "mode": "lines"}
    dotted = {"color": colour, "width": 1.5, "dash": "dot"}
    figure.add_scatter(x=mine["start"], y=mine["story_share"], line=dotted, **quiet, **at)
    figure.add_scatter(
        x=mine["start"],
        y=mine["share"],
        mode="lines+markers",
        cliponaxis=False,
        line={"color": colour, "width": 2.5},
        marker={
            "size": 8,
            "color": ["white" if p.partial or not p.comparable else colour for p in rows(mine)],
            "line": {"color": colour, "width": 2},
        },
        customdata=[
            [
                p.label
                + (", in part" if p.partial else "")
                + ("" if p.comparable else ", other sources than the rest"),
                number(p.articles),
                number(p.total),
                percent(p.low),
                percent(p.high),
                p.page if p.articles else "",
            ]
            for p in rows(mine)
        ],
        hovertemplate="<b>%{customdata[0]}</b><br>%{y:.1%} (%{customdata[3]} to %{customdata[4]})"
        "<br>%{customdata[1]} of %{customdata[2]} articles<extra></extra>",
        **at,
    )


def _band(figure: go.Figure, mine: pd.DataFrame, colour: str, at: Mapping[str, int]) -> None:
    """Fill between the bounds, in a piece of its own between gaps; a period alone gets a bar."""
    fill = f"rgba({int(colour[1:3], 16)},{int(colour[3:5], 16)},{int(colour[5:7], 16)},0.16)"
    for _, piece in mine[mine["share"].notna()].groupby(mine["share"].isna().cumsum()):
        wide = {"width": 6} if len(piece) == 1 else {"width": 0}
        figure.add_scatter(
            x=[*piece["start"], *piece["start"][::-1]],
            y=[*piece["high"], *piece["low"][::-1]],
            mode="lines",
            line={"color": fill, **wide},
            fill="toself",
            fillcolor=fill,
            hoverinfo="skip",
            showlegend=False,
            **at,
        )


def _crowded_span(points: pd.DataFrame) -> tuple[list[pd.Timestamp], int]:
    """Return the span that holds all but a hundredth of the articles, and how many lie outside."""
    totals = points.drop_duplicates("start").sort_values("start")
    part = totals["total"].cumsum() / max(1, totals["total"].sum())
    inside = totals[(part > _STRAY) & (part - totals["total"] / totals["total"].sum() < 1 - _STRAY)]
    if len(inside) > 0.7 * len(totals) or len(inside) < 2:
        inside = totals
    step = (totals["start"].iloc[1] - totals["start"].iloc[0]) / 2 if len(totals) > 1 else pd.Timedelta(days=1)
    span = [inside["start"].iloc[0] - step, inside["start"].iloc[-1] + step]
    return span, int(totals["total"].sum() - inside["total"].sum())


def probabilities(scores: pd.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Draw how sure the scores are: articles by probability, in steps of ten percent. `scores`: ``theme, score``."""
    figure = go.Figure()
    steps = [f"{low} to {low + 10}%" for low in range(0, 100, 10)]
    table = pd.crosstab((scores["score"] * 10).astype(int).clip(0, 9), scores["theme"]).reindex(range(10), fill_value=0)
    for name, title in titles.items():
        figure.add_bar(
            x=steps[1:],
            y=table[name].iloc[1:],
            name=safe(title),
            marker_color=colours[name],
            hovertemplate="%{x}: %{y:,} articles<extra>" + safe(title) + "</extra>",
        )
    figure.update_layout(barmode="group", bargap=0.25)
    figure.update_yaxes(title="articles", rangemode="tozero")
    figure.update_xaxes(title="probability that the article is about the theme", type="category")
    cells = [[step, *(number(table[name].iloc[place]) for name in titles)] for place, step in enumerate(steps)]
    columns = [("probability", "text"), *((title, "number") for title in titles.values())]
    caption = "How sure the scores are: articles by probability, those below 10% left out"
    return finish(figure, "probabilities", caption, Table("Articles by probability", columns, cells), 380)


def theme_by_source(shares: pd.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Draw each source's share of articles per theme with its interval.

    `shares`: ``theme, source, articles, total, share, low, high``.
    """
    figure = go.Figure()
    order = list(dict.fromkeys(shares["source"]))[::-1]
    place = {source: index for index, source in enumerate(order)}
    for index, name in enumerate(titles):
        mine = shares[shares["theme"] == name]
        shift = (index - (len(titles) - 1) / 2) * -0.22
        figure.add_scatter(
            x=mine["share"],
            y=[place[source] + shift for source in mine["source"]],
            mode="markers",
            name=safe(titles[name]),
            marker={"size": 9, "color": colours[name]},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": mine["high"] - mine["share"],
                "arrayminus": mine["share"] - mine["low"],
                "thickness": 1.5,
                "width": 0,
            },
            customdata=[[safe(m.source), number(m.articles), number(m.total)] for m in rows(mine)],
            hovertemplate="%{customdata[0]}: %{x:.1%}, %{customdata[1]} of %{customdata[2]} articles"
            "<extra>" + safe(titles[name]) + "</extra>",
        )
    figure.update_yaxes(
        tickvals=list(place.values()), ticktext=[f"{safe(s, 30)} " for s in order], range=[-0.6, len(order) - 0.4]
    )
    figure.update_xaxes(title="share of the source's articles, with 95% interval", tickformat=".0%", rangemode="tozero")
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
    table = Table("Themes by source", columns, cells)
    return finish(
        figure, "theme-by-source", "Share of each source's articles that carry a theme", table, 170 + 44 * len(order)
    )


def actors_by_theme(named: pd.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str], what: str) -> go.Figure:
    """Draw in which share of each theme's articles a name stands. `named`: ``name, theme, articles, share``.

    Each row is a name, each dot a theme; the names that stand in most articles are at the top.
    """
    if named.empty:
        return nothing(f"{what}-by-theme", f"{what.capitalize()} by theme", f"No {what} of the gazetteer are named.")
    order = named.groupby("name")["articles"].sum().sort_values(kind="stable").index
    figure = go.Figure()
    for name, title in titles.items():
        mine = named[named["theme"] == name]
        figure.add_scatter(
            x=mine["share"],
            y=[f"{safe(n, 40)} " for n in mine["name"]],
            mode="markers",
            name=safe(title),
            marker={"size": 11, "color": colours[name], "opacity": 0.9},
            customdata=[[safe(m.name), number(m.articles)] for m in rows(mine)],
            hovertemplate="%{customdata[0]}: %{customdata[1]} articles, %{x:.1%} of the theme's<extra>"
            + safe(title)
            + "</extra>",
        )
    figure.update_yaxes(categoryorder="array", categoryarray=[f"{safe(n, 40)} " for n in order], dtick=1)
    figure.update_xaxes(title="share of the theme's articles", tickformat=".0%", rangemode="tozero")
    cells = [[titles[m.theme], m.name, number(m.articles), percent(m.share)] for m in rows(named)]
    columns = [("theme", "text"), ("name", "text"), ("articles", "number"), ("share of the theme's articles", "number")]
    caption = f"{what.capitalize()} named most often in the articles of each theme"
    return finish(figure, f"{what}-by-theme", caption, Table(what.capitalize(), columns, cells), 150 + 25 * len(order))
