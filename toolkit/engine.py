"""Where a function is called for each run of a sweep: in this process, or on the workers of a Dask cluster.

What is done for a run is the same in both; an engine only says where. On a cluster the function and its task travel by
name and as plain values, so that the workers need the same toolkit installed and see the same folders.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from toolkit.children import Children
from toolkit.schema import SettingsError
from toolkit.settings import BatchSettings

if TYPE_CHECKING:
    import distributed

T = TypeVar("T")
_JOIN = 30.0
"""Seconds within which a scheduler has to answer, and a worker to be there."""
_HERE: dict[str, Children] = {}
"""On a worker: the processes that it runs for a sweep."""


class Running(NamedTuple):
    """A call that has begun: when (by this process' monotonic clock), and on which worker (empty: here)."""

    since: float
    worker: str = ""


class Engine(NamedTuple):
    """Where calls are made: `submit` hands one over under a name; `running` has those that have begun."""

    submit: Callable[..., Future[Any]]
    running: Mapping[str, Running]


@contextlib.contextmanager
def open_engine(call: Callable[[T, Children], Any], settings: BatchSettings) -> Iterator[Engine]:
    """Give the engine that `settings` ask for; `submit(name, task)` calls ``call(task, children)`` there.

    When the block ends, so do the calls that are not done. Raises `SettingsError` where no scheduler or no worker
    answers, or the package of the cluster is not installed.
    """
    with _cluster(call, settings.scheduler) if settings.scheduler else _local(call, settings) as engine:
        yield engine


@contextlib.contextmanager
def _local(call: Callable[[T, Children], Any], settings: BatchSettings) -> Iterator[Engine]:
    threads = max(1, (os.cpu_count() or 1) // settings.jobs)
    children, running = Children(threads, settings.warm), dict[str, Running]()

    def begin(name: str, task: T) -> Any:
        running[name] = Running(time.monotonic())
        return call(task, children)

    with ThreadPoolExecutor(max_workers=settings.jobs) as pool:
        try:
            yield Engine(lambda name, task: pool.submit(begin, name, task), running)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            children.end()


@contextlib.contextmanager
def _cluster(call: Callable[[T, Children], Any], address: str) -> Iterator[Engine]:
    topic, running = f"toolkit-{secrets.token_hex(8)}", dict[str, Running]()

    def note(event: tuple[float, Mapping[str, str]]) -> None:
        running[event[1]["name"]] = Running(time.monotonic(), event[1]["worker"])

    with _client(address) as client:
        client.subscribe_topic(topic, note)  # type: ignore[no-untyped-call]
        pool = client.get_executor(pure=False)  # type: ignore[no-untyped-call]
        try:
            yield Engine(lambda name, task: pool.submit(on_worker, call, name, task, topic), running)
        finally:
            pool.shutdown(wait=False)
            with contextlib.suppress(OSError):  # the scheduler is gone, and with it what there was to stop
                client.run(stop_here, topic, on_error="ignore")


@contextlib.contextmanager
def _client(address: str) -> Iterator[distributed.Client]:
    try:
        import distributed
    except ImportError:
        raise SettingsError("A scheduler needs the package distributed: pip install 'toolkit[cluster]'.") from None
    try:
        settings: dict[str, Any] = {"timeout": _JOIN, "set_as_default": False, "name": "toolkit"}
        client = distributed.Client(address, **settings)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TimeoutError) as error:
        why = " ".join(str(error).split())[:200] or "no answer"
        raise SettingsError(f"No scheduler answers at {address} ({why}): start one with 'dask scheduler'.") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_JOIN)
        except TimeoutError:
            raise SettingsError(f"No worker has joined {address}: start one with 'dask worker {address}'.") from None
        yield client


def on_worker(call: Callable[[T, Children], Any], name: str, task: T, topic: str) -> Any:
    """Call ``call(task, children)`` on the worker that this runs on, and say that it has begun."""
    import distributed

    worker = distributed.get_worker()
    worker.log_event(topic, {"name": name, "worker": worker.address})
    return call(task, _HERE.setdefault(topic, Children()))


def stop_here(topic: str) -> None:
    """End the processes that this worker runs for a sweep."""
    _HERE.setdefault(topic, Children()).end()
