"""The calendar: known days of festivals, seasons by hemisphere, weekends by country."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from shopr.chat.calendar import _data, country_of, easter, is_weekend, occasions, season, seasonal
from shopr.chat.language import SUPPORTED
from shopr.chat.lexicon import lexicon


def _keys(day: date, language: str, country: str | None = None) -> dict[str, int]:
    return {o.key: o.days_left for o in occasions(day, language, country=country)}


@pytest.mark.parametrize(
    ("year", "day"), [(2024, (3, 31)), (2025, (4, 20)), (2026, (4, 5)), (2030, (4, 21)), (2038, (4, 25))]
)
def test_easter(year: int, day: tuple[int, int]) -> None:
    assert easter(year) == date(year, *day)


@pytest.mark.parametrize(
    ("today", "language", "key", "left"),
    [
        (date(2026, 12, 1), "de", "christmas", 24),
        (date(2026, 2, 10), "zh", "lunar_new_year", 7),
        (date(2026, 11, 1), "hi", "diwali", 7),
        (date(2026, 11, 20), "en-US", "thanksgiving", 6),
        (date(2026, 5, 5), "de", "mothers_day", 5),
        (date(2026, 5, 25), "fr", "mothers_day_fr", 6),
        (date(2026, 3, 10), "en", "mothers_day_gb", 5),
        (date(2026, 12, 28), "es", "three_kings", 9),
        (date(2026, 2, 20), "ar", "ramadan", -2),
        (date(2026, 6, 10), "pt-BR", "brazil_valentine", 2),
    ],
)
def test_known_occasions(today: date, language: str, key: str, left: int) -> None:
    assert _keys(today, language)[key] == left


def test_names_are_in_the_language_and_the_nearest_comes_first() -> None:
    found = occasions(date(2026, 12, 1), "de")
    assert [o.name for o in found] == ["Nikolaus", "Weihnachten"]


def test_what_a_country_does_not_keep_is_not_named() -> None:
    assert "thanksgiving" not in _keys(date(2026, 11, 20), "de")
    assert "christmas" not in _keys(date(2026, 12, 10), "tr")


def test_outside_the_table_lunar_days_are_left_out() -> None:
    assert "lunar_new_year" not in _keys(date(2035, 2, 1), "zh")


def test_every_idea_is_a_concept_and_every_lunar_table_covers_its_years() -> None:
    concepts = set(lexicon("en").concepts)
    data = _data()
    for entry in data["occasions"].values():
        assert set(entry["ideas"]) <= concepts
        assert "en" in entry["names"]
    assert {idea for ideas in data["seasons"].values() for idea in ideas} <= concepts
    assert all(set(table) == {str(y) for y in range(2024, 2031)} for table in data["tables"].values())


def test_lunar_days_move_as_the_moon_does() -> None:
    """From year to year a lunisolar day moves by 12 or 13 moons, an Islamic one by 12."""
    for name, table in _data()["tables"].items():
        days = [date(int(y), *map(int, text.split("-"))) for y, text in sorted(table.items())]
        for before, after in pairwise(days):
            moons = (after - before).days / 29.530588
            assert abs(moons - round(moons)) < 0.12, (name, before, after)
            assert round(moons) in ({12} if name in {"ramadan", "eid_al_fitr", "eid_al_adha"} else {12, 13})


def test_seasons_turn_round_south_of_the_equator() -> None:
    assert season(date(2026, 7, 1), "DE") == "summer"
    assert season(date(2026, 7, 1), "BR") == "winter"
    assert [season(date(2026, m, 15), "JP") for m in (1, 4, 7, 10)] == ["winter", "spring", "summer", "autumn"]
    assert "heater" in seasonal(date(2026, 1, 1), "TR")


def test_weekends() -> None:
    friday = date(2026, 11, 20)
    assert is_weekend(friday, "SA")
    assert not is_weekend(friday, "DE")
    assert is_weekend(friday + timedelta(days=2), "DE")


def test_countries_of_languages() -> None:
    assert country_of("pt-PT") == "PT"
    assert country_of("zh-Hant-TW") == "TW"
    assert all(len(country_of(code)) == 2 for code in SUPPORTED)
