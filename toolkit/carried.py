"""Columns that files carry beside those of an article: of one type each, though they are read in pieces.

The type of such a column is settled by all its cells: numbers stay numbers, lists and objects become JSON, mixtures
strings. Until all are read, a piece is *packed*: its cells as text, those that are no strings as JSON behind a mark.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from toolkit.columns import simple
from toolkit.schema import ARTICLE_COLUMNS

_MARK = "\x00"
"""What stands before a packed cell that is no string, or a string that begins with it."""


class Types:
    """What is known of the types of carried columns: told by `pack` piece after piece, used by `unpack` after all."""

    def __init__(self) -> None:
        self._types: dict[str, list[Any]] = {}
        self._kinds: dict[str, set[str]] = {}

    def pack(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return `table` with its carried columns packed, and learn their types."""
        return table.assign(**{str(name): self._pack(table[name]) for name in table.columns if _is_carried(name)})

    def unpack(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a packed piece with all columns there are, the article columns first, each of its final type."""
        missing = pd.Series(None, table.index, dtype=object)
        carried = {name: self._unpack(table.get(name, missing), name) for name in self._types}
        return pd.DataFrame({name: table[name] for name in ARTICLE_COLUMNS} | carried)

    def _pack(self, values: pd.Series) -> pd.Series:
        name = str(values.name)
        types, kinds = self._types.setdefault(name, []), self._kinds.setdefault(name, set())
        typed = values.dtype != object and not pd.api.types.is_string_dtype(values.dtype)
        kind = values.dtype if typed else np.dtype(object)
        if kind not in types:
            types.append(kind)
        if typed:
            kinds |= {"float" if values.dtype.kind == "f" else "str"} if values.notna().any() else set()
            return values
        cells = [simple(value) for value in values]
        kinds |= {_kind(cell) for cell in cells if cell is not None}
        return pd.Series([_packed(cell) for cell in cells], values.index, dtype="str")

    def _unpack(self, values: pd.Series, name: str) -> pd.Series:
        common = pd.concat([pd.Series(dtype=each) for each in self._types[name]]).dtype
        if not pd.api.types.is_object_dtype(common):
            return values.astype(common)
        kinds = self._kinds[name]
        cells = [_unpacked(cell) for cell in values.astype(object)]
        if kinds == {"bool"}:
            return pd.Series(cells, values.index, dtype="boolean")
        if kinds == {"int"}:
            return pd.Series(cells, values.index, dtype="Int64")
        if kinds and kinds <= {"float", "int", "huge"}:
            return pd.Series(cells, values.index, dtype="float64")
        return pd.Series([None if cell is None else str(cell) for cell in cells], values.index, dtype="string")


def _is_carried(name: object) -> bool:
    return name not in ARTICLE_COLUMNS


def _kind(cell: object) -> str:
    if type(cell) is int:
        return "int" if abs(cell) < 2**63 else "huge"
    return type(cell).__name__


def _packed(cell: Any) -> str | None:
    if cell is None or (isinstance(cell, str) and not cell.startswith(_MARK)):
        return cell
    return _MARK + json.dumps(cell)


def _unpacked(cell: Any) -> Any:
    if isinstance(cell, str):
        return json.loads(cell[1:]) if cell.startswith(_MARK) else cell
    return simple(cell)
