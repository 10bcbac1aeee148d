"""Intervals of shares that hold for news, where the articles of one day and of one story come in clumps.

Wilson's interval takes articles as independent. Forty reprints of one wire text are not forty observations, and an
event fills the days on which it happens: on such data a 95% Wilson interval holds the truth in 37 to 96% of trials.
A block bootstrap over days and stories mends little of it, since a week has seven days and a rare theme one or two
stories: the few blocks that were drawn cannot show those that were not.

The interval here is Wilson's at the *effective* number of articles, n / (1 + design effect of clumps), as survey
statistics does it (Kish 1965, "Survey Sampling", section 8.2; Korn & Graubard 1998, "Confidence intervals for
proportions with small expected number of positive counts estimated from survey data"; the effective size inside
Wilson's formula: Franco, Little, Louis & Slud 2019, "Comparative study of confidence intervals for proportions in
complex sample surveys"). `toolkit.clumps` estimates the design effect. ``benchmarks/interval_coverage.py`` compares the
three.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from toolkit.clumps import Clumps, design_effects, find_clumps
from toolkit.exhibits import rows
from toolkit.schema import InputError
from toolkit.settings import TrendSettings
from toolkit.stats import wilson
from toolkit.trends import assign_periods, comparable, local_time

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LEAST_YOUDEN = 0.05
_FEWEST_JUDGED = 10


def place(articles: pd.DataFrame, settings: TrendSettings = TrendSettings()) -> pd.DataFrame:
    """Return ``article_id, start, day, story_id, source, language`` of each dated article, in local time.

    `articles` needs ``article_id, published, source, story_id``; a missing ``language`` is ``""``.
    """
    own = articles[articles["published"].notna()]
    names = ["article_id", "story_id", "source"] + ["language"] * ("language" in own)
    day = local_time(own["published"], settings.timezone).dt.normalize()
    placed = own[names].assign(day=day).merge(assign_periods(articles, settings), on="article_id", validate="1:1")
    return placed.assign(language=placed.get("language", ""))


def place_freely(articles: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """Return `place` of the articles of comparable periods, in periods that the data choose, whichever are shown."""
    placed = place(articles, TrendSettings(timezone=timezone))
    return placed[placed["start"].isin(comparable(placed))].reset_index(drop=True)


def values_of(placed: pd.DataFrame, carried: pd.DataFrame) -> Iterator[tuple[str, Floats]]:
    """Yield each theme of `carried` (``theme, article_id, value``) with its value for every placed article, else 0."""
    at = pd.Index(placed["article_id"]).get_indexer(pd.Index(carried["article_id"]))
    value = carried["value"].to_numpy(dtype=float)
    for theme, indices in carried.groupby("theme", sort=False).indices.items():
        mine = np.asarray(indices, dtype=np.int64)
        mine = mine[at[mine] >= 0]
        values = np.zeros(len(placed))
        values[at[mine]] = value[mine]
        yield str(theme), values


def share_intervals(clumps: Clumps, values: npt.ArrayLike, confidence: float = 0.95) -> pd.DataFrame:
    """Return one row a period: ``start, articles, total, share, low, high, effect``; NaN where nothing was collected.

    ``articles`` is the sum of `values`: a count of labels, or an expected count where they are probabilities.
    ``effect`` is the design effect: ``total / effect`` independent articles would say as much.
    """
    every = np.asarray(values, dtype=float)
    carrying = np.flatnonzero(every)
    return pd.DataFrame({"start": clumps.starts, **_intervals(clumps, carrying, every[carrying], confidence)})


def _intervals(clumps: Clumps, carrying: Ints, values: Floats, confidence: float) -> dict[str, Floats]:
    hits = np.bincount(clumps.period[carrying], values, len(clumps.totals))
    effect = design_effects(clumps, carrying, values, confidence)
    low, high = wilson(hits / effect, clumps.totals / effect, confidence)
    with np.errstate(invalid="ignore"):
        share = hits / clumps.totals
    counted = {"articles": hits, "total": clumps.totals.astype(int)}
    return {**counted, "share": share, "low": low, "high": high, "effect": effect}


def shares_of(
    placed: pd.DataFrame,
    carried: pd.DataFrame,
    starts: Sequence[pd.Timestamp] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return `share_intervals` of every group: ``theme, start, articles, total, share, low, high, effect``.

    `carried` has ``theme, article_id, value``, one row where the value is not 0: themes, topics, actors, sources or
    languages alike. Undated articles in it are left out.
    """
    clumps = find_clumps(placed, starts)
    at = pd.Index(placed["article_id"]).get_indexer(pd.Index(carried["article_id"]))
    values = carried["value"].to_numpy(dtype=float)
    values = np.where(at >= 0, values, 0)
    found = carried.groupby("theme", sort=False).indices
    parts = []
    for indices in found.values():
        mine = np.asarray(indices, dtype=np.int64)
        mine = mine[values[mine] > 0]
        parts.append(_intervals(clumps, at[mine], values[mine], confidence))
    columns = ["articles", "total", "share", "low", "high", "effect"]
    if not parts:
        return pd.DataFrame(columns=["theme", "start", *columns])
    table = {name: np.concatenate([part[name] for part in parts]) for name in columns}
    themes = np.repeat(np.array([str(theme) for theme in found], dtype=object), len(clumps.totals))
    return pd.DataFrame({"theme": themes, "start": np.tile(clumps.starts, len(parts)), **table})


def with_clumps(
    points: pd.DataFrame, placed: pd.DataFrame, carried: pd.DataFrame, confidence: float = 0.95
) -> pd.DataFrame:
    """Return `points` of `trends.share_over_time` with the interval that allows for clumps as ``low, high``.

    Wilson's interval is kept as ``wilson_low, wilson_high``; ``effect`` is the design effect. `carried` as for
    `shares_of`, with a row for each theme even if none of its values is above 0.
    """
    if points.empty:
        return points.assign(wilson_low=points["low"], wilson_high=points["high"], effect=points["low"])
    shares = shares_of(placed, carried, sorted(points["start"].unique()), confidence)
    kept = points.rename(columns={"low": "wilson_low", "high": "wilson_high"})
    wide = kept.merge(shares[["theme", "start", "low", "high", "effect"]], on=["theme", "start"], validate="1:1")
    return wide[[*points.columns, "wilson_low", "wilson_high", "effect"]]


def carry(scores: pd.DataFrame, settings: TrendSettings = TrendSettings()) -> pd.DataFrame:
    """Return ``theme, article_id, value``: 1 or 0 by the label, or the probability where `settings` counts these."""
    value = scores["label"] if settings.counted == "labels" else scores["score"]
    return scores[["theme", "article_id"]].assign(value=value.astype(float))


def counted(
    points: pd.DataFrame, placed: pd.DataFrame, weighed: pd.DataFrame, settings: TrendSettings = TrendSettings()
) -> pd.DataFrame:
    """Return `points` of `with_clumps` with the shares that `settings` asks for, by label or expected, as ``counted``
    says.

    `weighed` from `carry`. Where probabilities count, ``share, low, high, effect`` are those of the expected number;
    ``articles`` and ``stories`` count labels all the same, since these are the articles that can be shown.
    """
    points = points.assign(counted=settings.counted)
    if points.empty or settings.counted == "labels":
        return points
    names = ["share", "low", "high", "effect"]
    expected = shares_of(placed, weighed, sorted(points["start"].unique()), settings.confidence)
    wide = points.drop(columns=names).merge(expected[["theme", "start", *names]], on=["theme", "start"])
    return wide[list(points.columns)]


def block_bootstrap(
    placed: pd.DataFrame, values: npt.ArrayLike, confidence: float = 0.95, draws: int = 999, seed: int = 42
) -> pd.DataFrame:
    """Return ``start, low, high``: percentiles of the share over periods put together from drawn blocks.

    A block is the stories that begin on one day of the period, whole (Davison & Hinkley 1997, "Bootstrap Methods and
    their Application", section 3.8). Kept to show what it is worth; a period of one block has no interval (NaN).
    """
    table = placed[["start", "day", "story_id"]].assign(value=np.asarray(values, dtype=float))
    block = table.groupby(["start", "story_id"])["day"].transform("min")
    sums = table.groupby(["start", block])["value"].agg(["sum", "size"])
    random, bounds_of = np.random.default_rng(seed), []
    for start, mine in sums.groupby(level=0):
        times = random.multinomial(len(mine), np.full(len(mine), 1 / len(mine)), draws)
        shares = (times @ mine["sum"].to_numpy()) / (times @ mine["size"].to_numpy())
        bounds = np.quantile(shares, [0.5 - confidence / 2, 0.5 + confidence / 2])
        bounds_of.append((start, *(bounds if len(mine) > 1 else [np.nan] * 2)))
    return pd.DataFrame(bounds_of, columns=["start", "low", "high"])


class Judged(NamedTuple):
    """How a theme's labels did on labelled articles: right and wrong positives, wrong and right negatives."""

    right_yes: int
    wrong_yes: int
    wrong_no: int
    right_no: int


def corrected(shares: pd.DataFrame, judged: Judged, confidence: float = 0.95) -> pd.DataFrame:
    """Return `shares` (``share, total, effect``) with the share that is true, given how often labels are wrong.

    Adds ``true_share, true_low, true_high``: Rogan & Gladen 1978, "Estimating prevalence from the results of a
    screening test", with the interval of Lang & Reiczigel 2014, "Confidence limits for prevalence of disease
    adjusted for estimated sensitivity and specificity", which carries the uncertainty of the labelled sample too.
    Raises `InputError` when the labels tell next to nothing: then no share can be drawn from them.
    """
    carriers, others = judged.right_yes + judged.wrong_no, judged.right_no + judged.wrong_yes
    if min(carriers, others) == 0:
        raise InputError("The labelled articles are all of one kind; to correct a share, both kinds are needed.")
    found, passed = judged.right_yes / carriers, judged.right_no / others
    if found + passed - 1 < _LEAST_YOUDEN:
        raise InputError(
            f"The labels find {found:.0%} of the theme's articles and wrongly take {1 - passed:.0%} of the others; "
            "no share can be corrected by them. Mend the theme first."
        )
    size = (shares["total"] / shares["effect"]).to_numpy(dtype=float)
    seen = shares["share"].to_numpy(dtype=float)
    low, high = _lang_reiczigel(seen, size, (found, carriers), (passed, others), confidence)
    true = np.clip((seen + passed - 1) / (found + passed - 1), 0, 1)
    return shares.assign(true_share=true, true_low=low, true_high=high)


def correct_points(points: pd.DataFrame, judged: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Return the rows of `points` whose theme was judged, corrected: ``true_share, true_low, true_high`` beside.

    `points` from `with_clumps`, `judged` from `labels.judge`. A theme needs ten judged articles about it and ten
    others, and labels that tell the one from the other; the rows of other themes are left out.
    """
    parts = [points.head(0).assign(true_share=0.0, true_low=0.0, true_high=0.0)]
    for row in rows(judged):
        counts = Judged(row.right_yes, row.wrong_yes, row.wrong_no, row.right_no)
        carriers, others = counts.right_yes + counts.wrong_no, counts.right_no + counts.wrong_yes
        if min(carriers, others) < _FEWEST_JUDGED or _youden(counts) < _LEAST_YOUDEN:
            continue
        parts.append(corrected(points[points["theme"] == row.theme], counts, confidence))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _youden(judged: Judged) -> float:
    carriers, others = judged.right_yes + judged.wrong_no, judged.right_no + judged.wrong_yes
    return judged.right_yes / carriers + judged.right_no / others - 1


def _lang_reiczigel(
    seen: Floats, size: Floats, found: tuple[float, int], passed: tuple[float, int], confidence: float
) -> tuple[Floats, Floats]:
    z = float(ndtri(0.5 + confidence / 2))
    (sensitivity, carriers), (specificity, others) = found, passed
    p, n = (size * seen + z**2 / 2) / (size + z**2), size + z**2
    se, sp = (carriers * sensitivity + 1) / (carriers + 2), (others * specificity + 1) / (others + 2)
    youden = se + sp - 1
    true = (p + sp - 1) / youden
    on_se, on_sp = se * (1 - se) / carriers, sp * (1 - sp) / others
    shift = 2 * z**2 * (true * on_se - (1 - true) * on_sp)
    half = z * np.sqrt(p * (1 - p) / n + true**2 * on_se + (1 - true) ** 2 * on_sp) / youden
    return np.clip(true + shift - half, 0, 1), np.clip(true + shift + half, 0, 1)
