"""Plan an evaluation: which articles the labels are compared with, and where the page goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from toolkit import disk
from toolkit.plan import EVALUATE, Plan, plan
from toolkit.schema import InputError


def plan_evaluation(parameters: Mapping[str, object], out: str | None, json: Path | None) -> Plan:
    """Check all that can be checked before a kernel starts; `json` is the file that `copy_figures` will write.

    `parameters` hold ``labels``, the table. The articles are those of the run ``judged`` or of ``inputs`` if these are
    among the parameters, else they stand in the table of labels itself. Raises as `plan` does, and `InputError` where
    ``judged`` is no finished run.
    """
    labels, judged = str(parameters["labels"]), parameters.get("judged")
    found: dict[str, object] = _of_run(str(judged)) if judged else {"inputs": [labels]}
    if json:
        disk.check_writable(json.absolute().parent)
    folder = out or str(Path("reports") / f"evaluation-{Path(labels).name.partition('.')[0]}")
    return plan(found | dict(parameters), folder, pattern=EVALUATE)


def _of_run(run: str) -> dict[str, object]:
    made = disk.read_manifest(Path(run))
    parameters = made.get("parameters") if made else None
    if not isinstance(parameters, dict):
        raise InputError(f"judged: {run} is no finished run, expected a folder that toolkit run made: check the path.")
    return {"inputs": [str(Path(run) / "tables" / "articles.parquet")], "encoder": str(parameters["encoder"])}


def copy_figures(run_dir: Path, json: Path | None) -> list[str]:
    """Copy the evaluation's figures to `json`, if that is asked for, and return them in sentences."""
    found = disk.read_json(run_dir / "evaluation.json")
    if json:
        disk.write_json(found, json)
    return [str(line) for line in found["lines"]] if isinstance(found, dict) else []
