"""Modules under the names that they had: notebooks and models kept from earlier versions import them by those.

A package whose modules moved into rooms says which, and the old name gives the module of today itself, not a copy, so
that a class has one identity under both. Nothing is imported before it is asked for. Code of Shopr uses today's names.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["former_names", "redirect"]

_TODAY: dict[str, str] = {}


class _Former(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname.startswith("shopr.") and _today(fullname) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(_today(spec.name) or spec.name)
        spec.loader_state = module.__spec__  # the import system is about to write this one over it
        return module

    def exec_module(self, module: ModuleType) -> None:
        given = module.__spec__
        if given is not None and given.loader is self:  # it ran when it was imported by today's name
            module.__spec__ = given.loader_state


_FINDER = _Former()


def _today(name: str) -> str | None:
    """Today's name of a module that moved, or that lies in a package that did."""
    if name in _TODAY:
        return _TODAY[name]
    package, _, module = name.rpartition(".")
    moved = _today(package) if package else None
    return f"{moved}.{module}" if moved else None


def redirect(package: str, rooms: Mapping[str, str]) -> None:
    """Let the modules of `package` that moved into rooms be imported by the names that they had.

    Args:
        package: the dotted name of the package that the modules lay in.
        rooms: for each room the modules that moved into it, separated by spaces; `before:today` where the
            name changed as well.
    """
    for room, modules in rooms.items():
        for module in modules.split():
            before, _, today = module.partition(":")
            _TODAY[f"{package}.{before}"] = f"{package}.{room}.{today or before}"
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)  # first: else the modules of a package that moved are found a second time


def former_names() -> dict[str, str]:
    """Today's name of every module that had another one, as far as its package is imported."""
    return dict(_TODAY)
