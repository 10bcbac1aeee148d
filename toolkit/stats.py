"""Intervals of shares, and what many tests together ask of each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri


def wilson(
    successes: npt.ArrayLike, total: npt.ArrayLike, confidence: float = 0.95
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the bounds of the Wilson score interval of ``successes / total``; NaN where the total is 0.

    Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference"; Brown, Cai & DasGupta 2001,
    section 3.1.1. It takes articles as independent, which reprints are not: compare the figures per story.

    >>> low, high = wilson(8, 10)
    >>> round(float(low), 3), round(float(high), 3)
    (0.49, 0.943)
    """
    hits, size = np.asarray(successes, dtype=np.float64), np.asarray(total, dtype=np.float64)
    z = float(ndtri(0.5 + confidence / 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = hits / size
        centre = (share + z**2 / (2 * size)) / (1 + z**2 / size)
        half = z / (1 + z**2 / size) * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))
    none, every = (hits == 0) & (size > 0), (hits == size) & (size > 0)  # where rounding would leave 3e-17 and the like
    return np.where(none, 0, np.clip(centre - half, 0, 1)), np.where(every, 1, np.clip(centre + half, 0, 1))


def false_discovery(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the q values of tests: the false discovery rate at which each is the last to be called a discovery.

    Benjamini & Hochberg 1995, "Controlling the false discovery rate", section 3.1; what
    ``scipy.stats.false_discovery_control`` gives, whose package takes half a second to import.

    >>> false_discovery([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.04, 0.04]
    """
    chances = np.asarray(p, dtype=np.float64)
    order = chances.argsort(kind="stable")[::-1]
    ranks = np.arange(len(chances), 0, -1)
    result = np.empty_like(chances)
    result[order] = np.minimum(1, np.minimum.accumulate(chances[order] * len(chances) / ranks))
    return result
