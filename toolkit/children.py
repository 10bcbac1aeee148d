"""The processes in which runs are executed, one run at a time each: started, kept for the next run, and stopped."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterator

import toolkit

_HEED = 15.0
"""Seconds that a process has to end when it is asked to; then it is killed."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_IDLE = {"OPENBLAS_THREAD_TIMEOUT": "4"}
"""How long OpenBLAS's threads spin when there is nothing to do, as a power of two cycles: where two notebooks share two
processors, the usual 26 keep the other from working (half a second of a cold run of 200 articles)."""


class Children:
    """The child processes; `end` stops them and keeps further ones from starting.

    `threads` is how many each may compute with (0: as many as there are processors), unless the environment says;
    `warm` asks for kernels forked from a server.
    """

    def __init__(self, threads: int = 0, warm: bool = False) -> None:
        self._lock = threading.Lock()
        self._live: list[subprocess.Popen[str]] = []
        self._idle: list[subprocess.Popen[str]] = []
        self._settings = _IDLE | ({name: str(threads) for name in _THREADS} if threads else {})
        self._settings |= {"TOOLKIT_WARM": "1"} if warm else {}
        self.ended = False

    def keep(self, child: subprocess.Popen[str]) -> None:
        """Take back a runner that has done its run whole, for the next one."""
        with self._lock:
            self._idle.append(child)

    def start(self) -> subprocess.Popen[str]:
        """Give an idle runner, or start one, in a session of its own: an interrupt reaches it only through `end`."""
        root = toolkit.checkout()
        path = [str(root)] if root else []
        path += [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
        environment = {**self._settings, **os.environ, **({"PYTHONPATH": os.pathsep.join(path)} if path else {})}
        with self._lock:
            if self.ended:
                raise KeyboardInterrupt
            while self._idle:
                if (child := self._idle.pop()).poll() is None:
                    return child
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "toolkit.runner"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                env=environment,
                start_new_session=True,
            )
            self._live = [other for other in self._live if other.poll() is None] + [child]
        return child

    def end(self) -> None:
        """Stop every runner and its kernel; one that does not heed is killed after 15 seconds."""
        with self._lock:
            self.ended = True
            live = [child for child in self._live if child.poll() is None]
        for child in live:
            child.terminate()
        for child in live:
            stop(child)
            close(child)


def close(child: subprocess.Popen[str]) -> None:
    """Close the pipes to a process that has ended."""
    for stream in (child.stdin, child.stdout):
        with contextlib.suppress(OSError):
            stream.close()  # type: ignore[union-attr]


def stop(child: subprocess.Popen[str]) -> None:
    """Ask a process to end, and kill it where it does not within 15 seconds."""
    child.terminate()
    patience = _HEED
    with contextlib.suppress(OSError, AttributeError):  # on Linux; `wait` would look twenty times a second
        handle = os.pidfd_open(child.pid)
        select.select([handle], [], [], patience)
        os.close(handle)
        patience = 0
    try:
        child.wait(patience)
    except subprocess.TimeoutExpired:
        child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_HEED)


@contextlib.contextmanager
def deadline(child: subprocess.Popen[str], minutes: float) -> Iterator[threading.Event]:
    """Stop `child` when `minutes` have passed (0: never) and the block is not done; the event tells whether."""
    passed = threading.Event()

    def end() -> None:
        passed.set()
        stop(child)

    timer = threading.Timer(minutes * 60, end)
    timer.daemon = True
    if minutes:
        timer.start()
    try:
        yield passed
    finally:
        timer.cancel()
