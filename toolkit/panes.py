"""The parts of the linked view that a script of our own draws (`anywidget`): filters, trends, table and reader. They
show; what a click does is decided in `explore`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from toolkit import narrow, shown
from toolkit.exhibits import counted, number, rows, with_bounds
from toolkit.opened import Opened

NEEDED = ("anywidget", "ipywidgets", "jscatter")
PAGE = 50
_SCRIPTS = ("trends.js", "deciding.js", "reader.js", "explore.js")
"""One script, in parts: the last has what all share, and hands the whole to anywidget."""
_TRAITS = {
    "Unicode": ("part", "said", "code", "saved", "trouble", "by", "asked", "mostly", "kept"),
    "List": ("notes", "themes", "rows", "pending", "pinned", "span"),
    "Dict": ("offers", "choice", "card", "trends"),
    "Int": ("answered", "total", "page", "size"),
    "Bool": ("searching", "deciding", "falling", "ranked"),
}


def lacking() -> list[str]:
    """Return which packages of the extra ``lab`` are not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


def panel(part: str, opened: Opened, **more: Any) -> Any:
    """Return the widget of our own script that shows the ``filters``, the ``trends`` or the ``articles``."""
    anywidget, traits = import_module("anywidget"), import_module("traitlets")
    body: dict[str, Any] = {
        name: getattr(traits, kind)().tag(sync=True) for kind, names in _TRAITS.items() for name in names
    }
    themes = [{"id": theme, "title": title, "colour": opened.colours[theme]} for theme, title in opened.titles.items()]
    script = "\n".join(Path(__file__).with_name(name).read_text("utf-8") for name in _SCRIPTS)
    made = type("Panel", (anywidget.AnyWidget,), body | {"_esm": script, "__doc__": panel.__doc__})
    return made(part=part, themes=themes, by="date", falling=True, size=PAGE, **more)


def offered(opened: Opened) -> Mapping[str, list[list[Any]]]:
    """Return what the filters offer, as the script reads it."""
    return {name: [list(one) for one in many] for name, many in narrow.offers(opened).items()}


def drawn(opened: Opened, table: pd.DataFrame) -> dict[str, Any]:
    """Return the shares of a choice (`shown.shares`) as the script draws them; times are milliseconds since 1970."""
    every = table[table["theme"] == ""]
    span, stray = shown.axis(opened)
    lines = [
        _line(opened.titles[theme], opened.colours[theme], table[table["theme"] == theme]) for theme in opened.titles
    ]
    return {
        "start": _milliseconds(every["start"]),
        "label": every["label"].tolist(),
        "partial": every["partial"].tolist(),
        "total": every["total"].tolist(),
        "articles": every["articles"].tolist(),
        "range": _milliseconds(pd.Series(span)),
        "stray": stray,
        "lines": lines,
    }


def _line(title: str, colour: str, mine: pd.DataFrame) -> dict[str, Any]:
    said = [
        f"{with_bounds(m.share, m.low, m.high)}, {number(m.articles)} of {counted(m.total, 'article')}"
        if m.total
        else "no articles"
        for m in rows(mine)
    ]
    kept = {
        name: [None if np.isnan(value) else round(float(value), 6) for value in mine[name]]
        for name in ("share", "low", "high")
    }
    return {"title": title, "colour": colour, "words": said, **kept}


def _milliseconds(times: pd.Series) -> list[int]:
    return [int(time) for time in times.to_numpy().astype("datetime64[ms]").astype("int64")]
