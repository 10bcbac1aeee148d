"""Batches of texts read by what OpenVINO compiled, each on one thread: a part of `compiled`, apart for its length."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[Any]
Take = Callable[[list[int], Numbers], None]
Run = Callable[[list[list[int]], list[list[int]], Take], None]


def ready(graph: Any, half: bool, threads: int) -> Any:
    """Compile a graph for so many batches at a time, each on one thread; or take it from the bytes of a blob."""
    import openvino

    wanted = {"INFERENCE_PRECISION_HINT": "bf16" if half else "f32", "NUM_STREAMS": threads}
    wanted["INFERENCE_NUM_THREADS"] = threads
    if isinstance(graph, bytes):
        return openvino.Core().import_model(io.BytesIO(graph), "CPU", wanted)
    return openvino.Core().compile_model(graph, "CPU", wanted)


def reading(made_for: Callable[[int], Any], now: bool) -> Run:
    """Return a function that reads batches by what `made_for` gives for a number of threads.

    It is asked `now`, or when the first batch comes.
    """
    import openvino
    import torch

    made, home, most = {}, os.getpid(), torch.get_num_threads()

    def queue() -> Any:
        if os.getpid() not in made:
            threads = most if os.getpid() == home else 1  # a forked process has no threads of the first, and one turn
            made[os.getpid()] = openvino.AsyncInferQueue(made_for(threads), threads)
        return made[os.getpid()]

    def run(tokens: list[list[int]], parts: list[list[int]], take: Take) -> None:
        if parts:
            queue().set_callback(lambda request, part: take(part, request.get_output_tensor(0).data.copy()))
        for part in parts:
            queue().start_async([np.array([tokens[row] for row in part])], part)
        if parts:
            queue().wait_all()

    if now:
        queue()
    return run
