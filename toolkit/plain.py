"""How much of a text is made of a theme's own words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from toolkit import words
from toolkit.themefile import Theme

Doubles = npt.NDArray[np.float64]

SURE_MATCH = 0.115
"""Plain match from which words alone say the theme."""
_LONE = 0.35
"""What a stem counts where the rest of its phrase is missing."""


def shared_stems(themes: Sequence[Theme], language: str) -> Counter[str]:
    """Return by how many themes each stem of a seed is used."""
    return Counter(stem for theme in themes for stem in set().union(*_phrases(theme.seeds_in(language), language)))


def _phrases(phrases: Sequence[str], language: str) -> list[set[str]]:
    return [set(words.exact_stems(phrase, language)) for phrase in phrases]


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
    share it, and less by the share of phrases that speak against the theme among those in which it stands.
    """
    phrases = [sorted(phrase) for phrase in _phrases(theme.seeds_in(language), language)]
    often = Counter(stem for phrase in phrases for stem in phrase)
    against = Counter(stem for phrase in _phrases(theme.against.get(language, ()), language) for stem in phrase)
    own = sorted((stem for stem in often if stem in stems), key=stems.__getitem__)  # no other column counts
    said = sparse.csr_matrix(tfidf[:, [stems[stem] for stem in own]])
    weights = np.array([min(1, often[s] / 2) / shared[s] ** 2 * often[s] / (often[s] + against[s]) for s in own])
    mass = said.multiply(said).tocsr()
    whole = mass.multiply(_in_phrase(said, phrases, {stem: place for place, stem in enumerate(own)})) @ weights
    return np.sqrt(np.asarray(_LONE * (mass @ weights) + (1 - _LONE) * whole, dtype=np.float64).ravel())


def _in_phrase(
    tfidf: sparse.csr_matrix, phrases: Sequence[Sequence[str]], stems: Mapping[str, int]
) -> sparse.csr_matrix:
    """Return a one for each passage and stem whose phrase stands in the passage; shape (passages, stems)."""
    cells = [(stems[stem], place) for place, phrase in enumerate(phrases) for stem in phrase if stem in stems]
    made = (np.ones(len(cells)), ([row for row, _ in cells], [column for _, column in cells]))
    inside = sparse.csr_matrix(made, shape=(tfidf.shape[1], len(phrases)))
    needed = np.array([min(len(phrase), max(2, (len(phrase) + 1) // 2)) for phrase in phrases])
    held = (tfidf.astype(bool).astype(np.float64) @ inside).toarray()
    found = sparse.csr_matrix(((held >= needed) & (needed > 0)).astype(np.float64)) @ inside.T
    found.data = np.ones_like(found.data)
    return found.tocsr()


def every_stem(themes: Sequence[Theme]) -> set[str]:
    """Return the stems of all seeds and of all phrases against, read as words of each language that has themes."""
    sides = [side for theme in themes for side in (theme.seeds, theme.against)]
    said = [phrase for side in sides for group in side.values() for phrase in group]
    return set().union(*(words.exact_stems(phrase, language) for phrase in said for language in words.LANGUAGES))
