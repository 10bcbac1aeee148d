"""First steps in JupyterLab: pick a file, see how its columns are understood, choose, run, open what came of it.

`Start` keeps what was chosen. Each step shows a widget and, below it, the call that does the same: a click and the
call are one thing, so what was clicked can be pasted into a script (``first.code`` is the whole of it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from toolkit import batch, desk, plan, store
from toolkit.columns import USUAL_NAMES, find_columns, unique_names
from toolkit.exhibits import Table, counted, date
from toolkit.ingest import read_articles
from toolkit.readers import TABLES, whole
from toolkit.schema import InputError, ToolkitError
from toolkit.settings import PERIODS, IngestSettings
from toolkit.steps import Step
from toolkit.themefile import as_records, load_themes

REPORT = "toolkit.report:build_report"
_MOST_FILES, _ROWS, _SHORT = 200, 5, 90
_NOTHING = ""


class Start:
    """What is to be run: files, columns, period, span, themes, and the folder of the run."""

    def __init__(
        self, inputs: Sequence[str], run_dir: str, themes: str = "", columns: Mapping[str, str] | None = None
    ) -> None:
        self.inputs, self.run_dir, self.themes_file = list(inputs), run_dir, themes
        self.columns, self.day_first = dict(columns or {}), None
        self.period, self.begin, self.end = "auto", "", ""
        self.themes = tuple(theme.id for theme in load_themes(self._themes_path()))
        self._watching: list[Callable[[], None]] = []
        self._read: tuple[object, pd.DataFrame, int] | None = None

    # In code ----------------------------------------------------------------------------------------------------

    def use(self, *paths: str) -> Start:
        """Take these files or folders; columns are found anew. Raises `InputError` where they cannot be read."""
        return self._try(inputs=list(paths), columns={})

    def take(self, day_first: bool | None = None, **columns: str) -> Start:
        """Say which column of the file is which, such as ``text="body"``; ``""`` leaves it as found."""
        known = {**self.columns, **columns}
        return self._try(day_first=day_first, columns={name: column for name, column in known.items() if column})

    def choose(self, period: str = "auto", begin: str = "", end: str = "", themes: Sequence[str] = ()) -> Start:
        """Choose period, span and themes (none: all). Raises `InputError` for a theme that the file does not have."""
        known = [theme.id for theme in load_themes(self._themes_path())]
        if lost := [theme for theme in themes if theme not in known]:
            raise InputError(f"There is no theme {lost[0]!r} in {self._themes_path()}; it has {', '.join(known)}.")
        if period not in PERIODS:
            raise InputError(f"The period is {period!r}, expected one of {', '.join(PERIODS)}.")
        return self._try(period=period, begin=begin, end=end, themes=tuple(themes) or tuple(known))

    def into(self, run_dir: str) -> Start:
        """Name the folder of the run."""
        return self._try(run_dir=str(store.check_writable(run_dir)))

    def read(self) -> tuple[pd.DataFrame, int]:
        """Return the articles as they are understood now, and how many records were set aside."""
        key = (tuple(self.inputs), tuple(sorted(self.columns.items())), self.day_first)
        if self._read is None or self._read[0] != key:
            found = read_articles(self.inputs, IngestSettings(columns=self.columns, day_first=self.day_first))
            self._read = (key, found.kept, len(found.dropped))
        return self._read[1], self._read[2]

    def values(self) -> dict[str, object]:
        """Return the parameters of the run; what is as the notebooks have it is left out."""
        given = {"columns": self.columns, "day_first": self.day_first, "start": self.begin, "end": self.end}
        found: dict[str, object] = {"inputs": self.inputs}
        found |= {name: value for name, value in given.items() if value not in ({}, None, "")}
        found |= {"period": self.period} if self.period != "auto" else {}
        return found | ({"themes": self._themes_path(chosen=True)} if self.themes_file or self._some() else {})

    def run(self, progress: batch.Progress | None = None) -> Path:
        """Run the notebooks; returns the run folder. Raises what is wrong with a file, a setting or a notebook."""
        if self._some():
            chosen = [record for record in as_records(load_themes(self._themes_path())) if record["id"] in self.themes]
            text = yaml.safe_dump({"themes": _plain(chosen)}, allow_unicode=True, sort_keys=False)
            store.write_text(text, self._themes_path(chosen=True))
        planned = plan.plan(self.values(), self.run_dir)
        return batch.run_notebooks(planned, progress or (lambda notebook, done, total: None), REPORT)

    @property
    def code(self) -> str:
        """The same as a script."""
        lines = [f"first = starting.Start({self.inputs!r}, {self.run_dir!r}, themes={self.themes_file!r})"]
        if self.columns or self.day_first is not None:
            lines.append(self._said_take())
        return "\n".join(["from toolkit import desk, starting", "", *lines, self._said_choose(), *_RUN])

    def _some(self) -> bool:
        return len(self.themes) < len(load_themes(self._themes_path()))

    def _themes_path(self, chosen: bool = False) -> str:
        if chosen and self._some():
            return str(Path(self.run_dir).with_name(f"{Path(self.run_dir).name}.themes.yml"))
        return self.themes_file or str(store.asset("data/themes.yml"))

    def _try(self, **changes: Any) -> Start:
        """Change what is chosen, if the files can be read so; tell the widgets."""
        before = {name: getattr(self, name) for name in changes}
        for name, value in changes.items():
            setattr(self, name, value)
        try:
            self.read()
        except ToolkitError:
            for name, value in before.items():
                setattr(self, name, value)
            raise
        for refresh in self._watching:
            refresh()
        return self

    def _said_take(self) -> str:
        given = [f"{name}={column!r}" for name, column in self.columns.items()]
        given += [f"day_first={self.day_first}"] if self.day_first is not None else []
        return f"first.take({', '.join(given)})"

    def _said_choose(self) -> str:
        given = {"period": self.period, "begin": self.begin, "end": self.end}
        words = [f"{name}={value!r}" for name, value in given.items() if value not in ("auto", "")]
        words += [f"themes={list(self.themes)}"] if self._some() else []
        return f"first.choose({', '.join(words)})"

    # In widgets -------------------------------------------------------------------------------------------------

    def files(self, folder: str) -> Step:
        """Pick one of the files in `folder`, or write a path."""
        found = [str(path) for path in sorted(Path(folder).rglob("*")) if _is_table(path)][:_MOST_FILES]

        def make(widgets: Any, act: Callable[..., None]) -> Sequence[Any]:
            options = list(dict.fromkeys([*self.inputs[:1], *found]))
            wide = widgets.Layout(width="28rem")
            listed = widgets.Dropdown(options=options, value=options[0], description="File", layout=wide)
            hint = "or the path of a file or folder"
            written = widgets.Text(placeholder=hint, continuous_update=False, layout=wide)
            for field in (listed, written):
                field.observe(lambda change: act(self.use, change["new"]) if change["new"] else None, "value")
            return listed, written

        return Step(
            self._watching, make, lambda: f"first.use({', '.join(map(repr, self.inputs))})", lambda: self._told()
        )

    def rows(self) -> Step:
        """Show how the columns are understood, and the first rows."""
        return Step(
            self._watching, lambda widgets, act: (), lambda: "first.read()", self._told, lambda: [*self._tables()]
        )

    def mapping(self) -> Step:
        """Correct which column is which."""

        def make(widgets: Any, act: Callable[..., None]) -> Sequence[Any]:
            options = [("as found", _NOTHING), *((column, column) for column in self._file_columns())]
            fields = {
                name: widgets.Dropdown(options=options, value=self.columns.get(name, _NOTHING), description=name)
                for name in USUAL_NAMES
            }
            orders = {"as found": None, "day first": True, "month first": False}
            now = next(words for words, value in orders.items() if value == self.day_first)
            order = widgets.Dropdown(options=list(orders), value=now, description="03/04/2024")

            def changed(_: object) -> None:
                act(self.take, orders[order.value], **{name: field.value for name, field in fields.items()})

            for field in (*fields.values(), order):
                field.observe(changed, "value")
            return *fields.values(), order

        return Step(self._watching, make, self._said_take, self._told, depends=lambda: self.inputs)

    def choices(self) -> Step:
        """Choose period, span and themes."""

        def make(widgets: Any, act: Callable[..., None]) -> Sequence[Any]:
            period = widgets.Dropdown(options=list(PERIODS), value=self.period, description="Period")
            look = {"placeholder": "2024-08-31", "continuous_update": False}
            begin = widgets.Text(self.begin, description="From", **look)
            end = widgets.Text(self.end, description="To", **look)
            known = load_themes(self._themes_path())
            boxes = {t.id: widgets.Checkbox(value=t.id in self.themes, description=t.title[:60]) for t in known}

            def changed(_: object) -> None:
                themes = [theme for theme, box in boxes.items() if box.value]
                act(self.choose, period.value, begin.value.strip(), end.value.strip(), themes)

            for field in (period, begin, end, *boxes.values()):
                field.observe(changed, "value")
            return period, begin, end, *boxes.values()

        return Step(
            self._watching,
            make,
            self._said_choose,
            lambda: f"{counted(len(self.themes), 'theme')}: {', '.join(self.themes)}.",
        )

    def button(self) -> Step:
        """Run it, with a bar, and open what came of it."""

        def make(widgets: Any, act: Callable[..., None]) -> Sequence[Any]:
            where = widgets.Text(self.run_dir, description="Into", continuous_update=False)
            where.observe(lambda change: act(self.into, change["new"]), "value")
            press = widgets.Button(description="Run", button_style="primary", tooltip="Run the notebooks")
            bar = widgets.IntProgress(value=0, max=1, description="", layout=widgets.Layout(width="40%"))
            told, result = widgets.Label(), widgets.VBox(layout=widgets.Layout(width="100%"))

            def progress(notebook: str, done: int, total: int) -> None:
                bar.max, bar.value, told.value = total, done, f"{notebook}: {done} of {total} cells"

            def run() -> None:
                press.disabled = True
                try:
                    out = self.run(progress)
                    told.value = f"Done. The report is {out}/index.html; here is the run, opened:"
                    result.children = (desk.open_desk(out).widget(),)
                finally:
                    press.disabled = False

            press.on_click(lambda _: act(run))
            return where, press, bar, told, result

        return Step(self._watching, make, lambda: self.code, lambda: f"Not run yet: it will be kept in {self.run_dir}.")

    def _told(self) -> str:
        articles, lost = self.read()
        dated = articles["published"].dropna()
        when = f", {date(dated.min())} to {date(dated.max())}" if len(dated) else ", none with a date"
        return f"{counted(len(articles), 'article')}{when}; {counted(lost, 'record')} set aside."

    def _file_columns(self) -> list[str]:
        """Return the columns of the first table among the inputs; [] where they are documents."""
        given = map(Path, self.inputs)
        paths = [path for one in given for path in ([one] if one.is_file() else sorted(one.rglob("*")))]
        first = next((path for path in paths if _is_table(path)), None)
        return unique_names(whole(TABLES[_ending(first)](first)).rows.columns) if first else []

    def _tables(self) -> list[Table]:
        columns, (articles, _) = self._file_columns(), self.read()
        taken = find_columns(columns, self.columns) if columns else {}
        first = articles.iloc[0]
        shown = [
            (name, taken.get(name, "–" if columns else "the file itself"), _cut(first[name])) for name in USUAL_NAMES
        ]
        named = [(name, "text") for name in ("what it is", "column of the file", "in the first article")]
        understood = Table("How the columns are understood", named, shown)
        kept = ["published", "source", "title", "text", "language"]
        begun = [[_cut(row[name]) for name in kept] for row in articles.head(_ROWS).to_dict("records")]
        return [understood, Table("The first articles", [(name, "text") for name in kept], begun)]


_RUN = ["run = first.run(progress=print)", "view = desk.open_desk(run)"]


def _is_table(path: Path) -> bool:
    return path.is_file() and _ending(path) in TABLES


def _ending(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _cut(value: Any) -> str:
    if isinstance(value, pd.Timestamp | type(pd.NaT)):
        return date(value if isinstance(value, pd.Timestamp) else None)
    words = " ".join(str(value)[: 4 * _SHORT].split())
    return words if len(words) <= _SHORT else words[: _SHORT - 1] + "…"


def _plain(value: Any) -> Any:
    """Turn mappings and tuples into what YAML writes."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item not in ({}, ())}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
