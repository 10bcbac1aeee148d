"""A finished run in JupyterLab: topic map, trends, table and reader, linked to each other.

`explore` opens it in one call. Whatever is clicked can be said in code, and stands there as code: ``view.filter``,
``view.span``, ``view.pick``, ``view.open``; what is chosen is ``view.selection``, a table. Nothing is fetched from a
network. A notebook that is read and not run shows a picture and a table in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from toolkit import narrow, panes, shown, stills, store
from toolkit.narrow import Choice
from toolkit.opened import Ints, Opened, open_run, with_topics
from toolkit.schema import InputError
from toolkit.screen import Screen

Among = Collection[str] | None
"""The ids of the articles to look through; None: all."""
Search = Callable[[str], pd.DataFrame]
"""Words -> ``article_id`` (and what else), the best first."""
Decide = Callable[[Mapping[str, Any]], str]
"""A decision (``what``, and ``article_id, theme`` or ``topics, name``) -> a sentence that says what was kept."""


class Aids(NamedTuple):
    """What a view can be given besides a run."""

    search: Callable[[str, Among], pd.DataFrame] | None = None
    like: Callable[[Sequence[str], Among], pd.DataFrame] | None = None
    """Article ids -> the articles most like them, as `search` gives them."""
    decide: Decide | None = None
    answered: Callable[[str], Mapping[str, str]] | None = None
    """An article id -> theme -> the answer kept about it: yes, no or unsure."""
    pending: Callable[[], Sequence[Mapping[str, Any]]] | None = None
    """What is decided and not in the run yet: ``number, said, why`` (why it is not shown here)."""


def explore(run: Path | str | Mapping[str, Any], search: Search | None = None, decide: Decide | None = None) -> View:
    """Open a run folder, or tables in memory, as a linked view.

    In memory: a mapping with ``articles`` and ``scores``, and what there is of ``topics, assigned, mentions, actors,
    themes, vectors``. With `search` the words can also be looked up by it; with `decide` topics and themes get
    buttons. Raises `InputError` where there is no finished run, or a table lacks what is needed.
    """
    looking = None if search is None else lambda query, _: search(query)
    return View(open_run(run), Aids(search=looking, decide=decide))


class Found(NamedTuple):
    """How what is picked came to be picked: in words, as a call, and what was searched for, and how."""

    how: str
    call: str = ""
    asked: str = ""
    search: Callable[[Among], pd.DataFrame] | None = None


_PICKED = Found("picked")


class View:
    """What is chosen of a run, and the widgets that show it."""

    def __init__(self, opened: Opened, aids: Aids | None = None) -> None:
        self.run, self.aids = opened, aids or Aids()
        self.choice = Choice()
        self.marks = narrow.choose(opened, self.choice)
        self.by, self.falling = "date", True
        self.found = _PICKED
        self.screen: Screen | None = None

    # What is chosen ---------------------------------------------------------------------------------------------

    @property
    def selection(self) -> pd.DataFrame:
        """The chosen articles: their columns, ``topic_id, topic``, and ``score_<theme>`` for each theme."""
        return shown.frame(self.run, self.rows)

    @property
    def code(self) -> str:
        """The call that makes what is chosen now."""
        return narrow.code(self.choice, self.run, self.found.call)

    @cached_property
    def trends(self) -> pd.DataFrame:
        """Each theme's share over time among what is chosen, as `shown.shares` gives it."""
        return shown.shares(self.run, self.marks)

    @cached_property
    def rows(self) -> Ints:
        """The rows of the chosen articles, in the order of the table."""
        return shown.order(self.run, self.choice, self.marks.chosen, self.by, self.falling)

    # Choosing ---------------------------------------------------------------------------------------------------

    def filter(self, **asked: Any) -> View:
        """Filter by ``theme, topic, source, language, actor`` (one or a list), ``start``, ``end``, ``text``.

        What is not named stays as it is; an empty value takes a filter away. Raises `InputError` for what no article
        of the run has.
        """
        return self._take(replace(self.choice, **narrow.check(self.run, asked)))

    def drop(self, name: str, value: Any = None) -> View:
        """Take one filter away: a `value` of theme, topic, source, language or actor, or all of ``picked``."""
        return self._take(narrow.without(self.choice, name, value))

    def span(self, start: str = "", end: str = "") -> View:
        """Choose the articles from the day `start` to the day `end`."""
        return self.filter(start=start, end=end)

    def pick(self, article_ids: Iterable[str] | None = None) -> View:
        """Choose single articles, as a lasso on the map does; None takes that back."""
        return self.pick_rows(None if article_ids is None else self._find(list(article_ids)))

    def pick_rows(self, rows: Ints | None, found: Found | None = None) -> View:
        """Choose articles by their rows in the run's table; where they were `found`, the best first."""
        self.found = found or _PICKED
        self.by = "found" if found else "date" if self.by == "found" else self.by
        return self._take(replace(self.choice, picked=rows))

    def find(self, query: str) -> View:
        """Choose what the search finds for `query` among what the filters leave, the best first.

        It looks again when a filter changes. `InputError` where there is no search.
        """
        if self.aids.search is None:
            raise InputError("This view has no search: open it with explore(run, search=...).")
        if not query.strip():
            return self.pick(None)
        asked = query.strip()
        found = Found(f"found for “{_short(asked)}”", f"view.find({asked!r})", asked, partial(self.aids.search, asked))
        return self._seek(found)

    def like(self, article_ids: str | Sequence[str]) -> View:
        """Choose the articles most like one, or like several together, the likest first."""
        if self.aids.like is None:
            raise InputError("This view has no search: open it with desk.open_desk(run).")
        ids = [article_ids] if isinstance(article_ids, str) else list(article_ids)
        about = _short(shown.headline(self.run, int(self._find(ids)[0])))
        more = f" and {len(ids) - 1} more" if len(ids) > 1 else ""
        call = f"view.like({(ids[0] if len(ids) == 1 else ids)!r})"
        return self._seek(Found(f"like “{about}”{more}", call, search=partial(self.aids.like, ids)))

    def clear(self) -> View:
        """Take all filters away."""
        return self._take(Choice())

    def sort(self, by: str, falling: bool = True) -> View:
        """Order the table by ``date``, ``source``, ``title``, a theme's id, or ``found``."""
        if by not in ("date", "source", "title", "found", *self.run.titles):
            raise InputError(f"The table cannot be ordered by {by!r}: choose a column.")
        self.by, self.falling = by, falling
        self.__dict__.pop("rows", None)
        if self.screen:
            self.screen.show_rows(0)
        return self

    def regroup(self, topics: pd.DataFrame, assigned: pd.DataFrame) -> View:
        """Show other topics of the same articles: ``topic_id, label`` and ``article_id, topic_id, x, y``.

        Where topics are chosen, those that hold their articles now are chosen in their place.
        """
        mine = np.isin(self.run.topic, self.choice.topic)
        self.run = with_topics(self.run, topics, assigned)
        here = set(self.run.topics["topic_id"]) & set(self.run.topic[mine].tolist())
        if self.screen:
            self.screen.show_topics()
        return self._take(replace(self.choice, topic=tuple(sorted(here))))

    # Reading, keeping, deciding ---------------------------------------------------------------------------------

    def card(self, row: int) -> dict[str, Any]:
        """Return what the reader shows of an article, by its row: `shown.card`, and the answers kept about it."""
        found = shown.card(self.run, row)
        if self.aids.answered is not None:
            found["answered"] = dict(self.aids.answered(found["article_id"]))
        return found

    def open(self, article_id: str) -> dict[str, Any]:
        """Open an article in the reader; returns what is shown: text in parts, themes, reprints, nearest articles."""
        row = int(self._find([article_id])[0])
        if self.screen:
            self.screen.show_card(row)
        return self.card(row)

    def save(self, path: Path | str) -> Path:
        """Write the chosen articles to `path`: .csv for a spreadsheet, or .parquet."""
        path = Path(path)
        if path.suffix.lower() not in (".csv", ".parquet"):
            raise InputError(f"{str(path)!r} has no known ending, expected .csv or .parquet: name it so.")
        write = store.write_csv if path.suffix.lower() == ".csv" else store.write_table
        return write(self.selection, path)

    def decide(self, decision: Mapping[str, Any]) -> View:
        """Keep a decision, as a button does, where the view was given what keeps it."""
        if self.aids.decide is None:
            return self
        sentence = self.aids.decide(decision)
        if self.screen:
            about = decision.get("article_id")
            if about is not None:
                self.screen.show_card(int(self._find([str(about)])[0]))
            self.screen.show_pending()
            self.screen.tell(sentence, sentence if about is not None else "")
        return self

    def pending(self) -> Sequence[Mapping[str, Any]]:
        """Return what is decided and not in the run yet: ``number, said, why``."""
        return () if self.aids.pending is None else self.aids.pending()

    def _find(self, article_ids: list[str]) -> Ints:
        found = self.run.row_of.get_indexer(pd.Index(article_ids, dtype=object))
        if (found < 0).any():
            raise InputError(f"No article of this run has the id {article_ids[int(np.argmin(found))]!r}.")
        return np.asarray(found)

    def _seek(self, found: Found) -> View:
        rows, note = self._look(found, self.choice)
        self.pick_rows(rows, found)
        if self.screen:
            self.screen.tell(note)
        return self

    def _look(self, found: Found, choice: Choice) -> tuple[Ints, str]:
        """Search among what the other filters leave; returns rows, the best first, and what is to be said."""
        assert found.search is not None
        others, ids = replace(choice, picked=None), self.run.articles["article_id"]
        table = found.search(set(ids[narrow.choose(self.run, others).chosen]) if others else None)
        return self._find(table["article_id"].tolist()), str(table.attrs.get("note", ""))

    def _take(self, choice: Choice) -> View:
        """Make a choice, and show it everywhere."""
        if choice.picked is not None and choice != self.choice and self.found.search is not None:
            choice = replace(choice, picked=self._look(self.found, choice)[0])
        self.choice, self.marks = choice, narrow.choose(self.run, choice)
        if choice.picked is None:
            self.found = _PICKED
            self.by, self.falling = ("date", True) if self.by == "found" else (self.by, self.falling)
        for name in ("rows", "trends"):
            self.__dict__.pop(name, None)
        if self.screen:
            self.screen.show_all()
        return self

    # Showing ----------------------------------------------------------------------------------------------------

    def widget(self) -> Any:
        """Make the widgets, once, and link them."""
        self._open_screen().add_map()
        return self._open_screen().all

    def _open_screen(self) -> Screen:
        if self.screen is None:
            can = {"searching": self.aids.search is not None, "deciding": self.aids.decide is not None}
            self.screen = Screen(self, can)
        return self.screen

    def bundles(self) -> Iterator[dict[str, Any]]:
        """Yield what is shown: the widgets, and for readers without a kernel a picture and a table.

        Where the widgets are alive their script hides the other two; a sentence stands in place of widgets that
        cannot be made. The widgets come first and their map after them, so that nobody waits for the picture.
        """
        said = shown.said(self.run, self.marks.chosen)
        if lacking := panes.lacking():
            how = f"{said}. For the linked view install toolkit[lab]; {', '.join(lacking)} is missing."
            yield {"text/plain": how}
        else:
            made = self._open_screen().all._repr_mimebundle_()
            yield {**dict(made[0] if isinstance(made, tuple) else made), "text/plain": said}
            self.widget()
        yield from stills.still(self.run, self.marks, self.rows, self.trends, said)

    def _ipython_display_(self) -> None:
        show = import_module("IPython.display").display
        for bundle in self.bundles():
            show(bundle, raw=True)


def _short(text: str, width: int = 40) -> str:
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"
