"""How good theme scores are, judged by gold labels: measures, intervals, comparisons. Arrays and tables in and out.

A *system* is whatever scores articles: the toolkit, a supervised ceiling, a peer. All are measured by one function
under weights (`toolkit.measures`). Resampled are stories where there are any, since reprints are not independent; the
intervals are percentiles (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from toolkit.measures import BINS, MEASURES, WHOLE, Flags, Floats, System, bins_of, first_said, measure
from toolkit.schema import InputError
from toolkit.stats import wilson

__all__ = [
    "MEAN",
    "MEASURES",
    "System",
    "by_group",
    "compare",
    "confusion",
    "draw",
    "measure",
    "nested",
    "partitions",
    "reliability",
    "rounded",
    "summarise",
    "system",
    "worst",
]

Draws = Mapping[str, Mapping[str, Floats]]
"""System -> measure -> (1 + resamples, themes); the first row is the figure itself."""

RESAMPLES = 1000
MEAN = "mean"
"""Stands for a theme in tables: the unweighted mean over themes (macro)."""
OTHERS = "all others"
_CHUNK = 50
_LARGEST_GROUPS = 12
_SMALLEST_GROUP = 20
_PER_KIND = 10
_OPENING = 160


def system(scores: pd.DataFrame, truth: pd.DataFrame, themes: Sequence[str]) -> System:
    """Return the table of theme scores (``article_id, theme, score, label``) as a system, rows as in `truth`.

    Raises `InputError` where an article with a label has no score for a theme.
    """
    wide = scores[scores["theme"].isin(themes)].pivot(index="article_id", columns="theme", values=["score", "label"])
    wide = wide.reindex(index=truth.index)
    missing = [theme for theme in themes if ("score", theme) not in wide.columns or wide["score"][theme].isna().any()]
    if missing:
        raise InputError(
            f"The theme {missing[0]!r} has labels, but not every article with a label has a score for it: score them "
            "with a theme file that has this theme."
        )
    names = list(themes)
    return System(wide["score"][names].to_numpy(np.float64), wide["label"][names].to_numpy(bool), True)


def draw(
    systems: Mapping[str, System], truth: Flags, groups: Sequence[object], seed: int = 42, count: int = RESAMPLES
) -> Draws:
    """Measure `systems` (n articles, t themes) on `truth`, and again on `count` resamples of `groups` (n).

    All systems are measured on the same resamples, so that their differences can be told from the same draws.
    """
    parts: dict[str, list[dict[str, Floats]]] = {name: [] for name in systems}
    with threadpool_limits(1):
        for weights in _weights(groups, seed, count):
            for name, each in systems.items():
                parts[name].append(measure(each, truth, weights))
    return {name: {key: np.vstack([part[key] for part in done]) for key in done[0]} for name, done in parts.items()}


def _weights(groups: Sequence[object], seed: int, count: int) -> Iterator[Floats]:
    """Yield rows of weights (m, n): ones, then how often each article stands in each resample of the groups."""
    codes, names = pd.factorize(pd.Series(list(groups), dtype=object))
    yield np.ones((1, len(codes)))
    draws = np.random.default_rng(seed)
    for start in range(0, count, _CHUNK):
        size = min(_CHUNK, count - start)
        picked = draws.integers(0, len(names), (size, len(names))) + np.arange(size)[:, None] * len(names)
        often = np.bincount(picked.ravel(), minlength=size * len(names)).reshape(size, len(names))
        yield often[:, codes].astype(np.float64)


def summarise(draws: Draws, themes: Sequence[str]) -> pd.DataFrame:
    """Return ``system, theme, measure, value, low, high`` (95%); the theme `MEAN` is the mean over themes."""
    rows = []
    for name, measures in draws.items():
        for key, drawn in measures.items():
            named = [] if key in WHOLE else list(zip(themes, drawn.T, strict=True))
            for theme, column in [*named, (MEAN, _mean(drawn))]:
                rows.append((name, theme, key, column[0], *_interval(column)))
    return pd.DataFrame(rows, columns=["system", "theme", "measure", "value", "low", "high"])


def _mean(drawn: Floats) -> Floats:
    """Return the mean over themes of each draw, over those themes whose figure can be told."""
    known = ~np.isnan(drawn)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, drawn, 0).sum(axis=1) / known.sum(axis=1))


def _interval(column: Floats) -> tuple[float, float]:
    drawn = column[1:][~np.isnan(column[1:])]
    if np.isnan(column[0]) or not len(drawn):
        return float("nan"), float("nan")
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def compare(draws: Draws, first: str, second: str, themes: Sequence[str]) -> pd.DataFrame:
    """Return the paired differences of two systems: ``theme, measure, first, second, difference, low, high, p``.

    ``p`` is two-sided: how often the resamples have the difference on the other side of zero, counted twice.
    """
    rows = []
    for key in ("average_precision", "f1"):
        one, two = draws[first][key], draws[second][key]
        pairs = [*zip(themes, one.T, two.T, strict=True), (MEAN, _mean(one), _mean(two))]
        for theme, a, b in pairs:
            apart = b - a
            drawn = apart[1:][~np.isnan(apart[1:])]
            tail = (min((drawn <= 0).sum(), (drawn >= 0).sum()) + 1) / (len(drawn) + 1)
            rows.append((theme, key, a[0], b[0], apart[0], *_interval(apart), min(1.0, 2 * float(tail))))
    return pd.DataFrame(rows, columns=["theme", "measure", "first", "second", "difference", "low", "high", "p"])


def reliability(system: System, truth: Flags, themes: Sequence[str]) -> pd.DataFrame:
    """Return what the probabilities of each bin were worth: ``theme, bin, articles, score, share, low, high``.

    ``score`` is the mean probability in the bin, ``share`` the share that has the theme, with its Wilson interval.
    """
    rows = []
    for column, theme in enumerate(themes):
        inside = bins_of(system.scores[:, column])
        size = np.bincount(inside, minlength=BINS)
        hits = np.bincount(inside, truth[:, column], minlength=BINS)
        total = np.bincount(inside, system.scores[:, column], minlength=BINS)
        low, high = wilson(hits, size)
        for step in np.flatnonzero(size):
            share = hits[step] / size[step]
            rows.append((theme, step, size[step], total[step] / size[step], share, low[step], high[step]))
    return pd.DataFrame(rows, columns=["theme", "bin", "articles", "score", "share", "low", "high"])


def confusion(system: System, truth: Flags, themes: Sequence[str]) -> pd.DataFrame:
    """Return how many articles of each gold theme have which theme first: ``gold, said, articles``; ``""`` is none.

    Said is the highest-scored of the themes that were decided for. An article of several gold themes counts for each.
    """
    said = first_said(system)
    gold = np.column_stack([truth, ~truth.any(axis=1)])
    names = [*themes, ""]
    counts = np.stack([np.bincount(said[gold[:, row]], minlength=len(names)) for row in range(len(names))])
    rows = [(names[i], names[j], int(counts[i, j])) for i in range(len(names)) for j in range(len(names))]
    return pd.DataFrame(rows, columns=["gold", "said", "articles"])


def by_group(system: System, truth: Flags, themes: Sequence[str], groups: pd.Series) -> pd.DataFrame:
    """Return the measures within each group: ``group, articles, theme, positives`` and measures.

    `groups` has a name for each article, in step with `truth`. Beyond the largest twelve, and below twenty articles,
    they are one group; years stand in their order, others by size.
    """
    sizes = groups.value_counts()
    ranked = sorted(sizes[sizes >= _SMALLEST_GROUP].index, key=lambda name: (-sizes[name], name))[:_LARGEST_GROUPS]
    groups = groups.where(groups.isin(ranked), OTHERS)
    sizes = groups.value_counts()
    names = (sorted(ranked) if groups.name == "year" else ranked) + [OTHERS] * (OTHERS in sizes.index)
    weights = np.stack([(groups == name).to_numpy(np.float64) for name in names])
    found = measure(system, truth, weights)
    rows = [
        {"group": name, "articles": int(sizes[name]), "theme": theme, "positives": int(weights[i] @ truth[:, j])}
        | {key: found[key][i, j] for key in ("precision", "recall", "f1", "average_precision", "ece")}
        for i, name in enumerate(names)
        for j, theme in enumerate(themes)
    ]
    return pd.DataFrame(rows)


def worst(scores: pd.DataFrame, truth: pd.DataFrame, articles: pd.DataFrame, themes: Sequence[str]) -> pd.DataFrame:
    """Return the surest of those that are wrong, ten of each kind and theme, with the passages.

    ``theme, kind`` (``false positive``: said and not so; ``false negative``: so and not said), ``article_id, title``
    (the opening where there is none), ``published, source, score, gold`` (in the words of the labels), ``passage``.
    """
    about = articles.set_index("article_id").loc[truth.index, ["title", "text", "published", "source"]]
    about["title"] = about["title"].where(about["title"] != "", about["text"].str[:_OPENING])
    parts = []
    for theme in themes:
        mine = scores[scores["theme"] == theme].set_index("article_id").loc[truth.index]
        table = about.assign(score=mine["score"], passage=mine["evidence"], gold=truth["said"]).reset_index()
        said, so = mine["label"].to_numpy(bool), truth[theme].to_numpy(bool)
        for kind, rows, rising in (("false positive", said & ~so, False), ("false negative", so & ~said, True)):
            ranked = table[rows].sort_values(["score", "article_id"], ascending=[rising, True], kind="stable")
            parts.append(ranked.head(_PER_KIND).assign(theme=theme, kind=kind))
    order = ["theme", "kind", "article_id", "title", "published", "source", "score", "gold", "passage"]
    found: pd.DataFrame = pd.concat(parts, ignore_index=True)[order]
    return found


def partitions(articles: pd.DataFrame, truth: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the language, source and year of each article of `truth`, as names in step with it."""
    about = articles.set_index("article_id").loc[truth.index]
    years = [str(date.year) if pd.notna(date) else "no date" for date in about["published"]]
    return {
        "language": about["language"].replace("", "not recognised").astype(object),
        "source": about["source"].replace("", "unknown").astype(object),
        "year": pd.Series(years, about.index, dtype=object, name="year"),
    }


def rounded(table: pd.DataFrame) -> list[dict[str, object]]:
    """Return a table as records for JSON: four digits, NaN as None."""
    plain = table.round(4).astype(object)
    return [{str(k): v for k, v in row.items()} for row in plain.where(table.notna(), None).to_dict("records")]


def nested(summary: pd.DataFrame) -> dict[str, dict[str, dict[str, object]]]:
    """Return `summarise`'s table as system -> theme -> measure -> ``value, low, high``, for JSON."""
    found: dict[str, dict[str, dict[str, object]]] = {}
    for row in rounded(summary):
        place = found.setdefault(str(row["system"]), {}).setdefault(str(row["theme"]), {})
        place[str(row["measure"])] = {key: row[key] for key in ("value", "low", "high")}
    return found
