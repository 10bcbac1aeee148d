"""The words that set one set of articles apart from another, and the articles that came first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit import words
from toolkit.coded import code_words

Texts = Callable[[Sequence[Any]], pd.Series]
"""Gives title and text of the articles asked for, indexed by their ids and in this order."""

Whole = npt.NDArray[np.int64]
_PRIOR_SHARE = 0.1
_LARGEST_PRIOR = 500.0
_MOST_TEXTS = 500
_FEWEST = 3
_TERMS = 8


def telling_terms(inside: Sequence[str], outside: Sequence[str], most: int = _TERMS) -> pd.DataFrame:
    """Return the words that `inside` has more of than `outside`: ``term, z, inside, outside``, the surest first.

    Log-odds with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008, "Fightin' Words", section 3.3.1): the
    prior is the words of both sets together, weighing as much as a tenth of them and 500 words at most.
    ``inside`` and ``outside`` count articles and not occurrences, so that one long article does not decide. Words of
    fewer than three articles are left out, as is what is no more than chance would give (z below 1.96). At most 500
    texts of each set are read, evenly spread.
    """
    first, second = _spread(inside), _spread(outside)
    places = np.arange(len(first) + len(second))
    return _set_apart(_read([*first, *second]), places[: len(first)], places[len(first) :], most)


class _Said(NamedTuple):
    """The words of some texts, stop words left out: those that stand there, and the stems of each text, each once."""

    text: Whole
    word: Whole
    known: list[str]
    stem: Whole
    """Of each word that is known; of texts, ``stems`` in ``holders``."""
    holders: Whole
    stems: Whole
    names: npt.NDArray[np.object_]
    size: int


def _read(texts: Sequence[str]) -> _Said:
    found, stops = code_words(texts), words.stop_words()
    counted = np.array([form not in stops for form in found.known], dtype=bool)[found.word]
    text, word = found.text[counted], found.word[counted]
    stem, names = pd.factorize(np.array([words.stem(form) for form in found.known], dtype=object))
    width = max(1, len(names))
    pairs = np.sort(text * width + stem[word])
    holders, stems = np.divmod(pairs[np.diff(pairs, prepend=-1) > 0], width)
    return _Said(text, word, found.known, stem, holders, stems, names, len(texts))


def _set_apart(said: _Said, inside: Whole, outside: Whole, most: int) -> pd.DataFrame:
    """Return `telling_terms` of the texts at these places."""
    side = np.zeros(said.size, dtype=np.int8)
    side[inside], side[outside] = 1, 2
    of, width = side[said.holders], len(said.names)
    counts = np.array([np.bincount(said.stems[of == at], minlength=width) for at in (1, 2)])
    enough = counts[0] >= _FEWEST
    chosen = sorted(np.flatnonzero(enough).tolist(), key=said.names.__getitem__)
    if not chosen:
        return pd.DataFrame({"term": [], "z": [], "inside": [], "outside": []})
    size, y = counts.sum(axis=1).tolist(), counts[:, chosen].astype(float)
    weight = min(_LARGEST_PRIOR, _PRIOR_SHARE * sum(size))
    prior = weight * y.sum(axis=0) / sum(size)
    odds = [np.log((y[at] + prior) / np.maximum(size[at] + weight - y[at] - prior, 1e-9)) for at in (0, 1)]
    z = (odds[0] - odds[1]) / np.sqrt(1 / (y[0] + prior) + 1 / (y[1] + prior))
    forms = _forms(said, said.word[side[said.text] == 1], enough)
    named = {"term": [forms[at] for at in chosen], "z": z, "inside": y[0].astype(int), "outside": y[1].astype(int)}
    table = pd.DataFrame(named)
    told = table[table["z"] >= 1.96].sort_values(["z", "term"], ascending=[False, True], kind="stable")
    return told.drop_duplicates("term").head(most).reset_index(drop=True)


def _forms(said: _Said, written: Whole, wanted: npt.NDArray[np.bool_]) -> dict[int, str]:
    """Return for each stem that is `wanted` its commonest form among `written` (ties: the first in the alphabet)."""
    times, forms = np.bincount(written, minlength=len(said.known)), dict[int, str]()
    shown = np.flatnonzero(wanted[said.stem] & (times > 0)).tolist()
    for at in sorted(shown, key=lambda at: (-times[at], said.known[at])):
        forms.setdefault(int(said.stem[at]), said.known[at])
    return forms


def _spread(texts: Sequence[Any] | npt.NDArray[Any]) -> list[Any]:
    """Return at most 500 of `texts`, or of their ids, evenly spread over them."""
    if len(texts) <= _MOST_TEXTS:
        return list(texts)
    return [texts[int(at)] for at in np.linspace(0, len(texts) - 1, _MOST_TEXTS).round()]


def first_articles(placed: pd.DataFrame, rows: npt.ArrayLike, most: int = 3) -> list[Any]:
    """Return the ids of the articles that led: the first of each of the largest stories among `rows`, by date.

    `placed` has ``article_id, day, story_id``; `rows` marks those of a finding.
    """
    mine = placed.loc[np.asarray(rows, dtype=bool), ["article_id", "day", "story_id"]]
    mine = mine.sort_values(["day", "article_id"], kind="stable")
    if mine.empty:
        return []
    sizes = mine.groupby("story_id")["article_id"].transform("size")
    heads = mine.assign(size=sizes).drop_duplicates("story_id")
    largest = heads.sort_values(["size", "day", "article_id"], ascending=[False, True, True], kind="stable").head(most)
    return list(largest.sort_values(["day", "article_id"], kind="stable")["article_id"].tolist())


def placed_by_theme(placed: pd.DataFrame, carried: pd.DataFrame) -> dict[str, npt.NDArray[np.bool_]]:
    """Return theme -> which rows of `placed` carry it; `carried` has ``theme, article_id``."""
    at, found = pd.Index(placed["article_id"]).get_indexer(pd.Index(carried["article_id"])), {}
    for theme, indices in carried.groupby("theme", sort=False).indices.items():
        found[str(theme)] = np.zeros(len(placed), dtype=bool)
        found[str(theme)][at[indices][at[indices] >= 0]] = True
    return found


def explain(findings: pd.DataFrame, placed: pd.DataFrame, carried: pd.DataFrame, texts: Texts) -> pd.DataFrame:
    """Return `findings` with ``terms`` (lists of words) and ``led`` (lists of article ids).

    `carried` has ``theme, article_id``; `texts` is asked once for those that are read. The words set the theme's
    articles in the finding's periods apart from its articles in all others.
    """
    sets, led, themes, every = [], [], placed_by_theme(placed, carried), placed["article_id"].to_numpy()
    columns = [findings[name].tolist() for name in ("theme", "start", "end")]
    for theme, start, end in zip(*columns, strict=True):
        own = themes.get(theme, np.zeros(len(placed), dtype=bool))
        inside = own & placed["start"].between(start, end).to_numpy()
        sets.append([_spread(every[rows]) for rows in (inside, own & ~inside)])
        led.append(first_articles(placed, inside))
    asked = sorted({name for pair in sets for ids in pair for name in ids})
    said, at = _read(texts(asked).tolist()), pd.Index(asked)
    places = [[at.get_indexer(pd.Index(ids)) for ids in pair] for pair in sets]
    terms = [_set_apart(said, inside, outside, _TERMS)["term"].tolist() for inside, outside in places]
    return findings.assign(terms=pd.Series(terms, index=findings.index), led=pd.Series(led, index=findings.index))
