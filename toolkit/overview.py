"""The page over all runs of a sweep: how each ended and why, what made it, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import jinja2

from toolkit import remote, store
from toolkit.exhibits import duration
from toolkit.place import FAILED, is_beside
from toolkit.plan import Plan
from toolkit.schema import OutputError
from toolkit.sweep import Outcome

_MARK = '<meta name="generator" content="toolkit batch">'
_TEMPLATES = Path(__file__).resolve().parent / "templates"


def check_index(out: Path | str) -> str:
    """Return the place of the page over all runs; `OutputError` where a page of someone else's stands there."""
    if not remote.is_url(str(out)):
        store.check_writable(out)
    system, root = remote.open_storage(str(out))
    index = f"{root}/index.html"
    if system.exists(index) and _MARK not in system.cat_file(index).decode("utf-8", "replace"):
        raise OutputError(f"{index} is not a page of ours and is not overwritten: name another folder.")
    return index


def write_index(out: Path | str, plans: Mapping[str, Plan], outcomes: list[Outcome]) -> str:
    """Write the page over all runs in `out`, those of earlier sweeps included; every text in it is escaped."""
    index = check_index(out)
    rows = [_row(str(out), outcome, plans[outcome.name].given) for outcome in outcomes]
    common = _common([row["parameters"] for row in rows])
    rows += _earlier(str(out), plans)
    for row in rows:
        row["parameters"] = {name: _said(value) for name, value in row["parameters"].items() if name not in common}
    page = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    ).get_template("runs.html")
    shown = {
        "rows": rows,
        "common": {name: _said(value) for name, value in common.items()},
        "summary": _summary(rows),
        "mark": _MARK,
    }
    own, workers = (any(row[name] for row in rows) for name in ("parameters", "worker"))
    text = page.render(shown, own=own, workers=workers)
    if remote.is_url(str(out)):
        system, _ = remote.open_storage(str(out))
        system.pipe_file(index, text.encode())
    else:
        store.write_text(text, index)
    return remote.join(str(out), "index.html")


def _said(value: object) -> object:
    """Return a value as people write it: a list without its brackets."""
    return ", ".join(map(str, value)) if isinstance(value, list) and value else value


def _common(given: list[Mapping[str, object]]) -> dict[str, object]:
    """Return the parameters that are the same in all runs, where there are several."""
    shared = given[0].items() if len(given) > 1 else ()
    return {name: value for name, value in shared if all(name in one and one[name] == value for one in given)}


def _earlier(out: str, plans: Mapping[str, Plan]) -> list[dict[str, Any]]:
    """Return a row for each run that an earlier sweep left in `out`, with the parameters that this one sets."""
    names = {name for plan in plans.values() for name in plan.given}
    rows = []
    system, root = remote.open_storage(out)
    there = system.ls(root, detail=True) if system.exists(root) else []
    folders = {PurePosixPath(one["name"]).name for one in there if one["type"] == "directory"}
    for folder in sorted(name for name in folders - set(plans) if not is_beside(name)):
        if manifest := remote.read_manifest(remote.join(out, folder)):
            made = manifest.get("parameters")
            given = {name: value for name, value in made.items() if name in names} if isinstance(made, dict) else {}
            seconds = manifest.get("seconds")
            took = float(seconds) if isinstance(seconds, int | float) else 0.0
            rows.append(_row(out, Outcome(folder, "finished earlier", "", took), given))
    return rows


def _row(out: str, outcome: Outcome, parameters: Mapping[str, object]) -> dict[str, Any]:
    folder = outcome.name if outcome.status != "failed" else f"{outcome.name}{FAILED}"
    system, root = remote.open_storage(out)
    link = next((page for page in (f"{folder}/index.html", f"{folder}/") if system.exists(f"{root}/{page}")), "")
    table, articles = f"{root}/{folder}/tables/articles.parquet", None
    if system.exists(table):
        with system.open(table) as file:
            articles = store.count_rows(file)
    found = {"parameters": parameters, "link": link, "articles": articles, "took": duration(outcome.seconds)}
    return {**outcome._asdict(), **found}


def _summary(rows: list[dict[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["status"]] = counts.get(row["status"], 0) + 1
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f"{len(rows)} runs: {said}." if len(rows) != 1 else f"One run: {rows[0]['status']}."
