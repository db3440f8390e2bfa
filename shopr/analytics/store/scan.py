"""The store's columns as they lie on disk, a row group at a time: for what reads millions of events and needs few of
their columns. Memory holds one row group and what the caller keeps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shopr.analytics.store.cold import SCHEMA, day_of
from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.hot import DAY
from shopr.analytics.store.rows import bounds
from shopr.errors import StorageError

__all__ = ["Block", "scan"]


@dataclass(frozen=True)
class Block:
    """Some events of one day.

    Attributes:
        day: the UTC day, "2026-11-30".
        span: microseconds, the first that counts and the first that counts no more; None where the whole day does.
    """

    day: str
    span: tuple[int, int] | None
    _file: Any
    _group: int = 0

    def read(self, columns: Sequence[str]) -> Any:
        """Columns as an Arrow table of one chunk each; those named as words come as codes and dictionary.

        Raises:
            StorageError: if the part is damaged.
        """
        if isinstance(self._file, pa.Table):
            return self._file.select(list(columns))
        try:
            return self._file.read_row_group(self._group, columns=list(columns), use_threads=False).combine_chunks()
        except (OSError, pa.ArrowException) as error:
            raise _damaged(self.day, error) from error

    def rows(self, times: Any) -> Any:
        """Which of its events count, by their times in microseconds: a mask, or None for all."""
        return None if self.span is None else (times >= self.span[0]) & (times < self.span[1])


def scan(
    store: EventStore,
    *,
    words: Sequence[str] = ("type",),
    start: str | datetime | None = None,
    end: str | datetime | None = None,
) -> Iterator[Block]:
    """The events of a span in blocks, in order of days; of this moment, each once.

    Args:
        words: columns of text with few different values.

    Raises:
        StorageError: if a part is missing or damaged.
    """
    low, high = bounds(start, end)
    parts, hot = store.snapshot(low, high)
    by_day: dict[str, list[Block]] = defaultdict(list)
    for day, table in _days(hot, words):
        by_day[day].append(Block(day, None, table))
    for day, listed in groupby(parts, key=lambda part: part.day):
        by_day[day] = [*(Block(day, None, store.folder / part.path) for part in listed), *by_day[day]]
    for day in sorted(by_day):
        span = _cut(day, low, high)
        for block in by_day[day]:
            if isinstance(block._file, pa.Table):
                yield Block(day, span, block._file)
                continue
            try:
                file = pq.ParquetFile(block._file, read_dictionary=list(words))
            except FileNotFoundError as error:
                hint = "Try again: it may just have been replaced; else restore it from a backup"
                raise StorageError(f"events are missing: {block._file} is gone", hint=hint) from error
            except (OSError, pa.ArrowException) as error:
                raise _damaged(day, error) from error
            with file:
                for group in range(file.num_row_groups):
                    yield Block(day, span, file, group)


def _days(hot: Any, words: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The hot rows by day."""
    if not hot.num_rows:
        return
    for name in words:
        if pa.types.is_string(SCHEMA.field(name).type):
            hot = hot.set_column(hot.schema.get_field_index(name), name, hot[name].combine_chunks().dictionary_encode())
    days = hot["time"].cast(pa.int64()).to_numpy() // DAY
    for day in np.unique(days):
        yield day_of(int(day) * DAY), hot.filter(pa.array(days == day)).combine_chunks()


def _cut(day: str, low: int | None, high: int | None) -> tuple[int, int] | None:
    """What of a day lies in the span; None for the whole of it."""
    first = int(pc.cast(pa.scalar(day).cast(pa.date32()), pa.int32()).as_py()) * DAY
    begins, ends = max(low or first, first), min(first + DAY if high is None else high, first + DAY)
    return None if (begins, ends) == (first, first + DAY) else (begins, ends)


def _damaged(day: str, error: Exception) -> StorageError:
    words = (str(error).splitlines() or [type(error).__name__])[0]
    return StorageError(f"events of {day} cannot be read: {words}", hint="Restore the part from a backup")
