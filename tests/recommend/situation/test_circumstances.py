"""Circumstances as shoppers have them: local clocks, hemispheres, weather observed or expected, unknowns silent."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from shopr.errors import InputError, UnknownNameError
from shopr.recommend.situation.circumstances import DIMENSIONS, Circumstances
from shopr.recommend.situation.climate import Weather

PLACE = {dimension.name: place for place, dimension in enumerate(DIMENSIONS)}


def at(moment: str) -> int:
    return int(pd.Timestamp(moment, tz="UTC").timestamp())


def values(found: Circumstances, name: str) -> list[str]:
    dimension = DIMENSIONS[PLACE[name]]
    return [dimension.values[code] if code >= 0 else "" for code in found.codes[:, PLACE[name]]]


class Frost:
    """A provider that knows one country."""

    def weather(self, countries, times):
        known = countries == "FI"
        return Weather(np.where(known, -12.0, np.nan), np.where(known, 0.5, np.nan))


def test_hour_and_weekday_are_of_the_countrys_clocks():
    found = Circumstances.at([at("2024-07-07 22:59"), at("2024-07-07 23:00")] * 2, ["GB", "GB", "", "US"])
    assert values(found, "hour") == [
        "between 21:00 and 24:00",  # 23:59 summer time, still Sunday
        "between 0:00 and 3:00",  # midnight, Monday
        "between 21:00 and 24:00",  # unknown countries go by UTC
        "between 18:00 and 21:00",  # 19:00 in New York
    ]
    assert values(found, "weekday") == ["on a Sunday", "on a Monday", "on a Sunday", "on a Sunday"]


def test_clocks_change_with_daylight_saving():
    winter, summer = at("2024-01-15 11:30"), at("2024-07-15 11:30")
    found = Circumstances.at([winter, summer], ["DE", "DE"])
    assert values(found, "hour") == ["between 12:00 and 15:00", "between 12:00 and 15:00"]  # 12:30 and 13:30
    found = Circumstances.at([winter, summer], ["GB", "GB"])
    assert values(found, "hour") == ["between 9:00 and 12:00", "between 12:00 and 15:00"]


def test_a_new_year_begins_where_the_shopper_is():
    moment = at("2023-12-31 12:00")
    found = Circumstances.at([moment, moment], ["NZ", "US"])
    assert values(found, "month") == ["in January", "in December"]
    assert values(found, "weekday") == ["on a Monday", "on a Sunday"]


def test_seasons_of_both_hemispheres():
    months = [at(f"2023-{month:02d}-15 12:00") for month in range(1, 13)]
    north = values(Circumstances.at(months, ["DE"] * 12), "season")
    south = values(Circumstances.at(months, ["AU"] * 12), "season")
    year = ["in winter"] * 2 + ["in spring"] * 3 + ["in summer"] * 3 + ["in autumn"] * 3 + ["in winter"]
    assert north == year
    assert south == year[6:] + year[:6]
    assert values(Circumstances.at(months[:1], [None]), "season") == ["in winter"]


def test_weather_observed_goes_before_the_provider_and_unknown_says_nothing():
    now = [at("2023-07-15 12:00")] * 3
    found = Circumstances.at(now, ["FI", "FI", "DE"], temperature=[np.nan, 22.0, np.nan], provider=Frost())
    assert values(found, "temperature") == ["below 5 °C", "at 20 to 25 °C", ""]
    assert values(found, "rain") == ["in changeable weather", "in changeable weather", ""]
    found = Circumstances.at(now, ["FI", "FI", "DE"], rain=[1, 0, np.nan], provider=Frost())
    assert values(found, "rain") == ["in rain", "in dry weather", ""]


def test_devices_and_words():
    found = Circumstances.at([0] * 4, devices=["mobile", "desktop", "tablet", "fridge"])
    assert values(found, "device") == ["on a phone", "at a computer", "on a tablet", ""]
    assert found.words(0) == ("between 0:00 and 3:00", "on a Thursday", "in winter", "in January", "on a phone")


def test_dimensions_can_be_forgotten():
    found = Circumstances.at([0], ["GB"], devices=["mobile"])
    assert found.without("device", "hour").codes[0, [PLACE["hour"], PLACE["device"]]].tolist() == [-1, -1]
    assert found.codes[0, PLACE["device"]] == 0
    with pytest.raises(UnknownNameError, match="hoor"):
        found.without("hoor")


@pytest.mark.parametrize("column", ["countries", "devices", "temperature", "rain"])
def test_columns_of_another_length_are_refused(column):
    with pytest.raises(InputError, match=f"{column} has another length"):
        Circumstances.at([0, 1], **{column: [0.5]})


def test_no_visits():
    assert Circumstances.at([]).codes.shape == (0, len(DIMENSIONS))


def test_events_tell_circumstances_of_their_session():
    told = {"country": "AU", "device": "tablet", "temperature": 31.0, "rain": True}
    events = pd.DataFrame(
        {
            "time": pd.to_datetime(["2024-01-10 01:00"] * 5, utc=True),
            "session_id": ["a", "a", "b", None, "c"],
            "properties": ["{}", json.dumps(told), json.dumps({"device": ["x"], "temperature": "warm"}), "{}", "[]"],
        }
    )
    found = Circumstances.of_events(events)
    assert values(found, "device") == ["on a tablet", "on a tablet", "", "", ""]
    assert values(found, "season")[:3] == ["in summer", "in summer", "in winter"]
    assert values(found, "hour")[0] == "between 12:00 and 15:00"
    assert values(found, "temperature")[:3] == ["above 25 °C", "above 25 °C", ""]
    assert values(found, "rain")[:3] == ["in rain", "in rain", ""]
    some = Circumstances.of_events(events, np.array([1, 4]))
    np.testing.assert_array_equal(some.codes, found.codes[[1, 4]])


def test_a_row_goes_before_its_session():
    events = pd.DataFrame(
        {
            "time": pd.to_datetime(["2024-01-10 01:00"] * 2, utc=True),
            "session_id": ["a", "a"],
            "properties": [json.dumps({"device": "mobile"}), json.dumps({"device": "desktop"})],
        }
    )
    assert values(Circumstances.of_events(events), "device") == ["on a phone", "at a computer"]
