"""What all figures share: palette, layout, escaping of article text, and the numbers beside each."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from toolkit.exhibits import Table

PALETTE = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#5D5D5D")
"""Okabe & Ito 2008, told apart with any kind of colour vision; themes take them in the order of their file."""
SOURCES = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499", "#C9CED6")
"""Tol 2021, 'muted': other colours than the themes have; the last is for all others."""
NO_THEME, ACCENT, INK = "#B8BDC4", "#3E5C76", "#1F2933"
_GRID = "#E4E7EB"
_DAY = 86_400_000
_DAYS = [{"dtickrange": [_DAY, 28 * _DAY], "value": "%-d %b\n%Y"}]
"""Days on an axis as they are written beside it; in milliseconds between two of them."""


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


def finish(figure: go.Figure, name: str, caption: str, table: Table, height: int) -> go.Figure:
    """Give a figure its layout, height in pixels, and what the report shows around it.

    The buttons stand one below the other in the right margin, where nothing else does.
    """
    titled = any(axis.title.text for axis in figure.select_xaxes())
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 64, "r": 44, "t": 48, "b": 68 if titled else 52},
        modebar={"orientation": "v"},
        paper_bgcolor="white",
        plot_bgcolor="white",
        font={"family": "system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif", "size": 14, "color": INK},
        hoverlabel={"align": "left", "bgcolor": "white", "font": {"color": INK}},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        meta={"id": name, "caption": caption, "alt": caption, "table": table.as_json()},
    )
    figure.update_xaxes(
        gridcolor=_GRID,
        zeroline=False,
        linecolor=_GRID,
        automargin=True,
        tickformatstops=_DAYS,
        title_standoff=14,
        ticklabelstandoff=4,
    )
    figure.update_yaxes(gridcolor=_GRID, zeroline=False, linecolor=_GRID, automargin=True)
    return figure


def theme_colours(themes: Sequence[Any]) -> dict[str, str]:
    """Return theme id -> colour, in the order of the theme file; ``""`` is no theme."""
    return {theme.id: PALETTE[i % len(PALETTE)] for i, theme in enumerate(themes)} | {"": NO_THEME}


def topic_colour(topic_id: int) -> str:
    """Return the colour of a topic; it goes with the id, which a series of runs keeps."""
    colours = (*SOURCES[:-1], *PALETTE[:-1])
    return colours[topic_id % len(colours)] if topic_id >= 0 else NO_THEME


def nothing(name: str, caption: str, why: str) -> go.Figure:
    """Return a figure that says why there is nothing to show."""
    figure = go.Figure()
    figure.add_annotation(text=why, showarrow=False, font={"size": 15}, x=0.5, y=0.5, xref="paper", yref="paper")
    finish(figure, name, caption, Table(caption, [("", "text")], [[why]]), 160)
    figure.update_xaxes(visible=False)
    return figure.update_yaxes(visible=False)
