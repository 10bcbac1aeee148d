"""Execute the notebooks of a job, in their order, in the runner's process, and tell how it went.

While a notebook shows what it has made, the next one is begun; one that has enough to begin with may be begun before.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import itertools
import math
import os
import pkgutil
import queue
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from toolkit import disk, keeping, kernels, notebook, overlap, processors, profiling, reuse
from toolkit.notebook import Failure
from toolkit.schema import ToolkitError

_AT_ONCE = 2
"""Notebooks that run at once: one that makes tables, and the one before it, which shows its own. One more may be begun
early."""
_ROOM = 2000.0
"""MB that a notebook may hold for the next to begin before it is done."""
_LITTLE = 200_000_000
"""Bytes of the tables that a notebook is begun with early, at most: of larger ones it would hold too much."""
_CELL, _MADE, _DONE = "cell", "made", "done"
_FINISHED = "finished runs"
"""The kind of the entries, of no files, that say which runs were finished."""
News = Callable[..., None]
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def execute(job: Mapping[str, Any], tell: News, ready: Callable[[], None] = lambda: None) -> None:
    """Execute a job; the last that is told of it is its failure, null where it was done.

    `ready` is called before a notebook is executed: not where all are taken from the cache. A run that was not finished
    before will hardly be such a one, and it is called at once.
    """
    failed: list[object] = []
    if not keeping.is_kept(_FINISHED, job["facts"]["key"]):
        ready()

    def pass_on(**what: Any) -> None:
        failed.append(what["failure"]) if "failure" in what else tell(**what)

    try:
        with _logged(Path(job["part"]) / "run.log"), tempfile.TemporaryDirectory(prefix="toolkit-") as scratch:

            def prepare() -> None:
                ready()
                kernels.prepare(Path(scratch))

            _execute(job, pass_on, prepare)
    except (OSError, ValueError) as error:
        full = _no_room(error)
        if full is None:
            raise
        reason = f"{full.filename or job['part']} cannot be written ({full.strerror}): make room, or write elsewhere."
        failed.append({"where": "the runner", "ename": "OutputError", "evalue": reason})
    tell(failure=failed[0] if failed else None)


@contextlib.contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Write to `path` what kernels and libraries write past Jupyter; what goes wrong at last is written there too."""
    _direct(path)
    yield
    _direct(Path(os.devnull))  # a log that is held open would stay, unnamed, on a network disk


def _direct(path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)


def _no_room(error: BaseException | None) -> OSError | None:
    """Return the error of a full disk that another came of (half a notebook is no JSON); None where it did not."""
    while error is not None and not (isinstance(error, OSError) and error.errno in _FULL):
        error = error.__context__
    return error


class _Begun(NamedTuple):
    """A notebook that was begun: how it ended, its key, which it waits for, and how the files lay that it reads.

    The key is None where it need not be executed.
    """

    ended: Future[Failure]
    key: Future[reuse.Known | None]
    outside: reuse.State


class _Run(NamedTuple):
    """What the notebooks of a run share: the job, its folder, the kernels, and where news go."""

    job: Mapping[str, Any]
    part: Path
    ahead: kernels.Ahead
    tell: News
    said: queue.SimpleQueue[tuple[int, str]]
    """The place of a notebook that has executed a cell, made its tables, or is done."""
    running: dict[int, _Begun]
    peaks: dict[str, float | None]
    """Notebook -> the memory that it held, in MB."""
    stood: dict[str, float]
    """Notebook -> the seconds that it waited for the one before."""


def _execute(job: Mapping[str, Any], tell: News, prepare: Callable[[], None]) -> None:
    started, begin, part = disk.now(), time.perf_counter(), Path(job["part"])
    ahead = kernels.Ahead([Path(step["notebook"]) for step in job["steps"]], cache(prepare))
    run = _Run(job, part, ahead, tell, queue.SimpleQueue(), {}, {}, {})
    with ThreadPoolExecutor(_AT_ONCE + 1) as threads, contextlib.closing(ahead), _none_waiting(run):
        became, failure = _go_through(run, threads)
    if failure:
        tell(failure=failure)
        return
    seconds = round(time.perf_counter() - begin, 1)
    facts = {"status": "finished", "started": started, "finished": disk.now(), "seconds": seconds}
    facts |= {"profile": profiling.profile(part / "notebooks", run.peaks, run.stood), "cache": became}
    disk.write_manifest(part, {**job["facts"], **facts})
    keeping.keep(_FINISHED, job["facts"]["key"], part, [])
    if job["finish"]:
        try:
            pkgutil.resolve_name(job["finish"])(part)
        except ToolkitError as error:
            tell(failure={"where": "the report", "ename": type(error).__name__, "evalue": str(error)})


@contextlib.contextmanager
def _none_waiting(run: _Run) -> Iterator[None]:
    """Let no notebook wait for its key any longer when the block is left."""
    try:
        yield
    finally:
        for begun in run.running.values():
            if not begun.key.done():
                begun.key.set_result(None)


def _go_through(run: _Run, threads: ThreadPoolExecutor) -> tuple[dict[str, list[str]], Failure]:
    """Take the notebooks from the cache or execute them; return which became what, and what went wrong, if anything.

    Each is looked for when the one before has made its tables, and that before it is done.
    """
    became, steps = dict[str, list[str]](), run.job["steps"]
    for place, step in enumerate(steps):
        known = reuse.know(step, run.part, [Path(other["notebook"]) for other in steps])
        early = run.running.get(place)
        if early and (reuse.is_kept(known) or known.outside != early.outside):
            _abandon(run, place)
        found = reuse.take(known, run.part)
        became.setdefault(found, []).append(Path(step["output"]).stem)
        if found == keeping.TAKEN:
            run.tell(notebook=Path(step["output"]).stem, cells=step["cells"])
            continue
        if place not in run.running:
            _begin(run, threads, place, known.outside)
        run.running[place].key.set_result(known)
        if step in steps[-2:]:
            _read_ahead(run)
        if failure := _wait(run, threads, place):
            return became, failure
    while run.running:
        if failure := _hear(run)[2]:
            return became, failure
    return became, None


def _begin(run: _Run, threads: ThreadPoolExecutor, place: int, outside: reuse.State) -> None:
    key, kernel = Future[reuse.Known | None](), run.ahead.take(place)
    run.running[place] = _Begun(threads.submit(_execute_and_keep, run, place, key, kernel), key, outside)


def _wait(run: _Run, threads: ThreadPoolExecutor, place: int) -> Failure:
    """Wait until the next can go on after the notebook at `place`; begin it early if that can be, and what follows it.

    Returns what went wrong, if anything did.
    """
    making = True
    while making or (place + 1 not in run.running and len(run.running) == _AT_ONCE):
        later = next(number for number in itertools.count(place + 1) if number not in run.running)
        if len(run.running) <= _AT_ONCE and _has_enough(run, later):
            _begin(run, threads, later, reuse.read_outside(run.job["steps"][later]))
        where, what, failure = _hear(run)
        if failure:
            return failure
        making = making and (where != place or what == _CELL)
    return None


def _has_enough(run: _Run, place: int) -> bool:
    """Tell whether the notebook at `place` can be begun before the one before it has made its tables."""
    if place == len(run.job["steps"]) or not processors.second():
        return False
    reads = overlap.first_reads(Path(run.job["steps"][place]["notebook"]))
    with contextlib.suppress(FileNotFoundError):
        return reads is not None and sum((run.part / name).stat().st_size for name in reads) < _LITTLE
    return False


def _abandon(run: _Run, place: int) -> None:
    """End a notebook that was begun early, and has no part in the run."""
    early = run.running.pop(place)
    early.key.set_result(None)
    run.ahead.end(place)
    early.ended.result()


def _read_ahead(run: _Run) -> None:
    """Let the module of the function that is called at the end begin: all is made but by the last notebook or two."""
    with contextlib.suppress(ToolkitError, OSError, ImportError):  # it will be told at the end
        if run.job["finish"]:
            module = importlib.import_module(run.job["finish"].partition(":")[0])
            getattr(module, "read_ahead", lambda *_: None)(run.part, run.job["facts"])


def _hear(run: _Run) -> tuple[int, str, Failure]:
    """Wait for the next that a notebook says; return its place, what it says, and what went wrong, if anything."""
    place, what = run.said.get()
    return place, what, run.running.pop(place).ended.result() if what == _DONE else None


def _wait_for_key(run: _Run, name: str, key: Future[reuse.Known | None]) -> reuse.Known:
    """Return the key of a notebook when it is known; raises `notebook.Ended` where it need not be executed."""
    begin, found = time.perf_counter(), key.result()
    if found is None:
        raise notebook.Ended(name)
    run.stood.setdefault(name, time.perf_counter() - begin)
    return found


def _execute_and_keep(run: _Run, place: int, key: Future[reuse.Known | None], kernel: Any) -> Failure:
    """Execute the notebook at `place` and keep what it made; say what it has done, unless it is abandoned."""
    step, tables, cells = run.job["steps"][place], list[list[str]](), 0
    name = Path(step["output"]).stem
    known = partial(_wait_for_key, run, name, key)

    def made() -> None:
        if processors.second() and (kernels.peak_memory(kernel) or math.inf) < _ROOM:
            tables.append(reuse.made(known(), run.part))
            run.said.put((place, _MADE))
            if place + 2 < len(run.job["steps"]):  # the last but one goes on the longest
                kernels.step_back(kernel)

    def executed() -> None:
        nonlocal cells
        cells += 1
        run.tell(notebook=name, cells=1)
        run.said.put((place, _CELL))

    try:
        run.tell(notebook=name, cells=0)
        notebook.get_ready(run.job["finish"])
        try:
            failure = notebook.execute_one(step, run.part, kernel, notebook.At(known, made, executed))
        finally:
            kernels.hang_up(kernel)
        peak = run.ahead.end(place)
        if not failure:
            reuse.keep(known(), step, run.part, tables[0] if tables else reuse.made(known(), run.part))
            run.peaks[Path(step["notebook"]).stem] = peak
        return failure
    except notebook.Ended:
        return None
    finally:
        if key.done() and key.result() is None:
            run.tell(notebook=name, cells=-cells)
        else:
            run.said.put((place, _DONE))
