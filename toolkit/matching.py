"""How well the parts of a corpus match a theme's seed phrases, before anything is learned.

Read together are *units*: an article's title and passages, a hundred and sixty words of a long text. Two signs are
joined: the meaning (similarity of vectors, after the mean of the language is subtracted, above that to the general
subjects of news) and the words (the share of the unit's TF-IDF mass that lies on the seeds' stems).
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from toolkit import subjects, words
from toolkit.learnt import Learnt
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


def prepare(
    passages: pd.DataFrame, vectors: Floats, encoder: Encoder, seed: int, learnt: Learnt | None = None
) -> Corpus:
    """Return `passages` and their vectors (p, dim) as units: centred by language, with stems, clusters and subjects.

    With what was `learnt` of another corpus, it is seen as that one was: same stems and weights, means and clusters.
    """
    learnt, unit = learnt or Learnt(), _units(passages)
    first = np.flatnonzero(np.diff(unit, prepend=-1))
    languages = passages["language"].to_numpy()[first]
    groups = {language: np.flatnonzero(languages == language) for language in sorted(set(languages))}
    stems, counts = _count(passages, learnt)
    spread = sparse.csr_matrix((np.ones(len(unit), np.float32), (unit, np.arange(len(unit)))))
    weights = passages["words"].to_numpy(np.float32) * np.where(passages["offset"] < 0, _TITLE, 1)
    whole = _lengthened(spread @ (vectors * weights[:, None]))
    means = {
        name: learnt.once(("mean", name), _centre, whole, rows, _known(name, encoder, learnt))
        for name, rows in groups.items()
    }
    taken = np.stack([means[language] for language in languages])
    centred = whole - taken
    weigh = learnt.once("weights", TfidfTransformer(sublinear_tf=True).fit, spread @ counts)
    order = np.lexsort((passages["text"].to_numpy()[first].astype(str), languages.astype(str)))
    partitions = learnt.once("clusters", _partitions, centred, order, seed)
    corpus = Corpus(
        centred, weigh.transform(spread @ counts).tocsr(), stems, _clusters(partitions, centred), groups, means,
        passages["article_id"].to_numpy(dtype=object)[first], (), {}, 0.0,
        vectors - taken[unit], weigh.transform(counts).tocsr(), unit,
    )  # fmt: skip
    return _beside_subjects(corpus, encoder, learnt)


def _count(passages: pd.DataFrame, learnt: Learnt) -> tuple[Mapping[str, int], sparse.csr_matrix]:
    """Return the column of each stem, and how often each passage holds it."""
    stems, fresh = list(map(words.exact_stems, passages["text"], passages["language"])), []

    def fit() -> CountVectorizer:
        counter = CountVectorizer(analyzer=list, dtype=np.float32)
        fresh.append(counter.fit_transform(stems))
        return counter

    counter = learnt.once("stems", fit)
    return counter.vocabulary_, fresh[0] if fresh else counter.transform(stems)


def _known(language: str, encoder: Encoder, learnt: Learnt) -> Sequence[Floats]:
    """Return the vectors of the seeds of each subject of news, as they are in a language."""
    every = [subject.seeds_in(language) for subject in subjects.load_subjects()]
    return [learnt.once(("seeds", seeds), encoder.encode, seeds) for seeds in every]


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
        directions[language] = np.stack([_direction(seeds, encoder.views) for seeds in found])
        for cosines, view in zip(near, encoder.views, strict=True):
            cosines[rows] = _cosine(corpus.vectors[rows, view], directions[language][:, view])
    return corpus._replace(near=near, directions=directions, breadth=learnt.once("breadth", _breadth, corpus))


def _breadth(corpus: Corpus) -> float:
    """Return how far the subjects of news are those of the corpus, by their words."""
    known = subjects.load_subjects()
    told = np.zeros(len(known))
    for language, rows in corpus.groups.items():
        shared = shared_stems(known, language)
        for place, subject in enumerate(known):
            told[place] += (plain_match(corpus.tfidf[rows], corpus.stems, subject, language, shared) > SURE_MATCH).sum()
    return subjects.breadth(told)


def _direction(seeds: Floats, views: Sequence[slice]) -> Floats:
    """Return the mean direction (dim,) of the seeds (m, dim), each view of length one."""
    found = np.zeros(seeds.shape[1], dtype=np.float32)
    for view in views:
        found[view] = _lengthened(_lengthened(seeds[:, view]).mean(axis=0, keepdims=True))[0]
    return found


def _partitions(vectors: Floats, order: Rows, seed: int) -> list[KMeans]:
    """Return several k-means partitions, each found on a sample of the rows, which are drawn from them in `order`.

    What one partition says of a passage depends on its random start; the mean over twenty hardly does.
    """
    many = max(1, min(_CLUSTERS, len(vectors) // 10))
    random, found = np.random.default_rng(seed), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # identical passages make fewer clusters
        for start in random.integers(2**31, size=_PARTITIONS):
            read = vectors[order[random.choice(len(vectors), min(len(vectors), _READ), replace=False)]]
            found.append(KMeans(many, n_init=1, max_iter=20, random_state=int(start)).fit(read))
    return found


def _clusters(partitions: Sequence[KMeans], vectors: Floats) -> Rows:
    """Return the cluster of each row in each partition."""
    return np.array([partition.predict(vectors) for partition in partitions], dtype=np.intp)


def match_theme(
    corpus: Corpus, theme: Theme, themes: Sequence[Theme], encoder: Encoder, learnt: Learnt | None = None
) -> Match:
    """Return how well all units match `theme`, one of `themes`; each language is matched by itself.

    With what was `learnt` of another corpus, by the scales of that one.
    """
    size, learnt = len(corpus.vectors), learnt or Learnt()
    found = Match(np.zeros(size), np.zeros(size), np.zeros(size, dtype=bool), np.zeros(len(corpus.unit)))
    for language, rows in corpus.groups.items():
        mine, own = np.flatnonzero(np.isin(corpus.unit, rows)), learnt.within(language)
        shared = shared_stems(themes, language)
        plain, parts = (
            plain_match(tfidf, corpus.stems, theme, language, shared)
            for tfidf in (corpus.tfidf[rows], corpus.part_tfidf[mine])
        )
        sought = own.once("sought", _sought, corpus, theme, language, encoder)
        found.plain[rows] = plain
        found.near[rows], found.wins[rows] = _match(corpus, rows, sought, plain, own)
        found.parts[mine] = _match_parts(corpus.part_vectors[mine], sought, parts, own)
    return found


class _Sought(NamedTuple):
    """A theme's phrases in one language: their direction (dim,), those against it (m, dim), and the views."""

    language: str
    direction: Floats
    against: Floats
    views: Sequence[slice]


def _sought(corpus: Corpus, theme: Theme, language: str, encoder: Encoder) -> _Sought:
    mean = corpus.means[language]
    seeds, against = (
        encoder.encode(said) - mean for said in (theme.seeds_in(language), theme.against.get(language, ()))
    )
    return _Sought(language, _direction(seeds, encoder.views), against, encoder.views)


def _match(
    corpus: Corpus, rows: Rows, sought: _Sought, plain: Doubles, learnt: Learnt
) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """Return how well the units of one language match the theme, and which are nearer to it than to other subjects.

    Similarity in each view, less that to the nearest of the subjects of news, counts as far as the view agrees with
    the plain words. Where one of the phrases that speak against the theme is nearer than the theme, half of the
    difference is taken off. The mean of the unit's own clusters is added.
    """
    vectors, direction, known = corpus.vectors[rows], sought.direction, corpus.directions[sought.language]
    similar = [_cosine(vectors[:, view], direction[None, view])[:, 0] for view in sought.views]
    trust = np.array([learnt.once(("trust", at), _agreement, view, plain) for at, view in enumerate(similar)])
    like = subjects.likeness([direction[v] for v in sought.views], [known[:, v] for v in sought.views], trust)
    others = subjects.rivals([view[rows] for view in corpus.near], like, trust)
    score, rivals = standard(plain, learnt, "plain"), np.zeros((len(rows), len(sought.against)))
    for place, view in enumerate(sought.views):
        above = similar[place] - corpus.breadth * subjects.nearest_rival(others, place)
        score += trust[place] * standard(above, learnt, ("above", place))
        rivals += trust[place] * _cosine(vectors[:, view], sought.against[:, view])
    score = standard(score, learnt, "score")
    if len(sought.against):
        nearest = standard(rivals, learnt, "rivals").max(axis=1)
        score -= np.where(score > 0, _PULL * np.maximum(0, nearest - score), 0)
    around = _around(corpus.clusters[:, rows], score, learnt)
    near = standard(standard(score, learnt, "pulled") + _AROUND * standard(around, learnt, "around"), learnt, "near")
    return near, subjects.wins(similar, others)


def _around(clusters: Rows, score: Doubles, learnt: Learnt) -> Doubles:
    """Return the sum over the partitions of the mean score of each unit's own cluster."""
    found = np.zeros(len(score))
    for mine, means in zip(clusters, learnt.once("clusters", _means, clusters, score), strict=True):
        found += means[mine]
    return found


def _means(clusters: Rows, score: Doubles) -> list[Doubles]:
    """Return the mean score of each cluster, 0 where it is empty, by partition."""
    sums = ((np.bincount(mine, score, _CLUSTERS), np.bincount(mine, minlength=_CLUSTERS)) for mine in clusters)
    return [total / np.maximum(count, 1) for total, count in sums]


def _match_parts(vectors: Floats, sought: _Sought, plain: Doubles, learnt: Learnt) -> Doubles:
    """Return how well passages of one language match the theme by themselves, in standard deviations."""
    similar = _cosine(vectors, sought.direction[None])[:, 0]
    return standard(plain, learnt, "plain parts") + standard(similar, learnt, "similar parts")


def _lengthened(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _cosine(vectors: Floats, others: Floats) -> Doubles:
    """Return the cosine of each row of `vectors` with each of `others`; shape (vectors, others)."""
    return np.asarray(_lengthened(vectors) @ _lengthened(others).T, dtype=np.float64)


def standard(values: Doubles, learnt: Learnt | None = None, name: Hashable = "") -> Doubles:
    """Return `values` less their mean, over their standard deviation, column by column; zeros where all are equal.

    With what was `learnt`, mean and deviation are those of the first values of this `name`.
    """
    mean, spread = (learnt or Learnt()).once(("scale", name), _scale, values)
    return np.asarray(np.where(spread > 0, values - mean, 0) / np.where(spread > 0, spread, 1))


def _scale(values: Doubles) -> tuple[Doubles, Doubles]:
    return values.mean(axis=0), values.std(axis=0)


def _agreement(view: Doubles, plain: Doubles) -> float:
    """Return how far a view is to be trusted, 0 to 1, by its correlation with the plain words."""
    if len(view) < 3 or view.std() == 0 or plain.std() == 0:
        return 1.0
    return float(np.clip(np.corrcoef(view, plain)[0, 1] / _AGREES, 0, 1))
