"""The ids of articles and stories as numbers, which are compared, joined and sorted ten times as fast as their digits.

An id is 16 hexadecimal digits (`schema.article_id`), and so is one number of 64 bits: nothing is looked up to make the
one of the other, numbers made of two tables fit each other, and they sort as the ids do.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from toolkit.schema import InputError

_COLUMNS = ("article_id", "story_id")
_DIGITS = 16
_MIDDLE = 1 << 63
"""Is taken off, since numbers with a sign mix well with others."""
_NO_DIGIT = 255
_VALUES = np.full(256, _NO_DIGIT, dtype=np.uint8)
_VALUES[np.frombuffer(b"0123456789abcdef", dtype=np.uint8)] = np.arange(16)


def numbered(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with ``article_id`` and ``story_id``, where it has them, as numbers (int64); `names_of` undoes it.

    >>> numbered(pd.DataFrame({"article_id": ["8000000000000001", "7fffffffffffffff"]}))["article_id"].tolist()
    [1, -1]
    """
    return frame.assign(**{name: numbers_of(frame[name]) for name in _COLUMNS if name in frame})


def numbers_of(names: Iterable[str]) -> npt.NDArray[np.int64]:
    """Return ids as numbers; `InputError` where one is no id."""
    held = pa.array(names, type=pa.large_string(), from_pandas=True)
    if isinstance(held, pa.ChunkedArray):
        held = held.combine_chunks()
    ends, written = (np.frombuffer(part, dtype) for part, dtype in zip(held.buffers()[1:], ("<i8", "u1"), strict=True))
    ends = ends[held.offset : held.offset + len(held) + 1]
    digits = _VALUES[written[ends[0] : ends[-1]]] if len(held) else np.zeros(0, dtype=np.uint8)
    if held.null_count or (np.diff(ends) != _DIGITS).any() or (digits == _NO_DIGIT).any():
        wrong = next(name for name in held.to_pylist() if not _is_id(name))
        raise InputError(f"An article is called {wrong!r}, expected {_DIGITS} digits from 0 to f: make the run again.")
    pairs = digits[0::2] << 4 | digits[1::2]
    found = np.ascontiguousarray(pairs).view(">u8").astype(np.uint64) ^ np.uint64(_MIDDLE)
    return found.view(np.int64)


def _is_id(name: str | None) -> bool:
    return name is not None and len(name) == _DIGITS and set(name) <= set("0123456789abcdef")


def names_of(ids: Iterable[int | str]) -> list[str]:
    """Return the ids of numbers that `numbered` made; what is a name already stays as it is."""
    return [one if isinstance(one, str) else f"{int(one) + _MIDDLE:0{_DIGITS}x}" for one in ids]
