"""Run the notebooks of a plan in a child process, and put the result in place whole.

A run is built in ``<out>.part`` and moved to ``<out>`` when it is complete; a run that failed is kept beside it
as ``<out>.failed``. Each run has a process of its own (papermill changes the working folder of the whole process),
so a killed kernel or runner fails that run alone. Run as a module, this file is that process.
"""

from __future__ import annotations

import contextlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from toolkit import kernels, params, profiling, schema, store
from toolkit.plan import Plan, RunFailed, beside, part_folder
from toolkit.schema import ToolkitError

_LONGEST_START = 300
"""Seconds that a kernel may take to start and to import, on a machine that has much else to do."""
Progress = Callable[[str, int, int], None]
"""Called with the notebook's name, code cells done and code cells in all."""


class Children:
    """The running child processes; `end` stops them and keeps further ones from starting."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: list[subprocess.Popen[str]] = []
        self.ended = False

    def start(self) -> subprocess.Popen[str]:
        """Start a runner, in a session of its own: an interrupt reaches it only through `end`."""
        root = store.checkout()
        path = [str(root)] if root else []
        path += [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)} if path else None
        with self._lock:
            if self.ended:
                raise KeyboardInterrupt
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "toolkit.batch"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                env=environment,
                start_new_session=True,
            )
            self._live.append(child)
        return child

    def end(self) -> None:
        """Stop every runner and its kernel; one that does not heed is killed after 15 seconds."""
        with self._lock:
            self.ended = True
            live = [child for child in self._live if child.poll() is None]
        for child in live:
            child.terminate()
        for child in live:
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()


def run_notebooks(plan: Plan, progress: Progress, finish: str = "", children: Children | None = None) -> Path:
    """Execute the notebooks of `plan` in order; return the run folder, complete and in place.

    `finish` names a function of the run folder (``module:function``), called in the child when the notebooks
    are done. Raises the `ToolkitError` that a notebook raised (nothing is left behind), or `RunFailed` (the part
    folder is kept as ``<out>.failed``). An interrupt ends the child and leaves nothing behind.
    """
    children = children or Children()
    with part_folder(plan) as part:
        child = children.start()
        try:
            _follow(child, _job(plan, part, finish), progress)
        except _Ended as ended:
            if children.ended:
                raise KeyboardInterrupt from None
            _raise(ended.failure, plan.out, part)
        finally:
            if child.poll() is None:
                children.end()
            for stream in (child.stdin, child.stdout):
                with contextlib.suppress(OSError):
                    stream.close()  # type: ignore[union-attr]
    return plan.out


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
                "cells": len(params.read_cells(path)) + 1,
            }
        )
    return {"steps": steps, "part": str(part), "finish": finish, "facts": dict(plan.facts)}


def _follow(child: subprocess.Popen[str], job: Mapping[str, Any], progress: Progress) -> None:
    """Hand the job over and pass the child's news on, until it has ended."""
    total, done = sum(step["cells"] for step in job["steps"]), 0
    assert child.stdin and child.stdout
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(json.dumps(job) + "\n")
        child.stdin.flush()
    for line in child.stdout:
        news = json.loads(line)
        if "failure" in news:
            child.wait()
            raise _Ended(news["failure"])
        done += news["cells"]
        progress(news["notebook"], done, total)
    if child.wait():
        raise _Ended({"where": "the runner", "ename": "ended", "evalue": f"with code {child.returncode}"})


def _raise(failure: Mapping[str, str], out: Path, part: Path) -> None:
    text = failure["evalue"].replace(str(part), str(out))
    kind = getattr(schema, failure["ename"], None)
    if isinstance(kind, type) and issubclass(kind, ToolkitError):
        raise kind(text)
    look = beside(out, ".failed") / failure.get("look", "run.log")
    raise RunFailed(f"{failure['where']}: {failure['ename']}: {text[:500]}. Look into {look}.")


# The child --------------------------------------------------------------------------------------------------


def _main() -> None:
    """Read a job from standard input, execute it, and tell the news on standard output, a JSON line each.

    The child ends when its standard input does, that is, when the parent is gone.
    """
    job = json.loads(sys.stdin.readline())
    news = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    with (Path(job["part"]) / "run.log").open("w", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)  # what kernels and libraries write past Jupyter belongs in the log
        os.dup2(log.fileno(), 2)

    def tell(**what: object) -> None:
        news.write(json.dumps(what) + "\n")

    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # 2.6 s, for checks that no notebook needs
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="toolkit-") as scratch:
        _prepare_kernels(Path(scratch))
        _execute(job, tell)


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _prepare_kernels(scratch: Path) -> None:
    """Let ``python3`` mean this interpreter, whatever else is installed, and keep the user's profile out."""
    from ipykernel.kernelspec import write_kernel_spec

    argv = [sys.executable, "-P", "-m", "toolkit.kernels", "-f", "{connection_file}"]
    write_kernel_spec(scratch / "kernels" / "python3", overrides={"argv": argv})
    places = {"JUPYTER_PATH": scratch, "JUPYTER_RUNTIME_DIR": scratch, "IPYTHONDIR": scratch / "ipython"}
    os.environ.update({name: str(place) for name, place in places.items()})


def _execute(job: Mapping[str, Any], tell: Callable[..., None]) -> None:
    started, begin, part = store.now(), time.perf_counter(), Path(job["part"])
    peaks: dict[str, float | None] = {}
    with contextlib.closing(kernels.Ahead([Path(step["notebook"]) for step in job["steps"]])) as ahead:
        for place, step in enumerate(job["steps"]):
            failure = _execute_one(step, str(part), tell, ahead.take(place))
            peaks[Path(step["notebook"]).stem] = ahead.end(place)
            if failure:
                tell(failure=failure)
                return
    seconds = round(time.perf_counter() - begin, 1)
    facts = {"status": "finished", "started": started, "finished": store.now(), "seconds": seconds}
    facts |= {"profile": profiling.profile(part / "notebooks", peaks)}
    store.write_manifest(part, {**job["facts"], **facts})
    if job["finish"]:
        try:
            pkgutil.resolve_name(job["finish"])(part)
        except ToolkitError as error:
            tell(failure={"where": "the report", "ename": type(error).__name__, "evalue": str(error)})


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
