"""Runs of periods in which a theme's share is high or low against all others: a temporal scan statistic.

Kulldorff 1997, "A spatial scan statistic", section 3, for Bernoulli data in time: of all runs of at most half the
periods (and at most 26) the one with the highest likelihood ratio; then, with its periods taken away, the next (Zhang,
Assuncao & Kulldorff 2010, "Spatial scan statistics adjusted for multiple clusters"), two a theme at most. Counts are
divided by the theme's dispersion, and the histories without any event are those of `toolkit.chance`. Of 200 histories
in which nothing happened, 5% of thirty periods had a run at p of 0.05, and 6.5% of twelve; at a dispersion of three
6.5% and 9%, since few periods tell little of the dispersion.

Division of labour with `toolkit.detect`: a change point compares a stretch with the one before it, so that a level
which comes back after twenty years is new each time; a burst is at least a doubling. A run is compared with all other
periods and may be of any height, which finds a stretch that rose by half and fell again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit.breaks import likelihood_ratio
from toolkit.chance import FEWEST_PERIODS, Histories, dispersion

Floats = npt.NDArray[np.float64]

_LONGEST_RUN = 26
_MOST_RUNS = 2


def run_tests(hits: Floats, totals: Floats, rate: float = 0.05, seed: int = 42) -> pd.DataFrame:
    """Return the runs searched for, as ``series, first, last`` (exclusive) and ``p``; `hits`, `totals` are counts.

    Both are (series, periods); empty periods take no part. The next run of a series is searched for only where the
    one before it has a ``p`` of at most `rate`. A series of fewer than eight periods with articles has none.
    """
    found = []
    for at in range(len(hits)):
        filled = np.flatnonzero(totals[at] > 0)
        open_ = np.ones(len(filled), dtype=bool)
        for _ in range(_MOST_RUNS if len(filled) >= FEWEST_PERIODS else 0):
            run = _likeliest(hits[at, filled], totals[at, filled], open_, seed)
            if run is None:
                break
            first, last, p = run
            found.append((at, int(filled[first]), int(filled[last - 1]) + 1, p))
            if p > rate:
                break
            open_[first:last] = False
    table = pd.DataFrame(found, columns=["series", "first", "last", "p"])
    return table.astype({"series": int, "first": int, "last": int, "p": float})


def _likeliest(hits: Floats, totals: Floats, open_: npt.NDArray[np.bool_], seed: int) -> tuple[int, int, float] | None:
    """Return (first, last exclusive, p) of the run that stands out most among the periods still open."""
    x, n = hits * open_, totals * open_
    runs = _runs(len(x))
    runs = runs[_sums((~open_).astype(float)[None], runs)[0] == 0] if len(runs) else runs
    if not len(runs) or not 0 < x.sum() < n.sum():
        return None
    effect = dispersion(x[None], n[None])
    ratios = _ratios(x[None] / effect[0], n[None] / effect[0], runs)[0]
    null = Histories(x[None], n[None], effect, {"run": lambda a, b: _ratios(a, b, runs).max(axis=1)}, seed)
    best = int(ratios.argmax())
    chance = null.p("run", np.array([0], dtype=np.intp), ratios[best : best + 1])
    return int(runs[best, 0]), int(runs[best, 1]), float(chance[0])


def _runs(periods: int) -> npt.NDArray[np.intp]:
    """Return (first, last exclusive) of every run of at most half the periods."""
    longest = min(_LONGEST_RUN, periods // 2)
    pairs = [(first, first + size) for size in range(1, longest + 1) for first in range(periods - size + 1)]
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


def _ratios(hits: Floats, totals: Floats, runs: npt.NDArray[np.intp]) -> Floats:
    """Return twice the log likelihood ratio of each run having a share of its own: (series, runs)."""
    inside, size = (_sums(counts, runs) for counts in (hits, totals))
    outside, rest = hits.sum(axis=1, keepdims=True) - inside, totals.sum(axis=1, keepdims=True) - size
    ratio = likelihood_ratio(inside, size, np.maximum(outside, 0), np.maximum(rest, 0))
    return np.where((size > 1e-9) & (rest > 1e-9), ratio, 0)


def _sums(counts: Floats, runs: npt.NDArray[np.intp]) -> Floats:
    running = np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0)))
    return np.asarray(running[:, runs[:, 1]] - running[:, runs[:, 0]])
