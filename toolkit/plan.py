"""Plan a run: check all that can be checked before a kernel starts, and name what the run depends on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import toolkit
from toolkit import disk, params, remote
from toolkit.schema import InputError, OutputError, SettingsError

RUN, EVALUATE, COMPARE = "[1-5]*.ipynb", "6-*.ipynb", "9-*.ipynb"
"""The notebooks of a run, and those of an evaluation and of a comparison."""
_SHIPPED = {
    "inputs": "data/sample",
    "themes": "data/themes.yml",
    "gazetteer": "data/gazetteer.yml",
    "labels": "data/sample/labels.csv",
}
_OPTIONAL = ("answers", "judged", "second_themes", "decisions", "earlier", "run_a", "run_b")
_PATHS = ("themes", "gazetteer", "cache_dir", "labels", *_OPTIONAL)
FILES = (*_SHIPPED, *_OPTIONAL, "background", "encoder", "second_encoder")
"""The parameters that name files or folders: what these hold decides what a notebook makes."""


class RunFailed(Exception):
    """A notebook failed for a reason that no other input or setting would obviously mend.

    ``again`` tells whether trying again may help: a kernel or runner was killed, or hung.
    """

    def __init__(self, sentence: str, again: bool = False) -> None:
        super().__init__(sentence)
        self.again = again


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run, checked and ready: nothing in it can be refused before a kernel starts."""

    out: Path
    notebooks: tuple[Path, ...]
    given: Mapping[str, object]
    """The parameters as the user wrote them."""
    values: Mapping[str, object]
    """The same, with absolute paths."""
    urls: Mapping[str, str]
    """Local copy -> the URL that it was fetched from."""
    goes_to: str
    """URL that the run is sent to when it is complete; empty: it stays in `out`."""
    facts: Mapping[str, object]
    """What the manifest says of the run before it has run; ``key`` names what it depends on."""


def plan(
    values: Mapping[str, object],
    out: Path | str,
    *,
    notebooks: Path | None = None,
    digest: Callable[[tuple[Path, ...]], str] = disk.input_digest,
    pattern: str = RUN,
) -> Plan:
    """Check everything that can be checked before a kernel starts; paths are relative to the working folder.

    Planned are the notebooks whose names fit `pattern`.

    Raises `SettingsError` for parameters, `InputError` for files that are not there, `OutputError` for a folder
    that is not to be written to or that holds something else than a run.
    """
    folder = notebooks or disk.asset("notebooks")
    paths = tuple(sorted(folder.resolve().glob(pattern)))
    if not paths:
        raise InputError(f"{folder} holds no numbered notebook, expected 1-corpus.ipynb and on: restore them.")
    known = params.merge(paths)
    if "run_dir" in values or any("run_dir" not in params.inspect(path) for path in paths):
        raise SettingsError("run_dir is set by the runner, in every notebook: name the folder with --out.")
    given = params.check(values, known)
    resolved = {name: _absolute(name, value) for name, value in given.items()}
    complete = {name: resolved.get(name, parameter.default) for name, parameter in known.items()}
    files = {name: _files(complete[name], name, folder) for name in _SHIPPED if name in complete}
    there = [name for name in _OPTIONAL if complete.get(name) and _is_there(given, complete, name, folder)]
    files |= {name: _files(complete[name], name, folder) for name in there}
    if "earlier" in files:
        files["earlier"] = (_tables(files["earlier"][0]),)
    goes_to = remote.check_target(str(out)) if remote.is_url(str(out)) else ""
    target = _check_target(remote.building_place(goes_to) if goes_to else Path(out), files.get("inputs", ()))
    facts, urls = _facts({**complete, **given}, paths, files, digest), _urls(given, resolved)
    return Plan(out=target, notebooks=paths, given=given, values=resolved, urls=urls, goes_to=goes_to, facts=facts)


def read_by(known: Mapping[str, params.Parameter], values: Mapping[str, object]) -> dict[str, list[str]]:
    """Return what a notebook with the parameters `known` reads of files: parameter -> paths, by `values` or default."""
    named = {name: values.get(name, known[name].default) for name in FILES if name in known}
    return {
        name: [str(item) for item in (value if isinstance(value, list) else [value]) if item]
        for name, value in named.items()
    }


def _is_there(given: Mapping[str, object], values: Mapping[str, object], name: str, folder: Path) -> bool:
    """Tell whether a file is asked for, or lies where it is looked for unasked."""
    return name in given or (folder / str(values[name])).exists()


def _absolute(name: str, value: object) -> object:
    if name == "inputs" and isinstance(value, list):
        return [_place(item) for item in value]
    is_path = name in _PATHS or (name in ("encoder", "second_encoder") and Path(str(value)).is_dir())
    return _place(value) if is_path and value else value


def _place(value: object) -> str:
    """Return the absolute path of what a user named by a path or a URL; what has a URL is fetched."""
    return str(remote.fetch(str(value)) if remote.is_url(value) else Path(str(value)).expanduser().absolute())


def _urls(given: Mapping[str, object], resolved: Mapping[str, object]) -> dict[str, str]:
    pairs = [(resolved[name], value) for name, value in given.items() if name == "inputs" or name in _PATHS]
    each = [pair for there, was in pairs for pair in zip(_listed(there), _listed(was), strict=True)]
    return {str(there): str(was) for there, was in each if remote.is_url(was)}


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _files(value: object, name: str, folder: Path) -> tuple[Path, ...]:
    wanted = [str(item) for item in _listed(value) if item]
    paths = tuple(folder / item for item in wanted) or (disk.asset(_SHIPPED[name]),)
    for path in paths:
        if not path.exists():
            raise InputError(f"{name}: {path} is not there, expected a file or folder: check the path.")
        if not os.access(path, os.R_OK):
            raise InputError(f"{name}: {path} may not be read: change its rights.")
    return paths


def _tables(run: Path) -> Path:
    """Return the folder of an earlier run's tables: what the new run depends on, whenever that one was made."""
    if not (run / "tables" / "topics.parquet").is_file():
        raise InputError(f"earlier: {run} is no finished run, expected a folder that toolkit run made: check the path.")
    return run / "tables"


def _check_target(out: Path, inputs: tuple[Path, ...]) -> Path:
    target = disk.check_writable(out).resolve()
    for path in (item.resolve() for item in inputs):
        if target == path or target in path.parents or path in target.parents:
            raise OutputError(f"{out} and the input {path} lie one in the other: name another folder.")
    if target.is_dir() and any(target.iterdir()) and disk.read_manifest(target) is None:
        raise OutputError(f"{out} holds something else than a run and is not overwritten: name another folder.")
    if not target.name:
        raise OutputError(f"{out} is no folder for a run: name another one.")
    return target


def _facts(
    values: Mapping[str, object],
    notebooks: tuple[Path, ...],
    files: Mapping[str, tuple[Path, ...]],
    digest: Callable[[tuple[Path, ...]], str],
) -> dict[str, object]:
    """Gather what the run depends on; contents stand in the key for the paths that lead to them."""
    hashes = {name: digest(paths) for name, paths in files.items()}
    cells = {path.stem: params.cells_digest(path) for path in notebooks}
    encoder = Path(str(values.get("encoder", "")))
    if values.get("encoder") and encoder.is_dir():
        hashes["encoder"] = digest((encoder,))
    rest = {name: value for name, value in values.items() if name not in (*hashes, "run_dir", "cache_dir")}
    code = digest(_code())
    depends = [cells, rest, hashes, toolkit.__version__, code]
    return {
        "key": hashlib.blake2b(json.dumps(depends, sort_keys=True).encode(), digest_size=16).hexdigest(),
        "parameters": {**values, "run_dir": "."},
        "hashes": {"notebooks": cells, "code": code, **hashes},
        "seeds": {name: value for name, value in values.items() if "seed" in name},
    }


def _code() -> tuple[Path, ...]:
    return tuple(sorted(Path(__file__).parent.glob("*.py")))


def located(plan: Plan) -> Plan:
    """Return `plan` with the notebooks where this machine has them: a worker may be another machine than the planner's.

    Raises `SettingsError` where another state of the toolkit is installed here, and `InputError` where a file that the
    run needs is not to be seen from here.
    """
    shipped = disk.asset("notebooks")
    notebooks = tuple(path if path.is_file() else shipped / path.name for path in plan.notebooks)
    cells = {path.stem: params.cells_digest(path) for path in notebooks}
    hashes = plan.facts["hashes"]
    if not isinstance(hashes, dict) or (hashes["code"], hashes["notebooks"]) != (disk.input_digest(_code()), cells):
        raise SettingsError("Another state of the toolkit is installed here than with the planner: make them one.")
    values = {name: _seen(name, value, plan.urls) for name, value in plan.values.items()}
    for name in [name for name in values if values[name] != plan.values[name]]:
        if hashes[name] != disk.input_digest([str(item) for item in _listed(values[name])]):
            raise InputError(f"{name}: what lies there has changed since the run was planned: run the batch again.")
    return replace(plan, notebooks=notebooks, values=values)


def _seen(name: str, value: object, urls: Mapping[str, str]) -> object:
    """Return a value with the paths that this machine has, fetched where they are not here and have a URL."""
    if name == "inputs" and isinstance(value, list):
        return [_seen("", item, urls) for item in value]
    if (name and name not in _PATHS) or name == "cache_dir" or not value or Path(str(value)).exists():
        return value
    if str(value) in urls:
        return str(remote.fetch(urls[str(value)]))
    raise InputError(f"{name or 'inputs'}: {value} is not to be seen from here: share its folder, or name it by a URL.")
