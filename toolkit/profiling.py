"""Where a run's time went: what each notebook waited, imported, and worked, and the memory it held."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

_IMPORTS = "# inputs"
"""How the cell begins in which a notebook imports."""


def profile(notebooks: Path, peaks: Mapping[str, float | None], stood: Mapping[str, float]) -> list[dict[str, object]]:
    """Return a record of each notebook that `peaks` names, by name, read from the executed ones in `notebooks`.

    ``waited`` (for the kernel, and for the notebook before, which `stood` has), ``imports`` and ``cells`` (all others)
    are seconds; ``memory_mb`` is what `peaks` has under the notebook's name. What was taken from the cache took no time
    and is left out.
    """
    found: list[dict[str, object]] = []
    for path in (notebooks / f"{name}.ipynb" for name in sorted(peaks)):
        executed = json.loads(path.read_text("utf-8"))
        times = _times(executed["metadata"].get("papermill", {}), executed["cells"], stood.get(path.stem, 0.0))
        found.append({"notebook": path.stem, **times, "memory_mb": peaks[path.stem]})
    return found


def _times(whole: Mapping[str, Any], cells: list[dict[str, Any]], stood: float) -> dict[str, float]:
    facts = [(cell, cell["metadata"].get("papermill", {})) for cell in cells if cell["cell_type"] == "code"]
    ran = [(cell, fact) for cell, fact in facts if fact.get("start_time") and fact.get("duration") is not None]
    if not ran or not whole.get("start_time"):
        return {"waited": 0.0, "imports": 0.0, "cells": 0.0}
    first = datetime.fromisoformat(ran[0][1]["start_time"]) - datetime.fromisoformat(whole["start_time"])
    waited = first.total_seconds() + stood
    imports = sum(fact["duration"] for cell, fact in ran if "".join(cell["source"]).startswith(_IMPORTS))
    cells_took = sum(fact["duration"] for _, fact in ran) - imports - stood  # it stood before a cell, which counts it
    return {"waited": round(waited, 4), "imports": round(imports, 4), "cells": round(cells_took, 4)}


def lines(manifest: Mapping[str, Any]) -> list[str]:
    """Return, in sentences, where the time of a run went: a line a notebook and a line a step of one."""
    told = [
        f"{n['notebook']}: {n['waited']:.1f} s waiting, {n['imports']:.1f} s imports, {n['cells']:.1f} s cells"
        for n in manifest.get("profile", ())
    ]
    steps = [(s["name"], s["seconds"], s["memory_mb"]) for s in manifest.get("stages", ())]
    return told + [f"{name}: {seconds:.1f} s, {memory or 0:,.0f} MB at most" for name, seconds, memory in steps]
