"""What happens in a shop, one vocabulary everywhere: event types, the envelope, and the flat table for analysis.

Importers map other words to these. Envelope and table hold the same facts: the table spreads the properties that most
analyses need over columns, and keeps the rest as JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self
from uuid import uuid4

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from shopr.data.ids import IdMap
from shopr.data.interactions import Interactions
from shopr.data.times import TIME_DTYPE, unix_seconds
from shopr.errors import DataError, UnknownNameError
from shopr.strict import Strict

__all__ = [
    "BEHAVIOUR",
    "DIAGNOSTICS",
    "ENVELOPE_VERSION",
    "EVENT_COLUMNS",
    "FACTS",
    "Event",
    "EventType",
    "empty_events",
    "events_frame",
    "interactions_from_events",
    "ratings_from_events",
]

ENVELOPE_VERSION = 1


class EventType(StrEnum):
    """Everything a shop records: object_verb, past tense."""

    PAGE_VIEWED = "page_viewed"
    SEARCH_PERFORMED = "search_performed"
    PRODUCT_SHOWN = "product_shown"
    PRODUCT_CLICKED = "product_clicked"
    PRODUCT_VIEWED = "product_viewed"
    CART_ITEM_ADDED = "cart_item_added"
    CART_ITEM_REMOVED = "cart_item_removed"
    CHECKOUT_STARTED = "checkout_started"
    ORDER_COMPLETED = "order_completed"
    ORDER_RETURNED = "order_returned"
    MESSAGE_SENT = "message_sent"
    REPLY_SHOWN = "reply_shown"
    RECOMMENDATION_SHOWN = "recommendation_shown"
    RECOMMENDATION_CLICKED = "recommendation_clicked"
    IMAGE_SEARCHED = "image_searched"
    VOICE_USED = "voice_used"
    FEEDBACK_GIVEN = "feedback_given"
    ERROR_RAISED = "error_raised"
    VITAL_MEASURED = "vital_measured"
    API_CALLED = "api_called"
    THREAT_DETECTED = "threat_detected"
    CONSENT_CHANGED = "consent_changed"
    EXPERIMENT_EXPOSED = "experiment_exposed"
    MODEL_PROMOTED = "model_promoted"
    PROCESS_MEASURED = "process_measured"
    CUSTOM_OCCURRED = "custom_occurred"
    """An event that a shop declared itself; the property `name` tells which (see `shopr.data.event_book`)."""


FACTS = frozenset(
    {
        EventType.PRODUCT_SHOWN,
        EventType.PRODUCT_CLICKED,
        EventType.CART_ITEM_ADDED,
        EventType.CART_ITEM_REMOVED,
        EventType.CHECKOUT_STARTED,
        EventType.ORDER_COMPLETED,
        EventType.ORDER_RETURNED,
        EventType.RECOMMENDATION_SHOWN,
        EventType.RECOMMENDATION_CLICKED,
        EventType.FEEDBACK_GIVEN,
        EventType.THREAT_DETECTED,
        EventType.CONSENT_CHANGED,
        EventType.EXPERIMENT_EXPOSED,
        EventType.MODEL_PROMOTED,
    }
)
"""Never sampled: orders, cart, impressions, clicks, exposures, consent, verdicts, feedback."""
DIAGNOSTICS = frozenset(
    {EventType.ERROR_RAISED, EventType.VITAL_MEASURED, EventType.API_CALLED, EventType.PROCESS_MEASURED}
)
"""About the machinery; sampled under load."""
BEHAVIOUR = frozenset(EventType) - FACTS - DIAGNOSTICS
"""What shoppers do beside the facts; sampled by shopper, so that a journey is kept whole or not at all."""

TEXT_COLUMNS = ("event_id", "type", "user_id", "session_id", "product_id", "currency", "order_id", "source", "query")
WHOLE_COLUMNS = ("quantity", "price", "position")
EVENT_COLUMNS = (
    "event_id",
    "type",
    "time",
    "user_id",
    "session_id",
    "product_id",
    "quantity",
    "price",
    "currency",
    "order_id",
    "position",
    "source",
    "rating",
    "query",
    "properties",
)
"""Columns of the flat table. Text is `str` (missing: NA), `time` datetime64[us, UTC], `quantity`, `price` (minor units
of `currency`, of one piece) and `position` (from 1) Int64, `rating` float64 (missing: NaN), `properties` JSON text of
an object. `order_completed` and `order_returned` have one row an order line, quantity > 0 in both."""
_PROPERTY_COLUMNS = EVENT_COLUMNS[5:-1]


class Event(Strict):
    """One event in its envelope.

    `consent` names the purposes the shopper had agreed to; `version` is that of the envelope's layout.
    """

    event_id: str = Field(default_factory=lambda: uuid4().hex, min_length=1, max_length=256)
    type: EventType
    time: datetime
    user_id: str | None = Field(default=None, min_length=1, max_length=256)
    session_id: str | None = Field(default=None, min_length=1, max_length=256)
    properties: dict[str, Any] = Field(default_factory=dict)
    consent: tuple[str, ...] = ()
    version: int = Field(default=ENVELOPE_VERSION, ge=1, le=ENVELOPE_VERSION)

    @field_validator("time")
    @classmethod
    def _in_utc(cls, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError("time has no time zone; give a UTC datetime")
        return value.astimezone(UTC)

    def to_row(self) -> dict[str, Any]:
        """The event as one row of the flat table; consent and version go with the remaining properties."""
        rest = dict(self.properties)
        row: dict[str, Any] = {name: rest.pop(name, None) for name in _PROPERTY_COLUMNS}
        if self.consent:
            rest["_consent"] = list(self.consent)
        if self.version != 1:
            rest["_version"] = self.version
        row |= {name: getattr(self, name) for name in ("event_id", "time", "user_id", "session_id")}
        row["type"] = self.type.value
        row["properties"] = json.dumps(rest, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return row

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """The inverse of `to_row`."""
        rest: dict[str, Any] = json.loads(row.get("properties") or "{}")
        consent, version = rest.pop("_consent", ()), rest.pop("_version", 1)
        for name in _PROPERTY_COLUMNS:
            value = row.get(name)
            if value is not None and not pd.isna(value):
                rest[name] = value.item() if isinstance(value, np.generic) else value
        known = {n: None if pd.isna(row.get(n)) else row[n] for n in ("user_id", "session_id")}
        return cls(
            event_id=row["event_id"],
            type=row["type"],
            time=pd.Timestamp(row["time"]).to_pydatetime(),
            properties=rest,
            consent=tuple(consent),
            version=version,
            **known,
        )


def events_frame(events: Iterable[Event] | pd.DataFrame | dict[str, Any]) -> pd.DataFrame:
    """The flat table with its exact columns and types, from envelopes, or from a table that holds some of the columns.

    Values are taken as they are (a wrong one raises); `shopr.data.checks.validate_events` judges rows from outside.

    Raises:
        DataError: if a column is not of the table.
    """
    if isinstance(events, (pd.DataFrame, dict)):
        frame = pd.DataFrame(events)
    else:
        frame = pd.DataFrame([event.to_row() for event in events], columns=list(EVENT_COLUMNS))
    strange = [str(c) for c in frame.columns if c not in EVENT_COLUMNS]
    if strange:
        raise DataError(f"events: column {strange[0]!r} is not known", hint="Put other values into 'properties'")
    n = len(frame)
    columns: dict[str, pd.Series[Any]] = {}
    for name in EVENT_COLUMNS:
        column: Any = frame[name].reset_index(drop=True) if name in frame else pd.Series([None] * n, dtype=object)
        if name == "time":
            columns[name] = pd.to_datetime(column, utc=True).astype(TIME_DTYPE)
        elif name == "rating":
            columns[name] = column.astype("float64")
        elif name in WHOLE_COLUMNS:
            columns[name] = column.astype("Int64")
        elif name == "properties":
            columns[name] = column.astype("str").fillna("{}")
        else:
            columns[name] = column.astype("str")
    return pd.DataFrame(columns, columns=list(EVENT_COLUMNS))


def empty_events() -> pd.DataFrame:
    """The flat table without rows."""
    return events_frame([])


def interactions_from_events(
    events: pd.DataFrame,
    types: Sequence[str] = (EventType.ORDER_COMPLETED,),
    *,
    weights: dict[str, float] | None = None,
    user_ids: IdMap | None = None,
    item_ids: IdMap | None = None,
    timed: bool = True,
) -> Interactions:
    """Events of the given types as interactions, in order of time; events without shopper or product are left out.

    Args:
        events: the flat table.
        types: event types that count as an interaction.
        weights: weight of each type; 1 where not named.
        user_ids, item_ids: id maps to use; rows outside them are left out. By default the sorted ids found.
        timed: whether the times mean something; without, the interactions carry none.

    Raises:
        UnknownNameError: if a type is not in the vocabulary.
        DataError: if a weight is not above zero.
    """
    for name in [*types, *(weights or {})]:
        if name not in set(EventType):
            raise UnknownNameError("event type", str(name), [t.value for t in EventType])
    wanted = events["type"].isin([str(t) for t in types]) & events["user_id"].notna() & events["product_id"].notna()
    rows = events.loc[wanted.to_numpy(dtype=bool), ["type", "time", "user_id", "product_id", "rating"]]
    rows = rows.sort_values("time", kind="stable", ignore_index=True)
    frame = pd.DataFrame({"user": rows["user_id"], "item": rows["product_id"]})
    if timed:
        frame["timestamp"] = unix_seconds(rows["time"])
    if weights:
        frame["weight"] = rows["type"].map({str(k): float(v) for k, v in weights.items()}).fillna(1.0)
    if rows["rating"].notna().any():
        frame["rating"] = rows["rating"]
    return Interactions.from_frame(frame, user_ids=user_ids, item_ids=item_ids)


def ratings_from_events(
    events: pd.DataFrame, *, user_ids: IdMap | None = None, item_ids: IdMap | None = None
) -> Interactions | None:
    """Star ratings (`feedback_given` rows that have one) as interactions with `ratings`; None if nobody rated."""
    rated = events[(events["type"] == EventType.FEEDBACK_GIVEN.value) & events["rating"].notna()]
    if not len(rated):
        return None
    return interactions_from_events(rated, (EventType.FEEDBACK_GIVEN,), user_ids=user_ids, item_ids=item_ids)
