"""Bad rows: set aside with their row, column, reason and value; counted; never dropped in silence.

Row numbers are 1-based data rows of the source file: the first line below a CSV header is row 1. A row is listed once,
under the first check it failed, so that good rows + rejects = rows read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["REJECT_COLUMNS", "Checked", "Rejects", "Sieve"]

REJECT_COLUMNS = ("file", "row", "column", "reason", "value")
MAX_VALUE_LENGTH = 200
"""Characters of a rejected value that are kept: enough to find it, whatever the file held."""


def _printable(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = str(value)
    short = text[:MAX_VALUE_LENGTH] + ("…" if len(text) > MAX_VALUE_LENGTH else "")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in short)


def _empty() -> pd.DataFrame:
    return pd.DataFrame(
        {name: pd.Series([], dtype="int64" if name == "row" else "str") for name in REJECT_COLUMNS},
    )


@dataclass(frozen=True)
class Rejects:
    """Rows that were set aside.

    Attributes:
        frame: columns `file, row, column, reason, value`; one row a rejected source row, in the order it was found.
    """

    frame: pd.DataFrame = field(default_factory=_empty)

    @classmethod
    def of(cls, file: str, rows: Iterable[int], column: str, reason: str, values: Iterable[object]) -> Rejects:
        """Rejects of one kind."""
        rows = np.asarray(list(rows), dtype=np.int64)
        if not len(rows):
            return cls()
        table = {
            "file": file,
            "row": rows,
            "column": column,
            "reason": reason,
            "value": [_printable(v) for v in values],
        }
        return cls(pd.DataFrame(table).astype({"file": "str", "column": "str", "reason": "str", "value": "str"}))

    @classmethod
    def concat(cls, parts: Iterable[Rejects]) -> Rejects:
        """All of `parts`, in their order."""
        frames = [p.frame for p in parts if len(p)]
        return cls(pd.concat(frames, ignore_index=True)) if frames else cls()

    def __len__(self) -> int:
        return len(self.frame)

    def by_reason(self) -> dict[str, int]:
        """`column: reason` -> number of rows, the most frequent first; the numbers sum to `len(self)`."""
        counts = (self.frame["column"] + ": " + self.frame["reason"]).value_counts(sort=True)
        return {str(reason): int(n) for reason, n in counts.items()}

    def first(self) -> str:
        """The first reject as a phrase: `row 7, column 'price': negative (-3)`; empty if there is none."""
        if not len(self.frame):
            return ""
        one = self.frame.iloc[0]
        value = f" ({one['value']})" if one["value"] else ""
        return f"row {one['row']}, column {one['column']!r}: {one['reason']}{value}"


@dataclass(frozen=True)
class Checked:
    """A validated table: what passed, and what was set aside."""

    good: pd.DataFrame
    rejects: Rejects


class Sieve:
    """Sets rows of a table aside, check by check; a row that has failed once is not judged again.

    Args:
        n: rows of the table.
        file: what the rejects are said to come from.
        rows: shape (n,), the row numbers in the source; 1 … n if None.
    """

    def __init__(self, n: int, *, file: str, rows: NDArray[np.integer] | None = None) -> None:
        self.file = file
        self.rows = np.arange(1, n + 1) if rows is None else np.asarray(rows, dtype=np.int64)
        self.alive: NDArray[np.bool_] = np.ones(n, bool)
        self._parts: list[Rejects] = []

    def reject(self, bad: NDArray[np.bool_] | pd.Series, column: str, reason: str, values: pd.Series) -> None:
        """Set aside the rows where `bad`, giving `values` (one a row of the table) as the offending value."""
        mask = np.asarray(bad, dtype=bool) & self.alive
        if not mask.any():
            return
        self.alive &= ~mask
        self._parts.append(Rejects.of(self.file, self.rows[mask], column, reason, values[mask]))

    def rejects(self) -> Rejects:
        """Everything set aside so far, in the order of the source's rows."""
        found = Rejects.concat(self._parts)
        return Rejects(found.frame.sort_values("row", kind="stable", ignore_index=True)) if len(found) else found

    def checked(self, frame: pd.DataFrame) -> Checked:
        """The rows of `frame` still standing, and the rejects."""
        return Checked(frame[self.alive].reset_index(drop=True), self.rejects())
