"""What of a notebook can be executed while the one before it still makes its tables, read from its cells.

Where a cell is tagged ``waits``, the notebook can begin as soon as the tables are there that its cells above that one
name; there it waits until the one before has made all of its own.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from toolkit import params

WAITS = "waits"
"""Tag of the first cell that reads what the notebook before makes last; no cell above it writes a table."""
_TABLES = (".parquet", ".json", ".safetensors")


@cache
def first_reads(notebook: Path) -> frozenset[str] | None:
    """Return the tables that the cells above the one tagged ``waits`` name, as in a run folder; None without one."""
    cells = params.read_cells(notebook)
    waits = [number for number, (_, tags) in enumerate(cells) if WAITS in tags]
    if not waits:
        return None
    texts = (node.value for node in _nodes(source for source, _ in cells[: waits[0]]) if isinstance(node, ast.Constant))
    return frozenset(f"tables/{text}" for text in texts if isinstance(text, str) and text.endswith(_TABLES))


@cache
def stages(notebook: Path) -> frozenset[str]:
    """Return the records that the cells of a notebook keep of their stages (``store.stage``), as in a run folder."""
    calls = (node for node in _nodes(source for source, _ in params.read_cells(notebook)) if isinstance(node, ast.Call))
    found = (call.args[1] for call in calls if ast.unparse(call.func) == "store.stage" and len(call.args) > 1)
    names = (name.value for name in found if isinstance(name, ast.Constant))
    return frozenset(f"stages/{name}.json" for name in names if isinstance(name, str))


def _nodes(sources: Iterable[str]) -> Iterator[ast.AST]:
    for source in sources:
        with contextlib.suppress(SyntaxError):  # a cell may hold what only IPython reads
            yield from ast.walk(ast.parse(source))
