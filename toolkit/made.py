"""How a run was made: its manifest as tables that a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from toolkit import store
from toolkit.exhibits import duration

Section = tuple[str, dict[str, Any]]
_TOLD = ("name", "started", "seconds", "memory_mb", "peak_mb", "rows_in", "rows_out")
_SPENT = ("waited", "imports", "cells")


def sections(manifest: Mapping[str, Any], dropped: Path) -> list[Section]:
    """Return (heading, table) of what is known; `dropped` is the table of dropped rows, which may be missing."""
    tables = {
        "The run": _pairs("", _run(manifest).items()),
        "Where the time went": _profile(manifest.get("profile")),
        "Rows and time of each step": _stages(manifest.get("stages")),
        "Where rows were lost": _losses(dropped),
        "Parameters": _pairs("parameter", _mapping(manifest.get("parameters")).items()),
        "Fingerprints of what went in": _pairs("of", _flat(_mapping(manifest.get("hashes")))),
        "Versions": _pairs("package", _mapping(manifest.get("versions")).items()),
    }
    return [(heading, table) for heading, table in tables.items() if table["rows"]]


def moment(text: object) -> str:
    """Return an ISO 8601 time as people write it, in UTC; empty where it is none."""
    try:
        time = datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return ""
    return f"{time.day} {time:%B %Y, %H:%M} UTC"


def _run(manifest: Mapping[str, Any]) -> dict[str, object]:
    inputs = _mapping(manifest.get("parameters")).get("inputs")
    facts = {
        "Articles from": inputs if inputs else ("the bundled sample" if inputs is not None else None),
        "Fingerprint of the articles": _mapping(manifest.get("hashes")).get("inputs"),
        "Status": manifest.get("status"),
        "Started": moment(manifest.get("started")),
        "Finished": moment(manifest.get("finished")),
        "Took": duration(manifest["seconds"]) if manifest.get("seconds") else None,
        "Taken from the cache": _mapping(manifest.get("cache")).get("taken"),
        "Damaged in the cache, made again": _mapping(manifest.get("cache")).get("damaged"),
        "Seeds": manifest.get("seeds"),
        "Git commit": manifest.get("git_commit"),
    }
    return {name: value for name, value in facts.items() if value not in (None, "", {}, [])}


def _profile(profile: object) -> dict[str, Any]:
    """Return a row a notebook; `profile` as `profiling.profile` gives it."""
    records = [record for record in profile if isinstance(record, dict)] if isinstance(profile, list) else []
    parts = [[float(record.get(name) or 0) for name in _SPENT] for record in records]
    whole = sum(map(sum, parts)) or 1.0
    rows = [
        [str(r.get("notebook", "")), *map(duration, took), f"{sum(took) / whole:.0%}", _megabytes(r.get("memory_mb"))]
        for r, took in zip(records, parts, strict=True)
    ]
    names = [
        "notebook",
        "waiting",
        "imports",
        "cells",
        "share",
        "memory at its end",
    ]
    return _table("Notebooks", zip(names, ["text", *["number"] * 5], strict=True), rows)


def _megabytes(value: object) -> str:
    return f"{value:,.0f} MB" if isinstance(value, int | float) else "–"


def _stages(stages: object) -> dict[str, Any]:
    names = ["step", "rows in", "rows out", "difference", "time", "memory at most", "further"]
    kinds = ["text", *["number"] * 5, "text"]
    rows = [_stage(record) for record in stages if isinstance(record, dict)] if isinstance(stages, list) else []
    return _table("Steps", zip(names, kinds, strict=True), rows)


def _stage(record: Mapping[str, Any]) -> list[str]:
    before, after = record.get("rows_in"), record.get("rows_out")
    lost = before - after if isinstance(before, int) and isinstance(after, int) else None
    memory = record.get("memory_mb", record.get("peak_mb"))
    further = {key: value for key, value in record.items() if key not in _TOLD and value is not None}
    return [
        str(record.get("name", "")).replace("_", " "),
        *(_count(value) for value in (before, after, lost)),
        duration(record.get("seconds")),
        _megabytes(memory),
        "; ".join(_fact(key, value) for key, value in further.items()),
    ]


def _fact(key: str, value: object) -> str:
    if key == "cpu_seconds":
        return f"processors: {duration(value)}"
    return f"{key.replace('_', ' ')}: {_count(value) if type(value) is int else _value(value)}"


def _losses(dropped: Path) -> dict[str, Any]:
    columns = [("reason", "text"), ("rows", "number")]
    if not dropped.is_file():
        return _table("Rows lost", columns, [])
    table = store.read_table(dropped)
    by = [name for name in ("stage", "reason") if name in table.columns]
    if not by or table.empty:
        return _table("Rows lost", columns, [])
    counts = table.groupby(by).size().sort_values(ascending=False, kind="stable").reset_index(name="rows")
    rows = [[*(str(name) for name in row[:-1]), _count(int(row[-1]))] for row in counts.itertuples(index=False)]
    return _table("Rows lost", [*((name, "text") for name in by), ("rows", "number")], rows)


def _pairs(what: str, pairs: Iterable[tuple[str, object]]) -> dict[str, Any]:
    return _table(what, [(what, "text"), ("value" if what else "", "text")], [[k, _value(v)] for k, v in pairs])


def _table(caption: str, columns: Iterable[tuple[str, str]], rows: list[list[str]]) -> dict[str, Any]:
    return {"caption": caption, "columns": [{"name": name, "kind": kind} for name, kind in columns], "rows": rows}


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _flat(values: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name} / ")
        else:
            yield before + name, value


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "–"


def _value(value: object) -> str:
    if isinstance(value, str):
        return value or "(empty)"
    if isinstance(value, list):
        return ", ".join(map(_value, value)) or "(none)"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(item)}" for key, item in value.items()) or "(none)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "(not set)" if value is None else str(value)
