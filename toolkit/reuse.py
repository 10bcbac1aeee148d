"""What an executed notebook made is taken from the cache where nothing that it depends on has changed.

It depends on its cells, its parameters, the contents of the files that these name (or that they are absent), the
contents of what earlier notebooks of the run made (but for a column that it does not read, see `unread`), the code and
its packages. How long a step took is not among that,
so a notebook that is run again and makes the same tables does not make the later ones run again.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from toolkit import blobs, disk, keeping, overlap
from toolkit.unread import digest, unread_by

_PASSING = ("notebooks", "stages", "run.log")
"""What is in a run folder and read by no notebook: pages, times, and the runner's log."""
_PLACES = ("run_dir", "cache_dir")
"""Parameters that say where things lie and not what they are."""

State = dict[str, tuple[int, int, int]]
"""File -> inode, bytes, time of change in nanoseconds."""


class Known(NamedTuple):
    """A notebook about to be executed: its key, and how its files lay when the key was made.

    ``others`` are files that notebooks make which run beside it.
    """

    kind: str
    key: str
    before: State
    outside: State
    others: frozenset[str]


def know(step: Mapping[str, Any], part: Path, others: Iterable[Path] = ()) -> Known:
    """Return the key of a step, as `batch` hands it over, in the run folder `part`.

    The records of its stages are its own, be it begun already, and those of the notebooks `others` are not.
    """
    notebook = Path(step["notebook"])
    outside = read_outside(step)
    own = overlap.stages(notebook)
    before = {name: state for name, state in _state(blobs.files(part), part).items() if name not in own}
    unread = unread_by(notebook)
    made = {
        name: _seen(part / name, state, json.dumps(unread.get(name))) for name, state in before.items() if _counts(name)
    }
    reads = {name: _digest(Path(name)) for name in outside}
    values = {
        kind: {name: value for name, value in step[kind].items() if name not in _PLACES}
        for kind in ("parameters", "shown")
    }
    key = keeping.make_key("notebook", blobs.file_digest(notebook), values, step["reads"], reads, made)
    theirs = frozenset(chain.from_iterable(overlap.stages(other) for other in others if other != notebook))
    return Known(notebook.stem, key, before, outside, theirs - own)


def read_outside(step: Mapping[str, Any]) -> State:
    """Return how the files lie that the parameters of a step name."""
    return _outside(step["reads"], Path(step["notebook"]).parent)


def is_kept(known: Known) -> bool:
    """Tell whether `take` will find what the notebook made, unless it is damaged."""
    return keeping.is_kept(known.kind, known.key)


def take(known: Known, part: Path) -> str:
    """Put what the notebook made into `part`, where that is kept; returns what `keeping.take` does.

    Records of its stages say that they are of an earlier run.
    """
    found = keeping.take(known.kind, known.key, part)
    if found == keeping.TAKEN:
        for name in _new(known, part):
            if name.startswith("stages/"):
                _mark(part / name)
    return found


def made(known: Known, part: Path) -> list[str]:
    """Return the results that are new in `part` since `know`, the earliest first; no notebook, which may yet change."""
    return [name for name in _new(known, part) if not (name.startswith("notebooks/") and name.endswith(".ipynb"))]


def keep(known: Known, step: Mapping[str, Any], part: Path, results: Sequence[str]) -> bool:
    """Keep what the executed notebook made, and itself; not where a file that it reads was changed meanwhile."""
    if read_outside(step) != known.outside:
        return False
    return keeping.keep(known.kind, known.key, part, [*results, Path(step["output"]).relative_to(part).as_posix()])


def _mark(path: Path) -> None:
    """Say in a record that it was made by an earlier run, and leave its time as it is, which orders the records."""
    moment = path.stat().st_mtime_ns
    record = disk.read_json(path)
    if isinstance(record, dict):
        disk.write_json({**record, "from_cache": True}, path)
        os.utime(path, ns=(moment, moment))


def _counts(name: str) -> bool:
    return name.partition("/")[0] not in _PASSING


def _lasts(name: str) -> bool:
    """Tell whether a file is a result: not the log, and not what is being written or tells how far a stage is."""
    return name != "run.log" and not Path(name).name.startswith(".")


def _new(known: Known, part: Path) -> list[str]:
    """Return the files made or changed since, the earliest first."""
    after = _state(blobs.files(part), part)
    changed = [name for name, state in after.items() if state != known.before.get(name)]
    names = [name for name in changed if name not in known.others and _lasts(name)]
    return sorted(names, key=lambda name: (after[name][2], name))


def _state(paths: Iterable[Path], root: Path | None = None) -> State:
    found: State = {}
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # gone since it was listed
            state = path.stat()
            name = path.relative_to(root).as_posix() if root else str(path)
            found[name] = (state.st_ino, state.st_size, state.st_mtime_ns)
    return found


def _outside(reads: Mapping[str, Sequence[str]], folder: Path) -> State:
    """Return how the files lie that parameters name; of a run folder its tables and its manifest, of others all."""
    found: list[Path] = []
    for given in (folder / item for items in reads.values() for item in items):
        inner = [given / "tables", given / disk.MANIFEST]
        for path in inner if all(item.exists() for item in inner) else [given]:
            found += [path] if path.is_file() else blobs.files(path)
    return _state(found)


@cache
def _seen(path: Path, state: tuple[int, int, int], unread: str) -> str:
    """Hash a file that an earlier notebook made, but for what this one does not read of it."""
    left_out = json.loads(unread)
    found = digest(path, left_out) if left_out else None
    return f"{found} without {left_out['column']}" if found else _digest(path)


def _digest(path: Path) -> str:
    try:
        return blobs.known_digest(path)
    except OSError:  # the notebook will say what is wrong with it
        return "unreadable"
