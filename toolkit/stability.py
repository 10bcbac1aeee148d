"""How firm a topic is: whether it is found again when topics are sought in another part of the articles.

A topic's stability is the mean, over ten trials, of its greatest overlap (Jaccard) with any of the topics that are
found in 80% of the articles, drawn anew each time and grouped with another seed; Hennig 2007, "Cluster-wise assessment
of cluster stability". Above .75 the same topic is found again and again; below .6 it could as well have been cut
elsewhere. It is measured on 4,000 articles at most, so that it takes a second or two whatever the size of the corpus.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit import clusters, sharpening
from toolkit.processors import one_thread

_ARTICLES = 4000
_SHARE = 0.8
_TRIALS = 10


def measure(assigned: pd.DataFrame, vectors: sharpening.Floats, seed: int = 42, trials: int = _TRIALS) -> pd.Series:
    """Return the stability (0 to 1) of each topic of `assigned`, indexed by topic id.

    `assigned` as `topics.Topics` has it, in the order of `vectors` (n, dim). A topic with fewer than three articles
    among those that are looked at has none (NaN), nor has one that is all there is.
    """
    rows = _every(assigned["article_id"].to_numpy(), _ARTICLES)
    labels, names = pd.factorize(assigned["topic_id"].to_numpy()[rows], sort=True)
    found = pd.Series(np.nan, index=np.unique(assigned["topic_id"]), name="stability")
    if len(names) > 1:
        with one_thread():
            found.loc[names] = _overlaps(np.asarray(vectors[rows]), labels, seed, trials)
    return found.round(2)


def measured(assigned: pd.DataFrame, vectors: sharpening.Floats, seed: int = 42) -> pd.DataFrame:
    """Return what `measure` does as a table, ``topic_id, stability``."""
    return measure(assigned, vectors, seed).rename_axis("topic_id").reset_index()


def _every(names: npt.NDArray[np.object_], most: int) -> npt.NDArray[np.intp]:
    """Return `most` rows at even steps in the order of `names`, or all."""
    order = np.argsort(names, kind="stable")
    return order if len(order) <= most else order[np.linspace(0, len(order) - 1, most).astype(np.intp)]


def _overlaps(vectors: sharpening.Floats, labels: sharpening.Labels, seed: int, trials: int) -> npt.NDArray[np.float64]:
    number = int(labels.max()) + 1
    reduced = sharpening.reduce(vectors, sharpening.find_axes(vectors))
    random = np.random.default_rng(seed)
    found = np.full((trials, number), np.nan)
    for trial in range(trials):
        drawn = np.sort(random.permutation(len(labels))[: max(2, round(_SHARE * len(labels)))])
        ready = sharpening.make_ready(reduced[drawn], number, seed + 1 + trial)
        again = clusters.group(ready, number)[0]
        mine = labels[drawn]
        both = np.zeros((number, int(again.max()) + 1))
        np.add.at(both, (mine, again), 1)
        either = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
        enough = both.sum(axis=1) >= 3
        found[trial, enough] = (both / either).max(axis=1)[enough]
    seen = ~np.isnan(found).all(axis=0)
    out = np.full(number, np.nan)
    out[seen] = np.nanmean(found[:, seen], axis=0)
    return out


def beside(topics: pd.DataFrame, assigned: pd.DataFrame, before: pd.DataFrame, stability: pd.Series) -> pd.DataFrame:
    """Return `topics` with a column ``stability``: that of the topic of `before` with the same articles.

    `assigned` belongs to `topics`, `before` to `stability`; both list the same articles in the same order. What the
    analyst merged or split has none (NaN): it was decided, and is not found again by chance or otherwise.
    """
    pairs = pd.DataFrame({"now": assigned["topic_id"].to_numpy(), "then": before["topic_id"].to_numpy()})
    counts = pairs.value_counts().rename("both").reset_index()
    sizes = [counts["now"].map(pairs["now"].value_counts()), counts["then"].map(pairs["then"].value_counts())]
    same = counts[(counts["both"] == sizes[0]) & (counts["both"] == sizes[1])]
    known = same.set_index("now")["then"].map(stability)
    return topics.assign(stability=topics["topic_id"].map(known).astype(float).to_numpy())
