"""How far a stage is: told by the notebook's kernel, shown by the command line; a part of `store`.

The kernel writes a small file into the run folder, at most twice a second; whoever shows a bar reads it. In a
notebook the stage's facts tell it, and a function that works in batches takes that as its ``tell``:

    with store.stage(run, "clean") as facts:
        cleaned = clean.clean_articles(articles, settings, facts.tell)

A function calls ``tell(done, total)`` as often as it likes, in rows, passages or whatever it counts; what shows is the
share. Where nobody listens, `schema.quiet` is the function to take. A total of 0 says that it is not known yet.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from pathlib import Path
from typing import NamedTuple

_EVERY = 0.5
"""Seconds between two writes."""


class Told(NamedTuple):
    """What a stage last said: how much is done of how much, and seconds since 1970 at its start and at the telling."""

    stage: str
    done: int
    total: int
    begun: float
    at: float


class Facts(dict[str, object]):
    """What a stage says of itself: facts for its record, and how far it is."""

    def __init__(self, run_dir: Path | str, stage: str, facts: dict[str, object]) -> None:
        super().__init__(facts)
        self._path, self._stage = _file(run_dir), stage
        self._begun, self._next = time.time(), 0.0

    def tell(self, done: int, total: int) -> None:
        """Say that `done` of `total` is done; a disk that refuses is left to those who write what counts."""
        now = time.time()
        if now < self._next and done < total:
            return
        self._next = now + _EVERY
        aside = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(Told(self._stage, int(done), int(total), self._begun, now)), "utf-8")
            aside.replace(self._path)

    def end(self) -> None:
        """Say no more."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def read_progress(run_dir: Path | str) -> Told | None:
    """Return what the running stage last told; None where none runs."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Told(*json.loads(_file(run_dir).read_text("utf-8")))
    return None


def _file(run_dir: Path | str) -> Path:
    return Path(run_dir) / "stages" / ".progress"
