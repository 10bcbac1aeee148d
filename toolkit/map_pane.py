"""The map of the linked view, a point an article (`jscatter`): what is chosen and decided shows on it."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from toolkit import narrow
from toolkit.exhibits import date
from toolkit.opened import Ints, Opened
from toolkit.style import INK, NO_THEME

_NAMELESS = "none"
_DARK = {"paper": "#111111", "ink": "#E6E9EC", "no theme": "#59616B"}
_LIGHT = {"paper": "#FFFFFF", "ink": INK, "no theme": NO_THEME}
_LETTERS = 12
_LOWEST, _PANEL = 420, 112
"""Pixels: the least height of the map, and what each panel of the trends beside it adds."""


class Map(NamedTuple):
    """A map: the `jscatter.Scatter`, the row of each of its points, and the words that it has of them."""

    scatter: Any
    order: Ints
    points: pd.DataFrame


def map_pane(opened: Opened) -> Map | None:
    """Return the map; None where no article has a place."""
    places = opened.places
    on_map = np.flatnonzero(np.isfinite(places).all(axis=1)) if places is not None else np.array([], dtype=np.int64)
    if places is None or not len(on_map):
        return None
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
        size=7 if len(order) <= 1500 else 5 if len(order) <= 10_000 else 3,
        axes=False,
        height=height(opened),
        width="auto",
        legend=False,
    )
    found = Map(scatter, order, points)
    _label(found, size=_LETTERS)
    scatter.camera(distance=1.2)  # room for the points and words at the edge
    scatter.tooltip(True, properties=["title", "source", "published", "theme", "topic"], preview=None, histograms=False)
    scatter.options(regl_scatterplot_options={"deselectOnDblClick": True})
    return found


def height(opened: Opened) -> int:
    """Return the height of the map in pixels, about that of the trends beside it."""
    return max(_LOWEST, _PANEL * (1 + len(opened.titles)))


def rename(shown: Map, opened: Opened) -> None:
    """Let the words on the map, and those of the pointer, be those of the topics as they are now."""
    shown.points["topic"] = _topics(opened, shown.order)
    _label(shown)


def darken(shown: Map, opened: Opened, dark: bool) -> None:
    """Draw the map on dark ground, or on white."""
    look = _DARK if dark else _LIGHT
    shown.scatter.background(look["paper"])
    shown.scatter.color(map=_colours(opened, look), selected=look["ink"])
    _label(shown, color=look["ink"], shadow_color=look["paper"])


def _label(shown: Map, **more: Any) -> None:
    """Put the topics' names on the map; it looks at its table again only where they were taken away before."""
    nameless = (shown.points["topic"] == _NAMELESS).any()
    shown.scatter.label(by=None)
    shown.scatter.label(by="topic", exclude=[f"topic:{_NAMELESS}"] if nameless else [], **more)


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
    """Return the short name of each point's topic."""
    label = dict(zip(opened.topics["topic_id"], opened.topics["short"], strict=True))
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
