"""Which articles hold the words of a query, and how much each word says: BM25 over stems.

Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond". All that does not depend on the
query is computed beforehand into one sparse matrix (Lù 2024, "BM25S: Orders of magnitude faster lexical search via
eager sparse scoring"), so that a query is a sum of a few of its rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from toolkit import words

_SATURATION, _LENGTH = 1.2, 0.75


class WordIndex(NamedTuple):
    """Stem -> row of ``weights``, a sparse matrix (stems, articles) of what each stem says for each article."""

    rows: dict[str, int]
    weights: Any


def index_words(articles: pd.DataFrame) -> WordIndex:
    """Index the stems of title and text, each article's by its language; the title counts twice.

    `articles` has ``title, text, language``. Numbers and stop words are not looked for.
    """
    joined = articles["title"] + "\n" + articles["title"] + "\n" + articles["text"]
    counter = CountVectorizer(analyzer=_stems, dtype=np.float32)
    try:
        counts = counter.fit_transform(list(zip(joined, articles["language"], strict=True)))
    except ValueError:  # no article has a word besides stop words
        return WordIndex({}, sparse.csr_matrix((0, len(articles)), dtype=np.float32))
    lengths = np.asarray(counts.sum(axis=1)).ravel()
    damping = _SATURATION * (1 - _LENGTH + _LENGTH * lengths / max(1.0, lengths.mean()))
    held = np.bincount(counts.indices, minlength=counts.shape[1])
    telling = np.log1p((len(articles) - held + 0.5) / (held + 0.5))
    weighed = counts.tocoo()
    data = telling[weighed.col] * weighed.data * (_SATURATION + 1) / (weighed.data + damping[weighed.row])
    shape = (counts.shape[1], len(articles))
    weights = sparse.csr_matrix((data.astype(np.float32), (weighed.col, weighed.row)), shape=shape)
    return WordIndex({str(term): row for row, term in enumerate(counter.get_feature_names_out())}, weights)


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
