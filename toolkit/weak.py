"""Weak signals: topics that were small and grow, by a test and not by a percentile.

Growth is the slope of a topic's share of stories over time, on the logarithm: a quasi-Poisson regression with all
stories as the offset (McCullagh & Nelder 1989, "Generalized Linear Models", chapter 6), its variance swollen by the
series' own dispersion. Benjamini & Hochberg 1995 over all topics tested, small or not grown as they may be. A rise
that one outlet tells is weaker than one that five tell: the growth is fitted again without the topic's largest source
of late, and must be beyond chance there too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtr, ndtri

from toolkit.chance import dispersion
from toolkit.exhibits import rows
from toolkit.stats import false_discovery
from toolkit.terms import Texts

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SMALL = 0.02
"""A topic is small that has at most this share of the stories in the first third of the periods."""
FEWEST_STORIES = 8
_FEWEST_PERIODS = 6
_ENOUGH_PERIODS = 20
_ROUNDS = 30
_MOST_READ = 10_000
_LATE = 1 / 3
_BROAD = 0.05
"""The growth without a topic's largest source is tested at this level, uncorrected: it confirms, and finds nothing."""
_STEEPEST = 7.0
"""Growth beyond a thousandfold is not told apart: the topic is new."""
_NO_WORD = re.compile(r"\W+")
_BETWEEN = dict.fromkeys((code for code in range(128) if _NO_WORD.match(chr(code))), " ")
_COLUMNS = (
    "theme stories share early growth low high sources effective_sources growth_without_largest novelty p q signal"
).split()


def weak_topics(
    placed: pd.DataFrame, assigned: pd.DataFrame, topics: pd.DataFrame, texts: Texts, rate: float = 0.05
) -> pd.DataFrame:
    """Return the topics that are weak signals, ranked: `weak_signals` with ``topic_id, label, terms`` and novelty.

    `assigned` has ``article_id, topic_id``, `topics` ``topic_id, label, terms``; `texts` is asked once, for at
    most 10,000 articles of each half, evenly spread: those that the novelty of the terms is read from.
    """
    placed = finely(placed)
    found = weak_signals(placed, assigned[["article_id"]].assign(theme=assigned["topic_id"]), rate=rate)
    found = found[found["signal"].astype(bool)].rename(columns={"theme": "topic_id"})
    told = found.merge(topics[["topic_id", "label", "terms"]], on="topic_id")
    if told.empty:
        return told
    middle = placed["start"].sort_values().iloc[len(placed) // 2]
    ids = [_spread(placed.loc[half, "article_id"]) for half in _halves(placed["start"], middle)]
    every, known = sorted({term for terms in told["terms"] for term in terms}), texts([*ids[0], *ids[1]])
    before, after = (shares_holding(known.loc[half], every) for half in ids)
    terms = {str(row.topic_id): list(row.terms) for row in rows(told)}
    return told.assign(novelty=told["topic_id"].astype(str).map(term_novelty(terms, before, after)))


def finely(placed: pd.DataFrame) -> pd.DataFrame:
    """Return `placed` with days for periods where there are fewer than twenty: eight weeks tell little of chance."""
    days = placed["day"].nunique()
    return placed.assign(start=placed["day"]) if placed["start"].nunique() < _ENOUGH_PERIODS <= days else placed


def _spread(ids: pd.Series) -> list[str]:
    """Return at most 10,000 of `ids`, evenly spread over them."""
    return ids.iloc[np.unique(np.linspace(0, len(ids) - 1, min(len(ids), _MOST_READ)).astype(int))].tolist()


def _halves(starts: pd.Series, middle: pd.Timestamp) -> tuple[pd.Series, pd.Series]:
    return starts < middle, starts >= middle


def shares_holding(texts: pd.Series, terms: Sequence[str]) -> dict[str, float]:
    """Return term -> the share of `texts` in which words begin with each of its words.

    >>> shares_holding(pd.Series(["Drones over Astana", "No news"]), ["drone astana", "war"])
    {'drone astana': 0.5, 'war': 0.0}
    """
    spaced = [_spaced(text.lower()) for text in texts]
    parts = {part for term in terms for part in term.split()}
    held = {part: np.array([f" {part}" in text for text in spaced], dtype=bool) for part in parts}
    return {term: float(np.logical_and.reduce([held[part] for part in term.split()]).mean()) for term in terms}


def _spaced(text: str) -> str:
    """Return a text with a space before each word; letters of English alone are quicker told from what they are not."""
    return " " + (text.translate(_BETWEEN) if text.isascii() else _NO_WORD.sub(" ", text))


def growth_rates(hits: Floats, totals: Floats, confidence: float = 0.95) -> pd.DataFrame:
    """Return ``growth, low, high, p`` of each series (rows): by what factor the share changes over the whole span.

    2 means that the share at the end is twice that at the beginning. ``p`` is one-sided, by the signed root of the
    likelihood ratio given the number of hits, which holds for small counts; NaN and 1 where a series has no hit, fewer
    than six periods with articles, or all periods alike.
    """
    filled = (totals > 0).sum(axis=1) >= _FEWEST_PERIODS
    usable = filled & (hits.sum(axis=1) > 0)
    table = pd.DataFrame({"growth": np.nan, "low": np.nan, "high": np.nan, "p": 1.0}, index=range(len(hits)))
    if not usable.any():
        return table
    x, n = hits[usable], totals[usable]
    time = np.linspace(-0.5, 0.5, hits.shape[1])
    slope, information = _slopes(x, n, time)
    effect = dispersion(x, n, _fitted(x, n, time, slope))
    spread = ndtri(0.5 + confidence / 2) * np.sqrt(effect / information)
    bounds = [np.exp(np.clip(slope + side * spread, -50, 50)) for side in (0, -1, 1)]
    weight = (n * np.exp(slope[:, None] * time)).sum(axis=1) / n.sum(axis=1)
    ratio = 2 * np.maximum(slope * (x * time).sum(axis=1) - x.sum(axis=1) * np.log(weight), 0)
    table.loc[usable] = np.column_stack([*bounds, ndtr(-np.sign(slope) * np.sqrt(ratio / effect))])
    return table


def _slopes(hits: Floats, totals: Floats, time: Floats) -> tuple[Floats, Floats]:
    """Return the slope of each series and its information, by Newton's method on the profile likelihood.

    A series whose slope a round leaves as it is would be left so by all further ones.
    """
    slope, information, left = np.zeros(len(hits)), np.zeros(len(hits)), np.arange(len(hits))
    every, moments = hits.sum(axis=1), (hits * time).sum(axis=1)
    for _ in range(_ROUNDS):
        mine, before = totals[left], slope[left]
        weight = mine * np.exp(before[:, None] * time)
        size = weight.sum(axis=1)
        mean = (weight * time).sum(axis=1) / size
        spread = (weight * time**2).sum(axis=1) / size - mean**2
        information[left] = np.maximum(every[left] * spread, 1e-9)
        step = np.clip((moments[left] - every[left] * mean) / information[left], -1, 1)
        slope[left] = np.clip(before + step, -_STEEPEST, _STEEPEST)
        left = left[slope[left] != before]
        if not len(left):
            break
    return slope, information


def _fitted(hits: Floats, totals: Floats, time: Floats, slope: Floats) -> Floats:
    """Return the share that the fitted growth tells for each series and period."""
    weight = np.exp(slope[:, None] * time)
    return np.asarray(weight * (hits.sum(axis=1) / (totals * weight).sum(axis=1))[:, None])


def weak_signals(
    placed: pd.DataFrame,
    carried: pd.DataFrame,
    novelty: Mapping[str, float] | None = None,
    rate: float = 0.05,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return every topic with its growth, the weak signals (``signal``) first, ranked.

    `placed` has ``article_id, start, story_id, source``, `carried` ``theme, article_id``: one row an article;
    `novelty` as `term_novelty` gives it, else NaN. Columns: ``theme, stories, share, early`` (the share in the
    first third of the periods), ``growth, low, high, sources`` (of the last third), ``effective_sources`` (inverse
    Simpson), ``growth_without_largest, novelty, p, q, signal``. A signal had a share of at most 2% in the first third,
    eight stories or more and a growth beyond chance, with and without its largest source; the rank is the lower bound
    of the growth times the effective sources.
    """
    themes = pd.Index(carried["theme"].unique())
    told = _coded(placed, carried, themes)
    if not len(told.theme):
        return pd.DataFrame(columns=_COLUMNS)
    starts, every = told.starts, told._replace(theme=np.zeros(len(placed), dtype=np.int64), row=np.arange(len(placed)))
    totals, hits = _stories(every, 1), _stories(told, len(themes))
    breadth, largest = _breadth(told, len(themes))
    left = told.only(told.source[told.row] != largest[told.theme])
    alone = _without(every, largest, totals)
    whole = growth_rates(hits, np.repeat(totals, len(themes), axis=0), confidence)
    without = growth_rates(_stories(left, len(themes)), alone, confidence)
    one_source = placed["source"].nunique() < 2
    first = slice(0, max(1, round(len(starts) * _LATE)))
    early = hits[:, first].sum(axis=1) / max(1, totals[:, first].sum())
    shares = {"share": hits.sum(axis=1) / totals.sum(), "early": early}
    table = whole.assign(theme=themes, stories=hits.sum(axis=1).astype(int), **shares)
    table = table.assign(
        growth_without_largest=without["growth"], novelty=[(novelty or {}).get(t, np.nan) for t in themes]
    )
    table = table.join(breadth).fillna({"sources": 0, "effective_sources": 0})
    broad = True if one_source else without["p"] <= _BROAD
    tested = (table["stories"] >= FEWEST_STORIES) & table["growth"].notna()
    table["q"] = 1.0
    if tested.any():
        table.loc[tested, "q"] = false_discovery(table.loc[tested, "p"])
    table["signal"] = tested & broad & (table["q"] <= rate) & (table["early"] <= SMALL) & (table["growth"] > 1)
    rank = table["low"].fillna(0) * table["effective_sources"].clip(lower=1)
    order = pd.DataFrame({"signal": ~table["signal"], "q": np.where(table["signal"], 0, table["q"]), "rank": -rank})
    return table.loc[order.sort_values(["signal", "q", "rank"], kind="stable").index, _COLUMNS].reset_index(drop=True)


class _Told(NamedTuple):
    """Which rows of a table tell which themes, and of each row its period, story and source, all as numbers."""

    theme: Ints
    row: Ints
    start: Ints
    story: Ints
    source: Ints
    starts: pd.Index

    def only(self, some: npt.NDArray[np.bool_]) -> _Told:
        """Return those of the pairs of theme and row that `some` marks."""
        return self._replace(theme=self.theme[some], row=self.row[some])


def _coded(placed: pd.DataFrame, carried: pd.DataFrame, themes: pd.Index) -> _Told:
    """Number what `weak_signals` is given; sources in the order of their names."""
    row = pd.Index(placed["article_id"]).get_indexer(pd.Index(carried["article_id"]))
    starts = pd.Index(sorted(placed["start"].unique()))
    theme, start = themes.get_indexer(pd.Index(carried["theme"])), starts.get_indexer(pd.Index(placed["start"]))
    story, source = pd.factorize(placed["story_id"])[0], pd.factorize(placed["source"], sort=True)[0]
    return _Told(theme[row >= 0], row[row >= 0], start, story, source, starts)


def _stories(told: _Told, themes: int) -> Floats:
    """Return the stories of each theme and period, a story once in each period it is told in."""
    count = len(told.starts)
    cells, _ = distinct(told.theme * count + told.start[told.row], told.story[told.row])
    return np.bincount(cells, minlength=themes * count).reshape(themes, count).astype(float)


def distinct(one: Ints, other: Ints) -> tuple[Ints, Ints]:
    """Return the distinct pairs of two columns of whole numbers from 0, in their order.

    >>> distinct(np.array([1, 0, 1]), np.array([5, 2, 5]))
    (array([0, 1]), array([2, 5]))
    """
    width = int(other.max(initial=0)) + 1
    pairs = np.sort(one * width + other)
    return np.divmod(pairs[np.diff(pairs, prepend=-1) > 0], width)


def _breadth(told: _Told, themes: int) -> tuple[pd.DataFrame, Ints]:
    """Return the sources of each topic in the last third of the periods, and its largest one there (-1: none)."""
    late = told.only(told.start[told.row] >= int(len(told.starts) * (1 - _LATE)))
    width = int(told.source.max(initial=0)) + 1
    cells = distinct(late.theme * width + told.source[late.row], told.story[late.row])[0]
    pairs, stories = np.unique(cells, return_counts=True)
    counts = pd.DataFrame({"theme": pairs // width, "source": pairs % width, "stories": stories})
    counts = counts.sort_values(["stories", "source"], ascending=[False, True], kind="stable")
    part = counts["stories"] / counts.groupby("theme")["stories"].transform("sum")
    breadth = (
        pd.DataFrame({"theme": counts["theme"], "square": part**2}).groupby("theme")["square"].agg(["size", "sum"])
    )
    table = pd.DataFrame({"sources": breadth["size"], "effective_sources": 1 / breadth["sum"]})
    first = counts.drop_duplicates("theme")
    largest = np.full(themes, -1, dtype=np.int64)
    largest[first["theme"]] = first["source"]
    return table, largest


def _without(every: _Told, largest: Ints, totals: Floats) -> Floats:
    """Return the stories of all sources but each topic's largest: (themes, periods)."""
    cell, source = distinct(every.start * (int(every.story.max(initial=0)) + 1) + every.story, every.source)
    alone = np.append(np.diff(cell) > 0, True) & np.append(True, np.diff(cell) > 0)
    starts, sources = cell[alone] // (int(every.story.max(initial=0)) + 1), source[alone]
    count, width = len(every.starts), int(every.source.max(initial=0)) + 1
    own = np.bincount(sources * count + starts, minlength=width * count).reshape(width, count).astype(float)
    return np.where((largest >= 0)[:, None], totals - own[largest], totals)


def term_novelty(
    terms: Mapping[str, Sequence[str]], before: Mapping[str, float], after: Mapping[str, float]
) -> dict[str, float]:
    """Return topic -> how new its words are, 0 (as common before) to 1 (never seen before).

    `before` and `after` give the share of articles of the earlier and later half that hold a word; a word that is in
    neither counts for nothing.

    >>> term_novelty({"a": ["drone", "war"]}, {"war": 0.2}, {"war": 0.2, "drone": 0.1})
    {'a': 0.5}
    """
    result = {}
    for topic, own in terms.items():
        seen = [term for term in own if before.get(term, 0) + after.get(term, 0) > 0]
        gained = [max(0.0, 1 - before.get(t, 0) / after[t]) if after.get(t, 0) > 0 else 0.0 for t in seen]
        result[topic] = float(np.mean(gained)) if gained else float("nan")
    return result
