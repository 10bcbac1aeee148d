"""Phrases that a corpus offers for a theme: what its surest articles say more often than the others.

Weighted log-odds with an informative Dirichlet prior (Monroe, Colaresi, Quinn 2008, "Fightin' Words", section 3.5),
on phrases of one to three words that are counted once an article. The prior is the phrase's frequency in all
articles, so that rare phrases need more evidence.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit import words
from toolkit.themefile import Theme

SUGGESTED_COLUMNS = ["theme", "language", "phrase", "articles", "carry", "z"]

_CLAUSE = re.compile(r"[^.!?…,;:()\"«»“”\n—–]+")
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_LONGEST = 3
_SURE = 0.8
_FEWEST_SURE = 10
_MOST_ARTICLES = 4000
_READ = 2500
_LEAST_ARTICLES = 5
_LEAST_Z = 3.0
_LEAST_CARRY = 0.6

Stems = tuple[str, ...]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def suggest(
    articles: pd.DataFrame, scores: pd.DataFrame, themes: Sequence[Theme], most: int = 8, seed: int = 42
) -> pd.DataFrame:
    """Return up to `most` phrases per theme and language, the most telling first: `SUGGESTED_COLUMNS`.

    ``articles`` have the phrase, and ``carry`` is the share of them that carry the theme. Read are at most 4,000
    articles a language, 2,500 characters each. Offered are phrases with a stem that no seed of the theme has, that
    tell more of this theme than of any other, that stand in small letters in most of their mentions (so that few are
    names), and whose articles carry the theme three times in five.
    """
    parts = [pd.DataFrame(columns=SUGGESTED_COLUMNS)]
    for language, group in articles.groupby("language", sort=True):
        ids = group["article_id"].sort_values().to_numpy()
        chosen = np.random.default_rng(seed).permutation(ids)[:_MOST_ARTICLES]
        some = group[group["article_id"].isin(chosen)]
        counted = _Phrases(some)
        told = {theme.id: _told(counted, scores[scores["theme"] == theme.id], some) for theme in themes}
        for theme in themes:
            rivals = [odds for name, (_, odds) in told.items() if name != theme.id]
            best = np.max(rivals, axis=0) if rivals else np.full(len(counted.rows), -np.inf)
            parts.append(_offered(counted, told[theme.id], best, (theme, str(language)), most))
    found = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(found, ignore_index=True)


class _Phrases:
    """Every phrase of some articles by its stems: in which articles (rows) it stands, and how it is written."""

    def __init__(self, articles: pd.DataFrame) -> None:
        rows: dict[Stems, list[int]] = defaultdict(list)
        forms: dict[Stems, Counter[str]] = defaultdict(Counter)
        for row, (title, text) in enumerate(zip(articles["title"], articles["text"], strict=True)):
            seen: set[Stems] = set()
            for key, form in _phrases(f"{title}\n{text[:_READ]}"):
                forms[key][form] += 1
                seen.add(key)
            for key in seen:
                rows[key].append(row)
        self.rows = {key: np.array(found) for key, found in rows.items() if len(found) >= _LEAST_ARTICLES}
        self.forms: Mapping[Stems, Counter[str]] = forms


@cache
def _stems(word: str) -> tuple[str, ...]:
    return tuple(words.stems(word))


def _phrases(text: str) -> Iterator[tuple[Stems, str]]:
    """Yield the stems and the form of each phrase; a clause's first word is left out where it is capitalised."""
    for clause in _CLAUSE.findall(text):
        found = _WORD.findall(clause)
        if found and found[0][:1].isupper():
            found = found[1:]
        keys = [_stems(word) for word in found]
        for start in range(len(found)):
            for end in range(start + 1, min(start + _LONGEST, len(found)) + 1):
                if keys[start] and keys[end - 1]:
                    yield tuple(stem for key in keys[start:end] for stem in key), " ".join(found[start:end])


def _told(counted: _Phrases, scores: pd.DataFrame, articles: pd.DataFrame) -> tuple[Flags, Floats]:
    """Return which articles carry a theme, and each phrase's z-score for it: zero where too few are sure."""
    mine = scores.set_index("article_id").loc[articles["article_id"]]
    label = mine["label"].to_numpy(dtype=bool)
    sure = label & (mine["score"].to_numpy() >= _SURE)
    if sure.sum() < _FEWEST_SURE or sure.all() or not counted.rows:
        return label, np.zeros(len(counted.rows))
    first = np.array([sure[rows].sum() for rows in counted.rows.values()], dtype=np.float64)
    every = np.array([len(rows) for rows in counted.rows.values()], dtype=np.float64)
    return label, log_odds(first, every - first)


def _offered(
    counted: _Phrases, told: tuple[Flags, Floats], rivals: Floats, sought: tuple[Theme, str], most: int
) -> pd.DataFrame:
    """Return the phrases for one theme and language; `rivals` are the best z-scores for another theme."""
    (label, weights), (theme, language) = told, sought
    phrases = (*theme.seeds_in(language), *theme.against.get(language, ()))
    known = {stem for phrase in phrases for stem in words.stems(phrase)}
    keys = list(counted.rows)
    rows: list[tuple[object, ...]] = []
    kept: list[set[str]] = []
    for place in np.argsort(-weights, kind="stable"):
        if len(rows) == most or weights[place] < _LEAST_Z:
            break
        key, held = keys[place], counted.rows[keys[place]]
        short = {_short(stem) for stem in key}
        told_already = set(key) <= known or any(short <= other or other <= short for other in kept)
        carry = float(label[held].mean())
        if carry >= _LEAST_CARRY and weights[place] > rivals[place] and not told_already and _lower(counted.forms[key]):
            kept.append(short)
            form = counted.forms[key].most_common(1)[0][0].lower()
            rows.append((theme.id, language, form, len(held), carry, float(weights[place])))
    return pd.DataFrame(rows, columns=SUGGESTED_COLUMNS)


def _short(stem: str) -> str:
    """Return the beginning of a Cyrillic stem, so that two cases of a short word are not offered as two phrases."""
    return stem[:4] if stem[:1] >= "\u0400" else stem


def log_odds(mine: Floats, rest: Floats) -> Floats:
    """Return the z-score of each phrase's log-odds between two groups of counts, shape (phrases,).

    The prior counts as much as the smaller group: each phrase as often as in both groups together, in proportion.

    >>> log_odds(np.array([9.0, 1.0]), np.array([1.0, 9.0])).round(1).tolist()
    [2.0, -2.0]
    """
    both = mine + rest
    prior = both * min(mine.sum(), rest.sum()) / both.sum()
    first, second = mine + prior, rest + prior
    odds = np.log(first / (first.sum() - first)) - np.log(second / (second.sum() - second))
    return np.asarray(odds / np.sqrt(1 / first + 1 / second), dtype=np.float64)


def _lower(forms: Counter[str]) -> bool:
    """Say whether a phrase stands in small letters in most of its mentions."""
    return sum(count for form, count in forms.items() if form == form.lower()) * 2 > sum(forms.values())
