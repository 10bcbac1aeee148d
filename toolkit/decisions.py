"""Decisions applied: topics renamed, merged, split, hidden and pinned to a theme, as the analyst said once.

A topic is found again by the articles it is named by: the group that holds more than half of those the run has. Where
the run has fewer than three of them (the next month, say), and an earlier run is given, those of the earlier run tell
by the topics that are the same in both (`pairing`); else by its terms: the group that shares most of their stems, at
least two in five and clearly more than any other. What is not found is told, with where its articles went; nothing is
guessed. Decisions are applied in the order of the file, each to what the ones before it made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from toolkit.decisionfile import Decision, decide, read_decisions, refer, undo
from toolkit.exhibits import counted, rows
from toolkit.refinding import Missing, Places, Rows, find

if TYPE_CHECKING:
    from toolkit import topics  # loads scikit-learn, which a summary of decisions does without

__all__ = [
    "Corpus",
    "Decided",
    "Decision",
    "apply",
    "decide",
    "named",
    "read_decisions",
    "refer",
    "summary",
    "told",
    "undo",
]

APPLIED, NOT_FOUND = "applied", "not applied"


class Corpus(NamedTuple):
    """What topics are made of: ``articles``, their ``vectors`` (articles, dim), and their theme ``scores``."""

    articles: pd.DataFrame
    vectors: topics.Floats
    scores: pd.DataFrame


class Decided(NamedTuple):
    """Topics as decided.

    ``assigned`` and ``topics`` as `topics.Topics` has them, ``topics`` with theme and without those hidden; ``log``:
    ``number, decision, status, detail, topic_id, names``, a row a decision (-1: no topic; ``names``: whether it gave
    the topic its name).
    """

    assigned: pd.DataFrame
    topics: pd.DataFrame
    log: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class _Group:
    rows: Rows
    terms: tuple[str, ...]
    label: str
    name: str = ""
    theme: str = ""
    hidden: bool = False
    changed: bool = False

    @property
    def called(self) -> str:
        """The name that it was given, or that it has from its terms."""
        return self.name or self.label


def apply(
    said: Sequence[Decision],
    found: topics.Topics,
    corpus: Corpus,
    seed: int = 42,
    stand_ins: Mapping[str, str] | None = None,
) -> Decided:
    """Return the topics that were `found`, as the decisions `said` want them.

    Merged and split topics are described anew, and all are numbered by size again. Hidden ones keep their articles, but
    are no longer listed. `stand_ins` as `pairing.stand_ins` gives them.
    """
    groups = [
        _Group(rows=np.flatnonzero(found.assigned["topic_id"] == row.topic_id), terms=tuple(row.terms), label=row.label)
        for row in rows(found.topics)
    ]
    place = {name: row for row, name in enumerate(found.assigned["article_id"])}
    places = (place, {name: place[other] for name, other in (stand_ins or {}).items() if name not in place})
    themes = set(corpus.scores["theme"].unique())
    log: list[tuple[Decision, str, str, int]] = []
    for decision in said:
        try:
            groups, detail, row = _apply_one(decision, groups, places, (corpus.vectors, themes, seed))
            log.append((decision, APPLIED, detail, row))
        except Missing as error:
            log.append((decision, NOT_FOUND, str(error), -1))
    assigned, described = _describe(groups, found, corpus, seed)
    from toolkit import topics

    told = _settle(groups, assigned, topics.topic_themes(described, assigned, corpus.scores))
    return Decided(assigned, told, _log(log, assigned))


def _apply_one(
    decision: Decision, groups: list[_Group], places: Places, rest: tuple[topics.Floats, set[str], int]
) -> tuple[list[_Group], str, int]:
    vectors, themes, seed = rest
    at, how = zip(*(find(ref, groups, places) for ref in decision.topics), strict=True)
    first, mine = at[0], groups[at[0]]
    found = "found by " + " and ".join(dict.fromkeys(how))
    if decision.do == "merge":
        parts = [groups[number] for number in dict.fromkeys(at)]
        if len(parts) == 1:
            named = replace(mine, name=decision.name or mine.name)
            return [*groups[:first], named, *groups[first + 1 :]], "one topic here already", int(mine.rows[0])
        members = np.sort(np.concatenate([part.rows for part in parts]))
        turns = [term for turn in zip(*(part.terms for part in parts), strict=False) for term in turn]
        made = replace(
            mine, rows=members, terms=tuple(dict.fromkeys(turns)), name=decision.name or mine.name, changed=True
        )
        kept = [group for number, group in enumerate(groups) if number not in at]
        return [*kept, made], found, int(members[0])
    if decision.do == "split":
        if len(np.unique(vectors[mine.rows], axis=0)) < 2 * decision.into:
            raise Missing(f"it has only {counted(len(mine.rows), 'article')} here, too few for {decision.into} parts")
        from toolkit import topics

        labels = topics.divide(vectors[mine.rows], decision.into, seed)
        halves = [replace(mine, rows=mine.rows[labels == part], name="", changed=True) for part in range(decision.into)]
        return [*groups[:first], *halves, *groups[first + 1 :]], found, int(mine.rows[0])
    if decision.do == "pin" and decision.theme not in themes:
        raise Missing(f"the theme file has no theme {decision.theme!r}; it has {', '.join(sorted(themes))}")
    if decision.do == "hide" and sum(not group.hidden for group in groups) == 1 and not mine.hidden:
        raise Missing("it is the last topic shown")
    changes = {"rename": {"name": decision.name}, "pin": {"theme": decision.theme}, "hide": {"hidden": True}}
    groups = [*groups[:first], replace(mine, **changes[decision.do]), *groups[first + 1 :]]  # type: ignore[arg-type]
    return groups, found, int(mine.rows[0])


def _describe(
    groups: Sequence[_Group], found: topics.Topics, corpus: Corpus, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return assigned and topics; as they were found where no group was merged or split."""
    if not any(group.changed for group in groups):
        return found.assigned, found.topics
    labels = np.empty(len(found.assigned), dtype=np.intp)
    for number, group in enumerate(groups):
        labels[group.rows] = number
    from toolkit import topics

    return topics.regroup(corpus.articles, corpus.vectors, found.assigned, labels, seed)


def _settle(groups: Sequence[_Group], assigned: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Return topics with the names and themes decided, without those hidden."""
    ids = assigned["topic_id"].to_numpy()
    mine = {int(ids[group.rows[0]]): group for group in groups}
    label = [mine[row.topic_id].name or row.label for row in rows(told)]
    theme = [mine[row.topic_id].theme or row.theme for row in rows(told)]
    shown = [not mine[row.topic_id].hidden for row in rows(told)]
    return told.assign(label=label, theme=theme)[shown].reset_index(drop=True)


def _log(log: Sequence[tuple[Decision, str, str, int]], assigned: pd.DataFrame) -> pd.DataFrame:
    ids = assigned["topic_id"].to_numpy()
    told = [
        (number, decision.said(), status, detail, int(ids[row]) if row >= 0 else -1, row >= 0 and bool(decision.name))
        for number, (decision, status, detail, row) in enumerate(log, 1)
    ]
    return pd.DataFrame(told, columns=["number", "decision", "status", "detail", "topic_id", "names"])


def told(log: pd.DataFrame) -> list[str]:
    """Return each decision with what became of it, for the record of a run."""
    return [f"{row.decision}: {row.status}" + f" ({row.detail})" * (row.status != APPLIED) for row in rows(log)]


def named(log: pd.DataFrame) -> tuple[int, ...]:
    """Return the ids of the topics that have their name from a decision."""
    return tuple(int(topic) for topic in log.loc[log["names"].astype(bool), "topic_id"])


def summary(log: pd.DataFrame) -> list[str]:
    """Return the line that a terminal shows of the decisions, if any: how many were applied, and why others not."""
    if log.empty:
        return []
    failed = log[log["status"] != APPLIED]
    counted = f"Decisions: {len(log) - len(failed)} of {len(log)} applied"
    why = [f"not applied: {row.decision}, as {row.detail}" for row in rows(failed)]
    return ["; ".join([counted, *why])]
