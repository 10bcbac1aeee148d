"""The parameters of notebooks: what they are, and whether a value fits.

A notebook's parameters are the assignments in its cell tagged ``parameters``, each with a literal default
(``period: str = "auto"``). They are read, and every value is checked, before a kernel starts.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from toolkit import settings
from toolkit.schema import InputError, SettingsError

TAG = "parameters"
TYPES: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str, "list": list, "dict": dict}
_GROUPS: tuple[type[Any], ...] = (
    settings.SelectSettings,
    settings.CleanSettings,
    settings.DedupeSettings,
    settings.EmbedSettings,
    settings.TopicSettings,
    settings.ThemeSettings,
    settings.TrendSettings,
    settings.WindowSettings,
)


class Parameter(NamedTuple):
    """A notebook's parameter; ``type`` is as annotated, e.g. ``str | None``."""

    name: str
    type: str
    default: object


def read_cells(notebook: Path) -> list[tuple[str, frozenset[str]]]:
    """Return a notebook's code cells as (source, tags), without empty ones; `InputError` if it is none."""
    try:
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        pairs = [("".join(cell["source"]), frozenset(cell["metadata"].get("tags", ()))) for cell in code]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{notebook} is no readable notebook ({error!r}): mend or restore it.") from error
    return [(source, tags) for source, tags in pairs if source.strip()]


def cells_digest(notebook: Path) -> str:
    """Hash the sources and tags of a notebook's code cells; prose and outputs do not count."""
    cells = [[source, sorted(tags)] for source, tags in read_cells(notebook)]
    return hashlib.blake2b(json.dumps(cells).encode(), digest_size=16).hexdigest()


def inspect(notebook: Path) -> dict[str, Parameter]:
    """Read the parameters of a notebook, in their order.

    Raises `SettingsError` where no cell (or more than one) is tagged ``parameters``, or where that cell holds
    anything but assignments of literals of a type that survives the way into a kernel.
    """
    tagged = [source for source, tags in read_cells(notebook) if TAG in tags]
    if len(tagged) != 1:
        raise SettingsError(
            f"{notebook.name} has {len(tagged)} cells tagged {TAG!r}, expected one: tag the right cell."
        )
    try:
        statements = ast.parse(tagged[0]).body
    except SyntaxError as error:
        raise SettingsError(f"The parameters cell of {notebook.name} is no Python ({error}): mend it.") from error
    found = [_parameter(statement, notebook.name) for statement in statements]
    return {parameter.name: parameter for parameter in found}


def _parameter(statement: ast.stmt, notebook: str) -> Parameter:
    line = ast.unparse(statement)
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value):
            kind = ast.unparse(annotation)
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            kind = ""
        case _:
            raise SettingsError(f"{notebook} has {line!r} among its parameters, expected 'name: type = default'.")
    try:
        default = ast.literal_eval(value)
    except ValueError:
        raise SettingsError(f"The default in {line!r} of {notebook} is no literal: write a plain value.") from None
    parameter = Parameter(name, kind or type(default).__name__, default)
    if any(part not in TYPES for part in _parts(parameter.type)) or not _fits(default, parameter.type):
        known = ", ".join(TYPES)
        raise SettingsError(
            f"{line!r} of {notebook} is not understood: expected a default of its type ({known}, | None)."
        )
    return parameter


def _parts(kind: str) -> list[str]:
    """``dict[str, int] | None`` -> ``["dict"]``."""
    outer = re.sub(r"\[.*?\](?=\s*(\||$))", "", kind)
    return [part for part in (piece.strip() for piece in outer.split("|")) if part != "None"]


def merge(notebooks: Iterable[Path]) -> dict[str, Parameter]:
    """Return the parameters of several notebooks; those that share a name must agree in type and default."""
    known: dict[str, tuple[Parameter, str]] = {}
    for notebook in notebooks:
        for name, parameter in inspect(notebook).items():
            first, where = known.setdefault(name, (parameter, notebook.name))
            if first != parameter:
                raise SettingsError(
                    f"{name} is '{first.type} = {first.default!r}' in {where} and '{parameter.type} = "
                    f"{parameter.default!r}' in {notebook.name}: make them agree."
                )
    return {name: parameter for name, (parameter, _) in known.items()}


def check(values: Mapping[str, object], known: Mapping[str, Parameter]) -> dict[str, object]:
    """Return `values` in the types that `known` asks for; text for another type is read as YAML.

    Raises `SettingsError` for an unknown name, a wrong type, or a value out of the range of its setting.
    """
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1)
            hint = f" did you mean {close[0]!r}?" if close else ""
            raise SettingsError(f"The parameter {name!r} is unknown:{hint} Known are {', '.join(known)}.")
    fitted = {name: _fit(value, known[name]) for name, value in values.items()}
    for group in _GROUPS:
        group(**{name: value for name, value in fitted.items() if name in group.__dataclass_fields__})
    return fitted


def _fit(value: object, parameter: Parameter) -> object:
    plain = _undated(value)
    if isinstance(plain, str) and not _fits(plain, parameter.type):
        plain = _undated(_parse(plain, parameter.type))
    if isinstance(plain, str) and "None" in parameter.type and plain.strip().lower() in ("null", "none", "~"):
        return None
    if not _fits(plain, parameter.type):
        raise SettingsError(
            f"{parameter.name} is {value!r} ({type(value).__name__}), expected {parameter.type}, "
            f"such as {parameter.default!r}: give that."
        )
    return float(plain) if _parts(parameter.type) == ["float"] and isinstance(plain, int) else plain


def _parse(text: str, kind: str) -> object:
    if "float" in _parts(kind):  # YAML takes 1e-3 for text
        try:
            return float(text)
        except ValueError:
            return None if text.strip().lower() in ("null", "none", "~") else text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _undated(value: object) -> object:
    """Turn the dates that YAML makes of 2024-01-31 back into text, at any depth."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [_undated(item) for item in value]
    if isinstance(value, dict):
        return {_undated(key): _undated(item) for key, item in value.items()}
    return value


def _fits(value: object, kind: str) -> bool:
    if value is None:
        return "None" in kind
    if not _plain(value):
        return False
    items = re.match(r"list\[(\w+)\]", kind)
    if isinstance(value, list) and items and items[1] in TYPES:
        return all(_fits(item, items[1]) for item in value)
    return any(_is(value, TYPES[part]) for part in _parts(kind) if part in TYPES)


def _is(value: object, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _plain(value: object) -> bool:
    """Whether a value reaches a kernel unchanged: no tuples, no keys but text."""
    if isinstance(value, list):
        return all(_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _plain(item) for key, item in value.items())
    return value is None or isinstance(value, bool | int | float | str)
