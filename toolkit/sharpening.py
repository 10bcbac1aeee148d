"""Vectors made ready to be grouped: fewer dimensions, sharpened by their neighbours, in some hundred small groups.

1. The vectors are brought to 50 dimensions (PCA, centred on the corpus' mean), of length one.
2. Each is replaced, four times over (eight, from 5,000 vectors on), by half itself and half the mean of its 15 nearest
   neighbours, which are looked for in the twelve nearest of about sqrt(n) rough groups (an inverted file: Jegou et al.
   2011, "Product Quantization for Nearest Neighbor Search"), so that the time grows as n^1.5 and not as n^2.
3. k-means makes small groups, for `clusters` to join.

Vectors are read in blocks, so that they may lie in a file. All runs on as many threads as the caller allows: one, and
the same order of rows, give the same everywhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from toolkit.kmeans import lloyd, some_rows

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.intp]

DIMENSIONS = 50
_NEIGHBOURS = 15
_NEAR_GROUPS = 12
_TIMES, _TIMES_MANY, _MANY = 4, 8, 5000
_SMALL_GROUPS = 400
_IN_SMALL_GROUP = 8
_ROUNDS = 8
_ROUGH = 5
_STILL = 1e-3
_BLOCK = 8192


class Axes(NamedTuple):
    """The mean and the directions that vectors are reduced by: ``mean`` (dim,), ``directions`` (dim, at most 50)."""

    mean: npt.NDArray[np.float64]
    directions: npt.NDArray[np.float64]


class Sharpened(NamedTuple):
    """Vectors made ready to be grouped.

    ``vectors`` (n, d): as they were, of length one; ``smooth`` (n, d): drawn to their neighbours; ``near`` (n, at most
    15): the rows of those; ``parts`` (n,): the small group of each, from 0.
    """

    vectors: Floats
    smooth: Floats
    near: npt.NDArray[np.int32]
    parts: Labels


def find_axes(vectors: npt.NDArray[np.floating]) -> Axes:
    """Return the principal axes of `vectors` (n, dim), read in blocks: no copy of all is made.

    Where they are fewer than their dimensions, the axes are found from the products of each two of them, which are
    fewer than those of each two columns.
    """
    count, dim = vectors.shape
    size = max(1, min(DIMENSIONS, count - 1, dim))
    if 0 < count < dim:
        few = np.asarray(vectors, dtype=np.float64)
        mean = few.sum(axis=0) / count
        found = (few - mean).T @ _strongest((few - mean) @ (few - mean).T, size)
        kept = found / np.maximum(np.linalg.norm(found, axis=0), 1e-9)
    else:
        total, products = np.zeros(dim), np.zeros((dim, dim))
        for start in range(0, count, _BLOCK):
            block = np.asarray(vectors[start : start + _BLOCK], dtype=np.float64)
            total += block.sum(axis=0)
            products += block.T @ block
        mean = total / max(1, count)
        kept = _strongest(products / max(1, count) - np.outer(mean, mean), size)
    signs = np.sign(kept[np.abs(kept).argmax(axis=0), np.arange(size)])
    return Axes(mean, kept * np.where(signs == 0, 1, signs))


def _strongest(products: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """Return the eigenvectors of a symmetric matrix with the `size` greatest eigenvalues, in columns."""
    strength, directions = np.linalg.eigh(products)
    return np.asarray(directions[:, np.argsort(-strength, kind="stable")[:size]])


def reduce(vectors: npt.NDArray[np.floating], axes: Axes) -> Floats:
    """Return `vectors` (n, dim) along `axes`, each of length one; read in blocks."""
    found = np.empty((len(vectors), axes.directions.shape[1]), dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = np.asarray(vectors[start : start + _BLOCK], dtype=np.float64)
        found[start : start + _BLOCK] = unit((block - axes.mean) @ axes.directions)
    return found


def unit(vectors: npt.NDArray[np.floating]) -> Floats:
    """Scale each row to length one, rounded to five places so that last bits do not decide; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 1e-9, lengths, np.inf), dtype=np.float32).round(5)


def means(vectors: Floats, labels: Labels) -> Floats:
    """Return the mean direction of each group of `vectors`; shape (groups, d)."""
    count = int(labels.max()) + 1
    members = sparse.csr_matrix(
        (np.ones(len(labels), dtype=np.float32), (labels, np.arange(len(labels)))), shape=(count, len(labels))
    )
    return unit(members @ vectors)


def nearest(vectors: Floats, centres: Floats, favour: npt.NDArray[np.floating] | float = 0.0) -> Labels:
    """Return the row of `centres` that each of `vectors` is nearest to, by cosine and what is in `favour` of it."""
    found = np.empty(len(vectors), dtype=np.intp)
    for start in range(0, len(vectors), _BLOCK):
        found[start : start + _BLOCK] = (vectors[start : start + _BLOCK] @ centres.T + favour).argmax(axis=1)
    return found


def neighbours(vectors: Floats, seed: int) -> npt.NDArray[np.int32]:
    """Return the rows of the nearest neighbours of each of `vectors`, nearly all of them right; (n, at most 15)."""
    count = len(vectors)
    most = max(1, min(_NEIGHBOURS, count // 8))
    rough = _kmeans(vectors, max(1, int(count**0.5)), seed, _ROUGH) if count > 2000 else np.zeros(count, dtype=np.intp)
    centres = means(vectors, rough)
    beside = np.argsort(-(centres @ centres.T), axis=1, kind="stable")[:, :_NEAR_GROUPS]
    order = np.argsort(rough, kind="stable")
    ends = np.cumsum(np.bincount(rough))
    members = np.split(order, ends[:-1])
    found = np.empty((count, most), dtype=np.int32)
    for own, near in zip(members, beside, strict=True):
        others = np.concatenate([members[group] for group in near])
        while len(others) <= most:
            others = np.arange(count)
        similar = vectors[own] @ vectors[others].T
        similar[own[:, None] == others[None, :]] = -2
        found[own] = others[np.argpartition(similar, similar.shape[1] - most, axis=1)[:, -most:]]
    return found


def sharpen(vectors: Floats, near: npt.NDArray[np.int32], times: int) -> Floats:
    """Replace each vector, `times` over, by half itself and half the mean of its neighbours `near`."""
    count, most = near.shape
    shares = np.full(near.size, 1 / most, dtype=np.float32)
    beside = sparse.csr_matrix((shares, near.ravel(), np.arange(0, near.size + 1, most)), shape=(count, count))
    for _ in range(times):
        vectors = unit(0.5 * vectors + 0.5 * (beside @ vectors))
    return vectors


def _kmeans(vectors: Floats, number: int, seed: int, rounds: int) -> Labels:
    """Return labels from 0 without gaps; fewer than `number` where vectors coincide."""
    found = lloyd(vectors, some_rows(len(vectors), number, seed), rounds, _STILL)[0]
    return np.unique(found, return_inverse=True)[1].astype(np.intp)


def count_distinct(vectors: Floats, enough: int) -> int:
    """Return how many of `vectors` differ; a lower bound, once it is `enough`."""
    first = len(np.unique(vectors[:, 0]))
    return first if first >= enough else len(np.unique(vectors, axis=0))


def make_ready(reduced: Floats, least: int, seed: int) -> Sharpened:
    """Return the vectors `reduced` (n, d; of length one) made ready for `least` groups, if they differ enough."""
    near = neighbours(reduced, seed) if len(reduced) > 1 else np.zeros((len(reduced), 1), dtype=np.int32)
    smooth = sharpen(reduced, near, _TIMES if len(reduced) < _MANY else _TIMES_MANY)
    number = max(least, min(_SMALL_GROUPS, len(smooth) // _IN_SMALL_GROUP), 1)
    if count_distinct(smooth, 2 * number) >= 2 * number:
        parts = _kmeans(smooth, number, seed, _ROUNDS)
        if parts.max() + 1 >= least:
            return Sharpened(reduced, smooth, near, parts)
    apart = reduced if count_distinct(smooth, least) < least else smooth
    return Sharpened(
        reduced, smooth, near, np.unique(apart, axis=0, return_inverse=True)[1].reshape(-1).astype(np.intp)
    )


def sharpen_by(vectors: Floats, centres: Floats) -> Floats:
    """Replace each vector by half itself and half the mean of the three `centres` nearest to it."""
    most = min(3, len(centres))
    found = np.empty_like(vectors)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        near = np.argpartition(-(block @ centres.T), most - 1, axis=1)[:, :most]
        found[start : start + _BLOCK] = unit(0.5 * block + 0.5 * centres[near].mean(axis=1))
    return found
