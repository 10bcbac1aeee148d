"""What changed: the first half against the second, and runs of periods that stand out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import xlogy
from scipy.stats import false_discovery_control

from toolkit.stats import wilson

_HISTORIES = 999
_LONGEST_RUN = 26
_MOST_RUNS = 2
_RUN_COLUMNS = "theme label start page periods stories total share low high rest p".split()


class Change(NamedTuple):
    """A theme's share in an earlier and a later half, the difference with its interval, and what of it is `within`.

    ``within`` is the part of the difference that comes from sources of both halves writing more or less about the
    theme; the rest comes from other sources being collected. NaN where there is one source only.
    """

    theme: str
    before: float
    after: float
    difference: float
    low: float
    high: float
    within: float


def early_and_late(
    points: pd.DataFrame, articles: pd.DataFrame, scores: pd.DataFrame, periods: pd.DataFrame, confidence: float = 0.95
) -> list[Change]:
    """Compare each theme's share in the first and the second half of the articles, cut between two periods.

    `points` from `trends.share_over_time`, `periods` from `trends.assign_periods`. The interval of the difference is
    Newcombe's hybrid score interval (Newcombe 1998, "Interval estimation for the difference between independent
    proportions", method 10); ``within`` is Kitagawa's rate component over the sources of both halves (Kitagawa 1955,
    "Components of a difference between two rates").
    """
    cut = _middle(points)
    if cut is None:
        return []
    placed = articles[["article_id", "source"]].merge(periods, on="article_id")
    placed = placed.assign(late=placed["start"] >= cut)
    changes = []
    for theme, mine in scores.groupby("theme", sort=False):
        carrying = placed["article_id"].isin(mine.loc[mine["label"], "article_id"])
        groups = [(int(carrying[half].sum()), int(half.sum())) for half in (~placed["late"], placed["late"])]
        counts = placed.assign(carrying=carrying).groupby(["source", "late"])["carrying"].agg(["sum", "size"])
        changes.append(_change(str(theme), groups, _within(counts), confidence))
    return changes


def _middle(points: pd.DataFrame) -> pd.Timestamp | None:
    """Return the start of the period that divides the articles best into halves; None for a single period."""
    totals = points.drop_duplicates("start").sort_values("start")
    if totals["total"].gt(0).sum() < 2:
        return None
    before = totals["total"].cumsum() - totals["total"]
    candidates = totals[before > 0]
    return pd.Timestamp(candidates["start"].iloc[int((before[before > 0] - totals["total"].sum() / 2).abs().argmin())])


def _within(counts: pd.DataFrame) -> float:
    """Return the difference that the sources of both halves make, at their mean weight in the two."""
    wide = counts.unstack("late", fill_value=0)
    both_halves = pd.MultiIndex.from_product([["sum", "size"], [False, True]])
    table = pd.DataFrame(wide).reindex(columns=both_halves, fill_value=0).to_numpy(dtype=float)
    hits, sizes = table[:, :2], table[:, 2:]
    if len(table) < 2:
        return float("nan")
    both = (sizes > 0).all(axis=1)
    weights = (sizes / sizes.sum(axis=0)).mean(axis=1)
    rates = hits[both] / sizes[both]
    return float((weights[both] * (rates[:, 1] - rates[:, 0])).sum())


def _change(theme: str, groups: list[tuple[int, int]], within: float, confidence: float) -> Change:
    (hits1, size1), (hits2, size2) = groups
    first, second = hits1 / size1, hits2 / size2
    low, high = newcombe((hits1, size1), (hits2, size2), confidence)
    return Change(theme, first, second, second - first, low, high, within)


def newcombe(before: tuple[int, int], after: tuple[int, int], confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of the difference of two shares, given as (hits, total); see `early_and_late`."""
    first, second = before[0] / before[1], after[0] / after[1]
    (low1, high1), (low2, high2) = (wilson(*group, confidence) for group in (before, after))
    low = second - first - float(np.hypot(second - low2, high1 - first))
    high = second - first + float(np.hypot(high2 - second, first - low1))
    return low, high


def standing_out(points: pd.DataFrame, rate: float = 0.05, seed: int = 42) -> pd.DataFrame:
    """Return the runs of periods in which a theme's share of stories is high or low beyond chance.

    A temporal scan statistic for Bernoulli data (Kulldorff 1997, "A spatial scan statistic", section 3): of all runs
    of at most half the periods (and at most 26), the one with the highest likelihood ratio; then, with its periods
    taken away, the next (Zhang, Assuncao & Kulldorff 2010, the sequential scan), two a theme at most. ``p`` is the
    rank of the ratio among 999 histories in which the theme's stories fall on the periods by chance, corrected over
    the runs for a false discovery rate of `rate` (Benjamini & Hochberg 1995). Stories and not articles are counted,
    since reprints are not independent; periods that are not comparable or empty are left out.

    Columns: ``theme, label, start, page, periods, stories, total, share, low, high, rest, p``.
    """
    found = []
    for theme, mine in points.groupby("theme", sort=False):
        mine = mine[mine["comparable"] & (mine["total_stories"] > 0)].sort_values("start", ignore_index=True)
        random = np.random.default_rng(seed)
        open_ = np.ones(len(mine), dtype=bool)
        for _ in range(_MOST_RUNS):
            run = _likeliest(mine, open_, random)
            if run is None or run[2] > rate:
                break
            first, last, p = run
            found.append({"theme": theme, **_run(mine, open_, first, last), "p": p})
            open_[first:last] = False
    table = pd.DataFrame(found, columns=_RUN_COLUMNS)
    return table[_discoveries(table["p"].to_numpy(dtype=float), rate)].reset_index(drop=True)


def _likeliest(
    mine: pd.DataFrame, open_: npt.NDArray[np.bool_], random: np.random.Generator
) -> tuple[int, int, float] | None:
    """Return (first, last exclusive, p) of the run that stands out most among the periods still open."""
    hits, totals = (mine[name].to_numpy() * open_ for name in ("stories", "total_stories"))
    runs = _runs(len(mine))
    runs = runs[_sums((~open_).astype(np.int64), runs) == 0] if len(runs) else runs
    if not len(runs) or not 0 < hits.sum() < totals.sum():
        return None
    ratios = _ratios(hits, totals, runs)
    best = int(ratios.argmax())
    by_chance = random.multivariate_hypergeometric(totals, hits.sum(), size=_HISTORIES)
    as_high = sum(_ratios(history, totals, runs).max() >= ratios[best] for history in by_chance)
    return int(runs[best, 0]), int(runs[best, 1]), (1 + int(as_high)) / (1 + _HISTORIES)


def _runs(periods: int) -> npt.NDArray[np.intp]:
    """Return (first, last exclusive) of every run of at most half of the periods; shape (runs, 2)."""
    longest = min(periods // 2, _LONGEST_RUN)
    pairs = [(first, first + size) for size in range(1, longest + 1) for first in range(periods - size + 1)]
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


def _ratios(
    hits: npt.NDArray[np.int64], totals: npt.NDArray[np.int64], runs: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Return the log likelihood ratio of each run having a share of its own."""
    inside, size = (_sums(counts, runs) for counts in (hits, totals))
    outside, rest = hits.sum() - inside, totals.sum() - size
    ratio = _likelihood(inside, size) + _likelihood(outside, rest) - _likelihood(hits.sum(), totals.sum())
    return np.where((size > 0) & (rest > 0), ratio, 0)


def _sums(counts: npt.NDArray[np.int64], runs: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    running = np.concatenate([[0], np.cumsum(counts)])
    return np.asarray(running[runs[:, 1]] - running[runs[:, 0]])


def _likelihood(hits: npt.ArrayLike, total: npt.ArrayLike) -> npt.NDArray[np.float64]:
    hits, total = np.asarray(hits, dtype=float), np.asarray(total, dtype=float)
    return np.asarray(xlogy(hits, hits) + xlogy(total - hits, total - hits) - xlogy(total, total))


def _run(mine: pd.DataFrame, open_: npt.NDArray[np.bool_], first: int, last: int) -> dict[str, object]:
    inside, outside = mine.iloc[first:last], mine[open_].drop(mine.index[first:last])
    stories, total = int(inside["stories"].sum()), int(inside["total_stories"].sum())
    low, high = wilson(stories, total)
    labels = [inside["label"].iloc[0], inside["label"].iloc[-1]]
    return {
        "label": labels[0] if len(inside) == 1 else f"{labels[0]} to {labels[1]}",
        "start": inside["start"].iloc[0],
        "page": inside["page"].iloc[int(inside["stories"].to_numpy().argmax())],
        "periods": len(inside),
        "stories": stories,
        "total": total,
        "share": stories / total,
        "low": float(low),
        "high": float(high),
        "rest": outside["stories"].sum() / outside["total_stories"].sum(),
    }


def _discoveries(p: npt.NDArray[np.float64], rate: float) -> npt.NDArray[np.bool_]:
    return np.asarray(false_discovery_control(p, method="bh") <= rate) if len(p) else np.zeros(0, dtype=bool)
