"""The analyst's themes: scores and evidence from seed phrases alone, without labels.

Every passage is scored, and an article's score is drawn from its best passages. Five steps, per theme:

1. *Match*: how near a passage is to the theme's seeds, by meaning and by words (`toolkit.matching`).
2. *Prior*: the share of passages whose words alone say the theme estimates how common it is, per language.
3. *Self-train*: the surest seven tenths of that share are pseudo-positives, everything well below it pseudo-negatives;
   a logistic regression on the vectors, retrained on its own surest answers (Yarowsky 1995, "Unsupervised Word Sense
   Disambiguation Rivaling Supervised Methods", section 4), stays tied to the match, which is added to its log-odds.
4. *Calibrate*: the words that say the theme are a witness. As the score falls, their share falls from what it is among
   the surest passages to what it is among those far away; how far it has fallen is a second probability (positives and
   unlabelled: Elkan and Noto 2008, "Learning Classifiers from Only Positive and Unlabeled Data", section 2), and the
   mean of both log-odds is the answer. Where too few of the surest passages hold such words, the classifier has
   drifted, and is trained again with the smaller share.
5. *Answers*: what the analyst answered corrects the scores (`toolkit.learning`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from toolkit.learning import learn
from toolkit.matching import Corpus, Doubles, Encoder, Floats, match, plain_match, prepare, shared_stems
from toolkit.settings import ThemeSettings
from toolkit.themefile import Theme, as_records, from_records, load_themes

__all__ = [
    "Encoder",
    "Floats",
    "Theme",
    "as_records",
    "from_records",
    "load_themes",
    "score_articles",
    "score_passages",
]

_SURE_MATCH = 0.115
"""Plain match from which words alone say the theme."""
_SURE_SHARE = 0.7
_FAR_SHARE = 1.5
_FAR_MARGIN = 0.05
_LARGEST_PRIOR = 0.5
_FEWEST = 5
_ROUNDS = 3
_STRENGTH = 3.0
_BORROWED = 100
_TOP = 1 / 4
_DRIFTED = 0.6
_MARGIN = 0.005
_BEST_PART = 1 / 4


def score_passages(
    passages: pd.DataFrame,
    vectors: Floats,
    themes: Sequence[Theme],
    encoder: Encoder,
    settings: ThemeSettings = ThemeSettings(),
    answers: pd.DataFrame | None = None,
) -> Floats:
    """Return the probability that each passage is about each theme; shape (passages, themes).

    `passages` as `embed.make_passages` gives them, `vectors` their rows of ``encoder.encode``. `answers`
    (``article_id, theme, answer`` as true or false) are what the analyst said of whole articles.
    """
    with threadpool_limits(1):
        corpus = prepare(passages, vectors, settings.seed)
        shared = {language: shared_stems(themes, language) for language in corpus.groups}
        ids = passages["article_id"].to_numpy(dtype=object)
        columns = []
        for theme in themes:
            near, plain = np.zeros(len(passages)), np.zeros(len(passages))
            for language, rows in corpus.groups.items():
                plain[rows] = plain_match(corpus, rows, theme, language, shared[language])
                near[rows] = match(corpus, rows, theme, language, encoder, plain[rows])
            found = _probability(corpus, near, plain, settings.seed)
            columns.append(learn(corpus.vectors, found, ids, _about(answers, theme)))
    return np.column_stack(columns).astype(np.float32) if columns else np.empty((len(passages), 0), np.float32)


def _about(answers: pd.DataFrame | None, theme: Theme) -> dict[str, bool]:
    if answers is None:
        return {}
    mine = answers[answers["theme"] == theme.id]
    return dict(zip(mine["article_id"], mine["answer"].astype(bool), strict=True))


def _probability(corpus: Corpus, near: Doubles, plain: Doubles, seed: int) -> Doubles:
    """Return steps 2 to 4: a probability a passage. Too few sure passages: the plain words decide alone."""
    told = plain > _SURE_MATCH
    priors = _priors(corpus, told)
    if sum(round(_SURE_SHARE * priors[language] * len(rows)) for language, rows in corpus.groups.items()) < _FEWEST:
        return np.asarray(expit((plain - 1.5 * _SURE_MATCH) * 20))
    score = _self_train(corpus, near, priors, seed)
    second, witnessed = _witness(corpus, score, told, priors)
    drifted = [language for language, share in witnessed.items() if share < _DRIFTED]
    if drifted:
        for language in drifted:
            sure = float((second[corpus.groups[language]] >= 0.5).mean()) + _MARGIN
            priors[language] = min(priors[language], sure)
        score = _self_train(corpus, near, priors, seed)
        second, _ = _witness(corpus, score, told, priors)
    return np.asarray(expit((score + logit(np.clip(second, 0.01, 0.99))) / 2))


def _priors(corpus: Corpus, told: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Return the share of passages that is about the theme, per language, as their words tell it.

    That of a language with few passages leans towards that of all, as if 100 more had been read.
    """
    return {
        language: min(_LARGEST_PRIOR, float((told[rows].sum() + _BORROWED * told.mean()) / (len(rows) + _BORROWED)))
        for language, rows in corpus.groups.items()
    }


def _self_train(corpus: Corpus, near: Doubles, priors: Mapping[str, float], seed: int) -> Doubles:
    """Return log-odds a passage: those of a classifier taught by its own surest answers, and the match above chance."""
    score = near
    for _ in range(_ROUNDS):
        positive, negative = [], []
        for language, rows in corpus.groups.items():
            order = rows[np.argsort(-score[rows], kind="stable")]
            positive.append(order[: round(_SURE_SHARE * priors[language] * len(rows))])
            negative.append(order[round((_FAR_SHARE * priors[language] + _FAR_MARGIN) * len(rows)) :])
        chosen = np.concatenate(positive + negative)
        truth = np.repeat([1, 0], [sum(map(len, positive)), sum(map(len, negative))])
        model = LogisticRegression(C=_STRENGTH, max_iter=500, random_state=seed).fit(corpus.vectors[chosen], truth)
        score = model.decision_function(corpus.vectors)
        for language, rows in corpus.groups.items():
            last = min(len(rows) - 1, round(priors[language] * len(rows)))
            score[rows] += near[rows] - np.sort(near[rows])[::-1][last]
    return np.asarray(score, dtype=np.float64)


def _witness(
    corpus: Corpus, score: Doubles, told: npt.NDArray[np.bool_], priors: Mapping[str, float]
) -> tuple[Doubles, dict[str, float]]:
    """Return the probability that the words bear witness to, and the share of witnesses among the surest passages.

    A language with too few witnesses keeps the classifier's own probability, and no share.
    """
    found, shares = expit(score), {}
    for language, rows in corpus.groups.items():
        if told[rows].sum() < _FEWEST:
            continue
        order = rows[np.argsort(-score[rows], kind="stable")]
        high = float(told[order[: max(2 * _FEWEST, round(_TOP * priors[language] * len(rows)))]].mean())
        low = float(told[order[len(rows) // 2 :]].mean())
        curve = IsotonicRegression(out_of_bounds="clip").fit_transform(score[rows], told[rows].astype(float))
        found[rows] = np.clip((curve - low) / max(high - low, 0.05), 0, 1)
        shares[language] = high
    return found, shares


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
