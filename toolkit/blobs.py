"""The folder in which things made before are kept, and how a file gets in and out of it.

``entries/<kind>/<key>.json`` names the files of an entry, ``blobs/`` holds each content once, under its own hash.
Both are written aside and renamed, and every blob is hashed again when it is copied out: what a killed process, a full
disk or a bad sector left behind is never believed. Files are copied and never linked, so that no run can write into
another's. Readers and writers share a lock that pruning takes alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from toolkit import disk
from toolkit.settings import cache_home

_DIGITS = 40
_KNOWN: dict[tuple[str, int, int, int], str] = {}
"""Path, inode, bytes and time of change -> the digest of what lay there."""


def home() -> Path:
    """Return the folder of all that is kept."""
    return cache_home() / "kept"


def entry_path(kind: str, key: str) -> Path:
    """Return where the record of an entry lies."""
    return home() / "entries" / kind / f"{key}.json"


def blob_path(digest: str) -> Path:
    """Return where the content with this digest lies."""
    return home() / "blobs" / digest[:2] / digest


def databases() -> list[Path]:
    """Return the files of the vectors of texts; never more, since the folder is the user's choice."""
    return sorted(cache_home().glob("embeddings.sqlite*"))


def files(folder: Path) -> list[Path]:
    """Return all files in `folder`, at any depth; [] where it is not there."""
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []


def file_digest(path: Path) -> str:
    """Hash a file's content (the first 40 hex digits of SHA-256, for which processors have instructions)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]


def known_digest(path: Path) -> str:
    """Return what `file_digest` does, without reading again what this process has read and nobody has written to."""
    place = _place(path)
    if place not in _KNOWN:
        _KNOWN[place] = file_digest(path)
    return _KNOWN[place]


def note_digest(path: Path, digest: str) -> None:
    """Let `known_digest` know what a file is that lies as it was hashed."""
    _KNOWN[_place(path)] = digest


def _place(path: Path) -> tuple[str, int, int, int]:
    state = path.stat()
    return str(path), state.st_ino, state.st_size, state.st_mtime_ns


@contextlib.contextmanager
def locked(alone: bool = False) -> Iterator[None]:
    """Hold the folder, with others or alone; the lock goes with the process, however it ends."""
    home().mkdir(parents=True, exist_ok=True)
    with (home() / ".lock").open("a") as handle:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


def write_entry(path: Path, made: Mapping[str, str]) -> None:
    """Write the record of an entry: name -> digest of each file, in their order, and a checksum."""
    record = {"made": disk.now(), "files": dict(made)}
    disk.write_json({**record, "check": _check(record)}, path)


def read_entry(path: Path) -> dict[str, str] | None:
    """Return name -> digest of an entry's files; None where that is not what `write_entry` wrote."""
    try:
        record = json.loads(path.read_text("utf-8"))
        check = record.pop("check")
        found = {str(name): str(digest) for name, digest in record["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    inside = not any(Path(name).is_absolute() or ".." in Path(name).parts for name in found)
    return found if inside and check == _check(record) else None


def _check(record: Mapping[str, object]) -> str:
    return hashlib.blake2b(json.dumps(record, sort_keys=True).encode(), digest_size=8).hexdigest()


def copy_in(path: Path) -> str:
    """Copy a file among the blobs unless its content is there, unharmed; return its digest."""
    digest = known_digest(path)
    blob = blob_path(digest)
    if not _holds(blob, digest):
        with disk.writing(blob) as aside:
            _copy(path, aside)
    return digest


def _holds(blob: Path, digest: str) -> bool:
    with contextlib.suppress(OSError):  # not there, or just now taken away by who found it damaged
        return file_digest(blob) == digest
    return False


def copy_out(digest: str, target: Path) -> bool:
    """Copy a blob to `target` and hash the copy; False where it is not what its name says, and it is removed then."""
    blob = blob_path(digest)
    if not blob.is_file():
        return False
    _copy(blob, target)
    if file_digest(target) == digest:
        return True
    blob.unlink(missing_ok=True)
    return False


def _copy(source: Path, target: Path) -> None:
    """Copy a file; where the file system can share blocks until one of both is written to, it does."""
    with source.open("rb") as read, target.open("wb") as write:
        if hasattr(os, "copy_file_range"):
            with contextlib.suppress(OSError):  # two file systems, on an old kernel: copied below
                while os.copy_file_range(read.fileno(), write.fileno(), 1 << 30):
                    pass
        shutil.copyfileobj(read, write, 1 << 20)
