"""A topic that something was decided about, found again among the topics of another run, or of the same one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from toolkit import words
from toolkit.decisionfile import TopicRef
from toolkit.exhibits import counted

Rows = npt.NDArray[np.intp]
Places = tuple[Mapping[str, int], Mapping[str, int]]
"""Article id -> row, for the articles here and for those of the earlier run that one here stands for."""

_FEWEST_KNOWN = 3
_ALIKE = 0.4
_CLEARLY = 1.25


class Topic(Protocol):
    """What a topic is found again by: the rows of its articles, and its terms."""

    @property
    def rows(self) -> Rows:
        """The rows of its articles."""

    @property
    def terms(self) -> tuple[str, ...]:
        """Its terms, the most telling first."""

    @property
    def called(self) -> str:
        """What it is called in sentences."""


class Missing(Exception):
    """A decision cannot be applied; the text says why."""


def find(ref: TopicRef, groups: Sequence[Topic], places: Places) -> tuple[int, str]:
    """Return which of `groups` is meant, and what it was found by; raise `Missing` with the reason."""
    for place, how in zip(places, ("its articles", "the earlier run"), strict=True):
        known = [place[name] for name in ref.articles if name in place]
        if len(known) < min(_FEWEST_KNOWN, len(ref.articles)) or not known:
            continue
        held = [int(np.isin(known, group.rows).sum()) for group in groups]
        best = int(np.argmax(held))
        if 2 * held[best] > len(known):
            return best, how
        order = np.argsort(-np.array(held), kind="stable")[:3]
        where = ", ".join(f"“{groups[i].called}” ({held[i]})" for i in order if held[i])
        raise Missing(
            f"no topic holds most of “{ref.label}”; of its {counted(len(known), 'article')} here: {where or 'none'}"
        )
    alike = np.array([_likeness(ref.terms, group.terms) for group in groups])
    order = np.argsort(-alike, kind="stable")
    best = int(order[0])
    second = float(alike[order[1]]) if len(order) > 1 else 0.0
    if alike[best] >= _ALIKE and alike[best] >= _CLEARLY * second:
        return best, "its terms"
    near = f"; the likeliest is “{groups[best].called}”" if alike[best] else ""
    raise Missing(f"no topic has the articles or enough of the terms of “{ref.label}”{near}")


def _likeness(some: Sequence[str], others: Sequence[str]) -> float:
    """Return the share of common stems of two lists of terms, of the shorter list."""
    one, other = ({stem for term in terms for stem in words.stems(term)} for terms in (some, others))
    return len(one & other) / max(1, min(len(one), len(other)))
