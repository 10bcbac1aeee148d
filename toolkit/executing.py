"""Execute the notebooks of a job, in their order, in the runner's process, and tell how it went.

While a notebook shows what it has made, the next one is begun."""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import math
import os
import pkgutil
import queue
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from toolkit import disk, keeping, kernels, lean, processors, profiling, reuse
from toolkit.schema import ToolkitError

_LONGEST_START = 300
"""Seconds that a kernel may take to start and to import, on a machine that has much else to do."""
_SAVED = 20.0
"""Seconds from one time that a notebook is written to the next while it runs.

Papermill writes it before and after each cell, which takes a fifth of a short run."""
_AT_ONCE = 2
"""Notebooks that run at once: one that makes tables, and the one before it, which shows its own."""
_ROOM = 2000.0
"""MB that a notebook may hold for the next to begin before it is done."""
News = Callable[..., None]
Failure = dict[str, str] | None
"""What went wrong: where, what kind of error, what it says, and where to look."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


@cache
@lean.uncollected()
def _get_ready(finish: str) -> None:
    """Import papermill, let it know the engine of this module, and import the function `finish`, if there is one."""
    from papermill.engines import NBClientEngine, papermill_engines

    class Seldom(NBClientEngine):  # type: ignore[misc]
        """Papermill's own engine, except that the notebook is written every 20 seconds, and at the end."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, *given: Any, **named: Any) -> Any:
            save = nb_man.save
            nb_man.save = lambda **what: save(**what) if _ago(nb_man) > _SAVED else None
            try:
                return super().execute_managed_notebook(nb_man, *given, **named)
            finally:
                nb_man.save = save

    papermill_engines.register("seldom", Seldom)
    if finish:
        pkgutil.resolve_name(finish)


def _ago(saved: Any) -> float:
    return float((saved.now() - saved.last_save_time).total_seconds())


def execute(job: Mapping[str, Any], tell: News, ready: Callable[[], None]) -> None:
    """Execute a job; the last that is told of it is its failure, null where it was done.

    `ready` is called before a notebook is executed: not where all are taken from the cache.
    """
    failed: list[object] = []
    try:
        with _logged(Path(job["part"]) / "run.log"), tempfile.TemporaryDirectory(prefix="toolkit-") as scratch:

            def prepare() -> None:
                ready()
                kernels.prepare(Path(scratch))

            _execute(job, lambda **what: failed.append(what["failure"]) if "failure" in what else tell(**what), prepare)
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


class _Run(NamedTuple):
    """What the notebooks of a run share: the job, its folder, the kernels, where news go, and the memory they held."""

    job: Mapping[str, Any]
    part: Path
    ahead: kernels.Ahead
    tell: News
    said: queue.SimpleQueue[tuple[int, bool]]
    """The place of a notebook that has made its tables, and whether it is done."""
    peaks: dict[str, float | None]


def _execute(job: Mapping[str, Any], tell: News, prepare: Callable[[], None]) -> None:
    started, begin, part = disk.now(), time.perf_counter(), Path(job["part"])
    ahead = kernels.Ahead([Path(step["notebook"]) for step in job["steps"]], cache(prepare))
    run = _Run(job, part, ahead, tell, queue.SimpleQueue(), {})
    with ThreadPoolExecutor(_AT_ONCE) as threads, contextlib.closing(ahead):
        became, failure = _go_through(run, threads)
    if failure:
        tell(failure=failure)
        return
    seconds = round(time.perf_counter() - begin, 1)
    facts = {"status": "finished", "started": started, "finished": disk.now(), "seconds": seconds}
    facts |= {"profile": profiling.profile(part / "notebooks", run.peaks), "cache": became}
    disk.write_manifest(part, {**job["facts"], **facts})
    if job["finish"]:
        try:
            pkgutil.resolve_name(job["finish"])(part)
        except ToolkitError as error:
            tell(failure={"where": "the report", "ename": type(error).__name__, "evalue": str(error)})


def _go_through(run: _Run, threads: ThreadPoolExecutor) -> tuple[dict[str, list[str]], Failure]:
    """Take the notebooks from the cache or execute them; return which became what, and what went wrong, if anything.

    One begins when the one before has made its tables, and that before it is done: two run at once at most.
    """
    became, making, running = dict[str, list[str]](), set[int](), dict[int, Future[Failure]]()
    for place, step in enumerate(run.job["steps"]):
        known = reuse.know(step, run.part)
        found = reuse.take(known, run.part)
        became.setdefault(found, []).append(Path(step["output"]).stem)
        if found == keeping.TAKEN:
            run.tell(notebook=Path(step["output"]).stem, cells=step["cells"])
            continue
        running[place] = threads.submit(_execute_and_keep, run, place, known, run.ahead.take(place))
        making.add(place)
        if step in run.job["steps"][-2:]:
            _read_ahead(run)
        while making or len(running) == _AT_ONCE:
            if failure := _hear(run, making, running):
                return became, failure
    while running:
        if failure := _hear(run, making, running):
            return became, failure
    return became, None


def _read_ahead(run: _Run) -> None:
    """Let the module of the function that is called at the end begin: all is made but by the last notebook or two."""
    with contextlib.suppress(ToolkitError, OSError, ImportError):  # it will be told at the end
        if run.job["finish"]:
            module = importlib.import_module(run.job["finish"].partition(":")[0])
            getattr(module, "read_ahead", lambda *_: None)(run.part, run.job["facts"])


def _hear(run: _Run, making: set[int], running: dict[int, Future[Failure]]) -> Failure:
    """Wait for the next that a notebook says; return what went wrong, if it is done and something did."""
    place, done = run.said.get()
    making.discard(place)
    return running.pop(place).result() if done else None


def _execute_and_keep(run: _Run, place: int, known: reuse.Known, kernel: Any) -> Failure:
    """Execute the notebook at `place` and keep what it made; say when its tables are made, and when it is done."""
    step, tables = run.job["steps"][place], list[list[str]]()

    def made() -> None:
        if processors.second() and (kernels.peak_memory(kernel) or math.inf) < _ROOM:
            tables.append(reuse.made(known, run.part))
            run.said.put((place, False))

    try:
        _get_ready(run.job["finish"])
        failure = _execute_one(step, (str(run.part), run.tell), kernel, made)
        run.peaks[Path(step["notebook"]).stem] = run.ahead.end(place)
        if not failure:
            reuse.keep(known, step, run.part, tables[0] if tables else reuse.made(known, run.part))
        return failure
    finally:
        run.said.put((place, True))


def _execute_one(step: Mapping[str, Any], run: tuple[str, News], kernel: Any, made: Callable[[], None]) -> Failure:
    """Execute one notebook in `kernel`; return what went wrong, if anything did.

    `made` is called after its cell tagged ``made``: what follows only shows the tables that are made by then.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError

    output, (part, tell), begun = Path(step["output"]), run, list[int]()
    output.parent.mkdir(exist_ok=True)
    tell(notebook=output.stem, cells=0)
    where, kind, reason = f"{output.name}, cell ", "", ""

    def executed(cell: Any, cell_index: int, execute_reply: Any) -> None:
        tell(notebook=output.stem, cells=1)
        if "made" in cell["metadata"].get("tags", ()) and execute_reply["content"]["status"] == "ok":
            made()

    try:
        papermill.execute_notebook(
            _unbraced(step["notebook"]),
            _unbraced(step["output"]),
            step["parameters"],
            engine_name="seldom",
            kernel_name="python3",
            language="python",
            progress_bar=False,
            start_timeout=_LONGEST_START,
            km=kernel,
            on_cell_execute=lambda cell, cell_index: begun.append(cell_index),
            on_cell_executed=executed,
        )
    except papermill.PapermillExecutionError as error:
        where, kind, reason = f"{where}{error.exec_count or len(begun)}", error.ename, error.evalue
    except DeadKernelError:
        where, kind = f"{where}{len(begun)}", "DeadKernelError"
        reason = "the kernel was killed, perhaps because the memory did not suffice"
    finally:
        _tidy(output, step["shown"], part)
    look = f"notebooks/{output.name}"
    return {"where": where, "ename": kind, "evalue": reason, "look": look} if kind else None


def _unbraced(path: str) -> str:
    """Papermill formats paths with the parameters; a brace in a folder's name is only a brace."""
    return path.replace("{", "{{").replace("}", "}}")


def _tidy(output: Path, shown: Mapping[str, object], part: str) -> None:
    """Show the parameters as the user wrote them, and no path of this machine, in an executed notebook."""
    if not output.is_file():
        return
    from papermill.translators import translate_parameters

    notebook = json.loads(output.read_text("utf-8"))
    facts = notebook["metadata"].setdefault("papermill", {})
    facts["parameters"] = dict(shown)
    for name in ("input_path", "output_path"):
        facts.pop(name, None)
    for cell in notebook["cells"]:
        if "injected-parameters" in cell["metadata"].get("tags", ()):
            source = translate_parameters("python3", "python", shown, "Parameters")
            cell["source"] = source.splitlines(keepends=True)
    text = json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True)
    output.write_text(text.replace(json.dumps(part, ensure_ascii=False)[1:-1], ".") + "\n", "utf-8")
