"""An event as the store keeps it: one tuple in the order of `COLUMNS`.

What most analyses need stands in columns of its own; all else is JSON in `properties`. Tuples and not frames, because
events come one by one and a frame of one row costs a hundred times the event.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shopr.data.events import Event
from shopr.errors import DataError, InputError

__all__ = ["COLUMNS", "LONGEST_PROPERTIES", "Row", "bounds", "microseconds", "moment", "properties_text", "row_of"]

Row = tuple[Any, ...]
_SPREAD = (
    "product_id",
    "quantity",
    "price",
    "currency",
    "order_id",
    "position",
    "source",
    "rating",
    "query",
    "page",
    "device",
    "release",
    "name",
    "value",
)
"""Properties with a column of their own."""
COLUMNS = (
    "event_id", "type", "time", "user_id", "session_id", *_SPREAD, "properties", "consent", "weight", "version",
    "received",
)  # fmt: skip
"""Columns of a row. `time` and `received` are microseconds since 1970 in UTC; `weight` is how many events this one
stands for, 1 / the share that sampling keeps."""
LONGEST_PROPERTIES = 1_100_000
"""Characters of `properties` at most; a property of a megabyte passes, a gigabyte is refused."""
_LENGTHS = {"product_id": 256, "order_id": 256, "source": 256, "page": 512, "device": 32, "release": 128, "name": 256}
_WHOLE = frozenset(("quantity", "price", "position"))
_REAL = frozenset(("rating", "value"))
_PLACES = {name: at for at, name in enumerate(_SPREAD)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True, default=str).encode
_encode_strictly = json.JSONEncoder(
    separators=(",", ":"), sort_keys=True, default=str, ensure_ascii=False, allow_nan=False
).encode
_DOUBTFUL = ("\\ud", "NaN", "Infinity")
"""Where one of these stands in JSON as Python writes it, there may be what no other reader takes."""


def microseconds(when: datetime) -> int:
    """A moment as microseconds since 1970 in UTC, exactly."""
    past = when - _EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


def moment(value: int) -> datetime:
    """The inverse of `microseconds`."""
    seconds, rest = divmod(value, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def row_of(event: Event, *, weight: float = 1.0, received: int = 0, consent: tuple[str, ...] | None = None) -> Row:
    """The event as a row.

    Args:
        weight: how many events it stands for.
        received: when it came in, as microseconds; the event's own time if 0.
        consent: purposes in force; those of the event's own envelope if None.

    Raises:
        DataError: if a property does not fit its column, or all of them together are too long.
    """
    time = microseconds(event.time)
    spread: list[Any] = [None] * len(_SPREAD)
    rest = {}
    for name, value in event.properties.items():
        at = _PLACES.get(name)
        if at is None:
            rest[name] = value
        elif value is not None:
            spread[at] = _fitted(name, value)
    properties = properties_text(rest) if rest else "{}"
    if len(properties) > LONGEST_PROPERTIES:
        raise DataError(
            f"properties of event {event.event_id[:64]!r} have {len(properties)} characters, over {LONGEST_PROPERTIES}",
            hint="Keep long texts elsewhere and send their address",
        )
    words = " ".join(event.consent if consent is None else consent)
    return (
        _stored(event.event_id), event.type.value, time, _stored(event.user_id), _stored(event.session_id), *spread,
        properties, _stored(words), weight, event.version, received or time,
    )  # fmt: skip


def properties_text(properties: Mapping[str, Any]) -> str:
    """Properties as JSON that every reader takes: a text cut within a character, or a number that is none, is common.

    One half of a character in one row would else end every query that looks into the properties of its day.
    """
    text = _encode(properties)
    if any(sign in text for sign in _DOUBTFUL):
        text = _encode_strictly(_finite(properties)).encode("utf-8", "replace").decode()
    return text


def _finite(value: Any) -> Any:
    """The value with null for what JSON has no word for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def _stored(text: str | None) -> str | None:
    """A text that every database takes: without NUL, and without halves of characters."""
    if text is None or text.isascii():
        return text if text is None or "\0" not in text else text.replace("\0", "\ufffd")
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _fitted(name: str, value: Any) -> Any:
    """A property in the type of its column."""
    if name in _WHOLE or name in _REAL:
        return _number(name, value)
    text = value if type(value) is str else str(value)
    if not text.isascii() or "\0" in text:
        text = _stored(text) or ""
    if name == "currency" and len(text) != 3:
        raise DataError(f"currency is {text[:16]!r}", hint="Send an ISO 4217 code such as GBP")
    longest = _LENGTHS.get(name)
    if longest is not None and len(text) > longest:
        return text[:longest] if name in ("page", "device", "release", "name") else _refuse(name, text, longest)
    return text


def _number(name: str, value: Any) -> int | float:
    try:
        if name in _REAL:
            return float(value)
        whole = value if type(value) is int else int(value)
        if (whole == value or isinstance(value, str)) and -(2**63) <= whole < 2**63:
            return whole
    except (TypeError, ValueError, OverflowError):
        pass
    raise DataError(f"property {name} is {str(value)[:64]!r}, which is no number", hint="Send a number")


def _refuse(name: str, text: str, longest: int) -> str:
    raise DataError(f"property {name} has {len(text)} characters, more than {longest}", hint="Send the id alone")


def bounds(start: str | datetime | None, end: str | datetime | None) -> tuple[int | None, int | None]:
    """A span in microseconds: the first that counts, and the first that counts no more.

    Args:
        start, end: first and last UTC day ("2026-11-30"), or moments: `start` included, `end` excluded.

    Raises:
        InputError: if the span is empty, or a day or moment is none.
    """
    low = None if start is None else microseconds(_moment_of(start))
    high = None if end is None else microseconds(_moment_of(end))
    if high is not None and isinstance(end, str):
        high += 86_400_000_000
    if low is not None and high is not None and low >= high:
        raise InputError(f"the span from {start} to {end} is empty", hint="Give the earlier day first")
    return low, high


def _moment_of(value: str | datetime) -> datetime:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InputError(f"{value!r} has no time zone", hint="Give a UTC datetime")
        return value
    try:
        return datetime.fromisoformat(f"{value}T00:00:00+00:00")
    except ValueError:
        raise InputError(f"{value!r} is no day", hint="Write it as 2026-11-30") from None
