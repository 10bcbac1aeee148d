"""Corpora and reports in object storage: what a user names by a URL is fetched before a run, and sent when it is done.

Whatever fsspec knows will do (``s3://``, ``gs://``, ``file://``, ``memory://``); the package for a kind of storage is
the user's to install, and its credentials are where that package looks for them. No URL is taken from data.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from toolkit import disk
from toolkit.schema import InputError, OutputError
from toolkit.settings import cache_home

_URL = re.compile(r"[a-z][a-z0-9+.-]*(://|::)")
_SECRET = re.compile(r"://[^/?#]*:[^/?#]*@")
_STAMPS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created")
"""What kinds of storage call what changes with a file."""
_LAST = ("index.html", disk.MANIFEST)


def is_url(value: object) -> bool:
    """Tell whether a value names something by a URL.

    >>> is_url("s3://bucket/a.csv"), is_url("data/a.csv"), is_url("C:/a.csv")
    (True, False, False)
    """
    return isinstance(value, str) and _URL.match(value) is not None


def join(folder: str, name: str) -> str:
    """Name what lies in a folder, given by a path or a URL."""
    return f"{folder.rstrip('/')}/{name}" if is_url(folder) else str(Path(folder) / name)


def open_storage(url: str) -> tuple[Any, str]:
    """Return the file system of a URL or path, and the path in it.

    Raises `InputError` where nothing installed understands the URL, or where it holds a password.
    """
    if _SECRET.search(url):
        raise InputError("A URL holds a password, which would stand in the report: keep it where its package looks.")
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        why = " ".join(str(error).split())
        raise InputError(f"{url} cannot be reached ({why}): install what it needs, or mend it.") from error
    return system, str(path).rstrip("/")


@contextlib.contextmanager
def _reaching(url: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{url} cannot be read ({error.strerror or error}): check the URL and your rights.") from error


def fetch(url: str) -> Path:
    """Return a local copy of a file or folder, fetched into the cache unless it is there as it now is.

    Raises `InputError` where it is not there or cannot be read.
    """
    system, path = open_storage(url)
    with _reaching(url):
        if not system.exists(path):
            raise InputError(f"{url} is not there, expected a file or folder: check the URL.")
        names = sorted(system.find(path)) if system.isdir(path) else [path]
        states = [_state(system.info(name)) for name in names]
        key = hashlib.blake2b(json.dumps([url, names, states]).encode(), digest_size=12).hexdigest()
        home = cache_home() / "fetched" / key
        target = home / (PurePosixPath(path).name or "data")
        if not target.exists():
            _copy(system, path, names, home, target.name)
        os.utime(home)  # used now: the last to be pruned
    return target


def _state(info: dict[str, Any]) -> list[str]:
    """Return what changes with a file; where its storage tells nothing of the kind, it counts as changed."""
    stamps = [str(info[name]) for name in _STAMPS if info.get(name)]
    return [str(info.get("size")), *(stamps or [secrets.token_hex(8)])]


def _copy(system: Any, path: str, names: list[str], home: Path, called: str) -> None:
    aside = home.with_name(f".{home.name}.{secrets.token_hex(4)}")
    try:
        for name in names:
            inner = PurePosixPath(called, name.removeprefix(path).lstrip("/"))
            if ".." in inner.parts:
                raise InputError(f"{name} has '..' in its name and is not fetched: rename it.")
            (aside / inner).parent.mkdir(parents=True, exist_ok=True)
            system.get_file(name, str(aside / inner))
        with contextlib.suppress(FileExistsError):
            aside.rename(home)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def building_place(url: str) -> Path:
    """Return the local folder in which a run is built that is to be sent to `url`."""
    name = PurePosixPath(url).name
    return cache_home() / "outgoing" / hashlib.blake2b(url.encode(), digest_size=8).hexdigest() / (name or "run")


def check_target(url: str) -> str:
    """Return `url` if a run may be sent there: it is empty, or holds a run of ours; else `OutputError`."""
    system, path = open_storage(url)
    with _reaching(url):
        if system.exists(path) and system.find(path) and read_manifest(url) is None:
            raise OutputError(f"{url} holds something else than a run and is not overwritten: name another folder.")
    return url.rstrip("/")


def read_manifest(url: str) -> dict[str, Any] | None:
    """Return the manifest of the run at a URL or path; None where there is none of ours."""
    system, path = open_storage(url)
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(system.cat_file(f"{path}/{disk.MANIFEST}"))
        if isinstance(found, dict) and found.get("made_by") == disk.MADE_BY:
            return found
    return None


@contextlib.contextmanager
def sent(folder: Path, url: str) -> Iterator[None]:
    """Send the run folder that the block makes to `url` (nowhere, if empty), unless another process was faster.

    Object storage knows no renaming: until all files are there, the manifest says that the run is not.
    """
    before = read_manifest(url) if url else None
    yield
    now = read_manifest(url) if url else None
    made = disk.read_manifest(folder)
    overtaken = now != before and now and made and (now.get("key"), now.get("status")) == (made.get("key"), "finished")
    if url and not overtaken:
        try:
            _send(folder, url)
        except OSError as error:
            raise OutputError(f"{url} cannot be written ({error.strerror or error}): check your rights.") from error


def _send(folder: Path, url: str) -> None:
    system, root = open_storage(url)
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    there = [name.removeprefix(root).lstrip("/") for name in system.find(root)] if system.exists(root) else []
    system.makedirs(root, exist_ok=True)
    mark = {"made_by": disk.MADE_BY, "status": "not yet here in full"}
    system.pipe_file(f"{root}/{disk.MANIFEST}", json.dumps(mark).encode())
    for name in [name for name in names if name not in _LAST] + [name for name in _LAST if name in names]:
        system.makedirs(str(PurePosixPath(root, name).parent), exist_ok=True)
        system.put_file(str(folder / name), f"{root}/{name}")
    for name in set(there) - set(names):
        system.rm_file(f"{root}/{name}")
