"""How often texts hold each stem: what stands between two spaces is read once, and then only counted.

News says the same words again and again. A text is cut at its spaces, each of its *pieces* (a word in its case, with
the signs at it) has a number, and it is known which stems a piece holds; so the counts of many texts are one product of
sparse matrices. They are what `words.stems` of every text by itself would give, since no word reaches over a space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, repeat

import numpy as np
import numpy.typing as npt
from scipy import sparse

from toolkit import words

Reading = Callable[[str], str]
"""The stem of a lower-case word."""

_MOST = 400_000
"""Pieces that are known at once, of about 150 bytes each; with more they are read anew."""


class _Pieces(dict[str, int]):
    """Piece -> its number, in the order of first appearance over all kinds of texts; new ones go on `fresh`."""

    def __init__(self, kind: str, fresh: list[tuple[str, str]], first: int = 0) -> None:
        self._kind, self._fresh, self._first = kind, fresh, first

    def __missing__(self, piece: str) -> int:
        self[piece] = number = self._first + len(self._fresh)
        self._fresh.append((self._kind, piece))
        return number

    def go_on(self, first: int) -> None:
        """Give further numbers from `first`."""
        self._first = first


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
        self._readings, self._grows = dict(readings), columns is None
        self._forget()

    def _forget(self) -> None:
        self._fresh: list[tuple[str, str]] = []
        self._pieces = {kind: _Pieces(kind, self._fresh) for kind in self._readings}
        self._places = {kind: _Columns(read, self.columns, self._grows) for kind, read in self._readings.items()}
        self._held, self._sizes = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64)

    def count(self, texts: Sequence[str], kinds: Sequence[str] | None = None) -> sparse.csr_matrix:
        """Return how often each text holds each stem, (n, columns); `kinds` may be left out where there is but one."""
        if len(self._sizes) > _MOST:
            self._forget()
        sizes: list[int] = []
        flat = np.fromiter(chain.from_iterable(self._numbers(texts, kinds, sizes)), dtype=np.int32)
        self._read()
        said = _matrix(flat, np.array(sizes, dtype=np.int64), len(self._sizes))
        counts = (said @ _matrix(self._held, self._sizes, len(self.columns))).tocsr()
        counts.sort_indices()
        return counts

    def _numbers(self, texts: Sequence[str], kinds: Sequence[str] | None, sizes: list[int]) -> Iterator[Iterator[int]]:
        number = {kind: pieces.__getitem__ for kind, pieces in self._pieces.items()}
        for text, kind in zip(texts, kinds or repeat(next(iter(number))), strict=bool(kinds)):
            pieces = text.split()
            sizes.append(len(pieces))
            yield map(number[kind], pieces)

    def _read(self) -> None:
        """Read the new pieces."""
        held: list[int] = []
        sizes, ends = np.zeros(len(self._fresh), dtype=np.int64), [0]
        said = iter(words.stream(piece for _, piece in self._fresh))
        for kind, _ in self._fresh:
            place = self._places[kind]
            for word in said:
                if word == "\0":
                    break
                if (column := place[word]) >= 0:
                    held.append(column)
            ends.append(len(held))
        sizes[:] = np.diff(ends)
        self._held = np.concatenate([self._held, np.array(held, dtype=np.int32)])
        self._sizes = np.concatenate([self._sizes, sizes])
        self._fresh.clear()
        for pieces in self._pieces.values():
            pieces.go_on(len(self._sizes))


def _matrix(flat: npt.NDArray[np.integer], sizes: npt.NDArray[np.integer], width: int) -> sparse.csr_matrix:
    """Return the matrix of counts whose rows hold the columns `flat`, `sizes` of them each."""
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    return sparse.csr_matrix((np.ones(len(flat), dtype=np.float32), flat, indptr), shape=(len(sizes), width))


def in_order(columns: Mapping[str, int], counts: sparse.csr_matrix) -> tuple[list[str], sparse.csr_matrix]:
    """Return the stems in the order of the alphabet, and the counts in columns of this order."""
    terms = sorted(columns)
    places = np.empty(len(terms), dtype=np.int32)
    places[[columns[term] for term in terms]] = np.arange(len(terms), dtype=np.int32)
    return terms, sparse.csr_matrix((counts.data, places[counts.indices], counts.indptr), (counts.shape[0], len(terms)))
