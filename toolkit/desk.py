"""The analyst's desk: a finished run opened with its search, and with the files that decisions and answers go to.

`open_desk` joins what stands apart: the linked view (`explore`), the search (`searching`), decisions about topics
(`decisions`) and answers about themes (`labels`). A decision is in its file at once and shown at once; the tables of
the run stay as they are, the next run makes its own by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from toolkit import decisions as deciding
from toolkit import labels, searching, store
from toolkit.explore import Search, View
from toolkit.opened import Opened, open_run
from toolkit.schema import InputError, ToolkitError

_NEXT = "it counts from the next run"
_TOPIC_COLUMNS = {"topics": ("topic_id", "label", "terms", "articles"), "assigned": ("article_id", "closeness")}
_DECISIONS, _ANSWERS = "data/decisions.yml", "data/answers.csv"


class Grouped(NamedTuple):
    """Topics as a run's tables hold them, and which article is in which."""

    topics: pd.DataFrame
    assigned: pd.DataFrame


def open_desk(run: Path | str, decisions: Path | str = "", answers: Path | str = "", most: int = 50) -> View:
    """Open a run folder as a linked view that searches, and keeps what is decided there.

    Decisions about topics go to the file `decisions`, answers about themes to the file `answers`; unnamed, to those
    that runs read unasked. A search finds `most` articles. A run that cannot be searched, or whose topics cannot be
    decided upon, opens all the same and says so. Raises `InputError` where there is no finished run.
    """
    if isinstance(run, Mapping):
        raise InputError("Tables in memory cannot be searched or decided upon, expected a run folder: use explore.")
    opened, tables = open_run(run), Path(run) / "tables"
    path, kept = Path(decisions or store.asset(_DECISIONS)), Path(answers or store.asset(_ANSWERS))
    why = _unsearchable(tables)
    opened = replace(opened, notes=(*opened.notes, *(note for note in (why, _pending(tables, path)) if note)))
    now: list[Grouped] = []

    def decide(said: Mapping[str, Any]) -> str:
        match said:
            case {"what": "right" | "wrong" as what, "article_id": str(article_id), "theme": str(theme)}:
                return _answer(view.run, kept, article_id, theme, right=what == "right")
            case {"what": "merge" | "hide" | "rename" as do, "topics": [*ids]} if all(type(one) is int for one in ids):
                grouped = now[-1] if now else _grouped(tables)
                decision = _keep(path, grouped, do, ids, str(said.get("name", "")).strip())
                now[:] = [at_once(grouped, do, ids, decision.name)]
                view.regroup(*now[-1])
                return f"{decision.said()}: kept in {path} and shown here, on the map from the next run."
        raise InputError(f"The decision is {str(dict(said))[:200]}, expected merge, hide, rename, right or wrong.")

    view: View = View(opened, None if why else _searching(Path(run), most), decide)
    return view


# Search ---------------------------------------------------------------------------------------------------------


def _unsearchable(tables: Path) -> str:
    """Return why a run cannot be searched; empty where it can."""
    if all((tables / name).is_file() for name in ("words.json", "words.safetensors")):
        return ""
    return "this run cannot be searched, it holds no index of its words: run notebooks/2-themes.ipynb"


def _searching(run: Path, most: int) -> Search:
    opened = cache(lambda: searching.open_run(run))  # at the first search, since it reads vectors and an encoder

    def search(query: str) -> pd.DataFrame:
        index = opened()
        found = searching.search(index, query, most)
        unknown = searching.unknown_words(index, query)
        lost = f"No article holds {', '.join(unknown)[:200]}." if unknown else ""
        found.attrs["note"] = " ".join(part for part in (index.note, lost) if part)
        return found

    return search


# Decisions ------------------------------------------------------------------------------------------------------


def _pending(tables: Path, path: Path) -> str:
    """Return how many decisions of the file the run does not know yet, or what is wrong with the file."""
    try:
        said = len(deciding.read_decisions(path))
    except ToolkitError as error:
        return str(error).rstrip(".")
    known = tables / "decided.parquet"
    more = said - (len(store.read_table(known)) if known.is_file() else 0)
    return f"{more} of the decisions in {path} are not in this run yet; they count from the next run" * (more > 0)


def _grouped(tables: Path) -> Grouped:
    found = {}
    for name, columns in _TOPIC_COLUMNS.items():
        path = tables / f"{name}.parquet"
        table = store.read_table(path) if path.is_file() else pd.DataFrame()
        if lacking := [column for column in columns if column not in table]:
            raise InputError(
                f"The table {name!r} of this run lacks {', '.join(lacking)}: run notebooks/3-topics.ipynb."
            )
        found[name] = table
    return Grouped(**found)


def _keep(path: Path, grouped: Grouped, do: str, ids: Sequence[int], name: str) -> deciding.Decision:
    """Put a decision about topics into the file."""
    if do == "hide" and grouped.topics["topic_id"].isin(ids).all():
        raise InputError("This is the last topic shown, and it cannot be hidden.")
    return deciding.decide(path, *grouped, do, ids, "" if do == "hide" else name)


def at_once(grouped: Grouped, do: str, ids: Sequence[int], name: str = "") -> Grouped:
    """Return topics as a decision leaves them, with the articles that they will have after the next run.

    Numbers stay as they are: merged topics have that of the largest. Their terms are those of both in turn, and name
    them, unless they have a `name` or the first has one; the next run finds terms and numbers anew.
    """
    topics, assigned = grouped
    mine = topics["topic_id"].isin(ids)
    if do == "hide":
        return Grouped(topics[~mine].reset_index(drop=True), assigned)
    if do == "rename":
        return Grouped(topics.assign(label=topics["label"].mask(mine, name)), assigned)
    parts = topics[mine].sort_values(["articles", "topic_id"], ascending=[False, True])
    one = int(parts["topic_id"].iloc[0])
    turns = chain.from_iterable(zip_longest(*parts["terms"]))
    terms = list(dict.fromkeys(term for term in turns if term is not None))
    merged = topics[~(mine & (topics["topic_id"] != one))].reset_index(drop=True)
    at = int(merged.index[merged["topic_id"] == one][0])
    merged["terms"] = [terms if row == at else list(found) for row, found in enumerate(merged["terms"])]
    first = topics[topics["topic_id"] == ids[0]].iloc[0]
    own = first["label"] if first["label"] != ", ".join(list(first["terms"])[:3]) else ""
    merged.loc[at, "label"] = name or own or ", ".join(terms[:3])
    merged.loc[at, "articles"] = int(parts["articles"].sum())
    return Grouped(merged, assigned.assign(topic_id=assigned["topic_id"].where(~assigned["topic_id"].isin(ids), one)))


# Answers --------------------------------------------------------------------------------------------------------


def _answer(opened: Opened, path: Path, article_id: str, theme: str, *, right: bool) -> str:
    """Put an answer about an article's theme into the file, and say so."""
    kept = labels.mark(path, opened.articles, opened.scores, article_id, theme, right=right)
    about = "is" if kept["answer"].iloc[-1] == labels.ANSWERS[0] else "is not"
    return f"“This article {about} about {opened.titles.get(theme, theme)}”: kept in {path}; {_NEXT}."
