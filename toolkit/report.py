"""A finished run folder in, a static site out that needs no network: open ``index.html``, or send the folder on.

`blocks` reads the notebooks, `pages` lists the articles, `made` tells how the run was made; here they become files.
Every text is escaped by the templates, and a content security policy forbids whatever might slip through.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
import pandas as pd

from toolkit import blocks, lean, made, pages, store
from toolkit.lines import BEGUN, as_html, body
from toolkit.pages import Link
from toolkit.parquet import columns_of
from toolkit.schema import InputError

POLICY = (
    "default-src 'none'; script-src 'self' file:; style-src 'self' file: 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
"""``file:`` beside ``'self'``: for a page opened from disk browsers differ in what ``'self'`` is."""
ABOUT = "How this was made"
_TEMPLATES = Path(__file__).resolve().parent / "templates"
_LARGE = 300_000_000
"""Bytes of the articles' table from which on its pages are made when nothing else holds tables."""
_STEADY = ("articles", "scores", "topics", "assigned")
"""The tables that pages are made of and that do not hang on how trends are counted."""
_PAGES = ("articles.html", "notebook.html", "about.html")
States = tuple[tuple[str, int, int, int], ...]
"""Name, inode, bytes and time of change of each file."""
_NOTEBOOK = re.compile(r"\d+-([a-z0-9_-]+)")


class _Site(NamedTuple):
    """What all pages share: the templates, the links of the head, and the addresses that may be linked to."""

    templates: jinja2.Environment
    shared: Mapping[str, Any]
    known: frozenset[str]


def build_report(run_dir: Path) -> Path:
    """Write the site of a finished run into its folder and return its ``index.html``.

    Needs ``notebooks/`` (executed); ``manifest.json`` and each of ``tables/`` add what they can. Raises `InputError`
    where there is no notebook, or where a file is broken or contradicts another.
    """
    run_dir = Path(run_dir)
    notebooks = _notebooks(run_dir)
    path = run_dir / store.MANIFEST
    manifest = store.read_json(path) if path.is_file() else {}
    manifest = manifest if isinstance(manifest, dict) else {}
    found = _articles(run_dir, manifest)
    site = _site(notebooks, found, manifest)
    _write_articles(run_dir, site, found)
    for address, source in notebooks.items():
        title, parts = blocks.read_blocks(source, site.known)
        drawn = any(part["kind"] == "figure" for part in parts)
        _write(run_dir / address, site, "notebook.html", title=title or _name(source), blocks=parts, drawn=drawn)
    sections = made.sections(manifest, run_dir / "tables" / "dropped.parquet")
    _write(run_dir / "about.html", site, "about.html", title=ABOUT, sections=sections)
    for name in ("style.css", "site.js"):
        store.write_text((_TEMPLATES / name).read_text("utf-8"), run_dir / name)
    _write_plotly(run_dir / "plotly.min.js")
    return run_dir / "index.html"


def read_ahead(run_dir: Path, facts: Mapping[str, Any]) -> None:
    """Make what `build_report` will show of the articles, while notebooks run, and compile its templates.

    `facts` become the manifest. Where there are no trends yet, what does not hang on them, if there is all of that. Not
    of a large corpus, whose tables take memory that notebooks need.
    """
    tables = run_dir / "tables"
    for name in _PAGES:
        _templates().get_template(name)
    if (tables / "articles.parquet").stat().st_size < _LARGE:
        if (tables / "points.parquet").is_file():
            _articles(run_dir, facts)
        elif all((tables / f"{name}.parquet").is_file() for name in _STEADY):
            _ready(run_dir, facts)


def _articles(run_dir: Path, manifest: Mapping[str, Any]) -> pages.Pages:
    """Return the pages of articles; where no table has changed since they were made, as they are."""
    return _made_once(run_dir / "tables", store.time_zone(manifest), _states(run_dir, pages.Tables._fields))


def _ready(run_dir: Path, manifest: Mapping[str, Any]) -> pages.Ready:
    return _ready_once(run_dir / "tables", store.time_zone(manifest), _states(run_dir, (*_STEADY, "themes")))


def _states(run_dir: Path, names: Sequence[str]) -> States:
    there = {path: path.stat() for path in sorted((run_dir / "tables").glob("*")) if path.stem in names}
    return tuple((path.name, state.st_ino, state.st_size, state.st_mtime_ns) for path, state in there.items())


@lru_cache(1)
def _made_once(folder: Path, timezone: str, states: States) -> pages.Pages:
    steady = tuple(state for state in states if not state[0].startswith("points."))
    points = folder / "points.parquet"
    return pages.with_points(
        _ready_once(folder, timezone, steady), store.read_table(points) if points.is_file() else None
    )


@lru_cache(1)
def _ready_once(folder: Path, timezone: str, states: States) -> pages.Ready:
    return pages.ready(_tables(folder), timezone)


def _notebooks(run_dir: Path) -> dict[str, Path]:
    """Return address -> executed notebook, the briefing first; without one the first notebook takes its place."""
    paths = {
        match[1]: path
        for path in sorted((run_dir / "notebooks").glob("*.ipynb"))
        if (match := _NOTEBOOK.fullmatch(path.stem))
    }
    if not paths:
        raise InputError(f"{run_dir} holds no executed notebook in notebooks/, expected 5-briefing.ipynb: run it.")
    front = "briefing" if "briefing" in paths else next(iter(paths))
    return {"index.html": paths.pop(front)} | {f"{name}.html": path for name, path in paths.items()}


def _tables(folder: Path) -> pages.Tables:
    there = {name: folder / f"{name}.parquet" for name in _STEADY}
    read = {name: _READ.get(name, store.read_table)(path) for name, path in there.items() if path.is_file()}
    themes = store.read_json(folder / "themes.json") if (folder / "themes.json").is_file() else []
    return pages.Tables(**read, themes=themes if isinstance(themes, list) else [])


def _begun(path: Path) -> pd.DataFrame:
    """Read what pages show of the articles: of texts, which may be gigabytes, only how those without a title begin."""
    table = store.read_table(path, [name for name in columns_of(path) if name in pages.SHOWN and name != "text"])
    bare = np.array([not title or title.isspace() for title in table["title"].fillna("").tolist()], dtype=bool)
    begun: pd.Series = pd.Series("", index=table.index, dtype="str")
    if bare.any():
        parts = [piece["text"].str.slice(0, BEGUN) for piece in store.read_batches(path, ["text"])]
        begun = pd.concat(parts, ignore_index=True).where(bare, "")
    return table.assign(text=begun)


def _labelled(path: Path) -> pd.DataFrame:
    """Read the scores that carry a theme, and of each theme one at least."""
    known = store.read_table(path, ["theme", "label"])
    held = known["label"].astype(bool) | ~known["theme"].duplicated()
    return store.read_at(path, np.flatnonzero(held), ["article_id", "theme", "score", "label", "evidence"])


_READ = {"articles": _begun, "scores": _labelled}
"""How tables are read that are too large to be held whole."""


@lru_cache(1)
def _templates() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["body"] = body
    return found


def _site(notebooks: Mapping[str, Path], found: pages.Pages, manifest: Mapping[str, Any]) -> _Site:
    themes = [Link(page.title, address, page.articles) for address, page in found.pages.items() if not page.crumbs]
    nav = [Link(_name(path), address) for address, path in notebooks.items()] + [Link(ABOUT, "about.html")]
    shared: dict[str, Any] = {
        "policy": POLICY,
        "nav": nav,
        "themes": themes,
        "finished": made.moment(manifest.get("finished")),
    }
    return _Site(_templates(), shared, frozenset({"about.html", *notebooks, *found.pages}))


def _name(path: Path) -> str:
    return path.stem.partition("-")[2].replace("-", " ").replace("_", " ").capitalize()


def _write(path: Path, site: _Site, template: str, root: str = "", **content: Any) -> None:
    here = f"articles/{path.name}" if root else path.name
    text = site.templates.get_template(template).render(site.shared, root=root, here=here, **content)
    store.write_text(text.encode("utf-8", "replace").decode(), path)


def _write_articles(run_dir: Path, site: _Site, found: pages.Pages) -> None:
    shutil.rmtree(run_dir / "articles", ignore_errors=True)
    for address, page in found.pages.items():
        lines = as_html(page.rows)
        _write(run_dir / address, site, "articles.html", root="../", title=page.title, page=page, lines=lines)
    for address, sheet in found.sheets.items():
        store.write_csv(sheet, run_dir / address)


def _write_plotly(path: Path) -> None:
    """Copy the library that draws from its package, which is not imported for that."""
    if not path.is_file():
        with store.writing(path) as aside:
            shutil.copyfile(lean.home("plotly") / "package_data" / "plotly.min.js", aside)
