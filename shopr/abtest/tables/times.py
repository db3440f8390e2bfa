"""When units were exposed: the first and last, the days, and who has no time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shopr.abtest.tables.table import Table
from shopr.errors import DataError

__all__ = ["Times", "by_half", "days_of", "exposure_times", "merged"]


@dataclass(frozen=True)
class Times:
    """When units were exposed.

    Attributes:
        first, last: microseconds since 1970 (UTC).
        days: days since 1970 on which units were exposed, in order.
        missing: rows without a time.
    """

    first: int
    last: int
    days: tuple[int, ...]
    missing: int

    @property
    def middle(self) -> int:
        """The moment between the first and the last exposure."""
        return (self.first + self.last) // 2


def exposure_times(table: Table) -> Times | None:
    """The times of a table by a query of their own; None if it has none.

    Raises:
        DataError: if no row has a time.
    """
    ends = table.exposures()
    if ends is None:
        if table.exposure and table.query(f"SELECT count(*) FROM {table.source}")[0][0]:
            raise DataError(f"no row of {table.name} has {table.spec.exposed_at}", hint="Leave out who was not exposed")
        return None
    found = table.query(
        f"SELECT {table.exposure_day} - DATE '1970-01-01' AS day, count(*) FROM {table.source} GROUP BY 1"
    )
    missing = sum(int(n) for day, n in found if day is None)
    return Times(*ends, tuple(sorted(int(day) for day, _ in found if day is not None)), missing)


def by_half(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Sums by arm, day and half as sums by arm and half ("early", "late", None), the days of each last."""
    halves: dict[tuple[object, object], tuple[list[Any], list[Any]]] = {}
    # In order of time, so that the same table gives the same last digit again.
    for arm, day, early, *values in sorted(rows, key=lambda row: (str(row[0]), row[1] is None, row[1] or 0)):
        half = None if early is None else "early" if early else "late"
        known, days = halves.get((arm, half), (None, []))
        summed = values if known is None else [_plus(a, b) for a, b in zip(known, values, strict=True)]
        halves[arm, half] = summed, [*days, day]
    return [(arm, half, *values, days) for (arm, half), (values, days) in halves.items()]


def merged(halves: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows of `by_half` as rows by arm."""
    arms: dict[object, list[Any]] = {}
    for arm, _, *values, _days in halves:
        known = arms.get(arm)
        arms[arm] = values if known is None else [_plus(a, b) for a, b in zip(known, values, strict=True)]
    return [(arm, "", *values) for arm, values in arms.items()]


def _plus(one: Any, other: Any) -> Any:
    """The sum of two sums, of which one without values is None."""
    if one is None or other is None:
        return other if one is None else one
    return one + other


def days_of(halves: list[tuple[Any, ...]]) -> tuple[tuple[int, ...], int]:
    """The days with exposures, and how many rows have no time."""
    days = {int(day) for row in halves for day in row[-1] if day is not None}
    return tuple(sorted(days)), sum(int(row[2]) for row in halves if row[1] is None)
