"""Circumstances by hand: codes of moments, hemispheres, weather as observed or as usual, what sessions tell."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from shopr.errors import InputError, UnknownNameError
from shopr.recommend.circumstances import DIMENSIONS, Circumstances
from shopr.recommend.climate import Weather

NAMES = [d.name for d in DIMENSIONS]
MONDAY = int(datetime(2025, 12, 8, 14, 30, tzinfo=UTC).timestamp())


def read(found: Circumstances, row: int = 0) -> dict[str, str]:
    return {d.name: d.values[c] for d, c in zip(DIMENSIONS, found.codes[row], strict=True) if c >= 0}


def test_a_moment_in_london_and_in_sydney():
    found = Circumstances.at([MONDAY, MONDAY], ["GB", "AU"], devices=["mobile", "fridge"])
    here, there = read(found, 0), read(found, 1)
    assert here["hour"] == "between 12:00 and 15:00"
    assert (here["weekday"], here["season"], here["month"]) == ("on a Monday", "in winter", "in December")
    assert here["device"] == "on a phone"
    assert (there["hour"], there["weekday"]) == ("between 0:00 and 3:00", "on a Tuesday")
    assert there["season"] == "in summer"
    assert "device" not in there


@pytest.mark.parametrize(
    ("month", "north", "south"), [(3, "spring", "autumn"), (6, "summer", "winter"), (9, "autumn", "spring")]
)
def test_seasons_turn_with_the_hemisphere(month, north, south):
    moment = int(datetime(2025, month, 15, 12, tzinfo=UTC).timestamp())
    found = Circumstances.at([moment] * 2, ["DE", "NZ"])
    assert (read(found, 0)["season"], read(found, 1)["season"]) == (f"in {north}", f"in {south}")


def test_observed_weather_comes_before_the_usual_and_the_provider_is_asked_for_the_rest():
    class Sahara:
        def weather(self, countries, times):
            return Weather(np.full(len(times), 41.0), np.full(len(times), 0.0))

    found = Circumstances.at([MONDAY] * 2, ["GB"] * 2, temperature=[np.nan, -3.0], rain=[np.nan, 1], provider=Sahara())
    assert (read(found, 0)["temperature"], read(found, 0)["rain"]) == ("above 25 °C", "in dry weather")
    assert (read(found, 1)["temperature"], read(found, 1)["rain"]) == ("below 5 °C", "in rain")


def test_what_is_unknown_says_nothing():
    found = Circumstances.at([MONDAY])
    assert set(read(found)) == {"hour", "weekday", "season", "month"}
    assert found.words(0) == tuple(read(found).values())
    assert set(read(found.without("hour", "month"))) == {"weekday", "season"}
    with pytest.raises(UnknownNameError, match="wheather"):
        found.without("wheather")


def test_lengths_must_agree():
    with pytest.raises(InputError, match="devices has another length"):
        Circumstances.at([MONDAY], devices=["mobile", "tablet"])


def test_events_take_what_their_session_told_first():
    def row(session: str, **told: object) -> dict[str, object]:
        return {
            "time": pd.Timestamp(MONDAY, unit="s", tz="UTC"),
            "session_id": session,
            "properties": json.dumps(told),
        }

    events = pd.DataFrame(
        [
            row("s1", device="tablet", country="NZ", temperature=30, rain=True),
            row("s1"),
            row("s2"),
            row("s1", device="mobile"),
        ]
    )
    found = Circumstances.of_events(events)
    assert [read(found, i).get("device") for i in range(4)] == ["on a tablet", "on a tablet", None, "on a phone"]
    assert read(found, 1)["season"] == "in summer"
    assert (read(found, 1)["temperature"], read(found, 1)["rain"]) == ("above 25 °C", "in rain")
    assert len(Circumstances.of_events(events, np.array([2]))) == 1


def test_none_at_all():
    assert Circumstances.at([]).codes.shape == (0, len(DIMENSIONS))
