"""Files to raw records: one function a format, nothing decided about what a column means.

A reader of tables gives `Raw`: the records as they stand in the file (cells are Python objects), the line or
record number of each, and what could not be read with the reason; piece by piece, where a file is long. A file that
cannot be used at all is an `InputError`, at the latest after its last piece. One article a file: see `documents`.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.encoding import UNFIT, UNFIT_BYTES, open_text
from toolkit.schema import InputError

_FIELD_LIMIT = 1 << 30
"""Longest CSV field, in characters; the csv module's own limit would refuse long articles."""


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
    return whole(csv_pieces(path))


def read_json(path: Path) -> Raw:
    """Read JSON: a list of records, an object holding exactly one such list, one record, or one record a line."""
    return whole(json_pieces(path))


def read_parquet(path: Path) -> Raw:
    """Read a Parquet file; nested cells become lists and dictionaries."""
    return whole(parquet_pieces(path))


def csv_pieces(path: Path, rows: int = sys.maxsize) -> Iterator[Raw]:
    """Read as `read_csv` does, in pieces of `rows` records."""
    csv.field_size_limit(_FIELD_LIMIT)
    with open_text(path, newline="") as stream:
        sample = list(islice(stream, 200))
    delimiter = _delimiter(sample)
    one_a_line = delimiter == "\t" and len({line.count("\t") for line in sample if line.strip()}) == 1
    with open_text(path, newline="") as stream:
        found = _tab_lines(stream) if one_a_line else _records(stream, delimiter)
        header: list[str] = []
        some = False
        while piece := list(islice(found, rows)):
            raw, header = _from_fields(piece, header)
            some = some or bool(raw.lines or raw.rejected)
            yield raw
    if not some:
        raise InputError(f"{path.name} has no records, expected a header and at least one row below it.")


def _from_fields(piece: list[tuple[int, list[str], str, str]], header: list[str]) -> tuple[Raw, list[str]]:
    """Return the records that fit the header, which is the first of a file that can be read."""
    records: list[list[str]] = []
    lines: list[int] = []
    rejected: list[Rejected] = []
    for line, fields, problem, excerpt in piece:
        if not header and not problem:
            header = fields
        elif problem or UNFIT.search("".join(fields)):
            rejected.append(Rejected(line, problem or UNFIT_BYTES, excerpt))
        elif len(fields) != len(header):
            reason = f"{len(fields)} fields where the header has {len(header)}"
            rejected.append(Rejected(line, reason, excerpt))
        else:
            records.append(fields)
            lines.append(line)
    return Raw(_frame(zip(*records, strict=True), header), lines, rejected), header


def json_pieces(path: Path, rows: int = sys.maxsize) -> Iterator[Raw]:
    """Read as `read_json` does, in pieces of `rows` records; only records a line are not held all at once."""
    with open_text(path) as stream:
        if _is_lines(stream, path):
            stream.seek(0)
            yield from _from_lines(stream, path.name, rows)
            return
        stream.seek(0)
        text = stream.read()
    try:
        entries = _only_list(json.loads(text), path.name)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is {_why(error)}; export it again.") from error
    found = list(enumerate(entries, start=1))
    suspect = UNFIT.search(text) is not None
    unfit = {line for line, entry in found if suspect and UNFIT.search(_begin(entry, len(text)))}
    rejected = [Rejected(line, UNFIT_BYTES, _begin(entry)) for line, entry in found if line in unfit]
    raw = _from_objects([each for each in found if each[0] not in unfit], rejected)
    if not raw.lines and not rejected:
        raise _unusable(path.name, [_kind(entry) for _, entry in found])
    yield raw


def parquet_pieces(path: Path, rows: int = sys.maxsize) -> Iterator[Raw]:
    """Read as `read_parquet` does, in pieces of `rows` rows."""
    try:
        with pq.ParquetFile(path) as file:
            if not file.metadata.num_rows:
                raise InputError(f"{path.name} has no records, expected a table with at least one row.")
            pieces = [file.read()] if rows >= file.metadata.num_rows else file.iter_batches(rows)
            given = 0
            for piece in pieces:
                cells = _frame(map(_cells, piece.columns), piece.schema.names)
                yield Raw(cells, list(range(given + 1, given + len(cells) + 1)), [])
                given += len(cells)
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0][:120]
        raise InputError(f"{path.name} is not a readable Parquet file ({why}); write it again.") from error


def whole(pieces: Iterator[Raw]) -> Raw:
    """Return the one piece of a file that was not asked for in several."""
    (raw,) = pieces
    return raw


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


def _from_lines(stream: IO[str], name: str, rows: int) -> Iterator[Raw]:
    numbered = enumerate(stream, start=1)
    usable = False
    odd: list[str] = []
    while (piece := list(islice(numbered, rows))) or not (usable or odd):
        found: list[tuple[int, object]] = []
        rejected: list[Rejected] = []
        for line, text in piece:
            if UNFIT.search(text):
                rejected.append(Rejected(line, UNFIT_BYTES, text[:400]))
            elif text.strip():
                try:
                    found.append((line, json.loads(text)))
                except (ValueError, RecursionError) as error:
                    rejected.append(Rejected(line, _why(error), text[:400]))
        raw = _from_objects(found, rejected)
        usable = usable or bool(raw.lines or rejected)
        odd += [] if usable else [_kind(entry) for _, entry in found]
        if not piece:
            break
        yield raw
    if not usable:
        raise _unusable(name, odd)


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


def _from_objects(found: list[tuple[int, object]], rejected: list[Rejected]) -> Raw:
    good = [(line, entry) for line, entry in found if isinstance(entry, dict)]
    odd = [
        Rejected(line, f"not a record with named fields but {_kind(entry)}", _begin(entry))
        for line, entry in found
        if not isinstance(entry, dict)
    ]
    names = list(dict.fromkeys(key for _, entry in good for key in entry))
    rows = _frame(([entry.get(key) for _, entry in good] for key in names), names)
    return Raw(rows, [line for line, _ in good], sorted([*rejected, *odd]))


def _unusable(name: str, odd: list[str]) -> InputError:
    """Tell that of a file of JSON nothing is a record, and nothing is broken that might be one."""
    what = f"{len(odd)} entries, the first {odd[0]}" if odd else "no records"
    return InputError(f"{name} holds {what}, expected articles as JSON objects with named fields.")


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


TABLES: dict[str, Callable[..., Iterator[Raw]]] = {
    ".csv": csv_pieces,
    ".tsv": csv_pieces,
    ".json": json_pieces,
    ".jsonl": json_pieces,
    ".ndjson": json_pieces,
    ".parquet": parquet_pieces,
}
"""File ending -> the reader of tables of that kind, by pieces; `whole` reads one in one."""
