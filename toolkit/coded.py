"""The words of many texts as numbers: each distinct word is made a string once, however often it stands there.

All that reads words of many texts rests on this: `lexicon` counts their stems, `overtime` the words of periods,
`shingles` what articles share, and `wordvectors` and `subwords` number what stands between two spaces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Whole = npt.NDArray[np.int64]
_AT_ONCE = 4_000_000
"""Characters that are looked at together: each takes a dozen bytes meanwhile."""
END = "\x1f"
"""What stands behind each run."""


class Coded(NamedTuple):
    """Words in the order in which they stand: the place of each one's text, and of the word in ``known``."""

    text: Whole
    word: Whole
    known: list[str]
    size: int
    """How many texts there are."""


def code_words(texts: Iterable[str]) -> Coded:
    """Return the words of `texts` as `words.tokens` reads them, stop words among them.

    >>> code_words(["A Summit in Astana.", "", "Oil in Astana"])[1:]
    (array([0, 1, 2, 3, 1, 2]), ['summit', 'in', 'astana', 'oil'], 3)
    """
    places: dict[str, int] = {}
    parts, size = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))], 0
    for piece in in_pieces(texts):
        found = find_runs(piece, str.lower, is_letter, 2)
        local, known = distinct(found.written, found.bounds)
        own, _ = number([name[:-1] for name in known], places)
        parts.append((found.text + size, own[local]))
        size += len(piece)
    text, word = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Coded(text, word, list(places), size)


def is_letter(sign: str) -> bool:
    """Tell whether a sign is a letter, or a numeral that is no digit."""
    return sign.isalnum() and not sign.isdecimal()


def in_pieces(texts: Iterable[str]) -> Iterator[list[str]]:
    """Give the texts, some at a time, which have `_AT_ONCE` characters or little more together."""
    piece, length = list[str](), 0
    for text in texts:
        piece.append(text)
        length += len(text)
        if length >= _AT_ONCE:
            yield piece
            piece, length = [], 0
    if piece:
        yield piece


class Runs(NamedTuple):
    """Runs of signs, each with `END` behind it, in the order in which they stand."""

    text: Whole
    """The place of each one's text."""
    written: bytes
    """All, as UTF-8."""
    bounds: Whole
    """Where each begins in ``written``, and the end of all."""


def find_runs(texts: Sequence[str], fold: Callable[[str], str], belongs: Callable[[str], bool], least: int) -> Runs:
    """Return the runs of `least` (1 or 2) or more signs that belong, in texts whose case is folded, ё as е."""
    joined = fold("\0".join(text.replace("\0", " ") for text in texts)).replace("ё", "е") + "\0"
    signs = np.array(np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32))
    held = _which(signs, belongs)[signs]
    edges = np.flatnonzero(np.diff(held, prepend=False))
    begins, ends = edges[::2], edges[1::2]
    short = ends - begins < least
    held[begins[short]] = False
    begins, ends = begins[~short], ends[~short]
    text = np.searchsorted(np.flatnonzero(signs == 0), begins)
    signs[ends], held[ends] = ord(END), True
    lengths, kept = ends - begins + 1, signs[held]
    written = kept.tobytes().decode("utf-32-le").encode()
    if len(written) != len(kept):
        widths = 1 + (kept >= 0x80).astype(np.int64) + (kept >= 0x800) + (kept >= 0x10000)
        lengths = np.add.reduceat(widths, np.cumsum(lengths) - lengths)
    return Runs(text, written, np.concatenate([[0], np.cumsum(lengths)]))


def distinct(written: bytes | npt.NDArray[np.uint8], bounds: Whole) -> tuple[Whole, list[str]]:
    """Return the number of each string, and the strings, each once, in the order in which they first stand there.

    String i is ``written[bounds[i]:bounds[i + 1]]``, as UTF-8.

    >>> distinct(b"oilgasoil", np.array([0, 3, 6, 9]))
    (array([0, 1, 0]), ['oil', 'gas'])
    """
    ends = pa.py_buffer(bounds.astype(np.int32))
    found = pa.StringArray.from_buffers(len(bounds) - 1, ends, pa.py_buffer(written)).dictionary_encode()
    return found.indices.to_numpy().astype(np.int64), found.dictionary.to_pylist()


def number(names: Sequence[str], known: dict[str, int]) -> tuple[Whole, list[str]]:
    """Return the number of each of the distinct `names`, and those that `known` did not hold and that it now does.

    >>> number(["oil", "gas"], {"coal": 0, "gas": 1})
    (array([2, 1]), ['oil'])
    """
    fresh = [name for name in names if name not in known]
    known |= zip(fresh, range(len(known), len(known) + len(fresh)), strict=True)
    return np.fromiter(map(known.__getitem__, names), dtype=np.int64, count=len(names)), fresh


def _which(signs: npt.NDArray[np.uint32], belongs: Callable[[str], bool]) -> npt.NDArray[np.bool_]:
    """Return for each code up to the largest in `signs` whether it belongs, where it stands there."""
    known = np.zeros(int(signs.max()) + 1, dtype=bool)
    for code in np.flatnonzero(np.bincount(signs)).tolist():
        known[code] = belongs(chr(code))
    return known
