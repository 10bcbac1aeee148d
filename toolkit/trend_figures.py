"""The figures of shares over time, with bands, gaps, findings and a way to the articles, and of what changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from toolkit.exhibits import Table, counted, date, number, percent, rows, signed, windows_named, with_bounds
from toolkit.style import ACCENT, NO_THEME, Parts, finish, nothing, panels, safe, within

_SHARE_OF = {
    "labels": "Share of articles that carry each theme",
    "probabilities": "Expected share of articles about each theme (the mean probability)",
}
_DAY = 86_400_000
"""Milliseconds, as axes count them."""
_QUIET = {"hoverinfo": "skip", "showlegend": False}
_STRAY, _MOST_DAYS = 0.005, 9
"""Part of the articles at either end whose dates may lie outside the axis."""


def theme_shares(
    points: pd.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str], found: pd.DataFrame | None = None
) -> go.Figure:
    """Draw each theme's share over time in a panel of its own, with its interval; a click opens the articles.

    `found`, from `findings.find_events`, is marked by shaded bands with a triangle above each.
    """
    if points.empty:
        return nothing("theme-shares", "Themes over time", "No article has a date, so there are no trends.")
    traces: list[Parts] = []
    shapes: list[Parts] = []
    for place, (name, colour) in enumerate((name, colours[name]) for name in titles):
        mine = points[points["theme"] == name]
        drawn, shaded = _share_panel(mine, colour), list[Parts]()
        if found is not None and (found["theme"] == name).any():
            mark, shaded = _mark(mine, found[found["theme"] == name], colour)
            drawn.append(mark)
        at = within(place)
        traces += [{"type": "scatter", **trace, **at} for trace in drawn]
        shapes += [{**shape, "xref": at["xaxis"], "yref": f"{at['yaxis']} domain"} for shape in shaded]
    span, outside = crowded_span(points)
    across = {**axis_ticks(points["start"], span), "range": span, "showticklabels": True}
    if points["start"].nunique() == 1:
        across["ticktext"] = [points["label"].iloc[0]]
    upright = {"tickformat": ".0%", "rangemode": "tozero", "title": "share of articles", "nticks": 5}
    heading, room = {"x": 0, "xanchor": "left", "font": {"size": 15}}, (0.36 / max(2, len(titles)), 0)
    layout = panels([safe(title) for title in titles.values()], 1, room, heading, across, upright)
    layout |= {"showlegend": False, "hovermode": "closest", "shapes": shapes}
    share_of = _SHARE_OF[points["counted"].iloc[0] if "counted" in points else "labels"]
    caption = f"{share_of}, with 95% intervals; dotted: share of stories"
    if found is not None and len(found):
        caption += "; shaded: a change beyond chance, the triangle says which way"
    if outside:
        caption += f"; {strayed(outside)}"
    return finish(traces, layout, "theme-shares", caption, _shares_table(points, titles), 90 + 225 * len(titles))


def _share_panel(mine: pd.DataFrame, colour: str) -> list[Parts]:
    """Return the lines of one theme: bands, share of stories, share of articles."""
    periods = rows(mine)
    dotted = {
        "x": mine["start"],
        "y": mine["story_share"],
        "mode": "lines",
        "line": {"color": colour, "width": 1.5, "dash": "dot"},
        **_QUIET,
    }
    shares = {
        "x": mine["start"],
        "y": mine["share"],
        "mode": "lines+markers",
        "cliponaxis": False,
        "line": {"color": colour, "width": 2.5},
        "marker": {
            "size": 8,
            "color": ["white" if p.partial or not p.comparable else colour for p in periods],
            "line": {"color": colour, "width": 2},
        },
        "customdata": [
            [
                p.label
                + (", in part" if p.partial else "")
                + ("" if p.comparable else ", other sources than the rest"),
                number(p.articles),
                counted(p.total, "article"),
                percent(p.low),
                percent(p.high),
                p.page if p.articles else "",
            ]
            for p in periods
        ],
        "hovertemplate": "<b>%{customdata[0]}</b><br>%{y:.1%} (%{customdata[3]} to %{customdata[4]})"
        "<br>%{customdata[1]} of %{customdata[2]}<extra></extra>",
    }
    return [*_bands(mine, colour), dotted, shares]


def _mark(mine: pd.DataFrame, found: pd.DataFrame, colour: str) -> tuple[Parts, list[Parts]]:
    """Return the triangles above the events, which say what each is and open its articles, and the shades below."""
    starts = mine["start"].sort_values().to_list()
    ends = dict(zip(starts, [*starts[1:], starts[-1] + (starts[-1] - starts[-2])], strict=True))
    half = (ends[starts[0]] - starts[0]) / 2
    top = float(mine[["high", "story_share"]].max().max()) * 1.08
    events = rows(found)
    shade = {"type": "rect", "y0": 0, "y1": 1, "fillcolor": _faint(colour, 0.1), "line": {"width": 0}, "layer": "below"}
    ways = ["triangle-up" if e.way == "rise" else "triangle-down" for e in events]
    marks = {
        "x": [e.start - half + (ends[e.end] - e.start) / 2 for e in events],
        "y": [top] * len(events),
        "mode": "markers",
        "cliponaxis": False,
        "marker": {"size": 12, "color": colour, "symbol": ways},
        "customdata": [[_told(e), counted(e.stories, "story", "stories"), e.page] for e in events],
        "hovertemplate": "%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
    }
    return marks, [{**shade, "x0": e.start - half, "x1": ends[e.end] - half} for e in events]


def _told(event: Any) -> str:
    when = f"{event.label}{' to the end' * bool(event.lasting)}"
    against = "before" if event.against == "before" else "in other periods"
    share, rest = (event.share, event.low, event.high), (event.rest, event.rest_low, event.rest_high)
    return f"<b>{safe(when)}: {event.way}</b><br>{with_bounds(*share)} of stories, {with_bounds(*rest)} {against}"


def _faint(colour: str, strength: float) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{strength})"


def _bands(mine: pd.DataFrame, colour: str) -> list[Parts]:
    """Fill between the bounds, in a piece of its own between gaps; a period alone gets a bar."""
    fill = _faint(colour, 0.16)
    return [
        {
            "x": [*piece["start"], *piece["start"][::-1]],
            "y": [*piece["high"], *piece["low"][::-1]],
            "mode": "lines",
            "line": {"color": fill, "width": 6 if len(piece) == 1 else 0},
            "fill": "toself",
            "fillcolor": fill,
            **_QUIET,
        }
        for _, piece in mine[mine["share"].notna()].groupby(mine["share"].isna().cumsum())
    ]


def crowded_span(points: pd.DataFrame) -> tuple[list[pd.Timestamp], int]:
    """Return the span that holds all but a hundredth of the articles, and how many lie outside."""
    totals = points.drop_duplicates("start").sort_values("start")
    part = totals["total"].cumsum() / max(1, totals["total"].sum())
    inside = totals[(part > _STRAY) & (part - totals["total"] / totals["total"].sum() < 1 - _STRAY)]
    if len(inside) > 0.7 * len(totals) or len(inside) < 2:
        inside = totals
    step = (totals["start"].iloc[1] - totals["start"].iloc[0]) / 2 if len(totals) > 1 else pd.Timedelta(days=3)
    span = [inside["start"].iloc[0] - step, inside["start"].iloc[-1] + step]
    return span, int(totals["total"].sum() - inside["total"].sum())


def axis_ticks(starts: pd.Series, span: list[pd.Timestamp]) -> dict[str, Any]:
    """Return what lets an axis name days on which weeks begin, nine at the most, or the only period that there is.

    Left to itself plotly names Sundays, and the days around. Nothing for other periods.
    """
    every = starts[starts.between(span[0], span[1])].drop_duplicates().sort_values()
    if len(every) == 1:
        return {"tickvals": every.tolist(), "ticktext": [date(every.iloc[0])]}
    if len(every) < 2 or not (every.diff().dropna() == pd.Timedelta(days=7)).all():
        return {}
    return {"tick0": every.iloc[0], "dtick": 7 * -(-len(every) // _MOST_DAYS) * _DAY, "tickformat": "%-d %b\n%Y"}


def strayed(outside: int) -> str:
    """Return how many articles a figure's axis leaves out."""
    return f"{counted(outside, 'article of a stray date lies', 'articles of stray dates lie')} outside the axis"


def _shares_table(points: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    cells = [
        [
            titles[p.theme],
            (p.label + (" (part)" if p.partial else ""), p.page) if p.articles else (p.label, ""),
            number(p.articles),
            number(p.total),
            percent(p.share),
            _interval(p.low, p.high),
            _interval(getattr(p, "wilson_low", float("nan")), getattr(p, "wilson_high", float("nan"))),
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
        ("if articles were independent", "number"),
        ("stories", "number"),
        ("share of stories", "number"),
    ]
    return Table("Shares", columns, cells)


def _interval(low: float, high: float) -> str:
    return "–" if pd.isna(low) else f"{percent(low)} to {percent(high)}"


_NOTHING = 0.0005
_STEPS = {
    "before": "first<br>window",
    "within": "same<br>sources",
    "mix": "their<br>mix",
    "newcomers": "new<br>sources",
    "leavers": "ended<br>sources",
    "after": "second<br>window",
}


def waterfall(compared: pd.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str], table: Table) -> go.Figure:
    """Draw what the change between two windows is made of, a row a theme, per article and per story side by side.

    `compared` from `changes.compare_windows`; `table` holds its numbers.
    """
    if compared.empty:
        return nothing("waterfall", "What the change is made of", "There are no two periods to compare.")
    names = [name for name in titles if name in set(compared["theme"])]
    units = [("article", "articles"), ("story", "stories")]
    headings = [f"{safe(titles[name])}<br>share of {unit}" for name in names for _, unit in units]
    room = (0.56 / max(2, len(names)), 0.08)
    still = (compared[["mix", "newcomers", "leavers"]].abs() < _NOTHING).all(axis=None)  # one source, or alike ones
    steps = [step for step in _STEPS if not (still and step in ("mix", "newcomers", "leavers"))]
    traces: list[Parts] = []
    for name, unit in ((name, unit) for name in names for unit, _ in units):
        mine = compared[(compared["theme"] == name) & (compared["unit"] == unit)].iloc[0]
        traces.append({**_steps(mine, steps, colours[name]), **within(len(traces))})
    across, upright = {"tickangle": 0, "tickfont": {"size": 12}}, {"tickformat": ".0%", "nticks": 5}
    layout = panels(headings, 2, room, {"font": {"size": 14}}, across, {**upright, "rangemode": "tozero"})
    layout |= {"showlegend": False, "hovermode": "closest"}
    caption = f"What the change of each share is made of: {windows_named(compared)}"
    return finish(traces, layout, "waterfall", caption, table, 110 + 262 * len(names))


def _steps(mine: pd.Series, steps: list[str], colour: str) -> Parts:
    values, said = [float(mine[step]) for step in steps], [_STEPS[step] for step in steps]
    words = [percent(values[0]), *(signed(value) for value in values[1:-1])]
    return {
        "type": "waterfall",
        "x": said,
        "y": values,
        "measure": ["absolute", *["relative"] * (len(steps) - 2), "total"],
        "text": [*words, percent(values[-1])],
        "textposition": "outside",
        "cliponaxis": False,
        "totals": {"marker": {"color": colour}},
        "increasing": {"marker": {"color": ACCENT}},
        "decreasing": {"marker": {"color": NO_THEME}},
        "connector": {"line": {"color": "#B8BDC4", "width": 1}},
        "hovertext": [step.replace("<br>", " ") for step in said],
        "hovertemplate": "%{hovertext}: %{text}<extra></extra>",
    }
