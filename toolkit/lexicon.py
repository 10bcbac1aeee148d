"""How often texts hold each stem: each distinct word is read once, and then only counted.

News says the same words again and again. The words of many texts are numbers (`coded`), it is known in which column the
stem of a word is counted, and so the counts are a sparse matrix that needs no look at the words themselves. They are
what `words.stems` of every text by itself would give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from toolkit import words
from toolkit.coded import Coded, code_words, in_pieces

Reading = Callable[[str], str]
"""The stem of a lower-case word."""

_MOST = 400_000
"""Words that are known at once, of about 150 bytes each; with more they are read anew."""


class _Columns(dict[str, int]):
    """Word -> the column of its stem; -1 for stop words, and for stems that have none."""

    def __init__(self, read: Reading, columns: dict[str, int], grows: bool) -> None:
        self._read, self._columns, self._grows = read, columns, grows
        self._stops = words.stop_words()

    def __missing__(self, word: str) -> int:
        self[word] = column = -1 if word in self._stops else self._column(self._read(word))
        return column

    def _column(self, stem: str) -> int:
        return self._columns.setdefault(stem, len(self._columns)) if self._grows else self._columns.get(stem, -1)


class Lexicon:
    """Counts the stems of texts, whose words each *kind* of text reads in its own way.

    `readings` tells for each kind the stem of a word. Without `columns` each new stem is given the next one, in the
    order of first appearance; with them, other stems are not counted.
    """

    def __init__(self, readings: Mapping[str, Reading], columns: dict[str, int] | None = None) -> None:
        self.columns: dict[str, int] = {} if columns is None else columns
        self._kinds = pd.Index(list(readings))
        self._places = [_Columns(read, self.columns, columns is None) for read in readings.values()]

    def count(self, texts: Sequence[str], kinds: Sequence[str] | None = None) -> sparse.csr_matrix:
        """Return how often each text holds each stem, (n, columns); `kinds` may be left out where there is but one."""
        kind = np.zeros(len(texts), dtype=np.int64) if kinds is None else self._kinds.get_indexer(pd.Index(kinds))
        counts, done = [sparse.csr_matrix((0, 0), dtype=np.float32)], 0
        for piece in in_pieces(texts):
            counts.append(self._count(piece, kind[done : done + len(piece)]))
            done += len(piece)
        for part in counts:
            part.resize(part.shape[0], len(self.columns))
        return sparse.csr_matrix(sparse.vstack(counts, format="csr")) if len(counts) > 2 else counts[-1]

    def _count(self, texts: Sequence[str], kind: npt.NDArray[np.int64]) -> sparse.csr_matrix:
        if sum(map(len, self._places)) > _MOST:
            for place in self._places:
                place.clear()
        found = code_words(texts)
        column = self._columns_of(found, kind)
        counted = column >= 0
        bounds = np.searchsorted(found.text[counted], np.arange(len(texts) + 1))
        ones, size = np.ones(int(counted.sum()), dtype=np.float32), (len(texts), len(self.columns))
        counts = sparse.csr_matrix((ones, column[counted], bounds), shape=size)
        counts.sum_duplicates()
        return counts

    def _columns_of(self, found: Coded, kind: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Return the column of each word that stands there."""
        if len(self._places) == 1:
            columns = list(map(self._places[0].__getitem__, found.known))
            return np.array(columns, dtype=np.int32)[found.word]
        said, each = pd.factorize(found.word * len(self._places) + kind[found.text])
        word, reading = (part.tolist() for part in np.divmod(each, len(self._places)))
        columns = [self._places[k][found.known[w]] for w, k in zip(word, reading, strict=True)]
        return np.array(columns, dtype=np.int32)[said]


def in_order(columns: Mapping[str, int], counts: sparse.csr_matrix) -> tuple[list[str], sparse.csr_matrix]:
    """Return the stems in the order of the alphabet, and the counts in columns of this order."""
    terms = sorted(columns)
    places = np.empty(len(terms), dtype=np.int32)
    places[[columns[term] for term in terms]] = np.arange(len(terms), dtype=np.int32)
    return terms, sparse.csr_matrix((counts.data, places[counts.indices], counts.indptr), (counts.shape[0], len(terms)))
