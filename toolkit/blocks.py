"""What the report shows of one executed notebook: its prose, its plotly figures and its tables, in order.

All other output stays in the notebook. Text from articles is hostile: Markdown may hold no HTML and no images, figures
become inert JSON, and links lead to pages of the report or to the web, or are plain text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from toolkit import pages
from toolkit.schema import InputError

FIGURE = "application/vnd.plotly.v1+json"
TABLE = "application/vnd.toolkit.table+json"
PROSE = "text/markdown"
_SLUG = re.compile(r"[a-z][a-z0-9_-]*")
_WEB = re.compile(r"https?://\S+", re.IGNORECASE)
_UNSEEN = frozenset({"digest", "parameters"})
_HEIGHTS = (160, 3000)
_WIDE_LABELS = 16
_MANY = 200


def read_blocks(source: Path, known: frozenset[str]) -> tuple[str, list[dict[str, Any]]]:
    """Return the title of an executed notebook (empty if it has none) and what its page shows, in order.

    `known` holds the addresses that links may lead to. Each block has a ``kind``: ``prose``, ``table`` or ``figure``.
    """
    title, level = "", 1
    blocks: list[dict[str, Any]] = []
    for kind, content in _contents(source):
        if kind == PROSE:
            tokens = _MARKDOWN.parse(content)
            if not title:
                title, tokens = _split_title(tokens)
            level = _order(tokens, level)
            _tame(tokens, known)
            html = Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))  # noqa: S704 - no HTML gets in
            blocks += [{"kind": "prose", "html": html}] if html else []
        elif kind == TABLE:
            blocks.append({"kind": "table", "table": _grid(content, known)})
        else:
            blocks.append(_figure(content, f"figure-{len(blocks)}", known) | {"level": level + 1})
    return title, blocks


def _contents(source: Path) -> Iterator[tuple[str, Any]]:
    """Yield (type, content) of all that is shown of a notebook, in order."""
    try:
        notebook = json.loads(source.read_text("utf-8"), parse_constant=lambda _: None)
    except (ValueError, OSError) as error:
        raise InputError(f"{source} is no readable notebook ({error}): run it again.") from error
    for cell in notebook["cells"]:
        if _UNSEEN.intersection(cell["metadata"].get("tags", ())):
            continue
        if cell["cell_type"] == "markdown":
            yield PROSE, "".join(cell["source"])
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            kind = next((kind for kind in (FIGURE, TABLE, PROSE) if kind in data), "")
            if kind:
                yield kind, "".join(data[kind]) if kind == PROSE else data[kind]


class _Markdown(MarkdownIt):
    """Markdown whose links `_tame` judges; nothing else may be judged here, since that would show raw brackets."""

    def validateLink(self, url: str) -> bool:
        return True


_MARKDOWN = _Markdown("commonmark", {"html": False}).enable("table").disable("image")


def _split_title(tokens: list[Token]) -> tuple[str, list[Token]]:
    """Take the first first-level heading out; its plain text is the page's title."""
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h1":
            text = "".join(child.content for child in tokens[index + 1].children or ())
            return text, tokens[:index] + tokens[index + 3 :]
    return "", tokens


def _order(tokens: Sequence[Token], level: int) -> int:
    """Let headings start at the second level and never skip one; return the last one's level."""
    for token in tokens:
        if token.type == "heading_open":
            level = min(max(2, int(token.tag[1])), level + 1)
        if token.type.startswith("heading_"):
            token.tag = f"h{level}"
    return level


def _tame(tokens: Sequence[Token], known: frozenset[str]) -> None:
    """Keep links to pages of this report, let those to the web open apart, and make all others plain text."""
    for token in tokens:
        for child in token.children or ():
            if child.type == "link_open":
                link = _link("", str(child.attrs.get("href", "")), known)
                child.attrs = {}
                child.tag = "a" if link["href"] else "span"
                if link["href"]:
                    child.attrs["href"] = link["href"]
                if link["away"]:
                    child.attrs |= {"target": "_blank", "rel": "noopener noreferrer nofollow"}
                kind = child.tag
            elif child.type == "link_close":
                child.tag = kind


def _link(text: object, href: str, known: frozenset[str]) -> dict[str, Any]:
    """Return a link cell; its ``href`` is empty where nothing of that name can be reached."""
    away = bool(_WEB.fullmatch(href))
    return {"text": text, "href": href if away or href.partition("#")[0] in known else "", "away": away}


def _grid(table: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    rows = [
        [
            _link(cell.get("text"), str(cell.get("href") or ""), known) if isinstance(cell, dict) else cell
            for cell in row
        ]
        for row in table["rows"]
    ]
    return {"caption": table.get("caption", ""), "columns": table["columns"], "rows": rows}


def _figure(figure: Mapping[str, Any], number: str, known: frozenset[str]) -> dict[str, Any]:
    """Split a figure into what the page says around it and the JSON that the script draws."""
    layout = dict(figure.get("layout", {}))
    meta = layout.pop("meta", None)
    meta = meta if isinstance(meta, dict) else {}
    layout.pop("width", None)
    low, high = _HEIGHTS
    layout["height"] = min(max(int(layout.get("height") or 450), low), high)
    name, caption = str(meta.get("id", "")), str(meta.get("caption") or "Figure")
    data = [_live(trace, known) for trace in figure.get("data", [])]
    return {
        "kind": "figure",
        "id": f"{name}-{number}" if _SLUG.fullmatch(name) else number,
        "caption": caption,
        "alt": str(meta.get("alt") or caption),
        "height": layout["height"],
        "wide": _has_long_labels(data, layout),
        "json": _inert({"data": data, "layout": layout}),
        "table": _grid({"caption": caption, **meta["table"]}, known) if meta.get("table") else None,
    }


def _live(trace: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Blank the pages behind points that this report does not have; draw in SVG what asks for WebGL.

    Where a machine has no WebGL, plotly puts a note and a link to a web site in the figure's place.
    """
    kept = dict(trace)
    if isinstance(kept.get("customdata"), list):
        kept["customdata"] = _pooled([_live_point(point, known) for point in kept["customdata"]])
    if kept.get("type") == "scattergl":
        kept["type"] = "scatter"
    return kept


def _pooled(points: list[Any]) -> Any:
    """Write each string of many points once: dates, sources, topics and pages recur by the thousand."""
    if len(points) < _MANY or not all(isinstance(point, list) for point in points):
        return points
    places: dict[str, int] = {}
    rows = [[places.setdefault(json.dumps(item), len(places)) for item in point] for point in points]
    return {"pool": [json.loads(item) for item in places], "rows": rows}


def _live_point(point: Any, known: frozenset[str]) -> Any:
    if isinstance(point, list) and point:
        return [*point[:-1], _live_point(point[-1], known)]
    return "" if isinstance(point, str) and pages.PAGE.fullmatch(point) and point not in known else point


def _has_long_labels(data: Sequence[Mapping[str, Any]], layout: Mapping[str, Any]) -> bool:
    """Tell whether names stand at the left, so that a narrow screen should scroll rather than squeeze the figure."""
    names = [trace["y"] for trace in data if isinstance(trace.get("y"), list)]
    names += [axis["ticktext"] for key, axis in layout.items() if key.startswith("yaxis") and axis.get("ticktext")]
    return any(isinstance(name, str) and len(name) > _WIDE_LABELS for group in names for name in group)


def _inert(value: object) -> Markup:
    """Return compact JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - the one sign that HTML reads in a script element is escaped
