"""The map of the linked view, a point an article (`jscatter`): what is chosen and decided shows on it."""

from __future__ import annotations

import logging
import re
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from toolkit import narrow
from toolkit.exhibits import date
from toolkit.opened import Bools, Ints, Opened
from toolkit.style import INK, NO_THEME

_NAMELESS = "none"
_DARK = {"paper": "#212121", "ink": "#E6E9EC", "no theme": "#59616B"}
_LIGHT = {"paper": "#FFFFFF", "ink": INK, "no theme": NO_THEME}
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_LETTERS, _LETTER, _LINE = 12, 6.6, 15
"""Pixels: the size of names on the map, about the width of a letter, and the height of a line."""
_ALWAYS = (-np.inf, np.inf)
HEIGHT = 400
"""Pixels: what a laptop's screen has left below the filters."""
_DISTANCE, _CLOSEST = 1.2, 32.0


class Map(NamedTuple):
    """A map: the `jscatter.Scatter`, the row of each of its points, and the words that it has of them."""

    scatter: Any
    order: Ints
    points: pd.DataFrame
    named: set[str]
    """The topics of the points that are shown: the names of others are not on the map."""


def map_pane(opened: Opened) -> Map | None:
    """Return the map; None where no article has a place."""
    places = opened.places
    on_map = np.flatnonzero(np.isfinite(places).all(axis=1)) if places is not None else np.array([], dtype=np.int64)
    if places is None or not len(on_map):
        return None
    logging.getLogger("jscatter").setLevel(
        logging.WARNING
    )  # it tells of each label, below the cell, where another logs
    order = on_map[np.argsort(opened.surest[on_map] >= 0, kind="stable")]  # those of a theme lie above the others
    points = _points(opened, order)
    scatter = import_module("jscatter").Scatter(
        data=points,
        x="x",
        y="y",
        color_by="theme",
        color_map=_colours(opened, _LIGHT),
        color_selected=INK,
        opacity=0.75,
        opacity_unselected=0.12,
        size=_size(len(order)),
        axes=False,
        height=HEIGHT,
        width="auto",
        legend=False,
    )
    found = Map(scatter, order, points, set(points["topic"]))
    scatter.widget.observe(lambda change: _name(found, change["new"]), "labels")
    _label(found, size=_LETTERS)
    scatter.camera(distance=_DISTANCE)  # room for the points and words at the edge
    scatter.tooltip(True, properties=["title", "source", "published", "theme", "topic"], preview=None, histograms=False)
    scatter.reticle(False)
    scatter.options(regl_scatterplot_options={"deselectOnDblClick": True})
    return found


def _size(count: int) -> int:
    """Return how large a point is, in pixels, where so many are shown."""
    return 7 if count <= 1500 else 5 if count <= 10_000 else 3


def show(shown: Map, left: Bools, picked: Ints | None) -> None:
    """Show the articles that are `left` (a mark an article), and mark those that are `picked` (rows) among them."""
    here = left[shown.order]
    shown.scatter.size(default=_size(int(here.sum())))
    shown.scatter.filter(None if here.all() else np.flatnonzero(here))
    shown.scatter.selection([] if picked is None else np.flatnonzero(here & np.isin(shown.order, picked)))
    left_named = set(shown.points["topic"].to_numpy()[here])
    if left_named != shown.named:
        shown.named.clear()
        shown.named.update(left_named)
        _name(shown, _placed(shown))


def rename(shown: Map, opened: Opened) -> None:
    """Let the words on the map, and those of the pointer, be those of the topics as they are now."""
    shown.points["topic"] = _topics(opened, shown.order)
    shown.named.update(shown.points["topic"])
    _label(shown)


def darken(shown: Map, opened: Opened, dark: bool, paper: str = "") -> None:
    """Draw the map on dark ground, or on light; `paper` is its colour, such as ``#212121``.

    Set on the widget alone: `Scatter.background` would bring axes and a legend with it.
    """
    look = _DARK if dark else _LIGHT
    look = {**look, "paper": paper} if _COLOUR.fullmatch(paper) else look
    shown.scatter.widget.background_color = [int(look["paper"][at : at + 2], 16) / 255 for at in (1, 3, 5)] + [1.0]
    shown.scatter.widget.tooltip_color = [0.2, 0.2, 0.2, 1.0] if dark else [1.0, 1.0, 1.0, 1.0]
    shown.scatter.color(map=_colours(opened, look), selected=look["ink"])
    _label(shown, color=look["ink"], shadow_color=look["paper"])
    for pixels in (HEIGHT + 1, HEIGHT):  # while JupyterLab changed its look the names had no room, and measure it anew
        shown.scatter.height(pixels)


def _label(shown: Map, **more: Any) -> None:
    """Put the topics' names on the map; where two would lie over each other, that of the smaller topic from closer by.

    The map looks at its table again only where names were taken away before, and measures Latin letters alone.
    """
    scatter, names = shown.scatter, shown.points["topic"]
    nameless = [f"topic:{_NAMELESS}"] if (names == _NAMELESS).any() else []
    more = {"positioning": "center_of_mass", "exclude": nameless, **more}
    scatter.label(by=None)
    scatter.label(by="topic", zoom_range=_ALWAYS, **more)
    placed = scatter.widget.labels
    ranges = {} if placed is None else _ranges(placed, shown.points, names.value_counts())
    if ranges:
        scatter.label(by=None)
        scatter.label(by="topic", zoom_range=ranges, **more)


def _placed(shown: Map) -> pd.DataFrame | None:
    """Return all names that the part of the map in view has, and where."""
    widget, to_js = shown.scatter.widget, import_module("jscatter.label_placement").to_js
    made = widget.label_placement
    return None if made is None else to_js(made.get_labels_from_tiles(widget.label_tiles))


def _name(shown: Map, labels: pd.DataFrame | None) -> None:
    """Leave the names of topics away of which no point is shown; the map makes its list anew when it is moved.

    It draws other names only where all were taken away before.
    """
    widget = shown.scatter.widget
    if labels is None or (labels is widget.labels and labels["label"].isin(shown.named).all()):
        return
    widget.labels = None
    widget.labels = labels[labels["label"].isin(shown.named)].reset_index(drop=True)


def _ranges(placed: pd.DataFrame, points: pd.DataFrame, sizes: pd.Series) -> dict[str, tuple[float, float]]:
    """Return from which zoom (2 to its power) a name is shown, for those that lie over that of a larger topic."""
    order = placed.assign(size=placed["label"].map(sizes)).sort_values(["size", "label"], ascending=[False, True])
    across, down = (HEIGHT / max(float(np.ptp(points[axis])), 1e-9) for axis in ("x", "y"))
    found: dict[str, tuple[float, float]] = {}
    before: list[tuple[float, float, float]] = []
    for label, x, y in zip(order["label"], order["x"] * across, order["y"] * down, strict=True):
        width = _LETTER * len(label)
        needed = [
            min((width + other[2]) / 2 / max(abs(x - other[0]), 1e-9), _LINE / max(abs(y - other[1]), 1e-9))
            for other in before
        ]
        if (zoom := max(needed, default=0)) > 1 / _DISTANCE:
            found[f"topic:{label}"] = (float(np.log2(min(zoom, _CLOSEST))), np.inf)
        before.append((x, y, width))
    return found


def _points(opened: Opened, order: Ints) -> pd.DataFrame:
    """Return what the map shows of each article: its place, surest theme, and words for the pointer."""
    title, source = (opened.articles[name].iloc[order] for name in ("title", "source"))
    bare = (title == "").to_numpy()
    title = title.mask(bare, opened.articles["text"].iloc[order[bare]].str.slice(0, 160)) if bare.any() else title
    coded, every = pd.factorize(narrow.days(opened)[order])
    said = np.array([*(date(pd.Timestamp(day)) for day in every), "no date"], dtype=object)
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
            "topic": _topics(opened, order),
        }
    )


def _topics(opened: Opened, order: Ints) -> Any:
    """Return the short name of each point's topic: with a space behind it where the map could not measure it else."""
    names = [name if any(ord(letter) < 128 for letter in name) else f"{name} " for name in opened.topics["short"]]
    label = dict(zip(opened.topics["topic_id"], names, strict=True))
    topic, topics = pd.factorize(opened.topic[order])
    return np.array([label.get(one, _NAMELESS) for one in topics], dtype=object)[topic]


def _titles(opened: Opened) -> dict[str, str]:
    """Return theme -> title, told apart where two are alike or one is called as what has none."""
    found: dict[str, str] = {}
    for theme, title in opened.titles.items():
        found[theme] = f"{title} ({theme})" if title in {*found.values(), "no theme"} else title
    return found


def _colours(opened: Opened, look: dict[str, str]) -> dict[str, str]:
    titles = _titles(opened)
    return {titles[theme]: opened.colours[theme] for theme in titles} | {"no theme": look["no theme"]}
