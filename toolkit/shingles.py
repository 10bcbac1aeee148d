"""Words, shingles, their MinHash signatures and their likeness; a part of `dedupe`, apart for its length."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rensa import RMinHash
from scipy import sparse

from toolkit.coded import distinct, find_runs, in_pieces

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Floats = NDArray[np.float64]

PERMUTATIONS = 128
RECALL = 0.97
"""Chance at which a pair just at the asked similarity must be proposed."""
NEIGHBOURS = 32
"""Articles that share a band are compared with this many that follow in time, which keeps the work linear."""
SLACK = 0.15
"""How far a signature's estimate may lie below the asked similarity: over three standard errors."""
PAIRS_AT_ONCE = 20_000
_PAD = ""


class Said(NamedTuple):
    """What the words of some articles are, without the words."""

    hashes: Hashes
    """Of all words, in order, one article after the other."""
    sizes: Ints
    """How many words each article has."""
    names: NDArray[np.bytes_]
    """16 bytes of the words of each."""


def read_words(texts: Iterable[str]) -> Said:
    """Read the words of texts, runs of letters and digits; case and all signs between them are no matter."""
    parts = [Said(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype="S16"))]
    for piece in in_pieces(texts):
        text, written, bounds = find_runs(piece, str.casefold, _is_of_word, 1)
        word, known = distinct(written, bounds)
        hashes = _hash([name[:-1] for name in known])[word]
        owned = np.searchsorted(text, np.arange(len(piece) + 1))
        ends = bounds[owned].tolist()
        names = [hashlib.blake2b(written[begin:end], digest_size=16).digest() for begin, end in pairwise(ends)]
        parts.append(Said(hashes, np.diff(owned), np.array(names, dtype="S16")))
    return Said(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _is_of_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


def _hash(words: list[str]) -> Hashes:
    return pd.util.hash_array(np.array(words, dtype=object), categorize=False)


def shingles(words: Hashes, sizes: Ints, size: int) -> tuple[Hashes, Ints]:
    """Hash every run of `size` words; article i owns ``hashes[offsets[i]:offsets[i + 1]]``, sorted and unique.

    `words` are the hashes of all words, `sizes` how many each article has. Texts are padded at both ends, so that one
    shorter than a shingle has some too, and one changed word in a short headline does not change them all.
    """
    pad = size - 1
    lengths = np.where(sizes > 0, sizes + 2 * pad, 0)
    before, mine = np.cumsum(lengths) - lengths, np.cumsum(sizes) - sizes
    padded = np.repeat(_hash([_PAD]), int(lengths.sum()))
    padded[np.repeat(before + pad - mine, sizes) + np.arange(len(words))] = words
    mixed = np.zeros(max(0, len(padded) - pad), dtype=np.uint64)
    for position in range(size):
        mixed = _mix(mixed + padded[position : position + len(mixed)])
    ends = np.concatenate([[0], np.cumsum(np.maximum(lengths - pad, 0))])
    within = np.arange(ends[-1]) - np.repeat(ends[:-1], np.diff(ends))
    return _unique(mixed[np.repeat(before, np.diff(ends)) + within], ends)


def _mix(values: Hashes) -> Hashes:
    """Scramble 64 bits (the finaliser of SplitMix64), so that the order of words counts."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _unique(hashes: Hashes, bounds: Ints) -> tuple[Hashes, Ints]:
    """Sort the hashes between each two `bounds`, and keep one of those that are equal."""
    for begin, end in pairwise(bounds.tolist()):
        hashes[begin:end].sort()
    fresh = np.ones(len(hashes) + 1, dtype=bool)
    fresh[1:-1] = hashes[1:] != hashes[:-1]
    fresh[bounds] = True
    return hashes[fresh[:-1]], np.concatenate([[0], np.cumsum(fresh)])[bounds]


def sign(hashes: Hashes, offsets: Ints, seed: int) -> NDArray[np.uint32]:
    """MinHash signatures of `PERMUTATIONS` numbers, zeros for articles without words."""
    signatures = np.zeros((len(offsets) - 1, PERMUTATIONS), dtype=np.uint32)
    rows = np.flatnonzero(np.diff(offsets))
    if len(rows):
        bounds = np.append(offsets[rows], len(hashes)).astype(np.uint64)
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, bounds, PERMUTATIONS, seed)
        signatures[rows] = matrix.to_rows()
    return signatures


def band_width(similarity: float) -> int:
    """Return the widest band at which a pair of the asked similarity is still proposed with `RECALL`."""
    widths = range(16, 1, -1)
    return next((w for w in widths if 1 - (1 - similarity**w) ** (PERMUTATIONS // w) >= RECALL), 1)


def sharing(band: NDArray[np.uint32], days: Floats, window: int) -> tuple[Ints, Ints]:
    """Pairs of rows with equal bands that are near in time, the earlier first; see `NEIGHBOURS`."""
    key = np.zeros(len(band), dtype=np.uint64)
    for column in band.T:
        key = _mix(key + column.astype(np.uint64))
    order = np.argsort(key, kind="stable")
    key = key[order]
    left, right = [order[:0]], [order[:0]]
    for step in range(1, min(NEIGHBOURS, len(key) - 1) + 1):
        equal = np.flatnonzero(key[step:] == key[:-step])
        if not len(equal):
            break
        one, other = order[equal], order[equal + step]
        near = ~(np.abs(days[one] - days[other]) > window)
        left.append(one[near])
        right.append(other[near])
    return np.concatenate(left), np.concatenate(right)


def jaccard(hashes: Hashes, offsets: Ints, left: Ints, right: Ints) -> Floats:
    """Exact Jaccard similarity of the shingle sets of each pair of rows."""
    ones = np.ones(len(hashes), dtype=np.int8)
    columns = (hashes >> np.uint64(1)).astype(np.int64)  # in order, so that what two rows share is found by merging
    if (columns[1:] == columns[:-1]).any():
        columns = np.unique(hashes, return_inverse=True)[1]
    table = sparse.csr_matrix((ones, columns, offsets), shape=(len(offsets) - 1, np.iinfo(np.int64).max))
    common = [
        np.diff(table[left[at : at + PAIRS_AT_ONCE]].multiply(table[right[at : at + PAIRS_AT_ONCE]]).indptr)
        for at in range(0, len(left), PAIRS_AT_ONCE)
    ]
    shared = np.concatenate([np.zeros(0), *common])
    sizes = np.diff(offsets)
    return np.asarray(shared / (sizes[left] + sizes[right] - shared), dtype=np.float64)
