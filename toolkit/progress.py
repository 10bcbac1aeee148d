"""How far a stage is: told by the notebook's kernel, shown by the command line; a part of `store`.

The kernel writes a small file for each stage into the run folder, at most twice a second; whoever shows a bar reads
them. In a notebook the stage's facts tell it, and a function that works in batches takes that as its ``tell``:

    with store.stage(run, "clean") as facts:
        cleaned = clean.clean_articles(articles, settings, facts.tell)

A function calls ``tell(done, total)`` as often as it likes, in rows, passages or whatever it counts; what shows is the
share. Where nobody listens, `schema.quiet` is the function to take. A total of 0 says that it is not known yet.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

COSTS = {
    "1-corpus": {"ingest": 0.09, "select": 0.01, "clean": 0.35, "dedupe": 0.2},
    "2-themes": {"embed": 0.15, "themes": 0.85, "search": 0.14},
    "3-topics": {"topics": 0.1, "decisions": 0.01},
    "4-trends": {"trends": 0.01, "findings": 0.03, "actors": 0.15},
}
"""Notebook -> stage -> what it takes, in milliseconds an article; what counts is how they compare."""
A_CELL = 0.25
"""What a cell takes besides its stage, in seconds: its share of a kernel's start, of imports and figures."""
BYTES = 2_000
"""Bytes of a file that an article takes, about."""
_SUFFIX = ".progress"
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
        self._path, self._stage = _folder(run_dir) / f".{stage}{_SUFFIX}", stage
        self._begun, self._next = time.time(), 0.0

    def tell(self, done: int, total: int) -> None:
        """Say that `done` of `total` is done; a disk that refuses is left to those who write what counts."""
        now = time.time()
        if now < self._next and done < total:
            return
        self._next = now + _EVERY
        aside = self._path.with_name(f"{self._path.name}.{os.urandom(4).hex()}")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(Told(self._stage, int(done), int(total), self._begun, now)), "utf-8")
            aside.replace(self._path)

    def end(self) -> None:
        """Say no more."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def read_progress(run_dir: Path | str) -> list[Told]:
    """Return what each of the running stages told last, the one begun last at the end; [] where none runs."""
    found = []
    for path in _folder(run_dir).glob(f".*{_SUFFIX}"):
        with contextlib.suppress(OSError, ValueError, TypeError):
            found.append(Told(*json.loads(path.read_text("utf-8"))))
    return sorted(found, key=lambda told: told.begun)


def _folder(run_dir: Path | str) -> Path:
    return Path(run_dir) / "stages"


def share_done(run_dir: Path | str, notebooks: Sequence[str], cells: tuple[int, int]) -> float:
    """Return which share of a run's work is done, from 0 to 1: not of its cells, but of the seconds that they may take.

    `cells` are how many of the notebooks' cells are done, and how many there are. A stage takes longer the more
    articles there are (`COSTS`), all else the more cells (`A_CELL`).
    """
    running = read_progress(run_dir)
    articles = _articles(Path(run_dir), running)
    stages = {stage: cost for name in notebooks for stage, cost in COSTS.get(name, {}).items()}
    share = {path.stem: 1.0 for path in (Path(run_dir) / "stages").glob("[!.]*.json")}
    for told in running:
        share.setdefault(told.stage, min(1.0, told.done / told.total) if told.total else 0.0)
    done = sum(cost * share.get(stage, 0) for stage, cost in stages.items()) * articles / 1000 + A_CELL * cells[0]
    whole = sum(stages.values()) * articles / 1000 + A_CELL * cells[1]
    return min(1.0, done / whole) if whole else 0.0


def _articles(run_dir: Path, running: Sequence[Told]) -> float:
    """Return how many articles were read, or about how many there are to read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return float(json.loads((run_dir / "stages" / "ingest.json").read_text("utf-8"))["rows_out"])
    return sum(told.total / BYTES for told in running if told.stage == "ingest")
