"""The words that set one set of articles apart from another, and the articles that came first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit import words

Texts = Callable[[Sequence[Any]], pd.Series]
"""Gives title and text of the articles asked for, indexed by their ids and in this order."""

_PRIOR_SHARE = 0.1
_LARGEST_PRIOR = 500.0
_MOST_TEXTS = 500
_FEWEST = 3


def telling_terms(inside: Sequence[str], outside: Sequence[str], most: int = 8) -> pd.DataFrame:
    """Return the words that `inside` has more of than `outside`: ``term, z, inside, outside``, the surest first.

    Log-odds with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008, "Fightin' Words", section 3.3.1): the
    prior is the words of both sets together, weighing as much as a tenth of them and 500 words at most.
    ``inside`` and ``outside`` count articles and not occurrences, so that one long article does not decide. Words of
    fewer than three articles are left out, as is what is no more than chance would give (z below 1.96). At most 500
    texts of each set are read, evenly spread.
    """
    first, second = (_document_counts(_spread(texts)) for texts in (inside, outside))
    terms = sorted(term for term in first if first[term] >= _FEWEST)
    if not terms:
        return pd.DataFrame({"term": [], "z": [], "inside": [], "outside": []})
    size = sum(first.values()), sum(second.values())
    y = np.array([[first[term] for term in terms], [second[term] for term in terms]], dtype=float)
    weight = min(_LARGEST_PRIOR, _PRIOR_SHARE * sum(size))
    prior = weight * y.sum(axis=0) / sum(size)
    odds = [np.log((y[at] + prior) / np.maximum(size[at] + weight - y[at] - prior, 1e-9)) for at in (0, 1)]
    z = (odds[0] - odds[1]) / np.sqrt(1 / (y[0] + prior) + 1 / (y[1] + prior))
    forms = words.commonest_forms(_spread(inside))
    names = [forms.get(term, term) for term in terms]
    table = pd.DataFrame({"term": names, "z": z, "inside": y[0].astype(int), "outside": y[1].astype(int)})
    chosen = table[table["z"] >= 1.96].sort_values(["z", "term"], ascending=[False, True], kind="stable")
    return chosen.drop_duplicates("term").head(most).reset_index(drop=True)


def _spread(texts: Sequence[str]) -> list[str]:
    """Return at most 500 of `texts`, evenly spread over them."""
    if len(texts) <= _MOST_TEXTS:
        return list(texts)
    return [texts[int(at)] for at in np.linspace(0, len(texts) - 1, _MOST_TEXTS).round()]


def _document_counts(texts: Sequence[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(words.stems(text)))
    return counts


def first_articles(placed: pd.DataFrame, rows: npt.ArrayLike, most: int = 3) -> list[Any]:
    """Return the ids of the articles that led: the first of each of the largest stories among `rows`, by date.

    `placed` has ``article_id, day, story_id``; `rows` marks those of a finding.
    """
    mine = placed[np.asarray(rows, dtype=bool)].sort_values(["day", "article_id"], kind="stable")
    if mine.empty:
        return []
    sizes = mine.groupby("story_id")["article_id"].transform("size")
    heads = mine.assign(size=sizes).drop_duplicates("story_id")
    largest = heads.sort_values(["size", "day", "article_id"], ascending=[False, True, True], kind="stable").head(most)
    return list(largest.sort_values(["day", "article_id"], kind="stable")["article_id"].tolist())


def placed_by_theme(placed: pd.DataFrame, carried: pd.DataFrame) -> dict[str, npt.NDArray[np.bool_]]:
    """Return theme -> which rows of `placed` carry it; `carried` has ``theme, article_id``."""
    at, found = pd.Index(placed["article_id"]).get_indexer(pd.Index(carried["article_id"])), {}
    for theme, indices in carried.groupby("theme", sort=False).indices.items():
        found[str(theme)] = np.zeros(len(placed), dtype=bool)
        found[str(theme)][at[indices][at[indices] >= 0]] = True
    return found


def explain(findings: pd.DataFrame, placed: pd.DataFrame, carried: pd.DataFrame, texts: Texts) -> pd.DataFrame:
    """Return `findings` with ``terms`` (lists of words) and ``led`` (lists of article ids).

    `carried` has ``theme, article_id``; `texts` is asked once for those that are read. The words set the theme's
    articles in the finding's periods apart from its articles in all others.
    """
    sets, led, themes = [], [], placed_by_theme(placed, carried)
    columns = [findings[name].tolist() for name in ("theme", "start", "end")]
    for theme, start, end in zip(*columns, strict=True):
        own = themes.get(theme, np.zeros(len(placed), dtype=bool))
        inside = own & placed["start"].between(start, end).to_numpy()
        sets.append([_spread(placed.loc[rows, "article_id"].tolist()) for rows in (inside, own & ~inside)])
        led.append(first_articles(placed, inside))
    known = texts(sorted({name for pair in sets for ids in pair for name in ids}))
    texts_of = [[known.loc[ids].tolist() for ids in pair] for pair in sets]
    terms = [telling_terms(inside, outside)["term"].tolist() for inside, outside in texts_of]
    return findings.assign(terms=pd.Series(terms, index=findings.index), led=pd.Series(led, index=findings.index))
