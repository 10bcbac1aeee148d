"""The figure of shares over time, with bands, gaps, and a way to the articles of each point."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from toolkit.exhibits import Table, number, percent, rows
from toolkit.style import finish, nothing, safe

_STRAY = 0.005
"""Part of the articles at either end whose dates may lie outside the axis."""


def theme_shares(points: pd.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Draw each theme's share over time in a panel of its own, with its interval; a click opens the articles."""
    if points.empty:
        return nothing("theme-shares", "Themes over time", "No article has a date, so there are no trends.")
    names = list(titles)
    figure = make_subplots(
        rows=len(names),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.36 / max(2, len(names)),
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
    caption = "Share of articles that carry each theme, with 95% intervals; dotted: share of stories"
    if outside:
        caption += f"; {number(outside)} articles of stray dates lie outside the axis"
    return finish(figure, "theme-shares", caption, _shares_table(points, titles), 90 + 225 * len(names))


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


def _shares_table(points: pd.DataFrame, titles: Mapping[str, str]) -> Table:
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
    return Table("Shares", columns, cells)
