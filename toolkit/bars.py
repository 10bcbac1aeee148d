"""What is shown on standard error while runs are going: a bar where it is a terminal, lines where it is not."""

from __future__ import annotations

import glob
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.progress import COSTS, Told, read_progress, share_done

if TYPE_CHECKING:
    from toolkit.engine import Running
    from toolkit.plan import Plan
    from toolkit.sweep import Outcome, Progress

_EVERY = 1.0
"""Seconds between two looks at what the kernel tells."""


def line(text: str) -> str:
    """One line without control characters: what a notebook says may carry an article's text."""
    return plain(" ".join(text.split()))


def plain(text: str) -> str:
    """Leave out what is not printable, such as the codes that steer a terminal."""
    return "".join(char for char in text if char.isprintable())


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


@contextmanager
def notebook_bar(plan: Plan) -> Iterator[Callable[[str, int, int], None]]:
    """Give the function that is told of cells done, and show a bar over a run, with the time that it may still take.

    The bar moves while a cell runs, by what its stage tells. Where standard error is no terminal there is a line a
    notebook instead.
    """
    if not sys.stderr.isatty():
        seen: set[str] = set()

        def tell(name: str, done: int, total: int) -> None:
            if name not in seen:
                seen.add(name)
                _say(f"{name} ({done} of {total} cells done)")

        yield tell
        return
    from tqdm import tqdm  # type: ignore[import-untyped]

    form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    with tqdm(total=1.0, bar_format=form, smoothing=0, file=sys.stderr, dynamic_ncols=True) as bar:
        names = [path.stem for path in plan.notebooks]
        last: list[tuple[str, int, int]] = []

        def show() -> None:
            part = _built_in(plan.out)
            for name, done, total in last[-1:]:
                bar.set_description_str(_stage(name, read_progress(part)), refresh=False)
                bar.n = max(bar.n, share_done(part, names, (done, total)))
            bar.refresh()

        with _again(show):
            yield lambda *news: last.append(news)
        bar.n = 1.0


def _built_in(out: Path) -> Path:
    """Return the folder in which the run that goes to `out` is being built."""
    from toolkit.place import PART, beside

    parts = out.parent.glob(f"{glob.escape(out.name)}{PART}-*")
    return max(parts, key=lambda path: path.stat().st_mtime_ns, default=beside(out, PART))


@contextmanager
def _again(show: Callable[[], None]) -> Iterator[None]:
    """Call `show` every second."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_EVERY):
            show()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _stage(name: str, running: Sequence[Told]) -> str:
    """Say which notebook runs, which stage of it, and how far that is: of those that run, what was begun last."""
    if not running:
        return f"{name}:"
    told = running[-1]
    name = next((own for own, stages in COSTS.items() if told.stage in stages), name)
    return f"{name}, {told.stage} {told.done / told.total:.0%}:" if told.total else f"{name}, {told.stage}:"


@contextmanager
def run_bar(total: int) -> Iterator[Progress]:
    """Show a bar over all runs, with the one that has run longest; a line a run where there is no terminal."""
    if not sys.stderr.isatty():
        yield lambda outcome, running: _say(line(_told(outcome))) if outcome else None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="run", file=sys.stderr, dynamic_ncols=True) as bar:

        def move(outcome: Outcome | None, running: Mapping[str, Running]) -> None:
            if outcome:
                bar.write(line(_told(outcome)), file=sys.stderr)
                bar.update()
            bar.set_description_str(slowest(running))

        yield move


def _told(outcome: Outcome) -> str:
    more = f" at try {outcome.tries}" if outcome.tries > 1 else ""
    return f"{outcome.name}: {outcome.status}{more}"


def slowest(running: Mapping[str, Running]) -> str:
    """Say which run has been running longest, and for how long."""
    from toolkit.exhibits import duration

    if not running:
        return "waiting"
    name, begun = min(running.items(), key=lambda item: item[1].since)
    more = f", {len(running) - 1} more" if len(running) > 1 else ""
    return f"{name} for {duration(time.monotonic() - begun.since)}{more}"
