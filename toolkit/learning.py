"""What the analyst's answers change: the seeds' scores, corrected from a few answered articles.

The log-odds that the seeds give stay, as a starting point; the answers move them: stretched, shifted, and along a
direction among the vectors. All three are drawn towards no change, so that ten answers move little and two hundred
much: logistic regression with its prior at an earlier model, as in Chelba and Acero 2004, "Adaptation of Maximum
Entropy Capitalizer: Little Data Can Help a Lot". A single answer against a sure score moves next to nothing, since one
answer in fifty may be a slip (Copas 1988, "Binary Regression Models for Contaminated Data"). To train the classifiers
of the seeds again with the answers among their examples was tried and loses more than it gains, since they see the
answered articles as a few among thousands.

Answers are about articles, vectors about parts of them, here called passages. A yes speaks for an article's best
quarter of passages, a no against all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit

from toolkit.learnt import Learnt
from toolkit.processors import one_thread

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_BEST_PART = 1 / 4
_LOOKS = 2
"""Which passages of an article are its best is asked again of the corrected scores."""
_STIFF, _FIRST = 0.15, 1.0
"""Precision of the prior on the direction, for vectors of length one in the mean: `_STIFF`, and `_FIRST` an answer."""
_STRETCH = 60.0
"""Precision of the prior on the stretch: among uncertain articles alone, the seeds look worse than they are."""
_SHIFT = 1.0
_SLIP = 0.02
"""The share of answers that tell of a slip, or of one article alone, and not of the scores."""
_SURE = 1e-6


class _Told(NamedTuple):
    """The passages of answered articles: their rows, their articles, and what was said of these."""

    rows: npt.NDArray[np.intp]
    articles: npt.NDArray[np.str_]
    truth: Flags


class _Correction(NamedTuple):
    """What answers change: log-odds are stretched, shifted, and moved along a direction among the scaled vectors."""

    scale: float
    stretch: float
    shift: float
    direction: Floats


def learn(
    vectors: npt.NDArray[np.float32],
    probability: npt.NDArray[np.floating],
    articles: npt.NDArray[np.object_],
    answers: Mapping[str, bool],
    learnt: Learnt | None = None,
) -> Floats:
    """Return the probability of each passage, shape (n,), after the `answers` (article id -> is it about the theme).

    `vectors` are the passages' centred vectors (n, dim), `probability` what the seeds gave them (n,), `articles` the
    id of each passage's article (n,). Answers about other articles are passed over; without any, `probability`
    returns as it came. With what was `learnt` of other passages, they are corrected as those were.
    """
    given = np.asarray(probability, dtype=np.float64)
    start = logit(np.clip(given, _SURE, 1 - _SURE))
    found = (learnt or Learnt()).once("answers", _correct, vectors, start, articles, answers)
    if found is None:
        return given.copy()
    unit = (vectors / found.scale).astype(np.float32)
    with one_thread():
        moved = found.stretch * start + found.shift + unit @ found.direction.astype(np.float32)
        return np.asarray(expit(moved), dtype=np.float64)


def _correct(
    vectors: npt.NDArray[np.float32],
    start: Floats,
    articles: npt.NDArray[np.object_],
    answers: Mapping[str, bool],
) -> _Correction | None:
    """Return how the log-odds `start` are to be corrected by what was told; None where nothing was."""
    rows = np.flatnonzero([article in answers for article in articles])
    if not len(rows):
        return None
    told = _Told(
        rows, articles[rows].astype(str), np.array([answers[article] for article in articles[rows]], dtype=bool)
    )
    scale = max(float(np.sqrt(np.einsum("ij,ij->", vectors, vectors, dtype=np.float64) / len(vectors))), 1e-9)
    with one_thread():
        return _Correction(
            scale, *_look((vectors[rows] / scale).astype(np.float32).astype(np.float64), start[rows], told)
        )


def _look(known: Floats, before: Floats, told: _Told) -> tuple[float, float, Floats]:
    """Return stretch, shift and direction for the log-odds `before` of answered passages."""
    stiff = _STIFF + _FIRST / len(np.unique(told.articles))
    current = before
    for _ in range(_LOOKS):
        weights = _weights(told.articles, current, told.truth)
        stretch, shift, direction = _fit(known, before, told.truth, weights, stiff)
        current = stretch * before + shift + known @ direction
    return stretch, shift, direction


def _weights(articles: npt.NDArray[np.str_], scores: Floats, truth: Flags) -> Floats:
    """Return a weight a passage: an article's best quarter has one in all; the rest as much each in a no, else none."""
    _, codes, sizes = np.unique(articles, return_inverse=True, return_counts=True)
    order = np.lexsort((-scores, codes))
    rank = np.empty(len(codes), dtype=np.intp)
    rank[order] = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    best = np.ceil(sizes * _BEST_PART)[codes]
    return np.where(truth & (rank >= best), 0.0, 1 / best)


def _fit(vectors: Floats, start: Floats, truth: Flags, weights: Floats, stiff: float) -> tuple[float, float, Floats]:
    """Return stretch, shift and direction of greatest posterior probability."""
    sign = np.where(truth, 1.0, -1.0)

    def loss(point: Floats) -> tuple[float, Floats]:
        stretch, shift, direction = point[0], point[1], point[2:]
        margin = sign * (stretch * start + shift + vectors @ direction)
        right = expit(margin)
        said = _SLIP + (1 - 2 * _SLIP) * right
        pull = -weights * sign * (1 - 2 * _SLIP) * right * expit(-margin) / said
        prior = _STRETCH * (stretch - 1) ** 2 + _SHIFT * shift**2 + stiff * direction @ direction
        slope = np.concatenate([[pull @ start, pull.sum()], vectors.T @ pull])
        back = np.concatenate([[_STRETCH * (stretch - 1), _SHIFT * shift], stiff * direction])
        return float(prior / 2 - weights @ np.log(said)), slope + back

    origin = np.concatenate([[1.0, 0.0], np.zeros(vectors.shape[1])])
    found = minimize(loss, origin, jac=True, method="L-BFGS-B", options={"maxiter": 500, "gtol": 1e-8, "ftol": 1e-12}).x
    return float(found[0]), float(found[1]), found[2:]
