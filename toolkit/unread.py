"""What of a table a notebook does not read, so that it need not run again where only that has changed.

The notebook says so in its metadata, by the table's name: ``"toolkit": {"unread": {"tables/articles.parquet":
{"column": "published", "rows": 30000, "characters": 80000000, "of": ["title", "text"]}}}``. It holds for tables of at
most so many rows, and so many characters in the columns ``of``; of a longer one the order of that column is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit import columnwise

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
    """Hash a Parquet table but for what is not read of its column; None where that cannot be left out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            short = _is_short(file, unread)
        found = columnwise.digest(path, str(unread["column"]), ordered=not short)
        return found if short else f"{found} in order"
    except (OSError, KeyError, TypeError, pa.ArrowException):
        return None


def _is_short(file: pq.ParquetFile, unread: Mapping[str, Any]) -> bool:
    import pyarrow.compute as pc

    if file.metadata.num_rows > unread["rows"]:
        return False
    read = file.read(columns=list(unread["of"]))
    return sum(pc.sum(pc.utf8_length(column)).as_py() or 0 for column in read.columns) <= int(unread["characters"])
