"""Words that emerge: what no topic is made of yet, because a handful of stories is lost in a topic of a hundred.

Every word of eight stories or more is tested as a small topic is (`toolkit.weak`): growth beyond chance, with and
without the source that tells most of it, corrected over all words together. Words that stand in the same articles are
one signal, told by the surest of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit import words
from toolkit.terms import Texts
from toolkit.weak import FEWEST_STORIES, finely, weak_signals

_LEAD = 1200
"""Characters read of each article: what is new stands in its first paragraphs."""
_MOST_ARTICLES = 30_000
_COMMON = 0.1
_MOST_WORDS = 200
_SAME = 0.5
_LED = 2
_FIGURES = "stories share early growth low high sources effective_sources growth_without_largest novelty p q".split()
COLUMNS = ["label", "terms", *_FIGURES, "led"]


def words_of(articles: pd.DataFrame, texts: Texts) -> pd.DataFrame:
    """Return ``article_id, stems`` (each once, spaces between) of at most 30,000 of `articles`, evenly spread.

    An article is read to its 1,200th character; `texts` is asked once.
    """
    few = np.unique(np.linspace(0, len(articles) - 1, min(len(articles), _MOST_ARTICLES)).astype(int))
    heads = texts(articles["article_id"].iloc[few].tolist()).fillna("").str[:_LEAD]
    return pd.DataFrame(
        {"article_id": heads.index.to_numpy(), "stems": [" ".join(sorted(set(words.stems(text)))) for text in heads]}
    )


def emerging_words(
    placed: pd.DataFrame, texts: Texts, held: pd.DataFrame | None = None, rate: float = 0.05, most: int = 10
) -> pd.DataFrame:
    """Return the words that are small and grow, ranked, those of the same articles in one row.

    `placed` from `intervals.place`; `held` is what `words_of` gives of these articles (read anew where not given).
    Columns: ``label``, ``terms`` (words, the surest first), the figures of the surest as `weak.weak_signals` gives
    them, and ``led``, the ids of the first articles, a tenth left aside that may be strays.
    """
    fine = finely(placed)
    if fine.empty:
        return pd.DataFrame(columns=COLUMNS)
    known = (words_of(placed, texts) if held is None else held).set_index("article_id")["stems"]
    read = fine[fine["article_id"].isin(known.index)]
    carried = _carried(known.loc[read["article_id"]], read["story_id"].to_numpy())
    signals = weak_signals(read, carried, rate=rate)
    signals = signals[signals["signal"].astype(bool)].head(_MOST_WORDS)
    if signals.empty:
        return pd.DataFrame(columns=COLUMNS)
    holding = carried[carried["theme"].isin(signals["theme"])].groupby("theme")["article_id"].agg(frozenset)
    groups = _grouped([str(name) for name in signals["theme"]], holding)[:most]
    holders = read.loc[read["article_id"].isin(frozenset().union(*holding)), "article_id"].tolist()
    forms = words.commonest_forms(texts(holders).fillna("").str[:_LEAD])
    told = signals.set_index("theme").loc[[group[0] for group in groups]].reset_index(drop=True)
    terms = [[forms.get(word, word) for word in group] for group in groups]
    led = [_first(read[read["article_id"].isin(holding[group[0]])]) for group in groups]
    table = told.assign(terms=pd.Series(terms), led=pd.Series(led), novelty=_novelty(read, holding, groups))
    return table.assign(label=[", ".join(own[:4]) for own in terms])[COLUMNS]


def _first(mine: pd.DataFrame) -> list[str]:
    ordered = mine.sort_values(["day", "article_id"], kind="stable")["article_id"]
    return [str(name) for name in ordered.iloc[len(ordered) // 10 :].head(_LED)]


def _carried(stems: pd.Series, stories: npt.NDArray[np.object_]) -> pd.DataFrame:
    """Return ``theme`` (a stem), ``article_id``: a row for each word of an article, neither too rare nor common."""
    found = [text.split() for text in stems]
    sizes = [len(own) for own in found]
    table = pd.DataFrame(
        {
            "theme": [word for own in found for word in own],
            "article_id": np.repeat(stems.index.to_numpy(), sizes),
            "story_id": np.repeat(stories, sizes),
        }
    )
    told = table.groupby("theme")["story_id"].nunique()
    kept = told.index[(told >= FEWEST_STORIES) & (told <= _COMMON * len(set(stories)))]
    return table.loc[table["theme"].isin(kept), ["theme", "article_id"]].reset_index(drop=True)


def _grouped(ranked: Sequence[str], holding: pd.Series) -> list[list[str]]:
    """Put words together of which one stands mostly in the articles of the other; `ranked` has the surest first."""
    groups: list[list[str]] = []
    for word in ranked:
        mine = holding[word]
        for group in groups:
            first = holding[group[0]]
            if len(mine & first) >= _SAME * min(len(mine), len(first)):
                group.append(word)
                break
        else:
            groups.append([word])
    return groups


def _novelty(read: pd.DataFrame, holding: pd.Series, groups: Sequence[Sequence[str]]) -> list[float]:
    """Return how new each group's words are, 0 to 1: the mean part of their later share that was not there before."""
    late = set(read.loc[read["start"] >= read["start"].sort_values().iloc[len(read) // 2], "article_id"])
    sizes = max(1, len(read) - len(late)), max(1, len(late))
    result = []
    for group in groups:
        counts = [(len(holding[word] - late) / sizes[0], len(holding[word] & late) / sizes[1]) for word in group]
        gained = [max(0.0, 1 - before / after) if after > 0 else 0.0 for before, after in counts]
        result.append(float(np.mean(gained)))
    return result
