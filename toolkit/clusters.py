"""Small groups of vectors joined into groups, how many there should be, and the parts of each.

Ward's method joins the small groups by their sizes (Ward 1963; distances kept up to date as Lance & Williams 1967 do).
How many groups to stop at is read from the neighbours: `modularity`. k-means then starts from the groups that were
joined, and moves the vectors at their borders: joined alone, groups keep what an early join got wrong.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from toolkit.sharpening import Floats, Labels, Sharpened, means, nearest, unit

Merges = list[tuple[int, int, float]]
"""Which two nodes were joined, and at what height, in order; the first join of m leaves makes node m."""

_MOVES = 5
_NEAR_BEST = 0.96
_MOST = 60
_IN_MEAN = 10


def ward(centres: npt.NDArray[np.floating], sizes: npt.NDArray[np.integer]) -> Merges:
    """Join groups with these `centres` (m, d) and `sizes` two by two until one is left, by Ward's method."""
    count = len(centres)
    places, weight = np.asarray(centres, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    squares = (places**2).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares[None, :] - 2 * places @ places.T, 0)
    apart *= weight[:, None] * weight[None, :] / (weight[:, None] + weight[None, :])
    np.fill_diagonal(apart, np.inf)
    nodes, found = list(range(count)), []
    for step in range(count - 1):
        one, other = sorted(divmod(int(apart.argmin()), count))
        height = float(apart[one, other])
        found.append((nodes[one], nodes[other], height))
        with np.errstate(invalid="ignore"):
            joined = (weight[one] + weight) * apart[one] + (weight[other] + weight) * apart[other] - weight * height
        joined = np.where(np.isnan(joined), np.inf, joined / (weight[one] + weight[other] + weight))
        joined[one] = joined[other] = np.inf
        apart[one], apart[:, one] = joined, joined
        apart[other], apart[:, other] = np.inf, np.inf
        nodes[one], weight[one] = count + step, weight[one] + weight[other]
    return found


def cut(merges: Merges, number: int) -> Labels:
    """Return the group of each leaf, from 0, when `number` groups are left."""
    count = len(merges) + 1
    above = np.arange(2 * count - 1)
    for step, (one, other, _) in enumerate(merges[: max(0, count - number)]):
        above[[one, other]] = count + step
    for node in range(2 * count - 2, -1, -1):
        above[node] = above[above[node]]
    return np.unique(above[:count], return_inverse=True)[1].astype(np.intp)


def modularity(near: npt.NDArray[np.int32], parts: Labels, merges: Merges) -> pd.DataFrame:
    """Return ``topics, modularity`` for every number of groups that `merges` of `parts` pass through.

    Modularity (Newman & Girvan 2004, "Finding and evaluating community structure in networks") is the share of the
    neighbours `near` that lie in the group of the vector they are neighbours of, less that share if neighbours were
    drawn by chance: it rises as long as groups hold together, and falls when they are cut where neighbours are.
    """
    count = len(merges) + 1
    linked = np.zeros((2 * count - 1, 2 * count - 1))
    ends_at = np.repeat(parts, near.shape[1]), parts[near.ravel()]
    linked[:count, :count] = sparse.coo_matrix((np.ones(near.size), ends_at), shape=(count, count)).toarray()
    linked = (linked + linked.T) / (2 * near.size)
    ends = linked.sum(axis=1)
    inside, chance = float(np.trace(linked)), float((ends**2).sum())
    found = [(count, inside - chance)]
    for step, (one, other, _) in enumerate(merges):
        node = count + step
        inside += 2 * linked[one, other]
        chance += 2 * ends[one] * ends[other]
        linked[node] = linked[one] + linked[other]
        linked[:, node] = linked[:, one] + linked[:, other]
        ends[node] = ends[one] + ends[other]
        found.append((count - step - 1, inside - chance))
    return pd.DataFrame(found[::-1], columns=["topics", "modularity"])


def choose_number(tried: pd.DataFrame, count: int) -> int:
    """Return the smallest number of groups that keeps 96% of the greatest modularity; `tried` as `modularity` gives it.

    At most 60, and at least ten of `count` vectors in a group in the mean.
    """
    fitting = tried[tried["topics"] <= max(1, min(_MOST, count // _IN_MEAN))]
    enough = fitting["modularity"] >= _NEAR_BEST * fitting["modularity"].max()
    return int(fitting["topics"][enough].iloc[0])


def settle(vectors: Floats, labels: Labels, moves: int) -> Labels:
    """Move `vectors` to the group whose mean they are nearest to, a few times over; no group is emptied."""
    count = int(labels.max()) + 1
    for _ in range(moves):
        moved = nearest(vectors, means(vectors, labels))
        if len(np.unique(moved)) < count or (moved == labels).all():
            break
        labels = moved
    return labels


def group(ready: Sharpened, number: int) -> tuple[Labels, pd.DataFrame]:
    """Return the group of each vector, from 0, and ``topics, modularity`` of the numbers that were looked at.

    There are `number` groups, or as many as the data suggest (0). In the end each vector goes to the group whose mean
    it is nearest to as it was before it was sharpened, which is how others can be assigned too.
    """
    merges = ward(means(ready.smooth, ready.parts), np.bincount(ready.parts))
    tried = modularity(ready.near, ready.parts, merges)
    wanted = number or choose_number(tried, len(ready.smooth))
    labels = settle(ready.smooth, cut(merges, wanted)[ready.parts], _MOVES)
    labels = settle(ready.vectors, labels if number else join_small(ready.smooth, labels), 1)
    return labels, tried


def join_small(vectors: Floats, labels: Labels) -> Labels:
    """Join groups of less than ten vectors, or of one in five hundred, to the one that lies nearest."""
    least = min(len(vectors) // 20, max(10, len(vectors) // 500))
    while labels.max() > 0:
        sizes = np.bincount(labels)
        small = int(sizes.argmin())
        if sizes[small] >= least:
            break
        centres = means(vectors, labels)
        alike = centres @ centres[small]
        alike[small] = -2
        labels = np.unique(np.where(labels == small, int(alike.argmax()), labels), return_inverse=True)[1]
    return np.asarray(labels, dtype=np.intp)


def finer(ready: Sharpened, labels: Labels, number: int) -> Labels:
    """Return parts of the groups `labels`, about `number` in all, numbered from 0 group by group.

    Ward's method joins the small groups inside each group; what is joined last, in whichever group, stays apart. Parts
    of less than half the mean size are joined to the nearest of their group.
    """
    pieces, which = np.unique(np.column_stack([labels, ready.parts]), axis=0, return_inverse=True)
    which = which.reshape(-1).astype(np.intp)
    centres, sizes = means(ready.smooth, which), np.bincount(which)
    joins = []
    for topic in range(int(labels.max()) + 1):
        mine = np.flatnonzero(pieces[:, 0] == topic)
        merges, nodes = ward(centres[mine], sizes[mine]), [[int(piece)] for piece in mine]
        for one, other, height in merges:
            nodes.append(nodes[one] + nodes[other])
            joins.append((height, nodes[one][0], nodes[other][0]))
    part = np.arange(len(pieces))
    for _, first, second in sorted(joins)[: max(0, len(pieces) - max(number, int(labels.max()) + 1))]:
        part = np.where(part == part[second], part[first], part)
    return _without_small(centres, sizes, pieces[:, 0], part)[which]


def _without_small(centres: Floats, sizes: Labels, topic: Labels, part: Labels) -> Labels:
    """Join parts of less than half the mean size to the nearest of their topic, and number parts by topic."""
    least = sizes.sum() / (2 * len(np.unique(part)))
    while True:
        found, index = np.unique(part, return_inverse=True)
        weight = np.bincount(index, weights=sizes)
        home = np.zeros(len(found), dtype=np.intp)
        home[index] = topic
        small = [at for at in np.argsort(weight, kind="stable") if weight[at] < least and (home == home[at]).sum() > 1]
        if not small:
            order = np.lexsort((-weight, home))
            place = np.empty(len(found), dtype=np.intp)
            place[order] = np.arange(len(found))
            return place[index]
        middle = unit(
            np.vstack([(centres[index == at] * sizes[index == at, None]).sum(axis=0) for at in range(len(found))])
        )
        alike = np.where(home == home[small[0]], middle @ middle[small[0]], -3)
        alike[small[0]] = -3
        part = np.where(part == found[small[0]], found[int(alike.argmax())], part)
