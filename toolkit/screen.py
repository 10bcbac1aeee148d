"""The widgets of a view, linked: they show what is chosen, and what is clicked there is chosen.

Filters, trends, table and reader are there at once; the map comes after them, since its library takes longest to load.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from toolkit import map_pane, narrow, panes, shown
from toolkit.exhibits import counted, number
from toolkit.narrow import Choice
from toolkit.schema import ToolkitError

_HALF = {"flex": "1 1 420px", "min_width": "320px", "margin": "0"}


class Screen:
    """What is shown of a view (`explore.View`), which is told what is clicked."""

    def __init__(self, view: Any, can: Mapping[str, bool]) -> None:
        self.view = view
        run, widgets = view.run, import_module("ipywidgets")
        self.filters = panes.panel("filters", run, offers=panes.offered(run), notes=list(run.notes), **can)
        self.articles = panes.panel("articles", run, **can)
        self.trends = None if run.calendar.empty else panes.panel("trends", run, trends=panes.drawn(run, view.trends))
        self.map: map_pane.Map | None = None
        self._page, self._busy = 0, False
        self._ground: tuple[bool, str] | None = None
        """Whether JupyterLab is dark, and its colour; None: not told yet, which is on white."""
        parts = [panel for panel in (self.filters, self.trends, self.articles) if panel is not None]
        for panel in parts:
            panel.on_msg(lambda panel, content, _: self.heard(panel, content))
        sides = [self.trends] if self.trends is not None else []
        self._sides = [widgets.Box([side], layout=widgets.Layout(**_HALF)) for side in sides]
        sides = [*self._room_for_map(), *self._sides]
        self._middle = widgets.HBox(sides, layout=widgets.Layout(flex_flow="row wrap", width="100%"))
        self.all = widgets.VBox([self.filters, self._middle, self.articles], layout=widgets.Layout(width="100%"))
        self.show_choice()
        self.show_rows(0)
        self.show_pending()

    def _room_for_map(self) -> list[Any]:
        """Return what stands where the map will be, so that nothing moves when it comes."""
        if self.view.run.places is None:
            return []
        widgets = import_module("ipywidgets")
        layout = widgets.Layout(**_HALF, min_height=f"{map_pane.HEIGHT}px")
        return [widgets.Box([widgets.Label("The map is being drawn.")], layout=layout)]

    def add_map(self) -> None:
        """Add the map, once; nothing where no article has a place."""
        if self.map is not None:
            return
        widgets = import_module("ipywidgets")
        self.map = map_pane.map_pane(self.view.run)
        if self.map is None:
            self._middle.children = self._sides
            return
        self.map.scatter.widget.observe(self._lassoed, "selection")
        drawn = self.map.scatter.show()
        drawn.layout.width = "100%"
        self._middle.children = [widgets.Box([drawn], layout=widgets.Layout(**_HALF)), *self._sides]
        self.show_map()
        self._look()

    # What is shown ----------------------------------------------------------------------------------------------

    def show_all(self) -> None:
        """Show what is chosen, everywhere."""
        self.show_choice()
        self.show_rows(0)
        self.show_map()
        if self.trends is not None:
            choice = self.view.choice
            with self.trends.hold_sync():
                self.trends.trends = panes.drawn(self.view.run, self.view.trends)
                self.trends.span = [choice.start, choice.end]

    def show_choice(self) -> None:
        """Show the filters that hold, in words and in code."""
        view, picked = self.view, self.view.choice.picked
        facets = {f.name: getattr(view.choice, f.name) for f in fields(Choice) if f.name != "picked"}
        said: dict[str, Any] = {name: list(v) if isinstance(v, tuple) else v for name, v in facets.items()}
        said["picked"] = "" if picked is None else f"{number(len(picked))} {view.found.how}"
        with self.filters.hold_sync():
            self.filters.choice, self.filters.asked = said, view.found.asked
            self.filters.said, self.filters.code = shown.said(view.run, view.marks.chosen), view.code
            self.filters.mostly = shown.mostly(view.run, view.marks.chosen)
            self.filters.saved = ""

    def show_rows(self, page: int) -> None:
        """Show a page of the table, the first or last where there is none such."""
        view, panel = self.view, self.articles
        self._page = min(max(0, page), max(0, (len(view.rows) - 1) // panes.PAGE))
        start = self._page * panes.PAGE
        with panel.hold_sync():
            panel.rows = shown.listed(view.run, view.rows[start : start + panes.PAGE])
            panel.total, panel.page = len(view.rows), self._page
            panel.by, panel.falling = view.by, view.falling
            panel.ranked, panel.kept = bool(view.found.call), ""

    def show_map(self) -> None:
        """Let the map show what the other filters leave, and mark what is picked."""
        if self.map is None:
            return
        picked, left = self.view.choice.picked, narrow.choose(self.view.run, replace(self.view.choice, picked=None))
        self._busy = True
        try:
            map_pane.show(self.map, left.chosen, picked)
        finally:
            self._busy = False

    def show_topics(self) -> None:
        """Show topics by the names that they have now: filters, reader, and the words on the map."""
        self.filters.offers = panes.offered(self.view.run)
        self.show_pending()
        self.show_card(self.articles.card.get("row"))
        if self.map is not None:
            map_pane.rename(self.map, self.view.run)

    def show_pending(self) -> None:
        """Show what is decided and not in the run yet, and each topic's theme."""
        topics = self.view.run.topics
        self.filters.pinned = [
            [int(t), str(theme)] for t, theme in zip(topics["topic_id"], topics["theme"], strict=True)
        ]
        self.filters.pending = list(self.view.pending())

    def show_card(self, row: int | None) -> None:
        """Open an article in the reader; None: leave it empty."""
        if row is not None:
            self.articles.card = self.view.card(row)

    def tell(self, sentence: str, read: str = "") -> None:
        """Say something beside the filters, and in the reader."""
        self.filters.saved, self.articles.saved = sentence, read

    # From the browser -------------------------------------------------------------------------------------------

    def heard(self, panel: Any, content: Mapping[str, Any]) -> None:
        """Do what a message says; what goes wrong is shown where it came from."""
        try:
            self._do(content)
            panel.trouble = ""
        except ToolkitError as error:
            panel.trouble = str(error)
        panel.answered = int(content.get("number", 0))

    def _do(self, said: Mapping[str, Any]) -> None:
        view = self.view
        match said:
            case {"do": "add", "name": str(name), "value": value}:
                now = getattr(view.choice, name, ())
                now = now if isinstance(now, tuple) else ()
                view.filter(**{name: (*now, *([value] if value not in now else []))})
            case {"do": "remove", "name": str(name), "value": value}:
                view.drop(name, value)
            case {"do": "dates", "start": start, "end": end}:
                view.filter(start=start, end=end)
            case {"do": "span", "low": int() | float() as low, "high": int() | float() as high}:
                self._spanned(low, high)
            case {"do": "text", "value": value}:
                view.filter(text=value)
            case {"do": "find", "value": str(query)}:
                view.find(query)
            case {"do": "clear"}:
                view.clear()
            case {"do": "look", "dark": bool(dark), "paper": str(paper)}:
                self._ground = (dark, paper)
                self._look()
            case _:
                self._do_with_rows(said)

    def _do_with_rows(self, said: Mapping[str, Any]) -> None:
        view = self.view
        match said:
            case {"do": "page", "page": int(page)}:
                self.show_rows(page)
            case {"do": "sort", "by": str(by), "falling": bool(falling)}:
                view.sort(by, falling)
            case {"do": "open", "row": int(row)} if 0 <= row < len(view.run.articles):
                self.show_card(row)
                self.tell("")
            case {"do": "like", "row": int(row)} if 0 <= row < len(view.run.articles):
                view.like(view.run.articles["article_id"].iat[row])
            case {"do": "save", "path": str(path)}:
                self.articles.kept = f"{counted(len(view.rows), 'article')} saved as {view.save(path)}"
            case {"do": "decide", "decision": dict(decision)}:
                view.decide(decision)

    def _look(self) -> None:
        if self.map is not None and self._ground is not None:
            map_pane.darken(self.map, self.view.run, *self._ground)

    def _lassoed(self, change: Mapping[str, Any]) -> None:
        if self._busy or self.map is None:
            return
        found = np.asarray(change["new"] if change["new"] is not None else [], dtype=np.int64)
        order = self.map.order
        rows = order[found[(found >= 0) & (found < len(order))]]
        self.view.pick_rows(np.sort(rows) if len(rows) else None)
        if len(rows) == 1:
            self.show_card(int(rows[0]))

    def _spanned(self, low: float, high: float) -> None:
        """Choose the periods that begin between two times, in milliseconds, if there are any."""
        ends = (pd.Timestamp(round(time), unit="ms") for time in sorted((low, high)))
        if span := narrow.periods(self.view.run, *ends):
            self.view.span(*span)
