"""The process in which runs are executed, one at a time: ``python -m toolkit.runner``, started by `children`.

It reads jobs from standard input, a JSON line each, tells the news on standard output, and ends when its input does,
that is, when its parent is gone. Where `warm` asks for it, it first starts the server of warm kernels, and imports what
it needs itself meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import tempfile
import threading
from pathlib import Path

from toolkit import warm


def main() -> None:
    """Execute the jobs, until standard input ends."""
    news = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()

    def tell(**what: object) -> None:
        news.write(json.dumps(what) + "\n")

    sys.modules.update(dict.fromkeys(warm.NEEDLESS))  # type: ignore[arg-type]
    os.environ["PLOTLY_RENDERER"] = "plotly_mimetype"  # imported before there is a notebook, it would print figures
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_read_jobs, args=(jobs,), daemon=True).start()
    with contextlib.ExitStack() as stack:
        if os.environ.get("TOOLKIT_WARM"):
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="toolkit-"))
            os.environ["TOOLKIT_WARM_SERVER"] = stack.enter_context(warm.server(Path(place) / "warm"))
        from toolkit import executing

        executing.get_ready()
        while True:
            executing.execute(json.loads(jobs.get()), tell)


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _read_jobs(jobs: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        jobs.put(line)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
