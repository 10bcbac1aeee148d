"""Tables made once of the same inputs, in a notebook or a script: kept where what whole notebooks made is kept."""

from __future__ import annotations

import hashlib
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import feather

from toolkit import abreast, blobs, columnwise, keeping, store
from toolkit.pieces import Steps, count_rows
from toolkit.schema import Kept, Pieces

_MOST_KEPT = 200_000
_LARGE = 5_000_000
"""Bytes from which on reading what is kept is quicker than reading anew."""


class Without(NamedTuple):
    """A Parquet table among the inputs of `kept`, of which one column is not read."""

    path: Path
    column: str


def kept(name: str, inputs: Sequence[object], make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Return the table that `make` returns, without calling it where `inputs` and code are those of an earlier call.

    `inputs` must be all that the table depends on: paths stand for the contents of what lies there (`Without` for all
    but a column of it), tables and arrays for theirs, frozen settings and plain values for themselves. What is returned
    was read from Parquet, the first time too. A `TypeError` tells of an input of another kind.
    """
    return kept_tables(name, inputs, lambda: [make()])[0]


def kept_tables(name: str, inputs: Sequence[object], make: Callable[[], Sequence[pd.DataFrame]]) -> list[pd.DataFrame]:
    """Return the tables that `make` returns, as `kept` does one."""
    return _kept(name, _key(name, inputs), make)


def ahead(
    name: str, inputs: Sequence[object], make: Callable[[], pd.DataFrame], rows: int
) -> Callable[[], pd.DataFrame]:
    """Return what returns the table that `kept` does: made from now on, by another process where there is one.

    `rows` as for `abreast.meanwhile`. Nothing is begun where the table is kept.
    """
    key = _key(name, inputs)
    get = partial(_kept, name, key, lambda: [make()])
    wait = (lambda: None) if keeping.is_kept(name, key) else abreast.meanwhile(get, rows)

    def table() -> pd.DataFrame:
        wait()
        return get()[0]

    return table


def _key(name: str, inputs: Sequence[object]) -> str:
    return keeping.make_key("table", name, [_described(item) for item in inputs])


def _kept(name: str, key: str, make: Callable[[], Sequence[pd.DataFrame]]) -> list[pd.DataFrame]:
    with tempfile.TemporaryDirectory(prefix="toolkit-") as scratch:
        if not _taken(name, key, Path(scratch)):
            made = [store.write_table(table, Path(scratch) / f"{at:05}.parquet") for at, table in enumerate(make())]
            keeping.keep(name, key, Path(scratch), [path.name for path in made])
        return [_listed(store.read_table(path)) for path in sorted(Path(scratch).iterdir())]


def heads(articles: Path) -> pd.DataFrame:
    """Return `store.read_heads` of a table of articles, ids as numbers; of a large one kept, since all texts are read.

    Raises as `store.read_heads` does.
    """
    large = articles.is_file() and articles.stat().st_size >= _LARGE
    read = partial(store.read_heads, articles)
    return store.numbered(kept("heads", [articles], read) if large else read())


def kept_steps(
    name: str, pieces: Pieces, settings: object, make: Callable[[], Steps], *, undated: bool = False
) -> Steps:
    """Give what the stage in pieces `make` gives of `pieces`, without calling it where it did so before.

    The stage must depend on nothing but its `settings` and the pieces, and on their dates only in how far they lie
    apart, so that all may have moved, or not at all (`undated`); it must give a piece for each, and settle nothing.
    The dates are those of the pieces now. Above 200,000 articles nothing is kept.
    """
    if count_rows(pieces) > _MOST_KEPT:
        return (yield from make())
    key = keeping.make_key("steps", name, _described(settings), _pieces_digest(pieces, undated))
    with tempfile.TemporaryDirectory(prefix="toolkit-") as scratch:
        if _taken(name, key, Path(scratch)):
            for at, piece in enumerate(pieces):
                dates = piece.set_index("article_id")["published"]
                yield Kept(*(_dated(Path(scratch) / f"{at:05}-{part}", dates) for part in Kept._fields))
            return None
        made: list[str] = []
        for at, step in enumerate(make()):
            made += [path.name for path in _put_aside(step, Path(scratch) / f"{at:05}")]
            yield step
        keeping.keep(name, key, Path(scratch), made)
    return None


def _listed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return lists as lists: Parquet gives arrays."""
    held = [name for name, column in frame.items() if len(column) and isinstance(column.iat[0], np.ndarray)]
    return frame.assign(**{str(name): [cell.tolist() for cell in frame[name]] for name in held})


def _taken(name: str, key: str, folder: Path) -> bool:
    found = keeping.take(name, key, folder)
    if found == keeping.DAMAGED:
        warnings.warn(f"What the cache held of {name!r} was damaged: it is made again.", stacklevel=2)
    return found == keeping.TAKEN


def _put_aside(step: Kept, path: Path) -> list[Path]:
    """Write what a step kept and dropped, its dates empty; whoever reads it puts in those of that time."""
    made = []
    for part, frame in step._asdict().items():
        made.append(path.with_name(f"{path.name}-{part}"))
        empty = pd.Series(pd.NaT, frame.index, dtype=frame["published"].dtype)
        feather.write_feather(frame.assign(published=empty), str(made[-1]), compression="lz4")
    return made


def _dated(path: Path, dates: pd.Series) -> pd.DataFrame:
    frame: pd.DataFrame = feather.read_feather(path)
    return frame.assign(published=dates.reindex(frame["article_id"]).array)


def _pieces_digest(pieces: Pieces, undated: bool) -> list[Any]:
    """Hash pieces without their dates, and these, unless they are `undated`, as distances from the first one of all."""
    found, dates = [], [pd.Series(dtype="datetime64[us, UTC]")]
    for piece in pieces:
        found.append(_table_digest(piece.drop(columns="published")))
        dates.append(piece["published"])
    if undated:
        return found
    every = pd.concat(dates, ignore_index=True)
    return [*found, _table_digest((every - every.min()).to_frame("apart"))]


def _described(item: object) -> Any:
    """Return `item` as a plain value that tells it from every other."""
    if isinstance(item, Without):
        return ["without", item.column, columnwise.known_digest(item.path, item.column)]
    if isinstance(item, Path):
        inner = blobs.files(item) if item.is_dir() else [item]
        return [[path.relative_to(item).as_posix(), blobs.known_digest(path)] for path in inner if path.is_file()]
    if isinstance(item, pd.DataFrame):
        return ["table", _table_digest(item)]
    if isinstance(item, np.ndarray) and item.dtype != object:
        content = hashlib.blake2b(np.ascontiguousarray(item).data, digest_size=20).hexdigest()
        return ["array", str(item.dtype), list(item.shape), content]
    if is_dataclass(item) and not isinstance(item, type):
        return [type(item).__qualname__, _described(asdict(item))]
    if isinstance(item, Mapping):
        return {"mapping": [[_described(key), _described(value)] for key, value in item.items()]}
    if isinstance(item, list | tuple):
        return [_described(part) for part in item]
    if item is None or isinstance(item, bool | int | float | str):
        return item
    raise TypeError(f"{type(item).__name__} cannot be told from others of its kind: give paths, tables, plain values.")


def _table_digest(frame: pd.DataFrame) -> str:
    found = hashlib.blake2b(digest_size=20)
    table = pa.Table.from_pandas(frame).combine_chunks()
    with pa.PythonFile(_Hashing(found), mode="w") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return found.hexdigest()


class _Hashing:
    """A file that keeps nothing but the hash of what is written to it."""

    closed = False

    def __init__(self, into: Any) -> None:
        self._into, self._size = into, 0

    def write(self, data: Any) -> int:
        """Hash `data`."""
        self._into.update(data)
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        """Return the bytes so far."""
        return self._size

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def writable(self) -> bool:
        """Say yes."""
        return True
