"""How much of a text is made of a theme's own words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from toolkit import words
from toolkit.themefile import Theme

Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

SURE_MATCH = 0.115
"""Plain match from which words alone say the theme."""
_LONE = 0.35
"""What a stem counts where the rest of its phrase is missing."""


def shared_stems(themes: Sequence[Theme], language: str) -> Counter[str]:
    """Return by how many themes each stem of a seed is used."""
    return Counter(
        stem for theme in themes for stem in set().union(*_phrases(tuple(theme.seeds_in(language)), language))
    )


@lru_cache(1000)
def _phrases(phrases: tuple[str, ...], language: str) -> list[frozenset[str]]:
    return [frozenset(words.exact_stems(phrase, language)) for phrase in phrases]


def plain_match(
    tfidf: sparse.csr_matrix | sparse.csc_matrix,
    stems: Mapping[str, int],
    theme: Theme,
    language: str,
    shared: Counter[str],
) -> Doubles:
    """Return the length of each row of `tfidf` (n, stems) that lies on the theme's stems, between 0 and 1.

    A stem counts in full where its phrase stands: its only stem, or at least two and half of them. Alone of its
    phrase it counts a third. It counts in full from two seeds on, less by the square of the number of themes that
    share it, and less by the share of phrases that speak against the theme among those in which it stands. Columns
    are read one by one: a matrix in compressed columns is not converted.
    """
    phrases = _phrases(tuple(theme.seeds_in(language)), language)
    often = Counter(stem for phrase in phrases for stem in phrase)
    against = Counter(stem for phrase in _phrases(tuple(theme.against.get(language, ())), language) for stem in phrase)
    own = sorted((stem for stem in often if stem in stems), key=stems.__getitem__)  # no other column counts
    weights = [min(1, often[s] / 2) / shared[s] ** 2 * often[s] / (often[s] + against[s]) for s in own]
    said = _entries(sparse.csc_matrix(tfidf), np.array([stems[stem] for stem in own], dtype=np.intp))
    mass = (said.value * said.value).astype(np.float64) * np.array(weights)[said.place]
    whole = np.where(_in_phrase(said, phrases, own), mass, 0)
    return np.sqrt(_LONE * _sums(said.row, mass, said.rows) + (1 - _LONE) * _sums(said.row, whole, said.rows))


class _Entries(NamedTuple):
    """What stands in some columns of a matrix with so many ``rows``: row, place of the column among these, value."""

    row: Rows
    place: Rows
    value: npt.NDArray[np.floating]
    rows: int


def _entries(matrix: sparse.csc_matrix, columns: Rows) -> _Entries:
    first, sizes = matrix.indptr[columns], matrix.indptr[columns + 1] - matrix.indptr[columns]
    at = np.repeat(first - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
    place = np.repeat(np.arange(len(columns)), sizes)
    return _Entries(matrix.indices[at], place, matrix.data[at], matrix.shape[0])


def _sums(row: Rows, value: Doubles, rows: int) -> Doubles:
    return np.asarray(np.bincount(row, value, rows), dtype=np.float64)


def _in_phrase(said: _Entries, phrases: Sequence[Set[str]], own: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Tell of each of the entries of the stems `own` whether a phrase in which the stem is stands in the row."""
    places = {stem: place for place, stem in enumerate(own)}
    cells = sorted((places[stem], at) for at, phrase in enumerate(phrases) for stem in phrase if stem in places)
    column, phrase = np.array(cells, dtype=np.intp).reshape(-1, 2).T
    many, begins = np.bincount(column, minlength=len(own)), np.searchsorted(column, np.arange(len(own)))
    each = many[said.place]  # how many phrases the entry is in; one after the other they are
    entry = np.repeat(np.arange(len(each)), each)
    inside = phrase[np.repeat(begins[said.place] - np.cumsum(each) + each, each) + np.arange(each.sum())]
    needed = np.array([min(len(phrase), max(2, (len(phrase) + 1) // 2)) for phrase in phrases])
    cell = said.row[entry] * len(phrases) + inside
    stands = np.bincount(cell, minlength=said.rows * len(phrases))[cell] >= needed[inside]
    return np.bincount(entry[stands], minlength=len(each)) > 0


def every_stem(themes: Sequence[Theme]) -> set[str]:
    """Return the stems of all seeds and of all phrases against, read as words of each language that has themes."""
    sides = [side for theme in themes for side in (theme.seeds, theme.against)]
    said = [phrase for side in sides for group in side.values() for phrase in group]
    return set().union(*(words.exact_stems(phrase, language) for phrase in said for language in words.LANGUAGES))
