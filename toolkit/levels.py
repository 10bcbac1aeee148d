"""Coarser and finer topics without grouping anew: a tree over the parts of the topics, the topics, and all there is.

Parts are joined inside their topic first, then topics with each other, by Ward's method on the means of their vectors
(Ward 1963), so that the tree passes through the topics as they are. Any number of groups between one and all parts can
be read from it (`coarser`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from toolkit import clusters, exhibits, naming, sampling, sharpening, topics
from toolkit.processors import one_thread
from toolkit.settings import TopicSettings

_BLOCK = 8192
_TITLES = 3
COLUMNS = ("node", "parent", "step", "height", "topic_id", "articles", "label", "terms", "titles")


def build(
    articles: pd.DataFrame, vectors: sharpening.Floats, assigned: pd.DataFrame, found: pd.DataFrame
) -> pd.DataFrame:
    """Return the tree over the parts of the topics `found`, a row a node, leaves first.

    ``node``; ``parent`` (-1: none); ``step``: the how-manieth join made it (0: a part); ``height``: how far apart the
    two were that were joined; ``topic_id``: the topic that it is or lies in, -1 above the topics; ``articles``,
    ``label``, ``terms``, ``titles``. `assigned` and `found` as `topics.Topics` has them, also after decisions; what is
    hidden is left out, and where `assigned` has no ``part``, the topics are the leaves.
    """
    mine = assigned["topic_id"].isin(found["topic_id"]).to_numpy()
    pairs = assigned.assign(part=assigned["part"] if "part" in assigned else assigned["topic_id"])
    keys, which = np.unique(pairs.loc[mine, ["topic_id", "part"]].to_numpy(), axis=0, return_inverse=True)
    leaf = np.full(len(assigned), -1)
    leaf[mine] = which.reshape(-1)
    with one_thread():
        centres, sizes = _means(vectors, leaf)
        joins = _joins(centres, sizes, keys[:, 0])
    tree = _tree(joins, keys[:, 0], sizes)
    return _named(tree, articles, assigned.loc[mine], leaf, found)


def _means(vectors: sharpening.Floats, leaf: sharpening.Labels) -> tuple[sharpening.Floats, sharpening.Labels]:
    """Return the mean direction of each leaf, once the mean of all is taken away; vectors are read in blocks."""
    sums = np.zeros((int(leaf.max()) + 1, vectors.shape[1]))
    for start in range(0, len(leaf), _BLOCK):
        rows = leaf[start : start + _BLOCK]
        inside = np.flatnonzero(rows >= 0)
        members = sparse.csr_matrix((np.ones(len(inside)), (rows[inside], inside)), shape=(len(sums), len(rows)))
        sums += members @ np.asarray(vectors[start : start + _BLOCK], dtype=np.float64)
    sizes = np.bincount(leaf[leaf >= 0])
    return sharpening.unit(sums / sizes[:, None] - sums.sum(axis=0) / sizes.sum()), sizes


def _joins(
    centres: sharpening.Floats, sizes: sharpening.Labels, topic: npt.NDArray[np.int64]
) -> list[tuple[int, int, float]]:
    """Return which nodes are joined, in order: inside the topics by height, then the topics; leaves come first."""
    steps: list[tuple[float, int, int]] = []
    for name in np.unique(topic):
        mine = np.flatnonzero(topic == name)
        inside = [int(leaf) for leaf in mine]
        for one, other, height in clusters.ward(centres[mine], sizes[mine]):
            steps.append((height, inside[one], inside[other]))
            inside.append(inside[one])
    names, index = np.unique(topic, return_inverse=True)
    middle = sharpening.unit(np.vstack([sizes[index == at] @ centres[index == at] for at in range(len(names))]))
    above = [int(np.flatnonzero(index == at)[0]) for at in range(len(names))]
    later = []
    for one, other, height in clusters.ward(middle, np.bincount(index, weights=sizes).astype(np.intp)):
        later.append((height, above[one], above[other]))
        above.append(above[one])
    node = list(range(len(topic)))
    found = []
    for step, (height, one, other) in enumerate([*sorted(steps, key=lambda join: join[0]), *later]):
        found.append((node[one], node[other], height))
        node[one] = len(topic) + step
    return found


def _tree(
    joins: Sequence[tuple[int, int, float]], topic: npt.NDArray[np.int64], sizes: sharpening.Labels
) -> pd.DataFrame:
    count = len(topic)
    parent, homes, articles = [-1] * (count + len(joins)), [int(name) for name in topic], [int(size) for size in sizes]
    for step, (one, other, _) in enumerate(joins):
        parent[one] = parent[other] = count + step
        homes.append(homes[one] if homes[one] == homes[other] else -1)
        articles.append(articles[one] + articles[other])
    heights = [0.0] * count + [round(height, 3) for *_, height in joins]
    steps = [0] * count + list(range(1, len(joins) + 1))
    rows = {"parent": parent, "step": steps, "height": heights, "topic_id": homes, "articles": articles}
    return pd.DataFrame({"node": np.arange(len(parent)), **rows})


def _named(
    tree: pd.DataFrame, articles: pd.DataFrame, assigned: pd.DataFrame, leaf: sharpening.Labels, found: pd.DataFrame
) -> pd.DataFrame:
    """Return the tree with ``label, terms, titles``: topics by theirs, others by what they hold."""
    inside, labels = np.flatnonzero(leaf >= 0), leaf[leaf >= 0]
    mine = articles.iloc[inside].reset_index(drop=True)
    rows = sampling.choose_rows(mine, TopicSettings().sample)
    terms = naming.name_groups(topics.texts_of(mine, rows), labels[rows], int(labels.max()) + 1)
    titles = topics.central_titles(mine, assigned.reset_index(drop=True), labels)
    known = {int(row.topic_id): row for row in exhibits.rows(found)}
    homes = tree["topic_id"].astype(int).tolist()
    tops = {home: node for node, home in enumerate(homes) if home >= 0}
    names: list[str] = [""] * len(tree)
    children: dict[int, list[int]] = {}
    for node, parent in enumerate(tree["parent"].astype(int).tolist()):
        children.setdefault(parent, []).append(node)
    sizes = tree["articles"].astype(int).tolist()
    for node in range(len(tree)):
        topic = homes[node]
        if topic >= 0 and tops[topic] == node:
            own = (list(known[topic].terms), list(known[topic].titles))
            names[node] = str(known[topic].label)
        elif node < len(terms):
            own = (terms[node], titles[node])
        else:
            below = sorted(children[node], key=lambda child: -sizes[child])
            own = (_mixed([terms[c] for c in below])[: naming.TERMS], _mixed([titles[c] for c in below])[:_TITLES])
        if node < len(terms):
            terms[node], titles[node] = own
        else:
            terms.append(own[0])
            titles.append(own[1])
        names[node] = names[node] or naming.label(terms[node], node)
    lists = {"terms": pd.Series(terms, dtype=object), "titles": pd.Series(titles, dtype=object)}
    return tree.assign(label=names, **lists)


def _mixed(lists: Sequence[Sequence[str]]) -> list[str]:
    """Return the entries of `lists` in turn, each once."""
    longest = max(map(len, lists), default=0)
    return list(dict.fromkeys(one[at] for at in range(longest) for one in lists if at < len(one)))


def cut(hierarchy: pd.DataFrame, number: int) -> pd.Series:
    """Return the node that each leaf of `hierarchy` lies in, when `number` groups are left; indexed by leaf."""
    leaves = int((hierarchy["step"] == 0).sum())
    last = leaves - max(1, min(number, leaves))
    parent, step = hierarchy["parent"].to_numpy(), hierarchy["step"].to_numpy()
    node = np.arange(leaves)
    for _ in range(last):
        above = parent[node]
        node = np.where((above >= 0) & (step[above] <= last), above, node)
    return pd.Series(node, index=pd.RangeIndex(leaves, name="leaf"), name="node")


def coarser(
    assigned: pd.DataFrame, found: pd.DataFrame, hierarchy: pd.DataFrame, number: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ``assigned`` and ``topics`` with `number` topics instead, fewer or more, as `hierarchy` joins them.

    At most as many as the hierarchy has parts. Topics are numbered by size; those that are what they were keep their
    name, and all columns that belong to them. Articles of hidden topics have topic -1.
    """
    nodes = cut(hierarchy, number)
    keys = hierarchy.loc[hierarchy["step"] == 0, "topic_id"].to_numpy()
    part = assigned["part"] if "part" in assigned else assigned["topic_id"]
    pairs = assigned.assign(part=part)[["topic_id", "part"]]
    seen = pairs[pairs["topic_id"].isin(keys)].drop_duplicates().sort_values(["topic_id", "part"])
    leaf = pd.Series(np.arange(len(seen)), index=pd.MultiIndex.from_frame(seen))
    places = leaf.reindex(pd.MultiIndex.from_frame(pairs)).to_numpy()
    shown = hierarchy.set_index("node").loc[np.unique(nodes)].sort_values("articles", ascending=False, kind="stable")
    ids = pd.Series(np.arange(len(shown)), index=shown.index)
    mine = ~np.isnan(places)
    topic = np.full(len(assigned), -1)
    topic[mine] = ids.loc[nodes.loc[places[mine].astype(int)].to_numpy()].to_numpy()
    told = shown.reset_index()[["label", "terms", "articles", "titles", "topic_id"]]
    total = max(1, len(assigned))
    told = told.assign(was=told["topic_id"], topic_id=np.arange(len(told)), share=told["articles"] / total)
    same = _unchanged(found, told)
    kept = [name for name in found.columns if name not in told.columns]
    old = found.set_index("topic_id")[kept].reindex(told["was"].where(same, -1)).reset_index(drop=True)
    wanted = [name for name in found.columns if name in told.columns or name in kept]
    return assigned.assign(topic_id=topic), pd.concat([told.drop(columns="was"), old], axis=1)[wanted]


def _unchanged(found: pd.DataFrame, told: pd.DataFrame) -> pd.Series:
    """Tell of each group whether it is a topic of `found` as it was: of the same one, and of the same size."""
    sizes = found.set_index("topic_id")["articles"]
    return told["was"].map(sizes).eq(told["articles"])


def branches(hierarchy: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tree of the topics as lines, and the topics in the order in which they lie along it.

    Lines: ``x0, x1, y0, y1``, x being the square root of the height, y the place of a topic, from 0. Topics:
    ``topic_id, label, articles, terms, parts`` (the labels of its parts, the largest first; none where it is one part).
    """
    homes, sizes = hierarchy["topic_id"].astype(int).tolist(), hierarchy["articles"].astype(int).tolist()
    parents, heights = hierarchy["parent"].astype(int).tolist(), hierarchy["height"].astype(float).tolist()
    below: dict[int, list[int]] = {}
    for node, parent in enumerate(parents):
        below.setdefault(parent, []).append(node)
    order: list[int] = []
    waiting = [len(parents) - 1]
    while waiting:
        node = waiting.pop()
        if homes[node] >= 0:
            order.append(node)
        else:
            waiting.extend(sorted(below[node], key=lambda child: (sizes[child], -child)))
    place = {node: float(at) for at, node in enumerate(order)}
    far = dict.fromkeys(order, 0.0)
    lines = []
    for node in (node for node, home in enumerate(homes) if home < 0):
        one, other = below[node]
        x = heights[node] ** 0.5
        lines += [(far[child], x, place[child], place[child]) for child in (one, other)]
        lines.append((x, x, place[one], place[other]))
        place[node], far[node] = (place[one] + place[other]) / 2, x
    told = hierarchy.iloc[order][["topic_id", "label", "articles", "terms"]].reset_index(drop=True)
    parts = pd.Series([_parts(hierarchy, node) for node in order], dtype=object)
    return pd.DataFrame(lines, columns=["x0", "x1", "y0", "y1"]), told.assign(parts=parts)


def _parts(hierarchy: pd.DataFrame, node: int) -> list[str]:
    """Return the labels of the parts of the topic at `node`, the largest first; none where it is one part."""
    topic = hierarchy["topic_id"].iat[node]
    leaves = hierarchy[(hierarchy["topic_id"] == topic) & (hierarchy["step"] == 0) & (hierarchy["node"] != node)]
    return [str(label) for label in leaves.sort_values("articles", ascending=False, kind="stable")["label"]]
