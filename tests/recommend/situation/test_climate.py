"""The offline climatology: the year's course through mid-months, both hemispheres, unknown countries, local clocks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.recommend.situation.climate import Climatology, WeatherProvider, countries, is_south, local_times


def seconds(*moments: str) -> np.ndarray:
    return np.array([int(pd.Timestamp(m, tz="UTC").timestamp()) for m in moments])


def places(*codes: str) -> np.ndarray:
    return np.array(codes, dtype=object)


def test_it_is_a_provider():
    assert isinstance(Climatology(), WeatherProvider)


def test_mid_months_have_the_tables_values():
    found = Climatology().weather(places("GB", "GB", "AU"), seconds("2023-01-16", "2023-07-16", "2023-01-16"))
    np.testing.assert_allclose(found.temperature, [5.0, 19.0, 23.0], atol=0.2)
    np.testing.assert_allclose(found.rain, [0.5, 0.4, 0.4], atol=0.02)


def test_warm_in_the_south_when_it_is_cold_in_the_north():
    january, july = seconds("2023-01-16", "2023-07-16")
    found = Climatology().weather(places("DE", "DE", "ZA", "ZA"), np.array([january, july] * 2))
    cold_north, warm_north, warm_south, cold_south = found.temperature
    assert warm_north - cold_north > 10
    assert warm_south - cold_south > 5


def test_the_year_closes_without_a_step():
    found = Climatology().weather(places("CA", "CA"), seconds("2023-12-31 23:00", "2024-01-01 01:00"))
    assert abs(found.temperature[0] - found.temperature[1]) < 0.3


@given(st.integers(-(2**31), 2**33), st.sampled_from(countries()))
def test_values_stay_within_the_climate(moment, country):
    found = Climatology().weather(places(country), np.array([moment]))
    assert -10 <= found.temperature[0] <= 40
    assert 0 <= found.rain[0] <= 1


def test_unknown_places_have_no_weather_and_go_by_utc():
    found = Climatology().weather(places("", "XX"), np.array([0, 1]))
    assert np.isnan(found.temperature).all()
    assert np.isnan(found.rain).all()
    np.testing.assert_array_equal(local_times(places("", "XX"), np.array([5, 6])), [5, 6])
    assert Climatology().weather(places(), np.array([], np.int64)).rain.shape == (0,)


def test_hemispheres():
    np.testing.assert_array_equal(is_south(places("AU", "NZ", "ZA", "GB", "", "XX")), [True] * 3 + [False] * 3)


@pytest.mark.parametrize("country", countries())
def test_every_country_has_a_clock_within_fifteen_hours_of_utc(country):
    moment = seconds("2024-03-10 12:00")
    shift = int((local_times(places(country), moment) - moment)[0])
    assert abs(shift) <= 15 * 3600
    assert shift % 900 == 0


def test_local_times_around_the_change_of_clocks():
    moments = seconds("2024-03-31 00:59", "2024-03-31 01:00")
    shift = local_times(places("GB", "GB"), moments) - moments
    np.testing.assert_array_equal(shift, [0, 3600])
