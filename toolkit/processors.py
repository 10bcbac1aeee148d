"""Whether there is a processor for a second process."""

from __future__ import annotations

import os
import sys


def second() -> bool:
    """Tell whether a second process would have a processor, on Linux; a sweep that fills them says one thread each."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 and os.environ.get("OMP_NUM_THREADS") != "1"
