"""The page over all runs of a sweep: how each ended and why, what made it, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from toolkit import store
from toolkit.exhibits import duration
from toolkit.place import FAILED, is_beside
from toolkit.plan import Plan
from toolkit.schema import OutputError
from toolkit.sweep import Outcome

_MARK = '<meta name="generator" content="toolkit batch">'
_TEMPLATES = Path(__file__).resolve().parent / "templates"


def check_index(out: Path) -> Path:
    """Return the place of the page over all runs; `OutputError` where a page of someone else's stands there."""
    index = store.check_writable(out) / "index.html"
    if index.exists() and _MARK not in index.read_text("utf-8", "replace"):
        raise OutputError(f"{index} is not a page of ours and is not overwritten: name another folder.")
    return index


def write_index(out: Path, plans: Mapping[str, Plan], outcomes: list[Outcome]) -> Path:
    """Write the page over all runs in `out`, those of earlier sweeps included; every text in it is escaped."""
    rows = [_row(out, outcome, plans[outcome.name].given) for outcome in outcomes]
    common = _common([row["parameters"] for row in rows])
    rows += _earlier(out, plans)
    for row in rows:
        row["parameters"] = {name: value for name, value in row["parameters"].items() if name not in common}
    page = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    ).get_template("runs.html")
    shown = {"rows": rows, "common": common, "summary": _summary(rows), "mark": _MARK}
    own, workers = (any(row[name] for row in rows) for name in ("parameters", "worker"))
    text = page.render(shown, own=own, workers=workers)
    return store.write_text(text, check_index(out))


def _common(given: list[Mapping[str, object]]) -> dict[str, object]:
    """Return the parameters that are the same in all runs, where there are several."""
    shared = given[0].items() if len(given) > 1 else ()
    return {name: value for name, value in shared if all(name in one and one[name] == value for one in given)}


def _earlier(out: Path, plans: Mapping[str, Plan]) -> list[dict[str, Any]]:
    """Return a row for each run that an earlier sweep left in `out`, with the parameters that this one sets."""
    names = {name for plan in plans.values() for name in plan.given}
    rows = []
    for folder in sorted(path for path in out.iterdir() if path.is_dir() and path.name not in plans):
        manifest = store.read_manifest(folder)
        if manifest and not is_beside(folder.name):
            made = manifest.get("parameters")
            given = {name: value for name, value in made.items() if name in names} if isinstance(made, dict) else {}
            seconds = manifest.get("seconds")
            took = float(seconds) if isinstance(seconds, int | float) else 0.0
            rows.append(_row(out, Outcome(folder.name, "finished earlier", "", took), given))
    return rows


def _row(out: Path, outcome: Outcome, parameters: Mapping[str, object]) -> dict[str, Any]:
    folder = outcome.name if outcome.status != "failed" else f"{outcome.name}{FAILED}"
    pages = (f"{folder}/index.html", f"{folder}/")
    link = next((page for page in pages if (out / page).exists()), "")
    articles = store.count_rows(out / folder / "tables" / "articles.parquet")
    found = {"parameters": parameters, "link": link, "articles": articles, "took": duration(outcome.seconds)}
    return {**outcome._asdict(), **found}


def _summary(rows: list[dict[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f"{len(rows)} runs: {said}." if len(rows) != 1 else f"One run: {rows[0]['status']}."
