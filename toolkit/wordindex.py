"""Which articles hold the words of a query, and how much each word says: BM25 over stems.

Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond". All that does not depend on the
query is computed beforehand into one sparse matrix (Lù 2024, "BM25S: Orders of magnitude faster lexical search via
eager sparse scoring"), so that a query is a sum of a few of its rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from toolkit import words
from toolkit.lexicon import Lexicon

_SATURATION, _LENGTH = 1.2, 0.75
_BLOCK = 10_000


class WordIndex(NamedTuple):
    """Stem -> row of ``weights``, a sparse matrix (stems, articles) of what each stem says for each article."""

    rows: dict[str, int]
    weights: Any


def index_words(articles: pd.DataFrame | Iterable[pd.DataFrame]) -> WordIndex:
    """Index the stems of title and text, each article's by its language; the title counts twice.

    `articles` has ``title, text, language``, and may come in pieces. Numbers and stop words are not looked for.
    """
    pieces = [articles] if isinstance(articles, pd.DataFrame) else articles
    lexicon = Lexicon({"ru": words.EXACT["ru"], "kk": words.EXACT[""]})
    counts = [_small(_count(piece, lexicon)) for piece in pieces]
    lengths = np.concatenate([np.zeros(0, dtype=np.float32), *(count.lengths for count in counts)])
    order = sorted(lexicon.columns)
    found = _by_stem(counts, [lexicon.columns[term] for term in order], len(lengths))
    damping = _SATURATION * (1 - _LENGTH + _LENGTH * lengths / max(1.0, lengths.mean() if len(lengths) else 0))
    held = np.diff(found.indptr)
    telling = np.log1p((len(lengths) - held + 0.5) / (held + 0.5))
    for start in range(0, len(order), _BLOCK):
        first, last = found.indptr[start], found.indptr[min(start + _BLOCK, len(order))]
        data = found.data[first:last]
        weight = np.repeat(telling[start : start + _BLOCK], held[start : start + _BLOCK])
        found.data[first:last] = weight * data * (_SATURATION + 1) / (data + damping[found.indices[first:last]])
    return WordIndex({term: row for row, term in enumerate(order)}, found)


class _Counts(NamedTuple):
    """How often some articles hold each stem: the parts of a matrix (articles, stems), in little room."""

    times: npt.NDArray[np.unsignedinteger]
    columns: npt.NDArray[np.int32]
    bounds: npt.NDArray[np.integer]
    lengths: npt.NDArray[np.float32]
    """How many words each article has, stop words left out."""


def _small(counts: sparse.csr_matrix) -> _Counts:
    times = counts.data.astype(np.min_scalar_type(int(counts.data.max(initial=0))))
    lengths = np.asarray(counts.sum(axis=1), dtype=np.float32).ravel()
    return _Counts(times, counts.indices.astype(np.int32, copy=False), counts.indptr, lengths)


def _by_stem(counts: list[_Counts], order: list[int], articles: int) -> sparse.csr_matrix:
    """Return one matrix (stems, articles) of `counts`, its rows the columns of these in `order`, and empty the list.

    It is put together in its place, a part at a time, so that all is never there twice.
    """
    size = len(order)
    held = sum((np.bincount(count.columns, minlength=size) for count in counts), np.zeros(size, dtype=np.int64))
    bounds = np.concatenate([[0], np.cumsum(held[order])])
    data, columns = np.empty(bounds[-1], dtype=np.float32), np.empty(bounds[-1], dtype=np.int32)
    ends, done = np.empty(size, dtype=np.int64), 0
    ends[order] = bounds[:-1]
    while counts:
        times, stems, rows, lengths = counts.pop(0)
        part = sparse.csr_matrix((times, stems, rows), shape=(len(lengths), size)).tocsc()
        own = np.diff(part.indptr)
        places = np.repeat(ends - part.indptr[:-1], own) + np.arange(len(part.data))
        data[places], columns[places] = part.data, part.indices + done
        ends += own
        done += len(lengths)
    return sparse.csr_matrix((data, columns, bounds), shape=(size, articles))


def _count(articles: pd.DataFrame, lexicon: Lexicon) -> sparse.csr_matrix:
    """Return how often each article holds each stem; what is not Kazakh is read as Russian where it is Cyrillic."""
    joined = articles["title"] + "\n" + articles["title"] + "\n" + articles["text"]
    return lexicon.count(joined.tolist(), np.where(articles["language"] == "kk", "kk", "ru").tolist())


def query_stems(query: str) -> list[str]:
    """Return the stems that a query is looked for by, in whatever language: each word's Russian stem and the plain one.

    >>> query_stems("борьба с экстремизмом")
    ['борьб', 'борьба', 'экстремизм', 'экстр']
    """
    pairs = zip(words.exact_stems(query, "ru"), words.stems(query), strict=True)
    return list(dict.fromkeys(stem for pair in pairs for stem in pair))


def score_words(index: WordIndex, query: str) -> npt.NDArray[np.float32]:
    """Return the BM25 score of each article for the words of `query`; 0 where it holds none."""
    rows = [index.rows[stem] for stem in query_stems(query) if stem in index.rows]
    if not rows:
        return np.zeros(index.weights.shape[1], dtype=np.float32)
    return np.asarray(index.weights[rows].sum(axis=0), dtype=np.float32).ravel()


def unknown_words(index: WordIndex, query: str) -> list[str]:
    """Return the words of `query` that no article holds in any form."""
    return [word for word in words.tokens(query) if not any(stem in index.rows for stem in query_stems(word))]
