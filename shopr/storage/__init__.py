"""Where state is kept: one database by URL, its tables and their history, and the stores that hold personal data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shopr.lazy import loaded

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
    return loaded(__name__, _PUBLIC, name)
