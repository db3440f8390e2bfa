"""What an event of a type may say: declared properties with their types, as data, and how older versions become newer.

    wishlist_item_added:
      about: A shopper put a product on a wish list.
      version: 2
      properties:
        product_id: {type: id, required: true}
        list: {type: text, longest: 64}
      upgrades:
        1: {rename: {sku: product_id}}        # from version 1 to version 2

A property that is declared is checked. What is not declared is kept apart, under `_unknown`: not lost, and not taken
for what was declared.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sized
from functools import cached_property
from numbers import Integral, Real
from sys import float_info
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from shopr.errors import DataError
from shopr.strict import Strict

__all__ = ["SCHEMA", "UNKNOWN", "EventSchema", "Kind", "Property", "Upgrade", "written_out"]

UNKNOWN = "_unknown"
"""Property under which an event's undeclared properties are kept."""
SCHEMA = "_schema"
"""Property that tells the version of the schema, where it is not the first."""
Kind = Literal["id", "text", "whole", "number", "flag", "list", "object"]
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,63}$")
_TYPES: Mapping[str, type] = {
    "id": str, "text": str, "whole": int, "number": float, "flag": bool, "list": list, "object": dict,
}  # fmt: skip
_WORDS = {
    "id": "a text of 1 to 256 characters", "text": "a text", "whole": "a whole number", "number": "a number",
    "flag": "true or false", "list": "a list", "object": "an object",
}  # fmt: skip
_JSON = {
    "id": "string", "text": "string", "whole": "integer", "number": "number", "flag": "boolean", "list": "array",
    "object": "object",
}  # fmt: skip
_SHOWN = 60
_LARGEST = float_info.max


class Property(Strict):
    """One declared property.

    Attributes:
        type: id (a text of 1 to 256 characters), text, whole, number, flag, list or object.
        about: what it says.
        required: whether an event without it is refused.
        words: the texts that it may be; any if empty.
        least, most: bounds of a number.
        longest: most characters of a text, or entries of a list.
    """

    type: Kind
    about: str = Field("", max_length=300)
    required: bool = False
    words: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    longest: int | None = Field(None, ge=1, le=1_100_000)

    @model_validator(mode="after")
    def _meant(self) -> Property:
        number, sized = self.type in ("whole", "number"), self.type in ("text", "list")
        for given, fits, what in (
            (self.words, self.type == "text", "words"),
            (self.least is not None or self.most is not None, number, "least and most"),
            (self.longest is not None, sized, "longest"),
        ):
            if given and not fits:
                raise ValueError(f"{what} mean nothing for a property of type {self.type}")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"least {self.least:g} is above most {self.most:g}")
        return self

    @cached_property
    def fits(self) -> Callable[[Any], bool]:
        """Whether a value surely fits, told quickly; what does not is looked at by `problem`."""
        low = -_LARGEST if self.least is None else self.least
        high = _LARGEST if self.most is None else self.most
        most = 256 if self.type == "id" else self.longest or _LARGEST
        if self.words:
            return lambda value: value.__class__ is str and value in self.words
        if self.type in ("id", "text"):
            least = int(self.type == "id")
            return lambda value: value.__class__ is str and least <= len(value) <= most
        if self.type == "whole":
            return lambda value: value.__class__ is int and low <= value <= high
        if self.type == "number":
            return lambda value: (value.__class__ is float or value.__class__ is int) and low <= value <= high
        kind: Any = _TYPES[self.type]
        return lambda value: value.__class__ is kind and (kind is bool or len(value) <= most)

    def problem(self, value: Any) -> str:
        """What is wrong with a value, in words; "" if nothing is."""
        if not self._typed(value):
            return f"is {_shown(value)}, not {_WORDS[self.type]}"
        if isinstance(value, str):
            longest = 256 if self.type == "id" else self.longest
            if longest is not None and len(value) > longest:
                return f"has {len(value)} characters, the bound is {longest}"
            if self.words and value not in self.words:
                return f"is {_shown(value)}; known: {', '.join(self.words)}"
        elif self.longest is not None and isinstance(value, Sized) and len(value) > self.longest:
            return f"has {len(value)} entries, the bound is {self.longest}"
        elif self.least is not None and value < self.least:
            return f"is {value}, below {self.least:g}"
        elif self.most is not None and value > self.most:
            return f"is {value}, above {self.most:g}"
        return ""

    def _typed(self, value: Any) -> bool:
        if self.type == "id":
            return isinstance(value, str) and value != ""
        if self.type == "whole":
            return isinstance(value, Integral) and not isinstance(value, bool)
        if self.type == "number":
            return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
        if self.type == "list":
            return isinstance(value, list | tuple)
        return isinstance(value, Mapping if self.type == "object" else _TYPES[self.type])

    def json_schema(self) -> dict[str, Any]:
        """The property in JSON Schema."""
        made: dict[str, Any] = {"type": [_JSON[self.type], "null"] if not self.required else _JSON[self.type]}
        if self.about:
            made["description"] = self.about
        if self.type == "id":
            made |= {"minLength": 1, "maxLength": 256}
        if self.words:
            made["enum"] = [*self.words, *([] if self.required else [None])]
        if self.longest is not None:
            made["maxLength" if self.type == "text" else "maxItems"] = self.longest
        bounds = {"minimum": self.least, "maximum": self.most}
        return made | {name: bound for name, bound in bounds.items() if bound is not None}


class Upgrade(Strict):
    """From one version to the next.

    Attributes:
        rename: earlier name -> name.
        defaults: property -> its value where there is none.
        remove: properties that are no longer declared; they are kept apart as unknown.
    """

    rename: Mapping[str, str] = Field(default_factory=dict)
    defaults: Mapping[str, Any] = Field(default_factory=dict)
    remove: tuple[str, ...] = ()

    def of(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """The properties of the next version; those given are left as they are. A later name that is there stays."""
        kept = {name: value for name, value in properties.items() if name not in self.rename}
        for earlier, name in self.rename.items():
            if earlier in properties:
                if kept.get(name) is None:
                    kept[name] = properties[earlier]
                else:
                    kept[earlier] = properties[earlier]
        return {**{name: value for name, value in self.defaults.items() if name not in kept}, **kept}


class EventSchema(Strict):
    """A type of event.

    Attributes:
        about: what happened when there is one.
        version: of this declaration.
        browser: whether a browser may send it; what has money or trust in it comes from servers alone.
        kept: "fact" is never sampled, "behaviour" is. Only for events of one's own.
        properties: name -> declaration.
        upgrades: earlier version -> what leads to the next one.
    """

    about: str = Field(min_length=1, max_length=300)
    version: int = Field(1, ge=1, le=1000)
    browser: bool = True
    kept: Literal["fact", "behaviour"] = "behaviour"
    properties: Mapping[str, Property] = Field(default_factory=dict, max_length=200)
    upgrades: Mapping[int, Upgrade] = Field(default_factory=dict)

    @field_validator("properties", mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return written_out(given)

    @field_validator("properties")
    @classmethod
    def _named(cls, given: Mapping[str, Property]) -> Mapping[str, Property]:
        for name in given:
            if not _NAME.match(name):
                raise ValueError(f"property {name[:70]!r} is no name; use small letters, digits and _, at most 64")
        return given

    @model_validator(mode="after")
    def _steps(self) -> EventSchema:
        for step in self.upgrades:
            if not 1 <= step < self.version:
                raise ValueError(f"an upgrade from version {step} leads nowhere: the version is {self.version}")
        for name in (n for upgrade in self.upgrades.values() for n in (*upgrade.rename.values(), *upgrade.defaults)):
            if not _NAME.match(name):
                raise ValueError(f"an upgrade makes {name[:70]!r}, which is no name of a property")
        return self

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The properties without which an event is refused."""
        return tuple(name for name, each in self.properties.items() if each.required)

    @cached_property
    def fits(self) -> dict[str, Callable[[Any], bool]]:
        """Property -> whether a value surely fits."""
        return {name: each.fits for name, each in self.properties.items()}

    def upgraded(self, properties: Mapping[str, Any], version: int) -> dict[str, Any]:
        """Properties of an earlier version as those of this one. Nothing else is read and nothing is changed in place.

        Raises:
            DataError: if the version is later than this one, or below 1.
        """
        if not 1 <= version <= self.version:
            raise DataError(f"schema_version is {version}, the newest is {self.version}", hint="Declare it first")
        made = dict(properties)
        for step in range(version, self.version):
            if step in self.upgrades:
                made = self.upgrades[step].of(made)
        return made

    def settled(self, name: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        """Properties that were checked, those undeclared apart; the same object where nothing had to be moved.

        Args:
            name: the event's, for errors.

        Raises:
            DataError: naming the property, its value and its bound.
        """
        known, strange = self.fits, []
        for key, value in properties.items():
            if key not in known:
                strange.append(key)
            elif value is not None and not known[key](value):
                if isinstance(value, np.bool | np.integer | np.float64 | np.str_):  # out of an array: JSON knows none
                    return self.settled(name, {**properties, key: value.item()})
                problem = self.properties[key].problem(value)
                if problem:
                    raise DataError(f"{key} of {name} {problem}", hint="Send what 'shopr events schema' declares")
        for key in self.required:
            if properties.get(key) is None:
                raise DataError(f"{name} has no {key}", hint=f"Send it: {_WORDS[self.properties[key].type]}")
        if not strange and self.version == 1:
            return properties
        made = {key: value for key, value in properties.items() if key in known}
        # What was settled before stays as it is; whoever sends other things under our own names keeps them.
        before = properties.get(UNKNOWN)
        own = {SCHEMA} if properties.get(SCHEMA) == self.version else set()
        own |= {UNKNOWN} if isinstance(before, Mapping) else set()
        apart = {
            **(before if isinstance(before, Mapping) else {}),
            **{k: properties[k] for k in strange if k not in own},
        }
        if apart:
            made[UNKNOWN] = apart
        if self.version > 1:
            made[SCHEMA] = self.version
        return made


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def written_out(given: Any) -> Any:
    """Declarations with `name: text` written out as `name: {type: text}`."""
    if not isinstance(given, Mapping):
        return given
    return {name: {"type": value} if isinstance(value, str) else value for name, value in given.items()}
