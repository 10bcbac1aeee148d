"""Plan a comparison of two runs: where they lie, and where the page goes."""

from __future__ import annotations

from pathlib import Path

from toolkit import disk
from toolkit.plan import COMPARE, Plan, plan
from toolkit.schema import InputError, OutputError


def plan_comparison(runs: tuple[str, str], out: str | None) -> Plan:
    """Check all that can be checked before a kernel starts.

    Raises as `plan` does, `InputError` where one of the two is no finished run, and `OutputError` where the page would
    take the place of one.
    """
    for run in runs:
        made = disk.read_manifest(Path(run))
        if not (Path(run) / "tables").is_dir() or (made is not None and made.get("status") == "failed"):
            raise InputError(f"{run} is no finished run, expected a folder that toolkit run made: check the path.")
    names = [Path(run).resolve().name for run in runs]
    folder = Path(out or Path("reports") / f"{names[0]}-to-{names[1]}")
    if folder.resolve() in [Path(run).resolve() for run in runs]:
        raise OutputError(f"{folder} is one of the two runs and is not overwritten: name another folder.")
    return plan(dict(zip(("run_a", "run_b"), runs, strict=True)), folder, pattern=COMPARE)


def lines(run_dir: Path) -> list[str]:
    """Return what a comparison found, in sentences."""
    found = disk.read_json(run_dir / "comparison.json")
    return [str(line) for line in found["lines"]] if isinstance(found, dict) else []
