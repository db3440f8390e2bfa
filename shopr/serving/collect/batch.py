"""A batch of events as it comes over the wire: read within bounds, each event judged for itself.

    {"sent_at": "2026-11-30T12:00:00Z", "events": [{"event_id": "…", "type": "page_viewed", "time": "…",
     "properties": {"page": "/"}}]}

Whoever sends from a browser can be anybody: a browser names no user, sends no orders, and its ids are kept apart from
ours. Its clock may be wrong: `sent_at` tells by how much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from shopr.analytics.health.errors import browser_error
from shopr.data.event_book import EventBook
from shopr.data.events import Event, EventType
from shopr.errors import DataError, InputError

__all__ = ["LONGEST_BODY", "MOST_EVENTS", "Batch", "Sender", "judged", "read", "read_consent"]

LONGEST_BODY = 512 * 1024
"""Bytes of a batch."""
MOST_EVENTS = 500
"""Events of a batch."""
_LONGEST = 64 * 1024
_DEEPEST = 8
_OLDEST = timedelta(days=30)
_SKEW = timedelta(seconds=2)
"""Clocks that differ by less are left alone."""
_moment = TypeAdapter(datetime)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends.

    Attributes:
        kind: "own" (a page of ours, in its session), "site" (a publishable key) or "server" (a secret key).
        session_id: what every event of it belongs to; "" lets a batch say so itself.
        user_id: who is signed in; "" if nobody is, or if the batch itself says so.
        prefix: what its own ids get in front, so that they are never taken for ours.
        address: of the network, cut.
        device: "mobile" or "desktop", as the browser says of itself; "" if it does not.
    """

    kind: Literal["own", "site", "server"]
    session_id: str = ""
    user_id: str = ""
    prefix: str = ""
    address: str = ""
    device: str = ""

    @property
    def trusted(self) -> bool:
        """Whether it may say who did what."""
        return self.kind == "server"


@dataclass(frozen=True, slots=True)
class Batch:
    """What was sent.

    Attributes:
        events: as given.
        skew: to be added to its times.
        consent: purposes that the sender's page was allowed, with the notice; None if it does not say.
    """

    events: list[Any]
    skew: timedelta
    consent: tuple[tuple[str, ...], str] | None = None


def read(body: bytes, received: datetime) -> Batch:
    """The batch in a request's body.

    Raises:
        InputError: if it is no batch, or too large.
    """
    given = _json(body)
    if isinstance(given, list):
        given = {"events": given}
    if not isinstance(given, dict) or not isinstance(given.get("events"), list):
        raise InputError("the body has no list of events", hint='Send {"events": [...]}')
    events: list[Any] = given["events"]
    if len(events) > MOST_EVENTS:
        raise InputError(f"{len(events)} events in a batch, over {MOST_EVENTS}", hint="Send smaller batches")
    return Batch(events, _skew(given.get("sent_at"), received), _consent(given.get("consent")))


def read_consent(body: bytes) -> tuple[tuple[str, ...], str]:
    """Purposes and notice in a request's body.

    Raises:
        InputError: if they are not as declared.
    """
    found = _consent(_json(body))
    if found is None:
        raise InputError("the body says nothing of consent", hint='Send {"purposes": [...], "notice": "…"}')
    return found


def judged(data: Any, sender: Sender, skew: timedelta, received: datetime, book: EventBook) -> Event:
    """One event of a batch, as it may be recorded.

    Raises:
        DataError: saying what is wrong with it.
    """
    if not isinstance(data, dict):
        raise DataError(f"an event is {str(data)[:40]!r}, no object", hint="Send objects")
    if len(to_json(data)) > _LONGEST:
        raise DataError(f"the event is over {_LONGEST:,} bytes", hint="Send long texts elsewhere")
    if _deeper(data, _DEEPEST):
        raise DataError(f"the event is nested over {_DEEPEST} deep", hint="Send it flatter")
    given = dict(data)
    given["time"] = _time(given.get("time"), skew, received)
    for name in ("event_id", "session_id", "user_id"):
        if given.get(name) is not None and not isinstance(given[name], str):
            raise DataError(f"{name} is {str(given[name])[:40]!r}, no text", hint="Send text")
    if not sender.trusted:
        given = _of_browser(given, sender)
    event = book.event(given)
    if not sender.trusted and not book.from_browsers(event):
        raise DataError(f"{data.get('type')} is not taken from browsers", hint="Send it from a server, by a secret key")
    if not sender.trusted and event.type is EventType.ERROR_RAISED:
        return _grouped(event)
    return event


def _json(body: bytes) -> Any:
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise InputError(f"the body is no JSON: {str(error)[:100]}", hint='Send {"events": [...]}') from None


def _of_browser(given: dict[str, Any], sender: Sender) -> dict[str, Any]:
    if given.get("user_id") is not None:
        raise DataError("a browser does not say who its user is", hint="Leave user_id out")
    properties = given.get("properties")
    if properties is not None and not isinstance(properties, Mapping):
        raise DataError(f"properties are {str(properties)[:40]!r}, no object", hint='Send {"name": value}')
    properties = dict(properties or {})
    if isinstance(properties.get("device_id"), str):
        properties["device_id"] = f"{sender.prefix}{properties['device_id']}"
    if sender.device and not properties.get("device"):
        properties["device"] = sender.device
    if sender.address and given.get("type") == EventType.PAGE_VIEWED:
        properties["ip"] = sender.address
    session = sender.session_id or (f"{sender.prefix}{given['session_id']}" if given.get("session_id") else None)
    given |= {"properties": properties, "session_id": session, "user_id": sender.user_id or None}
    if given.get("event_id"):
        given["event_id"] = f"{sender.prefix}{given['event_id']}"
    return {name: value for name, value in given.items() if name != "consent"}


def _grouped(event: Event) -> Event:
    """A browser's error with its fingerprint, made from the documented JSON form."""
    said = event.properties
    form = {"type": said.get("name"), **{n: said.get(n) for n in ("message", "stack", "page", "release", "device")}}
    made = browser_error({name: value for name, value in form.items() if value})
    more = {name: value for name, value in said.items() if name not in made.properties and name != "fingerprint"}
    return event.model_copy(update={"properties": {**more, **made.properties}})


def _time(value: Any, skew: timedelta, received: datetime) -> datetime:
    """When it happened, by our clock: never after it was received."""
    try:
        when = _moment.validate_python(value)
    except ValidationError:
        raise DataError(f"time is {str(value)[:40]!r}", hint="Send a time such as 2026-11-30T12:00:00Z") from None
    if when.tzinfo is None:
        raise DataError(f"time {str(value)[:40]!r} has no zone", hint="Send a time such as 2026-11-30T12:00:00Z")
    try:
        when = min(when.astimezone(UTC) + skew, received)
    except OverflowError:
        raise DataError(f"time is {str(value)[:40]!r}", hint="Send a time of these years") from None
    if when < received - _OLDEST:
        raise DataError(f"the event is older than {_OLDEST.days} days", hint="Load history by 'shopr events load'")
    return when


def _skew(sent: Any, received: datetime) -> timedelta:
    """How much a sender's clock is behind ours; the time on the way, which nobody knows, counts as none."""
    if sent is None:
        return timedelta(0)
    try:
        moment = _moment.validate_python(sent)
        behind = received - moment.astimezone(UTC) if moment.tzinfo is not None else timedelta(0)
    except (ValidationError, OverflowError):
        raise InputError(f"sent_at is {str(sent)[:40]!r}", hint="Send a time such as 2026-11-30T12:00:00Z") from None
    return timedelta(0) if abs(behind) < _SKEW else behind


def _consent(given: Any) -> tuple[tuple[str, ...], str] | None:
    if given is None:
        return None
    purposes = given.get("purposes") if isinstance(given, dict) else None
    notice = given.get("notice") if isinstance(given, dict) else None
    if isinstance(purposes, list) and all(isinstance(each, str) for each in purposes) and isinstance(notice, str):
        return tuple(purposes), notice
    raise InputError("consent is not as declared", hint='Send {"purposes": ["analytics"], "notice": "2026-01"}')


def _deeper(value: Any, left: int) -> bool:
    if isinstance(value, dict):
        return left == 0 or any(_deeper(each, left - 1) for each in value.values())
    return isinstance(value, list) and (left == 0 or any(_deeper(each, left - 1) for each in value))
