"""Keep files under a key of all that they depend on, and take them again where nothing of that has changed."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import sys
import time
import warnings
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

from toolkit import blobs, disk, pruning
from toolkit.schema import OutputError
from toolkit.settings import fresh

TAKEN, ABSENT, DAMAGED = "taken", "absent", "damaged"
"""What became of an entry that was asked for."""
_PACKAGE = Path(__file__).resolve().parent
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_TOOLS = re.compile(r"extra == .(test|lab)")


def source_digest() -> str:
    """Hash the package's source and the data shipped in it, as they lie on the disk now (32 hex digits)."""
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(_PACKAGE) for name in names]  # noqa: PTH118
    states = [(path, os.stat(path)) for path in paths if not path.endswith(".pyc")]  # noqa: PTH116
    return _digest_of(tuple(sorted((path, state.st_ino, state.st_size, state.st_mtime_ns) for path, state in states)))


@lru_cache(2)
def _digest_of(states: tuple[tuple[str, int, int, int], ...]) -> str:
    """Hash the files at these paths; they are read again where one of them is another file now, or was written to."""
    found = hashlib.blake2b(digest_size=16)
    for path, *_ in states:
        found.update(Path(path).relative_to(_PACKAGE).as_posix().encode() + b"\0" + Path(path).read_bytes())
    return found.hexdigest()


_LOADED = source_digest()
"""The code that this process runs: a file edited afterwards is another code, which this process does not know."""


@cache
def _installed() -> str:
    """Name the kind of machine and the versions of all packages that this one asks for."""
    found = {"python": platform.python_version(), "machine": platform.machine(), "system": sys.platform}
    try:
        wanted = importlib.metadata.requires("toolkit") or []
    except importlib.metadata.PackageNotFoundError:
        wanted = list(disk.PACKAGES)
    bearing = [line for line in wanted if not _TOOLS.search(line)]
    listed = _listed()
    for name in {match[0] for match in map(_NAME.match, bearing) if match}:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = listed.get(_plain(name)) or importlib.metadata.version(name)
    return json.dumps(found, sort_keys=True)


def _listed() -> dict[str, str]:
    """Return the versions of the packages as their folders are called, which need not be read for that."""
    names = [path.name for folder in sys.path if Path(folder).is_dir() for path in Path(folder).iterdir()]
    pairs = [name.removesuffix(".dist-info").split("-") for name in names if name.endswith(".dist-info")]
    return {_plain(pair[0]): pair[1] for pair in reversed(pairs) if len(pair) == 2}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def make_key(*parts: object) -> str:
    """Return the key of what depends on `parts` (plain values), on the code and on its packages: 40 hex digits."""
    text = json.dumps([_LOADED, _installed(), *parts], sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


def keep(kind: str, key: str, folder: Path, names: Iterable[str]) -> bool:
    """Keep the files `names` of `folder` as an entry of this `kind`; False where that cannot be.

    Nothing is kept where the package's source is no longer what this process loaded: it cannot be told then which
    of the two has made the files.
    """
    if source_digest() != _LOADED:
        return False
    try:
        with blobs.locked():
            made = {name: blobs.copy_in(folder / name) for name in names}
            blobs.write_entry(blobs.entry_path(kind, key), made)
        pruning.bound(sum((folder / name).stat().st_size for name in made))
    except (OSError, OutputError) as error:
        _warn(error)
        return False
    return True


def is_kept(kind: str, key: str) -> bool:
    """Tell whether there is an entry that may be taken; it may yet be damaged."""
    return not fresh() and blobs.entry_path(kind, key).is_file() and source_digest() == _LOADED


def take(kind: str, key: str, folder: Path) -> str:
    """Copy the files of an entry into `folder`, all or none; returns `TAKEN`, `ABSENT` or `DAMAGED`.

    What is damaged is removed, so that it is kept anew. The files' times follow the order in which they were kept.
    """
    path = blobs.entry_path(kind, key)
    if not is_kept(kind, key):
        return ABSENT
    try:
        with blobs.locked():
            return _take(path, folder)
    except OSError as error:
        _warn(error)
        return ABSENT


def _take(path: Path, folder: Path) -> str:
    if not path.is_file():  # pruned since it was looked for
        return ABSENT
    found = blobs.read_entry(path)
    copies = {name: (folder / name).with_name(f".{Path(name).name}.taken") for name in found or {}}
    try:
        if found is None or not all(_copied(found[name], copy) for name, copy in copies.items()):
            path.unlink(missing_ok=True)
            return DAMAGED
        moment = time.time_ns()
        for number, (name, copy) in enumerate(copies.items()):
            os.utime(copy, ns=(moment + number, moment + number))
            copy.replace(folder / name)
            blobs.note_digest(folder / name, found[name])
    finally:
        for copy in copies.values():
            copy.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        os.utime(path)
    return TAKEN


def _copied(digest: str, copy: Path) -> bool:
    copy.parent.mkdir(parents=True, exist_ok=True)
    return blobs.copy_out(digest, copy)


def _warn(error: Exception) -> None:
    warnings.warn(f"The cache in {blobs.home()} is not used: {error}", stacklevel=3)
