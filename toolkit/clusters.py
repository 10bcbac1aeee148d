"""Small groups of vectors joined into groups, how many there should be, and the parts of each.

The two that are alike in the mean of their vectors are joined (`average`), small ones somewhat sooner: news has few
large subjects and many small ones, and Ward's method, which weighs by size in full, cuts the large to pieces. How far
to go is read from the neighbours (`modularity`) and from how well vectors lie in their groups (`silhouette`). Vectors
at the borders are then moved: joined alone, groups keep what an early join got wrong. The parts of a topic, which are
to be of like size, are joined by Ward's method (Ward 1963; distances kept up to date as Lance & Williams 1967 do).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from toolkit.sharpening import Floats, Labels, Sharpened, means, nearest, unit

Merges = list[tuple[int, int, float]]
"""Which two nodes were joined, and at what height, in order; the first join of m leaves makes node m."""

_SIZE = 0.2
_MOVES = 2
_PULL = 0.1
_FROM, _TO = 0.92, 0.96
_MOST = 60
_IN_MEAN = 10
_LOOKED_AT = 5000
_STRONG, _FALL = 0.7, 0.005


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


def average(centres: Floats, sizes: npt.NDArray[np.integer]) -> Merges:
    """Join groups with these `centres` (m, d; of length one) and `sizes` two by two until one is left.

    The mean distance (one less the cosine) of their small groups decides (average linkage: Sokal & Michener 1958),
    times the fifth root of what Ward's method takes in full: the product of the two sizes over their sum.
    """
    count = len(centres)
    places, weight = np.asarray(centres, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    apart = np.maximum(1 - places @ places.T, 0)
    cost = apart * (weight[:, None] * weight[None, :] / (weight[:, None] + weight[None, :])) ** _SIZE
    np.fill_diagonal(cost, np.inf)
    nodes, found = list(range(count)), []
    for step in range(count - 1):
        one, other = sorted(divmod(int(cost.argmin()), count))
        found.append((nodes[one], nodes[other], float(cost[one, other])))
        both = weight[one] + weight[other]
        apart[one] = apart[:, one] = (weight[one] * apart[one] + weight[other] * apart[other]) / both
        nodes[one], weight[one] = count + step, both
        gone = np.isinf(cost[one]) & (np.arange(count) != one)
        joined = np.where(gone, np.inf, apart[one] * (both * weight / (both + weight)) ** _SIZE)
        joined[[one, other]] = np.inf
        cost[one], cost[:, one] = joined, joined
        cost[other], cost[:, other] = np.inf, np.inf
    return found


def cut(merges: Merges, number: int) -> Labels:
    """Return the group of each leaf, from 0, when `number` groups are left."""
    count = len(merges) + 1
    above = list(range(2 * count - 1))
    for step, (one, other, _) in enumerate(merges[: max(0, count - number)]):
        above[one] = above[other] = count + step
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


def numbers(tried: pd.DataFrame, count: int) -> list[int]:
    """Return which numbers of groups are looked at closely; `tried` has ``topics, modularity, silhouette``.

    From the smallest that keeps 92% of the greatest modularity to the smallest that keeps 96%; at most 60, and at least
    ten of `count` vectors in a group in the mean. Only one, where the silhouette of the small groups has its peak at 30
    or fewer, falls there, and is above .7 (strong structure: Kaufman & Rousseeuw 1990, "Finding groups in data"): these
    are groups that lie apart, which modularity alone would join if they are many.
    """
    fitting = tried[tried["topics"] <= max(1, min(_MOST, count // _IN_MEAN))]
    kept = (fitting["modularity"] >= share * fitting["modularity"].max() for share in (_FROM, _TO))
    first, last = (int(fitting["topics"][enough].iloc[0]) for enough in kept)
    fit = fitting.set_index("topics")["silhouette"].loc[first:]
    peak = first + int(fit.to_numpy().argmax())
    if peak <= _MOST // 2 and peak + 1 in fit.index and fit[peak] >= max(_STRONG, fit[peak + 1] + _FALL):
        return [peak]
    return list(range(first, last + 1))


def silhouette(vectors: Floats, labels: Labels, weights: npt.NDArray[np.integer] | None = None) -> float:
    """Return how much nearer `vectors` lie to the mean of their own group than to the next one's, -1 to 1, in the mean.

    Rousseeuw 1987, "Silhouettes", with means in the place of all pairs (Hruschka, de Castro & Campello 2004). A vector
    counts as often as its weight tells; of very many, 5,000 at even steps are looked at.
    """
    weight = np.ones(len(vectors)) if weights is None else np.asarray(weights, dtype=np.float64)
    centres = means(np.asarray(vectors * weight[:, None], dtype=np.float32), labels)
    rows = np.arange(0, len(vectors), max(1, len(vectors) // _LOOKED_AT))
    apart = 1 - vectors[rows] @ centres.T
    if apart.shape[1] < 2:
        return 0.0
    own = np.take_along_axis(apart, labels[rows, None], axis=1)[:, 0]
    np.put_along_axis(apart, labels[rows, None], np.inf, axis=1)
    other = apart.min(axis=1)
    fit = (other - own) / np.maximum(np.maximum(own, other), 1e-9)
    return round(float(np.average(fit.astype(np.float64), weights=weight[rows])), 4)


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
    """Return the group of each vector, from 0, and ``topics, modularity, silhouette`` of the numbers looked at.

    There are `number` groups, or as many as the data suggest (0): of the `numbers` that keep most of the modularity,
    the one with the greatest silhouette. That of the numbers that were not looked at closely is missing.
    """
    sizes = np.bincount(ready.parts)
    merges = average(means(ready.smooth, ready.parts), sizes)
    if number:
        none = {"topics": np.empty(0, dtype=np.int64), "modularity": np.empty(0), "silhouette": np.empty(0)}
        return _grouped(ready, merges, number, False), pd.DataFrame(none)
    tried = modularity(ready.near, ready.parts, merges)
    middle, most = means(ready.vectors, ready.parts), min(_MOST, len(sizes))
    fit = {each: silhouette(middle, cut(merges, each), sizes) for each in range(1, most + 1)}
    wanted = numbers(tried.assign(silhouette=tried["topics"].map(fit)), len(ready.smooth))
    found = {each: _grouped(ready, merges, each, True) for each in wanted}
    fit = {each: silhouette(ready.vectors, labels) for each, labels in found.items()}
    best = max(wanted, key=lambda each: fit[each])
    return found[best], tried.assign(silhouette=tried["topics"].map(fit).astype(float))


def _grouped(ready: Sharpened, merges: Merges, number: int, joining: bool) -> Labels:
    """Return `number` groups, or fewer where those that are too small are joined to others.

    In the end each vector goes where it fits best as it was before it was sharpened.
    """
    labels = settle(ready.smooth, cut(merges, number)[ready.parts], _MOVES)
    return place(ready.vectors, join_small(ready.smooth, labels) if joining else labels)


def place(vectors: Floats, labels: Labels) -> Labels:
    """Move each of `vectors` to the group that it most probably belongs to; no group is emptied.

    What counts is the cosine to the group's mean and a tenth of the logarithm of its size: the most probable of a
    mixture of von Mises-Fisher distributions of one concentration, ten (Banerjee et al. 2005).
    """
    centres, sizes = means(vectors, labels), np.bincount(labels)
    moved = nearest(vectors, centres, _PULL * np.log(sizes / len(labels)))
    return moved if len(np.unique(moved)) == len(sizes) else settle(vectors, labels, 1)


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
