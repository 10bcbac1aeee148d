"""The file of decisions: what the analyst decided about topics, readable, with comments, one entry a decision.

A topic has another number in every run, so it is named by what lasts: its terms, and the ids of the articles nearest to
its centre. Entries are put in behind the others and taken out again as lines of text, so that comments and order stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from toolkit import nodes, store
from toolkit.nodes import At
from toolkit.schema import InputError

NEEDS = {"rename": "name", "merge": "", "split": "into", "hide": "", "pin": "theme"}
"""What can be decided about topics, and the key that it needs besides them."""
_ALLOWS = {do: (need,) if need else () for do, need in NEEDS.items()} | {"merge": ("name",)}
_KEYS = ("do", "topics", "name", "into", "theme", "decided")
_TOPIC_KEYS = ("label", "terms", "articles")
_MEMBERS = 12
_LONGEST_NAME = 80
_MOST_PARTS = 20
_HEAD = """\
# What was decided about topics; applied, in this order, from the next run on (notebook 3-topics).
# A topic is named by its terms and by some of its articles, since its number changes from run to run.
# do: rename (name), merge (name, if you like), split (into), hide, pin (theme).
decisions:
"""


@dataclass(frozen=True, kw_only=True)
class TopicRef:
    """A topic as it was when something was decided about it."""

    label: str
    terms: tuple[str, ...]
    articles: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One entry of the file; ``line`` counts from 1."""

    do: str
    topics: tuple[TopicRef, ...]
    name: str = ""
    into: int = 0
    theme: str = ""
    decided: str = ""
    line: int = 0

    def said(self) -> str:
        """Return the decision in words."""
        labels = " and ".join(f"“{topic.label}”" for topic in self.topics)
        end = {"rename": f" to “{self.name}”", "split": f" into {self.into}", "pin": f" to the theme {self.theme}"}
        named = f" as “{self.name}”" if self.do == "merge" and self.name else ""
        return f"{self.do} {labels}{end.get(self.do, named)}"


# How it is read -------------------------------------------------------------------------------------------------


def read_decisions(path: Path | str) -> tuple[Decision, ...]:
    """Return the decisions of a file in order, none where there is no file.

    `InputError` with line and column where an entry is wrong.
    """
    path = Path(path)
    if not path.exists():
        return ()
    entries = _entries(nodes.compose(path, *_words()), path.name)
    return tuple(_decision(node, At(path.name, f"decision {number}")) for number, node in enumerate(entries, 1))


def _words() -> tuple[str, str, str]:
    return "file of decisions", "expected YAML with a list 'decisions'", "compare CONTRIBUTING.md"


def _entries(root: yaml.Node | None, name: str) -> list[yaml.Node]:
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        nodes.refuse(root, name, f"found {nodes.shown(root)}, expected a list 'decisions'")
    listed = nodes.pairs(root, At(name, "the file"), ("decisions",)).get("decisions")
    if listed is None or nodes.is_null(listed):
        return []
    if not isinstance(listed, yaml.SequenceNode):
        nodes.refuse(listed, name, f"decisions: found {nodes.shown(listed)}, expected a list")
    nodes.known_tag(listed, name)
    return list(listed.value)


def _decision(node: yaml.Node, at: At) -> Decision:
    entry = _mapping(node, at, _KEYS)
    do = _text(entry.get("do"), node, at, "do")
    if do not in NEEDS:
        nodes.refuse(entry["do"], at.name, f"{at.place}: do is {do!r}, expected one of {', '.join(NEEDS)}")
    at = At(at.name, f"{at.place} ({do})")
    for key in ("name", "into", "theme"):
        if key in entry and key not in _ALLOWS[do]:
            nodes.refuse(entry[key], at.name, f"{at.place}: {key!r} has no meaning here; take it out")
        if key == NEEDS[do] and key not in entry:
            nodes.refuse(node, at.name, f"{at.place}: there is no {key!r}, which it needs")
    listed = entry.get("topics", node)
    topics = _list(entry.get("topics"), node, at, "topics")
    wanted = 2 if do == "merge" else 1
    if len(topics) != wanted and not (do == "merge" and len(topics) > wanted):
        expected = "two or more" if do == "merge" else "one"
        nodes.refuse(listed, at.name, f"{at.place}: it names {len(topics)} topics, expected {expected}")
    name = _text(entry["name"], node, at, "name") if "name" in entry else ""
    if len(name) > _LONGEST_NAME:
        nodes.refuse(
            entry["name"], at.name, f"{at.place}: the name has {len(name)} letters, expected {_LONGEST_NAME} at most"
        )
    return Decision(
        do=do,
        topics=tuple(_topic(topic, at) for topic in topics),
        name=nodes.one_line(name),
        into=_parts(entry["into"], at) if "into" in entry else 0,
        theme=_text(entry["theme"], node, at, "theme") if "theme" in entry else "",
        decided=str(getattr(entry.get("decided"), "value", "")),
        line=node.start_mark.line + 1,
    )


def _mapping(node: yaml.Node, at: At, known: Sequence[str]) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        nodes.refuse(
            node, at.name, f"{at.place}: found {nodes.shown(node)}, expected a mapping with {', '.join(known)}"
        )
    return nodes.pairs(node, at, known)


def _topic(node: yaml.Node, at: At) -> TopicRef:
    at = At(at.name, f"{at.place}, topic")
    entry = _mapping(node, at, _TOPIC_KEYS)
    terms, articles = (_texts(entry.get(key), node, at, key) for key in ("terms", "articles"))
    if not terms and not articles:
        nodes.refuse(node, at.name, f"{at.place}: neither terms nor articles, so it can never be found; give some")
    label = _text(entry["label"], node, at, "label") if "label" in entry else ", ".join(terms[:3])
    return TopicRef(label=label, terms=terms, articles=articles)


def _texts(node: yaml.Node | None, parent: yaml.Node, at: At, key: str) -> tuple[str, ...]:
    return tuple(_text(item, parent, at, key) for item in _list(node, parent, at, key)) if node else ()


def _list(node: yaml.Node | None, parent: yaml.Node, at: At, key: str) -> list[yaml.Node]:
    if not isinstance(node, yaml.SequenceNode):
        nodes.refuse(node or parent, at.name, f"{at.place}: {key} is {nodes.shown(node)}, expected a list")
    nodes.known_tag(node, at.name)
    return list(node.value)


def _text(node: yaml.Node | None, parent: yaml.Node, at: At, key: str) -> str:
    if node is None or not nodes.is_text(node) or not node.value.strip():
        hint = " (put it in quotes)" if isinstance(node, yaml.ScalarNode) and node.value.strip() else ""
        nodes.refuse(node or parent, at.name, f"{at.place}: {key} is {nodes.shown(node)}, expected text{hint}")
    return str(node.value).strip()


def _parts(node: yaml.Node, at: At) -> int:
    value = node.value if isinstance(node, yaml.ScalarNode) and not nodes.is_text(node) else ""
    if not str(value).isdecimal() or not 2 <= int(value) <= _MOST_PARTS:
        nodes.refuse(
            node, at.name, f"{at.place}: into is {nodes.shown(node)}, expected a number from 2 to {_MOST_PARTS}"
        )
    return int(value)


# How it is written ----------------------------------------------------------------------------------------------


def refer(topics: pd.DataFrame, assigned: pd.DataFrame, topic_id: int) -> TopicRef:
    """Return what a later run finds a topic by; `topics` and `assigned` as a run's tables hold them."""
    row = topics[topics["topic_id"] == topic_id]
    if row.empty:
        raise InputError(f"There is no topic {topic_id}; the run has {', '.join(map(str, topics['topic_id']))}.")
    mine = assigned[assigned["topic_id"] == topic_id]
    nearest = mine.sort_values(["closeness", "article_id"], ascending=[False, True]).head(_MEMBERS)
    terms = tuple(str(term) for term in row.iloc[0]["terms"])
    return TopicRef(label=str(row.iloc[0]["label"]), terms=terms, articles=tuple(map(str, nearest["article_id"])))


def decide(
    path: Path | str,
    topics: pd.DataFrame,
    assigned: pd.DataFrame,
    do: str,
    topic_ids: Sequence[int],
    value: str | int = "",
) -> Decision:
    """Add a decision about topics of a run to the file, at once, and return it; it counts from the next run on.

    `do` is ``rename`` or ``merge`` (`value` is the name), ``split`` (into `value` parts), ``hide``, or ``pin`` (to the
    theme `value`). `InputError` where it makes no sense; the file is then as it was.
    """
    if do not in NEEDS:
        raise InputError(f"The decision is {do!r}, expected one of: {', '.join(NEEDS)}.")
    refs = [refer(topics, assigned, topic_id) for topic_id in dict.fromkeys(topic_ids)]
    key = NEEDS[do] or ("name" if do == "merge" and value != "" else "")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = _entry(do, refs, {key: value} if key else {}, now)
    return _append(Path(path), entry)


def _entry(do: str, refs: Sequence[TopicRef], what: Mapping[str, Any], when: str) -> str:
    lines = [f"  - do: {do}", "    topics:"]
    for ref in refs:
        lines.append(f"      - label: {nodes.quoted(ref.label)}")
        lines.append(f"        terms: [{', '.join(map(nodes.quoted, ref.terms))}]")
        ids = [nodes.quoted(name) for name in ref.articles]
        rows = [", ".join(ids[start : start + 4]) for start in range(0, len(ids), 4)]
        lines.append("        articles: [" + (",\n" + " " * 10).join(rows) + "]")
    lines += [f"    {key}: {value if isinstance(value, int) else nodes.quoted(value)}" for key, value in what.items()]
    return "\n".join([*lines, f"    decided: {nodes.quoted(when)}"]) + "\n"


def _append(path: Path, entry: str) -> Decision:
    """Put `entry` behind the last one; what comes out is read before it takes the old file's place."""
    text = path.read_bytes().decode("utf-8-sig") if path.exists() else ""
    before = read_decisions(path)
    root = nodes.compose_text(text, path.name, _words()[0], _words()[2])
    entries = _entries(root, path.name)
    if root is None:
        new = (text if text.endswith("\n") or not text else f"{text}\n") + _HEAD + entry
    elif not entries:
        listed = root.value[0][1]
        at = nodes.after_line(text, listed.end_mark.index)
        head = text[: listed.start_mark.index] + text[listed.end_mark.index : at]
        new = head.rstrip() + "\n" + entry + text[at:]
    else:
        listed = root.value[0][1]
        if listed.flow_style:
            nodes.refuse(listed, path.name, "decisions stand in brackets; write each on lines of its own, after '- '")
        at = nodes.after_line(text, nodes.end(listed))
        indent = listed.start_mark.column
        moved = "".join(f"{' ' * indent}{line[2:]}" for line in entry.splitlines(keepends=True))
        new = text[:at].rstrip("\n") + "\n" + moved + text[at:]
    return _checked(path, new, len(before) + 1)[-1]


def undo(path: Path | str, number: int = 0) -> Decision | None:
    """Take decision `number` (counted from 1; 0: the last) out of the file and return it; None where there is none."""
    path = Path(path)
    known = read_decisions(path)
    if not known or not 0 <= number <= len(known):
        return None
    text = path.read_bytes().decode("utf-8-sig")
    root = nodes.compose_text(text, path.name, _words()[0], _words()[2])
    entries = _entries(root, path.name)
    entry, decision = entries[number - 1], known[number - 1]
    start = text.rfind("\n", 0, entry.start_mark.index) + 1
    if text[start : entry.start_mark.index].strip() != "-":
        nodes.refuse(
            entry, path.name, f"decision {number or len(known)} shares its line with others; take it out by hand"
        )
    new = text[:start] + text[nodes.after_line(text, nodes.end(entry)) :]
    _checked(path, new, len(known) - 1)
    return decision


def _checked(path: Path, text: str, count: int) -> tuple[Decision, ...]:
    """Write `text` to `path` where it reads as `count` decisions; raise `InputError` and leave the file where not."""
    root = nodes.compose_text(text, path.name, _words()[0], _words()[2])
    entries = _entries(root, path.name)
    found = tuple(_decision(node, At(path.name, f"decision {number}")) for number, node in enumerate(entries, 1))
    if len(found) != count:
        raise InputError(f"{path.name} would hold {len(found)} decisions, expected {count}: change it by hand.")
    store.write_text(text, path)
    return found
