"""Names that a package offers at its root and loads on first use, so that importing the package stays instant."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

__all__ = ["loaded"]


def loaded(package: str, homes: Mapping[str, str], name: str) -> Any:
    """What `name` of a package stands for; for the package's own `__getattr__` (PEP 562).

    Args:
        homes: name -> the module that has it, as seen from the package.

    Raises:
        AttributeError: if the package has no such name, with those that it offers.
    """
    if name not in homes:
        raise AttributeError(f"module {package!r} has no attribute {name!r}; it offers {', '.join(sorted(homes))}")
    value = getattr(import_module(f"{package}.{homes[name]}"), name)
    vars(sys.modules[package])[name] = value
    return value
