"""Tables on disk as Parquet: whole, some columns of them, or piece by piece; a part of `store`, apart for its length.

A table of a million articles is written and read in *row groups*, so that nobody has to hold all its texts. Every
file is written aside and renamed, so a reader finds the old file or the new one and never half of one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.disk import missing, writing
from toolkit.schema import InputError, OutputError

ROWS = 20_000
"""Rows of a row group, and of a batch unless asked otherwise: about 40 MB of articles."""


def write_table(frame: pd.DataFrame, path: Path | str) -> Path:
    """Write `frame` as Parquet (zstd, in row groups); `OutputError` where it cannot be stored or the disk refuses."""
    with writing(Path(path)) as aside, _storable(Path(path)):
        table = pa.Table.from_pandas(frame, preserve_index=False)
        pq.write_table(table, aside, compression="zstd", row_group_size=ROWS)
    return Path(path)


@contextlib.contextmanager
def adding(path: Path | str) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Give a function that adds a frame to a new table at `path`, which is in place when all went well.

    At least one frame has to be added, if an empty one. Each becomes row groups of its own; all have the columns and
    types of the first that has rows. Raises as `write_table` does.

    >>> with adding("kept.parquet") as add:  # doctest: +SKIP
    ...     for piece in read_batches("articles.parquet"):
    ...         add(piece[piece["language"] == "kk"])
    """
    empty: list[pd.DataFrame] = []
    with writing(Path(path)) as aside, contextlib.ExitStack() as opened:
        writers: list[pq.ParquetWriter] = []

        def write(frame: pd.DataFrame) -> None:
            with _storable(Path(path)):
                kind = writers[0].schema if writers else None
                table = pa.Table.from_pandas(frame, schema=kind, preserve_index=False)
                if not writers:
                    writers.append(opened.enter_context(pq.ParquetWriter(aside, table.schema, compression="zstd")))
                writers[0].write_table(table, row_group_size=ROWS)

        yield lambda frame: write(frame) if len(frame) else empty.append(frame)
        if empty and not writers:
            write(empty[0])


@contextlib.contextmanager
def _storable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        reason = " ".join(map(str, error.args))
        raise OutputError(f"The table {path.stem!r} cannot be stored: {reason}. Mend that column.") from error


def read_table(path: Path | str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table, or only those `columns` of it, in that order.

    A missing table gives an `InputError` that names the notebook that makes it, a missing column one as well.

    >>> read_table("articles.parquet", ["article_id", "published"])  # doctest: +SKIP
    """
    with _reading(Path(path), columns) as file:  # pandas would import what reads many at once
        asked = file.schema_arrow.names if columns is None else list(columns)
        read: pd.DataFrame = file.read(columns=asked).select(asked).to_pandas()
    return read


def read_batches(path: Path | str, columns: Sequence[str] | None = None, rows: int = ROWS) -> Iterator[pd.DataFrame]:
    """Read a Parquet table piece by piece, in its order: frames of at most `rows` rows, each numbered from 0.

    Put together they are what `read_table` gives: the same columns of the same types. A table without rows gives one
    empty frame. Raises as `read_table` does, at the first piece.

    >>> for piece in read_batches("articles.parquet", ["article_id", "text"]):  # doctest: +SKIP
    ...     print(len(piece))
    """
    with _reading(Path(path), columns) as file:
        asked = file.schema_arrow.names if columns is None else list(columns)
        kind = pa.schema([file.schema_arrow.field(name) for name in asked], file.schema_arrow.metadata)
        if not file.metadata.num_rows:
            yield kind.empty_table().to_pandas()
        for piece in file.iter_batches(batch_size=rows, columns=asked):
            yield pa.Table.from_batches([piece]).select(asked).to_pandas()


def read_at(path: Path | str, places: npt.ArrayLike, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows of a Parquet table at these places (from 0), in their order; of the others nothing is kept.

    Only the row groups that hold some of them are read. Raises as `read_table` does, and `IndexError` beyond the end.
    """
    wanted = np.asarray(places, dtype=np.int64)
    with _reading(Path(path), columns) as file:
        sizes = np.array([file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)], dtype=np.int64)
        ends = np.cumsum(sizes)
        held = np.searchsorted(ends, wanted, side="right")
        if len(wanted) and held.max() >= len(ends):
            raise IndexError(f"The table has {file.metadata.num_rows} rows, asked for that at {wanted.max()}.")
        parts, order = [file.schema_arrow.empty_table().select(list(columns))], []
        for one in np.unique(held):
            order.append(np.flatnonzero(held == one))
            inside = wanted[order[-1]] - (ends[one] - sizes[one])
            parts.append(file.read_row_group(int(one), list(columns)).select(list(columns)).take(pa.array(inside)))
        read: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    placed: pd.DataFrame = read.iloc[np.argsort(np.concatenate(order))] if order else read
    return placed.reset_index(drop=True)


def columns_of(path: Path | str) -> list[str]:
    """Return the names of the columns of a Parquet table; raises as `read_table` does."""
    with _reading(Path(path), None) as file:
        return list(file.schema_arrow.names)


@contextlib.contextmanager
def _reading(path: Path, columns: Sequence[str] | None) -> Iterator[pq.ParquetFile]:
    if not path.is_file():
        raise missing(path)
    try:
        with pq.ParquetFile(path) as file:
            known = file.schema_arrow.names
            unknown = [name for name in columns or () if name not in known]
            if unknown:
                raise InputError(f"{path} has no column {unknown[0]!r}; it has: {', '.join(known)}.")
            yield file
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path} is no readable Parquet file ({error}): make it again.") from error


def count_rows(table: Path | IO[bytes]) -> int | None:
    """Return the rows of a Parquet table (a path or an open file) without reading it; None where there is none."""
    return None if isinstance(table, Path) and not table.is_file() else int(pq.read_metadata(table).num_rows)
