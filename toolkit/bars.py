"""What is shown on standard error while runs are going: a bar where it is a terminal, lines where it is not."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.engine import Running
    from toolkit.sweep import Outcome, Progress


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
def notebook_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar over all code cells; where standard error is no terminal, a line a notebook."""
    if not sys.stderr.isatty():
        seen: set[str] = set()

        def tell(name: str, done: int, total: int) -> None:
            if name not in seen:
                seen.add(name)
                _say(f"{name} ({done} of {total} cells done)")

        yield tell
        return
    from tqdm import tqdm  # type: ignore[import-untyped]

    with tqdm(unit="cell", file=sys.stderr, dynamic_ncols=True) as bar:

        def move(name: str, done: int, total: int) -> None:
            bar.total = total
            bar.set_description(name, refresh=False)
            bar.n = done
            bar.refresh()

        yield move


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
