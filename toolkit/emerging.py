"""Words that emerge: what no topic is made of yet, because a handful of stories is lost in a topic of a hundred.

Every word of eight stories or more is tested as a small topic is (`toolkit.weak`): growth beyond chance, with and
without the source that tells most of it, corrected over all words together. Words that stand in the same articles are
one signal, told by the surest of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from toolkit import words
from toolkit.coded import code_words
from toolkit.terms import Texts
from toolkit.weak import FEWEST_STORIES, distinct, finely, weak_signals

_LEAD = 1200
"""Characters read of each article: what is new stands in its first paragraphs."""
_MOST_ARTICLES = 30_000
_COMMON = 0.1
_MOST_WORDS, _MOST_TOLD = 200, 10
_SAME = 0.5
_LED = 2
_FIGURES = "stories share early growth low high sources effective_sources growth_without_largest novelty p q".split()
COLUMNS = ["label", "terms", *_FIGURES, "led"]


class Said(NamedTuple):
    """The words of some articles, each once: tables that can be kept.

    ``said`` has ``article, form, times``, places in ``articles`` (``article_id``) and in ``forms`` (``form, stem``:
    a lower-case word, and the number of its stem, in the order of the alphabet).
    """

    said: pd.DataFrame
    articles: pd.DataFrame
    forms: pd.DataFrame


def words_of(articles: pd.DataFrame, texts: Texts) -> Said:
    """Return the words of at most 30,000 of `articles`, evenly spread, each read to its 1,200th character.

    `texts` is asked once.
    """
    few = np.unique(np.linspace(0, len(articles) - 1, min(len(articles), _MOST_ARTICLES)).astype(int))
    ids = articles["article_id"].iloc[few]
    found, stops = code_words(texts(ids.tolist()).fillna("").str[:_LEAD]), words.stop_words()
    kept = np.array([form not in stops for form in found.known], dtype=bool)
    pairs, times = np.unique((found.text * max(1, len(kept)) + found.word)[kept[found.word]], return_counts=True)
    article, form = np.divmod(pairs, max(1, len(kept)))
    stem = pd.factorize(np.array([words.stem(form) for form in found.known], dtype=object), sort=True)[0]
    return Said(
        pd.DataFrame({"article": article, "form": form, "times": times}),
        ids.to_frame().reset_index(drop=True),
        pd.DataFrame({"form": pd.Series(found.known, dtype="str"), "stem": stem}),
    )


def emerging_words(
    placed: pd.DataFrame, texts: Texts, held: Callable[[], Sequence[pd.DataFrame]] | None = None, rate: float = 0.05
) -> pd.DataFrame:
    """Return the words that are small and grow, ranked, those of the same articles in one row.

    `placed` from `intervals.place`; `held` returns what `words_of` gives of these articles (read anew where not given).
    Columns: ``label``, ``terms`` (words, the surest first), the figures of the surest as `weak.weak_signals` gives
    them, and ``led``, the ids of the first articles, a tenth left aside that may be strays.
    """
    fine = finely(placed)
    if fine.empty:
        return pd.DataFrame(columns=COLUMNS)
    known = words_of(placed, texts) if held is None else Said(*held())
    read = fine[fine["article_id"].isin(known.articles["article_id"])]
    said = _placed(known, read)
    carried = _carried(said, read)
    signals = weak_signals(read, carried, rate=rate)
    signals = signals[signals["signal"].astype(bool)].head(_MOST_WORDS)
    if signals.empty:
        return pd.DataFrame(columns=COLUMNS)
    holding = _holding(signals["theme"], carried, len(read))
    groups = _grouped((holding @ holding.T).toarray())[:_MOST_TOLD]
    forms = _forms(known, said, np.asarray(holding.sum(axis=0)).ravel() > 0)
    terms = [[forms[signals["theme"].iloc[word]] for word in group] for group in groups]
    led = [_first(read.iloc[holding[[group[0]]].indices]) for group in groups]
    told = signals.iloc[[group[0] for group in groups]].reset_index(drop=True)
    table = told.assign(terms=pd.Series(terms), led=pd.Series(led), novelty=_novelty(read, holding, groups))
    return table.assign(label=[", ".join(own[:4]) for own in terms])[COLUMNS]


def _placed(known: Said, read: pd.DataFrame) -> pd.DataFrame:
    """Return ``row, form, times, stem``: what the articles of `read` say, by their rows there and in this order."""
    rows = pd.Index(read["article_id"]).get_indexer(pd.Index(known.articles["article_id"]))
    said = known.said.assign(row=rows[known.said["article"]], stem=known.forms["stem"].to_numpy()[known.said["form"]])
    said = said[said["row"] >= 0]
    return said if said["row"].is_monotonic_increasing else said.sort_values("row", kind="stable")


def _forms(known: Said, said: pd.DataFrame, holders: npt.NDArray[np.bool_]) -> dict[int, str]:
    """Return stem -> its most frequent form in the articles of these rows (ties: the first in the alphabet)."""
    mine = said[holders[said["row"]]]
    counts = np.bincount(mine["form"], mine["times"], len(known.forms))
    ranked = known.forms.assign(count=counts)[counts > 0].sort_values(["count", "form"], ascending=[False, True])
    first = ranked.drop_duplicates("stem")
    return dict(zip(first["stem"].tolist(), first["form"].tolist(), strict=True))


def _first(mine: pd.DataFrame) -> list[Any]:
    ordered = mine.sort_values(["day", "article_id"], kind="stable")["article_id"]
    return list(ordered.iloc[len(ordered) // 10 :].head(_LED).tolist())


def _carried(said: pd.DataFrame, read: pd.DataFrame) -> pd.DataFrame:
    """Return ``theme`` (a stem), ``article_id, row``: each word of an article that is neither too rare nor common."""
    stories, every = pd.factorize(read["story_id"])
    row, stem = distinct(said["row"].to_numpy(), said["stem"].to_numpy())
    told = np.bincount(distinct(stem, stories[row])[0])
    kept = ((told >= FEWEST_STORIES) & (told <= _COMMON * len(every)))[stem]
    return pd.DataFrame({"theme": stem[kept], "article_id": read["article_id"].array[row[kept]], "row": row[kept]})


def _holding(themes: pd.Series, carried: pd.DataFrame, rows: int) -> sparse.csr_array:
    """Return which rows hold which of these words, as ones: (words, rows)."""
    word = pd.Index(themes).get_indexer(pd.Index(carried["theme"]))
    places = word[word >= 0], carried["row"].to_numpy()[word >= 0]
    return sparse.csr_array((np.ones(len(places[0]), dtype=np.int64), places), shape=(len(themes), rows))


def _grouped(both: npt.NDArray[np.int64]) -> list[list[int]]:
    """Put words together of which one stands mostly in the articles of the other; the first are the surest.

    `both` says how many articles hold each two of them, and each of them where a word meets itself.
    """
    groups: list[list[int]] = []
    sizes = both.diagonal()
    for word in range(len(both)):
        for group in groups:
            if both[word, group[0]] >= _SAME * min(sizes[word], sizes[group[0]]):
                group.append(word)
                break
        else:
            groups.append([word])
    return groups


def _novelty(read: pd.DataFrame, holding: sparse.csr_array, groups: Sequence[Sequence[int]]) -> list[float]:
    """Return how new each group's words are, 0 to 1: the mean part of their later share that was not there before."""
    late = (read["start"] >= read["start"].sort_values().iloc[len(read) // 2]).to_numpy()
    counts = [holding @ part.astype(np.int64) / max(1, int(part.sum())) for part in (~late, late)]
    result = []
    for group in groups:
        shares = [(float(counts[0][word]), float(counts[1][word])) for word in group]
        gained = [max(0.0, 1 - before / after) if after > 0 else 0.0 for before, after in shares]
        result.append(float(np.mean(gained)))
    return result
