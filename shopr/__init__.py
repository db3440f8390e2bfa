"""Shopr: the workbench where a shop's data scientists build, test and ship a shopping assistant.

The names below are what a notebook starts with. They are loaded on first use, so that `import shopr` stays instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Shop": "shopr.shop",
    "Settings": "shopr.config",
    "Interactions": "shopr.data",
    "Catalog": "shopr.data",
    "ShoprError": "shopr.errors",
}

__all__ = ["Catalog", "Interactions", "Settings", "Shop", "ShoprError", "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'shopr' has no attribute {name!r}; it offers {', '.join(sorted(_PUBLIC))}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
