"""Tables that nobody holds whole: what the stages say of how they are read, and how they are put together.

A stage that can work in pieces takes any iterable of frames that can be read again, and is a generator of `Kept`, a
piece each. Held in memory (`together`) it gives what it would of one table; on disk it is kept by `store.Scratch`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

import pandas as pd

from toolkit.schema import Kept, Pieces, Rows

Piece = TypeVar("Piece")
Settle = Callable[[pd.DataFrame], pd.DataFrame]
"""Gives a piece its final types, known only when all pieces were read."""
Steps = Generator[Kept, None, Settle | None]
"""What a stage in pieces gives: what it kept and dropped of each, and at last how the kept ones are settled."""
Aside = Callable[[Iterable[pd.DataFrame]], Pieces]
"""Puts frames aside, so that they can be read again: `list`, or a place on disk."""


def count_rows(pieces: Pieces) -> int:
    """Return how many rows all pieces have together."""
    return sum(map(len, pieces)) if isinstance(pieces, list) else len(cast("Rows", pieces))


def walk(steps: Steps, take: Callable[[Kept], object]) -> Settle:
    """Give each step to `take`, and return how what was kept is settled."""
    while True:
        try:
            take(next(steps))
        except StopIteration as end:
            return end.value or (lambda frame: frame)


def together(steps: Steps) -> Kept:
    """Return what a stage in pieces kept and dropped, each as one table."""
    found: list[Kept] = []
    settle = walk(steps, found.append)
    return Kept(settle(join([step.kept for step in found])), join([step.dropped for step in found]))


def join(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put pieces below each other; an only one stays as it is, and empty ones have no say in the types."""
    some = [frame for frame in frames if len(frame)] or list(frames[:1])
    return some[0].reset_index(drop=True) if len(some) == 1 else pd.concat(some, ignore_index=True)


def ahead(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Give the pieces in their order, each read by a thread while the one before it is worked on."""
    rest, none = iter(pieces), object()
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, rest, none)
        while (piece := coming.result()) is not none:
            coming = reader.submit(next, rest, none)
            yield cast(Piece, piece)
