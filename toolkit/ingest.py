"""Files to the article table: the door that every article comes in by.

Read are CSV and TSV, JSON, JSON lines (each also as .gz), Parquet, text, Markdown and HTML, and folders of these.
What comes out keeps the promises of `schema`; what does not come out is listed with its file, line and reason.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from toolkit.columns import find_columns, sound, take_columns, unique_names, writable
from toolkit.dates import parse_dates
from toolkit.readers import TABLES, Rejected, read_html, read_plain
from toolkit.schema import ARTICLE_COLUMNS, InputError, Kept, OutputError, article_id, check_articles
from toolkit.settings import IngestSettings

DROPPED_COLUMNS = ("file", "line", "reason", "excerpt")

_DOCUMENTS: dict[str, Callable[[Path], dict[str, str]]] = {
    ".txt": read_plain,
    ".md": read_plain,
    ".html": read_html,
    ".htm": read_html,
}
_DOCUMENT_COLUMNS = ("title", "text", "published", "source", "url")
_EXPECTED = ", ".join([*TABLES, *_DOCUMENTS])
_LEADING_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")


class _Part(NamedTuple):
    """What came of one file, or of all documents of one folder: articles without ids, in step with `origin`."""

    articles: pd.DataFrame
    origin: pd.DataFrame
    dropped: pd.DataFrame


def read_articles(paths: Sequence[str | Path], settings: IngestSettings = IngestSettings()) -> Kept:
    """Read files and folders into one article table, in the order given.

    ``kept`` passes `schema.check_articles`; its further columns are what else the files carried. ``dropped`` has
    ``file``, ``line`` (line or record number, from 1), ``reason`` and ``excerpt`` (80 characters). An article
    without a date is kept, one whose date is not understood is dropped.

    Raises `InputError` if a path is missing, is no such file, or yields no article; `SettingsError` if the
    settings do not fit.
    """
    parts = [part for path in paths for part in _read_path(Path(path), settings)]
    if not parts:
        raise InputError("No path was given, expected files or folders of articles.")
    table = pd.concat([part.articles for part in parts], ignore_index=True)
    origin = pd.concat([part.origin for part in parts], ignore_index=True)
    table.insert(0, "article_id", _ids(table))
    again = table["article_id"].duplicated()
    repeats = _dropped(table[again], origin[again], ["the same article twice in the input"] * int(again.sum()))
    dropped = pd.concat([*(part.dropped for part in parts), repeats], ignore_index=True)
    return Kept(check_articles(_typed(table[~again].reset_index(drop=True))), dropped)


def write_rejected(dropped: pd.DataFrame, path: str | Path) -> None:
    """Write ``dropped`` as CSV for a spreadsheet: UTF-8 with its mark, formulas as text, all or nothing.

    Raises `OutputError` if it cannot be written there.
    """
    target = Path(path)
    rows = dropped.loc[:, list(DROPPED_COLUMNS)].astype(object)
    cells = [["" if pd.isna(cell) else _no_formula(str(cell)) for cell in row] for row in rows.to_numpy()]
    aside = ""
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=target.parent, suffix=".part", delete=False, encoding="utf-8-sig", newline=""
        ) as stream:
            aside = stream.name
            csv.writer(stream).writerows([list(DROPPED_COLUMNS), *cells])
        Path(aside).replace(target)
    except OSError as error:
        if aside:
            Path(aside).unlink(missing_ok=True)
        raise OutputError(f"{target} cannot be written: {error.strerror}; choose another folder.") from error


def _read_path(path: Path, settings: IngestSettings) -> list[_Part]:
    """Read one path as given; it has to yield at least one article."""
    if not path.exists():
        raise InputError(f"There is no file or folder {str(path)!r}; check the path.")
    inside = _inside(path) if path.is_dir() else [path]
    tables = [file for file in inside if _ending(file) in TABLES]
    others = [file for file in inside if _ending(file) not in TABLES]
    parts = [_read_table(file, _name(file, path), settings) for file in tables]
    if others:
        parts.append(_read_documents(others, path, settings))
    if not sum(len(part.articles) for part in parts):
        reasons = pd.concat([part.dropped["reason"] for part in parts])
        first = "; ".join(reasons.drop_duplicates().head(3))
        raise InputError(f"{path.name}: none of the {len(reasons)} records can be used: {first}.")
    return parts


def _inside(folder: Path) -> list[Path]:
    hidden = set(folder.rglob(".*"))
    files = [
        file
        for file in sorted(folder.rglob("*"), key=lambda file: file.as_posix())
        if file.is_file() and file not in hidden and not hidden.intersection(file.parents)
    ]
    if not files:
        raise InputError(f"The folder {folder.name!r} is empty, expected files of articles: {_EXPECTED}.")
    return files


def _ending(file: Path) -> str:
    return Path(re.sub(r"\.gz$", "", file.name.lower())).suffix


def _name(file: Path, given: Path) -> str:
    return file.name if file == given else file.relative_to(given).as_posix()


def _read_table(file: Path, name: str, settings: IngestSettings) -> _Part:
    raw = TABLES[_ending(file)](file)
    rows = raw.rows.set_axis(unique_names(raw.rows.columns), axis="columns")
    try:
        chosen = {} if rows.empty else find_columns(list(rows.columns), settings.columns)
        table = take_columns(rows, chosen)
        return _part(table, pd.DataFrame({"file": name, "line": raw.lines}), raw.rejected, settings)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def _read_documents(files: Sequence[Path], given: Path, settings: IngestSettings) -> _Part:
    """Read one article a file; in a folder, a file that cannot be read is listed and not fatal."""
    records: list[dict[str, str]] = []
    names: list[str] = []
    dropped: list[pd.DataFrame] = []
    for file in files:
        name = _name(file, given)
        try:
            records.append(_read_document(file, given))
            names.append(name)
        except InputError as error:
            if file == given:
                raise
            dropped.append(_rejected(name, [Rejected(1, str(error), "")]))
    rows = pd.DataFrame(records, columns=_DOCUMENT_COLUMNS, dtype=object)
    table = take_columns(rows, {column: column for column in _DOCUMENT_COLUMNS})
    part = _part(table, pd.DataFrame({"file": names, "line": 1}), [], settings)
    return part._replace(dropped=pd.concat([*dropped, part.dropped], ignore_index=True))


def _read_document(file: Path, given: Path) -> dict[str, str]:
    reader = _DOCUMENTS.get(_ending(file))
    if reader is None or file.suffix.lower() == ".gz":
        raise InputError(f"{file.name} is of no known kind, expected one of {_EXPECTED}; convert it or leave it out.")
    record = reader(file)
    dated = _LEADING_DATE.match(file.name)
    nested = file != given and file.parent != given
    return record | {
        "published": record.get("published") or (dated[0] if dated else ""),
        "source": record.get("source") or (file.parent.name if nested else ""),
    }


def _part(table: pd.DataFrame, origin: pd.DataFrame, rejected: list[Rejected], settings: IngestSettings) -> _Part:
    """Read the dates, and set aside the records that are empty or whose date is not understood."""
    dates = parse_dates(table["published"], settings)
    empty = (table["title"] == "") & (table["text"] == "")
    reasons = dates["reason"].mask(empty, "neither title nor text")
    good = reasons == ""
    articles = table.assign(published=dates["published"])
    bad = _dropped(table[~good], origin[~good], list(reasons[~good]))
    unread = _rejected(origin["file"].iloc[0] if len(origin) else "", rejected)
    dropped = pd.concat([unread, bad], ignore_index=True).sort_values("line", kind="stable", ignore_index=True)
    return _Part(articles[good], origin[good], dropped)


def _rejected(file: str, rejected: Sequence[Rejected]) -> pd.DataFrame:
    texts = pd.DataFrame({"title": [each.excerpt for each in rejected], "text": ""}, dtype=object)
    origin = pd.DataFrame({"file": file, "line": [each.line for each in rejected]})
    return _dropped(texts, origin, [each.reason for each in rejected])


def _dropped(table: pd.DataFrame, origin: pd.DataFrame, reasons: Sequence[str]) -> pd.DataFrame:
    shown = table["title"].where(table["title"] != "", table["text"])
    begins = [" ".join(text[:400].split())[:80] for text in shown]
    columns = {
        "file": pd.Series(list(origin["file"]), dtype="str"),
        "line": pd.Series(list(origin["line"]), dtype="Int64"),
        "reason": pd.Series(list(reasons), dtype="str"),
        "excerpt": pd.Series([sound(begin) for begin in begins], dtype="str"),
    }
    return pd.DataFrame(columns, columns=list(DROPPED_COLUMNS))


def _ids(table: pd.DataFrame) -> list[str]:
    instants = table["published"].dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    published = np.where(np.isnat(instants), "", np.datetime_as_string(instants))
    columns = (table["source"], table["url"], published, table["title"], table["text"])
    return [article_id(*each) for each in zip(*columns, strict=True)]


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Put the article columns first, as strings; give every carried column one type."""
    texts = {name: table[name].astype("str") for name in ARTICLE_COLUMNS if name != "published"}
    others = {name: writable(table[name]) for name in table.columns if name not in ARTICLE_COLUMNS}
    ordered = {name: texts.get(name, table[name]) for name in ARTICLE_COLUMNS}
    return pd.DataFrame(ordered | others)


def _no_formula(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
