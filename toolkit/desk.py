"""The analyst's desk: a finished run opened with its search, and with the files that decisions and answers go to.

`open_desk` joins what stands apart: the linked view (`explore`), the search (`searching`), decisions about topics
(`decisionfile`, `pending`), answers about themes (`labels`) and seeds (`planting`). A decision is in its file at once
and shown at once; the tables of the run stay as they are, the next run makes its own by it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from toolkit import decisionfile, store
from toolkit import pending as waiting
from toolkit.explore import Aids, Among, View
from toolkit.languages import language_name
from toolkit.opened import Ints, Opened, open_run
from toolkit.pending import Grouped, Waiting, Words
from toolkit.refinding import Missing
from toolkit.schema import InputError, ToolkitError

_NEXT = "it counts from the next run"
_DECISIONS, _ANSWERS, _THEMES = "data/decisions.yml", "data/answers.csv", "data/themes.yml"
_KAZAKH, _CYRILLIC = frozenset("әғқңөұүһі"), range(0x400, 0x530)
_ABOUT_TOPICS = ("merge", "hide", "rename", "split", "pin")


def open_desk(
    run: Path | str, decisions: Path | str = "", answers: Path | str = "", most: int = 50, themes: Path | str = ""
) -> View:
    """Open a run folder as a linked view that searches, and keeps what is decided there.

    Decisions about topics go to the file `decisions`, answers about themes to the file `answers`, seeds to the file
    `themes`; unnamed, to those that runs read unasked. A search finds `most` articles. Decisions that the run does not
    know yet are shown as the next run will apply them. A run that cannot be searched, or whose topics cannot be
    decided upon, opens all the same and says so. Raises `InputError` where there is no finished run.
    """
    if isinstance(run, Mapping):
        raise InputError("Tables in memory cannot be searched or decided upon, expected a run folder: use explore.")
    opened, tables = open_run(run), Path(run) / "tables"
    kept, answered, seeds = (
        Path(given or store.asset(usual))
        for given, usual in ((decisions, _DECISIONS), (answers, _ANSWERS), (themes, _THEMES))
    )
    notes = [why] if (why := _unsearchable(tables)) else []
    view = View(replace(opened, notes=(*opened.notes, *notes)))
    desk = _Desk(view, Path(run), kept, answered, seeds, most)
    view.aids = Aids(decide=desk.decide, answered=desk.answered, pending=desk.pending)
    view.aids = view.aids if why else view.aids._replace(search=desk.search, like=desk.like)
    try:
        desk.replay()
    except ToolkitError as error:  # of the file; topics that cannot be decided upon are told when one is tried
        view.run = replace(view.run, notes=(*view.run.notes, str(error).rstrip(".")))
    with contextlib.suppress(InputError, TypeError):  # of what is no theme file: told when a seed is added
        desk.read_seeds()
    return view


def _unsearchable(tables: Path) -> str:
    """Return why a run cannot be searched; empty where it can."""
    if all((tables / name).is_file() for name in ("words.json", "words.safetensors")):
        return ""
    return "this run cannot be searched, it holds no index of its words: run notebooks/2-themes.ipynb"


@dataclass
class _Desk:
    """A view, and the files beside it."""

    view: View
    run: Path
    decisions: Path
    answers: Path
    themes: Path
    most: int
    told: list[Waiting] = field(default_factory=list)
    now: Grouped | None = None
    """Topics as they are shown."""
    planted: list[tuple[str, ...]] = field(default_factory=list)
    """Seeds that were put into the file and are not in the run yet: theme, side, language, phrase."""

    # Search -----------------------------------------------------------------------------------------------------

    @cached_property
    def index(self) -> Any:
        """What is searched; read at the first search, with the encoder."""
        from toolkit import searching

        return searching.open_run(self.run)

    def search(self, query: str, among: Among = None) -> pd.DataFrame:
        from toolkit import searching

        found = searching.search(self.index, query, self.most, among)
        unknown = searching.unknown_words(self.index, query)
        lost = f"No article holds {', '.join(unknown)[:200]}." if unknown else ""
        found.attrs["note"] = " ".join(part for part in (self.index.note, lost) if part)
        return found

    def like(self, article_ids: Sequence[str], among: Among = None) -> pd.DataFrame:
        from toolkit import searching

        return searching.more_like(self.index, list(article_ids), self.most, among)

    # Decisions --------------------------------------------------------------------------------------------------

    def pending(self) -> list[dict[str, Any]]:
        known = [{"number": one.number, "said": one.decision.said(), "why": one.why} for one in self.told]
        return known + [{"number": 0, "said": self._said(one), "why": "", "seed": list(one)} for one in self.planted]

    def read_seeds(self) -> None:
        """Find the seeds of the file that the run does not know, where the file is the run's own with some besides."""
        from toolkit import planting

        record = self.run / "tables" / "themes.json"
        if self.themes.is_file() and record.is_file():
            self.planted = planting.added_since(self.themes, store.read_json(record))

    def replay(self) -> None:
        """Show the topics of the run as the decisions of the file leave them that it does not know."""
        decided = waiting.waiting(self.decisions, self.run / "tables")
        if not decided and self.now is None:
            return
        self.now, self.told = waiting.replay(self._first, decided, self._words)
        self.view.regroup(*self.now)

    @cached_property
    def _first(self) -> Grouped:
        return waiting.read_grouped(self.run / "tables")

    @property
    def _words(self) -> Words:
        opened: Opened = self.view.run
        rows = opened.row_of.get_indexer(pd.Index(self._first.assigned["article_id"]))
        seed = ((store.read_manifest(self.run) or {}).get("parameters") or {}).get("seed", 42)  # type: ignore[attr-defined]
        return Words(
            lambda: None if opened.vectors is None else opened.vectors[rows],
            lambda mine: _read(opened, rows[mine]),
            int(seed),
        )

    def decide(self, said: Mapping[str, Any]) -> str:
        """Keep a decision in its file, and return what is to be said of it."""
        match said:
            case {"what": "right" | "wrong" as what, "article_id": str(article_id), "theme": str(theme)}:
                return self._answer(article_id, theme, right=what == "right")
            case {"what": "unmark", "article_id": str(article_id), "theme": str(theme)}:
                return self._unmark(article_id, theme)
            case {"what": "undo", "number": int(number), "said": str(words)}:
                return self._undo(number, words)
            case {"what": "seed", "theme": str(theme), "phrase": str(phrase)}:
                return self._plant(theme, phrase, str(said.get("side", "seeds")))
            case {"what": "unseed", "seed": [str(theme), str(side), str(language), str(phrase)]}:
                return self._unplant(theme, side, language, phrase)
            case {"what": str(do), "topics": [*ids]} if do in _ABOUT_TOPICS and all(type(one) is int for one in ids):
                return self._about_topics(do, list(dict.fromkeys(ids)), said)
        every = ", ".join((*_ABOUT_TOPICS, "undo, seed, right, wrong"))
        raise InputError(f"The decision is {str(dict(said))[:200]}, expected {every} or unmark.")

    def _about_topics(self, do: str, ids: Sequence[int], said: Mapping[str, Any]) -> str:
        grouped = self.now or self._first
        value = said.get({"split": "into", "pin": "theme"}.get(do, "name"), "")
        value = "" if do == "hide" else value if isinstance(value, int) else str(value).strip()
        if do == "pin" and value not in self.view.run.titles:
            raise InputError(f"There is no theme {value!r} in this run; it has {', '.join(self.view.run.titles)}.")
        there = self.decisions.exists()
        decision = decisionfile.decide(self.decisions, *grouped, do, ids, value)
        try:
            self.now = waiting.at_once(grouped, decision, ids, self._words)
        except Missing as error:
            decisionfile.undo(self.decisions)
            if not there:
                self.decisions.unlink()
            raise InputError(f"{_upper(decision.said())} cannot be done: {error}.") from error
        self.told.append(Waiting(len(decisionfile.read_decisions(self.decisions)), decision))
        self.view.regroup(*self.now)
        return f"{_upper(decision.said())}: kept in {self.decisions} and shown here; {_NEXT}."

    def _undo(self, number: int, words: str) -> str:
        known = decisionfile.read_decisions(self.decisions)
        if not 1 <= number <= len(known) or known[number - 1].said() != words:
            self.replay()
            raise InputError(f"{self.decisions} was changed meanwhile; the list here is as it is now.")
        decisionfile.undo(self.decisions, number)
        self.now = self.now or self._first
        self.replay()
        return f"Taken back: {words}; it is out of {self.decisions}."

    def _plant(self, theme: str, phrase: str, side: str) -> str:
        from toolkit import planting

        language = guess_language(phrase)
        seed = planting.add_seed(self.themes, theme, language, phrase, side)
        if seed[:4] not in self.planted:
            self.planted.append(seed[:4])
        return f"{_upper(self._said(seed[:4]))} in {self.themes}; {_NEXT}."

    def _unplant(self, *seed: str) -> str:
        from toolkit import planting

        theme, side, language, phrase = seed
        planting.remove_seed(self.themes, theme, language, phrase, side)
        self.planted = [one for one in self.planted if one != seed]
        return f"Taken back: {self._said(seed)}; it is out of {self.themes}."

    def _said(self, seed: tuple[str, ...]) -> str:
        theme, side, language, phrase = seed
        speaks = "is a seed of" if side == "seeds" else "speaks against"
        return f"“{phrase}” ({language_name(language)}) {speaks} {self.view.run.titles.get(theme, theme)}"

    # Answers ----------------------------------------------------------------------------------------------------

    def answered(self, article_id: str) -> dict[str, str]:
        """Return theme -> the latest answer about an article, where there is one."""
        if not self.answers.exists():
            return {}
        from toolkit import labels

        mine = labels.read_answers(self.answers)
        mine = mine[mine["article_id"] == article_id]
        return dict(zip(mine["theme"], mine["answer"], strict=True))

    def _answer(self, article_id: str, theme: str, *, right: bool) -> str:
        from toolkit import labels

        opened: Opened = self.view.run
        kept = labels.mark(self.answers, opened.articles, opened.scores, article_id, theme, right=right)
        about = "is" if kept["answer"].iloc[-1] == labels.ANSWERS[0] else "is not"
        return f"“This article {about} about {opened.titles.get(theme, theme)}”: kept in {self.answers}; {_NEXT}."

    def _unmark(self, article_id: str, theme: str) -> str:
        from toolkit import labels

        gone = labels.undo(self.answers, article_id, theme)
        if gone is None:
            raise InputError(f"{self.answers} holds no answer about this article and {theme!r}.")
        return f"The answer “{gone['answer']}” about {self.view.run.titles.get(theme, theme)} is taken back."


def guess_language(phrase: str) -> str:
    """Return the language of a phrase by its letters: kk, ru, or en.

    >>> guess_language("водохранилище"), guess_language("су қоймасы"), guess_language("reservoir")
    ('ru', 'kk', 'en')
    """
    letters = set(phrase.lower())
    if letters & _KAZAKH:
        return "kk"
    return "ru" if any(ord(letter) in _CYRILLIC for letter in letters) else "en"


def _read(opened: Opened, rows: Ints) -> list[str]:
    """Return title and text of articles, by their rows."""
    titles = opened.articles["title"].iloc[rows]
    return [f"{title}\n{text}" for title, text in zip(titles, opened.texts(rows), strict=True)]


def _upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
