"""The retail desk's tests share commerce's ready database."""

from __future__ import annotations

from tests.commerce.conftest import _empty_database, database

__all__ = ["_empty_database", "database"]
