"""A table made once of the same inputs, in a notebook or a script: kept where what whole notebooks made is kept."""

from __future__ import annotations

import hashlib
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from toolkit import blobs, keeping, store


def kept(name: str, inputs: Sequence[object], make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Return the table that `make` returns, without calling it where `inputs` and code are those of an earlier call.

    `inputs` must be all that the table depends on: paths stand for the contents of what lies there, tables and
    arrays for theirs, frozen settings and plain values for themselves. What is returned was read from Parquet, the
    first time too. A `TypeError` tells of an input of another kind.
    """
    key = keeping.make_key("table", name, [_described(item) for item in inputs])
    with tempfile.TemporaryDirectory(prefix="toolkit-") as scratch:
        path = Path(scratch) / f"{name}.parquet"
        found = keeping.take(name, key, Path(scratch))
        if found == keeping.DAMAGED:
            warnings.warn(f"What the cache held of {name!r} was damaged: it is made again.", stacklevel=2)
        if found != keeping.TAKEN:
            store.write_table(make(), path)
            keeping.keep(name, key, Path(scratch), [path.name])
        return store.read_table(path)


def _described(item: object) -> Any:
    """Return `item` as a plain value that tells it from every other."""
    if isinstance(item, Path):
        inner = blobs.files(item) if item.is_dir() else [item]
        return [[path.relative_to(item).as_posix(), blobs.file_digest(path)] for path in inner if path.is_file()]
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
