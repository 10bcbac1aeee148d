"""How well each passage matches a theme's seed phrases, before anything is learned.

Two signs are joined: the meaning (similarity of vectors, after the mean of the passage's language is subtracted) and
the words (the share of the passage's TF-IDF mass that lies on the seeds' stems).
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer

from toolkit import words
from toolkit.themefile import Theme

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

_CLUSTERS = 40
_PARTITIONS = 20
_READ = 3000
_AROUND = 0.7
_OWN_MEAN = 30
_AGREES = 0.4
_LONE = 0.35
"""What a stem counts where the rest of its phrase is missing."""
_PULL = 0.5


class Encoder(Protocol):
    """What scoring asks of an encoder: texts to vectors (n, dim), and the column ranges of its views."""

    views: Sequence[slice]

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return one row a text."""
        ...


class Corpus(NamedTuple):
    """Passages as the scoring sees them: centred vectors (n, dim), TF-IDF (n, stems), clusters (partitions, n)."""

    vectors: Floats
    tfidf: sparse.csr_matrix
    stems: Mapping[str, int]
    clusters: Rows
    groups: Mapping[str, Rows]
    means: Mapping[str, Floats]


def prepare(passages: pd.DataFrame, vectors: Floats, seed: int) -> Corpus:
    """Return `passages` and their vectors, centred by language, with stems and clusters."""
    languages = passages["language"].to_numpy()
    overall = vectors.mean(axis=0)
    groups = {language: np.flatnonzero(languages == language) for language in sorted(set(languages))}
    means = {
        language: vectors[rows].mean(axis=0) if len(rows) >= _OWN_MEAN else overall for language, rows in groups.items()
    }
    centred = np.empty_like(vectors)
    for language, rows in groups.items():
        centred[rows] = vectors[rows] - means[language]
    tfidf = TfidfVectorizer(analyzer=list, sublinear_tf=True, dtype=np.float32)
    counts = tfidf.fit_transform(map(words.exact_stems, passages["text"], languages))
    order = passages.reset_index().sort_values(["language", "text"], kind="stable").index.to_numpy()
    clusters = np.empty((_PARTITIONS, len(passages)), dtype=np.intp)
    clusters[:, order] = _partitions(centred[order], seed)
    return Corpus(centred, counts, tfidf.vocabulary_, clusters, groups, means)


def _partitions(vectors: Floats, seed: int) -> Rows:
    """Return the cluster of each row in several k-means partitions, each found on a sample of the rows.

    What one partition says of a passage depends on its random start; the mean over twenty hardly does.
    """
    many = max(1, min(_CLUSTERS, len(vectors) // 10))
    random, found = np.random.default_rng(seed), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # identical passages make fewer clusters
        for start in random.integers(2**31, size=_PARTITIONS):
            read = vectors[random.choice(len(vectors), min(len(vectors), _READ), replace=False)]
            found.append(KMeans(many, n_init=1, max_iter=20, random_state=int(start)).fit(read).predict(vectors))
    return np.array(found, dtype=np.intp)


def shared_stems(themes: Sequence[Theme], language: str) -> Counter[str]:
    """Return by how many themes each stem of a seed is used."""
    return Counter(stem for theme in themes for stem in set().union(*_phrases(theme.seeds_in(language), language)))


def _phrases(phrases: Sequence[str], language: str) -> list[set[str]]:
    return [set(words.exact_stems(phrase, language)) for phrase in phrases]


def plain_match(corpus: Corpus, rows: Rows, theme: Theme, language: str, shared: Counter[str]) -> Doubles:
    """Return the length of each passage's TF-IDF vector that lies on the theme's stems, between 0 and 1.

    A stem counts in full where its phrase stands: its only stem, or at least two and half of them. Alone of its
    phrase it counts a third. It counts in full from two seeds on, less by the square of the number of themes that
    share it, and less by the share of phrases that speak against the theme among those in which it stands.
    """
    phrases = [sorted(phrase) for phrase in _phrases(theme.seeds_in(language), language)]
    often = Counter(stem for phrase in phrases for stem in phrase)
    against = Counter(stem for phrase in _phrases(theme.against.get(language, ()), language) for stem in phrase)
    weights = np.zeros(corpus.tfidf.shape[1])
    for stem, times in often.items():
        if stem in corpus.stems:
            weights[corpus.stems[stem]] = min(1.0, times / 2) / shared[stem] ** 2 * times / (times + against[stem])
    tfidf = corpus.tfidf[rows]
    mass = tfidf.multiply(tfidf).tocsr()
    whole = mass.multiply(_in_phrase(tfidf, phrases, corpus.stems)) @ weights
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


def match(corpus: Corpus, rows: Rows, theme: Theme, language: str, encoder: Encoder, plain: Doubles) -> Doubles:
    """Return how well the passages of one language match the theme, in standard deviations.

    Similarity in each view counts as far as the view agrees with the plain words. Where one of the phrases that speak
    against the theme is nearer than the theme, half of the difference is taken off. The mean of the passage's own
    clusters is added.
    """
    vectors, mean = corpus.vectors[rows], corpus.means[language]
    seeds = encoder.encode(theme.seeds_in(language)) - mean
    against = encoder.encode(theme.against.get(language, ())) - mean
    score, rivals = 0.5 * standard(plain), np.zeros((len(rows), len(against)))
    for view in encoder.views:
        similar = _cosine(vectors[:, view], _lengthened(seeds[:, view]).mean(axis=0, keepdims=True))[:, 0]
        trust = _agreement(similar, plain)
        score += trust * standard(similar)
        rivals += trust * _cosine(vectors[:, view], against[:, view])
    score = standard(score)
    if len(against):
        nearest = standard(rivals).max(axis=1)
        score -= np.where(score > 0, _PULL * np.maximum(0, nearest - score), 0)
    around = np.zeros(len(rows))
    for clusters in corpus.clusters[:, rows]:
        around += (np.bincount(clusters, score) / np.maximum(np.bincount(clusters), 1))[clusters]
    return standard(standard(score) + _AROUND * standard(around))


def _lengthened(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _cosine(vectors: Floats, others: Floats) -> Doubles:
    """Return the cosine of each row of `vectors` with each of `others`; shape (vectors, others)."""
    return np.asarray(_lengthened(vectors) @ _lengthened(others).T, dtype=np.float64)


def standard(values: Doubles) -> Doubles:
    """Return `values` less their mean, over their standard deviation, column by column; zeros where all are equal."""
    spread = values.std(axis=0)
    return np.asarray(np.where(spread > 0, values - values.mean(axis=0), 0) / np.where(spread > 0, spread, 1))


def _agreement(view: Doubles, plain: Doubles) -> float:
    """Return how far a view is to be trusted, 0 to 1, by its correlation with the plain words."""
    if len(view) < 3 or view.std() == 0 or plain.std() == 0:
        return 1.0
    return float(np.clip(np.corrcoef(view, plain)[0, 1] / _AGREES, 0, 1))
