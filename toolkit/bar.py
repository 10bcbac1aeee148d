"""The bar of `toolkit run`: how much is done, by the articles that are through, and how long the rest may take."""

from __future__ import annotations

import glob
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from toolkit.place import PART, beside
from toolkit.plan import Plan
from toolkit.progress import Told, read_progress, share_done

_EVERY = 1.0
"""Seconds between two looks at what the kernel tells."""


@contextmanager
def notebook_bar(plan: Plan, say: Callable[[str], None]) -> Iterator[Callable[[str, int, int], None]]:
    """Give the function that is told of cells done, and show a bar over a run, with the time that it may still take.

    The bar moves while a cell runs, by what its stage tells. Where standard error is no terminal there is a line a
    notebook instead, given to `say`.
    """
    if not sys.stderr.isatty():
        seen: set[str] = set()

        def tell(name: str, done: int, total: int) -> None:
            if name not in seen:
                seen.add(name)
                say(f"{name} ({done} of {total} cells done)")

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
                bar.set_description_str(_line(name, read_progress(part)), refresh=False)
                bar.n = max(bar.n, share_done(part, names, (done, total)))
            bar.refresh()

        with _again(show):
            yield lambda *news: last.append(news)
        bar.n = 1.0


def _built_in(out: Path) -> Path:
    """Return the folder in which the run that goes to `out` is being built."""
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


def _line(name: str, told: Told | None) -> str:
    """Say which notebook runs, which stage of it, and how far that is."""
    if told is None:
        return f"{name}:"
    return f"{name}, {told.stage} {told.done / told.total:.0%}:" if told.total else f"{name}, {told.stage}:"
