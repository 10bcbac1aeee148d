"""Exact and near duplicates: which articles are copies, and which tell one story.

An *exact copy* has the words of another article of the same source (case, spaces and punctuation aside) and is
dropped. Articles of one *story* share much of their wording, as a wire text does in forty newspapers; they all
stay, and get one ``story_id``. Wording is compared as sets of word shingles: MinHash signatures with banding
(Broder 1997; Leskovec, Rajaraman & Ullman, *Mining of Massive Datasets*, chapter 3) propose pairs, their exact
Jaccard similarity decides. Two reports of one event in different words are two stories here.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rensa import RMinHash
from scipy import sparse

from toolkit.schema import Kept
from toolkit.settings import DedupeSettings

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

_WORD = re.compile(r"\w+")
_PAD = ""


def find_stories(articles: pd.DataFrame, settings: DedupeSettings = DedupeSettings()) -> tuple[Kept, pd.DataFrame]:
    """Drop exact copies and group the rest into stories.

    Of the articles of one source with the same words all but the earliest are dropped, with the ``reason``
    "exact copy of <article_id>" and that id in ``duplicate_of``. The same text from another source is kept.

    The second value has one row for every kept article, in the same order: ``article_id, story_id``. A story is
    named after its earliest member (ties: the smaller id). Links are taken from the most similar to the least,
    and one that would stretch a story beyond ``window_days`` is not taken, so that a text which changes a little
    every day (a weather report) does not chain into one endless story. The order of the rows does not matter.
    """
    rows = _in_time(articles)
    ordered = articles.iloc[rows]
    words = _words(ordered)
    first = _first_copies(ordered["source"].tolist(), words)
    alone = np.flatnonzero(first == np.arange(len(rows)))
    story = first.copy()
    story[alone] = alone[_stories([words[row] for row in alone], _days(ordered)[alone], settings)]
    ids = ordered["article_id"].to_numpy(dtype=object)
    names = pd.DataFrame({"original": ids[first], "story_id": ids[story]}, index=rows, dtype="str").sort_index()
    kept = _split(articles, names["original"].to_numpy(dtype=object))
    own = names["original"].to_numpy() == articles["article_id"].to_numpy()
    return kept, kept.kept[["article_id"]].assign(story_id=names["story_id"][own].to_numpy())


def _in_time(articles: pd.DataFrame) -> Ints:
    """Positions of the rows in order of time, undated ones last, ties by id."""
    keys = articles[["published", "article_id"]].reset_index(drop=True)
    return keys.sort_values(["published", "article_id"]).index.to_numpy(dtype=np.int64)


def _split(articles: pd.DataFrame, original: NDArray[np.object_]) -> Kept:
    """Drop the articles whose `original`, an id, is not their own."""
    copy = original != articles["article_id"].to_numpy(dtype=object)
    of = pd.Series(original, articles.index, dtype="str")[copy]
    dropped = articles[copy].assign(reason="exact copy of " + of, duplicate_of=of)
    return Kept(articles[~copy].reset_index(drop=True), dropped.reset_index(drop=True))


def _words(articles: pd.DataFrame) -> Words:
    joined = articles["title"].astype(object) + "\n" + articles["text"].astype(object)
    return [_WORD.findall(text.casefold().replace("ё", "е")) for text in joined]


def _days(articles: pd.DataFrame) -> Floats:
    """Days since 1970; not a number where undated."""
    since = articles["published"] - pd.Timestamp(0, tz="UTC")
    return np.asarray(since / pd.Timedelta(days=1), dtype=np.float64)


def _first_copies(sources: list[str], words: Words) -> Ints:
    """Of every article: the row of the first with the same source and words (itself, where it has no words)."""
    seen: dict[tuple[str, str], int] = {}
    found = enumerate(zip(sources, words, strict=True))
    rows = [seen.setdefault((source, " ".join(said)), row) if said else row for row, (source, said) in found]
    return np.array(rows, dtype=np.int64)


def _stories(words: Words, days: Floats, settings: DedupeSettings) -> Ints:
    """Of every article: the row of the earliest article of its story. Rows come in order of time."""
    hashes, offsets = _shingles(words, settings.shingle)
    left, right = _candidates(hashes, offsets, settings)
    near = ~(np.abs(days[left] - days[right]) > settings.window_days)
    left, right = left[near], right[near]
    similarity = _jaccard(hashes, offsets, left, right)
    same = similarity >= settings.similarity
    order = np.lexsort((right[same], left[same], -similarity[same]))
    return _join(left[same][order], right[same][order], days, settings.window_days)


def _shingles(words: Words, size: int) -> tuple[Hashes, Ints]:
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


def _candidates(hashes: Hashes, offsets: Ints, settings: DedupeSettings) -> tuple[Ints, Ints]:
    """Pairs of rows, ``left < right``, whose signatures share a band and promise the asked similarity."""
    rows = np.flatnonzero(np.diff(offsets))
    if len(rows) < 2:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    bounds = np.append(offsets[rows], len(hashes)).astype(np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, bounds, PERMUTATIONS, settings.seed)
    signatures = np.array(matrix.to_rows(), dtype=np.uint32)
    width = _band_width(settings.similarity)
    bands = [signatures[:, at : at + width] for at in range(0, PERMUTATIONS - width + 1, width)]
    pairs = np.sort(np.concatenate([_sharing(band) for band in bands]))
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    left, right = np.divmod(pairs, len(rows))
    estimate = [
        (signatures[left[at : at + PAIRS_AT_ONCE]] == signatures[right[at : at + PAIRS_AT_ONCE]]).mean(axis=1)
        for at in range(0, len(pairs), PAIRS_AT_ONCE)
    ]
    promising = np.concatenate([np.zeros(0), *estimate]) >= settings.similarity - SLACK
    return rows[left[promising]], rows[right[promising]]


def _band_width(similarity: float) -> int:
    """Return the widest band at which a pair of the asked similarity is still proposed with `RECALL`."""
    widths = range(16, 1, -1)
    return next((w for w in widths if 1 - (1 - similarity**w) ** (PERMUTATIONS // w) >= RECALL), 1)


def _sharing(band: NDArray[np.uint32]) -> Ints:
    """Pairs of rows with equal bands, as ``left * rows + right``; see `NEIGHBOURS`."""
    key = np.zeros(len(band), dtype=np.uint64)
    for column in band.T:
        key = _mix(key + column.astype(np.uint64))
    order = np.argsort(key, kind="stable")
    key = key[order]
    found = [np.zeros(0, dtype=np.int64)]
    for step in range(1, min(NEIGHBOURS, len(key) - 1) + 1):
        equal = np.flatnonzero(key[step:] == key[:-step])
        if not len(equal):
            break
        found.append(order[equal] * len(key) + order[equal + step])
    return np.concatenate(found)


def _jaccard(hashes: Hashes, offsets: Ints, left: Ints, right: Ints) -> Floats:
    """Exact Jaccard similarity of the shingle sets of each pair."""
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


def _join(left: Ints, right: Ints, days: Floats, window: int) -> Ints:
    """Union the pairs in the order given, unless the joined story would span more than `window` days."""
    root = list(range(len(days)))
    earliest, latest = days.tolist(), days.tolist()

    def find(row: int) -> int:
        while root[row] != row:
            root[row] = root[root[row]]
            row = root[row]
        return row

    for one, other in zip(left.tolist(), right.tolist(), strict=True):
        low, high = sorted((find(one), find(other)))
        if low == high:
            continue
        start, end = np.fmin(earliest[low], earliest[high]), np.fmax(latest[low], latest[high])
        if not end - start > window:
            root[high], earliest[low], latest[low] = low, start, end
    return np.array([find(row) for row in range(len(days))], dtype=np.int64)
