"""How well the parts of a corpus match a theme's seed phrases, before anything is learned.

Two signs of each unit (`units`) are joined: the meaning (similarity of vectors, after the mean of the language is
subtracted, above that to the general subjects of news) and the words (the share of the unit's TF-IDF mass that lies on
the seeds' stems).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit import subjects
from toolkit.learnt import Learnt
from toolkit.plain import plain_match, shared_stems
from toolkit.themefile import Theme
from toolkit.units import CLUSTERS, Corpus, Doubles, Encoder, Floats, Rows, cosine, encode_each, mean_direction

_AROUND = 0.7
_AGREES = 0.4
_PULL = 0.5
_FEWEST_AXES, _TEXTS_AN_AXIS = 80, 10


class Match(NamedTuple):
    """How well each unit matches a theme: in standard deviations, by words alone (0 to 1), and whether it wins.

    ``wins``: it is nearer to the theme than to each subject of news that is unlike the theme. ``parts`` (p,) is how
    well each passage matches, in standard deviations, by its own words and meaning alone.
    """

    near: Doubles
    plain: Doubles
    wins: npt.NDArray[np.bool_]
    parts: Doubles


def match_theme(
    corpus: Corpus, theme: Theme, themes: Sequence[Theme], encoder: Encoder, learnt: Learnt | None = None
) -> Match:
    """Return how well all units match `theme`, one of `themes`; each language is matched by itself.

    With what was `learnt` of another corpus, by the scales of that one.
    """
    size, learnt = len(corpus.vectors), learnt or Learnt()
    found = Match(np.zeros(size), np.zeros(size), np.zeros(size, dtype=bool), np.zeros(len(corpus.unit)))
    for language, rows in corpus.groups.items():
        mine, own = corpus.passages_in(language), learnt.within(language)
        shared = shared_stems(themes, language)
        plain, parts = (plain_match(tfidf, corpus.stems, theme, language, shared) for tfidf in corpus.by_stem[language])
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
    said = theme.seeds_in(language), theme.against.get(language, ())
    seeds, against = (phrases - corpus.means[language] for phrases in encode_each(encoder, said))
    return _Sought(language, mean_direction(seeds, encoder.views), against, encoder.views)


def _match(
    corpus: Corpus, rows: Rows, sought: _Sought, plain: Doubles, learnt: Learnt
) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """Return how well the units of one language match the theme, and which are nearer to it than to other subjects.

    Similarity in each view, less that to the nearest of the subjects of news, counts as far as the view agrees with
    the plain words. Where one of the phrases that speak against the theme is nearer than the theme, half of the
    difference is taken off. The mean of the unit's own clusters is added.
    """
    vectors, direction, known = corpus.vectors[rows], sought.direction, corpus.directions[sought.language]
    similar = [cosine(vectors[:, view], direction[None, view])[:, 0] for view in sought.views]
    trust = np.array([learnt.once(("trust", at), _agreement, view, plain) for at, view in enumerate(similar)])
    like = subjects.likeness([direction[v] for v in sought.views], [known[:, v] for v in sought.views], trust)
    others = subjects.rivals([view[rows] for view in corpus.near], like, trust)
    score, rivals = standard(plain, learnt, "plain"), np.zeros((len(rows), len(sought.against)))
    for place, view in enumerate(sought.views):
        above = similar[place] - corpus.breadth * subjects.nearest_rival(others, place)
        score += trust[place] * standard(above, learnt, ("above", place))
        rivals += trust[place] * cosine(vectors[:, view], sought.against[:, view])
    score = standard(score, learnt, "score")
    if len(sought.against):
        nearest = standard(rivals, learnt, "rivals").max(axis=1)
        score -= np.where(score > 0, _PULL * np.maximum(0, nearest - score), 0)
    around = _around(corpus.clusters[:, rows], score, learnt)
    near = standard(standard(score, learnt, "pulled") + _AROUND * standard(around, learnt, "around"), learnt, "near")
    return near, _wins(corpus, rows, sought, similar, others)


def _wins(
    corpus: Corpus, rows: Rows, sought: _Sought, similar: Sequence[Doubles], others: subjects.Rivals
) -> npt.NDArray[np.bool_]:
    """Return which units are nearer to the theme than to other subjects, by the latent axes that the corpus bears out.

    With an axis for every few texts each is near to what shares a word with it alone, and all else is equally far.
    """
    latent = sought.views[-1]
    borne = slice(latent.start, latent.start + max(_FEWEST_AXES, len(corpus.vectors) // _TEXTS_AN_AXIS))
    if borne.stop >= latent.stop:
        return subjects.wins(similar, others)
    directions = np.vstack([sought.direction, corpus.directions[sought.language]])
    again = cosine(corpus.vectors[rows, borne], directions[:, borne])
    return subjects.wins([*similar[:-1], again[:, 0]], others._replace(views=[*others.views[:-1], again[:, 1:]]))


def _around(clusters: Rows, score: Doubles, learnt: Learnt) -> Doubles:
    """Return the sum over the partitions of the mean score of each unit's own cluster."""
    found = np.zeros(len(score))
    for mine, means in zip(clusters, learnt.once("clusters", _means, clusters, score), strict=True):
        found += means[mine]
    return found


def _means(clusters: Rows, score: Doubles) -> list[Doubles]:
    """Return the mean score of each cluster, 0 where it is empty, by partition."""
    sums = ((np.bincount(mine, score, CLUSTERS), np.bincount(mine, minlength=CLUSTERS)) for mine in clusters)
    return [total / np.maximum(count, 1) for total, count in sums]


def _match_parts(vectors: Floats, sought: _Sought, plain: Doubles, learnt: Learnt) -> Doubles:
    """Return how well passages of one language match the theme by themselves, in standard deviations."""
    similar = cosine(vectors, sought.direction[None])[:, 0]
    return standard(plain, learnt, "plain parts") + standard(similar, learnt, "similar parts")


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
