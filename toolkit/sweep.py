"""Many runs: read a sweep, and run what is missing or changed, here or on a cluster."""

from __future__ import annotations

import hashlib
import itertools
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from toolkit import disk, nodes, remote
from toolkit.batch import run_notebooks
from toolkit.children import Children
from toolkit.engine import Engine, Running, open_engine
from toolkit.lease import Busy
from toolkit.place import is_beside
from toolkit.plan import Plan, RunFailed, located
from toolkit.schema import InputError, SettingsError, ToolkitError
from toolkit.settings import BatchSettings

_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_GLANCE = 0.5
"""Seconds between two looks at what is running, and at a run that another process is building."""


class Outcome(NamedTuple):
    """How a run of a sweep ended: ``finished``, ``unchanged`` (not run again) or ``failed``, and why.

    ``tries`` counts how often it was begun, ``worker`` is where (empty: here), ``again`` tells whether one more try may
    help.
    """

    name: str
    status: str
    reason: str
    seconds: float
    tries: int = 1
    worker: str = ""
    again: bool = False


class Task(NamedTuple):
    """A run as it is handed to an engine; `finish` as in `batch.run_notebooks`."""

    name: str
    plan: Plan
    finish: str
    minutes: float


Progress = Callable[[Outcome | None, Mapping[str, Running]], None]
"""Called when a run has ended, and otherwise now and then with None; and with what is running."""


class Sweep(NamedTuple):
    """A sweep file: the folder of its runs, and the parameters of each by name."""

    out: str
    runs: dict[str, dict[str, object]]


def read_sweep(path: Path) -> Sweep:
    """Read a sweep: ``base`` for all runs, ``grid`` (every combination), ``runs`` (one by one), ``out``.

    Raises `InputError` where the file is none, `SettingsError` where its keys or names are wrong.
    """
    text = nodes.text_of(path, "sweep file", "check the path")
    nodes.compose_text(text, path.name, "sweep file", "expected base, grid, runs and out")
    try:
        found = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"The sweep file {path.name!r} holds what plain YAML does not: {said}.") from error
    shape: dict[str, type] = {"base": dict, "grid": dict, "runs": list, "out": str}
    if not isinstance(found, dict) or not found or not set(found) <= set(shape):
        keys = ", ".join(map(str, found)) if isinstance(found, dict) else type(found).__name__
        raise SettingsError(f"{path} holds {keys or 'nothing'}, expected only {', '.join(shape)}.")
    for name, value in found.items():
        if not isinstance(value, shape[name]):
            raise SettingsError(f"{name} in {path} is {value!r}, expected a {shape[name].__name__}.")
    base = found.get("base", {})
    named: dict[str, dict[str, object]] = {}
    for own in [*_combinations(found.get("grid", {})), *found.get("runs", [])]:
        name, values = _named(own)
        if name in named:
            raise SettingsError(f"Two runs in {path} are called {name!r}: give one another name.")
        named[name] = {**base, **values}
    if not named:
        raise SettingsError(f"{path} asks for no run: expected a grid, or runs.")
    return Sweep(found.get("out", ""), named)


def _combinations(grid: Mapping[str, object]) -> list[dict[str, object]]:
    for name, choices in grid.items():
        if not isinstance(choices, list) or not choices:
            raise SettingsError(f"{name} in the grid is {choices!r}, expected a list of values.")
    chosen = itertools.product(*(choices for choices in grid.values() if isinstance(choices, list)))
    return [dict(zip(grid, values, strict=True)) for values in chosen] if grid else []


def _named(own: object) -> tuple[str, dict[str, object]]:
    if not isinstance(own, dict):
        raise SettingsError(f"A run is {own!r}, expected a mapping of parameters.")
    values = {name: value for name, value in own.items() if name != "name"}
    name = own.get("name", slug(values))
    if not isinstance(name, str) or not _SLUG.fullmatch(name) or _reserved(name):
        raise SettingsError(f"A run is called {name!r}, expected small letters, digits, '-', '_' and '.'.")
    return name, values


def slug(values: Mapping[str, object]) -> str:
    """Name a run by its parameters: ``seed-1_period-week``, with a hash where that would lose something."""
    exact = "_".join(f"{name}-{value}" for name, value in values.items())
    short = re.sub(r"[^a-z0-9._-]+", "-", exact.lower())[:60].strip("-._")
    if short == exact and not _reserved(short):
        return short
    return f"{short or 'run'}-{hashlib.blake2b(exact.encode(), digest_size=3).hexdigest()}"


def _reserved(name: str) -> bool:
    return is_beside(name) or name.endswith(".html")


def run_sweep(
    plans: Mapping[str, Plan], settings: BatchSettings, progress: Progress, finish: str = ""
) -> list[Outcome]:
    """Run `plans` (by name) where `settings` say; a run that fails stops no other, a finished one is not repeated.

    `finish` as in `batch.run_notebooks`. An interrupt ends all runs and leaves the finished ones in place.
    """
    tasks = {name: Task(name, plan, finish, settings.deadline) for name, plan in plans.items()}
    ended: dict[str, Outcome] = {}
    with open_engine(attempt, settings) as engine:
        waiting = {engine.submit(name, task): (name, 1) for name, task in tasks.items()}
        while waiting:
            done, _ = wait(waiting, timeout=_GLANCE, return_when=FIRST_COMPLETED)
            for future in done:
                name, tries = waiting.pop(future)
                outcome = _outcome(future, name, engine)._replace(tries=tries)
                if outcome.again and tries <= settings.retries:
                    waiting[engine.submit(name, tasks[name])] = (name, tries + 1)
                    continue
                ended[name] = outcome
                progress(outcome, _running(engine, waiting.values()))
            progress(None, _running(engine, waiting.values()))
    return [ended[name] for name in plans]


def _running(engine: Engine, waiting: Any) -> dict[str, Running]:
    names = {name for name, _ in waiting}
    return {name: begun for name, begun in dict(engine.running).items() if name in names}


def _outcome(future: Future[Any], name: str, engine: Engine) -> Outcome:
    """Return how a call ended; that its workers were killed, over and over, is a reason to try again."""
    begun = engine.running.get(name)
    worker = begun.worker if begun else ""
    try:
        error = future.exception()
    except CancelledError:
        return Outcome(name, "failed", "the scheduler is gone: start it, and run the batch again", 0.0, worker=worker)
    if error is None:
        found: Outcome = future.result()
        return found._replace(worker=worker)
    if isinstance(error, KeyboardInterrupt):
        raise error
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:500]
    return Outcome(name, "failed", reason, 0.0, worker=worker, again=type(error).__name__ == "KilledWorker")


def attempt(task: Task, children: Children) -> Outcome:
    """Run one run of a sweep, unless it is there; wherever an engine calls it, this is what is done.

    Where another process is building the same run (a worker believed dead may go on), its end is waited for.
    """
    begin, waited = time.perf_counter(), False
    try:
        plan = located(task.plan)
        while True:
            done = remote.read_manifest(plan.goes_to or str(plan.out)) or {}
            if done.get("key") == plan.facts["key"] and done.get("status") == "finished":
                return Outcome(task.name, "finished" if waited else "unchanged", "", _seconds(done))
            try:
                run_notebooks(plan, lambda *_: None, task.finish, children, task.minutes)
            except Busy as busy:
                if busy.key not in ("", plan.facts["key"]) or children.ended:
                    raise
                waited = True
                time.sleep(_GLANCE)
                continue
            return Outcome(task.name, "finished", "", _seconds(disk.read_manifest(plan.out) or {}))
    except KeyboardInterrupt:
        return Outcome(task.name, "failed", "interrupted", time.perf_counter() - begin)
    except (RunFailed, ToolkitError, OSError) as error:
        again = isinstance(error, RunFailed) and error.again
        return Outcome(task.name, "failed", str(error), time.perf_counter() - begin, again=again)


def _seconds(manifest: Mapping[str, object]) -> float:
    seconds = manifest.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else 0.0
