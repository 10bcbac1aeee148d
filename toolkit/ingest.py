"""Files to the article table: the door that every article comes in by.

Read are CSV and TSV, JSON, JSON lines (each also as .gz), Parquet, text, Markdown and HTML, and folders of these.
What comes out keeps the promises of `schema`; what does not come out is listed with its file, line and reason.
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from toolkit.carried import Types
from toolkit.columns import find_columns, may_be, sound, take_columns, unique_names
from toolkit.dates import Evidence, parse_dates, see_dates
from toolkit.documents import read_html, read_plain
from toolkit.pieces import Steps, together
from toolkit.readers import TABLES, Raw, Rejected
from toolkit.schema import ARTICLE_COLUMNS, InputError, Kept, OutputError, Tell, article_id, check_articles, quiet
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
_TWICE = "the same article twice in the input"
_LEADING_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")


class _Part(NamedTuple):
    """What came of a piece of a file, or of the documents of a folder: articles without ids, in step with `origin`."""

    articles: pd.DataFrame
    origin: pd.DataFrame
    dropped: pd.DataFrame
    size: float = 0
    """Bytes of the files that it comes from."""


class _Whole(NamedTuple):
    """What a piece of a file has to know of all of it: column names, records, what its dates say of 03/04/2024."""

    names: list[object]
    records: int
    dates: dict[object, Evidence]


def read_articles(paths: Sequence[str | Path], settings: IngestSettings = IngestSettings()) -> Kept:
    """Read files and folders into one article table, in the order given.

    ``kept`` passes `schema.check_articles`; its further columns are what else the files carried. ``dropped`` has
    ``file``, ``line`` (line or record number, from 1), ``reason`` and ``excerpt`` (80 characters). An article
    without a date is kept, one whose date is not understood is dropped.

    Raises `InputError` if a path is missing, is no such file, or yields no article; `SettingsError` if the
    settings do not fit.
    """
    read = together(read_pieces(paths, settings, rows=sys.maxsize))
    return Kept(check_articles(read.kept), read.dropped)


def read_pieces(
    paths: Sequence[str | Path],
    settings: IngestSettings = IngestSettings(),
    tell: Tell = quiet,
    rows: int = 10_000,
) -> Steps:
    """Read as `read_articles` does, in pieces of about `rows` articles; the types of carried columns come at last.

    A long file is read twice: what its columns and dates are is settled by the whole of it. Files that are one
    document (JSON that is a list, web pages) are held whole. Articles that stand in the input twice are told after
    the last piece.
    """
    missing = next((path for path in paths if not Path(path).exists()), None)
    if missing is not None:
        raise InputError(f"There is no file or folder {str(missing)!r}; check the path.")
    types, ids, repeats, done = Types(), set[str](), list[pd.DataFrame](), 0.0
    total = sum(_size(file) for path in paths for file in (Path(path), *Path(path).rglob("*")))
    for some in _grouped((part for path in paths for part in _read_path(Path(path), settings, rows)), rows):
        table = pd.concat([part.articles for part in some], ignore_index=True)
        origin = pd.concat([part.origin for part in some], ignore_index=True)
        again = table["article_id"].duplicated() | pd.Series([name in ids for name in table["article_id"]], dtype=bool)
        repeats.append(_dropped(table[again], origin[again], [_TWICE] * int(again.sum())))
        ids.update(table["article_id"])
        kept = types.pack(_typed(table[~again].reset_index(drop=True)))
        yield Kept(kept, pd.concat([part.dropped for part in some], ignore_index=True))
        done += sum(part.size for part in some)
        tell(int(done), max(int(done), total))
    if not repeats:
        raise InputError("No path was given, expected files or folders of articles.")
    yield Kept(kept.iloc[:0], pd.concat(repeats, ignore_index=True))
    return types.unpack


def _grouped(parts: Iterable[_Part], rows: int) -> Iterator[list[_Part]]:
    """Put parts together until they have `rows` articles, so that a thousand small files are not a thousand pieces."""
    some, count = list[_Part](), 0
    for part in parts:
        some.append(part)
        count += len(part.articles)
        if count >= rows:
            yield some
            some, count = [], 0
    if some:
        yield some


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


def _read_path(path: Path, settings: IngestSettings, rows: int) -> Iterator[_Part]:
    """Read one path as given; it has to yield at least one article."""
    inside = _inside(path) if path.is_dir() else [path]
    others = [file for file in inside if _ending(file) not in TABLES]
    tables = [file for file in inside if _ending(file) in TABLES]
    parts = (part for file in tables for part in _read_table(file, _name(file, path), settings, rows))
    some, lost, reasons = False, 0, list[str]()
    for part in itertools.chain(parts, [_read_documents(others, path, settings)] if others else []):
        some, lost = some or len(part.articles) > 0, lost + len(part.dropped)
        reasons = list(dict.fromkeys([*reasons, *part.dropped["reason"]]))[:3]
        yield part
    if not some:
        raise InputError(f"{path.name}: none of the {lost} records can be used: {'; '.join(reasons)}.")


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


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _read_table(file: Path, name: str, settings: IngestSettings, rows: int) -> Iterator[_Part]:
    """Read a file of records in pieces; one that is longer than a piece is read before for what all have to know."""
    pieces = TABLES[_ending(file)](file, rows)
    first = list(itertools.islice(pieces, 2))
    whole = _survey(first if len(first) == 1 else TABLES[_ending(file)](file, rows), settings)
    names = unique_names(whole.names)
    with _naming(name):
        chosen = find_columns(names, settings.columns) if whole.records else {}
    dated = whole.names[names.index(chosen["published"])] if "published" in chosen else None
    dates = whole.dates.get(dated, Evidence())
    for raw in itertools.chain(first, pieces):
        cells = raw.rows
        if list(cells.columns) != whole.names:
            cells = cells.reindex(columns=whole.names).astype(object)
        table = take_columns(cells.set_axis(names, axis="columns"), chosen)
        with _naming(name):
            part = _part(table, pd.DataFrame({"file": name, "line": raw.lines}), raw.rejected, settings, dates)
        yield part._replace(size=_size(file) * len(raw.lines) / max(1, whole.records))


@contextlib.contextmanager
def _naming(file: str) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def _survey(pieces: Iterable[Raw], settings: IngestSettings) -> _Whole:
    """Read a file for the names of its columns, and for what the columns that may hold its dates say."""
    names: list[object] = []
    seen: dict[object, Evidence] = {}
    records = 0
    for raw in pieces:
        found = list(raw.rows.columns)
        names += [name for name in found if name not in names] if names else found
        records += len(raw.lines)
        for name in dict.fromkeys(name for name in found if may_be(name, "published", settings.columns)):
            dates = raw.rows.iloc[:, found.index(name)]
            seen[name] = seen.get(name, Evidence()).or_else(see_dates(dates))
    return _Whole(names, records, seen)


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
    size = sum(map(_size, files))
    return part._replace(dropped=pd.concat([*dropped, part.dropped], ignore_index=True), size=size)


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


def _part(
    table: pd.DataFrame,
    origin: pd.DataFrame,
    rejected: list[Rejected],
    settings: IngestSettings,
    seen: Evidence | None = None,
) -> _Part:
    """Read the dates, and set aside the records that are empty or whose date is not understood."""
    dates = parse_dates(table["published"], settings, seen)
    empty = (table["title"] == "") & (table["text"] == "")
    reasons = dates["reason"].mask(empty, "neither title nor text")
    good = reasons == ""
    articles = table.assign(published=dates["published"])
    articles.insert(0, "article_id", _ids(table, dates["written"]))
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


def _ids(table: pd.DataFrame, written: pd.Series) -> list[str]:
    """Name the articles; a date without a zone counts as it is written, so that an id does not hang on the zone."""
    instants = written.dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    published = np.where(np.isnat(instants), "", np.datetime_as_string(instants))
    columns = (table["source"], table["url"], published, table["title"], table["text"])
    return [article_id(*each) for each in zip(*columns, strict=True)]


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Put the article columns first, as strings."""
    texts = {name: table[name].astype("str") for name in ARTICLE_COLUMNS if name != "published"}
    ordered = {name: texts.get(name, table[name]) for name in ARTICLE_COLUMNS}
    return pd.DataFrame(ordered | {name: table[name] for name in table.columns if name not in ARTICLE_COLUMNS})


def _no_formula(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
