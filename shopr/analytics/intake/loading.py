"""Reading files of events into the store: Parquet or CSV of the flat table, or one envelope a line of JSON.

What is loaded has happened already and was consented to (or not) where it was collected: rows are stored as they are,
without sampling. A bad row is set aside with its reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from shopr.analytics.intake.privacy import private, private_properties
from shopr.analytics.store.cold import SCHEMA, arrow_table
from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.pseudonyms import private_id
from shopr.analytics.store.rows import Row, properties_text, row_of
from shopr.clock import Clock, SystemClock
from shopr.data.checks import validate_events
from shopr.data.event_book import EventBook
from shopr.data.event_schema import UNKNOWN, EventSchema
from shopr.data.events import EVENT_COLUMNS
from shopr.data.sources.files import read_table
from shopr.data.times import implausible
from shopr.errors import DataError
from shopr.redaction import redact, suspect
from shopr.security.intake import Screen

__all__ = ["Loaded", "event_table", "file_blocks", "load_events"]

_BLOCK = 500_000
_NOTHING = EventSchema(about="An event of a shop's own, whose name is no type.")
_LONGEST_LINE = 2_000_000
_MOST_REASONS = 1000
_ATTACK = "an attack in its texts"
_VALUE = re.compile(r"'[^']*'|\b\d[\d:.-]*\b")


@dataclass
class Loaded:
    """What became of a file.

    Attributes:
        rows: events in it. new: stored now; the others were known.
        rejected: rows set aside, by reason. first: the first of them, in words. firsts: the first of each reason.
    """

    rows: int = 0
    new: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    first: str = ""
    firsts: dict[str, str] = field(default_factory=dict)

    def reject(self, reason: str, words: str) -> None:
        """Count a bad row."""
        if reason not in self.rejected and len(self.rejected) >= _MOST_REASONS:
            reason = "other reasons"
        self.rejected[reason] = self.rejected.get(reason, 0) + 1
        self.firsts.setdefault(reason, words)
        self.first = self.first or words


def load_events(
    store: EventStore,
    path: Path,
    *,
    clock: Clock | None = None,
    book: EventBook | None = None,
    screen: Screen | None = None,
) -> Loaded:
    """Store the events of a file; sending one again changes nothing.

    Args:
        book: what events may say; by default what is declared for every shop.
        screen: reads their texts for attacks and keeps what it found; without one they are stored as they are.

    Raises:
        DataError: if the file cannot be read, or has no sound row.
        StorageError: if another process loads or compacts, or the disk refuses.
    """
    done = Loaded()
    done.new = store.load(file_blocks(path, done, clock=clock, book=book, screen=screen))
    if done.rows and not done.new and sum(done.rejected.values()) == done.rows:
        raise DataError(f"{path.name} has no sound event; {done.first}", hint="Check the file")
    return done


def file_blocks(
    path: Path,
    done: Loaded,
    *,
    clock: Clock | None = None,
    book: EventBook | None = None,
    screen: Screen | None = None,
) -> Iterator[Any]:
    """The sound events of a file as Arrow tables in the store's columns; what became of the rest is told in `done`.

    Raises:
        DataError: if the file cannot be read.
    """
    book = book or EventBook.usual()
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return _lines(path, done, book, screen, (clock or SystemClock()).now())
    return _table(path, done, clock, book, screen)


def event_table(frame: pd.DataFrame, book: EventBook | None = None) -> Any:
    """The flat table of events in the store's columns; properties that have a column of their own move there.

    Args:
        book: what is not declared there is kept apart, and what names a person is taken out, as where events are
            collected; None takes everything as it is.
    """
    n = len(frame)
    columns: dict[str, Any] = {}
    spread: tuple[str, ...] = ("page", "device", "release", "name", "value")
    rest = [json.loads(text) if text not in ("{}", "") else {} for text in frame["properties"]]
    consent = [" ".join(each.pop("_consent", ())) for each in rest]
    version = [int(each.pop("_version", 1)) for each in rest]
    for name in spread:
        columns[name] = [each.pop(name, None) for each in rest]
    for name in EVENT_COLUMNS[:-1]:
        columns[name] = frame[name]
    if book is not None:
        rest = [_apart(each, book.types.get(kind, _NOTHING)) for each, kind in zip(rest, frame["type"], strict=True)]
        columns |= {name: _each(frame[name], private_id) for name in ("user_id", "session_id")}
        columns["query"] = _each(frame["query"], _redacted)
    made = {
        "properties": [properties_text(each) if each else "{}" for each in rest],
        "consent": consent, "version": version, "weight": [1.0] * n, "received": frame["time"],
    }  # fmt: skip
    columns |= made
    arrays = [pa.array(columns[f.name], from_pandas=True).cast(f.type, safe=False) for f in SCHEMA]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _apart(properties: dict[str, Any], schema: EventSchema) -> Mapping[str, Any]:
    """What is declared and fits; the rest under `_unknown`. History is not refused for a property."""
    known = schema.fits
    strange = [
        name
        for name, value in properties.items()
        if name not in known or not (value is None or known[name](value) or not schema.properties[name].problem(value))
    ]
    if strange and strange != [UNKNOWN]:
        apart = {name: properties.pop(name) for name in strange}
        before = apart.pop(UNKNOWN, None)
        properties[UNKNOWN] = {**(before if isinstance(before, dict) else {}), **apart}
    return private_properties(properties)


def _redacted(text: str) -> str:
    return redact(text) if suspect(text) else text


def _each(column: pd.Series[Any], change: Callable[[str], str | None]) -> Any:
    """A column of texts with each changed, each different one once."""
    words = column.dropna().unique()
    changed = {word: made for word in words if (made := change(word)) != word}
    return column.replace(changed) if changed else column


def _table(path: Path, done: Loaded, clock: Clock | None, book: EventBook, screen: Screen | None) -> Iterator[Any]:
    table = read_table(path)
    known = table.frame[[c for c in table.frame.columns if c in EVENT_COLUMNS]]
    strange = [c for c in table.frame.columns if c not in EVENT_COLUMNS]
    if strange:
        extra = table.frame[strange].to_dict("records")
        kept = known["properties"] if "properties" in known else pd.Series(["{}"] * len(known))
        known = known.assign(properties=[_joined(text, row) for text, row in zip(kept, extra, strict=True)])
    judged = validate_events(known, clock=clock, file=table.file, rows=table.rows)
    done.rows = len(table.frame)
    for row in judged.rejects.frame.itertuples():
        done.reject(f"{row.column}: {row.reason}", f"row {row.row}: {row.column} {row.reason}")
    good = judged.good
    if screen is not None:
        good, apart = screen.table("events", good)
        for _ in range(len(apart)):
            done.reject(_ATTACK, f"{path.name}: an event with an attack in its texts")
    for at in range(0, len(good), _BLOCK):
        yield event_table(good.iloc[at : at + _BLOCK], book)


def _joined(text: Any, more: Mapping[str, Any]) -> Any:
    """Properties with what stood in columns that no table of events has; as they are where they are none."""
    try:
        held = {} if not isinstance(text, str) or not text else json.loads(text)
    except (ValueError, RecursionError):
        return text
    told = {name: value for name, value in more.items() if not _is_missing(value)}
    return json.dumps({**held, **told}, default=str) if isinstance(held, dict) else text


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _lines(path: Path, done: Loaded, book: EventBook, screen: Screen | None, now: datetime) -> Iterator[Any]:
    rows: list[Row] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                done.rows += 1
                try:
                    if len(line) > _LONGEST_LINE:
                        raise DataError(f"a line of {len(line)} bytes")
                    event = book.event(_object(line))
                    if unlikely := implausible(event.time, now):
                        raise DataError(unlikely)
                    read = event if screen is None else screen.event(event, number)
                    if read is None:
                        raise DataError(_ATTACK)
                    rows.append(row_of(private(read)))
                except (ValueError, DataError, RecursionError, TypeError) as error:
                    done.reject(*_told(error, f"line {number}"))
                if len(rows) >= _BLOCK:
                    yield arrow_table(rows)
                    rows = []
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", hint="Check the path") from error
    if rows:
        yield arrow_table(rows)


def _told(error: Exception, where: str) -> tuple[str, str]:
    """What is wrong with a row as a kind, the same for rows that only differ in their values; and where, in words."""
    words = "the line is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
    return _VALUE.sub("…", words.partition(": ")[0] if ": line " in words else words)[:160], f"{where}: {words[:200]}"


def _object(line: bytes) -> dict[str, Any]:
    found = json.loads(line)
    if not isinstance(found, dict):
        raise DataError(f"{str(found)[:40]!r} is no event", hint="Write one object a line")
    return found
