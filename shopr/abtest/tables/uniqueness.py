"""Whether every row is a unit of its own, proved for less than counting distinct ids costs.

Small whole numbers are marked in a bitmap: as many marks as rows, and each was there once. Other ids are hashed to 64
bits: ids that are equal hash alike, so that hashes without a repetition are the proof. Where a proof fails nothing is
claimed, and the ids themselves are counted: no repetition is missed, and none is invented.
"""

from __future__ import annotations

from shopr.abtest.tables.table import WHOLE, Table, quoted

__all__ = ["all_distinct"]

_HASHED = (*WHOLE, "HUGEINT", "UHUGEINT", "VARCHAR", "UUID")
_ROOM = 16
"""Bits of the bitmap a row at most: beyond, it would be larger than the hashes."""


def all_distinct(table: Table) -> int:
    """The number of rows if each has a unit of its own, and 0 if that could not be proved."""
    unit, kind = quoted(table.spec.unit), table.columns[table.spec.unit].upper()
    if kind not in _HASHED:
        return 0
    if kind not in WHOLE:
        return _by_hash(table, unit)
    rows, known, low, high = table.ends()[:4]
    if not rows or known < rows or high - low + 1 < rows:
        return 0
    if high - low + 1 > _ROOM * rows:
        return _by_hash(table, unit)
    marks = f"bit_count(bitstring_agg({unit}, {low}::{kind}, {high}::{kind}))"
    return int(rows) if int(table.query(f"SELECT {marks} FROM {table.source}")[0][0]) == rows else 0


def _by_hash(table: Table, unit: str) -> int:
    import numpy as np

    found = table.column(f"CASE WHEN {unit} IS NOT NULL THEN hash({unit}) END")
    if np.ma.isMaskedArray(found):
        return 0
    found.sort()
    return len(found) if bool((found[1:] != found[:-1]).all()) else 0
