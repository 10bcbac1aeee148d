"""The analyst's themes: scores and evidence from seed phrases alone, without labels.

Every passage is scored, and an article's score is drawn from its best passages. Four steps, per theme:

1. *Match*: similarity of a passage to the theme's seeds after the mean of its language is subtracted, in each view
   of the encoder (static vectors, latent semantic vectors), weighted by how well that view agrees with the plain
   words; plus the share of the passage's TF-IDF mass that lies on the seeds' stems.
2. *Smooth*: the mean match of the passage's own cluster is added.
3. *Prior*: the share of passages whose words alone say the theme estimates how common it is; the surest seven tenths
   of that share are pseudo-positives, everything well below it pseudo-negatives.
4. *Self-train*: a logistic regression on the vectors, retrained on its own surest answers (Yarowsky 1995,
   "Unsupervised Word Sense Disambiguation Rivaling Supervised Methods", section 4), gives the probability.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.special import expit
from sklearn.cluster import MiniBatchKMeans
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from toolkit import words
from toolkit.settings import ThemeSettings
from toolkit.themefile import Theme, as_records, from_records, load_themes

__all__ = ["Theme", "as_records", "from_records", "load_themes", "score_articles", "score_passages"]

Floats = npt.NDArray[np.float32]

_SURE_MATCH = 0.20
"""Square root of the TF-IDF mass on a theme's stems from which words alone say the theme."""
_SURE_SHARE = 0.7
_FAR_SHARE = 1.5
_FAR_MARGIN = 0.05
_LARGEST_PRIOR = 0.5
_FEWEST = 5
_ROUNDS = 3
_BORROWED = 100
_CLUSTERS = 40
_AGREES = 0.4
_OWN_MEAN = 30
_BEST_PART = 1 / 4


class Encoder(Protocol):
    """What scoring asks of an encoder: texts to vectors (n, dim), and the column ranges of its views."""

    views: Sequence[slice]

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return one row a text."""
        ...


class _Corpus(NamedTuple):
    """Passages as the scoring sees them: centred vectors (n, dim), TF-IDF (n, stems), rows per language."""

    vectors: Floats
    tfidf: sparse.csr_matrix
    stems: Mapping[str, int]
    clusters: npt.NDArray[np.intp]
    groups: Mapping[str, npt.NDArray[np.intp]]
    means: Mapping[str, Floats]


def score_passages(
    passages: pd.DataFrame,
    vectors: Floats,
    themes: Sequence[Theme],
    encoder: Encoder,
    settings: ThemeSettings = ThemeSettings(),
) -> Floats:
    """Return the probability that each passage is about each theme; shape (passages, themes).

    `passages` as `embed.make_passages` gives them, `vectors` their rows of ``encoder.encode``.
    """
    with threadpool_limits(1):
        return _score_passages(passages, vectors, themes, encoder, settings.seed)


def _score_passages(
    passages: pd.DataFrame, vectors: Floats, themes: Sequence[Theme], encoder: Encoder, seed: int
) -> Floats:
    corpus = _prepare(passages, vectors, seed)
    shared = Counter(stem for theme in themes for stem in _seed_stems(theme))
    columns = []
    for theme in themes:
        match, plain = np.zeros(len(passages)), np.zeros(len(passages))
        for language, rows in corpus.groups.items():
            plain[rows] = _plain_match(corpus, rows, theme, language, shared)
            match[rows] = _match(corpus, rows, theme, language, encoder, plain[rows])
        columns.append(_self_train(corpus, match, plain, seed))
    return np.column_stack(columns).astype(np.float32) if columns else np.empty((len(passages), 0), np.float32)


def _prepare(passages: pd.DataFrame, vectors: Floats, seed: int) -> _Corpus:
    languages = passages["language"].to_numpy()
    overall = vectors.mean(axis=0)
    groups = {language: np.flatnonzero(languages == language) for language in sorted(set(languages))}
    means = {
        language: vectors[rows].mean(axis=0) if len(rows) >= _OWN_MEAN else overall for language, rows in groups.items()
    }
    centred = np.empty_like(vectors)
    for language, rows in groups.items():
        centred[rows] = vectors[rows] - means[language]
    tfidf = TfidfVectorizer(analyzer=words.stems, sublinear_tf=True, dtype=np.float32)
    counts = tfidf.fit_transform(passages["text"])
    many = max(1, min(_CLUSTERS, len(passages) // 10))
    order = passages.reset_index().sort_values(["language", "text"], kind="stable").index.to_numpy()
    clusters = np.empty(len(passages), dtype=np.intp)
    clusters[order] = MiniBatchKMeans(many, random_state=seed, n_init=3, batch_size=4096).fit_predict(centred[order])
    return _Corpus(centred, counts, tfidf.vocabulary_, clusters, groups, means)


def _seed_stems(theme: Theme) -> set[str]:
    return {stem for phrases in theme.seeds.values() for phrase in phrases for stem in words.stems(phrase)}


def _plain_match(
    corpus: _Corpus, rows: npt.NDArray[np.intp], theme: Theme, language: str, shared: Counter[str]
) -> npt.NDArray[np.float64]:
    """Return the length of each passage's TF-IDF vector that lies on the theme's stems, between 0 and 1.

    A stem counts in full from two seeds on, less by the square of the number of themes that share it, and less by
    the share of phrases that speak against the theme among those in which it stands.
    """
    weights = np.zeros(corpus.tfidf.shape[1])
    often = Counter(stem for phrase in theme.seeds_in(language) for stem in set(words.stems(phrase)))
    against = Counter(stem for phrase in theme.against.get(language, ()) for stem in set(words.stems(phrase)))
    for stem, times in often.items():
        if stem in corpus.stems:
            weights[corpus.stems[stem]] = min(1.0, times / 2) / shared[stem] ** 2 * times / (times + against[stem])
    mass = corpus.tfidf[rows].multiply(corpus.tfidf[rows]) @ weights
    return np.sqrt(np.asarray(mass, dtype=np.float64).ravel())


def _match(
    corpus: _Corpus,
    rows: npt.NDArray[np.intp],
    theme: Theme,
    language: str,
    encoder: Encoder,
    plain: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return steps 1 and 2 for the passages of one language: a match in standard deviations."""
    vectors, mean = corpus.vectors[rows], corpus.means[language]
    seeds = encoder.encode(theme.seeds_in(language)) - mean
    against = encoder.encode(theme.against[language]) - mean if language in theme.against else None
    match = 0.5 * _standard(plain)
    for view in encoder.views:
        similar = _cosine(vectors[:, view], seeds[:, view])
        if against is not None:
            similar = similar - 0.5 * np.maximum(0, _cosine(vectors[:, view], against[:, view]))
        match += _agreement(similar, plain) * _standard(similar)
    clusters = corpus.clusters[rows]
    sizes = np.maximum(np.bincount(clusters), 1)
    return _standard(_standard(match) + _standard((np.bincount(clusters, match) / sizes)[clusters]))


def _cosine(vectors: Floats, seeds: Floats) -> npt.NDArray[np.float64]:
    """Return the cosine of each row of `vectors` with the mean of the seeds, each scaled to length one."""
    centre = (seeds / np.maximum(np.linalg.norm(seeds, axis=1, keepdims=True), 1e-9)).mean(axis=0)
    lengths = np.linalg.norm(vectors, axis=1) * max(float(np.linalg.norm(centre)), 1e-9)
    return np.asarray(vectors @ centre / np.maximum(lengths, 1e-9), dtype=np.float64)


def _standard(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)


def _agreement(view: npt.NDArray[np.float64], plain: npt.NDArray[np.float64]) -> float:
    """Return how far a view is to be trusted, 0 to 1, by its correlation with the plain words."""
    if len(view) < 3 or view.std() == 0 or plain.std() == 0:
        return 1.0
    return float(np.clip(np.corrcoef(view, plain)[0, 1] / _AGREES, 0, 1))


def _self_train(
    corpus: _Corpus, match: npt.NDArray[np.float64], plain: npt.NDArray[np.float64], seed: int
) -> npt.NDArray[np.float64]:
    """Return steps 3 and 4: a probability a passage. Too few sure passages: the plain words decide alone."""
    sure, far = _quotas(corpus, plain)
    if sum(sure.values()) < _FEWEST:
        return np.asarray(expit((plain - 1.5 * _SURE_MATCH) * 20))
    score = match
    for _ in range(_ROUNDS):
        positive, negative = [], []
        for language, rows in corpus.groups.items():
            order = rows[np.argsort(-score[rows], kind="stable")]
            positive.append(order[: sure[language]])
            negative.append(order[far[language] :])
        chosen = np.concatenate(positive + negative)
        truth = np.repeat([1, 0], [sum(map(len, positive)), sum(map(len, negative))])
        model = LogisticRegression(C=10, max_iter=500, random_state=seed).fit(corpus.vectors[chosen], truth)
        score = model.decision_function(corpus.vectors)
    return np.asarray(expit(score))


def _quotas(corpus: _Corpus, plain: npt.NDArray[np.float64]) -> tuple[dict[str, int], dict[str, int]]:
    """Return per language how many passages are sure, and the rank from which they are far from the theme.

    The prior of a language with few passages leans towards that of all, as if 100 more had been read.
    """
    sure, far = {}, {}
    told = plain > _SURE_MATCH
    for language, rows in corpus.groups.items():
        shrunk = (told[rows].sum() + _BORROWED * told.mean()) / (len(rows) + _BORROWED)
        prior = min(_LARGEST_PRIOR, float(shrunk))
        sure[language] = round(_SURE_SHARE * prior * len(rows))
        far[language] = round((_FAR_SHARE * prior + _FAR_MARGIN) * len(rows))
    return sure, far


def score_articles(
    passages: pd.DataFrame, probabilities: Floats, themes: Sequence[Theme], settings: ThemeSettings = ThemeSettings()
) -> pd.DataFrame:
    """Return one row an article and theme: ``article_id, theme, score, label, evidence, evidence_offset``.

    The score is the mean probability of the article's best quarter of passages: what stands in one passage of ten is
    mentioned, not what the article is about. The evidence is its best passage
    of the text (offset in characters into the text), or the title (offset -1) where there is no other.
    """
    parts = []
    for column, theme in enumerate(themes):
        ranked = passages.assign(probability=probabilities[:, column], titled=passages["offset"] < 0)
        ranked = ranked.sort_values(["article_id", "probability"], ascending=[True, False], kind="stable")
        ranked["rank"] = ranked.groupby("article_id").cumcount()
        ranked["size"] = ranked.groupby("article_id")["rank"].transform("size")
        best = ranked[ranked["rank"] < np.ceil(ranked["size"] * _BEST_PART)]
        score = best.groupby("article_id")["probability"].mean()
        shown = ranked.sort_values(["article_id", "titled"], kind="stable").drop_duplicates("article_id")
        shown = shown.set_index("article_id").loc[score.index]
        parts.append(
            pd.DataFrame(
                {
                    "article_id": score.index,
                    "theme": theme.id,
                    "score": score.to_numpy().round(4),
                    "label": score.to_numpy() >= settings.threshold,
                    "evidence": shown["text"].to_numpy(),
                    "evidence_offset": shown["offset"].to_numpy(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
