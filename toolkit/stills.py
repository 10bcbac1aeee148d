"""The linked view as it stands in a notebook that is read and not run: a picture, the first rows, a sentence."""

from __future__ import annotations

import base64
import io
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

from toolkit.exhibits import Table, percent
from toolkit.narrow import Chosen
from toolkit.opened import Ints, Opened
from toolkit.shown import axis, listed
from toolkit.style import NO_THEME

_ROWS = 10
_MOST_POINTS = 6_000
_SHORT = 140
_LEFT = "<style>.tk-still td, .tk-still th { text-align: left !important; }</style>"
_MOST_NAMED, _MOST_OF = 12, 0.95


def still(opened: Opened, marks: Chosen, order: Ints, trends: pd.DataFrame, said: str) -> list[dict[str, Any]]:
    """Return a picture (where matplotlib is installed) and a table of a choice, as what a notebook shows."""
    shown = table(opened, order, said)._repr_mimebundle_()
    coded = f'<div class="tk-still">{_LEFT}{shown["text/html"]}</div>'
    still_table = {"text/html": coded, "text/plain": shown["text/plain"]}
    if find_spec("matplotlib") is None:
        return [still_table]
    picture = base64.b64encode(draw(opened, marks, trends)).decode()
    return [{"image/png": picture, "text/plain": f"Map of {said}, and each theme's share over time"}, still_table]


def table(opened: Opened, order: Ints, said: str) -> Table:
    """Return the first chosen articles as a table: date, source, title, themes, topic."""
    first = listed(opened, order[:_ROWS])
    cells = [
        [
            row["date"] or "no date",
            row["source"],
            row["title"] if len(row["title"]) <= _SHORT else row["title"][: _SHORT - 1] + "…",
            ", ".join(opened.titles[theme] for theme in row["themes"]),
            row["topic"],
        ]
        for row in first
    ]
    more = f"; the first {len(cells)} of them" if len(order) > len(cells) else ""
    columns = [(name, "text") for name in ("date", "source", "title", "themes", "topic")]
    return Table(said + more, columns, cells)


def draw(opened: Opened, marks: Chosen, trends: pd.DataFrame) -> bytes:
    """Return a PNG of the map and the trends; of more than 6,000 points every n-th is drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 1 + 1.5 * max(3, len(opened.titles))), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    panels = max(1, len(opened.titles))
    grid = figure.add_gridspec(panels, 2, width_ratios=(6, 5))
    _draw_map(figure.add_subplot(grid[:, 0]), opened, marks)
    for place, theme in enumerate(opened.titles):
        _draw_trend(figure.add_subplot(grid[place, 1]), opened, trends[trends["theme"] == theme], theme)
    held = io.BytesIO()
    figure.savefig(held, format="png", metadata={"Software": None})
    return held.getvalue()


def _draw_map(axes: Any, opened: Opened, marks: Chosen) -> None:
    from matplotlib.patheffects import withStroke

    axes.set_axis_off()
    if opened.places is None:
        axes.text(0.5, 0.5, "no map", ha="center")
        return
    colours = [*(opened.colours[theme] for theme in opened.titles), NO_THEME]
    for chosen, strength in ((False, 0.15), (True, 0.8)):
        inside = np.flatnonzero((marks.chosen == chosen) & np.isfinite(opened.places).all(axis=1))
        inside = inside[:: max(1, -(-len(inside) // _MOST_POINTS))]
        tint = [colours[at] for at in opened.surest[inside]]
        size = 14 if len(opened.articles) <= 1500 else 4 if len(opened.articles) <= 10_000 else 1.5
        axes.scatter(*opened.places[inside].T, s=size, c=tint, alpha=strength, linewidths=0)
    for theme, title in opened.titles.items():
        axes.scatter([], [], s=30, c=opened.colours[theme], label=_plain(title))
    for topic in opened.topics.nlargest(_MOST_NAMED, "articles", keep="all")["topic_id"].head(_MOST_NAMED):
        x, y = np.nanmedian(opened.places[opened.topic == topic], axis=0)
        name = opened.topics.loc[opened.topics["topic_id"] == topic, "short"].iat[0]
        axes.text(
            x, y, _plain(str(name)), fontsize=7, ha="center", path_effects=[withStroke(linewidth=2, foreground="w")]
        )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2, fontsize=8, frameon=False)


def _draw_trend(axes: Any, opened: Opened, mine: pd.DataFrame, theme: str) -> None:
    axes.set_title(_plain(opened.titles[theme]), loc="left", fontsize=9)
    if mine.empty:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no dates, no trend", ha="center")
        return
    colour = opened.colours[theme]
    axes.fill_between(mine["start"], mine["low"], mine["high"], color=colour, alpha=0.16, linewidth=0)
    axes.plot(mine["start"], mine["share"], color=colour, linewidth=1.5, marker=".", markersize=4)
    span, _ = axis(opened)
    axes.set_xlim(*span)
    weighty = mine.sort_values("total", ascending=False)  # a week of one article does not set a scale
    weighty = weighty[weighty["total"].cumsum() - weighty["total"] < _MOST_OF * weighty["total"].sum()]
    axes.set_ylim(0, 1.05 * max(0.01, weighty["high"].max()))
    axes.yaxis.set_major_formatter(lambda value, _: percent(value))
    dates = import_module("matplotlib.dates")
    axes.xaxis.set_major_locator(dates.AutoDateLocator(minticks=2, maxticks=5))
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(axes.xaxis.get_major_locator()))
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _plain(title: str) -> str:
    """Return a title that matplotlib does not read as mathematics."""
    return title[:60].replace("$", r"\$")
