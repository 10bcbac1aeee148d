"""Run the notebooks of a plan in a child process, and put the result in place whole.

Each run has a process of its own (papermill changes the working folder of the whole process),
so a killed kernel or runner fails that run alone. Run as a module, this file is that process.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pkgutil
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

from toolkit import kernels, params, profiling, reuse, schema, store, warm
from toolkit.children import Children, close, deadline, stop
from toolkit.place import FAILED, beside, part_folder
from toolkit.plan import Plan, RunFailed, read_by
from toolkit.schema import ToolkitError

_LONGEST_START = 300
"""Seconds that a kernel may take to start and to import, on a machine that has much else to do."""
Progress = Callable[[str, int, int], None]
"""Called with the notebook's name, code cells done and code cells in all."""
News = Callable[..., None]
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def run_notebooks(
    plan: Plan, progress: Progress, finish: str = "", children: Children | None = None, minutes: float = 0
) -> Path:
    """Execute the notebooks of `plan` in order, or take from the cache (`reuse`) what they would make again.

    Returns the run folder, in place. `finish` names a function of it (``module:function``), called in the child at the
    end; `minutes` is the deadline (0: none). Raises a notebook's own `ToolkitError` (nothing is left then, nor after an
    interrupt), or `RunFailed` (the part folder is kept as ``<out>.failed``).
    """
    own = children or Children()
    try:
        with part_folder(plan) as part:
            _execute_in(own, plan, part, finish, (progress, minutes))
    except KeyboardInterrupt:
        own.end()
        raise
    finally:
        if children is None:
            own.end()
    return plan.out


def _execute_in(children: Children, plan: Plan, part: Path, finish: str, how: tuple[Progress, float]) -> None:
    child = children.start()
    whole = False
    try:
        _follow(child, _job(plan, part, finish), *how)
        whole = True
    except _Ended as ended:
        if children.ended:
            raise KeyboardInterrupt from None
        _raise(ended.failure, plan.out, part)
    finally:
        if whole:
            children.keep(child)
        else:
            stop(child)
            close(child)


class _Ended(Exception):
    """The child ended before the run was done; `failure` says why."""

    def __init__(self, failure: dict[str, Any]) -> None:
        super().__init__(failure)
        self.failure = failure


def _job(plan: Plan, part: Path, finish: str) -> dict[str, object]:
    steps = []
    for path in plan.notebooks:
        names = params.inspect(path)
        passed = {name: value for name, value in plan.values.items() if name in names}
        shown = {name: value for name, value in plan.given.items() if name in names}
        steps.append(
            {
                "notebook": str(path),
                "output": str(part / "notebooks" / path.name),
                "parameters": {**passed, "run_dir": str(part)},
                "shown": {**shown, "run_dir": "."},
                "reads": read_by(names, passed),
                "cells": len(params.read_cells(path)) + 1,
            }
        )
    return {"steps": steps, "part": str(part), "finish": finish, "facts": dict(plan.facts)}


def _follow(child: subprocess.Popen[str], job: Mapping[str, Any], progress: Progress, minutes: float) -> None:
    """Hand the job over and pass the child's news on, until the job is done or the deadline has passed."""
    assert child.stdin and child.stdout
    with deadline(child, minutes) as passed:
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(json.dumps(job) + "\n")
            child.stdin.flush()
        total = sum(step["cells"] for step in job["steps"])
        where, failure = _pass_on(child.stdout, total, progress)
    if failure is None:
        return
    if passed.is_set():
        late = f"not done within the {minutes:g} minutes that a run may take"
        raise _Ended({**where, "ename": "deadline", "evalue": late, "again": True})
    if failure:
        raise _Ended(failure)
    raise _Ended({"where": "the runner", "ename": "ended", "evalue": f"with code {child.wait()}", "again": True})


def _pass_on(said: IO[str], total: int, progress: Progress) -> tuple[dict[str, str], dict[str, Any] | None]:
    """Pass the child's news on; return where it was at last, and what went wrong (None: nothing; {}: not said)."""
    done, here, cells = 0, "", 0
    failure: dict[str, Any] | None = {}
    for line in said:
        news = json.loads(line)
        if "failure" in news:
            failure = news["failure"]
            break
        cells = cells + news["cells"] if news["notebook"] == here else 0
        here = news["notebook"]
        done += news["cells"]
        progress(here, done, total)
    look = {"look": f"notebooks/{here}.ipynb"} if here else {}
    return {"where": f"{here}.ipynb, cell {cells + 1}" if here else "the runner", **look}, failure


def _raise(failure: Mapping[str, Any], out: Path, part: Path) -> None:
    text = failure["evalue"].replace(str(part), str(out))
    kind = getattr(schema, failure["ename"], None)
    if isinstance(kind, type) and issubclass(kind, ToolkitError):
        raise kind(text)
    look = beside(out, FAILED) / failure.get("look", "run.log")
    again = bool(failure.get("again")) or failure["ename"] == "DeadKernelError"
    raise RunFailed(f"{failure['where']}: {failure['ename']}: {text[:500]}. Look into {look}.", again)


# The child --------------------------------------------------------------------------------------------------


def _main() -> None:
    """Read jobs from standard input, a JSON line each; execute one at a time, and tell the news on standard output.

    The child ends when its standard input does, that is, when the parent is gone.
    """
    news = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()

    def tell(**what: object) -> None:
        news.write(json.dumps(what) + "\n")

    sys.modules.update(dict.fromkeys(warm.NEEDLESS))  # type: ignore[arg-type]
    os.environ["PLOTLY_RENDERER"] = "plotly_mimetype"  # imported before there is a notebook, it would print figures
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_read_jobs, args=(jobs,), daemon=True).start()
    job = json.loads(jobs.get())
    notebooks = [Path(step["notebook"]) for step in job["steps"]]
    with contextlib.ExitStack() as stack:
        if os.environ.get("TOOLKIT_WARM"):
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="toolkit-"))
            os.environ["TOOLKIT_WARM_SERVER"] = stack.enter_context(warm.server(Path(place) / "warm", notebooks))
        while True:
            _do(job, tell)
            job = json.loads(jobs.get())


def _do(job: Mapping[str, Any], tell: Callable[..., None]) -> None:
    """Execute a job; the last that is told of it is its failure, null where it was done."""
    failed: list[object] = []
    try:
        with _logged(Path(job["part"]) / "run.log"), tempfile.TemporaryDirectory(prefix="toolkit-") as scratch:
            kernels.prepare(Path(scratch))
            _execute(job, lambda **what: failed.append(what["failure"]) if "failure" in what else tell(**what))
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
    with path.open("w", encoding="utf-8") as log, Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        for number in (1, 2):
            os.dup2(log.fileno(), number)
        yield
        for number in (1, 2):  # a log that is held open would stay, unnamed, on a network disk
            os.dup2(nowhere.fileno(), number)


def _no_room(error: BaseException | None) -> OSError | None:
    """Return the error of a full disk that another came of (half a notebook is no JSON); None where it did not."""
    while error is not None and not (isinstance(error, OSError) and error.errno in _FULL):
        error = error.__context__
    return error


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _read_jobs(jobs: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        jobs.put(line)
    os.kill(os.getpid(), signal.SIGTERM)


def _execute(job: Mapping[str, Any], tell: Callable[..., None]) -> None:
    started, begin, part = store.now(), time.perf_counter(), Path(job["part"])
    became, peaks = dict[str, list[str]](), dict[str, float | None]()
    with contextlib.closing(kernels.Ahead([Path(step["notebook"]) for step in job["steps"]])) as ahead:
        for place, step in enumerate(job["steps"]):
            execute = partial(_execute_ahead, ahead, place, peaks)
            found, failure = reuse.taken_or_made(step, part, execute, tell)
            became.setdefault(found, []).append(Path(step["output"]).stem)
            if failure:
                tell(failure=failure)
                return
    seconds = round(time.perf_counter() - begin, 1)
    facts = {"status": "finished", "started": started, "finished": store.now(), "seconds": seconds}
    facts |= {"profile": profiling.profile(part / "notebooks", peaks), "cache": became}
    store.write_manifest(part, {**job["facts"], **facts})
    if job["finish"]:
        try:
            pkgutil.resolve_name(job["finish"])(part)
        except ToolkitError as error:
            tell(failure={"where": "the report", "ename": type(error).__name__, "evalue": str(error)})


def _execute_ahead(
    ahead: kernels.Ahead, place: int, peaks: dict[str, float | None], step: Mapping[str, Any], part: str, tell: News
) -> dict[str, str] | None:
    """Execute the notebook at `place` in a kernel started ahead, and note under `peaks` the memory that it held."""
    failure = _execute_one(step, part, tell, ahead.take(place))
    peaks[Path(step["notebook"]).stem] = ahead.end(place)
    return failure


def _execute_one(step: Mapping[str, Any], part: str, tell: Callable[..., None], kernel: Any) -> dict[str, str] | None:
    """Execute one notebook in `kernel`; return what went wrong, if anything did."""
    import papermill
    from nbclient.exceptions import DeadKernelError

    output = Path(step["output"])
    output.parent.mkdir(exist_ok=True)
    begun: list[int] = []
    tell(notebook=output.stem, cells=0)
    where, kind, reason = f"{output.name}, cell ", "", ""
    try:
        papermill.execute_notebook(
            _unbraced(step["notebook"]),
            _unbraced(step["output"]),
            step["parameters"],
            kernel_name="python3",
            language="python",
            progress_bar=False,
            start_timeout=_LONGEST_START,
            cwd=str(Path(step["notebook"]).parent),
            km=kernel,
            on_cell_execute=lambda cell, cell_index: begun.append(cell_index),
            on_cell_executed=lambda cell, cell_index, execute_reply: tell(notebook=output.stem, cells=1),
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


if __name__ == "__main__":
    _main()
