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

from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit.breaks import likelihood
from toolkit.chance import FEWEST_PERIODS, Histories, dispersion, same_rows

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

_LONGEST_RUN = 26
_MOST_RUNS = 2
_NEARLY_OPEN = 0.9
_ROWS_AT_ONCE = 200


def run_tests(hits: Floats, totals: Floats, rate: float = 0.05, seed: int = 42) -> pd.DataFrame:
    """Return the runs searched for, as ``series, first, last`` (exclusive) and ``p``; `hits`, `totals` are counts.

    Both are (series, periods); empty periods take no part. The next run of a series is searched for only where the
    one before it has a ``p`` of at most `rate`. A series of fewer than eight periods with articles has none.
    """
    open_ = totals > 0
    tables = []
    for _ in range(_MOST_RUNS):
        found = _likeliest(hits, totals, open_, seed)
        tables.append(found)
        open_ = open_ & False if found.empty else _without(open_, found[found["p"] <= rate])
    table = pd.concat(tables, ignore_index=True).sort_values("series", kind="stable", ignore_index=True)
    return table.astype({"series": int, "first": int, "last": int, "p": float})


def _without(open_: Mask, found: pd.DataFrame) -> Mask:
    """Return the periods still open in the series of `found`, those of its runs taken away; other series are closed."""
    left = np.zeros_like(open_)
    for series, first, last in found[["series", "first", "last"]].to_numpy(dtype=int):
        left[series] = open_[series]
        left[series, first:last] = False
    return left


def _likeliest(hits: Floats, totals: Floats, open_: Mask, seed: int) -> pd.DataFrame:
    """Return ``series, first, last, p`` of the run that stands out most among the open periods of each series."""
    found, of = [], same_rows((totals > 0).astype(float))
    for pattern in range(int(of.max(initial=-1)) + 1):
        rows = np.flatnonzero(of == pattern)
        places = np.flatnonzero(totals[rows[0]] > 0)
        free = open_[np.ix_(rows, places)]
        x, n = (counts[np.ix_(rows, places)] * free for counts in (hits, totals))
        usable = (x.sum(axis=1) > 0) & (x.sum(axis=1) < n.sum(axis=1)) & (len(places) >= FEWEST_PERIODS)
        rows, free, x, n = rows[usable], free[usable], x[usable], n[usable]
        if len(rows):
            effect = dispersion(x, n)
            ratio, first, last = _best_of_all(x, n, free)
            p = _chances(ratio / effect, (x, n, totals[np.ix_(rows, places)]), free, effect, seed)
            found.append(np.column_stack([rows, places[first], places[last - 1] + 1, p])[ratio > 0])
    return pd.DataFrame(np.concatenate(found) if found else [], columns=["series", "first", "last", "p"])


def _chances(ratio: Floats, counts: tuple[Floats, Floats, Floats], free: Mask, effect: Floats, seed: int) -> Floats:
    """Return the chance of each ratio in histories without an event, of the same open periods.

    Where few periods are closed, the histories are those with all open, which many series share: the best of more
    runs is no smaller, so that the chance errs to the safe side.
    """
    x, n, whole = counts
    nearly = free.mean(axis=1) >= _NEARLY_OPEN
    p, of = np.ones(len(ratio)), same_rows(np.where(nearly[:, None], True, free).astype(float))
    for pattern in range(int(of.max(initial=-1)) + 1):
        rows = np.flatnonzero(of == pattern)
        taking = np.ones(free.shape[1], dtype=bool) if nearly[rows[0]] else free[rows[0]]
        level = x[rows].sum(axis=1, keepdims=True) / n[rows].sum(axis=1, keepdims=True)
        filled = whole[rows] * taking
        null = Histories(level * filled, filled, effect[rows], {"run": partial(_highest, taking)}, seed)
        p[rows] = null.p("run", np.arange(len(rows)), ratio[rows])
    return p


def _best_of_all(hits: Floats, totals: Floats, free: Mask) -> tuple[Floats, Places, Places]:
    """Return `_best` of each series among its own free periods, a few hundred series at a time."""
    best, first, last = np.zeros(len(hits)), np.zeros(len(hits), dtype=np.intp), np.ones(len(hits), dtype=np.intp)
    of = same_rows(free.astype(float))
    for pattern in range(int(of.max(initial=-1)) + 1):
        every = np.flatnonzero(of == pattern)
        for rows in np.array_split(every, -(-len(every) // _ROWS_AT_ONCE)):
            best[rows], first[rows], last[rows] = _best(hits[rows], totals[rows], free[rows[0]])
    return best, first, last


def _highest(free: Mask, hits: Floats, totals: Floats) -> Floats:
    return _best(hits, totals, free)[0]


def _best(hits: Floats, totals: Floats, free: Mask) -> tuple[Floats, Places, Places]:
    """Return for each series (rows) the highest ratio of its runs of free periods, and where: first, last exclusive.

    Twice the log likelihood ratio of a run having a share of its own. `totals` may be one row for all.
    """
    periods = hits.shape[1]
    totals = totals[:1] if (totals == totals[0]).all() else totals
    x, n, shut = (_summed(counts) for counts in (hits, totals, (~free[None]).astype(float)))
    best, first, last = (
        np.full(len(hits), -np.inf),
        np.zeros(len(hits), dtype=np.intp),
        np.ones(len(hits), dtype=np.intp),
    )
    for size in range(1, min(_LONGEST_RUN, periods // 2) + 1):
        at = np.flatnonzero(shut[0, size:] == shut[0, :-size])
        if not len(at):
            continue
        inside, total = x[:, at + size] - x[:, at], n[:, at + size] - n[:, at]
        ratio = likelihood(inside, total) + likelihood(x[:, -1:] - inside, n[:, -1:] - total)
        place = ratio.argmax(axis=1)
        top = ratio[np.arange(len(ratio)), place]
        better = top > best
        best, first = np.where(better, top, best), np.where(better, at[place], first)
        last = np.where(better, at[place] + size, last)
    return np.maximum(2 * (best - likelihood(x[:, -1], n[:, -1])), 0), first, last


def _summed(counts: Floats) -> Floats:
    return np.pad(np.cumsum(counts, axis=-1), ((0, 0), (1, 0)))
