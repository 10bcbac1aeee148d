"""Topics that the corpus itself suggests: BERTopic with fast, seeded parts and no outliers.

BERTopic (Grootendorst 2022, "BERTopic: Neural topic modeling with a class-based TF-IDF procedure") is given PCA and
k-means in place of UMAP and HDBSCAN. Before clustering, each vector is replaced by half itself and half the mean of
its 15 nearest neighbours, which sharpens the groups; the number of topics is chosen by the data (`choose_number`).
Everything runs on one thread with a fixed seed, so that the same input gives the same topics everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.manifold import TSNE
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from toolkit import lean, words
from toolkit.settings import TopicSettings

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.intp]

_DIMENSIONS = 50
_NEIGHBOURS = 15
_BLOCK = 1000
_CANDIDATES = (4, 5, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40)
_ARTICLES_A_TOPIC = 20
_FEWEST_BY_ROOT = 1 / 6
_NEAR_BEST = 0.9
_SAMPLE = 4000
_LANDMARKS = 400
_TERMS = 10
_WORD = r"\S+"
_VOCABULARY = 20_000
_CENTRAL = 3


class Topics(NamedTuple):
    """What was found.

    ``assigned``: ``article_id, topic_id, x, y, closeness`` (cosine to the topic's centre), one row an article.
    ``topics``: ``topic_id, label, terms, articles, share, titles``, the largest first, ids from 0.
    ``choice``: ``topics, separation, stability, score``, one row a number that was tried.
    """

    assigned: pd.DataFrame
    topics: pd.DataFrame
    choice: pd.DataFrame


def find_topics(articles: pd.DataFrame, vectors: Floats, settings: TopicSettings = TopicSettings()) -> Topics:
    """Group `articles` by their `vectors` (articles, dim) and name each group by its terms.

    Articles without words a topic could be named by are grouped all the same: none is an outlier.
    """
    with threadpool_limits(1):
        return _find(articles, vectors, settings)


def _find(articles: pd.DataFrame, vectors: Floats, settings: TopicSettings) -> Topics:
    reduced = _reduce(vectors, settings.seed)
    smooth = _smooth(reduced)
    number, choice = choose_number(smooth, settings)
    labels = _by_size(_cluster(smooth, number, settings.seed))
    texts = (articles["title"] + "\n" + articles["text"]).tolist()
    terms = _terms(texts, smooth, labels)
    places = _layout(smooth, settings.seed)
    closeness = _closeness(smooth, labels)
    assigned = pd.DataFrame(
        {
            "article_id": articles["article_id"].to_numpy(),
            "topic_id": labels,
            "x": places[:, 0].round(3),
            "y": places[:, 1].round(3),
            "closeness": closeness.round(4),
        }
    )
    return Topics(assigned, _describe(articles, assigned, terms), choice)


def _reduce(vectors: Floats, seed: int) -> Floats:
    size = min(_DIMENSIONS, *vectors.shape)
    solver = "randomized" if size < min(vectors.shape) else "full"
    if len(vectors) < 2:
        return vectors
    with np.errstate(invalid="ignore"):
        return _unit(PCA(size, svd_solver=solver, random_state=seed).fit_transform(vectors))


def _unit(vectors: npt.NDArray[np.floating]) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32).round(5)


def _smooth(vectors: Floats) -> Floats:
    """Return half of each vector and half of the mean of its nearest neighbours, in blocks of matrix products."""
    count = min(_NEIGHBOURS, len(vectors) - 1)
    if count < 1:
        return vectors
    means = np.empty_like(vectors)
    for start in range(0, len(vectors), _BLOCK):
        similar = vectors[start : start + _BLOCK] @ vectors.T
        nearest = np.argpartition(-similar, count, axis=1)[:, :count]
        means[start : start + _BLOCK] = vectors[nearest].mean(axis=1)
    return _unit(0.5 * vectors + 0.5 * means)


def _cluster(vectors: Floats, number: int, seed: int) -> Labels:
    return np.asarray(KMeans(number, n_init=4, random_state=seed).fit_predict(vectors), dtype=np.intp)


def choose_number(vectors: Floats, settings: TopicSettings) -> tuple[int, pd.DataFrame]:
    """Return the number of topics, and a table of what was tried.

    Scored is separation times stability: the simplified silhouette (Hruschka et al. 2004, distances to centres),
    which rises as topics get finer, and the adjusted Rand index between fits on two overlapping 80% subsamples
    (Ben-Hur et al. 2002), which falls when they get finer than the data supports. Chosen is the smallest number that
    scores at least 90% of the best, as few topics being easier to read; topics have at least 20 articles in the mean,
    and a large corpus at least a sixth of the square root of its size of them, since four topics of five thousand
    articles tell nobody anything.
    """
    distinct = len(np.unique(vectors, axis=0))
    if settings.n_topics or distinct < 2 * min(_CANDIDATES):
        number = settings.n_topics or max(1, distinct // min(_CANDIDATES))
        return min(number, distinct), pd.DataFrame(columns=["topics", "separation", "stability", "score"])
    random = np.random.default_rng(settings.seed)
    sample = np.sort(random.permutation(len(vectors))[:_SAMPLE])
    some = vectors[sample]
    least = min(_FEWEST_BY_ROOT * len(vectors) ** 0.5, max(_CANDIDATES))
    fitting = [number for number in _CANDIDATES if least <= number and number * _ARTICLES_A_TOPIC <= len(vectors)]
    numbers = fitting or [min(_CANDIDATES)]
    rows = [(number, *_quality(some, number, settings.seed)) for number in numbers]
    choice = pd.DataFrame(rows, columns=["topics", "separation", "stability"])
    choice["score"] = choice["separation"] * choice["stability"]
    enough = choice["score"] >= _NEAR_BEST * choice["score"].max()
    return int(choice["topics"][enough].iloc[0]), choice.round(4)


def _quality(vectors: Floats, number: int, seed: int) -> tuple[float, float]:
    """Return separation and stability of k-means with `number` clusters, means over three pairs of subsamples."""
    random = np.random.default_rng(seed + number)
    separations, agreements = [], []
    for trial in range(3):
        halves = [random.random(len(vectors)) < 0.8 for _ in range(2)]
        fits = [KMeans(number, n_init=1, random_state=seed + trial).fit(vectors[half]) for half in halves]
        agreements.append(adjusted_rand_score(*(fit.predict(vectors) for fit in fits)))
        near = np.sort(fits[0].transform(vectors), axis=1)[:, :2]
        separations.append(float(np.mean(1 - near[:, 0] / np.maximum(near[:, 1], 1e-9))))
    return float(np.mean(separations)), float(np.mean(agreements))


def _by_size(labels: Labels) -> Labels:
    """Renumber so that topic 0 is the largest; ties by first appearance."""
    found, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    place = np.empty(found.max() + 1, dtype=np.intp)
    place[found[order]] = np.arange(len(found))
    return place[labels]


class _Given:
    """Hand labels that are already known to BERTopic, in the place where it expects a clusterer."""

    def __init__(self, labels: Labels) -> None:
        self.labels_ = labels

    def fit(self, vectors: Floats, y: object = None) -> _Given:
        """Do nothing: the labels are given."""
        return self

    def predict(self, vectors: Floats) -> Labels:
        """Return the labels."""
        return self.labels_


def _terms(texts: Sequence[str], vectors: Floats, labels: Labels) -> dict[int, list[str]]:
    """Return the terms of each topic by class-based TF-IDF, the most telling first."""
    with lean.hidden():
        from bertopic import BERTopic
        from bertopic.dimensionality import BaseDimensionalityReduction
        from bertopic.vectorizers import ClassTfidfTransformer

    forms = words.commonest_forms(texts)
    plain = [" ".join(forms.get(stem, stem) for stem in words.stems(text)) for text in texts]
    rare = 1 if len(texts) < 100 else 3 if len(texts) < 2000 else 5
    found = CountVectorizer(ngram_range=(1, 2), token_pattern=_WORD, min_df=rare, max_features=_VOCABULARY)
    try:
        found.fit(plain)
    except ValueError:
        return {}
    counter = CountVectorizer(ngram_range=(1, 2), token_pattern=_WORD, vocabulary=found.vocabulary_)
    model = BERTopic(
        language="multilingual",
        umap_model=BaseDimensionalityReduction(),
        hdbscan_model=_Given(labels),
        vectorizer_model=counter,
        ctfidf_model=ClassTfidfTransformer(reduce_frequent_words=True),
        top_n_words=3 * _TERMS,
    ).fit(plain, embeddings=vectors)
    back = {int(theirs): int(ours) for theirs, ours in zip(model.topics_, labels, strict=True)}
    return {
        back[topic]: _distinct([term for term, weight in found if weight > 0])
        for topic, found in model.get_topics().items()
    }


def _distinct(terms: Sequence[str]) -> list[str]:
    """Keep terms that share no word with a better one."""
    kept: list[str] = []
    seen: set[str] = set()
    for term in terms:
        parts = set(term.split())
        if term and not parts & seen:
            kept.append(term)
            seen |= parts
    return kept[:_TERMS]


def _layout(vectors: Floats, seed: int) -> npt.NDArray[np.float64]:
    """Return a place in the plane for each vector, shape (n, 2): t-SNE of landmarks, the others drawn to theirs.

    The landmarks are k-means centres (all vectors, when they are few); a vector lies at the mean of its three nearest
    landmarks, weighted by similarity.
    """
    if len(np.unique(vectors, axis=0)) < 5:
        return np.column_stack([np.arange(len(vectors), dtype=float), np.zeros(len(vectors))])
    few = len(vectors) <= 2 * _LANDMARKS
    marks = (
        vectors if few else _centres(MiniBatchKMeans(_LANDMARKS, n_init=1, random_state=seed, batch_size=4096), vectors)
    )
    perplexity = min(30.0, (len(marks) - 1) / 4)
    places = TSNE(2, perplexity=perplexity, init="pca", random_state=seed, metric="cosine").fit_transform(marks)
    if few:
        return np.asarray(places, dtype=np.float64)
    out = np.empty((len(vectors), 2))
    for start in range(0, len(vectors), _BLOCK):
        similar = vectors[start : start + _BLOCK] @ marks.T
        nearest = np.argsort(-similar, axis=1)[:, :3]
        pull = np.exp(12 * np.take_along_axis(similar, nearest, axis=1))
        out[start : start + _BLOCK] = (places[nearest] * (pull / pull.sum(axis=1, keepdims=True))[:, :, None]).sum(
            axis=1
        )
    return out


def _centres(model: object, vectors: Floats) -> Floats:
    return _unit(model.fit(vectors).cluster_centers_)  # type: ignore[attr-defined]


def _closeness(vectors: Floats, labels: Labels) -> npt.NDArray[np.float64]:
    centres = _unit(np.vstack([vectors[labels == topic].mean(axis=0) for topic in range(labels.max() + 1)]))
    return np.asarray((vectors * centres[labels]).sum(axis=1), dtype=np.float64)


def _describe(articles: pd.DataFrame, assigned: pd.DataFrame, terms: dict[int, list[str]]) -> pd.DataFrame:
    """Return one row a topic: its label, its terms, its size, and the titles nearest to its centre."""
    shown = articles["title"].where(articles["title"].str.len() > 0, articles["text"].str.slice(0, 90))
    named = assigned.assign(shown=shown.to_numpy()).sort_values(["closeness", "article_id"], ascending=[False, True])
    rows = []
    for topic in range(int(named["topic_id"].max()) + 1):
        members = named[named["topic_id"] == topic]
        found = terms.get(topic, [])
        label = ", ".join(found[:3]) or f"topic without telling words ({topic})"
        titles = members["shown"].drop_duplicates().head(_CENTRAL).tolist()
        rows.append((topic, label, found, len(members), len(members) / len(assigned), titles))
    return pd.DataFrame(rows, columns=["topic_id", "label", "terms", "articles", "share", "titles"])


def regroup(
    articles: pd.DataFrame, vectors: Floats, assigned: pd.DataFrame, labels: Labels, seed: int = 42
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ``assigned`` and ``topics`` for other groups of the same articles: `labels`, a number a row from 0.

    Places on the map stay, all else is made anew; groups are numbered by size.
    """
    with threadpool_limits(1):
        smooth, labels = _smooth(_reduce(vectors, seed)), _by_size(labels)
        texts = (articles["title"] + "\n" + articles["text"]).tolist()
        moved = assigned.assign(topic_id=labels, closeness=_closeness(smooth, labels).round(4))
        return moved, _describe(articles, moved, _terms(texts, smooth, labels))


def divide(vectors: Floats, number: int, seed: int = 42) -> Labels:
    """Return the part, from 0, of each of `vectors` when they are split into `number`."""
    with threadpool_limits(1):
        return _by_size(_cluster(_smooth(_reduce(vectors, seed)), number, seed))


def topic_themes(topics: pd.DataFrame, assigned: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return `topics` with ``theme`` and ``theme_share``: the theme most of its articles carry, or ``""``."""
    carried = assigned.merge(scores[scores["label"]], on="article_id")
    counts = carried.groupby(["topic_id", "theme"]).size().rename("carrying").reset_index()
    best = counts.sort_values(["carrying", "theme"], ascending=[False, True]).drop_duplicates("topic_id")
    joined = topics.merge(best, on="topic_id", how="left")
    share = (joined["carrying"].fillna(0) / joined["articles"]).round(4)
    theme = joined["theme"].where(share > 0.5, "").fillna("")
    return topics.assign(theme=theme.to_numpy(), theme_share=share.to_numpy())
