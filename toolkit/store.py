"""The record of a stage, tables for spreadsheets, and `disk`, `parquet`, `heads`, `arrays`, `spool` under one name."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from toolkit.arrays import adding_vectors as adding_vectors
from toolkit.arrays import read_vectors as read_vectors
from toolkit.arrays import write_vectors as write_vectors
from toolkit.disk import MADE_BY as MADE_BY
from toolkit.disk import MANIFEST as MANIFEST
from toolkit.disk import PACKAGES as PACKAGES
from toolkit.disk import asset as asset
from toolkit.disk import check_writable as check_writable
from toolkit.disk import git_commit as git_commit
from toolkit.disk import input_digest as input_digest
from toolkit.disk import now as now
from toolkit.disk import read_json as read_json
from toolkit.disk import read_manifest as read_manifest
from toolkit.disk import read_stages as read_stages
from toolkit.disk import time_zone as time_zone
from toolkit.disk import versions as versions
from toolkit.disk import write_json as write_json
from toolkit.disk import write_manifest as write_manifest
from toolkit.disk import write_text as write_text
from toolkit.disk import writing as writing
from toolkit.heads import read_brief as read_brief
from toolkit.heads import read_heads as read_heads
from toolkit.heads import read_numbered as read_numbered
from toolkit.heads import read_rows as read_rows
from toolkit.heads import read_texts as read_texts
from toolkit.numbered import names_of as names_of
from toolkit.numbered import numbered as numbered
from toolkit.parquet import ROWS as ROWS
from toolkit.parquet import adding as adding
from toolkit.parquet import count_rows as count_rows
from toolkit.parquet import read_at as read_at
from toolkit.parquet import read_batches as read_batches
from toolkit.parquet import read_table as read_table
from toolkit.parquet import write_table as write_table
from toolkit.progress import Facts
from toolkit.spool import Scratch as Scratch

_FORMULA = re.compile(r"^[=+\-@\t\r]")


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def _may_harm(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.StringDtype):
        return bool(column.str.match(_FORMULA.pattern).fillna(False).any())
    return not pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_datetime64_any_dtype(column.dtype)


def _in_seconds(column: pd.Series) -> bool:
    """Tell whether a column holds whole seconds of UTC, as nearly all dates of news are."""
    zone = getattr(column.dtype, "tz", None)
    return zone is not None and str(zone) == "UTC" and bool((column.dropna() == column.dropna().dt.floor("s")).all())


def _dated(column: pd.Series) -> pd.Series:
    """Return such dates as they are written to CSV, in a tenth of the time."""
    text = np.datetime_as_string(column.dt.tz_localize(None).to_numpy().astype("datetime64[s]"))
    written = pd.Series(text, dtype="str", index=column.index).str.replace("T", " ") + "+00:00"
    return written.where(column.notna(), None)


def write_csv(frame: pd.DataFrame, path: Path | str) -> Path:
    """Write `frame` for a spreadsheet: UTF-8 with BOM, no text cell or column name taken for a formula."""
    text = [name for name, column in frame.items() if _may_harm(column)]
    safe = frame.assign(**{str(name): frame[name].astype(object).map(_harmless) for name in text})
    safe = safe.assign(**{str(name): _dated(column) for name, column in frame.items() if _in_seconds(column)})
    with writing(Path(path)) as aside:
        safe.rename(columns=_harmless).to_csv(aside, index=False, encoding="utf-8-sig", lineterminator="\n")
    return Path(path)


def _reset_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> float | None:
    """Return this process's peak memory in MB (on Linux since the stage began); None if unknown."""
    with contextlib.suppress(OSError):
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
        if found:
            return round(int(found[1]) / 1024, 1)
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024**2 if sys.platform == "darwin" else 1024), 1)


def _busy() -> float:
    """Return the seconds of processors that this process has used, with its children that have ended (`abreast`)."""
    return sum(os.times()[:4])


@contextlib.contextmanager
def stage(run_dir: Path | str, name: str, rows_in: int | None = None) -> Iterator[Facts]:
    """Time a stage and write ``stages/<name>.json``: seconds (also of processors), peak MB, rows, the caller's facts.

    Yields a dict: set ``rows_out`` and any further fact in it. Its ``tell(done, total)`` moves the bar that
    ``toolkit run`` shows; see `progress`. A stage that fails leaves no record.
    """
    facts = Facts(run_dir, name, {"rows_out": None})
    _reset_peak()
    started, begin, busy = now(), time.perf_counter(), _busy()
    facts.tell(0, 0)
    try:
        yield facts
    finally:
        facts.end()
    record = {"name": name, "started": started, "seconds": round(time.perf_counter() - begin, 3)}
    record |= {"cpu_seconds": round(_busy() - busy, 3), "memory_mb": peak_memory()}
    record |= {"rows_in": rows_in} | facts
    write_json(record, Path(run_dir) / "stages" / f"{name}.json")
