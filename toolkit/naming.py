"""What a group of texts is called: its terms by BERTopic's class-based TF-IDF, counted once for all groups.

Terms are words and pairs of neighbouring words without stop words; forms of one stem count as one and are shown in the
commonest. Of a large corpus 10,000 texts are counted, spread evenly over its order. A text at the border of its group
says less of it than one in its middle: texts count by the fourth power of their closeness, where that is known.

The five most telling terms are shown, and of the ten that follow the five that stand in the same texts as these and
each other (`together`): words that never meet tell less of what a group is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from toolkit import lean, words
from toolkit.coded import code_words

Labels = npt.NDArray[np.intp]

TERMS = 10
_TEXTS = 10_000
_VOCABULARY = 20_000
CHOSEN_FROM, _SURE, _ALIKE = 15, 5, 0.3
_TELLING = 3 * TERMS
_FEW, _MANY = 100, 2000
_POWER, _FINENESS = 4, 1000


@cache
def weighing() -> Any:
    """Return BERTopic's class of c-TF-IDF, without the rest of BERTopic, which takes half a second to import."""
    with lean.only_parts("bertopic"):
        from bertopic.vectorizers import ClassTfidfTransformer

    return ClassTfidfTransformer


def name_groups(
    texts: Sequence[str], labels: Labels, groups: int = 0, closeness: npt.NDArray[np.floating] | None = None
) -> list[list[str]]:
    """Return the terms of each group, the most telling first, at most ten; `labels` from 0, one a text.

    There are as many `groups` as the labels tell, or more: those of which no text is here have no terms. `closeness`
    is each text's cosine to the middle of its group; without it all texts count the same.

    Grootendorst 2022, "BERTopic: Neural topic modeling with a class-based TF-IDF procedure", with its reduced weight of
    frequent words. A group of texts without words has no terms.
    """
    groups = max(groups, int(labels.max()) + 1)
    read = _spread(labels)
    weights = np.ones(len(labels)) if closeness is None else weigh(closeness)
    counts, there, names = _count([texts[row] for row in read], labels[read], weights[read], groups)
    if not names:
        return [[] for _ in range(groups)]
    telling = weighing()(reduce_frequent_words=True).fit(counts).transform(counts)
    return [_best(telling[group], there, names) for group in range(groups)]


def weigh(closeness: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return what each text counts: whole numbers, so that sums are the same in any order, and at least one."""
    return np.asarray(np.maximum(1, np.rint(_FINENESS * np.clip(closeness, 0, 1) ** _POWER)), dtype=np.float64)


def label(terms: Sequence[str], number: int) -> str:
    """Return what a group with these `terms` is called; by its `number`, where it has none."""
    return ", ".join(terms[:3]) or f"topic without telling words ({number})"


def _spread(labels: Labels) -> npt.NDArray[np.intp]:
    """Return the rows that are counted: all, or 10,000, of each group the same share but no fewer than 100."""
    if len(labels) <= _TEXTS:
        return np.arange(len(labels))
    share = _TEXTS / len(labels)
    chosen = []
    for group in range(int(labels.max()) + 1):
        mine = np.flatnonzero(labels == group)
        wanted = min(len(mine), max(100, round(share * len(mine))))
        chosen.append(mine[np.linspace(0, len(mine) - 1, wanted).astype(np.intp)])
    return np.sort(np.concatenate(chosen))


def _count(
    texts: Sequence[str], labels: Labels, weights: npt.NDArray[np.float64], groups: int
) -> tuple[sparse.csr_matrix, sparse.csc_matrix, list[str]]:
    """Return how often each term stands in each group, (groups, terms), in which text, and what the terms are called.

    A term counts as often as the text is `weights`; how rare it is, is read from plain numbers.
    """
    stream, place, forms = _stems(tuple(texts))
    single = stream >= 0
    pair = single[:-1] & single[1:] & (place[:-1] == place[1:])
    size = len(forms)
    keys = np.concatenate([stream[single], size + stream[:-1][pair] * size + stream[1:][pair]])
    where = np.concatenate([place[single], place[:-1][pair]])
    term, found = pd.factorize(keys)
    total = np.bincount(term, minlength=len(found))
    rare = 1 if len(texts) < _FEW else 3 if len(texts) < _MANY else 5
    kept = np.flatnonzero(total >= rare)
    kept = kept[np.lexsort((found[kept], -total[kept]))]
    column = np.full(len(found), -1)
    column[kept] = np.arange(len(kept))
    mine = column[term] >= 0
    term, where = column[term[mine]], where[mine]
    once = pd.unique(term * len(texts) + where)
    at = once % max(1, len(texts)), once // max(1, len(texts))
    there = sparse.csc_matrix((np.ones(len(once), dtype=np.float32), at), shape=(len(texts), len(kept)))
    common = np.flatnonzero(np.diff(there.indptr) >= rare)[:_VOCABULARY]
    cells = sparse.csr_matrix((weights[where], (labels[where], term)), shape=(groups, len(kept)))
    names = [
        forms[key] if key < size else f"{forms[(key - size) // size]} {forms[(key - size) % size]}"
        for key in found[kept[common]]
    ]
    return cells[:, common], there[:, common], names


@lru_cache(1)
def _stems(texts: tuple[str, ...]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], list[str]]:
    """Return the stem of each word of all texts (-1: rare), the text that it stands in, and each stem's commonest form.

    Of many texts, a word that stands in them fewer than five times is not looked at: stemming takes most of the time.
    The last texts are remembered, since their topics are named first, and the parts of these after them.
    """
    found, stops = code_words(texts), words.stop_words()
    telling = np.array([word not in stops for word in found.known], dtype=bool)
    count = np.bincount(found.word, minlength=len(telling))
    looked_at = np.flatnonzero(telling & (count >= (5 if len(texts) >= _MANY else 1))).tolist()
    by_name = np.array(sorted(looked_at, key=found.known.__getitem__), dtype=np.intp)
    forms: dict[str, str] = {}
    number: dict[str, int] = {}
    stem_of = np.full(len(telling), -1)
    for word in by_name[np.argsort(-count[by_name], kind="stable")].tolist():
        stem = words.stem(found.known[word])
        forms.setdefault(stem, found.known[word])
        stem_of[word] = number.setdefault(stem, len(number))
    standing = telling[found.word]
    return stem_of[found.word[standing]], found.text[standing], list(forms.values())


def _best(weights: sparse.csr_matrix, there: sparse.csc_matrix, names: Sequence[str]) -> list[str]:
    """Return the terms of the greatest weight that share no word with a better one and go `together`."""
    order = np.lexsort((weights.indices, -weights.data))[:_TELLING]
    kept: list[int] = []
    seen: set[str] = set()
    for at in order:
        column = int(weights.indices[at])
        parts = set(names[column].split())
        if weights.data[at] > 0 and not parts & seen:
            kept.append(column)
            seen |= parts
    return [names[kept[at]] for at in together(there[:, kept[:CHOSEN_FROM]])]


def together(there: sparse.csc_matrix) -> list[int]:
    """Return which ten terms are shown, as columns of `there` (texts, terms; 1: it stands in it), the best first.

    The first five are sure. Of the others, the one that goes least with all in the mean is left out, one by one. How
    well two go together is their normalised pointwise mutual information (Lau, Newman, Karimi & Baldwin 2010, "Best
    topic word selection for topic labelling"; Bouma 2009), worth less where few texts tell of it (discounted as Pantel
    & Ravichandran 2004, "Automatically labeling semantic classes", do), and .3 at most: what goes together more than
    that is a name or a fixed line, and says once more what is said.
    """
    both = (there.T @ there).toarray().astype(np.float64)
    alone, texts = np.diag(both), there.shape[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        pull = np.log(both * texts / np.outer(alone, alone)) / -np.log(both / texts)
    pull = np.where(both > 0, np.where(both < texts, pull, 0), -1)
    fewer = np.minimum(alone[:, None], alone[None, :])
    pull = np.where(pull > 0, pull * both / (both + 1) * fewer / (fewer + 1), pull)
    pull = np.minimum(pull, _ALIKE)
    np.fill_diagonal(pull, 0)
    left = list(range(len(alone)))
    while len(left) > TERMS:
        left.pop(_SURE + int(pull[np.ix_(left[_SURE:], left)].sum(axis=1).round(9).argmin()))
    return left
