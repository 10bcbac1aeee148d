"""A step of the first notebook: fields to click, the call that does the same below them, and what came of it."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from toolkit.exhibits import Table
from toolkit.plan import RunFailed
from toolkit.schema import ToolkitError


@dataclass(frozen=True)
class Step:
    """A step: fields to click, the call that does the same, and what came of it."""

    watching: list[Callable[[], None]]
    """Called when something is chosen; the step adds itself."""
    make: Callable[[Any, Callable[..., None]], Sequence[Any]]
    code: Callable[[], str]
    said: Callable[[], str]
    tables: Callable[[], list[Table]] = list
    depends: Callable[[], object] = str
    """What the fields depend on: when it changes, they are made anew."""

    def widget(self) -> Any:
        """Return the widget of this step."""
        widgets = import_module("ipywidgets")
        told, shown = widgets.HTML(), widgets.HTML()

        def refresh() -> None:
            if (now := repr(self.depends())) != made[0]:
                made[0], box.children = now, list(self.make(widgets, act))
            still = "".join(table._repr_mimebundle_()["text/html"] for table in self.tables())
            told.value = f'<div style="text-align: start"><p>{html.escape(self.said())}</p>{still}</div>'
            shown.value = f"<pre>{html.escape(self.code())}</pre>"

        def act(call: Callable[..., Any], *given: Any, **named: Any) -> None:
            try:
                call(*given, **named)
            except (ToolkitError, RunFailed) as error:
                told.value = f'<p role="alert"><strong>{html.escape(str(error))}</strong></p>'

        box = widgets.HBox(layout=widgets.Layout(flex_flow="row wrap", width="100%"))
        made = ["none yet"]
        refresh()
        self.watching.append(refresh)
        return widgets.VBox([box, told, shown])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        said = f"{self.said()}\n{self.code()}"
        still = "".join(table._repr_mimebundle_()["text/html"] for table in self.tables())
        shown = f"<p>{html.escape(self.said())}</p>{still}<pre>{html.escape(self.code())}</pre>"
        view: dict[str, Any] = {}
        if find_spec("ipywidgets") is not None:
            made = self.widget()._repr_mimebundle_()
            view = dict(made[0] if isinstance(made, tuple) else made)
        return {**view, "text/html": shown, "text/plain": said}
