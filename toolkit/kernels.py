"""The kernels of a run: each is started while the notebook before still runs, and imports what its own will import.

Starting a kernel and importing take longer than most notebooks; on two processors this hides them. Run as a module,
this file is a kernel that imports the modules named in ``TOOLKIT_IMPORTS`` before it answers.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

UNUSED = "rfc3987_syntax"
"""Where it is installed, plotly's first figure and papermill load it: 1.5 s, for checks that no notebook needs."""
_IMPORTS = "TOOLKIT_IMPORTS"
_LATE = {"toolkit.topics": ("bertopic.vectorizers",), "toolkit.embed": ("wordllama", "navec")}
"""What a module imports at its first use only, because not every use needs it."""


class Ahead:
    """The kernels of `notebooks`, in their order: taking one starts the next."""

    def __init__(self, notebooks: Sequence[Path]) -> None:
        self._notebooks = notebooks
        self._live: dict[int, Any] = {}

    def take(self, place: int) -> Any:
        """Return the started kernel manager of the notebook at `place`: one that waits, whichever it was started for.

        (The notebook that it was started for may have been taken from the cache.)
        """
        waiting = [self._live.pop(earlier) for earlier in list(self._live)]
        self._live[place] = waiting[0] if waiting else _start(self._notebooks[place])
        if place + 1 < len(self._notebooks):
            self._live[place + 1] = _start(self._notebooks[place + 1])
        return self._live[place]

    def end(self, place: int) -> float | None:
        """End the kernel of the notebook at `place` at once; return the most memory, in MB, that it last held.

        That is since its last stage began (see `store.stage`); None where it is unknown.
        """
        manager = self._live.pop(place)
        peak = _peak_memory(manager)
        _stop(manager)
        return peak

    def close(self) -> None:
        """End all kernels that still run."""
        while self._live:
            _stop(self._live.popitem()[1])


def _start(notebook: Path) -> Any:
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    manager = AsyncKernelManager(kernel_name="python3", config=_transport(notebook.stem))
    environment = {**os.environ, _IMPORTS: ",".join(imported(notebook))}
    run_sync(manager.start_kernel)(cwd=str(notebook.parent), env=environment)
    return manager


def _stop(manager: Any) -> None:
    from jupyter_core.utils import run_sync

    run_sync(manager.shutdown_kernel)(now=True)


def _peak_memory(manager: Any) -> float | None:
    with contextlib.suppress(OSError, AttributeError):
        status = Path(f"/proc/{manager.provisioner.pid}/status").read_text("utf-8")
        found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
        return round(int(found[1]) / 1024, 1) if found else None
    return None


def _transport(name: str) -> Any:
    """Sockets in the scratch folder rather than TCP ports, which parallel kernels snatch from each other.

    Their place is given outright: jupyter_client would put them in the working folder, the same for all runs.
    """
    from traitlets.config import Config

    place = str(Path(os.environ["JUPYTER_RUNTIME_DIR"]) / name)
    fits = os.name == "posix" and len(os.fsencode(place)) < 90  # a socket's path has 107 bytes at most
    return Config({"KernelManager": {"transport": "ipc", "ip": place}} if fits else {})


def imported(notebook: Path) -> list[str]:
    """Return the toolkit's modules that a notebook imports, such as ``toolkit.embed``; none where it is no Python."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    found: list[str] = []
    for cell in cells:
        with contextlib.suppress(SyntaxError):  # IPython's own signs
            tree = ast.parse("".join(cell["source"]) if cell["cell_type"] == "code" else "")
            taken = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
            found += [f"toolkit.{name.name}" for node in taken if node.module == "toolkit" for name in node.names]
            found += [str(node.module) for node in taken if str(node.module).startswith("toolkit.")]
    return list(dict.fromkeys(found))


# The kernel -------------------------------------------------------------------------------------------------


def _main() -> None:
    """Import, and answer; what cannot be imported is left to the notebook, which tells it."""
    sys.modules.setdefault(UNUSED, None)  # type: ignore[arg-type]
    os.environ["PLOTLY_RENDERER"] = "plotly_mimetype"  # imported before there is a notebook, it would print figures
    names = [name for name in os.environ.pop(_IMPORTS, "").split(",") if name]
    with contextlib.suppress(ImportError):
        for name in names:
            importlib.import_module(name)
        _import_late()
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


def _import_late() -> None:
    from toolkit import lean

    with lean.hidden():
        for name in [late for module, names in _LATE.items() if module in sys.modules for late in names]:
            importlib.import_module(name)
    if "plotly.graph_objects" in sys.modules:  # a first figure takes a third of a second, the next ones little
        drawn = sys.modules["plotly.graph_objects"].Figure()
        drawn.add_scatter(x=[0], y=[0], marker={"size": 1}, hovertemplate="").update_layout(title="").to_plotly_json()


if __name__ == "__main__":
    _main()
