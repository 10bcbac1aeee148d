"""What all figures share: palette, layout, escaping of article text, and the numbers beside each.

A figure is made of plain dicts, as plotly's reference has them, and handed to plotly once: adding traces and setting
properties one by one takes it ten times as long. It takes them as they are, so they are written out in full (a title is
a dict); the tests let it look at each.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from toolkit.exhibits import Table

Parts = dict[str, Any]
"""A trace or a layout (or a part of one), as plotly's reference describes it."""
PALETTE = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#5D5D5D")
"""Okabe & Ito 2008, told apart with any kind of colour vision; themes take them in the order of their file."""
SOURCES = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499", "#C9CED6")
"""Tol 2021, 'muted': other colours than the themes have; the last is for all others."""
NO_THEME, ACCENT, INK = "#B8BDC4", "#3E5C76", "#1F2933"
_GRID = "#E4E7EB"
_DAY = 86_400_000
_DAYS = [{"dtickrange": [_DAY, 28 * _DAY], "value": "%-d %b\n%Y"}]
"""Days on an axis as they are written beside it; in milliseconds between two of them."""
_LAYOUT = {
    "template": {"data": {"scatter": [{"type": "scatter"}]}},
    "modebar": {"orientation": "v"},
    "paper_bgcolor": "white",
    "plot_bgcolor": "white",
    "font": {"family": "system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif", "size": 14, "color": INK},
    "hoverlabel": {"align": "left", "bgcolor": "white", "font": {"color": INK}},
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
}
"""The buttons stand one below the other in the right margin, where nothing else does."""
_AXIS = {"gridcolor": _GRID, "zeroline": False, "linecolor": _GRID, "automargin": True}
_ACROSS = {**_AXIS, "tickformatstops": _DAYS, "ticklabelstandoff": 4}
_STANDOFF = {"standoff": 14}


class Steady(list[Any]):
    """A list that nobody changes, so that it need not be copied: plotly copies all that a figure holds four times."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Steady:
        return self


def safe(text: str, width: int = 0) -> str:
    """Escape article text for plotly's own HTML; with a width, cut it there."""
    text = " ".join(str(text).split())
    if width and len(text) > width:
        text = text[: width - 1].rstrip() + "…"
    return html.escape(text, quote=False)


def wrap(text: str, width: int = 60) -> str:
    """Escape article text and break it into at most three lines."""
    lines = textwrap.wrap(" ".join(str(text).split()), width, max_lines=3, placeholder="…")
    return "<br>".join(html.escape(line, quote=False) for line in lines)


def finish(traces: Sequence[Parts], layout: Parts, name: str, caption: str, table: Table, height: int) -> go.Figure:
    """Return the figure of `traces`, with its `layout`, height in pixels, and what the report shows around it."""
    across, upright = _axes(layout, "xaxis", _ACROSS), _axes(layout, "yaxis", _AXIS)
    for axis in across.values():
        axis["title"] = _titled(axis) | _STANDOFF
    for axis in upright.values():
        axis |= {"title": _titled(axis)} if "title" in axis else {}
    bottom = 68 if any(axis["title"].get("text") for axis in across.values()) else 52
    shown = {
        "height": height,
        "margin": {"l": 64, "r": 44, "t": 48, "b": bottom},
        "meta": {"id": name, "caption": caption, "alt": caption, "table": _steady(table.as_json(), "rows")},
    }
    layout = {part: value for part, value in layout.items() if value != []} | across | upright | _LAYOUT | shown
    drawn = [_steady(_bare(trace), "customdata") for trace in traces]
    return go.Figure({"data": drawn, "layout": layout}, _validate=False)


def _steady(part: Parts, name: str) -> Parts:
    """Return a part with its largest list, if it has that, as one that is not copied."""
    return part | {name: Steady(part[name])} if isinstance(part.get(name), list) else part


def _bare(part: Parts) -> Parts:
    """Return a part with arrays in place of columns, for which plotly would import half a library."""
    bare = {name: _bare(value) for name, value in part.items() if isinstance(value, dict)}
    return part | bare | {name: value.to_numpy() for name, value in part.items() if isinstance(value, pd.Series)}


def _axes(layout: Parts, kind: str, common: Parts) -> dict[str, Parts]:
    """Return the axes of a kind, which all have what is `common`; the first is there even if the layout has none."""
    return {name: {**layout.get(name, {}), **common} for name in {kind, *layout} if name.startswith(kind)}


def _titled(axis: Parts) -> Parts:
    title = axis.get("title", {})
    return {"text": title} if isinstance(title, str) else title


def panels(
    headings: Sequence[str], columns: int, room: tuple[float, float], heading: Parts, across: Parts, upright: Parts
) -> Parts:
    """Return the layout of panels row by row, a heading above each: axes ``xaxis, xaxis2, ...`` and annotations.

    In one column the panels share what is across, in several those of a row what is upright. `room` is what is left
    between rows and between columns, as parts of the whole; the others are what all headings and axes have in common.
    """
    rows = -(-len(headings) // columns)
    high, wide = ((1 - gap * (count - 1)) / count for gap, count in zip(room, (rows, columns), strict=True))
    axes, told = {}, []
    for place, text in enumerate(headings):
        row, column = divmod(place, columns)
        left, low = column * (wide + room[1]), (rows - 1 - row) * (high + room[0])
        x: Parts = {"domain": [left, left + wide]}
        y: Parts = {"domain": [low, low + high]}
        if columns == 1 and row < rows - 1:
            x |= {"matches": within(rows - 1)["xaxis"], "showticklabels": False}
        if column:
            y |= {"matches": within(place - column)["yaxis"], "showticklabels": False}
        mine = within(place)
        axes[mine["xaxis"].replace("x", "xaxis")] = x | {"anchor": mine["yaxis"]} | across
        axes[mine["yaxis"].replace("y", "yaxis")] = y | {"anchor": mine["xaxis"]} | upright
        at = {"x": left + wide / 2, "xanchor": "center", "y": low + high, "yanchor": "bottom"}
        told.append({"text": text, "showarrow": False, "xref": "paper", "yref": "paper", **at, **heading})
    return {**axes, "annotations": told}


def within(place: int) -> Parts:
    """Return what puts a trace into a panel, the first being 0."""
    number = str(place + 1) if place else ""
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"}


def rehearse() -> None:
    """Draw a figure that nobody sees: the first of a process takes it a tenth of a second, the next ones little."""
    marked = {"x": np.zeros(1), "marker": {"size": 1, "line": {"width": 1}}, "hovertemplate": ""}
    traces: list[Parts] = [
        {"type": "scatter", "line": {"width": 1}, **marked},
        {"type": "bar", "marker": {"color": INK}},
    ]
    layout = panels(["", ""], 2, (0, 0), {"font": {"size": 1}}, {"title": ""}, {"title": ""})
    shapes = [{"type": "rect", "line": {"width": 0}}]
    finish(traces, layout | {"shapes": shapes}, "", "", Table("", []), 100).to_plotly_json()


def theme_colours(themes: Sequence[Any]) -> dict[str, str]:
    """Return theme id -> colour, in the order of the theme file; ``""`` is no theme."""
    return {theme.id: PALETTE[i % len(PALETTE)] for i, theme in enumerate(themes)} | {"": NO_THEME}


def topic_colour(topic_id: int) -> str:
    """Return the colour of a topic; it goes with the id, which a series of runs keeps."""
    colours = (*SOURCES[:-1], *PALETTE[:-1])
    return colours[topic_id % len(colours)] if topic_id >= 0 else NO_THEME


def nothing(name: str, caption: str, why: str) -> go.Figure:
    """Return a figure that says why there is nothing to show."""
    said = {"text": why, "showarrow": False, "font": {"size": 15}, "x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper"}
    layout = {"annotations": [said], "xaxis": {"visible": False}, "yaxis": {"visible": False}}
    return finish([], layout, name, caption, Table(caption, [("", "text")], [[why]]), 160)
