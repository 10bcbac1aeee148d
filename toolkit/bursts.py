"""Bursts of a theme: Kleinberg's automaton with two states, for batches of articles.

In each period an unseen automaton is in its base state, where an article carries the theme with the overall share, or
in its burst state, where that is twice as likely. Entering the burst state costs, staying and leaving do not; the
cheapest course of states is found by dynamic programming (Kleinberg 2003, "Bursty and hierarchical structure in
streams", section 4, "Enumerating bursts"). All series run at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import xlog1py, xlogy

Floats = npt.NDArray[np.float64]

_HIGHEST = 0.75


def burst_states(
    hits: npt.ArrayLike, totals: npt.ArrayLike, ratio: float = 2.0, cost: float = 1.0
) -> npt.NDArray[np.bool_]:
    """Return for each series (rows) and period whether it is in a burst; counts may be fractions.

    `ratio` is Kleinberg's s, `cost` his gamma: entering a burst costs ``cost * ln(periods)``. A share that `ratio`
    would lift above three quarters is lifted to these, or in its odds. At a tie the base state is taken.
    """
    gain, enter = gains(hits, totals, ratio), cost * np.log(max(np.shape(hits)[-1], 1))
    series, periods = gain.shape
    into, stay = np.zeros((series, periods), dtype=bool), np.zeros((series, periods), dtype=bool)
    base, burst = np.zeros(series), np.full(series, np.inf)
    for at in range(periods):
        stay[:, at], into[:, at] = burst < base, base + enter < burst
        base, burst = np.minimum(base, burst), np.minimum(base + enter, burst) - gain[:, at]
    states, now = np.zeros((series, periods), dtype=bool), burst < base
    for at in reversed(range(periods)):
        states[:, at] = now
        now = np.where(now, ~into[:, at], stay[:, at])
    return states


def gains(hits: npt.ArrayLike, totals: npt.ArrayLike, ratio: float = 2.0) -> Floats:
    """Return how much better (in log likelihood) the burst state explains each period than the base state."""
    x, n = (np.atleast_2d(np.asarray(counts, dtype=float)) for counts in (hits, totals))
    base = np.clip(x.sum(axis=1) / np.maximum(n.sum(axis=1), 1e-12), 1e-12, 1 - 1e-12)[:, None]
    lifted = ratio * base / (1 - base + ratio * base)
    burst = np.maximum(lifted, np.minimum(_HIGHEST, ratio * base))
    return np.asarray(xlogy(x, burst / base) + xlog1py(n - x, -burst) - xlog1py(n - x, -base))


def burst_runs(states: npt.NDArray[np.bool_], gain: Floats) -> list[tuple[int, int, int, float]]:
    """Return (series, first, last exclusive, weight) of every burst; the weight is the gain over the base state."""
    edges = np.diff(np.pad(states, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    (series, first), (_, last) = np.nonzero(edges == 1), np.nonzero(edges == -1)
    running = np.pad(np.cumsum(gain, axis=1), ((0, 0), (1, 0)))
    weights = running[series, last] - running[series, first]
    return list(zip(series.tolist(), first.tolist(), last.tolist(), weights.tolist(), strict=True))


def heaviest(hits: Floats, totals: Floats) -> Floats:
    """Return the weight of the heaviest run of periods of each series, 0 where no period gains.

    Every burst is a run, so this bounds the weight of the heaviest burst, at a fraction of the cost.
    """
    gain = gains(hits, totals)
    best, running = np.zeros(len(gain)), np.zeros(len(gain))
    for at in range(gain.shape[1]):
        running = np.maximum(running + gain[:, at], 0)
        best = np.maximum(best, running)
    return best
