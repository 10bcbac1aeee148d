"""The articles that stand beside a small corpus when it is scored, cleaned as its own are.

Those of the bundled sample are shipped as they are after cleaning (``sample.parquet``), since reading and cleaning them
takes longer than all else that a run of a small corpus does with them. Which file they were made of is kept with them:
another one is read and cleaned.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from toolkit import clean, embed, ingest, store

COLUMNS = ["article_id", "language", "title", "text"]
_KEPT = Path(__file__).with_name("sample.parquet")
_SOURCE = b"made of"


def articles_beside(files: Sequence[str | Path], count: int) -> pd.DataFrame:
    """Return the articles of `files`, cleaned (``article_id, language, title, text``).

    There are none beside `embed.FEWEST` or more.

    Raises `InputError` as `ingest.read_articles` does.
    """
    if count >= embed.FEWEST:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in COLUMNS})
    made_of = pq.read_schema(_KEPT).metadata[_SOURCE].decode() if _KEPT.is_file() else ""
    if len(files) == 1 and Path(files[0]).is_file() and store.input_digest(files) == made_of:
        return store.read_table(_KEPT)
    return clean.clean_articles(ingest.read_articles(files).kept).kept[COLUMNS]


def keep(file: Path, path: Path = _KEPT) -> Path:
    """Write the articles of `file`, cleaned, to `path`: what is shipped, where none is named."""
    cleaned = clean.clean_articles(ingest.read_articles([file]).kept).kept[COLUMNS]
    table = pa.Table.from_pandas(cleaned, preserve_index=False)
    told = {**table.schema.metadata, _SOURCE: store.input_digest([file]).encode()}
    pq.write_table(table.replace_schema_metadata(told), path, compression="zstd")
    return path
