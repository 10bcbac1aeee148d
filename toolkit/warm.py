"""Warm kernels: forked from a server that has imported what the notebooks import, so that no kernel imports it again.

In the kernel's place Jupyter starts a small client, which asks the server (forked from the runner, on Linux only) for a
kernel, hands it its folder, environment and outputs, and passes signals on. The server imports what that kernel's
notebook does, if it has not yet, and forks. It kills a kernel whose client is gone, and ends with its runner. Where the
server does not answer, the client turns into an ordinary kernel.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn

from toolkit.schema import ToolkitError

IMPORTS = "TOOLKIT_IMPORTS"
"""What a kernel imports before its notebook runs: modules, in this variable of its environment."""
_FIRST = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.interactiveshell",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "tornado.platform.asyncio",
    "pandas",
    "plotly.io._renderers",
    "toolkit.store",
    "toolkit.figures",
    "toolkit.counts",
    "toolkit.tables",
)
"""What the notebooks of every run import, the sooner the more of them do."""
_LATE = {"toolkit.naming": "toolkit.naming:weighing", "toolkit.encoders": "toolkit.encoders:load_embedded"}
"""What a module calls at its first use only, because not every use needs it."""
NEEDLESS = ("rfc3987_syntax", "rfc3986_validator", "isoduration", "debugpy")
"""What Jupyter imports if it is there, and no notebook needs: 2 s in every process that draws a figure."""
_POSTPONED = {
    "nbformat": (),
    "numpy.f2py": (),
    "numpy.polynomial": (),
    "numpy.testing": (),
    "scipy.interpolate": ("BSpline",),
    "scipy.optimize._linprog": ("linprog", "linprog_verbose_callback"),
    "scipy.optimize._shgo": ("shgo",),
    "scipy.stats": ("chi2", "gmean", "rankdata", "spearmanr"),
    "sklearn.callback._progressbar": ("ProgressBar",),
    "wcwidth": ("wcswidth", "wcwidth"),
}
"""What packages import that these notebooks hardly use, half a second, and what they take from it to call it."""
_GLANCE = 0.05
PID = ".pid"
"""What the client adds to the name of the kernel's connection file, for the file that holds the kernel's process."""
CLIENT = """
import json, os, signal, socket, sys
server, ordinary, *argv = sys.argv[1:]
try:
    line = socket.socket(socket.AF_UNIX)
    line.connect(server)
    asked = json.dumps({"argv": argv, "cwd": os.getcwd(), "env": dict(os.environ)}).encode()
    socket.send_fds(line, [len(asked).to_bytes(8, "big")], [0, 1, 2])
    line.sendall(asked)
    said = line.makefile()
    kernel = int(said.readline())
    open(argv[argv.index("-f") + 1] + ".pid", "w").write(str(kernel))
except (OSError, ValueError):
    os.execv(sys.executable, [sys.executable, "-c", ordinary, *argv])
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, frame: os.kill(kernel, number))
sys.exit(int(said.readline() or 137))
"""


class _Asked(NamedTuple):
    """A client that asks for a kernel: its connection, the kernel's process, and, in the kernel, what was asked for."""

    line: socket.socket
    pid: int
    request: dict[str, Any]


@contextlib.contextmanager
def server(place: Path, without: IO[str]) -> Iterator[str]:
    """Fork a server from this process that listens at `place`, a file to be; give its address, empty where none can be.

    It imports what all notebooks need at once, and lets go of `without`, which this process tells its news on. It ends
    with the block, and when this process does.
    """
    if not sys.platform.startswith("linux"):
        yield ""
        return
    ends, held = os.pipe()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        gc.freeze()
        pid = os.fork()
        if not pid:
            without.close()
            os.close(held)
            _become(listener, ends)
    os.close(ends)
    try:
        yield str(place)
    finally:
        os.close(held)
        os.kill(pid, signal.SIGTERM)  # it heeds that until it is asked for a kernel
        os.waitpid(pid, 0)


def _become(listener: socket.socket, ends: int) -> NoReturn:
    """Be the server, until `ends` can be read; in a kernel, be that kernel."""
    try:
        os.dup2(ends, 0)
        os.close(ends)
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            for number in (1, 2):
                os.dup2(nowhere.fileno(), number)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        bring(_FIRST)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if asked := _serve(listener):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _be_kernel(asked)
    finally:
        os._exit(0)


def bring(names: Iterable[str]) -> None:
    """Import modules, with what they do late; what cannot be imported is left to the notebook, which tells it."""
    from toolkit import lean

    with contextlib.suppress(ImportError, ToolkitError), lean.uncollected(), lean.postponed(_POSTPONED):
        for name in filter(None, names):
            pkgutil.resolve_name(name)
        for name in [late for module, late in _LATE.items() if module in sys.modules]:
            pkgutil.resolve_name(name)()


def _serve(listener: socket.socket) -> _Asked | None:
    """Fork kernels until standard input ends (None), or, in a kernel, return what was asked for."""
    clients: list[_Asked] = []
    while True:
        watched: list[Any] = [0, listener, *(client.line for client in clients)]
        ready, _, _ = select.select(watched, [], [], _GLANCE)
        if not ready:
            _rehearse()
        if 0 in ready:
            for client in clients:
                os.kill(client.pid, signal.SIGKILL)
                os.waitpid(client.pid, 0)
            return None
        for client in [client for client in clients if client.line in ready]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(client.pid, signal.SIGKILL)
        for client in list(clients):
            pid, status = os.waitpid(client.pid, os.WNOHANG)
            if pid:
                _tell(client.line, os.waitstatus_to_exitcode(status))
                client.line.close()
                clients.remove(client)
        if listener in ready:
            client = _fork(listener.accept()[0])
            if not client.pid:
                return client
            clients.append(client)


@cache
def _rehearse() -> None:
    """Do what takes time once only, while nothing is asked for, so that the kernels forked from then on need not.

    That is to draw a figure, and to count processors, for which scikit-learn starts a program.
    """
    if style := sys.modules.get("toolkit.style"):
        style.rehearse()
    if counting := sys.modules.get("sklearn.utils._openmp_helpers"):
        counting._openmp_effective_n_threads()


def _tell(line: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):
        line.sendall(f"{number if number >= 0 else 128 - number}\n".encode())


def _fork(line: socket.socket) -> _Asked:
    size, handles, _, _ = socket.recv_fds(line, 8, 3)
    request, length = b"", int.from_bytes(size, "big")
    while len(request) < length:
        request += line.recv(length - len(request))
    asked = json.loads(request)
    bring(asked["env"].get(IMPORTS, "").split(","))
    gc.freeze()
    pid = os.fork()
    if pid:
        _tell(line, pid)
    for number, handle in enumerate(handles):
        if not pid:
            os.dup2(handle, number)
        os.close(handle)
    return _Asked(line, pid, {} if pid else asked)


def _be_kernel(asked: _Asked) -> None:
    from ipykernel.kernelapp import launch_new_instance

    asked.line.close()
    os.setsid()
    os.chdir(asked.request["cwd"])
    os.environ.clear()
    os.environ.update(asked.request["env"])
    tempfile.tempdir = None  # it was the server's
    argv: Sequence[str] = asked.request["argv"]
    sys.argv = ["ipykernel_launcher", *argv, f"--IPKernelApp.parent_handle={os.getppid()}"]  # ends when that does
    launch_new_instance()
