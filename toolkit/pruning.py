"""How much is kept, kind by kind, and how it is made less: what was not used for the longest time goes first."""

from __future__ import annotations

import contextlib
import math
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from toolkit import blobs
from toolkit.settings import cache_home, cache_limit

VECTORS = "vectors of texts"
"""The kind under which the database of `embed` is shown; it goes as a whole."""
FOLDERS = {"fetched": "corpora fetched", "outgoing": "reports to be sent"}
"""Folders of `remote` -> the kind under which what lies in them is shown; they have a part in no limit."""
_HELD = 60.0
"""Seconds: a report that was written to since then is being made."""
_MB = 1024**2
_ROOM = 0.9
"""What is above its limit is brought down to this part of it, so that not every new entry removes an old one."""
_LITTLE = 0.01
_uncounted = [math.inf]
"""Bytes kept by this process since all was counted last, which it never was in the beginning."""


class Use(NamedTuple):
    """How much is kept of one kind: entries, bytes (what two kinds share counts in both), seconds since 1970."""

    kind: str
    entries: int
    size: int
    used: float


class _Entry(NamedTuple):
    kind: str
    path: Path
    used: float
    sizes: Mapping[Path, int]
    """File -> bytes: its blobs, or the database of vectors itself, or the files of a folder."""


def uses() -> list[Use]:
    """Return how much is kept, kind by kind, the largest first."""
    kinds: dict[str, list[_Entry]] = {}
    for entry in [*_entries(), *_folders()]:
        kinds.setdefault(entry.kind, []).append(entry)
    found = [
        Use(
            kind,
            len(mine),
            sum({path: size for entry in mine for path, size in entry.sizes.items()}.values()),
            max(entry.used for entry in mine),
        )
        for kind, mine in kinds.items()
    ]
    return sorted(found, key=lambda use: (-use.size, use.kind))


def total(folders: bool = True) -> int:
    """Return the bytes of all that is kept, or of all but the `FOLDERS`."""
    found = 0
    inside = [path for entry in _folders() for path in entry.sizes] if folders else []
    for path in [*_contents(), *inside]:
        with contextlib.suppress(OSError):
            found += path.stat().st_size
    return found


def prune(most: int | None = None, days: float | None = None) -> None:
    """Remove what was not used within `days`, then the longest unused until at most `most` bytes are left.

    Neither given: all goes, but for reports that are being made. Whatever else lies in the folder stays.
    """
    with blobs.locked(alone=True) if blobs.home().is_dir() else contextlib.nullcontext():
        _prune(0 if most is None and days is None else most, days, [*_entries(), *_folders()])


def bound(more: float = math.inf) -> None:
    """Bring all that is kept below its limit (`settings.cache_limit`); what was used last is the last to go.

    Counting takes a look at every file: it is put off until `more`, the bytes kept now, and those of the calls before
    are a hundredth of the limit together.
    """
    _uncounted.append(more)
    if sum(_uncounted) < cache_limit() * _LITTLE:
        return
    _uncounted.clear()
    if total(folders=False) > cache_limit():
        with blobs.locked(alone=True):
            _prune(int(cache_limit() * _ROOM), None, list(_entries()))


def lines() -> list[str]:
    """Say what is kept, a line a kind: MB, entries, day of last use."""
    found = [f"{cache_home()}: {total() / _MB:.1f} MB of at most {cache_limit() / _MB:,.0f} MB"]
    for use in uses():
        day = time.strftime("%Y-%m-%d", time.gmtime(use.used))
        found.append(f"{use.kind:32}{use.size / _MB:10.1f} MB {use.entries:6} kept, last used {day}")
    return found


def _prune(most: int | None, days: float | None, entries: list[_Entry]) -> None:
    spared: dict[Path, int] = {}
    left = float("inf") if most is None else most
    oldest = 0.0 if days is None else time.time() - days * 86_400
    for entry in sorted(entries, key=lambda entry: entry.used, reverse=True):
        more = {path: size for path, size in entry.sizes.items() if path not in spared}
        if entry.used >= oldest and left > 0 and sum(more.values()) <= left:
            spared |= more
            left -= sum(more.values())
        elif entry.path.is_dir():
            _remove(entry)
        else:
            entry.path.unlink(missing_ok=True)
    for path in _contents():
        if path not in spared:
            path.unlink(missing_ok=True)


def _remove(entry: _Entry) -> None:
    """Remove a folder, by another name first: half of one must not be taken for the whole."""
    if entry.kind == FOLDERS["outgoing"] and time.time() - entry.used < _HELD:
        return
    gone = entry.path.with_name(f".{entry.path.name}.{secrets.token_hex(4)}")
    with contextlib.suppress(OSError):
        entry.path.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _folders() -> Iterator[_Entry]:
    """Yield the folders that `remote` keeps, and what killed processes left half done there."""
    for name, kind in FOLDERS.items():
        home = cache_home() / name
        for path in sorted(home.iterdir()) if home.is_dir() else []:
            with contextlib.suppress(OSError):
                states = {file: file.stat() for file in blobs.files(path)}
                used = max([path.stat().st_mtime, *(state.st_mtime for state in states.values())])
                used = path.stat().st_mtime if name == "fetched" else used
                yield _Entry(kind, path, used, {file: state.st_size for file, state in states.items()})


def _contents() -> list[Path]:
    return [*blobs.files(blobs.home() / "blobs"), *blobs.databases()]


def _entries() -> Iterator[_Entry]:
    """Yield what is kept; a record that is damaged owns nothing, and is as old as can be."""
    for path in blobs.files(blobs.home() / "entries"):
        with contextlib.suppress(OSError):
            found = blobs.read_entry(path)
            there = {blob for blob in map(blobs.blob_path, (found or {}).values()) if blob.is_file()}
            used = 0.0 if found is None else path.stat().st_mtime
            yield _Entry(path.parent.name, path, used, {blob: blob.stat().st_size for blob in there})
    for path in blobs.databases():
        with contextlib.suppress(OSError):
            state = path.stat()
            yield _Entry(VECTORS, path, max(state.st_mtime, state.st_atime), {path: state.st_size})
