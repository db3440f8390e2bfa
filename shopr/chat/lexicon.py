"""The words of one language: what `locales/<language>/lexicon.yaml` must look like, checked when it is loaded."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shopr.errors import SpecError, UnknownNameError

__all__ = ["LANGUAGES", "Lexicon", "PricePatterns", "lexicon", "missing", "spoken"]

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "tr", "hi", "ar", "zh", "ja")
"""The languages that the assistant may come to speak; those with a folder under `locales` it speaks."""

Words = list[Annotated[str, Field(min_length=1, max_length=80)]]
Table = dict[str, Words]


class PricePatterns(BaseModel):
    """How the language bounds a price; `{p}` and `{q}` stand for amounts. `limits` name a highest price alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max: Words
    min: Words
    between: Words
    around: Words
    limits: Words = []

    @model_validator(mode="after")
    def _slots(self) -> PricePatterns:
        for name in ("max", "min", "around"):
            for pattern in getattr(self, name):
                if pattern.count("{p}") != 1 or "{q}" in pattern:
                    raise ValueError(f"prices.{name}: {pattern!r} must hold {{p}} once and no {{q}}")
        for pattern in self.between:
            if pattern.count("{p}") != 1 or pattern.count("{q}") != 1:
                raise ValueError(f"prices.between: {pattern!r} must hold {{p}} and {{q}} once each")
        return self


class OrdinalGroups(BaseModel):
    """The first or last `{n}` of a list; a phrase without `{n}` names two."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: Words
    last: Words


class Lexicon(BaseModel):
    """One language's words, by what they mean. The keys of every table are the same in all languages.

    Attributes:
        language, name: BCP 47 code, and the language's name in itself.
        spaces: whether words are written apart; else every Han or Kana character is a token of its own.
        stemmer: a Snowball stemmer's name, or "" for none.
        decompound: whether an unknown word may be a compound of known ones (German, Dutch).
        decimal: the decimal mark of prices.
        suffixes: endings that may be glued to a word or follow its apostrophe (Turkish -de, -nin; Hindi postpositions).
        prefixes: what may be glued before a word (Arabic "to the", "with the").
        others: see `locales/README.md`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    language: str
    name: str
    spaces: bool = True
    stemmer: str = ""
    decompound: bool = False
    decimal: str = Field(".", pattern=r"^[.,٫]$")
    suffixes: Words = []
    prefixes: Words = []
    numbers: dict[int, Words]
    scales: dict[int, Words] = {}
    ordinals: dict[int, Words]
    ordinal_groups: OrdinalGroups
    currencies: Table
    cents: Words
    prices: PricePatterns
    colours: Table
    materials: Table
    attributes: Table
    units: Table
    concepts: Table
    groups: Table
    commands: Table
    markers: Table
    anaphora: Table
    languages: Table
    language_switch: Words
    recipients: Table
    injection: Words
    tone: Table
    stopwords: Words


TABLES = (
    "currencies",
    "colours",
    "materials",
    "attributes",
    "units",
    "concepts",
    "groups",
    "commands",
    "markers",
    "anaphora",
    "languages",
    "recipients",
    "tone",
)
"""The tables whose keys every language shares with English."""


@cache
def lexicon(language: str) -> Lexicon:
    """The words of one language.

    Raises:
        UnknownNameError: if the assistant does not speak it.
        SpecError: if its file is wrong, naming the place.
    """
    place = files(__package__).joinpath("locales", language, "lexicon.yaml")
    if language not in LANGUAGES or not place.is_file():
        raise UnknownNameError("language", language, spoken())
    try:
        found = Lexicon.model_validate(_read(place.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        where = " ".join(str(error).split())[:300]
        raise SpecError(f"lexicon of {language!r}: {where}", hint="See shopr/chat/locales/README.md") from error
    strange = [f"{table}.{key}" for table, keys in _differences(found).items() for key in keys[1]]
    if strange:
        raise SpecError(
            f"lexicon of {language!r}: {strange[0]!r} is a key that English does not have",
            hint="Add it to locales/en/lexicon.yaml, or correct it",
        )
    return found


def spoken() -> tuple[str, ...]:
    """The languages that have a lexicon, English first."""
    root = files(__package__).joinpath("locales")
    return tuple(code for code in LANGUAGES if root.joinpath(code, "lexicon.yaml").is_file())


def missing(language: str) -> dict[str, list[str]]:
    """Table -> the keys of English that a language has no word for."""
    return {table: keys[0] for table, keys in _differences(lexicon(language)).items() if keys[0]}


def _differences(found: Lexicon) -> dict[str, tuple[list[str], list[str]]]:
    """Table -> (keys that only English has, keys that only this language has)."""
    english = found if found.language == "en" else lexicon("en")
    out = {}
    for table in TABLES:
        mine, theirs = getattr(found, table), getattr(english, table)
        out[table] = ([k for k in theirs if not mine.get(k)], [k for k in mine if k not in theirs])
    return out


def _read(text: str) -> Any:
    return yaml.load(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # all texts: "no" is a word, not false
