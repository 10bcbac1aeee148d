"""Many runs: read a sweep, run what is missing or changed, in parallel, and write the page over all runs."""

from __future__ import annotations

import hashlib
import itertools
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import jinja2
import yaml

from toolkit import store
from toolkit.batch import Children, run_notebooks
from toolkit.plan import Plan, RunFailed
from toolkit.schema import InputError, OutputError, SettingsError, ToolkitError

_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_RESERVED = (".part", ".failed", ".old", ".html")
_MARK = '<meta name="generator" content="toolkit batch">'
_PAGE = (
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8">"""
    + _MARK
    + """
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Runs</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem; border-bottom: 1px solid #8886 }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
code { font-size: .875rem; overflow-wrap: anywhere }
.failed { color: #b3261e; font-weight: 600 }
@media (prefers-color-scheme: dark) { .failed { color: #ff8a80 } a { color: #8ab4f8 } }
</style></head><body>
<h1>Runs</h1>
<p>{{ rows | length }} runs, {{ rows | selectattr("status", "equalto", "failed") | list | length }} failed.</p>
<div style="overflow-x: auto"><table>
<thead><tr><th scope="col">Run</th><th scope="col">Parameters</th><th scope="col" class="number">Articles</th>
<th scope="col">Status</th><th scope="col" class="number">Seconds</th></tr></thead>
<tbody>{% for row in rows %}
<tr><th scope="row">{% if row.link %}<a href="{{ row.link | urlencode }}">{{ row.name }}</a>
{%- else %}{{ row.name }}{% endif %}</th>
<td>{% for name, value in row.parameters.items() %}<code>{{ name }} = {{ value }}</code><br>{% endfor %}</td>
<td class="number">{% if row.articles is not none %}{{ "{:,}".format(row.articles) }}{% endif %}</td>
<td class="{{ row.status }}">{{ row.status }}{% if row.reason %}<br><small>{{ row.reason }}</small>{% endif %}</td>
<td class="number">{{ "%.1f" | format(row.seconds) }}</td></tr>{% endfor %}
</tbody></table></div></body></html>
"""
)


class Outcome(NamedTuple):
    """How a run of a sweep ended: ``finished``, ``unchanged`` (not run again) or ``failed``, and why."""

    name: str
    status: str
    reason: str
    seconds: float


class Sweep(NamedTuple):
    """A sweep file: the folder of its runs, and the parameters of each by name."""

    out: str
    runs: dict[str, dict[str, object]]


def read_sweep(path: Path) -> Sweep:
    """Read a sweep: ``base`` for all runs, ``grid`` (every combination), ``runs`` (one by one), ``out``.

    Raises `InputError` where the file is none, `SettingsError` where its keys or names are wrong.
    """
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path} is no readable YAML file ({error}): mend it.") from error
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
    if not isinstance(name, str) or not _SLUG.fullmatch(name) or name.endswith(_RESERVED):
        raise SettingsError(f"A run is called {name!r}, expected small letters, digits, '-', '_' and '.'.")
    return name, values


def slug(values: Mapping[str, object]) -> str:
    """Name a run by its parameters: ``seed-1_period-week``, with a hash where that would lose something."""
    exact = "_".join(f"{name}-{value}" for name, value in values.items())
    short = re.sub(r"[^a-z0-9._-]+", "-", exact.lower())[:60].strip("-._")
    if short == exact and not short.endswith(_RESERVED):
        return short
    return f"{short or 'run'}-{hashlib.blake2b(exact.encode(), digest_size=3).hexdigest()}"


def check_index(out: Path) -> Path:
    """Return the place of the page over all runs; `OutputError` where a page of someone else's stands there."""
    index = store.check_writable(out) / "index.html"
    if index.exists() and _MARK not in index.read_text("utf-8", "replace"):
        raise OutputError(f"{index} is not a page of ours and is not overwritten: name another folder.")
    return index


def run_sweep(
    plans: Mapping[str, Plan],
    jobs: int,
    progress: Callable[[Outcome], None],
    finish: str = "",
) -> list[Outcome]:
    """Run `plans` (by name), `jobs` at a time; a run that fails stops no other, a finished one is not repeated.

    `finish` as in `batch.run_notebooks`. An interrupt ends all runs and leaves the finished ones in place.
    """
    children = Children()
    ended: dict[str, Outcome] = {}
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        waiting = [pool.submit(_run_one, name, plan, finish, children) for name, plan in plans.items()]
        try:
            for future in as_completed(waiting):
                outcome = future.result()
                ended[outcome.name] = outcome
                progress(outcome)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            children.end()
    return [ended[name] for name in plans]


def _run_one(name: str, plan: Plan, finish: str, children: Children) -> Outcome:
    done = store.read_manifest(plan.out) or {}
    if done.get("key") == plan.facts["key"] and done.get("status") == "finished":
        return Outcome(name, "unchanged", "", _seconds(done))
    begin = time.perf_counter()
    try:
        run_notebooks(plan, lambda *_: None, finish, children)
    except (RunFailed, ToolkitError, OSError) as error:
        return Outcome(name, "failed", str(error), time.perf_counter() - begin)
    return Outcome(name, "finished", "", _seconds(store.read_manifest(plan.out) or {}))


def _seconds(manifest: Mapping[str, object]) -> float:
    seconds = manifest.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else 0.0


def write_index(out: Path, plans: Mapping[str, Plan], outcomes: list[Outcome]) -> Path:
    """Write the page over all runs in `out`, those of earlier sweeps included; every text in it is escaped."""
    rows = [_row(out, outcome, plans[outcome.name].given) for outcome in outcomes]
    for folder in sorted(path for path in out.iterdir() if path.is_dir() and path.name not in plans):
        manifest = store.read_manifest(folder)
        if manifest and not folder.name.endswith(_RESERVED):
            before = Outcome(folder.name, "finished earlier", "", _seconds(manifest))
            rows.append(_row(out, before, manifest.get("parameters")))
    page = jinja2.Environment(autoescape=True).from_string(_PAGE).render(rows=rows)
    return store.write_text(page, check_index(out))


def _row(out: Path, outcome: Outcome, parameters: object) -> dict[str, object]:
    folder = outcome.name if outcome.status != "failed" else f"{outcome.name}.failed"
    pages = (f"{folder}/index.html", f"{folder}/")
    link = next((page for page in pages if (out / page).exists()), "")
    articles = store.count_rows(out / folder / "tables" / "articles.parquet")
    return {**outcome._asdict(), "parameters": parameters, "link": link, "articles": articles}
