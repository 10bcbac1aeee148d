"""The kernels of a run: each is started while the notebook before still runs, and imports what its own will import.

Starting a kernel and importing take longer than most notebooks; on two processors this hides them. Run as a module,
this file is a kernel that imports the modules named in `warm.IMPORTS` before it answers.
"""

from __future__ import annotations

import ast
import contextlib
import math
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from toolkit import disk, params, warm

_NO_HISTORY = ("--HistoryManager.enabled=False",)
"""Of what was typed IPython keeps a database, which takes a tenth of a second to make, and nobody would read it."""
_BEHIND = 10
"""How much nicer a kernel is that has made its tables and only shows them."""
_AGAIN = 10
"""Milliseconds until ZeroMQ looks again whether a kernel listens that it found starting (as it comes, 100)."""
_BY_NAME = 'import runpy; runpy.run_module("toolkit.kernels", run_name="__main__")'


def prepare(scratch: Path) -> None:
    """Let ``python3`` mean this interpreter, whatever else is installed, and keep the user's profile out.

    Kernels are asked of the server whose address is in ``$TOOLKIT_WARM_SERVER``, if any.
    """
    server = os.environ.get("TOOLKIT_WARM_SERVER")
    start = ["-SEc", warm.CLIENT, server, _BY_NAME] if server else ["-P", "-m", "toolkit.kernels"]
    spec = {"argv": [sys.executable, *start, "-f", "{connection_file}", *_NO_HISTORY], "display_name": "Python 3"}
    disk.write_json({**spec, "language": "python"}, scratch / "kernels" / "python3" / "kernel.json")
    places = {"JUPYTER_PATH": scratch, "JUPYTER_RUNTIME_DIR": scratch, "IPYTHONDIR": scratch / "ipython"}
    os.environ.update({name: str(place) for name, place in places.items()})


class Ahead:
    """The kernels of `notebooks`, in their order: taking one starts the next; `prepare` is called before."""

    def __init__(self, notebooks: Sequence[Path], prepare: Callable[[], None]) -> None:
        self._notebooks = notebooks
        self._prepare = prepare
        self._taken: dict[int, Any] = {}
        self._waiting: list[Any] = []
        self._ends = threading.Lock()

    def take(self, place: int) -> Any:
        """Return the started kernel manager of the notebook at `place`: one that waits, whichever it was started for.

        (The notebook that it was started for may have been taken from the cache.)
        """
        self._prepare()
        self._taken[place] = self._waiting.pop() if self._waiting else _start(self._notebooks[place])
        if place + 1 < len(self._notebooks):
            self._waiting.append(_start(self._notebooks[place + 1]))
        return self._taken[place]

    def end(self, place: int) -> float | None:
        """End the kernel of the notebook at `place` at once; return the most memory, in MB, that it last held."""
        with self._ends:
            manager = self._taken.pop(place, None)
        peak = peak_memory(manager) if manager else None
        if manager:
            _stop(manager)
        return peak

    def close(self) -> None:
        """End all kernels that still run."""
        with self._ends:
            left, self._taken, self._waiting = [*self._taken.values(), *self._waiting], {}, []
        for manager in left:
            _stop(manager)


def _start(notebook: Path) -> Any:
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    manager = AsyncKernelManager(kernel_name="python3", config=_transport(notebook.stem), client_factory=_prompt())
    scratch = os.environ["JUPYTER_RUNTIME_DIR"]  # cleared away with the run, whatever becomes of the kernel
    environment = {**os.environ, "TMPDIR": scratch, warm.IMPORTS: ",".join(imported([notebook]))}
    run_sync(manager.start_kernel)(cwd=str(notebook.parent), env=environment)
    return manager


@cache
def _prompt() -> Any:
    """Return Jupyter's client of a kernel, except that it begins when the kernel has answered, and listens to less.

    The library's then listens for a fifth of a second, for each notebook, whether anything else is said; nbclient
    passes over what answers no question of its own anyway.
    """
    import zmq
    from jupyter_client.asynchronous.client import AsyncKernelClient

    class Prompt(AsyncKernelClient):
        def start_channels(self, *_: Any, **__: Any) -> None:
            """Listen to what a notebook's cells need: no questions are asked, and the process says whether it lives."""
            self.context.setsockopt(zmq.RECONNECT_IVL, _AGAIN)
            super().start_channels(stdin=False, hb=False)
            manager: Any = self.parent
            manager.talking = self

        async def wait_for_ready(self, timeout: float | None = None) -> None:
            """Wait until the kernel answers on both channels; `RuntimeError` if not within `timeout` (seconds)."""
            late = time.monotonic() + (math.inf if timeout is None else timeout)
            while True:
                self.kernel_info()
                with contextlib.suppress(queue.Empty):
                    if (await self.get_shell_msg(timeout=1))["msg_type"] == "kernel_info_reply":
                        await self.get_iopub_msg(timeout=0.2)
                        return
                if not await self.is_alive():
                    raise RuntimeError("The kernel died before it answered.")
                if time.monotonic() > late:
                    raise RuntimeError(f"The kernel did not answer within {timeout} seconds.")

    return Prompt


def hang_up(manager: Any) -> None:
    """Close the channels to a kernel, in the thread that has used them.

    nbclient leaves them open. ZeroMQ's context then waits for its sockets when it is collected as garbage, in whichever
    thread, and these wait to be collected after it.
    """
    if client := getattr(manager, "talking", None):
        client.stop_channels()


def _stop(manager: Any) -> None:
    """Kill a kernel and wait until it is gone: Jupyter would look for that ten times a second."""
    from jupyter_core.utils import run_sync

    if process := getattr(manager.provisioner, "process", None):
        process.kill()
        process.wait()
    run_sync(manager.shutdown_kernel)(now=True)


def peak_memory(manager: Any) -> float | None:
    """Return the most memory, in MB, that a kernel held since its last stage began (see `store.stage`), if known."""
    with contextlib.suppress(OSError, AttributeError):
        status = Path(f"/proc/{_process(manager)}/status").read_text("utf-8")
        found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
        return round(int(found[1]) / 1024, 1) if found else None
    return None


def step_back(manager: Any) -> None:
    """Let a kernel have a processor only where no other wants it: no other waits for what it still does."""
    with contextlib.suppress(OSError, AttributeError):
        process = _process(manager)
        os.setpriority(os.PRIO_PROCESS, process, os.getpriority(os.PRIO_PROCESS, process) + _BEHIND)
        Path(f"/proc/{process}/autogroup").write_text(str(_BEHIND), "utf-8")  # Linux weighs sessions, if told to


def _process(manager: Any) -> int:
    forked = Path(manager.connection_file + warm.PID)
    return int(forked.read_text("utf-8")) if forked.is_file() else manager.provisioner.pid


def _transport(name: str) -> Any:
    """Files and sockets in the scratch folder; no TCP ports, which parallel kernels snatch from each other.

    Their place is given outright: jupyter_client would put sockets in the working folder, the same for all runs, and
    files where nobody clears them away.
    """
    from traitlets.config import Config

    place = str(Path(os.environ["JUPYTER_RUNTIME_DIR"]) / name)
    fits = os.name == "posix" and len(os.fsencode(place)) < 90  # a socket's path has 107 bytes at most
    sockets = {"transport": "ipc", "ip": place} if fits else {}
    return Config({"KernelManager": {"connection_file": f"{place}.json", **sockets}})


def imported(notebooks: Iterable[Path]) -> list[str]:
    """Return the toolkit's modules that the cells of `notebooks` import, by their dotted names."""
    found = set()
    for notebook in notebooks:
        for source, _ in params.read_cells(notebook):
            with contextlib.suppress(SyntaxError):  # a cell may hold what only IPython reads
                found |= {name for node in ast.walk(ast.parse(source)) for name in _names(node)}
    return sorted(found)


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom) and node.module == "toolkit":
        return [f"toolkit.{alias.name}" for alias in node.names]
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    return [name for name in names if name.split(".")[0] == "toolkit"]


# The kernel -------------------------------------------------------------------------------------------------


def _main() -> None:
    """Import, and answer."""
    sys.modules.update(dict.fromkeys(warm.NEEDLESS))  # type: ignore[arg-type]
    warm.bring(os.environ.pop(warm.IMPORTS, "").split(","))
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    _main()
