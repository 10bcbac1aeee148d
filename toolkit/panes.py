"""The parts of the linked view as widgets: the map (jupyter-scatter), the trends (plotly), and filters, table and
reader (a script of our own, `anywidget`). They show; what a click does is decided in `explore`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from toolkit import narrow
from toolkit.exhibits import date, number, percent, rows
from toolkit.opened import Ints, Opened
from toolkit.style import ACCENT, INK, NO_THEME, safe
from toolkit.trend_figures import crowded_span

NEEDED = ("anywidget", "ipywidgets", "jscatter")
PAGE = 50
_SCRIPT = Path(__file__).with_name("explore.js")
_FONT = "system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
_PANEL, _TOP = 118, 92
_EVEN = {"marker": {"opacity": 1}}
"""What lies outside a dragged stretch looks as what lies in it: the stretch is shaded instead."""


def lacking() -> list[str]:
    """Return which packages of the extra ``lab`` are not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


def panel(part: str, opened: Opened, **more: Any) -> Any:
    """Return the widget of our own script that shows the ``filters`` or the ``articles``."""
    anywidget, traits = import_module("anywidget"), import_module("traitlets")
    kinds = {
        "text": (traits.Unicode, ("part", "said", "code", "saved", "trouble", "by")),
        "list": (traits.List, ("notes", "themes", "rows")),
        "dict": (traits.Dict, ("offers", "choice", "card")),
        "int": (traits.Int, ("answered", "total", "page", "size")),
        "bool": (traits.Bool, ("searching", "deciding", "falling", "ranked")),
    }
    body: dict[str, Any] = {name: kind().tag(sync=True) for kind, names in kinds.values() for name in names}
    themes = [{"id": theme, "title": title, "colour": opened.colours[theme]} for theme, title in opened.titles.items()]
    made = type("Panel", (anywidget.AnyWidget,), body | {"_esm": _SCRIPT, "__doc__": panel.__doc__})
    return made(part=part, themes=themes, by="date", falling=True, size=PAGE, **more)


# The map --------------------------------------------------------------------------------------------------------


def map_pane(opened: Opened) -> tuple[Any, Ints]:
    """Return the map as a `jscatter.Scatter`, and the row of each of its points; None where nothing has a place."""
    places = opened.places
    on_map = np.flatnonzero(np.isfinite(places).all(axis=1)) if places is not None else np.array([], dtype=np.int64)
    if places is None or not len(on_map):
        return None, on_map
    order = on_map[np.argsort(opened.surest[on_map] >= 0, kind="stable")]  # those of a theme lie above the others
    scatter = import_module("jscatter").Scatter(
        data=_points(opened, order),
        x="x",
        y="y",
        color_by="theme",
        color_map=_colours(opened),
        color_selected=INK,
        opacity=0.75,
        opacity_unselected=0.12,
        size=7 if len(order) <= 1500 else 5 if len(order) <= 10_000 else 3,
        axes=False,
        height=_height(opened),
        width="auto",
        legend=False,
        label_by="topic",
    )
    scatter.label(size=11)
    scatter.camera(distance=1.2)  # room for the points and words at the edge
    scatter.tooltip(True, properties=["title", "source", "published", "theme", "topic"], preview=None, histograms=False)
    scatter.options(regl_scatterplot_options={"deselectOnDblClick": True})
    return scatter, order


def _points(opened: Opened, order: Ints) -> pd.DataFrame:
    """Return what the map shows of each article: its place, surest theme, and words for the pointer."""
    title, source = (opened.articles[name].iloc[order] for name in ("title", "source"))
    bare = (title == "").to_numpy()
    title = title.mask(bare, opened.articles["text"].iloc[order[bare]].str.slice(0, 160)) if bare.any() else title
    label = dict(zip(opened.topics["topic_id"], opened.topics["short"], strict=True))
    coded, every = pd.factorize(narrow.days(opened)[order])
    said = np.array([*(date(pd.Timestamp(day)) for day in every), "no date"], dtype=object)
    topic, topics = pd.factorize(opened.topic[order])
    names = [*_titles(opened).values(), "no theme"]
    assert opened.places is not None
    return pd.DataFrame(
        {
            "x": opened.places[order, 0],
            "y": opened.places[order, 1],
            "theme": pd.Categorical(np.array(names, dtype=object)[opened.surest[order]], names),
            "title": title.str.slice(0, 160).str.replace(r"\s+", " ", regex=True).to_numpy(),
            "source": source.str.slice(0, 60).to_numpy(),
            "published": said[coded],
            "topic": np.array([label.get(one, "none") for one in topics], dtype=object)[topic],
        }
    )


def _titles(opened: Opened) -> dict[str, str]:
    """Return theme -> title, told apart where two are alike or one is called as what has none."""
    found: dict[str, str] = {}
    for theme, title in opened.titles.items():
        found[theme] = f"{title} ({theme})" if title in {*found.values(), "no theme"} else title
    return found


def _colours(opened: Opened) -> dict[str, str]:
    titles = _titles(opened)
    return {titles[theme]: opened.colours[theme] for theme in titles} | {"no theme": NO_THEME}


def _height(opened: Opened) -> int:
    """The height of map and trends, in pixels."""
    return 60 + _TOP + _PANEL * max(3, len(opened.titles))


# The trends -----------------------------------------------------------------------------------------------------


def trends_pane(opened: Opened, table: pd.DataFrame) -> Any:
    """Return the trends as a `FigureWidget`: articles a period, then each theme's share with its band."""
    titles = opened.titles
    heights = [_TOP, *[_PANEL] * len(titles)]
    figure = make_subplots(
        rows=len(heights),
        cols=1,
        shared_xaxes=True,
        row_heights=heights,
        vertical_spacing=0.34 / max(3, len(heights)),
        subplot_titles=["Articles", *(f"{safe(title, 60)}, share of articles" for title in titles.values())],
    )
    for name in ("collected", "chosen"):
        figure.add_bar(name=name, marker={"line": {"width": 0}}, unselected=_EVEN, row=1, col=1)
    for row, theme in enumerate(titles, 2):
        colour = opened.colours[theme]
        quiet = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "fill": "toself"}
        figure.add_scatter(fillcolor=_faint(colour), **quiet, row=row, col=1)
        dots = {
            "mode": "lines+markers",
            "unselected": _EVEN,
            "line": {"color": colour, "width": 2},
            "cliponaxis": False,
        }
        marker = {"size": 6, "color": colour, "line": {"color": colour, "width": 1.5}}
        figure.add_scatter(marker=marker, **dots, row=row, col=1)
    _plain(figure, _height(opened))
    figure.update_xaxes(showticklabels=True, row=len(heights))
    figure.update_yaxes(tickformat=",d", row=1)
    span, stray = crowded_span(table[table["theme"] == ""])
    figure.update_xaxes(range=span)
    if stray:
        figure.layout.annotations[0].text = f"Articles ({number(stray)} of stray dates lie outside the axis)"
    figure.update_annotations(x=0, xanchor="left", font={"size": 13})
    _fill(figure, opened, table)
    with _without_grammars():
        widget = go.FigureWidget(figure)
    widget._config = {"displayModeBar": False, "responsive": True, "doubleClick": "reset"}
    return widget


def _plain(figure: go.Figure, height: int) -> None:
    """Give the trends their look; a drag across a panel chooses a span."""
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 52, "r": 12, "t": 24, "b": 30},
        font={"family": _FONT, "size": 12, "color": INK},
        paper_bgcolor="white",
        plot_bgcolor="white",
        showlegend=False,
        barmode="overlay",
        bargap=0.15,
        hovermode="closest",
        dragmode="select",
        selectdirection="h",
        autosize=True,
    )
    figure.update_xaxes(gridcolor="#E4E7EB", zeroline=False, showticklabels=False)
    figure.update_yaxes(gridcolor="#E4E7EB", zeroline=False, rangemode="tozero", nticks=4, fixedrange=True)
    figure.update_yaxes(tickformat=".0%")


@contextlib.contextmanager
def _without_grammars() -> Iterator[None]:
    """Keep plotly's widget from loading nbformat's checks of addresses (3 s of grammars), which nothing here needs."""
    name = "rfc3987_syntax"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


def redraw(widget: Any, opened: Opened, table: pd.DataFrame, span: tuple[str, str], drawn: bool) -> None:
    """Put the shares of a choice into the trends, in one message; the chosen span is shaded.

    `drawn`: a box was dragged in the browser, and is taken away.
    """
    with widget.batch_update():
        _fill(widget, opened, table)
        widget.layout.shapes = _span(*span, len(opened.titles) + 1)
    if drawn:  # no property holds it here, so that setting one would send nothing
        widget._send_relayout_msg({"selections": []})


def _fill(figure: Any, opened: Opened, table: pd.DataFrame) -> None:
    every = table[table["theme"] == ""]
    said = [f"{m.label}{', in part' * bool(m.partial)}" for m in rows(every)]
    for trace, column in zip(figure.data[:2], ("total", "articles"), strict=True):
        colour = "#D5D9DE" if column == "total" else ACCENT
        trace.update(x=every["start"], y=every[column], customdata=said, marker_color=[colour] * len(every))
        trace.hovertemplate = "%{customdata}: %{y:,} " + trace.name + "<extra></extra>"
    for place, theme in enumerate(opened.titles):
        mine = table[table["theme"] == theme]
        band, line = figure.data[2 + 2 * place : 4 + 2 * place]
        xs, ys = outline(mine)
        band.update(x=xs, y=ys)
        told = [[m.label, number(m.articles), number(m.total), percent(m.low), percent(m.high)] for m in rows(mine)]
        line.update(x=mine["start"], y=mine["share"], customdata=told)
        line.marker.color = ["white" if m.partial else opened.colours[theme] for m in rows(mine)]
        line.hovertemplate = (
            "<b>%{customdata[0]}</b><br>%{y:.1%} (%{customdata[3]} to %{customdata[4]})"
            "<br>%{customdata[1]} of %{customdata[2]} articles<extra></extra>"
        )


def outline(mine: pd.DataFrame) -> tuple[list[Any], list[Any]]:
    """Return the outline of a band, a closed piece for each stretch without gaps, None between the pieces."""
    xs: list[Any] = []
    ys: list[Any] = []
    for _, piece in mine[mine["share"].notna()].groupby(mine["share"].isna().cumsum()):
        xs += [*piece["start"], *piece["start"][::-1], None]
        ys += [*piece["high"], *piece["low"][::-1], None]
    return xs, ys


def _span(start: str, end: str, panels: int) -> list[dict[str, Any]]:
    if not start and not end:
        return []
    ends = {"x0": start or "0001-01-01", "x1": f"{end} 23:59:59" if end else "9999-12-31"}
    look = {"type": "rect", "fillcolor": "rgba(62,92,118,0.13)", "line": {"width": 0}, "layer": "below"}
    axes = [("x" if at == 1 else f"x{at}", "y domain" if at == 1 else f"y{at} domain") for at in range(1, panels + 1)]
    return [{**look, **ends, "xref": x, "yref": y, "y0": 0, "y1": 1} for x, y in axes]


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.16)"


def offered(opened: Opened) -> Mapping[str, list[list[Any]]]:
    """Return what the filters offer, as the script reads it."""
    return {name: [list(one) for one in many] for name, many in narrow.offers(opened).items()}
