"""Exact and near duplicates: which articles are copies, and which tell one story.

An *exact copy* has the words of another article of the same source (case, spaces and punctuation aside) and is
dropped. Articles of one *story* share much of their wording, as a wire text does in forty newspapers; they all
stay, and get one ``story_id``. Wording is compared as sets of word shingles: MinHash signatures with banding
(Broder 1997; Leskovec, Rajaraman & Ullman, *Mining of Massive Datasets*, chapter 3) propose pairs, their exact
Jaccard similarity decides. Two reports of one event in different words are two stories here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.abreast import Result, abreast
from toolkit.pieces import Steps, count_rows, together
from toolkit.schema import Kept, Pieces, Tell, quiet
from toolkit.settings import DedupeSettings
from toolkit.shingles import (
    PAIRS_AT_ONCE,
    PERMUTATIONS,
    SLACK,
    Floats,
    Hashes,
    Ints,
    band_width,
    jaccard,
    read_words,
    sharing,
    shingles,
    sign,
)

HASHES_AT_ONCE = 50_000_000
"""Shingles that are held at once when pairs are compared."""
ARTICLES_AT_ONCE = 2_000


def find_stories(articles: pd.DataFrame, settings: DedupeSettings = DedupeSettings()) -> tuple[Kept, pd.DataFrame]:
    """Drop exact copies and group the rest into stories.

    Of the articles of one source with the same words all but the earliest are dropped, with the ``reason``
    "exact copy of <article_id>" and that id in ``duplicate_of``. The same text from another source is kept.

    The second value has one row for every kept article, in the same order: ``article_id, story_id``. A story is
    named after its earliest member (ties: the smaller id). Links are taken from the most similar to the least,
    and one that would stretch a story beyond ``window_days`` is not taken, so that a text which changes a little
    every day (a weather report) does not chain into one endless story. The order of the rows does not matter.
    """
    kept, dropped = together(story_pieces([articles], settings))
    return Kept(kept.drop(columns="story_id"), dropped), kept[["article_id", "story_id"]].copy()


def story_pieces(pieces: Pieces, settings: DedupeSettings = DedupeSettings(), tell: Tell = quiet) -> Steps:
    """Find stories as `find_stories` does, of articles in pieces; ``kept`` has a column ``story_id``.

    Held of an article are its id, its date, a hash of its words and its signature, 600 bytes in all.
    """
    total = count_rows(pieces)
    read = _read(pieces, settings, lambda done: tell(done, 2 * total))
    original, story = _settle(read, pieces, settings)
    done = 0
    for piece in pieces:
        rows = slice(done, done + len(piece))
        kept, dropped = _split(piece, read.ids[original[rows]])
        own = original[rows] == np.arange(rows.start, rows.stop)
        yield Kept(kept.assign(story_id=pd.Series(read.ids[story[rows]][own], kept.index, dtype="str")), dropped)
        done += len(piece)
        tell(total + done, 2 * total)
    return None


class _Read(NamedTuple):
    """What is held of the articles, in the order in which they came."""

    ids: NDArray[np.object_]
    days: Floats
    """Since the first date; not a number where undated."""
    words: NDArray[np.bytes_]
    """16 bytes of the source and the words; an article without words has its own."""
    signatures: NDArray[np.uint32]
    shingles: Ints


def _read(pieces: Pieces, settings: DedupeSettings, tell: Callable[[int], None]) -> _Read:
    frames: list[pd.DataFrame] = []
    parts: list[list[NDArray[Any]]] = []
    done = 0
    for frame, *found in abreast(partial(_sign, settings=settings), _blocks(pieces), count_rows(pieces)):
        frames.append(frame)
        parts.append(found)
        done += len(frame)
        tell(done)
    articles = pd.concat(frames)
    published = articles["published"].dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Read(articles["article_id"].to_numpy(dtype=object), _days(published), *columns)


def _sign(block: pd.DataFrame, settings: DedupeSettings) -> Result:
    """Return what is held of a block of articles: ids and dates, then as in `_Read`."""
    said = read_words(_texts(block))
    hashes, offsets = shingles(said.hashes, said.sizes, settings.shingle)
    found = zip(block["article_id"], block["source"], said.names, said.sizes.tolist(), strict=True)
    named = [_name(source, words) if size else _name(name) for name, source, words, size in found]
    signatures = sign(hashes, offsets, settings.seed)
    frame = block[["article_id", "published"]].reset_index(drop=True)
    return frame, np.array(named, dtype="S16"), signatures, np.diff(offsets)


def _blocks(pieces: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Cut pieces smaller: the words of an article take ten times the room of its text."""
    for piece in pieces:
        yield from (piece.iloc[at : at + ARTICLES_AT_ONCE] for at in range(0, max(1, len(piece)), ARTICLES_AT_ONCE))


def _name(said: str, words: bytes = b"") -> bytes:
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), key=words, digest_size=16).digest()


def _settle(read: _Read, pieces: Pieces, settings: DedupeSettings) -> tuple[Ints, Ints]:
    """Of every article: the row of the one that it copies, and of the earliest of its story (else its own)."""
    rows = _in_time(read)
    place = np.empty_like(rows)
    place[rows] = np.arange(len(rows))
    first = _first_copies(read.words[rows])
    alone = rows[first == np.arange(len(rows))]
    left, right = _candidates(read, alone[read.shingles[alone] > 0], settings)
    similarity = _similarities(pieces, read.shingles, left, right, settings)
    left, right = place[left], place[right]
    same = similarity >= settings.similarity
    order = np.lexsort((right[same], left[same], -similarity[same]))
    story = _join(left[same][order], right[same][order], read.days[rows], settings.window_days)
    return rows[first][place], rows[story[first]][place]


def _in_time(read: _Read) -> Ints:
    """Positions of the rows in order of time, undated ones last, ties by id."""
    keys = pd.DataFrame({"published": read.days, "article_id": read.ids})
    return keys.sort_values(["published", "article_id"]).index.to_numpy(dtype=np.int64)


def _split(articles: pd.DataFrame, original: NDArray[np.object_]) -> Kept:
    """Drop the articles whose `original`, an id, is not their own."""
    copy = original != articles["article_id"].to_numpy(dtype=object)
    of = pd.Series(original, articles.index, dtype="str")[copy]
    dropped = articles[copy].assign(reason="exact copy of " + of, duplicate_of=of)
    return Kept(articles[~copy].reset_index(drop=True), dropped.reset_index(drop=True))


def _texts(articles: pd.DataFrame) -> list[str]:
    return (articles["title"].astype(object) + "\n" + articles["text"].astype(object)).tolist()


def _days(published: NDArray[np.datetime64]) -> Floats:
    """Days since the first of all dates, so that it is no matter where all lie; not a number where undated."""
    dated = published[~np.isnat(published)]
    first = dated.min() if len(dated) else np.datetime64(0, "us")
    return np.asarray((published - first) / np.timedelta64(1, "D"), dtype=np.float64)


def _first_copies(words: NDArray[np.bytes_]) -> Ints:
    """Of every article, in order of time: the first with the same source and words."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(name, row) for row, name in enumerate(words.tolist())], dtype=np.int64)


def _candidates(read: _Read, rows: Ints, settings: DedupeSettings) -> tuple[Ints, Ints]:
    """Pairs of `rows`, which are in order of time, that share a band, are near in time and promise the similarity."""
    width = band_width(settings.similarity)
    found = [np.zeros(0, dtype=np.int64)]
    for at in range(0, PERMUTATIONS - width + 1, width):
        left, right = sharing(read.signatures[rows, at : at + width], read.days[rows], settings.window_days)
        found.append(left * len(rows) + right)
    pairs = np.sort(np.concatenate(found))
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    left, right = np.divmod(pairs, max(1, len(rows)))
    left, right = rows[left], rows[right]
    agree = [
        (read.signatures[left[at : at + PAIRS_AT_ONCE]] == read.signatures[right[at : at + PAIRS_AT_ONCE]]).mean(axis=1)
        for at in range(0, len(pairs), PAIRS_AT_ONCE)
    ]
    promising = np.concatenate([np.zeros(0), *agree]) >= settings.similarity - SLACK
    return left[promising], right[promising]


def _similarities(pieces: Pieces, sizes: Ints, left: Ints, right: Ints, settings: DedupeSettings) -> Floats:
    """Exact Jaccard similarity of the shingle sets of each pair, of texts that are read again `HASHES_AT_ONCE`.

    The pairs are in order of time, so that those of an article lie near each other, and few are in two parts.
    """
    found = np.zeros(len(left))
    rows, first = np.unique(np.column_stack([left, right]), return_index=True)
    fresh = np.zeros(2 * len(left), dtype=np.int64)
    fresh[first] = sizes[rows]
    parts = np.cumsum(fresh)[1::2] // HASHES_AT_ONCE
    for part in range(int(parts.max(initial=-1)) + 1):
        pairs = np.flatnonzero(parts == part)
        rows, sides = np.unique(np.concatenate([left[pairs], right[pairs]]), return_inverse=True)
        hashes, offsets = _shingles_of(pieces, rows, settings.shingle)
        found[pairs] = jaccard(hashes, offsets, sides[: len(pairs)], sides[len(pairs) :])
    return found


def _shingles_of(pieces: Pieces, rows: Ints, size: int) -> tuple[Hashes, Ints]:
    """Shingles as `shingles` gives them, of these rows of all pieces, in ascending order."""

    def work(block: pd.DataFrame) -> Result:
        said = read_words(_texts(block))
        hashes, offsets = shingles(said.hashes, said.sizes, size)
        return hashes, np.diff(offsets)

    hashes, counts = zip(*abreast(work, _blocks(_chosen(pieces, rows)), len(rows)), strict=True)
    return np.concatenate(hashes), np.append(0, np.cumsum(np.concatenate(counts)))


def _chosen(pieces: Pieces, rows: Ints) -> Iterator[pd.DataFrame]:
    """Give the `rows` of all pieces, piece by piece."""
    done = 0
    for piece in pieces:
        yield piece.iloc[rows[np.searchsorted(rows, done) : np.searchsorted(rows, done + len(piece))] - done]
        done += len(piece)


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
