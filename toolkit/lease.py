"""Who may put a run in place: a lease, a numbered file beside the run folder, held by one process at a time.

A lease is made by exclusive creation and never overwritten: whoever takes over from a dead holder makes the next
number, and only the holder of the highest number may put its result in place. So a holder that was believed dead and is
not finds that out before it does harm. A holder is alive while it keeps its file locked, seen from its own machine, and
while it touches the file, seen from another (a lock that reaches over a network is not to be relied on).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from toolkit.schema import OutputError

BEAT, SILENCE = 5.0, 60.0
"""Seconds between two touches of a lease, and without one until its holder is taken for dead."""


class Busy(OutputError):
    """Another process is building this run; ``key`` says from what."""

    def __init__(self, sentence: str, key: str = "") -> None:
        super().__init__(sentence)
        self.key = key


class Lease(NamedTuple):
    """A lease that is held: its file, its number, and a token that no other has."""

    path: Path
    number: int
    token: str

    def check(self) -> None:
        """Raise `Busy` where another process has taken over."""
        highest = _highest(self.path.with_suffix(""))
        if highest != self.number or _read(self.path).get("token") != self.token:
            raise Busy(f"{self.path.parent} was taken over by another run: wait for it, and run this again.")


@contextlib.contextmanager
def held(out: Path, key: str) -> Iterator[Lease]:
    """Hold the lease of the run folder `out` for a run that depends on `key`, as long as the block lasts.

    Raises `Busy` where another process holds it and lives.
    """
    stem = out.with_name(f".{out.name}.lease")
    with contextlib.ExitStack() as stack:
        lease = None
        while lease is None:
            number = _highest(stem)
            if number and _lives(_file(stem, number)):
                raise _busy(out, _read(_file(stem, number)))
            with contextlib.suppress(FileExistsError):  # another was faster: look again
                lease = _take(stem, number + 1, key, stack)
        yield lease


def _busy(out: Path, found: Mapping[str, str]) -> Busy:
    who = f" (process {found['pid']} on {found['machine'].split()[0]})" if found else ""
    sentence = f"Another run is writing to {out}{who}: wait for it, or name another folder."
    return Busy(sentence, found.get("key", ""))


def _file(stem: Path, number: int) -> Path:
    return stem.with_name(f"{stem.name}.{number}")


def _numbers(stem: Path) -> list[int]:
    endings = [path.name.removeprefix(stem.name + ".") for path in stem.parent.iterdir()]
    return sorted(int(ending) for ending in endings if ending.isdecimal())


def _highest(stem: Path) -> int:
    return max(_numbers(stem), default=0)


def _take(stem: Path, number: int, key: str, stack: contextlib.ExitStack) -> Lease:
    """Make the file of a lease, lock it, and keep touching it until `stack` closes; `FileExistsError` if too late."""
    lease = Lease(_file(stem, number), number, secrets.token_hex(8))
    handle = os.open(lease.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
    stack.callback(os.close, handle)
    stack.callback(_release, lease, stem)
    _lock(handle)
    facts = {"token": lease.token, "key": key, "machine": _machine(), "pid": os.getpid()}
    os.write(handle, json.dumps(facts).encode())
    ended = threading.Event()
    threading.Thread(target=_beat, args=(lease.path, ended), daemon=True).start()
    stack.callback(ended.set)
    return lease


def _beat(path: Path, ended: threading.Event) -> None:
    while not ended.wait(BEAT):
        with contextlib.suppress(OSError):
            os.utime(path)


def _release(lease: Lease, stem: Path) -> None:
    """Remove the lease and those of the dead before it, the own one last."""
    with contextlib.suppress(OSError):
        for number in [number for number in _numbers(stem) if number <= lease.number]:
            _file(stem, number).unlink(missing_ok=True)


def _read(path: Path) -> dict[str, str]:
    """Return what a lease says, {} where it is gone or not yet written."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text("utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def _lives(path: Path) -> bool:
    found = _read(path)
    if found.get("machine") == _machine() and sys.platform != "win32":
        with contextlib.suppress(FileNotFoundError):
            handle = os.open(path, os.O_RDWR)
            try:
                return not _lock(handle)
            finally:
                os.close(handle)
        return False
    return _silence(path) < SILENCE


def _silence(path: Path) -> float:
    """Return the seconds since a file was touched, by the clock of its own disk."""
    probe = path.with_name(f".clock-{secrets.token_hex(4)}")
    try:
        probe.touch()
        with path.open("rb") as file:  # opened, so that a network disk tells the latest
            return probe.stat().st_mtime - os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return SILENCE
    finally:
        probe.unlink(missing_ok=True)


def _lock(handle: int) -> bool:
    """Lock an open file until it is closed, however the process ends; False where another has locked it."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _machine() -> str:
    with contextlib.suppress(OSError):
        return f"{socket.gethostname()} ({Path('/proc/sys/kernel/random/boot_id').read_text('utf-8')[:8]})"
    return socket.gethostname()
