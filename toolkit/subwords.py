"""Words to a BPE tokenizer's tokens, each *part* of a word read once; a part of `wordvectors`, apart for its length.

A part ends where no token of the vocabulary goes on: where two characters never stand side by side in one, no merge
reaches over the place between them, so that the tokens before it and behind it do not depend on each other. In
``Kazakhstan's,`` these are the letters, the apostrophe, the ``s`` and the comma. Many words share few parts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toolkit.coded import distinct, number

Whole = npt.NDArray[np.int64]
MARK = "▁"
"""What the tokenizer writes for a space, and puts before each text."""
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_BREAK = "<0x0A>"
"""The token of a line break, which is in no other one: parts are read with line breaks between them."""
_AT_ONCE = 300


class Subwords:
    """Reads words with `tokenizer`: one that writes a mark for a space, splits no text itself, and knows all bytes."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        vocabulary = tokenizer.get_vocab()
        self._break = vocabulary[_BREAK]
        self._apart = _apart([token for token in vocabulary if not _BYTE.fullmatch(token)])
        self.forget()

    def forget(self) -> None:
        """Know no part any longer."""
        self._places = {"\n": 0}
        self._tokens, self._sizes = np.array([self._break], dtype=np.int32), np.ones(1, dtype=np.int64)

    def read(self, words: Sequence[str]) -> tuple[npt.NDArray[np.int32], Whole]:
        """Return the tokens of all words, one word after the other, and where each begins (with the end of all).

        A word has the spaces that stand before it.
        """
        _, ends, signs = pa.array(words, pa.string()).buffers()
        bounds = np.frombuffer(ends, dtype=np.int32)[: len(words) + 1]
        written = np.frombuffer(signs or b"", dtype=np.uint8)[: bounds[-1]]
        cut = np.zeros(len(written) + 1, dtype=bool)
        cut[bounds] = True
        cut[1:-1] |= self._apart[written[:-1], written[1:]]
        cuts = np.flatnonzero(cut)
        part, known = distinct(written, cuts)
        own = self._numbers(known)[part]
        sizes = self._sizes[own]
        ends = np.concatenate([[0], np.cumsum(sizes)])
        first = (np.cumsum(self._sizes) - self._sizes)[own]
        tokens = self._tokens[np.repeat(first - ends[:-1], sizes) + np.arange(ends[-1])]
        return tokens, ends[np.searchsorted(cuts, bounds)]

    def _numbers(self, parts: list[str]) -> Whole:
        """Return the number of each part; those not known are read."""
        numbers, fresh = number(parts, self._places)
        tokens, sizes = self._tokens_of(fresh)
        self._tokens = np.concatenate([self._tokens, tokens])
        self._sizes = np.concatenate([self._sizes, sizes])
        return numbers

    def _tokens_of(self, parts: list[str]) -> tuple[npt.NDArray[np.int32], Whole]:
        """Return the tokens of parts, and how many each has."""
        lines = ["\n" + "\n".join(parts[at : at + _AT_ONCE]) for at in range(0, len(parts), _AT_ONCE)]
        read = self._tokenizer.encode_batch_fast(lines, add_special_tokens=False)
        flat = np.fromiter(chain.from_iterable(line.ids[1:] for line in read), dtype=np.int32)  # the first is the mark
        breaks = flat == self._break
        return flat[~breaks], np.diff(np.flatnonzero(breaks), append=len(flat)) - 1


def _apart(tokens: list[str]) -> npt.NDArray[np.bool_]:
    """Tell for each two bytes, (256, 256), whether they stand side by side in none of the `tokens`.

    Beyond ASCII, where a byte is no character, it is so of a line break alone.
    """
    said = np.frombuffer("\0".join(tokens).replace(MARK, " ").encode(), dtype=np.uint8)
    apart = np.ones((256, 256), dtype=bool)
    apart[said[:-1], said[1:]] = False
    apart[0x80:] = apart[:, 0x80:] = False
    apart[ord("\n")] = apart[:, ord("\n")] = True
    return apart
