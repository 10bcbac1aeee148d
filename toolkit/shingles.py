"""Word shingles, their MinHash signatures and their likeness; a part of `dedupe`, apart for its length."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rensa import RMinHash
from scipy import sparse

Words = list[list[str]]
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


def shingles(words: Words, size: int) -> tuple[Hashes, Ints]:
    """Hash every run of `size` words; article i owns ``hashes[offsets[i]:offsets[i + 1]]``, sorted and unique.

    Texts are padded at both ends, so that one shorter than a shingle has some too, and one changed word in a
    short headline does not change them all.
    """
    pad = [_PAD] * (size - 1)
    padded = [[*pad, *found, *pad] if found else [] for found in words]
    codes, vocabulary = pd.factorize(np.array([word for found in padded for word in found], dtype=object))
    word_hashes = pd.util.hash_array(np.asarray(vocabulary, dtype=object), categorize=False)[codes]
    lengths = np.array([len(found) for found in padded], dtype=np.int64)
    counts = np.maximum(lengths - size + 1, 0)
    owner = np.repeat(np.arange(len(words)), counts)
    start = np.arange(counts.sum()) - (np.cumsum(counts) - counts)[owner] + (np.cumsum(lengths) - lengths)[owner]
    mixed = np.zeros(len(start), dtype=np.uint64)
    for position in range(size):
        mixed = _mix(mixed + word_hashes[start + position])
    return _unique_per_owner(mixed, owner, len(words))


def _mix(values: Hashes) -> Hashes:
    """Scramble 64 bits (the finaliser of SplitMix64), so that the order of words counts."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _unique_per_owner(hashes: Hashes, owner: Ints, owners: int) -> tuple[Hashes, Ints]:
    order = np.lexsort((hashes, owner))
    hashes, owner = hashes[order], owner[order]
    fresh = np.ones(len(hashes), dtype=bool)
    fresh[1:] = (hashes[1:] != hashes[:-1]) | (owner[1:] != owner[:-1])
    offsets = np.searchsorted(owner[fresh], np.arange(owners + 1))
    return hashes[fresh], offsets.astype(np.int64)


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
    names, columns = np.unique(hashes, return_inverse=True)
    ones = np.ones(len(hashes), dtype=np.int32)
    table = sparse.csr_matrix((ones, columns, offsets), shape=(len(offsets) - 1, len(names)))
    common = [
        table[left[at : at + PAIRS_AT_ONCE]].multiply(table[right[at : at + PAIRS_AT_ONCE]]).sum(axis=1).A1
        for at in range(0, len(left), PAIRS_AT_ONCE)
    ]
    shared = np.concatenate([np.zeros(0), *common])
    sizes = np.diff(offsets)
    return np.asarray(shared / (sizes[left] + sizes[right] - shared), dtype=np.float64)
