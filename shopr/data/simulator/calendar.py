"""Days of the simulated shop: dates, seasons in both hemispheres, weather by country, shopping hours, fashions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from shopr.data.simulator.draws import Draws, settle
from shopr.data.simulator.vocabulary import COLOURS, STYLES

__all__ = ["COUNTRIES", "Calendar", "Country", "draw_calendar"]

FIRST_DAY = date(2025, 1, 1)


@dataclass(frozen=True, slots=True)
class Country:
    """Where shoppers live: their share, hours from UTC, mean and swing of temperature, languages with shares."""

    code: str
    share: float
    offset: int
    mean: float
    swing: float
    south: bool
    languages: tuple[tuple[str, float], ...]


COUNTRIES = (
    Country("GB", 0.46, 0, 10.5, 6.5, False, (("en", 0.93), ("hi", 0.03), ("ar", 0.02), ("zh", 0.02))),
    Country("DE", 0.12, 1, 10.0, 9.5, False, (("de", 0.9), ("tr", 0.07), ("en", 0.03))),
    Country("FR", 0.1, 1, 12.5, 8.0, False, (("fr", 0.93), ("ar", 0.04), ("en", 0.03))),
    Country("ES", 0.06, 1, 15.5, 9.0, False, (("es", 0.96), ("en", 0.04))),
    Country("IT", 0.05, 1, 14.5, 9.0, False, (("it", 0.96), ("en", 0.04))),
    Country("NL", 0.05, 1, 10.5, 7.5, False, (("nl", 0.92), ("en", 0.08))),
    Country("PT", 0.03, 0, 16.0, 6.5, False, (("pt", 0.97), ("en", 0.03))),
    Country("TR", 0.02, 3, 14.0, 10.0, False, (("tr", 1.0),)),
    Country("IN", 0.03, 5, 25.0, 6.0, False, (("hi", 0.55), ("en", 0.45))),
    Country("JP", 0.02, 9, 15.5, 10.5, False, (("ja", 1.0),)),
    Country("AU", 0.06, 10, 17.5, 6.0, True, (("en", 0.94), ("zh", 0.06))),
)
# Relative traffic by local hour, and by weekday from Monday.
_HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 8, 12, 14, 15, 16, 18, 17, 15, 15, 16, 18, 22, 28, 32, 30, 20, 9], dtype=float)
_WEEKEND_HOURS = np.array(
    [3, 2, 1, 1, 1, 1, 2, 4, 9, 16, 22, 24, 23, 22, 21, 20, 20, 19, 20, 22, 22, 19, 14, 7], dtype=float
)
_WEEKDAYS = np.array([1.0, 0.95, 0.95, 0.98, 0.92, 1.05, 1.25])


@dataclass(frozen=True)
class Calendar:
    """What each day is like.

    Attributes:
        first: the first day.
        temperature: shape (days, countries), tenths of a degree Celsius.
        rain: shape (days, countries), whether it rains.
        season: shape (days, 2, seasons), how much each season of SEASONS is on, in both hemispheres (north, south).
        style_trend, colour_trend: shape (days, styles) and (days, colours), which looks are in fashion.
        traffic: shape (days,), relative number of visits.
    """

    first: date
    temperature: NDArray[np.int64]
    rain: NDArray[np.bool_]
    season: NDArray[np.float64]
    style_trend: NDArray[np.float64]
    colour_trend: NDArray[np.float64]
    traffic: NDArray[np.float64]

    def date(self, day: int) -> date:
        """The date of day number `day`."""
        return self.first + timedelta(days=int(day))

    def weekday(self, day: int) -> int:
        """0 is Monday."""
        return self.date(day).weekday()

    def hour_weights(self, day: int) -> NDArray[np.float64]:
        """Shape (24,): relative traffic of each local hour."""
        return _WEEKEND_HOURS if self.weekday(day) >= 5 else _HOURS


def draw_calendar(days: int, draws: Draws, first: date = FIRST_DAY) -> Calendar:
    """The calendar of `days` days; a day is the same however many are asked for."""
    day = np.arange(days)
    in_year = np.array([(first + timedelta(days=int(d))).timetuple().tm_yday for d in day])
    weekdays = np.array([(first + timedelta(days=int(d))).weekday() for d in day])
    season = np.stack([_seasons(in_year), _seasons((in_year + 182) % 365 + 1)], axis=1)
    # Gifts are given at the same time everywhere.
    season[:, 1, -1] = season[:, 0, -1]
    temperature, rain = _weather(day, in_year, draws)
    christmas = np.exp(-(((in_year - 338) / 16.0) ** 2))
    return Calendar(
        first=first,
        temperature=temperature,
        rain=rain,
        season=settle(season),
        style_trend=_trend(day, len(STYLES), "style trend", draws, 0.5),
        colour_trend=_trend(day, len(COLOURS), "colour trend", draws, 0.35),
        traffic=settle(_WEEKDAYS[weekdays] * (1.0 + 0.6 * christmas)),
    )


def _seasons(in_year: NDArray[np.integer]) -> NDArray[np.float64]:
    """Columns in the order of SEASONS: none, spring, summer, winter, gifts."""

    def bump(centre: float, width: float) -> NDArray[np.float64]:
        away = np.abs(in_year - centre)
        return np.asarray(np.exp(-((np.minimum(away, 365 - away) / width) ** 2)))

    gifts = np.maximum(bump(340, 20), 0.6 * bump(44, 7))
    return np.stack([np.zeros(len(in_year)), bump(110, 38), bump(190, 45), bump(5, 60), gifts], axis=1)


def _weather(
    day: NDArray[np.integer], in_year: NDArray[np.integer], draws: Draws
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    count = len(COUNTRIES)
    wave = settle(np.cos(2.0 * np.pi * (in_year - 200) / 365.0))
    sign = np.array([-1.0 if c.south else 1.0 for c in COUNTRIES])
    mean, swing = np.array([c.mean for c in COUNTRIES]), np.array([c.swing for c in COUNTRIES])
    noise, wet = np.zeros((len(day), count)), np.zeros((len(day), count), bool)
    previous, wet_before = np.zeros(count), np.zeros(count, bool)
    for d in day:
        previous = settle(0.75 * previous + 2.2 * draws.bell("temperature", d, np.arange(count)))
        wet_before = draws.uniform("rain", d, np.arange(count)) < np.where(wet_before, 0.55, 0.25)
        noise[d], wet[d] = previous, wet_before
    celsius = mean + sign * swing * wave[:, None] + noise - 1.0 * wet
    return np.round(settle(celsius) * 10).astype(np.int64), wet


def _trend(day: NDArray[np.integer], count: int, name: str, draws: Draws, size: float) -> NDArray[np.float64]:
    phase = draws.uniform(name, np.arange(count))
    period = 140.0 + 160.0 * draws.uniform(f"{name} period", np.arange(count))
    return settle(size * np.sin(2.0 * np.pi * (day[:, None] / period + phase)))
