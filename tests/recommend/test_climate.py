"""The offline climate: months as tabled, a smooth year, hemispheres and clocks."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from shopr.recommend.climate import Climatology, WeatherProvider, countries, is_south, local_times


def at(*moments: datetime) -> np.ndarray:
    return np.array([int(m.replace(tzinfo=UTC).timestamp()) for m in moments])


def test_the_middle_of_a_month_is_what_the_table_says():
    found = Climatology().weather(np.array(["SG", "SE", "SE"], object), at(*[datetime(2025, m, 16) for m in (1, 1, 7)]))
    np.testing.assert_allclose(found.temperature, [27, -1, 19], atol=0.2)
    assert found.rain[1] == pytest.approx(0.5, abs=0.02)


def test_the_year_has_no_jump():
    days = at(datetime(2024, 1, 1))[0] + 86_400 * np.arange(731)
    found = Climatology().weather(np.full(731, "CA" if "CA" in countries() else "SE", object), days)
    assert np.abs(np.diff(found.temperature)).max() < 0.5
    assert np.ptp(found.temperature) > 15


def test_unknown_countries_have_no_weather_and_clocks_of_utc():
    where, when = np.array(["", "ZZ"], object), at(datetime(2025, 5, 5), datetime(2025, 5, 5))
    found = Climatology().weather(where, when)
    assert np.isnan(found.temperature).all()
    assert np.isnan(found.rain).all()
    np.testing.assert_array_equal(local_times(where, when), when)
    assert not is_south(where).any()


def test_hemispheres():
    assert is_south(np.array(["AU", "ZA", "NZ", "GB", "US"], object)).tolist() == [True, True, True, False, False]


def test_clocks_follow_daylight_saving_and_half_hours():
    when = at(datetime(2025, 1, 1, 12), datetime(2025, 7, 1, 12), datetime(2025, 7, 1, 12), datetime(2025, 7, 1, 23))
    local = local_times(np.array(["GB", "GB", "IN", "JP"], object), when) - when
    assert (local / 3600).tolist() == [0.0, 1.0, 5.5, 9.0]


def test_the_table_is_complete_and_sane():
    known = np.array(countries(), object)
    assert len(known) >= 60
    assert sorted(set(known)) == list(known)
    for month in range(1, 13):
        found = Climatology().weather(known, at(*[datetime(2025, month, 15)] * len(known)))
        assert ((found.temperature > -30) & (found.temperature < 45)).all()
        assert ((found.rain >= 0) & (found.rain <= 1)).all()
    assert isinstance(Climatology(), WeatherProvider)
