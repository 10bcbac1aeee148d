"""Execute one notebook by papermill, in a kernel that was started, and tell what went wrong, if anything."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from toolkit import lean
from toolkit.overlap import WAITS

MADE = "made"
"""Tag of the last cell that makes a table: what follows only shows what is made by then."""
_LONGEST_START = 300
"""Seconds that a kernel may take to start and to import, on a machine that has much else to do."""
_SAVED = 20.0
"""Seconds from one time that a notebook is written to the next while it runs.

Papermill writes it before and after each cell, which takes a fifth of a short run."""
_POSTPONED = {"requests": ()}
"""What papermill imports to fetch notebooks, and ours lie here."""
Failure = dict[str, str] | None
"""What went wrong: where, what kind of error, what it says, and where to look."""


class Ended(Exception):
    """A notebook was begun that need not be executed: it will be taken from the cache, or its run has failed."""


@cache
@lean.uncollected()
def get_ready(finish: str) -> None:
    """Import papermill, let it know the engine of this module, and import the function `finish`, if there is one."""
    with lean.postponed(_POSTPONED):
        from papermill.engines import NBClientEngine, papermill_engines

    class Seldom(NBClientEngine):  # type: ignore[misc]
        """Papermill's own engine, except that the notebook is written every 20 seconds, and where it breaks off.

        What was executed to its end papermill writes once more, whatever the engine has written.
        """

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, *given: Any, **named: Any) -> Any:
            save = nb_man.save
            nb_man.save = lambda **what: save(**what) if _ago(nb_man) > _SAVED else None
            whole = False
            try:
                executed = super().execute_managed_notebook(nb_man, *given, **named)
                whole = True
            finally:
                if not whole:
                    nb_man.save = save
            return executed

    papermill_engines.register("seldom", Seldom)
    if finish:
        pkgutil.resolve_name(finish)


def _ago(saved: Any) -> float:
    return float((saved.now() - saved.last_save_time).total_seconds())


class At(NamedTuple):
    """What is done when a cell is about to be executed that is tagged ``waits``, after the one tagged ``made``, and
    after each."""

    waits: Callable[[], object]
    made: Callable[[], None]
    cell: Callable[[], None]


def execute_one(step: Mapping[str, Any], part: Path, kernel: Any, at: At) -> Failure:
    """Execute one notebook of the run in the folder `part` in `kernel`; return what went wrong, if anything did.

    Raises `Ended` where ``at.waits`` does.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError

    output, begun = Path(step["output"]), list[int]()
    output.parent.mkdir(exist_ok=True)
    where, kind, reason = f"{output.name}, cell ", "", ""

    def begin(cell: Any, cell_index: int) -> None:
        begun.append(cell_index)
        if WAITS in cell["metadata"].get("tags", ()):
            at.waits()

    def executed(cell: Any, cell_index: int, execute_reply: Any) -> None:
        if MADE in cell["metadata"].get("tags", ()) and execute_reply["content"]["status"] == "ok":
            at.made()
        at.cell()

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
            on_cell_execute=begin,
            on_cell_executed=executed,
        )
    except papermill.PapermillExecutionError as error:
        where, kind, reason = f"{where}{error.exec_count or len(begun)}", error.ename, error.evalue
    except DeadKernelError:
        where, kind = f"{where}{len(begun)}", "DeadKernelError"
        reason = "the kernel was killed, perhaps because the memory did not suffice"
    finally:
        _tidy(output, step["shown"], str(part))
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
