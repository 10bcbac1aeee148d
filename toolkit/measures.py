"""The measures of an evaluation: decisions and scores against gold labels, each under weights.

A weight of one for each article gives the figure, the multiplicities of a resample give a draw of it, the indicator of
a group gives the group's. Figures that cannot be told (a theme without a single positive, say) are NaN.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

BINS = 15
MEASURES = (
    "precision", "recall", "f1", "best_f1", "f1_ratio", "average_precision", "ece", "kappa", "prior_estimated",
    "prior_true",
)  # fmt: skip
WHOLE = ("accuracy", "first_kappa")
"""Measures over all themes together."""


class System(NamedTuple):
    """What a system says of n articles and t themes: ``scores`` (n, t), ``decided`` (n, t).

    ``probable``: the scores are probabilities. Without ``decided`` no measure at a threshold is given.
    """

    scores: Floats
    decided: Flags | None
    probable: bool


def measure(system: System, truth: Flags, weights: Floats) -> dict[str, Floats]:
    """Return each of `MEASURES`, shape (m, t), under `weights` (m, n); those of `WHOLE` (m, 1) that can be told.

    Accuracy is that of the highest-scored theme, where every article has exactly one; the kappa of the first is that of
    the likeliest theme decided for, or none, where every article has one at most.
    """
    columns = [_one_theme(system, truth, theme, weights) for theme in range(truth.shape[1])]
    found = {name: np.column_stack([column[name] for column in columns]) for name in MEASURES}
    if truth.shape[1] > 1 and (truth.sum(axis=1) == 1).all():
        right = truth[np.arange(len(truth)), system.scores.argmax(axis=1)]
        found["accuracy"] = (weights @ right / weights.sum(axis=1))[:, None]
    if system.decided is not None and (truth.sum(axis=1) <= 1).all():
        said, so = (np.eye(truth.shape[1] + 1)[first] for first in (first_said(system), _first(truth, truth)))
        found["first_kappa"] = _kappa(weights @ (said * so), weights @ said, weights @ so)[:, None]
    return found


def first_said(system: System) -> npt.NDArray[np.intp]:
    """Return the place of each article's highest-scored theme among those decided for, shape (n,); t is none."""
    assert system.decided is not None
    return _first(system.decided, system.scores)


def _first(decided: Flags, scores: npt.NDArray[np.generic]) -> npt.NDArray[np.intp]:
    best = np.where(decided, scores, -np.inf).argmax(axis=1)
    return np.asarray(np.where(decided.any(axis=1), best, decided.shape[1]), dtype=np.intp)


def _kappa(both: Floats, one: Floats, other: Floats) -> Floats:
    """Return Cohen's kappa (1960), shape (m,), from the weight of each class (m, k) in both, in one, in the other."""
    total = one.sum(axis=1)
    chance = (one * other).sum(axis=1) / total**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(chance < 1, (both.sum(axis=1) / total - chance) / (1 - chance), np.nan))


def _one_theme(system: System, truth: Flags, theme: int, weights: Floats) -> dict[str, Floats]:
    true, score = truth[:, theme].astype(np.float64), system.scores[:, theme]
    decided = np.zeros(len(true)) if system.decided is None else system.decided[:, theme].astype(np.float64)
    sums = weights @ np.column_stack([np.ones(len(true)), true, decided, true * decided, score])
    total, positive, said, hits, expected = sums.T
    average, best = _ranking(score, true, weights)
    known = np.where(positive > 0, 1.0, np.nan)
    found = dict.fromkeys(MEASURES, np.full(len(weights), np.nan))
    with np.errstate(invalid="ignore", divide="ignore"):
        found |= {"average_precision": average, "best_f1": best, "prior_true": positive / total}
        if system.probable:
            found |= {"prior_estimated": expected / total, "ece": _calibration_error(score, true, weights)}
        if system.decided is not None:
            f1 = known * 2 * hits / (said + positive)
            found |= {"precision": known * hits / said, "recall": hits / positive, "f1": f1, "f1_ratio": f1 / best}
            neither = total - said - positive + hits
            pairs = ((hits, neither), (said, total - said), (positive, total - positive))
            found |= {"kappa": known * _kappa(*(np.column_stack(pair) for pair in pairs))}
    return found


def _ranking(score: Floats, true: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return average precision and the best F1 of any threshold, each (m,); equal scores stand or fall together."""
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    ranked = np.ascontiguousarray(weights.T)[order]
    said = np.cumsum(ranked, axis=0)[ends]
    ranked *= true[order][:, None]
    hits = np.cumsum(ranked, axis=0)[ends]
    positive = hits[-1].copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        best = np.max(2 * hits / (said + positive), axis=0)
        gained = np.diff(hits, axis=0, prepend=0)
        average = (gained * (hits / np.maximum(said, 1))).sum(axis=0) / positive
    return average, np.where(positive > 0, best, np.nan)


def bins_of(score: Floats) -> npt.NDArray[np.intp]:
    """Return the bin of each probability, shape (n,): `BINS` of equal width."""
    return np.clip((score * BINS).astype(np.intp), 0, BINS - 1)


def _calibration_error(score: Floats, true: Floats, weights: Floats) -> Floats:
    """Return the expected calibration error over equal-width bins (Naeini et al. 2015), shape (m,)."""
    inside = np.eye(BINS)[bins_of(score)]
    gaps = weights @ (inside * (score - true)[:, None])
    return np.asarray(np.abs(gaps).sum(axis=1) / weights.sum(axis=1))
