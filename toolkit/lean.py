"""Packages without the parts that are not used: what they import can take longer than what they are imported for.

BERTopic loads what shares models and draws figures (half a second), and where umap, hdbscan or torch are installed
those, too (half a minute with numba's compiler).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from toolkit.schema import SettingsError


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage inside, nor later in what is there by then.

    Imports make none, and looking for it takes an eighth of their time.
    """
    there = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if there:
            gc.enable()


def home(package: str) -> Path:
    """Return the folder of an installed package, which is not imported: its files may be all that is wanted.

    Raises `SettingsError` where it is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise SettingsError(f"The package {package}, whose files are read, is missing: install it again.")
    return Path(found.origin).parent


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
    """Stands for a module that is imported when something of it is first asked for; of its `later`, when that is used.

    Where it is imported afterwards, by whomever, that is as if this had never been: a module of a package, for one,
    finds the package whole.
    """

    later: frozenset[str] = frozenset()

    def __getattr__(self, name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version  # takes as long to import as all else here

            return version(self.__name__)
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        if name in self.later:
            return _Later(self, name)
        return getattr(self.imported(), name)

    def imported(self) -> ModuleType:
        """Import the module itself."""
        if sys.modules.get(self.__name__) is self:
            sys.modules.pop(self.__name__, None)  # another thread may have done it
        return importlib.import_module(self.__name__)


class _Later:
    """What stands for a function of a postponed module until it is used."""

    def __init__(self, module: _Postponed, name: str) -> None:
        self._at = module, name

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._found()(*given, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found(), name)

    def _found(self) -> Any:
        module, name = self._at
        return getattr(module.imported(), name)


def _spec(name: str) -> ModuleSpec | None:
    """Find a module; a private one without importing the packages that it is in, which would import it."""
    package, _, last = name.rpartition(".")
    return _found_in(package, name) if last.startswith("_") else importlib.util.find_spec(name)


def _found_in(package: str, name: str) -> ModuleSpec | None:
    outer = package.rpartition(".")[0]
    found = _found_in(outer, package) if outer else importlib.util.find_spec(package)
    return PathFinder.find_spec(name, found.submodule_search_locations) if found else None


@contextlib.contextmanager
def postponed(modules: Mapping[str, Sequence[str]]) -> Iterator[None]:
    """Have modules imported inside, and executed only where something of them is used, be it afterwards.

    What of them is named here can be taken from them inside without that: it counts when it is used.
    """
    for name in modules:
        if name not in sys.modules and (spec := _spec(name)):
            module = importlib.util.module_from_spec(spec)
            module.__class__ = _Postponed
            sys.modules[name] = module
            _join(name)
    found = {name: sys.modules.get(name) for name in modules}
    waiting = {name: module for name, module in found.items() if isinstance(module, _Postponed)}
    for name, module in waiting.items():
        module.later = frozenset(modules[name])
    try:
        yield
    finally:
        for name, module in waiting.items():
            module.later = frozenset()
            _join(name)
            if sys.modules.get(name) is module:
                del sys.modules[name]


def _join(name: str) -> None:
    """Let the package that a module is in know it, as an import would."""
    package, _, last = name.rpartition(".")
    if package in sys.modules and name in sys.modules:
        vars(sys.modules[package]).setdefault(last, sys.modules[name])
