"""A finished run in JupyterLab: topic map, trends, table and reader, linked to each other.

`explore` opens it in one call. Whatever is clicked can be said in code, and stands there as code: ``view.filter``,
``view.span``, ``view.pick``, ``view.open``; what is chosen is ``view.selection``, a table. Nothing is fetched from a
network. A notebook that is read and not run shows a picture and a table in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from toolkit import narrow, panes, shown, stills, store
from toolkit.exhibits import number
from toolkit.narrow import Choice
from toolkit.opened import Ints, Opened, open_run, with_topics
from toolkit.schema import InputError, ToolkitError

Search = Callable[[str], pd.DataFrame]
"""Words -> ``article_id`` (and what else), the best first."""
Decide = Callable[[Mapping[str, Any]], str]
"""A decision (``what``, and ``article_id, theme`` or ``topics, name``) -> a sentence that says what was kept."""


def explore(run: Path | str | Mapping[str, Any], search: Search | None = None, decide: Decide | None = None) -> View:
    """Open a run folder, or tables in memory, as a linked view.

    In memory: a mapping with ``articles`` and ``scores``, and what there is of ``topics, assigned, mentions, actors,
    themes, vectors``. With `search` the words can also be looked up by it; with `decide` topics and themes get
    buttons. Raises `InputError` where there is no finished run, or a table lacks what is needed.
    """
    return View(open_run(run), search, decide)


class View:
    """What is chosen of a run, and the widgets that show it."""

    def __init__(self, opened: Opened, search: Search | None = None, decide: Decide | None = None) -> None:
        self.run, self._search, self._decide = opened, search, decide
        self.choice = Choice()
        self._marks = narrow.choose(opened, self.choice)
        self._by, self._falling, self._page = "date", True, 0
        self._shown: Any = None

    # In code ----------------------------------------------------------------------------------------------------

    @property
    def selection(self) -> pd.DataFrame:
        """The chosen articles: their columns, ``topic_id, topic``, and ``score_<theme>`` for each theme."""
        return shown.frame(self.run, self._rows)

    @property
    def code(self) -> str:
        """The call that makes what is chosen now."""
        return narrow.code(self.choice, self.run)

    @cached_property
    def trends(self) -> pd.DataFrame:
        """Each theme's share over time among what is chosen, as `shown.shares` gives it."""
        return shown.shares(self.run, self._marks)

    def filter(self, **asked: Any) -> View:
        """Filter by ``theme, topic, source, language, actor`` (one or a list), ``start``, ``end``, ``text``.

        What is not named stays as it is; an empty value takes a filter away. Raises `InputError` for what no article
        of the run has.
        """
        return self._take(replace(self.choice, **narrow.check(self.run, asked)))

    def span(self, start: str = "", end: str = "") -> View:
        """Choose the articles from the day `start` to the day `end`."""
        return self.filter(start=start, end=end)

    def pick(self, article_ids: Iterable[str] | None = None) -> View:
        """Choose single articles, as a lasso on the map does; None takes that back."""
        if article_ids is None:
            return self._take(replace(self.choice, picked=None))
        return self._take(replace(self.choice, picked=self._find(list(article_ids))))

    def find(self, query: str) -> View:
        """Choose what the search finds for `query`, the best first; `InputError` where there is no search."""
        if self._search is None:
            raise InputError("This view has no search: open it with explore(run, search=...).")
        found = self._search(query) if query.strip() else None
        self._by = "found" if found is not None else "date"
        self.pick(None if found is None else found["article_id"])
        return self._tell("" if found is None else str(found.attrs.get("note", "")))

    def regroup(self, topics: pd.DataFrame, assigned: pd.DataFrame) -> View:
        """Show other topics of the same articles: ``topic_id, label`` and ``article_id, topic_id, x, y``.

        A map that is shown keeps the words that it was drawn with.
        """
        self.run = with_topics(self.run, topics, assigned)
        if self._shown:
            self._shown["filters"].offers = panes.offered(self.run)
            if (row := self._shown["articles"].card.get("row")) is not None:
                self._shown["articles"].card = shown.card(self.run, row)
        here = set(self.run.topics["topic_id"])
        return self._take(replace(self.choice, topic=tuple(one for one in self.choice.topic if one in here)))

    def clear(self) -> View:
        """Take all filters away."""
        return self._take(Choice())

    def open(self, article_id: str) -> dict[str, Any]:
        """Open an article in the reader; returns what is shown: text in parts, themes, reprints, nearest articles."""
        card = shown.card(self.run, int(self._find([article_id])[0]))
        if self._shown:
            self._shown["articles"].card = card
        return card

    def save(self, path: Path | str) -> Path:
        """Write the chosen articles to `path`: .csv for a spreadsheet, or .parquet."""
        path = Path(path)
        if path.suffix.lower() not in (".csv", ".parquet"):
            raise InputError(f"{str(path)!r} has no known ending, expected .csv or .parquet: name it so.")
        write = store.write_csv if path.suffix.lower() == ".csv" else store.write_table
        return write(self.selection, path)

    def _find(self, article_ids: list[str]) -> Ints:
        found = self.run.row_of.get_indexer(pd.Index(article_ids, dtype=object))
        if (found < 0).any():
            raise InputError(f"No article of this run has the id {article_ids[int(np.argmin(found))]!r}.")
        return np.asarray(found)

    # What is shown ----------------------------------------------------------------------------------------------

    @cached_property
    def _rows(self) -> Ints:
        return shown.order(self.run, self.choice, self._marks.chosen, self._by, self._falling)

    def _take(self, choice: Choice) -> View:
        """Make a choice, and show it everywhere."""
        self.choice, self._marks, self._page = choice, narrow.choose(self.run, choice), 0
        if self._by == "found" and choice.picked is None:
            self._by, self._falling = "date", True
        self.__dict__.pop("_rows", None)
        self.__dict__.pop("trends", None)
        if self._shown:
            self._show_choice()
            self._show_rows()
            self._show_map()
            if self._shown["trends"] is not None:
                span, drawn = (choice.start, choice.end), self._shown.pop("drawn", False)
                panes.redraw(self._shown["trends"], self.run, self.trends, span, drawn)
        return self

    def _show_choice(self) -> None:
        picked = self.choice.picked
        facets = {f.name: getattr(self.choice, f.name) for f in fields(Choice) if f.name != "picked"}
        said = {name: list(value) if isinstance(value, tuple) else value for name, value in facets.items()}
        how = "found" if self._by == "found" else "picked"
        said["picked"] = "" if picked is None else f"{number(len(picked))} {how}"
        panel = self._shown["filters"]
        with panel.hold_sync():
            panel.choice, panel.said, panel.code = said, shown.said(self.run, self._marks.chosen), self.code
            panel.saved = ""

    def _tell(self, sentence: str, read: str = "") -> View:
        """Say something beside the filters, and in the reader."""
        if self._shown:
            self._shown["filters"].saved, self._shown["articles"].saved = sentence, read
        return self

    def _show_rows(self) -> None:
        panel, start = self._shown["articles"], self._page * panes.PAGE
        with panel.hold_sync():
            panel.rows = shown.listed(self.run, self._rows[start : start + panes.PAGE])
            panel.total, panel.page = len(self._rows), self._page
            panel.by, panel.falling = self._by, self._falling
            panel.ranked = self.choice.picked is not None and self._by == "found"

    def _show_map(self) -> None:
        """Let the map show what the other filters leave, and mark what is picked."""
        scatter = self._shown["map"]
        if scatter is None:
            return
        points, picked = self._shown["points"], self.choice.picked
        left = narrow.choose(self.run, replace(self.choice, picked=None)).chosen[points]
        self._shown["busy"] = True
        try:
            scatter.filter(None if left.all() else np.flatnonzero(left))
            scatter.selection([] if picked is None else np.flatnonzero(left & np.isin(points, picked)))
        finally:
            self._shown["busy"] = False

    # From the browser -------------------------------------------------------------------------------------------

    def _heard(self, panel: Any, content: Mapping[str, Any]) -> None:
        """Do what a message from the filters or the table says; what goes wrong is shown there."""
        try:
            self._do(content)
            panel.trouble = ""
        except ToolkitError as error:
            panel.trouble = str(error)
        panel.answered = int(content.get("number", 0))

    def _do(self, said: Mapping[str, Any]) -> None:
        match said:
            case {"do": "add", "name": str(name), "value": value}:
                now = getattr(self.choice, name, ())
                now = now if isinstance(now, tuple) else ()
                self.filter(**{name: (*now, *([value] if value not in now else []))})
            case {"do": "remove", "name": str(name), "value": value}:
                self._take(narrow.without(self.choice, name, value))
            case {"do": "dates", "start": start, "end": end}:
                self.filter(start=start, end=end)
            case {"do": "text", "value": value}:
                self.filter(text=value)
            case {"do": "find", "query": str(query)} | {"do": "find", "value": str(query)}:
                self.find(query)
            case {"do": "clear"}:
                self.clear()
            case {"do": "save", "path": str(path)}:
                self._shown["filters"].saved = f"{number(len(self._rows))} articles saved as {self.save(path)}"
            case {"do": "page", "page": int(page)}:
                self._page = min(max(0, page), max(0, (len(self._rows) - 1) // panes.PAGE))
                self._show_rows()
            case {"do": "sort", "by": str(by), "falling": bool(falling)}:
                self._sort(by, falling)
            case {"do": "open", "row": int(row)} if 0 <= row < len(self.run.articles):
                self._shown["articles"].card = shown.card(self.run, row)
                self._tell("")
            case {"do": "decide", "decision": dict(decision)} if self._decide is not None:
                sentence = self._decide(decision)
                self._tell(sentence, sentence if "article_id" in decision else "")

    def _sort(self, by: str, falling: bool) -> None:
        if by not in ("date", "source", "title", "found", *self.run.titles):
            raise InputError(f"The table cannot be ordered by {by!r}: choose a column.")
        self._by, self._falling, self._page = by, falling, 0
        self.__dict__.pop("_rows", None)
        self._show_rows()

    def _lassoed(self, change: Mapping[str, Any]) -> None:
        if self._shown["busy"]:
            return
        found = np.asarray(change["new"] if change["new"] is not None else [], dtype=np.int64)
        rows = self._shown["points"][found[(found >= 0) & (found < len(self._shown["points"]))]]
        self._take(replace(self.choice, picked=np.sort(rows) if len(rows) else None))
        if len(rows) == 1:
            self._shown["articles"].card = shown.card(self.run, int(rows[0]))

    def _drawn(self, change: Mapping[str, Any]) -> None:
        """Choose the span that was dragged on a trend; without any box left, take it back.

        Read from plotly's message on the layout: its own ``on_selection`` loses what is followed by a hover.
        """
        told = (change["new"] or {}).get("relayout_data") or {}
        self._shown["drawn"] = bool(told.get("selections"))
        if boxes := told.get("selections"):
            self._spanned(boxes[-1]["x0"], boxes[-1]["x1"])
        elif "selections" in told:
            self.span()

    def _spanned(self, low: Any, high: Any) -> None:
        """Choose the periods whose points lie between two places of the time axis, if there are any."""
        if span := narrow.periods(self.run, *sorted((pd.Timestamp(low), pd.Timestamp(high)))):
            self.span(*span)

    # Showing ----------------------------------------------------------------------------------------------------

    def widget(self) -> Any:
        """Make the widgets, once, and link them."""
        if self._shown:
            return self._shown["all"]
        run, widgets = self.run, import_module("ipywidgets")
        can = {"searching": self._search is not None, "deciding": self._decide is not None}
        filters = panes.panel("filters", run, offers=panes.offered(run), notes=list(run.notes), **can)
        articles = panes.panel("articles", run, **can)
        trends = None if run.calendar.empty else panes.trends_pane(run, self.trends)
        scatter, points = panes.map_pane(run)
        self._shown = {"filters": filters, "articles": articles, "map": scatter, "points": points, "trends": trends}
        self._shown["busy"] = False
        for panel in (filters, articles):
            panel.on_msg(lambda panel, content, _: self._heard(panel, content))
        if trends is not None:
            trends.observe(self._drawn, "_js2py_relayout")
        half = {"flex": "1 1 420px", "min_width": "320px", "margin": "0"}
        parts = [widgets.Box([trends], layout=widgets.Layout(**half))] if trends is not None else []
        for part in parts:
            part.add_class("tk-trends")
        if scatter is not None:
            scatter.widget.observe(self._lassoed, "selection")
            drawn = scatter.show()
            drawn.layout.width = "100%"
            parts.insert(0, widgets.Box([drawn], layout=widgets.Layout(**half)))
        middle = widgets.HBox(parts, layout=widgets.Layout(flex_flow="row wrap", width="100%"))
        self._shown["all"] = widgets.VBox([filters, middle, articles], layout=widgets.Layout(width="100%"))
        self._show_choice()
        self._show_rows()
        return self._shown["all"]

    def bundles(self) -> list[dict[str, Any]]:
        """Return what is shown: the widgets, and for readers without a kernel a picture and a table.

        Where the widgets are alive their script hides the other two; a sentence stands in place of widgets that
        cannot be made.
        """
        said = shown.said(self.run, self._marks.chosen)
        still = stills.still(self.run, self._marks, self._rows, self.trends, said)
        if lacking := panes.lacking():
            how = f"{said}. For the linked view install toolkit[lab]; {', '.join(lacking)} is missing."
            return [{"text/plain": how}, *still]
        made = self.widget()._repr_mimebundle_()
        view: dict[str, Any] = dict(made[0] if isinstance(made, tuple) else made)
        return [{**view, "text/plain": said}, *still]

    def _ipython_display_(self) -> None:
        show = import_module("IPython.display").display
        for bundle in self.bundles():
            show(bundle, raw=True)
