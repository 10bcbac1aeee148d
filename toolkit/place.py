"""Where a run is built, and how it comes into place: whole, once, or not at all.

A run is built in ``<out>.part-<token>``, a folder of its own, and renamed to ``<out>`` by the holder of the lease; a
run that failed is kept as ``<out>.failed``. What a killed run left behind goes when the next one begins.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from toolkit import disk, lease, remote
from toolkit.lease import Busy, Lease
from toolkit.plan import Plan, RunFailed
from toolkit.schema import OutputError

PART, OLD, FAILED = ".part", ".old", ".failed"
"""What the names of folders beside a run's go on with: it is being built, being replaced, or has failed."""


def beside(out: Path, ending: str) -> Path:
    """Name a folder beside the run folder: ``.part``, ``.old`` or ``.failed``."""
    return out.with_name(out.name + ending)


def is_beside(name: str) -> bool:
    """Tell whether a folder of this name is what a run is built in, has replaced, or has left when it failed.

    >>> is_beside("week.failed"), is_beside("week.part-1a2b"), is_beside("week")
    (True, True, False)
    """
    return any(Path(name).suffix.partition("-")[0] == ending for ending in (PART, OLD, FAILED))


@contextlib.contextmanager
def part_folder(plan: Plan) -> Iterator[Path]:
    """Give an empty folder in which the run is built, and move it into place, or aside where `RunFailed` is raised.

    Raises `Busy` (an `OutputError`) where another process is building the same run, or has taken over meanwhile;
    `OutputError` where the disk refuses.
    """
    try:
        plan.out.parent.mkdir(parents=True, exist_ok=True)
        key = str(plan.facts.get("key", ""))
        with lease.held(plan.out, key) as held, remote.sent(plan.out, plan.goes_to):
            _clear(plan.out)
            part = beside(plan.out, f"{PART}-{held.token}")
            part.mkdir()
            try:
                yield from _built(plan, part, held)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"{plan.out} cannot be made ({reason}): make room, or name another folder.") from error


def _built(plan: Plan, part: Path, held: Lease) -> Iterator[Path]:
    before, failed = _identity(plan.out), beside(plan.out, FAILED)
    try:
        yield part
        (part / "run.log").unlink(missing_ok=True)
        held.check()
        _put(part, plan.out, before)
        shutil.rmtree(failed, ignore_errors=True)
    except RunFailed as error:
        held.check()
        with contextlib.suppress(OutputError):  # a full disk takes no manifest; the reason is told anyway
            disk.write_manifest(part, {**plan.facts, "status": "failed", "reason": str(error)})
        shutil.rmtree(failed, ignore_errors=True)
        part.rename(failed)
        raise


def _put(part: Path, out: Path, before: object) -> None:
    """Rename `part` to `out`; `Busy` where it is no longer the folder that it was `before`."""
    old = beside(out, f"{OLD}-{part.suffix.partition('-')[2]}")
    if out.exists():
        out.rename(old)
        if _identity(old) != before:
            old.rename(out)
            raise Busy(f"{out} was made by another run meanwhile: look at that one.")
    try:
        part.rename(out)
    except OSError:
        if old.exists() and not out.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _identity(folder: Path) -> object:
    """Return what tells this folder from any other of the same name; None where there is none."""
    with contextlib.suppress(FileNotFoundError):
        facts = folder.stat()
        return facts.st_dev, facts.st_ino
    return None


def _clear(out: Path) -> None:
    """Remove what killed runs left beside `out`, and put back what one of them was about to replace."""
    parts, olds = (
        [path for path in out.parent.iterdir() if path.name.startswith(out.name + ending) and is_beside(path.name)]
        for ending in (PART, OLD)
    )
    for old in olds:
        if not out.exists():
            old.rename(out)
    for path in (*parts, *olds):
        shutil.rmtree(path, ignore_errors=True)
