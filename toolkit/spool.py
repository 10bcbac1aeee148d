"""Rows on disk, while a stage works through them: a table in pieces that nobody holds whole; a part of `store`."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
from pyarrow import feather

from toolkit import pieces
from toolkit.disk import writing
from toolkit.parquet import adding, read_batches
from toolkit.schema import Kept, OutputError, Stored

_FEW = 1000
_SAID = ("file", "line", "reason", "excerpt", "title", "source")
"""What is kept of a dropped row."""


class Pieces:
    """A table in files of one folder, a piece each, in order; `settle` gives every piece its final types."""

    def __init__(self, folder: Path) -> None:
        self.settle: pieces.Settle = lambda frame: frame
        self._folder = folder
        self._sizes: list[int] = []
        self._held: dict[int, pd.DataFrame] = {}

    def __len__(self) -> int:
        """Count the rows of all pieces."""
        return sum(self._sizes)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Read the pieces one after another."""
        for number in range(len(self._sizes)):
            held = self._held.get(number)
            yield self.settle(feather.read_feather(self._folder / f"{number:05}") if held is None else held.copy())

    def add(self, frame: pd.DataFrame) -> None:
        """Write a further piece; an empty one only if it is the first."""
        if not self._sizes or len(frame):
            if sum(self._sizes) + len(frame) <= _FEW:
                self._held[len(self._sizes)] = frame.reset_index(drop=True)
                self._sizes.append(len(frame))
                return
            with writing(self._folder / f"{len(self._sizes):05}") as aside:
                feather.write_feather(frame.reset_index(drop=True), str(aside), compression="lz4")
            self._sizes.append(len(frame))


class Table:
    """A finished Parquet table, to be read in pieces."""

    def __init__(self, path: Path, rows: int) -> None:
        self._path, self._rows = path, rows

    def __len__(self) -> int:
        """Count the rows."""
        return self._rows

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Read the pieces one after another."""
        return read_batches(self._path)


class Scratch:
    """A folder in the run for rows that are worked on; it goes when it is ended, or with the process.

    What a killed process left there is cleared away by the next.

    >>> rows = Scratch("reports/mine")  # doctest: +SKIP
    >>> cleaned = rows.keep(clean.clean_pieces(read.kept, settings, rows.aside))
    """

    def __init__(self, run_dir: Path | str) -> None:
        run = Path(run_dir)
        try:
            run.mkdir(parents=True, exist_ok=True)
            for left in run.glob(".rows-*"):
                shutil.rmtree(left, ignore_errors=True)
            self._folder = Path(tempfile.mkdtemp(prefix=".rows-", dir=run))
        except OSError as error:
            raise OutputError(f"{run} cannot be written to ({error.strerror}): name another folder.") from error
        self._numbers = itertools.count()
        self._end = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def aside(self, frames: Iterable[pd.DataFrame]) -> Pieces:
        """Put frames aside, to be read again in the same order."""
        made = Pieces(self._folder / str(next(self._numbers)))
        for frame in frames:
            made.add(frame)
        return made

    def keep(self, steps: pieces.Steps, path: Path | str | None = None) -> Stored:
        """Work through a stage in pieces: what it keeps goes aside, or is the table at `path`; see `schema.Stored`."""
        if path is not None:
            return _write(steps, Path(path))
        made = Pieces(self._folder / str(next(self._numbers)))
        lost: list[pd.DataFrame] = []

        def take(step: Kept) -> None:
            made.add(step.kept)
            lost.append(_said(step.dropped))

        made.settle = pieces.walk(steps, take)
        return Stored(made, pieces.join(lost))

    def end(self) -> None:
        """Free the disk."""
        self._end()


def _write(steps: pieces.Steps, path: Path) -> Stored:
    lost: list[pd.DataFrame] = []
    rows = 0
    with adding(path) as add:

        def take(step: Kept) -> None:
            nonlocal rows
            add(step.kept)
            rows += len(step.kept)
            lost.append(_said(step.dropped))

        pieces.walk(steps, take)
    return Stored(Table(path, rows), pieces.join(lost))


def _said(dropped: pd.DataFrame) -> pd.DataFrame:
    return dropped[[name for name in _SAID if name in dropped.columns]]
