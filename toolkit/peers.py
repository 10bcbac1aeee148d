"""What theme scores are measured against, on the same vectors: a supervised ceiling and two peers without labels.

The ceiling is what all the labels would reach; the peers are what an analyst would try first: the similarity of an
article to the theme's description, and BERTopic's zero-shot topics from the same titles and descriptions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

Vectors = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Encode = Callable[[Sequence[str]], Vectors]

_FOLDS = 5
_PENALTY = 10.0
_DIMENSIONS = 50
_CLUSTERS = 40
_MOST, _NOTHING = 0.95, 1e-6
_FEWEST = 100
"""Below, too few articles are left over to be clustered; they do not bear on which article is assigned to a theme."""


def supervised(vectors: Vectors, truth: Flags, groups: Sequence[object], seed: int = 42) -> Floats:
    """Return the probabilities (n, t) that logistic regression gives each article when trained on the others.

    Five folds, one theme against the rest, C = 10; articles of one group (a story) are in the same fold. Where the
    training folds hold one answer only, that is the probability.
    """
    codes, names = pd.factorize(pd.Series(list(groups), dtype=object))
    order = np.random.default_rng(seed).permutation(len(names))
    folds = (order % _FOLDS)[codes]
    found = np.zeros(truth.shape)
    with threadpool_limits(1):
        for fold in np.unique(folds):
            inside = folds == fold
            for theme in range(truth.shape[1]):
                found[inside, theme] = _predict(vectors[~inside], truth[~inside, theme], vectors[inside], seed)
    return found


def _predict(known: Vectors, answers: Flags, asked: Vectors, seed: int) -> Floats:
    if not len(answers) or answers.all() or not answers.any():
        return np.full(len(asked), float(answers.any()))
    model = LogisticRegression(C=_PENALTY, max_iter=1000, random_state=seed).fit(known, answers)
    return np.asarray(model.predict_proba(asked)[:, 1])


def similarity(vectors: Vectors, descriptions: Sequence[str], encode: Encode) -> Floats:
    """Return the cosine (n, t) of each article's vector and that of each theme's title and description."""
    themes = encode(list(descriptions))
    lengths = np.linalg.norm(vectors, axis=1)[:, None] * np.linalg.norm(themes, axis=1)[None, :]
    return np.asarray((vectors @ themes.T) / np.maximum(lengths, 1e-9), dtype=np.float64)


def bertopic_zeroshot(
    texts: Sequence[str], vectors: Vectors, descriptions: Sequence[str], encode: Encode, share: float, seed: int = 42
) -> tuple[Floats, Flags]:
    """Return BERTopic's zero-shot answer: similarity (n, t) to each zero-shot topic, and who was assigned to it (n, t).

    `vectors` of `texts`; `descriptions` become its ``zeroshot_topic_list``. Its ``zeroshot_min_similarity`` depends on
    the vectors and has to be found by trial: it is set so that `share` of the articles are assigned to some theme,
    which is more than a user knows (19 of 20 at most: when none is left over, BERTopic takes the zero-shot topics for
    ordinary ones). A topic that no article was assigned to keeps the similarity to its description.
    """
    from bertopic import BERTopic

    direct = similarity(vectors, descriptions, encode)
    least = max(_NOTHING, float(np.quantile(direct.max(axis=1), 1 - min(share, _MOST))))
    if len(texts) < _FEWEST or direct.max(axis=1).min() >= least:
        nearest = np.eye(len(descriptions), dtype=bool)[direct.argmax(axis=1)]
        return direct, nearest & (direct >= least)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clusters = min(_CLUSTERS, max(2, round(len(texts) * (1 - min(share, _MOST)) / 10)))
        model = BERTopic(
            embedding_model=_backend(encode),
            umap_model=PCA(min(_DIMENSIONS, *vectors.shape), random_state=seed),
            hdbscan_model=MiniBatchKMeans(clusters, n_init=3, random_state=seed),
            zeroshot_topic_list=list(descriptions),
            zeroshot_min_similarity=least,
            calculate_probabilities=True,
        )
        topics, probabilities = model.fit_transform(list(texts), embeddings=vectors.astype(np.float64))
    return _per_theme(direct, model.topic_labels_, (np.asarray(topics), probabilities), descriptions)


def _per_theme(
    direct: Floats,
    labels: dict[int, str],
    answer: tuple[npt.NDArray[np.intp], Floats],
    descriptions: Sequence[str],
) -> tuple[Floats, Flags]:
    """Find each theme's topic again by its label; the columns of the similarities are its topics, outliers first."""
    topics, probabilities = answer
    scores, assigned = direct.copy(), np.zeros(direct.shape, dtype=bool)
    first = min(labels)
    for theme, text in enumerate(descriptions):
        mine = [topic for topic, label in labels.items() if label == text]
        if mine:
            scores[:, theme] = probabilities[:, mine[0] - first]
            assigned[:, theme] = topics == mine[0]
    return scores, assigned


def _backend(encode: Encode) -> object:
    from bertopic.backend import BaseEmbedder

    class Backend(BaseEmbedder):  # type: ignore[misc]
        def embed(self, documents: list[str], verbose: bool = False) -> Vectors:
            return encode(list(documents))

    return Backend()
