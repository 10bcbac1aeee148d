"""Two processes work on the pieces of a large table abreast, every other piece each, and the results come in order.

The other process is forked from this one, so that it knows all that was learnt before, and hands its results over in
files. A piece that it does not deliver, because it failed or was killed, is worked on here; so an error is the same as
without it, and so are the results. What is kept once made can be made by it as a whole (`meanwhile`).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from pyarrow import feather
from threadpoolctl import threadpool_limits

from toolkit import processors
from toolkit.settings import fresh

_PARENT_DEATH = 1
"""What prctl is asked: to send a signal when the parent ends."""
Result = tuple[Any, ...]
"""Frames with the index 0, 1, 2, ..., and arrays of numbers."""
Piece = TypeVar("Piece")

MANY = 20_000
"""Rows from which on it is worth it."""
FEW = 100
"""Rows from which on it is worth it to make something as a whole in another process."""
_MOST = 300_000
"""Rows up to which there is memory for what two processes make at once, whatever it is."""
_AHEAD = 4
"""Results that the other process may be ahead, which bounds the files on disk."""


def abreast(work: Callable[[Piece], Result], pieces: Iterable[Piece], rows: int) -> Iterator[Result]:
    """Give ``work(piece)`` of each of the pieces, which have so many `rows` together and can be read again.

    `work` is to change nothing that another piece depends on. Where there are few rows, one processor, or no Linux,
    one process does all.
    """
    if rows < MANY or not processors.second():
        yield from map(work, pieces)
        return
    with tempfile.TemporaryDirectory(prefix="toolkit-") as folder, _other(work, pieces, Path(folder)) as take:
        for number, piece in enumerate(pieces):
            found = take(number) if number % 2 else None
            yield work(piece) if found is None else found


def meanwhile(make: Callable[[], object], rows: int) -> Callable[[], object]:
    """Let another process call `make`, which keeps what it makes; return what waits until it has ended.

    Whoever calls it after that takes what was kept or makes what was not, so that results and errors are the same as
    without it. There is no other process where there are few rows or very many, one processor or no Linux, or where
    nothing is taken that was kept.
    """
    if not FEW <= rows <= _MOST or fresh() or not processors.second():
        return lambda: None
    child = os.fork()
    if not child:
        _make(make)
    return cache(partial(os.waitpid, child, 0))


def _make(make: Callable[[], object]) -> None:
    """Call it and end without a word, whatever happens, or when the process that this one is forked from does."""
    try:
        ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGKILL)
        _be_quiet()
        with threadpool_limits(1):
            make()
    finally:
        os._exit(0)


def _be_quiet() -> None:
    sys.stdout = sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


@contextlib.contextmanager
def _other(
    work: Callable[[Piece], Result], pieces: Iterable[Piece], folder: Path
) -> Iterator[Callable[[int], Result | None]]:
    """Fork the process that does the odd pieces; give what takes a result of it, or None where there will be none."""
    (told, tell), (asked, ask) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        _be_other(work, pieces, folder, (asked, tell), (told, ask))
    for end in (tell, asked):
        os.close(end)
    with os.fdopen(told, "rb", buffering=0) as answers, os.fdopen(ask, "wb", buffering=0) as asking:
        for _ in range(_AHEAD):
            _ask(asking)

        def take(number: int) -> Result | None:
            if not answers.read(1):
                return None
            _ask(asking)
            return _read(folder, number)

        try:
            yield take
        finally:
            asking.close()
            answers.close()
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _ask(asking: Any) -> None:
    with contextlib.suppress(OSError):  # it has ended
        asking.write(b".")


def _be_other(
    work: Callable[[Piece], Result],
    pieces: Iterable[Piece],
    folder: Path,
    mine: tuple[int, int],
    others: tuple[int, int],
) -> None:
    """Work on the odd pieces, one for each byte that is read, and end without a word, whatever happens."""
    try:
        asked, tell = mine
        for end in others:
            os.close(end)
        _be_quiet()
        with threadpool_limits(1):
            for number, piece in enumerate(pieces):
                if number % 2:
                    if not os.read(asked, 1):
                        break
                    _write(work(piece), folder, number)
                    os.write(tell, b".")
    finally:
        os._exit(0)


def _write(result: Result, folder: Path, number: int) -> None:
    for place, part in enumerate(result):
        if isinstance(part, pd.DataFrame):
            feather.write_feather(part, str(folder / f"{number}-{place}.feather"), compression="lz4")
        else:
            np.save(folder / f"{number}-{place}.npy", part, allow_pickle=False)


def _read(folder: Path, number: int) -> Result:
    """Read a result, and take its files away."""
    found: dict[int, Any] = {}
    for path in folder.glob(f"{number}-*"):
        frame = path.suffix == ".feather"
        found[int(path.stem.split("-")[1])] = feather.read_feather(path) if frame else np.load(path)
        path.unlink()
    return tuple(found[place] for place in sorted(found))
