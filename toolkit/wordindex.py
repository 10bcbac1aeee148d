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
from sklearn.feature_extraction.text import CountVectorizer

from toolkit import words

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
    columns: dict[str, int] = {}
    counts = [_count(piece, columns) for piece in pieces]
    order = sorted(columns)
    places = np.empty(len(order), dtype=np.int32)
    places[[columns[term] for term in order]] = np.arange(len(order), dtype=np.int32)
    for count in counts:
        count.indices = places[count.indices]
        count.resize(count.shape[0], len(order))
    every = sparse.vstack(counts, format="csr", dtype=np.float32)
    counts.clear()
    lengths = np.asarray(every.sum(axis=1)).ravel()
    found = every.tocsc()
    del every
    damping = _SATURATION * (1 - _LENGTH + _LENGTH * lengths / max(1.0, lengths.mean() if len(lengths) else 0))
    held = np.diff(found.indptr)
    telling = np.log1p((found.shape[0] - held + 0.5) / (held + 0.5))
    for start in range(0, len(order), _BLOCK):
        first, last = found.indptr[start], found.indptr[min(start + _BLOCK, len(order))]
        data = found.data[first:last]
        weight = np.repeat(telling[start : start + _BLOCK], held[start : start + _BLOCK])
        found.data[first:last] = weight * data * (_SATURATION + 1) / (data + damping[found.indices[first:last]])
    return WordIndex({term: row for row, term in enumerate(order)}, found.T)


def _count(articles: pd.DataFrame, columns: dict[str, int]) -> sparse.csr_matrix:
    """Return how often each article holds each stem; new stems are given further `columns`."""
    joined = articles["title"] + "\n" + articles["title"] + "\n" + articles["text"]
    counter = CountVectorizer(analyzer=_stems, dtype=np.float32)
    try:
        counts = counter.fit_transform(list(zip(joined, articles["language"], strict=True)))
    except ValueError:  # no article has a word besides stop words
        return sparse.csr_matrix((len(articles), len(columns)), dtype=np.float32)
    own = [columns.setdefault(str(term), len(columns)) for term in counter.get_feature_names_out()]
    indices = np.array(own, dtype=np.int32)[counts.indices]
    return sparse.csr_matrix((counts.data, indices, counts.indptr), shape=(len(articles), len(columns)))


def _stems(article: tuple[str, str]) -> list[str]:
    """Return the stems of (text, language); what is not Kazakh is read as Russian where it is Cyrillic."""
    text, language = article
    return words.exact_stems(text, "kk" if language == "kk" else "ru")


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
