"""Run the notebooks of a plan in a child process, and put the result in place whole.

Each run has a process of its own (papermill changes the working folder of the whole process),
so a killed kernel or runner fails that run alone; `runner` is that process.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from toolkit import params, schema
from toolkit.children import Children, close, deadline, stop
from toolkit.place import FAILED, beside, part_folder
from toolkit.plan import Plan, RunFailed, read_by
from toolkit.schema import ToolkitError

Progress = Callable[[str, int, int], None]
"""Called with the notebook's name, code cells done and code cells in all."""


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
        sizes = {Path(step["output"]).stem: step["cells"] for step in job["steps"]}
        where, failure = _pass_on(child.stdout, sizes, progress)
    if failure is None:
        return
    if passed.is_set():
        late = f"not done within the {minutes:g} minutes that a run may take"
        raise _Ended({**where, "ename": "deadline", "evalue": late, "again": True})
    if failure:
        raise _Ended(failure)
    raise _Ended({"where": "the runner", "ename": "ended", "evalue": f"with code {child.wait()}", "again": True})


def _pass_on(
    said: IO[str], sizes: Mapping[str, int], progress: Progress
) -> tuple[dict[str, str], dict[str, Any] | None]:
    """Pass the child's news on; return where it was at last, and what went wrong (None: nothing; {}: not said).

    `sizes` are the cells of each notebook. Where it was, is the first notebook that was begun and not done: what runs
    besides may wait for it. What is passed on is the one begun last.
    """
    cells: dict[str, int] = {}
    failure: dict[str, Any] | None = {}
    for line in said:
        news = json.loads(line)
        if "failure" in news:
            failure = news["failure"]
            break
        cells[news["notebook"]] = cells.get(news["notebook"], 0) + news["cells"]
        progress(list(cells)[-1], sum(cells.values()), sum(sizes.values()))
    here = next((name for name, done in cells.items() if done < sizes[name]), list(cells)[-1] if cells else "")
    look = {"look": f"notebooks/{here}.ipynb"} if here else {}
    return {"where": f"{here}.ipynb, cell {cells[here] + 1}" if here else "the runner", **look}, failure


def _raise(failure: Mapping[str, Any], out: Path, part: Path) -> None:
    text = failure["evalue"].replace(str(part), str(out))
    kind = getattr(schema, failure["ename"], None)
    if isinstance(kind, type) and issubclass(kind, ToolkitError):
        raise kind(text)
    look = beside(out, FAILED) / failure.get("look", "run.log")
    again = bool(failure.get("again")) or failure["ename"] == "DeadKernelError"
    raise RunFailed(f"{failure['where']}: {failure['ename']}: {text[:500]}. Look into {look}.", again)
