"""How well the parts of a corpus match a theme's seed phrases, before anything is learned.

Read together are *units*: an article's title and passages, a hundred and sixty words of a long text. Two signs are
joined: the meaning (similarity of vectors, after the mean of the language is subtracted, above that to the general
subjects of news) and the words (the share of the unit's TF-IDF mass that lies on the seeds' stems).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from toolkit import subjects, words
from toolkit.plain import SURE_MATCH, plain_match, shared_stems
from toolkit.themefile import Theme

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

_UNIT_WORDS = 160
_TITLE = 2
_CLUSTERS = 40
_PARTITIONS = 20
_READ = 3000
_AROUND = 0.7
_OWN_MEAN = 30
_AGREES = 0.4
_PULL = 0.5


class Encoder(Protocol):
    """What scoring asks of an encoder: texts to vectors (n, dim), and the column ranges of its views."""

    views: Sequence[slice]

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return one row a text."""
        ...


class Corpus(NamedTuple):
    """A corpus as the scoring sees it, before there are themes: u units, and the p passages that they are made of.

    ``vectors`` (u, dim) are centred by language, ``tfidf`` is (u, stems), ``clusters`` (partitions, u), ``groups`` the
    units of each language, ``means`` what was subtracted, ``articles`` the id of each unit's article, ``near`` the
    cosines (u, subjects) with the subjects of news by view, ``directions`` these subjects in each language, (subjects,
    dim), ``breadth`` how far they are the corpus' own.
    ``part_vectors`` (p, dim), ``part_tfidf`` (p, stems) and ``unit`` (p,) are the passages, and where each belongs.
    """

    vectors: Floats
    tfidf: sparse.csr_matrix
    stems: Mapping[str, int]
    clusters: Rows
    groups: Mapping[str, Rows]
    means: Mapping[str, Floats]
    articles: npt.NDArray[np.object_]
    near: Sequence[Doubles]
    directions: Mapping[str, Floats]
    breadth: float
    part_vectors: Floats
    part_tfidf: sparse.csr_matrix
    unit: Rows


class Match(NamedTuple):
    """How well each unit matches a theme: in standard deviations, by words alone (0 to 1), and whether it wins.

    ``wins``: it is nearer to the theme than to each subject of news that is unlike the theme. ``parts`` (p,) is how
    well each passage matches, in standard deviations, by its own words and meaning alone.
    """

    near: Doubles
    plain: Doubles
    wins: npt.NDArray[np.bool_]
    parts: Doubles


def prepare(passages: pd.DataFrame, vectors: Floats, encoder: Encoder, seed: int) -> Corpus:
    """Return `passages` and their vectors (p, dim) as units: centred by language, with stems, clusters and subjects."""
    unit = _units(passages)
    first = np.flatnonzero(np.diff(unit, prepend=-1))
    languages = passages["language"].to_numpy()[first]
    groups = {language: np.flatnonzero(languages == language) for language in sorted(set(languages))}
    counter = CountVectorizer(analyzer=list, dtype=np.float32)
    counts = counter.fit_transform(map(words.exact_stems, passages["text"], passages["language"]))
    spread = sparse.csr_matrix((np.ones(len(unit), np.float32), (unit, np.arange(len(unit)))))
    weights = passages["words"].to_numpy(np.float32) * np.where(passages["offset"] < 0, _TITLE, 1)
    whole = _lengthened(spread @ (vectors * weights[:, None]))
    means = {language: _centre(whole, rows, language, encoder) for language, rows in groups.items()}
    taken = np.stack([means[language] for language in languages])
    centred = whole - taken
    weigh = TfidfTransformer(sublinear_tf=True).fit(spread @ counts)
    clusters = np.empty((_PARTITIONS, len(first)), dtype=np.intp)
    texts = passages["text"].to_numpy()[first]
    order = np.lexsort((texts.astype(str), languages.astype(str)))
    clusters[:, order] = _partitions(centred[order], seed)
    corpus = Corpus(
        centred, weigh.transform(spread @ counts).tocsr(), counter.vocabulary_, clusters, groups, means,
        passages["article_id"].to_numpy(dtype=object)[first], (), {}, 0.0,
        vectors - taken[unit], weigh.transform(counts).tocsr(), unit,
    )  # fmt: skip
    return _beside_subjects(corpus, encoder)


def _centre(vectors: Floats, rows: Rows, language: str, encoder: Encoder) -> Floats:
    """Return what the units `rows` of a language have in common (dim,).

    The mean of the corpus takes away what it is mostly about, and a theme with it; the mean of the subjects of news
    knows nothing of the corpus. It is halfway between them.
    """
    mean = vectors[rows if len(rows) >= _OWN_MEAN else slice(None)].mean(axis=0)
    known = [encoder.encode(subject.seeds_in(language)).mean(axis=0) for subject in subjects.load_subjects()]
    return np.asarray((mean + np.mean(known, axis=0)) / 2, dtype=np.float32)


def _units(passages: pd.DataFrame) -> Rows:
    """Return the unit of each passage: an article's passages in their order, `_UNIT_WORDS` words at most, or one."""
    fresh = (passages["article_id"] != passages["article_id"].shift()).to_numpy()
    unit = np.empty(len(passages), dtype=np.intp)
    current, held = -1, 0
    for row, (starts, size) in enumerate(zip(fresh, passages["words"].to_numpy(), strict=True)):
        if starts or held + size > _UNIT_WORDS:
            current, held = current + 1, 0
        held += int(size)
        unit[row] = current
    return unit


def _beside_subjects(corpus: Corpus, encoder: Encoder) -> Corpus:
    """Return `corpus` with how near its units are to the general subjects of news."""
    known = subjects.load_subjects()
    near = [np.zeros((len(corpus.vectors), len(known))) for _ in encoder.views]
    told, directions = np.zeros(len(known)), {}
    for language, rows in corpus.groups.items():
        shared = shared_stems(known, language)
        found = [encoder.encode(subject.seeds_in(language)) - corpus.means[language] for subject in known]
        directions[language] = np.stack([_direction(seeds, encoder.views) for seeds in found])
        for place, subject in enumerate(known):
            told[place] += (plain_match(corpus.tfidf[rows], corpus.stems, subject, language, shared) > SURE_MATCH).sum()
        for cosines, view in zip(near, encoder.views, strict=True):
            cosines[rows] = _cosine(corpus.vectors[rows, view], directions[language][:, view])
    return corpus._replace(near=near, directions=directions, breadth=subjects.breadth(told))


def _direction(seeds: Floats, views: Sequence[slice]) -> Floats:
    """Return the mean direction (dim,) of the seeds (m, dim), each view of length one."""
    found = np.zeros(seeds.shape[1], dtype=np.float32)
    for view in views:
        found[view] = _lengthened(_lengthened(seeds[:, view]).mean(axis=0, keepdims=True))[0]
    return found


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


def match_theme(corpus: Corpus, theme: Theme, themes: Sequence[Theme], encoder: Encoder) -> Match:
    """Return how well all units match `theme`, one of `themes`; each language is matched by itself."""
    size = len(corpus.vectors)
    found = Match(np.zeros(size), np.zeros(size), np.zeros(size, dtype=bool), np.zeros(len(corpus.unit)))
    for language, rows in corpus.groups.items():
        plain = plain_match(corpus.tfidf[rows], corpus.stems, theme, language, shared_stems(themes, language))
        found.plain[rows] = plain
        found.near[rows], found.wins[rows] = _match(corpus, rows, theme, language, encoder, plain)
        mine = np.flatnonzero(np.isin(corpus.unit, rows))
        found.parts[mine] = _match_parts(corpus, mine, theme, language, encoder, themes)
    return found


def _match(
    corpus: Corpus, rows: Rows, theme: Theme, language: str, encoder: Encoder, plain: Doubles
) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """Return how well the units of one language match the theme, and which are nearer to it than to other subjects.

    Similarity in each view, less that to the nearest of the subjects of news, counts as far as the view agrees with
    the plain words. Where one of the phrases that speak against the theme is nearer than the theme, half of the
    difference is taken off. The mean of the unit's own clusters is added.
    """
    vectors, mean = corpus.vectors[rows], corpus.means[language]
    seeds = encoder.encode(theme.seeds_in(language)) - mean
    against = encoder.encode(theme.against.get(language, ())) - mean
    direction, known = _direction(seeds, encoder.views), corpus.directions[language]
    similar = [_cosine(vectors[:, view], direction[None, view])[:, 0] for view in encoder.views]
    trust = np.array([_agreement(view, plain) for view in similar])
    like = subjects.likeness([direction[v] for v in encoder.views], [known[:, v] for v in encoder.views], trust)
    others = subjects.rivals([view[rows] for view in corpus.near], like, trust)
    score, rivals = standard(plain), np.zeros((len(rows), len(against)))
    for place, view in enumerate(encoder.views):
        above = similar[place] - corpus.breadth * subjects.nearest_rival(others, place)
        score += trust[place] * standard(above)
        rivals += trust[place] * _cosine(vectors[:, view], against[:, view])
    score = standard(score)
    if len(against):
        nearest = standard(rivals).max(axis=1)
        score -= np.where(score > 0, _PULL * np.maximum(0, nearest - score), 0)
    around = np.zeros(len(rows))
    for clusters in corpus.clusters[:, rows]:
        around += (np.bincount(clusters, score) / np.maximum(np.bincount(clusters), 1))[clusters]
    near = standard(standard(score) + _AROUND * standard(around))
    return near, subjects.wins(similar, others)


def _match_parts(
    corpus: Corpus, rows: Rows, theme: Theme, language: str, encoder: Encoder, themes: Sequence[Theme]
) -> Doubles:
    """Return how well passages of one language match the theme by themselves, in standard deviations."""
    direction = _direction(encoder.encode(theme.seeds_in(language)) - corpus.means[language], encoder.views)
    shared = shared_stems(themes, language)
    plain = plain_match(corpus.part_tfidf[rows], corpus.stems, theme, language, shared)
    return standard(plain) + standard(_cosine(corpus.part_vectors[rows], direction[None])[:, 0])


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
