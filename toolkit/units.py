"""A corpus as the scoring reads it: units of text with their vectors and stems, before there are themes.

Read together are *units*: an article's title and passages, a hundred and sixty words of a long text. Their vectors are
centred by language, they lie in clusters, and it is known how near they are to the general subjects of news.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from toolkit import subjects, words
from toolkit.kmeans import Distances, far_apart, lloyd, means, measuring, nearest
from toolkit.learnt import Learnt
from toolkit.lexicon import Lexicon, in_order
from toolkit.plain import SURE_MATCH, plain_match, shared_stems

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

CLUSTERS = 40
_UNIT_WORDS = 160
_TITLE = 2
_PARTITIONS = 20
_READ = 3000
_ROUNDS = 20
_OWN_MEAN = 30
_LENT = 3


class Encoder(Protocol):
    """What scoring asks of an encoder: texts to vectors (n, dim), and the column ranges of its views.

    The last view are the corpus' own latent axes, the strongest first.
    """

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
    ``by_stem`` holds the rows of ``tfidf`` and ``part_tfidf`` that are of each language, in compressed columns.
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
    by_stem: Mapping[str, tuple[sparse.csc_matrix, sparse.csc_matrix]]

    def passages_in(self, language: str) -> Rows:
        """Return the rows of the passages in a language."""
        return np.flatnonzero(np.isin(self.unit, self.groups[language]))


def prepare(
    passages: pd.DataFrame,
    vectors: Floats,
    encoder: Encoder,
    seed: int,
    learnt: Learnt | None = None,
    more: Collection[str] = (),
) -> Corpus:
    """Return `passages` and their vectors (p, dim) as units: centred by language, with stems, clusters and subjects.

    With what was `learnt` of another corpus, it is seen as that one was: same stems and weights, means and clusters.
    `more` are stems to be known even where no passage holds them, since others may.
    """
    learnt, unit = learnt or Learnt(), _units(passages)
    first = np.flatnonzero(np.diff(unit, prepend=-1))
    languages = passages["language"].to_numpy()[first]
    groups = {language: np.flatnonzero(languages == language) for language in sorted(set(languages))}
    stems, counts = _count(passages, learnt, more)
    spread = sparse.csr_matrix((np.ones(len(unit), np.float32), (unit, np.arange(len(unit)))))
    weights = passages["words"].to_numpy(np.float32) * np.where(passages["offset"] < 0, _TITLE, 1)
    whole = _lengthened(spread @ (vectors * weights[:, None]))
    common = {
        name: learnt.once(("mean", name), _centre, whole, rows, _known(name, encoder, learnt))
        for name, rows in groups.items()
    }
    taken = np.stack([common[language] for language in languages])
    centred = whole - taken
    weigh = learnt.once("weights", TfidfTransformer(sublinear_tf=True).fit, spread @ counts)
    partitions = learnt.once("clusters", _partitions, centred, passages.iloc[first], seed)
    corpus = Corpus(
        centred, weigh.transform(spread @ counts).tocsr(), stems, _clusters(partitions, centred), groups, common,
        passages["article_id"].to_numpy(dtype=object)[first], (), {}, 0.0,
        vectors - taken[unit], weigh.transform(counts).tocsr(), unit, {},
    )  # fmt: skip
    by_stem = {
        language: (corpus.tfidf[rows].tocsc(), corpus.part_tfidf[corpus.passages_in(language)].tocsc())
        for language, rows in groups.items()
    }
    return _beside_subjects(corpus._replace(by_stem=by_stem), encoder, learnt)


def _count(
    passages: pd.DataFrame, learnt: Learnt, more: Collection[str]
) -> tuple[Mapping[str, int], sparse.csr_matrix]:
    """Return the column of each stem, and how often each passage holds it."""
    texts, fresh = passages["text"].tolist(), []
    kinds = np.where(passages["language"].isin(list(words.EXACT)), passages["language"], "").tolist()

    def fit() -> Lexicon:
        first = Lexicon(words.EXACT)
        terms, counts = in_order(first.columns, first.count(texts, kinds))
        terms += sorted(set(more) - set(terms))
        counts.resize(counts.shape[0], len(terms))
        fresh.append(counts)
        return Lexicon(words.EXACT, {term: column for column, term in enumerate(terms)})

    lexicon = learnt.once("stems", fit)
    return lexicon.columns, fresh[0] if fresh else lexicon.count(texts, kinds)


def _known(language: str, encoder: Encoder, learnt: Learnt) -> Sequence[Floats]:
    """Return the vectors of the seeds of each subject of news, as they are in a language."""
    every = tuple(subject.seeds_in(language) for subject in subjects.load_subjects())
    return learnt.once(("seeds", every), encode_each, encoder, every)


def encode_each(encoder: Encoder, groups: Sequence[Sequence[str]]) -> list[Floats]:
    """Return the vectors of each group of phrases; read in one go, since each takes its time, however little it reads.

    One array (phrases, dim) a group.
    """
    read = encoder.encode([phrase for group in groups for phrase in group])
    return np.split(read, np.cumsum([len(group) for group in groups])[:-1])


def _centre(vectors: Floats, rows: Rows, known: Sequence[Floats]) -> Floats:
    """Return what the units `rows` of a language have in common (dim,).

    The mean of the corpus takes away what it is mostly about, and a theme with it; the mean of the subjects of news
    knows nothing of the corpus. It is halfway between them.
    """
    mean = vectors[rows if len(rows) >= _OWN_MEAN else slice(None)].mean(axis=0)
    common = np.mean([seeds.mean(axis=0) for seeds in known], axis=0)
    return np.asarray((mean + common) / 2, dtype=np.float32)


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


def _beside_subjects(corpus: Corpus, encoder: Encoder, learnt: Learnt) -> Corpus:
    """Return `corpus` with how near its units are to the general subjects of news."""
    near = [np.zeros((len(corpus.vectors), len(subjects.load_subjects()))) for _ in encoder.views]
    directions = {}
    for language, rows in corpus.groups.items():
        found = [seeds - corpus.means[language] for seeds in _known(language, encoder, learnt)]
        directions[language] = np.stack([mean_direction(seeds, encoder.views) for seeds in found])
        for cosines, view in zip(near, encoder.views, strict=True):
            cosines[rows] = cosine(corpus.vectors[rows, view], directions[language][:, view])
    return corpus._replace(near=near, directions=directions, breadth=learnt.once("breadth", _breadth, corpus))


def _breadth(corpus: Corpus) -> float:
    """Return how far the subjects of news are those of the corpus, by their words."""
    known = subjects.load_subjects()
    told = np.zeros(len(known))
    for language, (mine, _) in corpus.by_stem.items():
        shared = shared_stems(known, language)
        for place, subject in enumerate(known):
            told[place] += (plain_match(mine, corpus.stems, subject, language, shared) > SURE_MATCH).sum()
    return subjects.breadth(told)


def _partitions(vectors: Floats, said: pd.DataFrame, seed: int) -> list[Floats]:
    """Return the centres of several k-means partitions, each found on a sample of the rows.

    Which rows are drawn depends on their language and text, as `said` has them, and not on their order.
    What one partition says of a passage depends on its random start; the mean over twenty hardly does.
    """
    many = max(1, min(CLUSTERS, len(vectors) // 10))
    random = np.random.default_rng(seed)
    keys = (pd.factorize(said[name].to_numpy(dtype=object), sort=True)[0] for name in ("text", "language"))
    order = np.lexsort(tuple(keys))
    apart = vectors
    if len(vectors) < vectors.shape[1]:  # they are as far apart in as many dimensions as there are of them
        apart = np.asarray(np.linalg.qr(vectors.T.astype(np.float64), mode="r")).T.copy()
    every = measuring(apart)(np.arange(len(apart))) if len(apart) <= _READ else None

    def partition(start: int, rows: Rows) -> Floats:
        distances = measuring(apart[rows]) if every is None else _known_distances(every, rows)
        starts = far_apart(distances, len(rows), many, start)
        return means(vectors[rows], lloyd(apart[rows].astype(np.float32), starts, _ROUNDS)[1], many)

    starts = random.integers(2**31, size=_PARTITIONS).tolist()
    drawn = [order[random.choice(len(vectors), min(len(vectors), _READ), replace=False)] for _ in starts]
    with ThreadPoolExecutor(2) as threads:  # most of it is multiplied without Python's lock
        return list(threads.map(partition, starts, drawn))


def _known_distances(every: Doubles, rows: Rows) -> Distances:
    return lambda some: every[rows[some]][:, rows]


def _clusters(partitions: Sequence[Floats], vectors: Floats) -> Rows:
    """Return the cluster of each row in each partition."""
    return np.array([nearest(vectors, centres) for centres in partitions], dtype=np.intp)


def by_language(
    corpus: Corpus, score: Doubles, priors: Mapping[str, float], of: Callable[[Doubles, float], float]
) -> dict[str, float]:
    """Return what `of` says of the units of each language and their prior; few lean to all, as if three more were read.

    Of one article alone, each theme would else be above or at its own cutoff.
    """
    found = {language: of(score[rows], priors[language]) for language, rows in corpus.groups.items()}
    if len(found) < 2:
        return found
    sizes = {language: len(rows) for language, rows in corpus.groups.items()}
    every = of(score, sum(priors[language] * size for language, size in sizes.items()) / len(score))
    return {name: own + (every - own) * _LENT / (sizes[name] + _LENT) for name, own in found.items()}


def mean_direction(seeds: Floats, views: Sequence[slice]) -> Floats:
    """Return the mean direction (dim,) of the seeds (m, dim), each view of length one."""
    found = np.zeros(seeds.shape[1], dtype=np.float32)
    for view in views:
        found[view] = _lengthened(_lengthened(seeds[:, view]).mean(axis=0, keepdims=True))[0]
    return found


def _lengthened(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def cosine(vectors: Floats, others: Floats) -> Doubles:
    """Return the cosine of each row of `vectors` with each of `others`; shape (vectors, others)."""
    return np.asarray(_lengthened(vectors) @ _lengthened(others).T, dtype=np.float64)
