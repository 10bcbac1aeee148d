"""Topics that the corpus itself suggests: fast, seeded, without outliers, and as many as the data bear.

The parts stand in modules of their own: `sampling` (which articles are looked at, where there are very many),
`sharpening` and `clusters` (vectors into groups), `naming` (terms by BERTopic's c-TF-IDF), `layout` (the map),
`stability` (how firm a topic is) and `levels` (coarser and finer topics). Here they are put together.

Each part runs on one thread (the map beside the others), with a fixed seed and in the order of the articles' ids, so
that the same articles give the same topics everywhere, in whatever order they come.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit import clusters, layout, naming, sampling, sharpening
from toolkit.processors import one_thread
from toolkit.settings import TopicSettings
from toolkit.sharpening import Floats as Floats
from toolkit.sharpening import Labels, Sharpened

_PARTS = 3
_IN_PART = 30
_FEWEST = 4
_CENTRAL = 3


class Topics(NamedTuple):
    """What was found.

    ``assigned``: ``article_id, topic_id, x, y, closeness`` (cosine to the topic's centre) and ``part`` (a finer topic,
    see `levels`), one row an article.
    ``topics``: ``topic_id, label, terms, articles, share, titles``, the largest first, ids from 0.
    ``choice``: ``topics, modularity, silhouette``, a row a number; no silhouette where it was not looked at closely.
    """

    assigned: pd.DataFrame
    topics: pd.DataFrame
    choice: pd.DataFrame


class _Read(NamedTuple):
    """The ``rows`` that are looked at, their vectors made ``ready``, and all ``vectors`` (n, d), reduced."""

    rows: Labels
    ready: Sharpened
    vectors: Floats


def find_topics(articles: pd.DataFrame, vectors: Floats, settings: TopicSettings = TopicSettings()) -> Topics:
    """Group `articles` by their `vectors` (articles, dim) and name each group by its terms.

    None is an outlier. Of more than ``settings.sample`` articles, topics are found in a sample (`sampling`) and the
    others assigned to the nearest; only the sample's ``text`` is looked at then, and `vectors` may lie in a file.
    """
    with one_thread():
        return _find(articles, vectors, settings)


def _find(articles: pd.DataFrame, vectors: Floats, settings: TopicSettings) -> Topics:
    read = _read(articles, vectors, settings)
    with ThreadPoolExecutor(1) as beside:
        drawn = beside.submit(_places, read)
        number = _number(read, settings.n_topics)
        inside, tried = clusters.group(read.ready, number)
        fine = clusters.finer(read.ready, inside, min(_PARTS * (int(inside.max()) + 1), len(inside) // _IN_PART))
        labels, parts = _assign(read, inside, fine)
        labels = _by_size(labels)
        assigned = pd.DataFrame(
            {
                "article_id": articles["article_id"].to_numpy(),
                "topic_id": labels,
                "closeness": _closeness(read.vectors, labels).round(4),
                "part": _numbered(labels, parts),
            }
        )
        told = _describe(articles, assigned, read.rows)
        for place, name in enumerate("xy"):
            assigned.insert(2 + place, name, drawn.result()[:, place].round(3))
    choice = tried[tried["topics"] <= max(60, int(inside.max()) + 1)] if not number else tried.iloc[:0]
    return Topics(assigned, told, choice.round(4).reset_index(drop=True))


def _read(articles: pd.DataFrame, vectors: Floats, settings: TopicSettings) -> _Read:
    """Bring the vectors into the shape in which they are grouped, in the order of the articles."""
    rows = sampling.choose_rows(articles, settings.sample)
    inside = np.asarray(vectors[rows])
    axes = sharpening.find_axes(inside)
    reduced = sharpening.reduce(inside, axes)
    wanted = min(settings.n_topics, sharpening.count_distinct(reduced, settings.n_topics))
    ready = sharpening.make_ready(reduced, wanted, settings.seed)
    if len(rows) < len(articles):
        return _Read(rows, ready, sharpening.reduce(vectors, axes))
    every = np.empty_like(reduced)
    every[rows] = reduced
    return _Read(rows, ready, every)


def _number(read: _Read, wanted: int) -> int:
    """Return how many topics there are to be; 0: as many as the data suggest."""
    enough = max(wanted, 2 * _FEWEST)
    distinct = sharpening.count_distinct(read.ready.smooth, enough)
    if wanted:
        return min(wanted, int(read.ready.parts.max()) + 1)
    return 0 if distinct >= enough else max(1, distinct // _FEWEST)


def _assign(read: _Read, inside: Labels, fine: Labels) -> tuple[Labels, Labels]:
    """Return topic and part of every article: those that were looked at keep theirs, the others go to the nearest."""
    labels, parts = np.empty((2, len(read.vectors)), dtype=np.intp)
    if len(read.rows) < len(labels):
        labels = sharpening.nearest(read.vectors, sharpening.means(read.ready.vectors, inside))
        home = np.zeros(int(fine.max()) + 1, dtype=np.intp)
        home[fine] = inside
        middle = sharpening.means(read.ready.vectors, fine)
        for topic in np.unique(labels):
            own, mine = np.flatnonzero(home == topic), np.flatnonzero(labels == topic)
            parts[mine] = own[sharpening.nearest(read.vectors[mine], middle[own])]
    labels[read.rows], parts[read.rows] = inside, fine
    return labels, parts


def _places(read: _Read) -> npt.NDArray[np.float64]:
    """Return where every article lies on the map; shape (n, 2)."""
    with one_thread():  # OpenMP's limit is each thread's own
        vectors = sharpening.sharpen(read.ready.vectors, read.ready.near, 1)
        marks, at = layout.lay_out(vectors, read.ready.parts)
        places = np.empty((len(read.vectors), 2))
        if len(read.rows) < len(places):
            drawn = sharpening.sharpen_by(read.vectors, sharpening.means(vectors, read.ready.parts))
            places[:] = layout.place(drawn, marks, at)
        places[read.rows] = layout.place(vectors, marks, at)
    return places


def _by_size(labels: Labels) -> Labels:
    """Renumber so that topic 0 is the largest; ties by the number it had."""
    found, index, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    place = np.empty(len(found), dtype=np.intp)
    place[np.lexsort((found, -sizes))] = np.arange(len(found))
    return place[index]


def _numbered(labels: Labels, parts: Labels) -> Labels:
    """Renumber the parts topic by topic, the largest of each first."""
    pairs, index, sizes = np.unique(np.column_stack([labels, parts]), axis=0, return_inverse=True, return_counts=True)
    place = np.empty(len(pairs), dtype=np.intp)
    place[np.lexsort((pairs[:, 1], -sizes, pairs[:, 0]))] = np.arange(len(pairs))
    return place[index.reshape(-1)]


def _closeness(vectors: Floats, labels: Labels) -> npt.NDArray[np.float64]:
    centres = sharpening.means(vectors, labels)
    return np.asarray((vectors * centres[labels]).sum(axis=1), dtype=np.float64)


def texts_of(articles: pd.DataFrame, rows: Labels) -> list[str]:
    """Return title and text of the articles at `rows`."""
    some = articles[["title", "text"]].iloc[rows]
    return [f"{title}\n{text}" for title, text in zip(some["title"], some["text"], strict=True)]


def _describe(articles: pd.DataFrame, assigned: pd.DataFrame, rows: Labels) -> pd.DataFrame:
    """Return one row a topic: its label, its terms, its size, and the titles nearest to its centre."""
    labels = assigned["topic_id"].to_numpy()
    groups = int(labels.max()) + 1
    closeness = assigned["closeness"].to_numpy()[rows]
    terms = naming.name_groups(texts_of(articles, rows), labels[rows], groups, closeness)
    titles = central_titles(articles, assigned, labels)
    sizes = np.bincount(labels, minlength=groups)
    told = [
        (topic, naming.label(found, topic), found, int(sizes[topic]), sizes[topic] / len(assigned), titles[topic])
        for topic, found in enumerate(terms)
    ]
    return pd.DataFrame(told, columns=["topic_id", "label", "terms", "articles", "share", "titles"])


def central_titles(articles: pd.DataFrame, assigned: pd.DataFrame, labels: Labels) -> list[list[str]]:
    """Return the titles of the three articles of each group that are nearest to their topic's centre.

    An article without title shows the beginning of its text.
    """
    shown = articles["title"].where(articles["title"].str.len() > 0, articles["text"].str.slice(0, 90))
    named = pd.DataFrame(
        {"shown": shown.to_numpy(), "group": labels, "closeness": assigned["closeness"].to_numpy()}
    ).assign(name=assigned["article_id"].to_numpy(), blank=shown.str.len().eq(0).to_numpy())
    named = named.sort_values(["blank", "closeness", "name"], ascending=[True, False, True], kind="stable")
    first = named.drop_duplicates(["group", "shown"]).groupby("group").head(_CENTRAL)
    mine = first.groupby("group")["shown"].agg(list)
    return [list(mine.get(number, [])) for number in range(int(labels.max()) + 1)]


def regroup(
    articles: pd.DataFrame, vectors: Floats, assigned: pd.DataFrame, labels: Labels, seed: int = 42
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ``assigned`` and ``topics`` for other groups of the same articles: `labels`, a number a row from 0.

    Places on the map and parts stay, all else is made anew; groups are numbered by size.
    """
    with one_thread():
        read, labels = _read(articles, vectors, TopicSettings(seed=seed)), _by_size(labels)
        moved = assigned.assign(topic_id=labels, closeness=_closeness(read.vectors, labels).round(4))
        if "part" in assigned:
            moved["part"] = _numbered(labels, assigned["part"].to_numpy())
        return moved, _describe(articles, moved, read.rows)


def divide(vectors: Floats, number: int, seed: int = 42) -> Labels:
    """Return the part, from 0, of each of `vectors` when they are split into `number`."""
    with one_thread():
        reduced = sharpening.reduce(vectors, sharpening.find_axes(vectors))
        return _by_size(clusters.group(sharpening.make_ready(reduced, number, seed), number)[0])


def topic_themes(topics: pd.DataFrame, assigned: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return `topics` with ``theme`` and ``theme_share``: the theme most of its articles carry, or ``""``."""
    carried = assigned[["article_id", "topic_id"]].merge(scores[scores["label"]], on="article_id")
    counts = carried.groupby(["topic_id", "theme"]).size().rename("carrying").reset_index()
    best = counts.sort_values(["carrying", "theme"], ascending=[False, True]).drop_duplicates("topic_id")
    joined = topics.merge(best, on="topic_id", how="left")
    share = (joined["carrying"].fillna(0) / joined["articles"]).round(4)
    theme = joined["theme"].where(share > 0.5, "").fillna("")
    return topics.assign(theme=theme.to_numpy(), theme_share=share.to_numpy())
