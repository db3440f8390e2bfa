"""The events that a shop knows: those of every shop (`event_types.yaml`) and those it declared itself (`events.yaml`).

An event of one's own has the type `custom_occurred` and its name in the property `name`; whoever sends one may put the
name where the type goes. A name that nobody declared is refused: names are of one vocabulary, and what varies goes into
properties. So names in memory are bounded, however many a sender invents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, ValidationError, field_validator

from shopr.data.event_schema import EventSchema, Property, written_out
from shopr.data.events import FACTS, Event, EventType
from shopr.errors import DataError, SpecError
from shopr.strict import Strict
from shopr.yamlfile import first_error, in_words, line_of, parse, read_text, refusal

__all__ = ["FILE", "MOST_NAMES", "EventBook"]

FILE = "events.yaml"
"""Where a shop declares events of its own, in the shop's folder."""
MOST_NAMES = 10_000
"""Events that a shop may declare."""
_ENVELOPE = ("event_id", "type", "time", "user_id", "session_id", "properties", "consent", "schema_version", "version")
_NEAR = 500


class _File(Strict):
    version: int = Field(1, ge=1, le=1)
    common: Mapping[str, Property] = Field(default_factory=dict)
    events: Mapping[str, EventSchema] = Field(default_factory=dict, max_length=MOST_NAMES)

    @field_validator("common", mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return written_out(given)

    @field_validator("events")
    @classmethod
    def _named(cls, given: Mapping[str, EventSchema]) -> Mapping[str, EventSchema]:
        for name in given:
            if not (name.isascii() and name.replace("_", "a").isalnum() and name == name.lower() and len(name) <= 64):
                raise ValueError(f"event {name[:70]!r} is no name; write object_verb, such as wishlist_item_added")
        return given


@dataclass(frozen=True)
class EventBook:
    """Declarations of events.

    Attributes:
        types: of every shop, by type.
        own: of this shop, by name.
    """

    types: Mapping[str, EventSchema]
    own: Mapping[str, EventSchema] = field(default_factory=dict)

    @classmethod
    def usual(cls) -> Self:
        """The events of every shop."""
        return cls(_built_in())

    @classmethod
    def load(cls, path: Path) -> Self:
        """With the events that a shop declared in a file; without a file there are none.

        Raises:
            SpecError: naming the file, the line, the key and the nearest known one.
        """
        if not path.exists():
            return cls.usual()
        text = read_text(path, "the shop's events in", hint="Make it readable")
        content, root = parse(path, text, hint="Start with events:")
        found = _checked(path, content, root)
        for name in found.events:
            if name in _built_in() or name == EventType.CUSTOM_OCCURRED:
                line = line_of(root, ("events", name))
                raise SpecError(f"{path}, line {line}: {name} is an event of every shop", hint="Choose another name")
            if "name" in found.events[name].properties:
                line = line_of(root, ("events", name, "properties", "name"))
                raise SpecError(f"{path}, line {line}: name is the event's own", hint="Call the property otherwise")
        common = {**_usual().common, **found.common}
        common.pop("name")  # an event of one's own has its name there
        return cls(_built_in(), {name: _with(schema, common) for name, schema in found.events.items()})

    @property
    def common(self) -> Mapping[str, Property]:
        """What every event may say."""
        return _usual().common

    def settled(self, event: Event) -> Event:
        """The event with its properties checked, and what is not declared kept apart.

        Raises:
            DataError: if a property does not fit, or nobody declared an event of that name.
        """
        if event.type is EventType.CUSTOM_OCCURRED:
            name = event.properties.get("name")
            schema = self._own(name)
            rest = {key: value for key, value in event.properties.items() if key != "name"}
            return event.model_copy(update={"properties": {"name": name, **schema.settled(str(name), rest)}})
        settled = self.types[event.type.value].settled(event.type.value, event.properties)
        return event if settled is event.properties else event.model_copy(update={"properties": settled})

    def event(self, data: Mapping[str, Any]) -> Event:
        """An event from its JSON form, with properties of an earlier `schema_version` brought up to date.

        Raises:
            DataError: naming what does not fit.
        """
        given = data.get("properties")
        if given is not None and not isinstance(given, Mapping):
            raise DataError(f"properties are {str(given)[:40]!r}, no object", hint='Send {"name": value}')
        properties, name = dict(given or {}), data.get("type")
        if not isinstance(name, str):
            raise DataError("type is missing" if name is None else "type is no text", hint="Send the event's type")
        custom = name not in self.types
        if name == EventType.CUSTOM_OCCURRED:
            name = properties.pop("name", None)
        schema = self._own(name) if custom else self.types[name]
        version = data.get("schema_version", schema.version)
        if not isinstance(version, int) or isinstance(version, bool):
            raise DataError(f"schema_version is {str(version)[:40]!r}", hint="Send a whole number")
        properties = schema.upgraded(properties, version)
        strange = {key: value for key, value in data.items() if key not in _ENVELOPE}
        if strange:
            properties = {**properties, **{key: value for key, value in strange.items() if key not in properties}}
        envelope = {
            key: data[key] for key in ("event_id", "time", "user_id", "session_id", "consent", "version") if key in data
        }
        envelope = {key: value for key, value in envelope.items() if value is not None}
        if custom:
            properties = {"name": name, **{key: value for key, value in properties.items() if key != "name"}}
            name = EventType.CUSTOM_OCCURRED.value
        try:
            made = Event.model_validate({**envelope, "type": name, "properties": properties})
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "event"
            words = str(first["msg"]).removeprefix("Value error, ")
            raise DataError(f"{place} is {str(first['input'])[:60]!r}: {words}", hint="Correct it") from None
        return self.settled(made)

    def fact(self, event: Event) -> bool:
        """Whether an event is never sampled."""
        if event.type is not EventType.CUSTOM_OCCURRED:
            return event.type in FACTS
        own = self.own.get(str(event.properties.get("name")))
        return own is not None and own.kept == "fact"

    def from_browsers(self, event: Event) -> bool:
        """Whether a browser may send it."""
        name = event.properties.get("name") if event.type is EventType.CUSTOM_OCCURRED else event.type.value
        found = self.own if event.type is EventType.CUSTOM_OCCURRED else self.types
        return str(name) in found and found[str(name)].browser

    def _own(self, name: Any) -> EventSchema:
        found = self.own.get(name) if isinstance(name, str) else None
        if found is not None:
            return found
        raise DataError(f"event {str(name)[:64]!r} is not declared", hint=self._hint(str(name)[:64]))

    def _hint(self, name: str) -> str:
        """The nearest name. Of ten thousand names only some are compared, so that a wrong one costs little."""
        known = [*self.types, *self.own]
        like = [each for each in known if each[:1] == name[:1] and abs(len(each) - len(name)) <= 3]
        near = get_close_matches(name, (like or known)[:_NEAR], n=1, cutoff=0.6)
        return f"Did you mean {near[0]!r}? Else declare it in {FILE}" if near else f"Declare it in the shop's {FILE}"

    def json_schema(self) -> dict[str, Any]:
        """All events as one JSON Schema (draft 2020-12) of the JSON form."""
        named = {**self.types, **self.own}
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Events of a shop, version 1",
            "description": "Properties that are not declared are taken, and kept apart.",
            "oneOf": [{"$ref": f"#/$defs/{name}"} for name in named],
            "$defs": {name: _envelope(name, schema) for name, schema in named.items()},
        }


def _envelope(name: str, schema: EventSchema) -> dict[str, Any]:
    text = {"type": "string", "minLength": 1, "maxLength": 256}
    properties: dict[str, Any] = {
        "type": "object",
        "properties": {key: each.json_schema() for key, each in schema.properties.items()},
    }
    if schema.required:
        properties["required"] = list(schema.required)
    return {
        "type": "object",
        "description": schema.about,
        "properties": {
            "event_id": text, "type": {"const": name}, "time": {"type": "string", "format": "date-time"},
            "user_id": {**text, "type": ["string", "null"]}, "session_id": {**text, "type": ["string", "null"]},
            "schema_version": {"type": "integer", "minimum": 1, "maximum": schema.version},
            "properties": properties,
        },
        "required": ["type", "time", *(["properties"] if schema.required else [])],
    }  # fmt: skip


@lru_cache(maxsize=1)
def _usual() -> _File:
    path = Path(__file__).with_name("event_types.yaml")
    return _checked(path, *parse(path, path.read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def _built_in() -> dict[str, EventSchema]:
    found = _usual()
    return {name: _with(schema, found.common) for name, schema in found.events.items()}


def _with(schema: EventSchema, common: Mapping[str, Property]) -> EventSchema:
    return schema.model_copy(update={"properties": {**common, **schema.properties}})


def _checked(path: Path, content: dict[str, Any], root: yaml.Node | None) -> _File:
    try:
        return _File.model_validate(content)
    except ValidationError as error:
        first = first_error(error)
        keys = [key for key in first["loc"] if key != "[key]"]
        known = {1: _File.model_fields, 3: EventSchema.model_fields}.get(len(keys), Property.model_fields)
        message, hint = in_words(first, lambda: known)
        raise refusal(f"{path}, line {line_of(root, keys)}", keys, message, hint) from error
