"""Experiments: who sees what, what came of it, and what to do about it.

The names below are what most start with; each is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "Assignment": "assignment",
    "Experiment": "spec",
    "Exposures": "exposures",
    "analyze": "analysis",
    "load_spec": "spec",
    "plan": "planning",
}

__all__ = ["Assignment", "Experiment", "Exposures", "analyze", "load_spec", "plan"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'shopr.abtest' has no attribute {name!r}; it offers {', '.join(sorted(_PUBLIC))}")
    value = getattr(import_module(f"shopr.abtest.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
