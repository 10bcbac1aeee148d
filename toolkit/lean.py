"""Packages without the parts that are not used: what they import can take longer than what they are imported for.

BERTopic loads what shares models and draws figures (half a second), and where umap, hdbscan or torch are installed
those, too (half a minute with numba's compiler).
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any


@contextlib.contextmanager
def only_parts(package: str) -> Iterator[None]:
    """Let modules of a `package` be imported inside without the package itself, that is, its ``__init__``.

    Raises `ModuleNotFoundError` where there is none. Where the package has been imported, nothing is different.
    """
    found = importlib.util.find_spec(package)
    if found is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    bare = ModuleType(package)
    bare.__path__ = list(found.submodule_search_locations or ())
    there = sys.modules.setdefault(package, bare)
    try:
        yield
    finally:
        if there is bare:
            del sys.modules[package]


class _Postponed(ModuleType):
    """A module that is executed when something of it is first asked for; of its `functions`, when one is called."""

    functions: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not self.__spec__ or not self.__spec__.loader:
            raise AttributeError(name)
        if name in self.functions:
            return partial(_call, self, name)
        self.__class__ = ModuleType  # type: ignore[assignment]
        self.__spec__.loader.exec_module(self)
        return getattr(self, name)


def _call(module: ModuleType, name: str, *given: Any, **named: Any) -> Any:
    if isinstance(module, _Postponed):
        module.functions = ()
    return getattr(module, name)(*given, **named)


def postpone(modules: Mapping[str, Sequence[str]]) -> None:
    """Have modules imported as before, and executed only where something of them is used.

    Their functions named here can be taken from them without that: it counts when they are called.
    """
    for name, functions in modules.items():
        if name not in sys.modules and (found := importlib.util.find_spec(name)):
            module = importlib.util.module_from_spec(found)
            module.__class__ = _Postponed
            module.functions = tuple(functions)  # type: ignore[attr-defined]
            sys.modules[name] = module
            parent, _, last = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], last, module)
