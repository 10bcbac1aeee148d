"""Topics of two runs, matched: which are the same, split, merged, new or gone; a series of runs that keeps its names.

Where the runs share a fifth of the smaller one's articles, topics are matched by these. Of an earlier and a later topic
they are *the same* if each holds more than half of the other's shared articles; the earlier one *split* if it holds
more than half of the later's, but not the other way round, and it *merged* in the opposite case. Topics with fewer than
five shared articles that are less than half of their own, and all of runs that share too few, are matched by words: by
the cosine between their class-based TF-IDF (Grootendorst 2022) over the articles nearest to their centres. There the
same are those that are each other's likeliest; a split or a merger is told where a topic is that of one side only. What
has no partner is *new* or *gone*.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from toolkit import store, words
from toolkit.exhibits import rows
from toolkit.schema import InputError

Floats = npt.NDArray[np.float64]

SAME, SPLIT, MERGED, NEW, GONE = "same", "split", "merged", "new", "gone"
KINDS = (SAME, SPLIT, MERGED, NEW, GONE)
_COLUMNS = ("kind", "earlier_id", "later_id", "earlier", "later", "shared", "kept", "taken", "likeness")
_FEWEST_SHARED = 5
_SHARED = 0.2
_ALIKE = 0.3
_ALIKE_PART = 0.4
_NEAREST = 300
_RARE = 3


class TopicSet(NamedTuple):
    """The topics of a run: ``assigned``, ``topics`` and ``articles`` as its tables hold them."""

    articles: pd.DataFrame
    assigned: pd.DataFrame
    topics: pd.DataFrame


class Matched(NamedTuple):
    """How topics go together.

    ``links``: ``kind, earlier_id, later_id`` (-1: none), ``earlier, later`` (labels), ``shared`` (articles), ``kept``
    and ``taken`` (their share of the earlier and of the later topic's shared articles), ``likeness`` (cosine of the
    words, 0 to 1), a row a link. ``flows``: ``earlier_id, later_id, articles``. ``by``: ``articles`` or ``words``.
    """

    links: pd.DataFrame
    flows: pd.DataFrame
    by: str


def match_topics(earlier: TopicSet, later: TopicSet) -> Matched:
    """Match the topics of two runs by the rule above."""
    joined = earlier.assigned[["article_id", "topic_id"]].merge(
        later.assigned[["article_id", "topic_id"]], on="article_id", suffixes=("_a", "_b")
    )
    one, other = (list(part.topics["topic_id"]) for part in (earlier, later))
    both = joined[joined["topic_id_a"].isin(one) & joined["topic_id_b"].isin(other)]
    counts = pd.crosstab(both["topic_id_a"], both["topic_id_b"]).reindex(index=one, columns=other, fill_value=0)
    shared = counts.to_numpy(dtype=np.float64)
    alike = likeness(earlier, later)
    few = len(joined) < _SHARED * min(len(earlier.assigned), len(later.assigned))
    open_rows, open_columns = (
        _open(shared.sum(axis=axis), part.topics, few) for axis, part in ((1, earlier), (0, later))
    )
    kinds = _by_articles(shared, open_rows, open_columns)
    kinds |= _by_words(alike, open_rows, open_columns, set(kinds))
    links = _links(kinds, (earlier.topics, later.topics), shared, alike)
    return Matched(links, _flows(links, shared, few, (earlier.topics, later.topics)), "words" if few else "articles")


def _open(shared: Floats, topics: pd.DataFrame, few: bool) -> npt.NDArray[np.bool_]:
    """Tell which topics have too few shared articles to be matched by them."""
    own = topics["articles"].to_numpy(dtype=np.float64)
    return np.asarray(((shared < _FEWEST_SHARED) & (2 * shared < own)) | few)


def _by_articles(
    shared: Floats, open_rows: npt.NDArray[np.bool_], open_columns: npt.NDArray[np.bool_]
) -> dict[tuple[int, int], str]:
    kept = shared / np.maximum(shared.sum(axis=1, keepdims=True), 1)
    taken = shared / np.maximum(shared.sum(axis=0, keepdims=True), 1)
    kept[open_rows], taken[:, open_columns] = 0, 0
    found = {}
    for row, column in zip(*np.nonzero((kept > 0.5) | (taken > 0.5)), strict=True):
        stays, comes = kept[row, column] > 0.5, taken[row, column] > 0.5
        found[int(row), int(column)] = SAME if stays and comes else MERGED if stays else SPLIT
    return found


def _by_words(
    alike: Floats, open_rows: npt.NDArray[np.bool_], open_columns: npt.NDArray[np.bool_], taken: set[tuple[int, int]]
) -> dict[tuple[int, int], str]:
    """Match rows and columns that are open by their words; a link needs less likeness where it is mutual."""
    found: dict[tuple[int, int], str] = {}
    if not alike.size:
        return found
    rows_taken, columns_taken = ({pair[side] for pair in taken} for side in (0, 1))
    best_column, best_row = alike.argmax(axis=1), alike.argmax(axis=0)
    for row in map(int, np.flatnonzero(open_rows)):
        column = int(best_column[row])
        mutual = bool(best_row[column] == row)
        free = open_columns[column] and column not in columns_taken
        if free and alike[row, column] >= (_ALIKE if mutual else _ALIKE_PART):
            found[row, column] = SAME if mutual else MERGED
    for column in map(int, np.flatnonzero(open_columns)):
        row = int(best_row[column])
        free = open_rows[row] and row not in rows_taken and best_column[row] != column
        if free and alike[row, column] >= _ALIKE_PART:
            found[row, column] = SPLIT
    return found


def likeness(earlier: TopicSet, later: TopicSet) -> Floats:
    """Return the cosine between the words of each topic of one run and each of the other; shape (earlier, later)."""
    parts = [_texts(part) for part in (earlier, later)]
    sizes = [len(part.topics) for part in (earlier, later)]
    if not min(sizes):
        return np.zeros(sizes)
    counter = CountVectorizer(analyzer=lambda text: set(words.stems(text)), dtype=np.float32, min_df=1)
    try:
        held = counter.fit_transform([text for texts, _ in parts for text in texts])
    except ValueError:
        return np.zeros(sizes)
    held = held[:, np.flatnonzero(np.bincount(held.indices, minlength=held.shape[1]) >= _RARE)]
    offsets = np.concatenate([parts[0][1], np.array(parts[1][1], dtype=int) + sizes[0]])
    ones, shape = (np.ones(len(offsets)), (offsets, np.arange(len(offsets)))), (sum(sizes), held.shape[0])
    member = sparse.csr_matrix(ones, shape=shape)
    share = np.asarray((member @ held).todense()) / np.maximum(np.asarray(member.sum(axis=1)), 1)
    weighed = share * np.log1p(1 / np.maximum(share.mean(axis=0) * len(share) / 2, 1e-9))
    unit = weighed / np.maximum(np.linalg.norm(weighed, axis=1, keepdims=True), 1e-9)
    return np.asarray(unit[: sizes[0]] @ unit[sizes[0] :].T, dtype=np.float64)


def _texts(part: TopicSet) -> tuple[list[str], list[int]]:
    """Return the texts nearest to the centres of topics, and the place of each one's topic."""
    places = {topic: place for place, topic in enumerate(part.topics["topic_id"])}
    mine = part.assigned[part.assigned["topic_id"].isin(places)]
    mine = mine.sort_values(["closeness", "article_id"], ascending=[False, True]).groupby("topic_id").head(_NEAREST)
    joined = mine.merge(part.articles[["article_id", "title", "text"]], on="article_id")
    texts = (joined["title"] + "\n" + joined["text"]).tolist()
    return texts, [places[topic] for topic in joined["topic_id"]]


def _links(
    kinds: dict[tuple[int, int], str], sides: tuple[pd.DataFrame, pd.DataFrame], shared: Floats, alike: Floats
) -> pd.DataFrame:
    """Return the table of links, and of topics without one, in the order of `KINDS` and of size."""
    one, other = ([(int(t.topic_id), str(t.label)) for t in rows(side)] for side in sides)
    table = []
    for (row, column), kind in kinds.items():
        (a, label_a), (b, label_b), both = one[row], other[column], shared[row, column]
        kept, taken = both / max(1.0, shared[row].sum()), both / max(1.0, shared[:, column].sum())
        table.append((kind, a, b, label_a, label_b, int(both), kept, taken, alike[row, column]))
    lost = [place for place in range(len(one)) if not any(row == place for row, _ in kinds)]
    come = [place for place in range(len(other)) if not any(column == place for _, column in kinds)]
    table += [(GONE, one[p][0], -1, one[p][1], "", 0, 0.0, 0.0, max(alike[p], default=0.0)) for p in lost]
    table += [(NEW, -1, other[p][0], "", other[p][1], 0, 0.0, 0.0, max(alike[:, p], default=0.0)) for p in come]
    links = pd.DataFrame(table, columns=list(_COLUMNS))
    order = links.assign(kind=links["kind"].map({kind: place for place, kind in enumerate(KINDS)}))
    links = links.loc[order.sort_values(["kind", "earlier_id", "later_id"], kind="stable").index].reset_index(drop=True)
    return links.round({"kept": 4, "taken": 4, "likeness": 4})


def _flows(links: pd.DataFrame, shared: Floats, few: bool, sides: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    """Return how many articles go from topic to topic; where too few are shared, the smaller size of each link."""
    one, other = (dict(zip(side["topic_id"], side["articles"], strict=True)) for side in sides)
    if few:
        told = links[links["kind"].isin([SAME, SPLIT, MERGED])]
        moved = [(a, b, min(one[a], other[b])) for a, b in zip(told["earlier_id"], told["later_id"], strict=True)]
    else:
        ids = list(one), list(other)
        moved = [(ids[0][r], ids[1][c], int(shared[r, c])) for r, c in zip(*np.nonzero(shared), strict=True)]
    sums = (dict(zip(side, shared.sum(axis=axis), strict=True)) for side, axis in ((one, 1), (other, 0)))
    left, right = ({} if few else found for found in sums)
    moved += [(t, -1, one[t] - left.get(t, 0)) for t in links.loc[links["kind"] == GONE, "earlier_id"]]
    moved += [(-1, t, other[t] - right.get(t, 0)) for t in links.loc[links["kind"] == NEW, "later_id"]]
    flows = pd.DataFrame(moved, columns=["earlier_id", "later_id", "articles"]).astype(int)
    return flows[flows["articles"] > 0].reset_index(drop=True)


# A series of runs -----------------------------------------------------------------------------------------------


class Carried(NamedTuple):
    """Topics under the ids and labels of the run before.

    ``assigned`` and ``topics`` as they came in, renumbered by ``ids``; ``matched`` (None: there is no earlier run) says
    how, in the new ids; ``next_id`` is the first that no run of the series has used.
    """

    assigned: pd.DataFrame
    topics: pd.DataFrame
    ids: dict[int, int]
    next_id: int
    matched: Matched | None


def join_series(earlier: Path | str, later: TopicSet, named: Collection[int] = ()) -> Carried:
    """Give topics that are the same as one of the run in the folder `earlier` its id and label; "" means no run.

    `named` are ids of later topics that keep the label they have. `InputError` where the folder holds no finished run.
    """
    if not earlier:
        ids = [int(topic) for topic in sorted(later.assigned["topic_id"].unique())]
        return Carried(later.assigned, later.topics, dict(zip(ids, ids, strict=True)), max(ids, default=-1) + 1, None)
    series = Path(earlier) / "tables" / "series.json"
    known = store.read_json(series) if series.is_file() else {}
    return carry_over(_read(earlier), later, int(known.get("next_id", 0)) if isinstance(known, dict) else 0, named)


def _read(earlier: Path | str) -> TopicSet:
    tables = Path(earlier) / "tables"
    if not (tables / "topics.parquet").is_file():
        raise InputError(f"earlier: {earlier} is no finished run, expected a folder that toolkit run made.")
    return TopicSet(*(store.read_table(tables / f"{name}.parquet") for name in ("articles", "assigned", "topics")))


def stand_ins(earlier: Path | str, later: TopicSet) -> dict[str, str]:
    """Return, for articles of the run in the folder `earlier`, which article of `later` stands for them.

    It is the one nearest to the centre of the topic that is the same as theirs; topics that were hidden count as well.
    Empty where no earlier run is given; raises as `join_series`.
    """
    if not earlier:
        return {}
    before = _read(earlier)
    sizes = before.assigned["topic_id"].value_counts()
    hidden = sizes[~sizes.index.isin(before.topics["topic_id"])]
    unlisted = pd.DataFrame({"topic_id": hidden.index, "label": "", "articles": hidden.to_numpy()})
    every = pd.concat([before.topics[["topic_id", "label", "articles"]], unlisted], ignore_index=True)
    links = match_topics(before._replace(topics=every), later).links
    same = links[links["kind"] == SAME].set_index("earlier_id")["later_id"]
    central = later.assigned.sort_values(["closeness", "article_id"], ascending=[False, True])
    nearest = central.drop_duplicates("topic_id").set_index("topic_id")["article_id"]
    found = before.assigned["topic_id"].map(same).map(nearest)
    return dict(zip(before.assigned["article_id"][found.notna()], found.dropna(), strict=True))


def carry_over(earlier: TopicSet, later: TopicSet, next_id: int = 0, named: Collection[int] = ()) -> Carried:
    """Give topics that are the same as one of the `earlier` run its id and label; others get ids never used before.

    `next_id` is the first free id of the series; `named` as for `join_series`.
    """
    matched = match_topics(earlier, later)
    same = matched.links[matched.links["kind"] == SAME]
    kept = {int(b): int(a) for a, b in zip(same["earlier_id"], same["later_id"], strict=True)}
    free = max([next_id, *(int(topic) + 1 for topic in earlier.assigned["topic_id"].unique())])
    fresh = [int(topic) for topic in sorted(later.assigned["topic_id"].unique()) if topic not in kept]
    ids = kept | {topic: free + place for place, topic in enumerate(fresh)}
    before = dict(zip(earlier.topics["topic_id"], earlier.topics["label"], strict=True))
    label = [t.label if t.topic_id in named else before.get(kept.get(t.topic_id), t.label) for t in rows(later.topics)]
    links, flows = (renumber(table, ids, "later_id") for table in (matched.links, matched.flows))
    return Carried(
        renumber(later.assigned, ids),
        renumber(later.topics.assign(label=label), ids),
        ids,
        free + len(fresh),
        Matched(links, flows, matched.by),
    )


def renumber(table: pd.DataFrame, ids: Mapping[int, int], column: str = "topic_id") -> pd.DataFrame:
    """Return `table` with other topic ids in `column`; one that is not among `ids` becomes -1."""
    return table.assign(**{column: [ids.get(int(topic), -1) for topic in table[column]]})
