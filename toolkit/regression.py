"""Logistic regression on vectors, as scikit-learn's `LogisticRegression` finds it from the same start.

The library takes longer to look at what it is given than to fit a few hundred articles, and to import it takes longer
still.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, log_expit

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_OPTIONS = {"maxiter": 500, "maxls": 50, "gtol": 1e-4, "ftol": 64 * np.finfo(np.float64).eps}


class Line(NamedTuple):
    """Log-odds along a direction: ``weights`` (dim,), and ``bias``."""

    weights: Floats
    bias: np.float32

    def log_odds(self, vectors: Floats) -> Doubles:
        """Return the log-odds of each of `vectors` (n, dim)."""
        return np.asarray(vectors @ self.weights + self.bias, dtype=np.float64)


def fit(vectors: Floats, truth: npt.NDArray[np.bool_], strength: float) -> Line:
    """Return what tells the `vectors` (n, dim) of which `truth` (n,) holds from the others.

    The mean of the logistic loss is made least, and the squares of the weights over twice `strength` times n, by
    L-BFGS (Byrd, Lu, Nocedal & Zhu 1995, "A limited memory algorithm for bound constrained optimization").
    """
    sign = np.where(truth, 1, -1).astype(np.float32)
    count, pull = np.float32(len(vectors)), np.float32(1 / (strength * len(vectors)))

    def loss(point: Doubles) -> tuple[float, Doubles]:
        weights, bias = point[:-1].astype(np.float32), np.float32(point[-1])
        margin = sign * (vectors @ weights + bias)
        slope = -sign * expit(-margin) / count
        steep = np.append(slope @ vectors + pull * weights, slope.sum()).astype(np.float64)
        return float(-log_expit(margin).mean(dtype=np.float64) + pull * (weights @ weights) / 2), steep

    found = minimize(loss, np.zeros(vectors.shape[1] + 1), jac=True, method="L-BFGS-B", options=_OPTIONS).x
    return Line(found[:-1].astype(np.float32), np.float32(found[-1]))
