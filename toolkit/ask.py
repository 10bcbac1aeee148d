"""Questions in JupyterLab: one article after the other, answered by a key or a button, each answer kept at once.

The widget (`anywidget`, extra ``lab``) shows text as text, never as HTML. It does nothing that code cannot do:
``labels.answer(path, articles, article_id, theme, "yes")`` is the same as pressing y.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pandas as pd

from toolkit import labels
from toolkit.exhibits import counted, date
from toolkit.schema import ToolkitError

_SCRIPT = Path(__file__).with_suffix(".js")
_TWIN = 'labels.answer({path!r}, articles, "{article}", "{theme}", "yes"{how})'


class Theme(Protocol):
    """What is asked about."""

    id: str
    title: str
    description: str


class _Round(NamedTuple):
    """One round of questions: who is asked about what, and where the answers go."""

    picks: pd.DataFrame
    articles: pd.DataFrame
    theme: Theme
    path: Path


def ask(picks: pd.DataFrame, articles: pd.DataFrame, scores: pd.DataFrame, theme: Theme, path: Path | str) -> Any:
    """Return the widget that asks about `picks` (of `labels.pick`) and keeps the answers in the file at `path`.

    `scores` has ``article_id, theme, evidence, evidence_offset``. Where ``anywidget`` is not installed, sentences
    say how to answer without it.
    """
    said = f"{counted(len(picks), 'article')} to ask about: {theme.title}"
    cards = show(picks, articles, scores, theme, path)
    if find_spec("anywidget") is None:
        first = cards[0]["code"] if cards else ""
        how = f"\n\nFor buttons and keys, install toolkit[lab]; in code it is `{first}`" if first else ""
        return _Instead(f"{said}.{how}", said)
    return _widget(_Round(picks, articles, theme, Path(path)), cards, said)


def show(
    picks: pd.DataFrame, articles: pd.DataFrame, scores: pd.DataFrame, theme: Theme, path: Path | str
) -> list[dict[str, Any]]:
    """Return what each question shows: ``title, source, date, url, parts, code``.

    ``parts`` are the text as (words, is it the evidence); where the evidence is the title, ``marked`` says so.
    """
    about = articles.set_index("article_id").to_dict("index")
    judged = scores[scores["theme"] == theme.id].set_index("article_id")[["evidence", "evidence_offset"]]
    spoken = judged.to_dict("index")
    cards = []
    for name, how in zip(picks["article_id"], picks["picked_as"], strict=True):
        row, evidence = about[name], spoken.get(name, {"evidence": "", "evidence_offset": -1})
        cards.append(
            {
                "title": str(row["title"]),
                "marked": name in spoken and evidence["evidence_offset"] < 0,
                "source": str(row["source"]),
                "date": date(row["published"]),
                "url": row["url"] if str(row["url"]).startswith(("http://", "https://")) else "",
                "parts": _parts(str(row["text"]), int(evidence["evidence_offset"]), str(evidence["evidence"])),
                "code": _TWIN.format(
                    path=str(path), article=name, theme=theme.id, how=f', "{how}"' if how == labels.RANDOM else ""
                ),
            }
        )
    return cards


def take(widget: Any, asked: _Round, content: Mapping[str, Any]) -> None:
    """Do what a message from the browser says: keep an answer and go on, or take the last back.

    A message about another place than the one shown (a key pressed twice) is passed over. What goes wrong is shown
    in the widget, which stays where it is.
    """
    place, said = widget.place, str(content.get("said", ""))
    if content.get("place") != place or (said == "back" and place == 0) or (said != "back" and place >= len(asked[0])):
        return
    try:
        if said == "back":
            before = asked.picks.iloc[place - 1]
            labels.undo(asked.path, before["article_id"], asked.theme.id)
            widget.place = place - 1
        else:
            now = asked.picks.iloc[place]
            labels.answer(asked.path, asked.articles, now["article_id"], asked.theme.id, said, now["picked_as"])
            widget.place = place + 1
        widget.trouble = ""
    except ToolkitError as error:
        widget.trouble = str(error)


@dataclass(frozen=True)
class _Instead:
    """What stands where the widget would: how to answer without it, and the same plain text."""

    text: str
    plain: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/markdown": self.text, "text/plain": self.plain}


def _parts(text: str, offset: int, evidence: str) -> list[tuple[str, bool]]:
    end = offset + len(evidence)
    if offset < 0 or text[offset:end] != evidence:
        return [(text, False)]
    parts = [(text[:offset], False), (evidence, True), (text[end:], False)]
    return [part for part in parts if part[0]]


def _widget(asked: _Round, cards: list[dict[str, Any]], said: str) -> Any:
    anywidget, traits = import_module("anywidget"), import_module("traitlets")

    def bundle(self: Any, **given: Any) -> Any:
        made = anywidget.AnyWidget._repr_mimebundle_(self, **given)
        data = dict(made[0] if isinstance(made, tuple) else made or {})
        return data | {"text/plain": said}

    body = {
        "__doc__": ask.__doc__,
        "_esm": _SCRIPT,
        "cards": traits.List().tag(sync=True),
        "theme": traits.Dict().tag(sync=True),
        "place": traits.Int(0).tag(sync=True),
        "trouble": traits.Unicode("").tag(sync=True),
        "_repr_mimebundle_": bundle,
    }
    shown = {"title": asked.theme.title, "description": asked.theme.description}
    widget = type("Asking", (anywidget.AnyWidget,), body)(cards=cards, theme=shown)
    widget.on_msg(lambda _, content, __: take(widget, asked, content))
    return widget
