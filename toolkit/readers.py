"""Files to raw records: one function a format, nothing decided about what a column means.

A reader of tables returns `Raw`: the records as they stand in the file (cells are Python objects), the line or
record number of each, and what could not be read with the reason. A reader of documents returns one record. A
file that cannot be used at all is an `InputError`.
"""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import trafilatura

from toolkit.encoding import UNFIT, open_text
from toolkit.schema import InputError

_FIELD_LIMIT = 1 << 30
"""Longest CSV field, in characters; the csv module's own limit would refuse long articles."""
_UNFIT_BYTES = "bytes that do not fit the file's encoding"


class Rejected(NamedTuple):
    """A record that could not be read: where it stands, why, and how it begins."""

    line: int
    reason: str
    excerpt: str


class Raw(NamedTuple):
    """The records of one file, the 1-based line (or record number) of each, and the unreadable ones."""

    rows: pd.DataFrame
    lines: list[int]
    rejected: list[Rejected]


def read_csv(path: Path) -> Raw:
    """Read delimited text with a header; the delimiter is found among comma, semicolon, tab and bar."""
    csv.field_size_limit(_FIELD_LIMIT)
    with open_text(path, newline="") as stream:
        sample = list(islice(stream, 200))
    delimiter = _delimiter(sample)
    one_a_line = delimiter == "\t" and len({line.count("\t") for line in sample if line.strip()}) == 1
    records: list[list[str]] = []
    lines: list[int] = []
    rejected: list[Rejected] = []
    header: list[str] = []
    with open_text(path, newline="") as stream:
        for line, fields, problem, excerpt in _tab_lines(stream) if one_a_line else _records(stream, delimiter):
            if not header and not problem:
                header = fields
            elif problem or UNFIT.search("".join(fields)):
                rejected.append(Rejected(line, problem or _UNFIT_BYTES, excerpt))
            elif len(fields) != len(header):
                reason = f"{len(fields)} fields where the header has {len(header)}"
                rejected.append(Rejected(line, reason, excerpt))
            else:
                records.append(fields)
                lines.append(line)
    if not records and not rejected:
        raise InputError(f"{path.name} has no records, expected a header and at least one row below it.")
    return Raw(_frame(zip(*records, strict=True), header), lines, rejected)


def read_json(path: Path) -> Raw:
    """Read JSON: a list of records, an object holding exactly one such list, one record, or one record a line."""
    with open_text(path) as stream:
        if _is_lines(stream, path):
            stream.seek(0)
            return _from_lines(stream, path.name)
        stream.seek(0)
        text = stream.read()
    try:
        entries = _only_list(json.loads(text), path.name)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is {_why(error)}; export it again.") from error
    found = list(enumerate(entries, start=1))
    suspect = UNFIT.search(text) is not None
    unfit = {line for line, entry in found if suspect and UNFIT.search(_begin(entry, len(text)))}
    rejected = [Rejected(line, _UNFIT_BYTES, _begin(entry)) for line, entry in found if line in unfit]
    return _from_objects([each for each in found if each[0] not in unfit], rejected, path.name)


def read_parquet(path: Path) -> Raw:
    """Read a Parquet file; nested cells become lists and dictionaries."""
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0][:120]
        raise InputError(f"{path.name} is not a readable Parquet file ({why}); write it again.") from error
    rows = _frame(map(_cells, table.columns), table.column_names)
    if rows.empty:
        raise InputError(f"{path.name} has no records, expected a table with at least one row.")
    return Raw(rows, list(range(1, len(rows) + 1)), [])


def read_plain(path: Path) -> dict[str, str]:
    """Read a text or Markdown file as one article; a short first line with more below it is its title."""
    with open_text(path) as stream:
        text = _fitting(stream.read(), path.name).strip()
    first, _, rest = text.partition("\n")
    title = re.sub(r"^#{1,6}\s+", "", first).strip()
    if not rest.strip() or len(title) > 120 or title.endswith("."):
        return {"title": "", "text": text}
    return {"title": title, "text": rest.strip()}


def read_html(path: Path) -> dict[str, str]:
    """Read a web page as one article: its main text, and its title, date, site and address where it says so."""
    with open_text(path) as stream:
        page = _fitting(stream.read(), path.name)
    # Dates are only taken where the page states them, and no date is refused for lying in the future of today.
    dates = {"extensive_search": False, "original_date": True, "outputformat": "%Y-%m-%dT%H:%M:%S%z"}
    dates |= {"min_date": "1800-01-01", "max_date": "2100-12-31"}
    found: Any = trafilatura.bare_extraction(
        page, with_metadata=True, include_comments=False, date_extraction_params=dates
    )
    if found is None:
        return {"title": "", "text": ""}
    title = (found.title or "").strip()
    text = (found.text or "").strip()
    return {
        "title": title,
        "text": text.removeprefix(f"{title}\n").strip() if title else text,
        "published": found.date or "",
        "source": found.sitename or "",
        "url": found.url or "",
    }


def _fitting(text: str, name: str) -> str:
    if UNFIT.search(text):
        raise InputError(f"{name} has {_UNFIT_BYTES}; save it as UTF-8.")
    return text


def _is_lines(stream: IO[str], path: Path) -> bool:
    """Tell records a line from one document: by the ending, or by a first line that is a whole record."""
    filled = (line for line in stream if line.strip())
    first = next(filled, "")
    if re.search(r"\.(jsonl|ndjson)\b", path.name, re.IGNORECASE):
        return not first.lstrip().startswith("[")
    try:
        return isinstance(json.loads(first), dict) and next(filled, None) is not None
    except (ValueError, RecursionError):
        return False


def _from_lines(stream: IO[str], name: str) -> Raw:
    found: list[tuple[int, object]] = []
    rejected: list[Rejected] = []
    for line, text in enumerate(stream, start=1):
        if UNFIT.search(text):
            rejected.append(Rejected(line, _UNFIT_BYTES, text[:400]))
        elif text.strip():
            try:
                found.append((line, json.loads(text)))
            except (ValueError, RecursionError) as error:
                rejected.append(Rejected(line, _why(error), text[:400]))
    return _from_objects(found, rejected, name)


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "not valid JSON: nested too deep"
    return f"not valid JSON: {error}" if isinstance(error, json.JSONDecodeError) else str(error)


def _delimiter(sample: list[str]) -> str:
    """The delimiter whose rows most often have the header's width; a file of one column has none."""
    best, most = "\x1f", (0.0, 0)
    for delimiter in ",;\t|":
        rows = [row for row in csv.reader(sample, delimiter=delimiter) if row]
        width = len(rows[0]) if rows else 0
        fitting = sum(len(row) == width for row in rows) / max(len(rows), 1)
        if width > 1 and (fitting, width) > most:
            best, most = delimiter, (fitting, width)
    return best


def _records(stream: IO[str], delimiter: str) -> Iterator[tuple[int, list[str], str, str]]:
    """Yield (line, fields, problem, excerpt) a record; after broken quotes, reading goes on at the next line."""
    pending: deque[str] = deque()
    taken: list[str] = []
    line = 1

    def take() -> str | None:
        text = pending.popleft() if pending else next(stream, None)
        if text is not None:
            taken.append(text)
        return text

    reader = csv.reader(iter(take, None), delimiter=delimiter, strict=True)
    while True:
        taken.clear()
        problem, fields = "", []
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = f"quotes that do not close ({error})"
            pending.extendleft(reversed(taken[1:]))
            del taken[1:]
            reader = csv.reader(iter(take, None), delimiter=delimiter, strict=True)
        if fields or problem:
            yield line, fields, problem, "".join(taken)[:400]
        line += len(taken)


def _tab_lines(stream: IO[str]) -> Iterator[tuple[int, list[str], str, str]]:
    """Yield as `_records` does, one record a line; a quote that closes nothing is part of the text."""
    for line, text in enumerate(stream, start=1):
        bare = text.rstrip("\r\n")
        try:
            fields = next(csv.reader([bare], delimiter="\t", strict=True), [])
        except csv.Error:
            fields = bare.split("\t")
        if fields:
            yield line, fields, "", bare[:400]


def _only_list(document: object, name: str) -> list[object]:
    if isinstance(document, dict):
        lists = [v for v in document.values() if isinstance(v, list) and any(isinstance(e, dict) for e in v)]
        if len(lists) > 1:
            raise InputError(
                f"{name} holds {len(lists)} lists of records, expected one; keep only the list of articles."
            )
        return cast("list[object]", lists[0]) if lists else [document]
    if not isinstance(document, list):
        raise InputError(f"{name} holds {_kind(document)}, expected a list of articles as JSON objects.")
    return document


def _from_objects(found: list[tuple[int, object]], rejected: list[Rejected], name: str) -> Raw:
    good = [(line, entry) for line, entry in found if isinstance(entry, dict)]
    odd = [
        Rejected(line, f"not a record with named fields but {_kind(entry)}", _begin(entry))
        for line, entry in found
        if not isinstance(entry, dict)
    ]
    if not good and not rejected:
        what = f"{len(odd)} entries, the first {_kind(found[0][1])}" if odd else "no records"
        raise InputError(f"{name} holds {what}, expected articles as JSON objects with named fields.")
    names = list(dict.fromkeys(key for _, entry in good for key in entry))
    rows = _frame(([entry.get(key) for _, entry in good] for key in names), names)
    return Raw(rows, [line for line, _ in good], sorted([*rejected, *odd]))


def _frame(columns: Iterable[Any], names: list[str]) -> pd.DataFrame:
    """Put columns side by side; names may be repeated or hold what only Python strings can."""
    cells = {
        at: each if isinstance(each, pd.Series) else pd.Series(each, dtype=object) for at, each in enumerate(columns)
    }
    rows = pd.DataFrame(cells, columns=range(len(names)), dtype=None if cells else object)
    return rows.set_axis(pd.Index(names, dtype=object), axis="columns")


def _begin(entry: object, length: int = 400) -> str:
    return json.dumps(entry, ensure_ascii=False)[:length]


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _cells(column: Any) -> pd.Series:
    """One Parquet column: instants and floats stay typed, all else becomes Python objects."""
    if pa.types.is_timestamp(column.type) or pa.types.is_floating(column.type):
        return cast("pd.Series", column.to_pandas())
    return pd.Series(column.to_pylist(), dtype=object)


TABLES: dict[str, Callable[[Path], Raw]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".json": read_json,
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".parquet": read_parquet,
}
"""File ending -> the reader of tables of that kind."""
