"""Readings that are kept, and how people see them: the report, the board, paths over time."""
