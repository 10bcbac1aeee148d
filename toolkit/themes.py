"""The analyst's themes: scores and evidence from seed phrases alone, without labels.

An article is read in units, its title and passages, a hundred and sixty words at most (`toolkit.units`). Per theme:

1. *Match*: how near a unit is to the seeds, by meaning and by words, above how near it is to what else news is about.
2. *Prior*: how common the theme is, per language. The share of units nearer to the theme than to each other subject
   says so where the corpus is as broad as news is, and between languages as much the share of units whose words say
   the theme; in a narrow corpus that alone.
3. *Self-train*: the surest seven tenths of that share are pseudo-positives, everything well below it pseudo-negatives
   (Yarowsky 1995, "Unsupervised Word Sense Disambiguation Rivaling Supervised Methods", section 4). Two classifiers
   that see different things teach each other (Blum and Mitchell 1998, "Combining Labeled and Unlabeled Data with
   Co-Training"): logistic regression on the vectors, naive Bayes on the stems. They stay tied to the match, which is
   added to the mean of their log-odds.
4. *Answers*: what the analyst answered corrects the scores (`toolkit.learning`).
5. *Evidence*: a passage speaks for the theme by its own match, and half as much by the classifiers' answer, to which
   a passage on two themes speaks against each.
6. *Agreement*: per language, how far the two classifiers find the same units when each is taught on one half of the
   corpus and asked about the other. Where they do not, the scores of that language are less to be trusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.optimize import brentq
from scipy.special import expit

from toolkit.learning import learn
from toolkit.learnt import Learnt
from toolkit.matching import Match, match_theme
from toolkit.plain import SURE_MATCH
from toolkit.processors import one_thread
from toolkit.regression import Line, fit
from toolkit.settings import ThemeSettings
from toolkit.themefile import Theme, as_records, from_records, load_themes
from toolkit.units import Corpus, Doubles, Encoder, Floats, Rows, by_language, prepare

__all__ = [
    "Encoder",
    "Floats",
    "Scored",
    "Theme",
    "as_records",
    "from_records",
    "load_themes",
    "score_articles",
    "score_passages",
]

_SURE_SHARE = 0.7
_FAR_SHARE = 1.5
_FAR_MARGIN = 0.05
_LEAST_PRIOR, _LARGEST_PRIOR = 0.002, 0.5
_BORNE_OUT = 3.0
"""How many times more common than its words a theme may be."""
_FEWEST = 5
_ROUNDS = 3
_STRENGTH = 3.0
_SMOOTHING = 0.05
_SPREAD = 2.0
_BORROWED = 100
_BEST_PART = 1 / 4
_TELLING = 20
"""Units that carry a theme from which the agreement of two readings says something."""


class Scored(NamedTuple):
    """The probability of u units (u, themes), and how well their p passages speak for it, 0 to 1 (p, themes).

    ``unit`` (p,) is the row of each passage's unit. ``agreement`` (``theme, language, agreement``) is the share of the
    units which one reading of a language picks that the other picks as well; NaN where they are too few to tell.
    """

    units: Floats
    passages: Floats
    unit: Rows
    agreement: pd.DataFrame


def score_passages(
    passages: pd.DataFrame,
    vectors: Floats,
    themes: Sequence[Theme],
    encoder: Encoder,
    settings: ThemeSettings = ThemeSettings(),
    answers: pd.DataFrame | None = None,
) -> Scored:
    """Return the probability that each passage, and the unit of text around it, is about each theme.

    `passages` as `embed.make_passages` gives them, `vectors` their rows of ``encoder.encode``. `answers`
    (``article_id, theme, answer`` as true or false) are what the analyst said of whole articles.
    """
    with one_thread():
        return score_prepared(prepare(passages, vectors, encoder, settings.seed), themes, encoder, settings, answers)


def score_prepared(
    corpus: Corpus,
    themes: Sequence[Theme],
    encoder: Encoder,
    settings: ThemeSettings = ThemeSettings(),
    answers: pd.DataFrame | None = None,
    learnt: Learnt | None = None,
) -> Scored:
    """Return what `score_passages` returns, of a corpus that `units.prepare` made.

    With what was `learnt` of another corpus, the themes are those that were found there.
    """
    units = np.empty((len(corpus.vectors), len(themes)), np.float32)
    parts = np.empty((len(corpus.unit), len(themes)), np.float32)
    agreed: list[tuple[str, str, float]] = []
    with one_thread():
        for column, theme in enumerate(themes):
            mine = (learnt or Learnt()).within("theme", theme.id)
            whole, own = _log_odds(corpus, match_theme(corpus, theme, themes, encoder, mine), mine)
            agreed.extend((theme.id, *found) for found in mine.once("agreed", _agreement, corpus, whole, settings.seed))
            units[:, column] = learn(corpus.vectors, expit(whole), corpus.articles, _about(answers, theme), mine)
            parts[:, column] = expit(own)
    return Scored(units, parts, corpus.unit, pd.DataFrame(agreed, columns=["theme", "language", "agreement"]))


def _about(answers: pd.DataFrame | None, theme: Theme) -> dict[str, bool]:
    if answers is None:
        return {}
    mine = answers[answers["theme"] == theme.id]
    return dict(zip(mine["article_id"], mine["answer"].astype(bool), strict=True))


def _log_odds(corpus: Corpus, match: Match, learnt: Learnt) -> tuple[Doubles, Doubles]:
    """Return steps 2 and 3: a figure a unit, and a passage. With too few sure units the plain words decide alone."""
    priors = learnt.once("priors", _priors, corpus, match)
    if learnt.once("few", _too_few, corpus, match, priors):
        plain = (match.plain - 1.5 * SURE_MATCH) * 20
        return plain, plain[corpus.unit]
    tie = _above(corpus, match.near, priors, learnt.within("tie"))
    taught = learnt.once("taught", _teach, corpus, match.near, tie, priors)
    score, own = _ask(corpus, taught, tie)
    return _above(corpus, score, priors, learnt.within("score")), own / 4 + match.parts / 2


def _too_few(corpus: Corpus, match: Match, priors: Mapping[str, float]) -> bool:
    sure = sum(round(_SURE_SHARE * priors[language] * len(rows)) for language, rows in corpus.groups.items())
    return bool(min(sure, (match.plain > SURE_MATCH).sum()) < _FEWEST)


def _priors(corpus: Corpus, match: Match) -> dict[str, float]:
    """Return the share of units that is about the theme, per language.

    How often a theme wins says how common it is, but the subjects are further off in some languages than in others;
    how often its words are said tells the languages apart as well, and errs in other ways. Where there are several,
    both have the same say in that. A language with few units leans towards all, as if 100 more had been read.
    """
    told, found = match.plain > SURE_MATCH, {}
    wins_a_word = match.wins.mean() / max(told.mean(), 1 / len(told))
    for language, rows in corpus.groups.items():
        said, won = (
            (flags[rows].sum() + _BORROWED * flags.mean()) / (len(rows) + _BORROWED) for flags in (told, match.wins)
        )
        common = max(np.sqrt(won * said * wins_a_word), _LEAST_PRIOR)
        share = said ** (1 - corpus.breadth) * common**corpus.breadth
        found[language] = float(min(share, _BORNE_OUT * said, _LARGEST_PRIOR))
    return found


class _Taught(NamedTuple):
    """Two classifiers and what is added to their log-odds, by language.

    ``by_words`` (stems,) are the log-odds of stems; those of a unit are brought to one scale by ``mean``, ``spread``.
    """

    by_meaning: Line
    by_words: Doubles
    mean: float
    spread: float
    shifts: Mapping[str, tuple[float, float]]


def _teach(corpus: Corpus, score: Doubles, tie: Doubles, priors: Mapping[str, float]) -> _Taught:
    """Return the classifiers of the last round; each is taught by the surest and farthest units of that before."""
    for _ in range(_ROUNDS):
        positive, negative = [], []
        for language, rows in corpus.groups.items():
            order = rows[np.argsort(-score[rows], kind="stable")]
            positive.append(order[: round(_SURE_SHARE * priors[language] * len(rows))])
            negative.append(order[round((_FAR_SHARE * priors[language] + _FAR_MARGIN) * len(rows)) :])
        sure, far = np.concatenate(positive), np.concatenate(negative)
        taught = _Taught(_regression(corpus, sure, far), *_naive_bayes(corpus, sure, far), {})
        meant, said = _read(taught, corpus.vectors, corpus.tfidf)
        first, second = (by_language(corpus, read, priors, _shift) for read in (meant, said))
        taught = taught._replace(shifts={language: (first[language], second[language]) for language in first})
        score, _ = _ask(corpus, taught, tie)
    return taught


def _ask(corpus: Corpus, taught: _Taught, tie: Doubles) -> tuple[Doubles, Doubles]:
    """Return what the classifiers answer: log-odds of units, tied to the match by `tie`, and of passages."""
    meant, said = _read(taught, corpus.vectors, corpus.tfidf)
    shifts = np.empty((2, len(meant)))
    for language, rows in corpus.groups.items():
        shifts[:, rows] = np.array(taught.shifts[language])[:, None]
    first, second = shifts
    parts_meant, parts_said = _read(taught, corpus.part_vectors, corpus.part_tfidf)
    return (meant + first + said + second) / 2 + tie, (parts_meant + parts_said + (first + second)[corpus.unit]) / 2


def _read(taught: _Taught, vectors: Floats, tfidf: sparse.csr_matrix) -> tuple[Doubles, Doubles]:
    """Return the log-odds of units or passages by their vectors, and by their stems."""
    by_words = _SPREAD * (tfidf @ taught.by_words - taught.mean) / taught.spread
    return taught.by_meaning.log_odds(vectors), by_words


def _above(corpus: Corpus, score: Doubles, priors: Mapping[str, float], learnt: Learnt) -> Doubles:
    """Return `score` above that of the last unit which the prior lets in, language by language."""
    found, cutoffs = np.empty(len(score)), learnt.once("cutoffs", by_language, corpus, score, priors, _last)
    for language, rows in corpus.groups.items():
        found[rows] = score[rows] - cutoffs[language]
    return found


def _last(score: Doubles, prior: float) -> float:
    last = min(len(score) - 1, round(prior * len(score)))
    return float(np.sort(score)[::-1][last])


def _regression(corpus: Corpus, sure: Rows, far: Rows) -> Line:
    """Return logistic regression on the vectors."""
    truth = np.repeat([True, False], [len(sure), len(far)])
    return fit(corpus.vectors[np.concatenate([sure, far])], truth, _STRENGTH)


def _naive_bayes(corpus: Corpus, sure: Rows, far: Rows) -> tuple[Doubles, float, float]:
    """Return the log-odds of stems by multinomial naive Bayes, and mean and spread of those of units."""
    likely, unlikely = (_word_log_odds(corpus.tfidf[rows]) for rows in (sure, far))
    units = corpus.tfidf @ (likely - unlikely)
    return likely - unlikely, float(units.mean()), max(float(units.std()), 1e-9)


def _word_log_odds(tfidf: sparse.csr_matrix) -> Doubles:
    mass = np.asarray(tfidf.sum(axis=0), dtype=np.float64).ravel() + _SMOOTHING
    return np.asarray(np.log(mass / mass.sum()))


def _shift(score: Doubles, prior: float) -> float:
    """Return what is to be added to log-odds, so that their mean probability is the prior."""
    reach = float(np.abs(score).max()) + 20
    return float(brentq(lambda shift: float(expit(score + shift).mean() - prior), -reach, reach, xtol=1e-6))


def _agreement(corpus: Corpus, score: Doubles, seed: int) -> list[tuple[str, float]]:
    """Return how far two readings find the same units in each language, after the log-odds `score`.

    Taught on one half of the corpus, they are asked for as many units of the other half as carry the theme there: what
    two views find independently of each other is likely so (Blum and Mitchell 1998, section 2), and what only one
    finds may be chance.
    """
    first = np.random.default_rng(seed).random(len(score)) < 0.5
    shares: dict[str, list[float]] = {language: [] for language in corpus.groups}
    for told, asked in ((first, ~first), (~first, first)):
        sure, far = np.flatnonzero(told & (score > 0)), np.flatnonzero(told & (score < 0))
        if min(len(sure), len(far)) < _FEWEST:
            continue
        taught = _Taught(_regression(corpus, sure, far), *_naive_bayes(corpus, sure, far), {})
        readings = _read(taught, corpus.vectors, corpus.tfidf)
        for language, rows in corpus.groups.items():
            mine = rows[asked[rows]]
            many = int((score[mine] > 0).sum())
            if many >= _TELLING / 2:
                picks = [set(mine[np.argsort(-reading[mine], kind="stable")[:many]]) for reading in readings]
                shares[language].append(len(picks[0] & picks[1]) / many)
    return [(language, float(np.mean(found)) if found else np.nan) for language, found in shares.items()]


def score_articles(
    passages: pd.DataFrame, scored: Scored, themes: Sequence[Theme], settings: ThemeSettings = ThemeSettings()
) -> pd.DataFrame:
    """Return one row an article and theme: ``article_id, theme, score, label, evidence, evidence_offset``.

    The score is the mean probability of the article's best quarter of units: what stands in one of ten is mentioned,
    not what the article is about. The evidence is its best passage of the text (offset in characters into the text),
    or the title (offset -1) where there is no other.
    """
    first = np.flatnonzero(np.diff(scored.unit, prepend=-1))
    names = passages["article_id"].to_numpy()[first]
    article = pd.factorize(passages["article_id"], sort=True)[0]
    offset, text = passages["offset"].to_numpy(), passages["text"].to_numpy()
    begins = np.cumsum(np.bincount(article)) - np.bincount(article)
    parts = []
    for column, theme in enumerate(themes):
        best = _best_quarter(names, scored.units[:, column])
        shown = np.lexsort((-scored.passages[:, column], offset < 0, article))[begins]
        parts.append(
            pd.DataFrame(
                {
                    "article_id": best.index,
                    "theme": theme.id,
                    "score": best.to_numpy().round(4),
                    "label": best.to_numpy() >= settings.threshold,
                    "evidence": text[shown],
                    "evidence_offset": offset[shown],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _best_quarter(articles: npt.NDArray[np.object_], probability: Floats) -> pd.Series:
    """Return article id -> mean probability of the best quarter of its units, at least one; ids in order."""
    ranked = pd.DataFrame({"article_id": articles, "probability": probability})
    ranked = ranked.sort_values(["article_id", "probability"], ascending=[True, False], kind="stable")
    grouped = ranked.groupby("article_id")["probability"]
    inside = grouped.cumcount() < np.ceil(grouped.transform("size") * _BEST_PART)
    best: pd.Series = ranked[inside].groupby("article_id")["probability"].mean()
    return best
