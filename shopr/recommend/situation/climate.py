"""Weather and local time by country: a provider interface, and an offline climatology as its default.

The table holds rough means for the most populous region of each country, written from general knowledge and rounded to
whole degrees and tenths: APPROXIMATE, no measurement, no forecast. It tells a warm month from a cold one, no more. A
shop that has real weather implements `WeatherProvider`, or puts `temperature` and `rain` into its events.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Protocol, runtime_checkable
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Climatology", "Weather", "WeatherProvider", "countries", "is_south", "local_times"]

# country, time zone, hemisphere; mean degrees Celsius, January … December; rainy days in ten, January … December.
_TABLE = """
AE Asia/Dubai           N  19 20 23 27 31 33 35 36 33 29 25 21  1 1 1 0 0 0 0 0 0 0 0 1
AR America/Buenos_Aires S  25 23 22 18 15 12 11 13 14 18 20 23  3 3 3 3 2 2 2 2 3 3 3 3
AT Europe/Vienna        N   1  2  6 11 16 19 21 21 16 11  6  2  4 4 4 4 5 5 4 4 4 3 4 4
AU Australia/Sydney     S  23 23 22 19 16 13 12 14 16 18 20 22  4 4 4 4 4 4 3 3 3 4 4 4
BE Europe/Brussels      N   4  4  7 10 14 17 19 18 15 12  7  4  6 5 5 5 5 5 5 5 5 5 6 6
BG Europe/Sofia         N   0  2  6 11 16 19 22 22 17 12  6  1  4 4 4 4 5 4 3 3 3 3 4 4
BR America/Sao_Paulo    S  23 23 22 21 18 17 17 18 19 20 21 22  6 5 5 3 2 2 2 2 3 4 4 5
CA America/Toronto      N  -4 -4  1  8 14 19 22 21 17 11  5 -1  4 4 4 4 4 4 4 4 4 4 4 5
CH Europe/Zurich        N   1  2  6  9 14 17 19 19 15 10  5  2  4 4 4 4 5 5 5 4 4 4 4 4
CL America/Santiago     S  21 20 18 15 12  9  8 10 12 15 17 20  0 0 0 1 2 2 2 2 1 1 0 0
CN Asia/Shanghai        N   5  6 11 16 21 25 29 29 25 20 13  7  3 4 4 4 4 5 4 4 4 3 3 3
CO America/Bogota       N  14 14 15 15 15 14 14 14 14 14 14 14  3 4 5 6 6 5 5 4 5 6 6 4
CY Asia/Nicosia         N  11 11 13 17 22 26 29 29 26 22 17 13  4 3 2 1 1 0 0 0 0 1 2 4
CZ Europe/Prague        N   0  1  5 10 15 18 20 19 15 10  4  1  4 4 4 4 4 5 4 4 4 3 4 4
DE Europe/Berlin        N   1  2  5 10 14 17 19 19 15 10  5  2  5 4 5 4 4 5 5 5 4 4 5 5
DK Europe/Copenhagen    N   2  2  4  8 12 16 18 18 15 10  6  3  5 4 4 4 4 4 4 5 5 5 5 5
EE Europe/Tallinn       N  -3 -4  0  5 11 15 18 17 12  7  2 -1  5 4 4 3 4 4 4 5 5 5 5 5
EG Africa/Cairo         N  14 15 18 22 26 28 29 29 27 24 20 16  1 1 1 0 0 0 0 0 0 0 0 1
ES Europe/Madrid        N   7  8 11 14 18 23 26 26 22 16 11  7  3 3 3 3 3 2 1 1 2 3 3 3
FI Europe/Helsinki      N  -4 -5 -1  5 11 15 18 17 12  6  2 -2  5 4 4 3 3 4 4 4 5 5 5 5
FR Europe/Paris         N   5  6  9 12 16 19 21 21 17 13  8  5  5 4 4 4 4 4 3 3 4 4 5 5
GB Europe/London        N   5  5  7 10 13 16 19 18 16 12  8  6  5 4 4 4 4 4 4 4 4 5 5 5
GR Europe/Athens        N  10 11 13 16 21 26 29 29 25 20 15 12  4 4 3 3 2 1 1 1 1 2 3 4
HK Asia/Hong_Kong       N  16 17 19 23 26 28 29 29 28 26 22 18  2 3 3 4 5 6 6 6 5 2 2 1
HU Europe/Budapest      N   1  3  7 12 17 21 23 22 17 12  6  2  4 3 3 4 4 4 3 3 3 3 4 4
ID Asia/Jakarta         S  27 27 27 28 28 28 28 28 28 28 28 27  6 6 5 4 3 3 2 2 2 3 4 5
IE Europe/Dublin        N   5  5  7  8 11 14 16 15 13 11  8  6  5 5 5 5 5 5 5 5 5 5 5 6
IL Asia/Jerusalem       N  13 14 16 19 22 25 27 28 26 23 19 15  4 4 3 1 0 0 0 0 0 1 2 3
IN Asia/Kolkata         N  16 20 25 30 33 33 31 30 29 26 21 17  1 1 1 1 1 3 6 6 3 1 0 1
IS Atlantic/Reykjavik   N   1  1  1  4  7 10 12 11  9  5  3  1  5 5 5 5 4 4 4 4 5 5 5 5
IT Europe/Rome          N   8  9 11 14 18 22 25 25 21 17 12  9  3 3 3 4 3 2 1 1 3 3 4 4
JP Asia/Tokyo           N   5  6 10 15 19 22 26 27 24 18 13  8  2 2 4 4 4 5 4 4 4 4 3 2
KE Africa/Nairobi       S  19 20 20 20 19 18 17 18 19 20 19 19  2 2 3 5 4 2 1 1 1 3 5 3
KR Asia/Seoul           N  -2  1  6 13 18 23 25 26 21 15  8  0  2 2 2 3 3 4 5 5 3 2 3 2
LB Asia/Beirut          N  14 14 16 19 22 25 27 28 27 24 20 16  5 4 3 2 1 0 0 0 0 1 3 4
LT Europe/Vilnius       N  -4 -3  1  7 13 17 19 18 13  7  2 -2  5 5 4 4 4 4 4 4 4 5 5 6
LU Europe/Luxembourg    N   2  3  6  9 13 17 19 18 14 10  5  2  5 5 5 4 5 5 5 4 4 5 5 6
LV Europe/Riga          N  -3 -3  1  6 12 16 19 18 13  7  3 -1  5 4 4 4 4 4 4 5 5 5 5 5
MA Africa/Casablanca    N  13 14 15 16 18 21 23 23 22 20 16 14  3 3 3 2 2 1 0 0 1 2 3 3
MT Europe/Malta         N  13 13 14 16 20 24 27 27 25 21 18 15  4 3 2 2 1 0 0 0 2 3 4 4
MX America/Mexico_City  N  14 16 18 20 20 20 19 19 18 17 16 15  1 1 1 2 4 6 7 7 6 3 1 1
MY Asia/Kuala_Lumpur    N  27 28 28 28 29 28 28 28 28 28 27 27  5 5 6 6 5 4 4 5 5 6 7 6
NG Africa/Lagos         N  27 29 29 29 28 26 25 25 26 27 28 28  1 1 3 4 5 6 5 5 6 5 2 1
NL Europe/Amsterdam     N   4  4  7 10 13 16 18 18 15 12  7  5  6 5 5 4 4 5 5 5 5 5 6 6
NO Europe/Oslo          N  -4 -3  1  6 11 16 18 17 12  6  1 -3  4 3 4 4 4 4 5 4 4 4 4 4
NZ Pacific/Auckland     S  20 20 19 16 14 12 11 12 13 14 16 18  3 3 3 4 5 5 5 5 5 4 4 4
PE America/Lima         S  24 25 24 22 20 18 17 17 17 18 20 22  0 0 0 0 0 1 1 1 1 0 0 0
PH Asia/Manila          N  26 27 28 30 30 29 28 28 28 28 27 26  2 1 1 2 4 6 7 7 7 6 5 4
PL Europe/Warsaw        N  -2 -1  3  9 14 18 20 19 14  9  4  0  4 4 4 4 4 4 5 4 4 4 5 5
PT Europe/Lisbon        N  12 12 14 16 18 21 24 24 22 19 15 12  4 4 4 3 2 1 1 1 2 3 4 4
RO Europe/Bucharest     N  -2  1  6 12 17 21 23 23 18 12  6  0  3 3 3 4 4 4 3 2 2 3 3 3
RU Europe/Moscow        N  -6 -6  0  8 14 18 20 18 12  6  0 -5  5 4 4 4 4 4 4 4 4 5 5 5
SA Asia/Riyadh          N  15 17 21 27 33 36 37 37 33 28 21 16  1 1 1 1 1 0 0 0 0 0 1 1
SE Europe/Stockholm     N  -1 -1  2  6 11 16 19 18 13  8  4  0  5 4 4 3 4 4 4 4 4 5 5 5
SG Asia/Singapore       N  27 27 28 28 29 28 28 28 28 28 27 27  5 4 5 5 5 4 5 5 5 5 6 6
SI Europe/Ljubljana     N   1  3  7 11 16 20 22 21 17 12  6  2  4 3 4 4 5 5 4 4 4 4 5 4
SK Europe/Bratislava    N   1  2  7 12 16 20 22 22 17 11  6  1  4 4 4 4 4 4 4 4 3 4 4 5
TH Asia/Bangkok         N  27 29 30 31 30 29 29 29 29 28 28 27  1 1 1 2 5 5 5 6 6 5 2 1
TR Europe/Istanbul      N   6  6  8 12 17 22 25 25 21 16 12  8  5 5 4 3 3 2 1 1 2 4 4 6
TW Asia/Taipei          N  16 17 19 22 26 28 30 29 27 25 21 18  5 5 5 5 5 5 4 5 4 4 4 4
UA Europe/Kyiv          N  -3 -2  3 10 16 20 21 21 15  9  3 -2  5 4 4 4 4 4 4 3 3 4 4 5
US America/New_York     N   1  2  6 12 17 22 25 24 20 14  9  4  4 4 4 4 4 4 4 4 3 3 3 4
VN Asia/Ho_Chi_Minh     N  26 27 29 30 29 28 28 28 28 27 27 26  1 0 1 2 5 6 7 7 7 6 4 2
ZA Africa/Johannesburg  S  20 20 19 16 13 10 10 13 16 18 18 20  5 4 4 2 1 1 0 1 1 3 5 5
"""

Strings = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Weather:
    """The weather at some places and times.

    Attributes:
        temperature: shape (n,), mean degrees Celsius of the day; NaN where unknown.
        rain: shape (n,), probability of rain on the day, 0 … 1; NaN where unknown.
    """

    temperature: NDArray[np.float64]
    rain: NDArray[np.float64]


@runtime_checkable
class WeatherProvider(Protocol):
    """Where the weather comes from."""

    def weather(self, countries: Strings, times: NDArray[np.int64]) -> Weather:
        """The weather in ISO 3166-1 countries ("" where unknown) at Unix seconds, both shape (n,)."""


@dataclass(frozen=True, slots=True)
class _Country:
    zone: str
    south: bool
    temperature: tuple[float, ...]
    rain: tuple[float, ...]


@cache
def _countries() -> dict[str, _Country]:
    rows = (line.split() for line in _TABLE.strip().splitlines())
    return {
        code: _Country(zone, half == "S", tuple(map(float, numbers[:12])), tuple(float(n) / 10 for n in numbers[12:]))
        for code, zone, half, *numbers in rows
    }


def countries() -> tuple[str, ...]:
    """The countries whose clocks and climate are known, ISO 3166-1, in alphabetical order."""
    return tuple(sorted(_countries()))


class Climatology:
    """The offline default: what the month is usually like, with the year's course drawn through mid-months."""

    def weather(self, countries: Strings, times: NDArray[np.int64]) -> Weather:
        codes, names = pd.factorize(np.asarray(countries, dtype=object))
        course = np.full((len(names) + 1, 2, 12), np.nan)
        for row, name in enumerate(names):
            if known := _countries().get(name):
                course[row] = known.temperature, known.rain
        day = np.asarray(times, np.int64) // 86_400
        year = day.astype("datetime64[D]").astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
        month = (day - year + 0.5) / 365.25 * 12 - 0.5  # 0 is mid-January
        before, part = np.floor(month).astype(np.int64), month - np.floor(month)
        old, new = course[codes, :, before % 12], course[codes, :, (before + 1) % 12]
        found = old * (1 - part[:, None]) + new * part[:, None]
        return Weather(found[:, 0], found[:, 1])


def is_south(countries: Strings) -> NDArray[np.bool_]:
    """Shape (n,): whether each country lies in the southern hemisphere; unknown ones count as northern."""
    south = [code for code, country in _countries().items() if country.south]
    return np.isin(np.asarray(countries, dtype=object).astype(str), south)


def local_times(countries: Strings, times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Unix seconds as the clocks of each country's main time zone show them; UTC for unknown countries."""
    codes, names = pd.factorize(np.asarray(countries, dtype=object))
    local = np.asarray(times, np.int64).copy()
    for code, name in enumerate(names):
        known = _countries().get(name)
        if known is None:
            continue
        rows = np.flatnonzero(codes == code)
        zoned = pd.to_datetime(pd.Series(local[rows]), unit="s", utc=True).dt.tz_convert(ZoneInfo(known.zone))
        local[rows] = zoned.dt.tz_localize(None).astype("datetime64[s]").astype("int64").to_numpy()
    return local
