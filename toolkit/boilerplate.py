"""Sentences that are about the page and not in the article: known formulas, and what a source repeats.

What a source repeats is known when all its articles were read. Of them only a hash of every sentence is kept, 64 bits,
in which two of a hundred million sentences are taken for one with a chance of one in four thousand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_SENTENCE_END = re.compile(
    r"(?<=[.!?…])(?<![A-ZА-Я]\.)(?<![A-ZА-Я]\w\.)(?<![A-ZА-Я]\w\w\.) (?=[^\w\s]*[A-ZА-ЯЁӘҒҚҢӨҰҮҺІ@])"
)
_FORMULA = re.compile(
    r"""(?ix)^\W*(?: advertisements? | read\ (?:more|also|next)\b.* | (?:see|learn)\ more | continues\ below
    | (?:image|media|photo)\ (?:copyright|caption|source|credit)\b.* | (?:.*/)?getty\ images | all\ rights\ reserved
    | share\ (?:this|on)(?:\W+\w+){0,4} | follow\ (?:us|\S+)\ on\ .* | (?:subscribe|sign\ up)\b.* | click\ here\b.*
    | (?:source|link|photo|video|more|full\ story|via)\ *: | (?:толығырақ|жарнама|сурет|дереккөз)\ *:?
    | (?:реклама|подробнее|подробности|источник|ссылка|фото|видео|читать\ (?:далее|полностью|дальше))\ *:?
    | (?:читайте\ (?:также|нас)|смотрите\ также|прислать\ новость)\b.* | .*\bподписаться | (?:@\w+[\s,|]*)+
    | (?:подпи(?:сывай(?:ся|тесь)|саться|шись|шитесь)|жазылыңыз(?:дар)?|тағы\ оқыңыз|оқи\ отырыңыз)\b.* )\W*$"""
)
"""Whole lines or sentences that are about the page and not in the article."""
_WORDS = re.compile(r"\w+")
_BREAK = "\x1e"
"""Stands between the sentences of a line, where a space will be."""
_NEVER = 25
"""Words from which on a sentence is never boilerplate."""


class Sentences:
    """The sentences of all articles: `add` them piece by piece, then ask which are `repeated`."""

    def __init__(self) -> None:
        self._keys: list[NDArray[np.uint64]] = []
        self._words: list[NDArray[np.uint8]] = []
        self._counts: list[Ints] = []
        self._sources: list[int] = []
        self._numbers: dict[str, int] = {}

    def add(self, sources: Sequence[str], keys: NDArray[np.uint64], words: NDArray[np.uint8], counts: Ints) -> None:
        """Add the articles of a piece, as `split` read them."""
        self._keys.append(keys)
        self._words.append(words)
        self._counts.append(counts)
        self._sources += [self._numbers.setdefault(source, len(self._numbers)) for source in sources]

    def repeated(self) -> list[Flags | None]:
        """Tell of each article which of its sentences its source repeats; None where there is none.

        A sentence is boilerplate when it stands in many articles of a source (`_needed`). Articles that open alike
        count once, and those that mostly repeat others not at all: they may be versions of one.
        """
        counts = np.concatenate([np.zeros(0, dtype=np.int64), *self._counts])
        cut = self._cut(counts) if counts.sum() else np.zeros(0, dtype=bool)
        ends = np.cumsum(counts)
        some = np.add.reduceat(np.append(cut, False), np.append(0, ends[:-1])) * (counts > 0) if len(counts) else counts
        return [cut[end - size : end] if hit else None for end, size, hit in zip(ends, counts, some, strict=True)]

    def _cut(self, counts: Ints) -> Flags:
        sources = np.array(self._sources, dtype=np.int64)
        article = np.repeat(np.arange(len(counts)), counts)
        own = _mixed(np.concatenate(self._keys), sources[article])
        first, key = np.unique(own, return_index=True, return_inverse=True)[1:]
        words = np.concatenate(self._words)[first]
        needed = _needed(words, np.bincount(sources)[sources[article[first]]])
        often = _distinct(key, article, len(first)) >= needed
        stale = often[key]
        total, fresh = (np.bincount(article[rows], minlength=len(counts)) for rows in (slice(None), ~stale))
        lead = np.full(len(counts), -1, dtype=np.int64)
        opening = article[~stale]
        starts = np.flatnonzero(np.diff(opening, prepend=-1))
        lead[opening[starts]] = key[~stale][starts]
        counted = stale & (2 * fresh >= total)[article]
        leads = _distinct(key[counted], lead[article[counted]], len(first))
        return (often & (leads >= needed))[key]


def split(texts: Sequence[str]) -> tuple[list[str], NDArray[np.uint64], NDArray[np.uint8], Ints]:
    """Return each text in its sentences, less the known formulas; `without` makes a text of it again.

    With them come a hash and the length in words of every sentence, and how many sentences each text has.
    """
    found = [_sentences(text) for text in texts]
    keys = [_key(one) for lines in found for line in lines for one in line]
    hashes = pd.util.hash_array(np.array(keys, dtype=object), categorize=False)
    lengths = np.array([_length(key) for key in keys], dtype=np.uint8)
    counts = np.array([sum(map(len, lines)) for lines in found], dtype=np.int64)
    return ["\n".join(_BREAK.join(line) for line in lines if line) for lines in found], hashes, lengths, counts


def without(text: str, cut: Flags | None) -> str:
    """Return a text that `split` gave, less the sentences that are `cut`."""
    if cut is None:
        return text.replace(_BREAK, " ")
    flags = iter(cut.tolist())
    lines = [[one for one in line.split(_BREAK) if not next(flags)] for line in text.split("\n")]
    return "\n".join(" ".join(line) for line in lines if line)


def _sentences(text: str) -> list[list[str]]:
    """Split `text` into lines of sentences, less the known formulas; on its own line one may have an open end."""
    lines = text.split("\n")
    kept = [line for line in lines if len(lines) == 1 or len(line) > 200 or not _FORMULA.search(line)]
    return [[one for one in _SENTENCE_END.split(line) if len(one) > 80 or not _FORMULA.search(one)] for line in kept]


def _key(sentence: str) -> str:
    return " ".join(_WORDS.findall(sentence.casefold()))


def _length(key: str) -> int:
    """Return the words of a sentence; `_NEVER` where it cannot be boilerplate, as a dateline never is."""
    if not key:
        return _NEVER
    words = key.count(" ") + 1
    dated = words < 5 and any(word.isdecimal() for word in key.split())
    return _NEVER if dated else min(words, _NEVER)


def _needed(words: NDArray[np.uint8], articles: Ints) -> NDArray[np.float64]:
    """In how many of a source's articles a sentence is boilerplate: the shorter, the more."""
    share = np.select([words < 4, words < 7], [0.1, 0.05], 0.02)
    least = np.minimum(np.maximum(10, share * articles), np.maximum(5, 0.5 * articles))
    return np.where(words < _NEVER, least, np.inf)


def _distinct(key: Ints, other: Ints, keys: int) -> Ints:
    """Count for each key the different values that stand beside it."""
    width = other.max(initial=0) + 1
    pairs = np.sort(key * width + other)
    return np.bincount(pairs[np.diff(pairs, prepend=-1) > 0] // width, minlength=keys)


def _mixed(keys: NDArray[np.uint64], sources: Ints) -> NDArray[np.uint64]:
    return keys ^ pd.util.hash_array(sources)
