"""What of a table a notebook does not read, so that it need not run again where only that has changed.

The notebook says so in its metadata, by the table's name: ``"toolkit": {"unread": {"tables/articles.parquet":
{"column": "published", "rows": 30000, "characters": 80000000, "of": ["title", "text"]}}}``. It holds for tables of at
most so many rows, and so many characters in the columns ``of``; a longer one is read whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow.parquet as pq


def unread_by(notebook: Path) -> dict[str, Mapping[str, Any]]:
    """Return what a notebook says not to read: table -> what of it, and up to which length."""
    try:
        found = json.loads(notebook.read_text("utf-8"))["metadata"]["toolkit"]["unread"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def digest(path: Path, unread: Mapping[str, Any]) -> str | None:
    """Hash a Parquet table but for the column that is not read; None where that cannot be left out.

    Hashed are names, types and the stored bytes of all other columns, which no other column has a part in.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            if unread["column"] not in file.schema_arrow.names or not _is_short(file, unread):
                return None
            return _hashed(path, file, str(unread["column"]))
    except (OSError, KeyError, TypeError, pa.ArrowException):
        return None


def _is_short(file: pq.ParquetFile, unread: Mapping[str, Any]) -> bool:
    import pyarrow.compute as pc

    if file.metadata.num_rows > unread["rows"]:
        return False
    read = file.read(columns=list(unread["of"]))
    return sum(pc.sum(pc.utf8_length(column)).as_py() or 0 for column in read.columns) <= int(unread["characters"])


def _hashed(path: Path, file: pq.ParquetFile, column: str) -> str:
    import pyarrow as pa

    kept = [field for field in file.schema_arrow if field.name != column]
    found = hashlib.blake2b(str(pa.schema(kept)).encode(), digest_size=20)
    with path.open("rb") as stream:
        for number in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(number)
            found.update(f"\n{group.num_rows}".encode())
            for part in (group.column(at) for at in range(group.num_columns)):
                if part.path_in_schema.partition(".")[0] == column:
                    continue
                stream.seek(min(part.data_page_offset, part.dictionary_page_offset or part.data_page_offset))
                found.update(f"\n{part.path_in_schema} {part.total_compressed_size}\n".encode())
                found.update(stream.read(part.total_compressed_size))
    return found.hexdigest()
