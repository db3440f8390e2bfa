"""Where state is kept: one database by URL, its tables and their history, and the stores that hold personal data."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shopr.storage.database import Database
    from shopr.storage.subjects import SubjectStore, SubjectStores, TableStore

_PUBLIC = {
    "Database": "database",
    "SubjectStore": "subjects",
    "SubjectStores": "subjects",
    "TableStore": "subjects",
}

__all__ = ["Database", "SubjectStore", "SubjectStores", "TableStore"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'shopr.storage' has no attribute {name!r}")
    value = getattr(import_module(f"shopr.storage.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value
