"""The process in which runs are executed, one at a time: ``python -m toolkit.runner``, started by `children`.

It reads jobs from standard input, a JSON line each, tells the news on standard output, and ends when its input does,
that is, when its parent is gone. What only a notebook needs that is executed, papermill and the server of warm kernels
(where they are asked for), it has from the first notebook on that cannot be taken from the cache. The server is forked
before that is imported here: both import at the same time.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import queue
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

from toolkit import lean, warm
from toolkit.settings import cache_home, fresh


def main() -> None:
    """Execute the jobs, until standard input ends."""
    news = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()

    alone = threading.Lock()

    def tell(**what: object) -> None:
        with alone:
            news.write(json.dumps(what) + "\n")

    sys.modules.update(dict.fromkeys(warm.NEEDLESS))  # type: ignore[arg-type]
    os.environ["PLOTLY_RENDERER"] = "plotly_mimetype"  # imported before there is a notebook, it would print figures
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_read_jobs, args=(jobs,), daemon=True).start()
    try:
        with contextlib.ExitStack() as stack:
            ready = functools.cache(lambda: _start_server(stack, news))
            if fresh() or not (cache_home() / "kept").is_dir():  # else it may be that no kernel is needed
                ready()
            with lean.uncollected():
                from toolkit import executing

            while True:
                executing.execute(json.loads(jobs.get()), tell, ready)
    except KeyboardInterrupt:
        os._exit(0)  # all is cleared away; to take down what was imported would take a fifth of a second


def _start_server(stack: contextlib.ExitStack, news: IO[str]) -> None:
    """Start the server of warm kernels, if there shall be one."""
    if os.environ.get("TOOLKIT_WARM"):
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="toolkit-"))
        os.environ["TOOLKIT_WARM_SERVER"] = stack.enter_context(warm.server(Path(place) / "warm", news))


def _stop(*_: object) -> None:
    """Interrupt what is done, once: a second signal would interrupt the clearing away."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _read_jobs(jobs: queue.SimpleQueue[str]) -> None:
    """Pass jobs on, and stop this process when there can be no more; no lock is held meanwhile, since it is forked."""
    said = b""
    while more := os.read(0, 1 << 16):
        *lines, said = (said + more).split(b"\n")
        for line in lines:
            jobs.put(line.decode())
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
