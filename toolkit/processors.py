"""Whether there is a processor for a second process, and what is computed on one alone."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any


def second() -> bool:
    """Tell whether a second process would have a processor, on Linux; a sweep that fills them says one thread each."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 and os.environ.get("OMP_NUM_THREADS") != "1"


def one_thread() -> AbstractContextManager[Any]:
    """Have libraries compute in one thread inside; they are looked for anew only where further modules were imported.

    Small products take ten times as long in threads that wait for each other, and sums differ in their last bits.
    """
    limits: AbstractContextManager[Any] = _pools(len(sys.modules)).limit(limits=1)
    return limits


@lru_cache(1)
def _pools(_modules: int) -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
