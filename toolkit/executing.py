"""Execute the notebooks of a job, one after the other, in the runner's process, and tell how it went."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pkgutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from toolkit import disk, kernels, profiling, reuse
from toolkit.schema import ToolkitError

_LONGEST_START = 300
"""Seconds that a kernel may take to start and to import, on a machine that has much else to do."""
_SAVED = 20.0
"""Seconds from one time that a notebook is written to the next while it runs.

Papermill writes it before and after each cell, which takes a fifth of a short run."""
News = Callable[..., None]
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


@cache
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


def _execute(job: Mapping[str, Any], tell: News, prepare: Callable[[], None]) -> None:
    started, begin, part = disk.now(), time.perf_counter(), Path(job["part"])
    became, peaks = dict[str, list[str]](), dict[str, float | None]()
    notebooks = [Path(step["notebook"]) for step in job["steps"]]
    with contextlib.closing(kernels.Ahead(notebooks, cache(prepare))) as ahead:
        for place, step in enumerate(job["steps"]):
            execute = partial(_execute_ahead, ahead, place, (peaks, job["finish"]))
            found, failure = reuse.taken_or_made(step, part, execute, tell)
            became.setdefault(found, []).append(Path(step["output"]).stem)
            if failure:
                tell(failure=failure)
                return
    seconds = round(time.perf_counter() - begin, 1)
    facts = {"status": "finished", "started": started, "finished": disk.now(), "seconds": seconds}
    facts |= {"profile": profiling.profile(part / "notebooks", peaks), "cache": became}
    disk.write_manifest(part, {**job["facts"], **facts})
    if job["finish"]:
        try:
            pkgutil.resolve_name(job["finish"])(part)
        except ToolkitError as error:
            tell(failure={"where": "the report", "ename": type(error).__name__, "evalue": str(error)})


def _execute_ahead(
    ahead: kernels.Ahead,
    place: int,
    beside: tuple[dict[str, float | None], str],
    step: Mapping[str, Any],
    part: str,
    tell: News,
) -> dict[str, str] | None:
    """Execute the notebook at `place` in a kernel started ahead, and note the memory that it held.

    While the kernel imports, so does this process: what executes a notebook, and what will be called at the end.
    """
    peaks, finish = beside
    kernel = ahead.take(place)
    _get_ready(finish)
    failure = _execute_one(step, part, tell, kernel)
    peaks[Path(step["notebook"]).stem] = ahead.end(place)
    return failure


def _execute_one(step: Mapping[str, Any], part: str, tell: News, kernel: Any) -> dict[str, str] | None:
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
            engine_name="seldom",
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
