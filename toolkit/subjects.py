"""The general subjects of news (``subjects.yml``), to which a theme is compared: they say where it ends.

How near a passage is to a theme means little by itself. That it is nearer to the theme than to politics, crime, sport
or health means much, as in classification by the names of classes alone (Chang et al. 2008, "Importance of Semantic
Representation: Dataless Classification", section 3), and how often that is so estimates how common the theme is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from toolkit.themefile import Theme, load_themes

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

_SHARPNESS = 15.0
_UNLIKE, _LIKE = 0.15, 0.4
"""Likeness to the theme up to which a subject counts in full, and from which it is the theme's own."""
_NARROW, _BROAD = 5.0, 9.0


class Rivals(NamedTuple):
    """The subjects beside one theme: cosines by view, each (n, subjects), the weight of each, and the views' shares."""

    views: Sequence[Doubles]
    weights: Doubles
    shares: Doubles


@cache
def load_subjects() -> tuple[Theme, ...]:
    """Return the subjects, in the shape of themes."""
    return load_themes(Path(__file__).with_name("subjects.yml"))


def breadth(told: npt.NDArray[np.floating]) -> float:
    """Return how far the subjects are those of the corpus, 0 to 1, from how many passages hold the words of each.

    It is their effective number (the exponential of the entropy of `told`), 0 up to five, 1 from nine on: a newswire
    on markets alone is cut by other lines than sport, crime and health.

    >>> breadth(np.array([40, 30, 50, 40, 30, 50, 40, 30])), breadth(np.array([500, 1, 1]))
    (0.71, 0.0)
    """
    total = told.sum()
    if not total:
        return 0.0
    share = told[told > 0] / total
    number = float(np.exp(-(share * np.log(share)).sum()))
    return round(float(np.clip((number - _NARROW) / (_BROAD - _NARROW), 0, 1)), 2)


def likeness(theme: Sequence[Floats], known: Sequence[Floats], trust: Doubles) -> Doubles:
    """Return how like each subject is to a theme, by their seeds alone: cosines (subjects,), the views by their trust.

    `theme` holds a mean direction (dim,) a view, `known` those of the subjects (subjects, dim); what all subjects have
    in common is subtracted, since it tells none of them apart.
    """
    found = []
    for mine, others in zip(theme, known, strict=True):
        common = others.mean(axis=0)
        own, apart = mine - common, others - common
        found.append(apart @ own / np.maximum(np.linalg.norm(apart, axis=1) * np.linalg.norm(own), 1e-9))
    return _mean(found, _shares(trust))


def rivals(views: Sequence[Doubles], like: Doubles, trust: Doubles) -> Rivals:
    """Return the subjects, whose cosines are `views`, as rivals of a theme that they are `like` (subjects,).

    A subject that is like the theme is no rival but the theme by another name; in between its weight falls evenly.
    """
    return Rivals(views, np.clip((_LIKE - like) / (_LIKE - _UNLIKE), 0, 1), _shares(trust))


def _shares(trust: Doubles) -> Doubles:
    return trust / trust.sum() if trust.sum() else np.full(len(trust), 1 / len(trust))


def _mean(views: Sequence[npt.NDArray[np.floating]], shares: Doubles) -> Doubles:
    return np.asarray(np.tensordot(shares, np.stack(views), axes=1), dtype=np.float64)


def nearest_rival(found: Rivals, view: int) -> Doubles:
    """Return the cosine (n,) with the nearest rivals in a view, as a soft maximum; zeros where there is none."""
    held = found.weights > 0
    if not held.any():
        return np.zeros(len(found.views[view]))
    return np.asarray(logsumexp(_SHARPNESS * found.views[view][:, held], axis=1, b=found.weights[held]) / _SHARPNESS)


def wins(similar: Sequence[Doubles], found: Rivals) -> Flags:
    """Return which passages (n,) are nearer to the theme than to each rival; none where there is no rival."""
    held = found.weights > 0
    if not held.any():
        return np.zeros(len(similar[0]), dtype=bool)
    handicap = np.log(found.weights[held]) / _SHARPNESS
    return np.asarray(_mean(similar, found.shares) > (_mean(found.views, found.shares)[:, held] + handicap).max(axis=1))
