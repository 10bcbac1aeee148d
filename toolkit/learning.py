"""What the analyst's answers change: a correction of the seeds' scores, learned from a few answered articles.

The log-odds that the seeds give stay, as a starting point; the answers move them: stretched, shifted, and corrected by
a direction among the vectors. All three are drawn towards no change, so that ten answers move little and two hundred
much: logistic regression with the prior at an earlier model, as in Chelba and Acero 2004, "Adaptation of Maximum
Entropy Capitalizer: Little Data Can Help a Lot".

Answers are about articles, vectors about passages. A yes speaks for an article's best quarter of passages, a no
against all of them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit
from threadpoolctl import threadpool_limits

Floats = npt.NDArray[np.float64]

_ROUNDS = 2
"""Which passages of an article are its best is asked again of the corrected scores."""
_BEST_PART = 1 / 4
_STIFF, _FIRST = 0.05, 1.0
"""Precision of the prior on the direction, for vectors of length one in the mean: `_STIFF`, and `_FIRST` an answer."""
_STRETCH = 60.0
"""Precision of the prior on the stretch: among uncertain articles alone, the seeds look worse than they are."""
_SHIFT = 1.0
_SURE = 1e-6


def learn(
    vectors: npt.NDArray[np.float32],
    probability: npt.NDArray[np.floating],
    articles: npt.NDArray[np.object_],
    answers: Mapping[str, bool],
) -> Floats:
    """Return the probability of each passage, shape (n,), after the `answers` (article id -> is it about the theme).

    `vectors` are the passages' centred vectors (n, dim), `probability` what the seeds gave them (n,), `articles` the
    id of each passage's article (n,). Answers about other articles are passed over; without any, `probability`
    returns as it came.
    """
    rows = np.flatnonzero([article in answers for article in articles])
    if not len(rows):
        return np.asarray(probability, dtype=np.float64).copy()
    start = logit(np.clip(np.asarray(probability, dtype=np.float64), _SURE, 1 - _SURE))
    scale = max(float(np.sqrt(np.mean(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)))), 1e-9)
    known = vectors[rows].astype(np.float64) / scale
    truth = np.array([answers[article] for article in articles[rows]], dtype=bool)
    with threadpool_limits(1):
        current = start[rows]
        stiff = _STIFF + _FIRST / len(set(articles[rows]))
        for _ in range(_ROUNDS):
            weights = _weights(articles[rows], current, truth)
            stretch, shift, direction = _correct(known, start[rows], truth, weights, stiff)
            current = stretch * start[rows] + shift + known @ direction
        moved = vectors @ (direction / scale).astype(np.float32)
    return np.asarray(expit(stretch * start + shift + moved), dtype=np.float64)


def _weights(articles: npt.NDArray[np.object_], scores: Floats, truth: npt.NDArray[np.bool_]) -> Floats:
    """Return a weight a passage: an article's best quarter has one in all; the rest as much each in a no, else none."""
    _, codes, sizes = np.unique(articles.astype(str), return_inverse=True, return_counts=True)
    order = np.lexsort((-scores, codes))
    rank = np.empty(len(codes), dtype=np.intp)
    rank[order] = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    best = np.ceil(sizes * _BEST_PART)[codes]
    return np.where(truth & (rank >= best), 0.0, 1 / best)


def _correct(
    vectors: Floats, start: Floats, truth: npt.NDArray[np.bool_], weights: Floats, stiff: float
) -> tuple[float, float, Floats]:
    """Return stretch, shift and direction of greatest posterior probability."""
    sign = np.where(truth, 1.0, -1.0)

    def loss(point: Floats) -> tuple[float, Floats]:
        stretch, shift, direction = point[0], point[1], point[2:]
        margin = sign * (stretch * start + shift + vectors @ direction)
        pull = -weights * sign * expit(-margin)
        prior = _STRETCH * (stretch - 1) ** 2 + _SHIFT * shift**2 + stiff * direction @ direction
        slope = np.concatenate([[pull @ start, pull.sum()], vectors.T @ pull])
        back = np.concatenate([[_STRETCH * (stretch - 1), _SHIFT * shift], stiff * direction])
        return float(weights @ np.logaddexp(0, -margin) + prior / 2), slope + back

    origin = np.concatenate([[1.0, 0.0], np.zeros(vectors.shape[1])])
    found = minimize(loss, origin, jac=True, method="L-BFGS-B", options={"maxiter": 500, "gtol": 1e-8, "ftol": 1e-12}).x
    return float(found[0]), float(found[1]), found[2:]
