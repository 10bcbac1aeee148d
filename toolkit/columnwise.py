"""Hashes of a Parquet table but for one of its columns, or but for all of that column except its order."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


def known_digest(path: Path, column: str) -> str:
    """Return `digest`, without reading again what this process has read and nobody has written to."""
    state = path.stat()
    return _digest_once(str(path), column, (state.st_ino, state.st_size, state.st_mtime_ns))


@cache
def _digest_once(path: str, column: str, state: tuple[int, int, int]) -> str:
    return digest(Path(path), column)


def digest(path: Path, column: str, *, ordered: bool = False) -> str:
    """Hash a Parquet table but for `column`, or but for all of it except how its cells are ordered (40 hex digits).

    Hashed are names, types and the stored bytes of all other columns, which no other column has a part in. Raises
    `KeyError` where there is no such column, and what pyarrow raises where it is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file, path.open("rb") as stream:
        if column not in file.schema_arrow.names:
            raise KeyError(column)
        kept = [field for field in file.schema_arrow if field.name != column]
        found = hashlib.blake2b(str(pa.schema(kept)).encode(), digest_size=20)
        for number in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(number)
            found.update(f"\n{group.num_rows}".encode())
            for part in (group.column(at) for at in range(group.num_columns)):
                if part.path_in_schema.partition(".")[0] == column:
                    continue
                stream.seek(min(part.data_page_offset, part.dictionary_page_offset or part.data_page_offset))
                found.update(f"\n{part.path_in_schema} {part.total_compressed_size}\n".encode())
                found.update(stream.read(part.total_compressed_size))
        if ordered:
            import pyarrow.compute as pc

            cells = file.read(columns=[column]).column(0)
            found.update(pc.rank(cells, tiebreaker="dense").to_numpy().tobytes())
    return found.hexdigest()
