"""What season it is and which occasions are near, by country and language: for suggestions, never for facts.

The days are in `calendar.yaml`: fixed ones, ones that move by rule, and lunar ones as a table for 2024–2030; outside
those years lunar occasions are left out rather than guessed.
"""

from __future__ import annotations

import calendar as months
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from shopr.chat.language import base_language

__all__ = ["Occasion", "country_of", "easter", "is_weekend", "occasions", "season", "seasonal"]

_FILE = Path(__file__).with_name("calendar.yaml")
_SEASONS = ("winter", "spring", "summer", "autumn")


@dataclass(frozen=True)
class Occasion:
    """An occasion that is near.

    Attributes:
        key: its name in the file. name: its name in the language asked for.
        day: when it begins. days_left: until then; 0 or less while it lasts.
        concepts: kinds of product that people buy for it.
    """

    key: str
    name: str
    day: date
    days_left: int
    concepts: tuple[str, ...]


@lru_cache(maxsize=1)
def _data() -> Mapping[str, Any]:
    loaded = yaml.load(_FILE.read_text(encoding="utf-8"), Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    return dict(loaded)


def country_of(language: str) -> str:
    """The country of a BCP 47 tag, "pt-PT" → "PT"; else the one taken for the language."""
    parts = language.replace("_", "-").split("-")
    for part in parts[1:]:
        if len(part) == 2 and part.isalpha():
            return part.upper()
    return str(_data()["home"].get(base_language(language), "GB"))


def season(today: date, country: str) -> str:
    """Meteorological season: spring, summer, autumn or winter, turned round south of the equator."""
    north = today.month % 12 // 3
    return _SEASONS[(north + 2) % 4 if country.upper() in _data()["southern"] else north]


def seasonal(today: date, country: str) -> tuple[str, ...]:
    """Kinds of product of the season."""
    return tuple(_data()["seasons"][season(today, country)])


def is_weekend(today: date, country: str) -> bool:
    """Whether people are off work on that day of the week."""
    return str(today.isoweekday()) in _data()["weekends"].get(country.upper(), ["6", "7"])


def occasions(today: date, language: str, *, country: str | None = None) -> list[Occasion]:
    """Occasions of a country that shoppers buy for today, the nearest first.

    Args:
        today: the day in the shop's time zone.
        language: of the names; decides the country where none is given.
        country: ISO 3166 code.
    """
    place = (country or country_of(language)).upper()
    found = []
    for key, entry in _data()["occasions"].items():
        if entry["countries"] != "all" and place not in entry["countries"]:
            continue
        lasts = int(entry.get("lasts", 1))
        for day in _days(entry, today):
            left = (day - today).days
            if -lasts < left <= int(entry["days"]):
                names = entry["names"]
                name = str(names.get(base_language(language), names["en"]))
                found.append(Occasion(str(key), name, day, left, tuple(entry["ideas"])))
    return sorted(found, key=lambda occasion: (occasion.day, occasion.key))


def _days(entry: Mapping[str, Any], today: date) -> Iterator[date]:
    """The days of an occasion in the years around today."""
    for year in (today.year - 1, today.year, today.year + 1):
        if "on" in entry:
            yield _day(year, entry["on"])
        elif "easter" in entry:
            yield easter(year) + timedelta(days=int(entry["easter"]))
        elif "weekday" in entry:
            month, weekday, nth = (int(n) for n in entry["weekday"])
            yield _nth(year, month, weekday, nth)
        elif (day := _data()["tables"][entry["table"]].get(str(year))) is not None:
            yield _day(year, day)


def _day(year: int, text: str) -> date:
    month, day = text.split("-")
    return date(year, int(month), int(day))


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    """The nth (from 1; -1 the last) day of a week, 1 = Monday, in a month."""
    days = [d for d in range(1, months.monthrange(year, month)[1] + 1) if date(year, month, d).isoweekday() == weekday]
    return date(year, month, days[nth - 1 if nth > 0 else nth])


def easter(year: int) -> date:
    """Easter Sunday in the Gregorian calendar, by the anonymous algorithm (Meeus 1991, "Astronomical Algorithms")."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    f = (b + 8) // 25
    g = (b - f + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)
