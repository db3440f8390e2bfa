"""Shopr: the workbench where a shop's data scientists build, test and ship a shopping assistant.

The names below are what a notebook starts with. They are loaded on first use, so that `import shopr` stays instant.
"""

from __future__ import annotations

from typing import Any

from shopr.lazy import loaded

__version__ = "0.1.0"

_PUBLIC = {
    "Shop": "shop",
    "Settings": "config",
    "Interactions": "data",
    "Catalog": "data",
    "ShoprError": "errors",
}

__all__ = ["Catalog", "Interactions", "Settings", "Shop", "ShoprError", "__version__"]


def __getattr__(name: str) -> Any:
    return loaded(__name__, _PUBLIC, name)


def __dir__() -> list[str]:
    return sorted(__all__)
