"""How groups of articles, topics or themes, go over time, and in which words each period tells them.

All is counted at once: a sparse matrix of words by article, summed by group and period.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from toolkit import words
from toolkit.coded import Coded, code_words
from toolkit.terms import Texts

_TERMS = 5
_VOCABULARY = 20_000
_RARE = 2
_TEXTS = 50_000
_MANY = 2000

Whole = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]


class Counted(NamedTuple):
    """How often each word stands in each text: a sparse matrix (texts, words), the ids of its rows, and the words."""

    counts: sparse.csr_matrix
    article_id: pd.Index
    forms: list[str]


def some_of(articles: pd.DataFrame) -> pd.DataFrame:
    """Return the articles whose texts are read for the terms: all up to 50,000, of more every second, third, ..."""
    return articles.iloc[:: len(articles) // _TEXTS + 1]


def over_time(
    placed: pd.DataFrame, groups: pd.DataFrame, texts: pd.Series | Counted, starts: Iterable[Any]
) -> pd.DataFrame:
    """Return ``group, start, articles, total, share, terms`` for every group and period, groups in their order.

    `placed` has ``article_id, start``; `groups` ``article_id, group``, an article in one, several or none; `texts` is
    indexed by article id (or their words, counted), and those that are not in it tell no terms. `starts` are the
    periods, of which some may be empty: shares are NaN there. ``terms`` are the five words of the greatest weight, none
    where there is no article: class-based TF-IDF of the words in group and period, the mean of it and of the group's
    own over all time (Grootendorst 2022, "BERTopic: Neural topic modeling with a class-based TF-IDF procedure", global
    tuning).
    """
    joined = groups.merge(placed[["article_id", "start"]], on="article_id")
    group, names = pd.factorize(joined["group"], sort=True)
    every = pd.Index(list(starts))
    cell = np.asarray(group * len(every) + every.get_indexer(pd.Index(joined["start"])), dtype=np.intp)
    size = len(names) * len(every)
    articles = np.bincount(cell, minlength=size)
    total = placed["start"].value_counts().reindex(every, fill_value=0).to_numpy()
    known = texts if isinstance(texts, Counted) else _count(texts.reindex(joined["article_id"].unique()).dropna())
    row = known.article_id.get_indexer(pd.Index(joined["article_id"]))
    read = row >= 0
    spread = sparse.csr_matrix((np.ones(int(read.sum())), (cell[read], row[read])), shape=(size, known.counts.shape[0]))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = articles / np.tile(total, len(names))
    return pd.DataFrame(
        {
            "group": np.repeat(names, len(every)),
            "start": np.tile(every, len(names)),
            "articles": articles,
            "total": np.tile(total, len(names)),
            "share": share,
            "terms": _terms(spread @ known.counts, articles, len(names), known.forms),
        }
    )


def words_of(articles: pd.DataFrame, texts: Texts) -> list[pd.DataFrame]:
    """Return the words of these articles as tables that can be kept, to be counted in periods by `counted`.

    The first says how often each word stands in each article, by their places: ``article, word, times``; the second is
    the words, ``word``.
    """
    counts, forms = count_words(texts(articles["article_id"].tolist()).fillna(""))
    found = counts.tocoo()
    columns = {"article": found.row, "word": found.col, "times": found.data}
    said = pd.DataFrame({name: column.astype(np.int32) for name, column in columns.items()})
    return [said, pd.DataFrame({"word": pd.Series(forms, dtype="str")})]


def counted(articles: pd.DataFrame, held: Sequence[pd.DataFrame]) -> Counted:
    """Return what `words_of` found of `articles` as counts."""
    said, forms = held
    bounds = np.append(0, np.cumsum(np.bincount(said["article"], minlength=len(articles))))
    cells = said["times"].to_numpy(dtype=np.float64), said["word"].to_numpy(dtype=np.int32), bounds.astype(np.int32)
    table = sparse.csr_matrix(cells, shape=(len(articles), len(forms)))
    return Counted(table, pd.Index(articles["article_id"]), forms["word"].tolist())


def _count(texts: pd.Series) -> Counted:
    counts, forms = count_words(texts)
    return Counted(counts, texts.index, forms)


def count_words(texts: Iterable[str]) -> tuple[sparse.csr_matrix, list[str]]:
    """Return how often each stem stands in each text, shape (texts, stems), and the commonest form of each stem.

    Kept are the 20,000 commonest stems of those that stand there twice or more; of 2,000 texts and more, words that
    stand there once or twice are not looked at.
    """
    found = code_words(texts)
    column, forms = _columns(found, _RARE + 1 if found.size >= _MANY else 1)
    place = column[found.word]
    mine = place >= 0
    cells = (np.ones(int(mine.sum())), (found.text[mine], place[mine]))
    return sparse.csr_matrix(cells, shape=(max(1, found.size), len(forms))), forms


def _columns(found: Coded, least: int) -> tuple[Whole, list[str]]:
    """Return the column of each word's stem (-1: not counted), and the commonest form of each column's stem."""
    stops, seen = words.stop_words(), np.bincount(found.word, minlength=len(found.known))
    looked = [at for at in np.flatnonzero(seen >= least).tolist() if found.known[at] not in stops]
    looked.sort(key=lambda at: (seen[at], found.known[at]))
    stem, stems = pd.factorize(np.array([words.stem(found.known[at]) for at in looked], dtype=object))
    sizes = np.bincount(stem, seen[looked], minlength=len(stems)) if looked else np.zeros(0)
    kept = sorted(np.flatnonzero(sizes >= _RARE).tolist(), key=lambda at: (-sizes[at], stems[at]))[:_VOCABULARY]
    place = np.full(len(stems), -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    column = np.full(len(found.known), -1, dtype=np.int64)
    column[looked] = place[stem]
    forms = {int(column[at]): found.known[at] for at in looked}
    return column, [forms[at] for at in range(len(kept))]


def _terms(counts: sparse.csr_matrix, articles: Whole, groups: int, forms: Sequence[str]) -> list[list[str]]:
    """Return the terms of each row of `counts`; rows are periods within groups, in order."""
    periods = counts.shape[0] // max(1, groups)
    owner = np.repeat(np.arange(groups), periods)
    sums = sparse.csr_matrix((np.ones(len(owner)), (owner, np.arange(len(owner)))), shape=(groups, len(owner))) @ counts
    frequency = np.asarray(sums.sum(axis=0)).ravel()
    weight = sparse.diags_array(np.log(int(sums.sum() / max(1, groups)) / np.maximum(frequency, 1) + 1))
    whole, parts = (_in_unit(_in_unit(table) @ weight) for table in (sums, counts))
    found: list[list[str]] = []
    for group in range(groups):
        own = whole[[group]].toarray()[0]
        first = _largest(own, np.arange(len(own)))
        rows = range(group * periods, (group + 1) * periods)
        found += [_best(own, first, parts, row, forms) if articles[row] else [] for row in rows]
    return found


def _in_unit(table: sparse.csr_matrix) -> sparse.csr_matrix:
    """Scale each row to the sum one; a row of zeros stays."""
    sums = np.asarray(table.sum(axis=1)).ravel()
    return sparse.csr_matrix(sparse.diags_array(1 / np.where(sums > 0, sums, 1)) @ table)


def _best(own: Floats, first: Whole, parts: sparse.csr_matrix, row: int, forms: Sequence[str]) -> list[str]:
    """Return the terms of a period: those of the greatest sum of their weights there and in the group (`own`).

    Of words that do not stand in the period, only the group's `first` can be among them.
    """
    part = slice(parts.indptr[row], parts.indptr[row + 1])
    places, values = parts.indices[part], parts.data[part]
    more = first[~(places[:, None] == first).any(axis=0)]
    places, values = np.concatenate([places, more]), np.concatenate([values + own[places], own[more]])
    return [forms[places[at]] for at in _largest(values, places) if values[at] > 0]


def _largest(values: Floats, places: Whole) -> Whole:
    """Return the positions of the five largest values, the largest first; ties by place."""
    most = np.argpartition(-values, _TERMS)[:_TERMS] if len(values) > _TERMS else np.arange(len(values))
    return most[np.lexsort((places[most], -values[most]))]
