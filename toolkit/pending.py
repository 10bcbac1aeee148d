"""What is decided and not in the run yet, shown on its topics as the next run will make them of the same articles.

A run lists the decisions that it was made with; those of the file that it does not list are pending. They are put on
the topics of the run one after the other, each topic found again as the next run finds it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit import store
from toolkit.decisionfile import Decision, read_decisions
from toolkit.exhibits import counted
from toolkit.refinding import Missing, Rows, find
from toolkit.schema import InputError

_TOPIC_COLUMNS = {"topics": ("topic_id", "label", "terms", "articles"), "assigned": ("article_id", "closeness")}
_OPENING = 600
"""Characters of an article that its part of a topic is named by."""


class Grouped(NamedTuple):
    """Topics as a run's tables hold them, and which article is in which."""

    topics: pd.DataFrame
    assigned: pd.DataFrame


class Waiting(NamedTuple):
    """A decision that the run does not know yet: its place in the file, from 1, and why it is not shown, if so."""

    number: int
    decision: Decision
    why: str = ""


class Words(NamedTuple):
    """What topics are split by and named by; asked for only where one is split."""

    vectors: Callable[[], npt.NDArray[np.float32] | None]
    """A row an article of the run."""
    texts: Callable[[Rows], Sequence[str]]
    """Title and text of articles, by their rows among those of the topics."""
    seed: int = 42


@dataclass(frozen=True)
class _Shown:
    rows: Rows
    terms: tuple[str, ...]
    called: str


def read_grouped(tables: Path) -> Grouped:
    """Return the topics of a run folder's tables; `InputError` where they lack what decisions need."""
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


def waiting(path: Path, tables: Path) -> list[Waiting]:
    """Return the decisions of the file that the run in `tables` does not list; `InputError` where it cannot be read."""
    listed = tables / "decided.parquet"
    known = Counter(store.read_table(listed)["decision"] if listed.is_file() else [])
    found = []
    for number, decision in enumerate(read_decisions(path), 1):
        if known[decision.said()] > 0:
            known[decision.said()] -= 1
        else:
            found.append(Waiting(number, decision))
    return found


def replay(grouped: Grouped, decided: Sequence[Waiting], words: Words) -> tuple[Grouped, list[Waiting]]:
    """Return topics as the decisions leave them, and the decisions, with why one of them changes nothing here."""
    place = {str(name): row for row, name in enumerate(grouped.assigned["article_id"])}
    told = []
    for one in decided:
        ids = grouped.topics["topic_id"].tolist()
        shown = _shown(grouped)
        try:
            mine = [ids[find(ref, shown, (place, {}))[0]] for ref in one.decision.topics]
            grouped = at_once(grouped, one.decision, list(dict.fromkeys(mine)), words)
            told.append(one._replace(why=""))
        except Missing as error:
            told.append(one._replace(why=str(error)))
    return grouped, told


def _shown(grouped: Grouped) -> list[_Shown]:
    held = grouped.assigned.groupby("topic_id").indices
    empty: Rows = np.empty(0, dtype=np.intp)
    return [
        _Shown(np.asarray(held.get(topic, empty)), tuple(map(str, terms)), str(label))
        for topic, terms, label in zip(*(grouped.topics[name] for name in ("topic_id", "terms", "label")), strict=True)
    ]


def at_once(grouped: Grouped, decision: Decision, ids: Sequence[int], words: Words) -> Grouped:
    """Return topics as a decision about `ids` leaves them, with the articles that they will have after the next run.

    Numbers stay as they are: merged topics have that of the largest, parts the next free ones. Merged topics have the
    terms of both in turn, and are named by them unless there is a name; the next run finds terms and numbers anew.
    Raises `Missing` where it changes nothing.
    """
    topics, assigned = grouped
    mine = topics["topic_id"].isin(ids)
    match decision.do:
        case "rename":
            return Grouped(topics.assign(label=topics["label"].mask(mine, decision.name)), assigned)
        case "pin":
            themes = topics["theme"] if "theme" in topics else pd.Series("", topics.index)
            return Grouped(topics.assign(theme=themes.mask(mine, decision.theme)), assigned)
        case "hide":
            if mine.all():
                raise Missing("it is the last topic shown")
            return Grouped(topics[~mine].reset_index(drop=True), assigned)
        case "split":
            return _split(grouped, ids[0], decision.into, words)
    return _merge(grouped, ids, decision.name)


def _merge(grouped: Grouped, ids: Sequence[int], name: str) -> Grouped:
    topics, assigned = grouped
    mine = topics["topic_id"].isin(ids)
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


def _split(grouped: Grouped, topic: int, into: int, words: Words) -> Grouped:
    from toolkit.terms import telling_terms
    from toolkit.topics import divide  # with all that finds topics, which only this needs

    topics, assigned = grouped
    rows, vectors = np.flatnonzero(assigned["topic_id"] == topic), words.vectors()
    if vectors is None or len(np.unique(vectors[rows], axis=0)) < 2 * into:
        few = f"it has only {counted(len(rows), 'article')} here, too few for {into} parts"
        raise Missing("the run holds no vectors to split it by" if vectors is None else few)
    part = divide(vectors[rows], into, words.seed)
    texts = pd.Series([text[:_OPENING] for text in words.texts(rows)])
    ids = [topic, *range(int(topics["topic_id"].max()) + 1, int(topics["topic_id"].max()) + into)]
    row = topics[topics["topic_id"] == topic].iloc[0]
    made: list[dict[str, Any]] = []
    for at, name in enumerate(ids):
        told = telling_terms(texts[part == at].tolist(), texts[part != at].tolist())["term"].tolist()
        label = ", ".join(told[:3]) or f"{row['label']} ({at + 1})"
        made.append({**row, "topic_id": name, "terms": told or list(row["terms"]), "label": label,
                     "articles": int((part == at).sum())})  # fmt: skip
    left = topics[topics["topic_id"] != topic]
    moved = assigned["topic_id"].to_numpy().copy()
    moved[rows] = np.array(ids)[part]
    parted = pd.concat([left, pd.DataFrame(made)], ignore_index=True)[topics.columns]
    return Grouped(parted, assigned.assign(topic_id=moved))
