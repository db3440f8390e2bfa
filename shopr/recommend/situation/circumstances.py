"""The circumstances of a visit as small codes: hour, weekday, season, month, temperature, rain, device.

All are as the shopper has them: local time of the country, the season of the hemisphere. Unknown ones are -1 and say
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from shopr.data.schema import by_unique
from shopr.data.times import unix_seconds
from shopr.errors import InputError, UnknownNameError
from shopr.recommend.situation.climate import Climatology, WeatherProvider, is_south, local_times

__all__ = ["DIMENSIONS", "Circumstances", "Dimension"]

_HOT, _WET = (5.0, 10.0, 15.0, 20.0, 25.0), (0.35, 0.65)
_KEYS = ("country", "device", "temperature", "rain")


@dataclass(frozen=True, slots=True)
class Dimension:
    """One circumstance: its name, and the words of its values in the order of their codes."""

    name: str
    values: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = tuple("January February March April May June July August September October November December".split())
DIMENSIONS = (
    Dimension("hour", tuple(f"between {h}:00 and {h + 3}:00" for h in range(0, 24, 3))),
    Dimension("weekday", tuple(f"on a {day}" for day in _DAYS)),
    Dimension("season", ("in winter", "in spring", "in summer", "in autumn")),
    Dimension("month", tuple(f"in {month}" for month in _MONTHS)),
    Dimension(
        "temperature",
        ("below 5 °C", "at 5 to 10 °C", "at 10 to 15 °C", "at 15 to 20 °C", "at 20 to 25 °C", "above 25 °C"),
    ),
    Dimension("rain", ("in dry weather", "in changeable weather", "in rain")),
    Dimension("device", ("on a phone", "at a computer", "on a tablet")),
)
"""What a context is made of, in the order of the columns of codes."""
_DEVICES = {"mobile": 0, "desktop": 1, "tablet": 2}
_NAMES = [dimension.name for dimension in DIMENSIONS]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Circumstances of n visits.

    Attributes:
        codes: shape (n, dimensions), int64, one column for each of `DIMENSIONS`; -1 where unknown.
    """

    codes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def at(
        cls,
        times: ArrayLike,
        countries: Sequence[str] | NDArray[np.object_] | None = None,
        *,
        devices: Sequence[str] | NDArray[np.object_] | None = None,
        temperature: ArrayLike | None = None,
        rain: ArrayLike | None = None,
        provider: WeatherProvider | None = None,
    ) -> Circumstances:
        """From what is known of n visits.

        Args:
            times: Unix seconds (UTC).
            countries: ISO 3166-1; "" or None where unknown: then UTC counts as local, and the hemisphere as northern.
            devices: mobile, desktop or tablet; anything else is unknown.
            temperature: degrees Celsius as observed, NaN where not; there `provider` is asked.
            rain: probability of rain, or 0 and 1 as observed; NaN where not, as above.
            provider: the offline climatology if None.

        Raises:
            InputError: if the columns differ in length.
        """
        seconds = np.atleast_1d(np.asarray(times)).astype(np.int64)
        n = len(seconds)
        where = np.full(n, "", object) if countries is None else np.asarray(countries, dtype=object)
        given = {"countries": countries, "devices": devices, "temperature": temperature, "rain": rain}
        for name, column in given.items():
            if column is not None and len(np.atleast_1d(np.asarray(column, dtype=object))) != n:
                raise InputError(f"{name} has another length than times ({n})", hint="Give one value for each visit")
        where = np.where(pd.isna(where), "", where).astype(object)
        local = local_times(where, seconds).astype("datetime64[s]")
        day = local.astype("datetime64[D]").astype(np.int64)
        month = local.astype("datetime64[M]").astype(np.int64) % 12
        south = is_south(where)
        weather = (provider or Climatology()).weather(where, seconds)
        celsius = _observed(temperature, weather.temperature)
        wet = _observed(rain, weather.rain)
        device = np.full(n, "", object) if devices is None else np.asarray(devices, dtype=object)
        columns = [
            local.astype("datetime64[h]").astype(np.int64) % 24 // 3,
            (day + 3) % 7,  # 1970 began on a Thursday
            ((month + 1) // 3 + 2 * south) % 4,
            month,
            np.where(np.isnan(celsius), -1, np.digitize(celsius, _HOT)),
            np.where(np.isnan(wet), -1, np.digitize(wet, _WET)),
            np.array([_DEVICES.get(d, -1) if isinstance(d, str) else -1 for d in device], np.int64),
        ]
        return cls(np.stack(columns, axis=1).astype(np.int64) if n else np.zeros((0, len(DIMENSIONS)), np.int64))

    @classmethod
    def of_events(
        cls, events: pd.DataFrame, rows: NDArray[np.integer] | None = None, *, provider: WeatherProvider | None = None
    ) -> Circumstances:
        """Of some rows of the flat event table (positions; all if None).

        Country, device, temperature and rain are read from the row's properties, else from the first event of the
        session that tells them.
        """
        chosen = np.arange(len(events)) if rows is None else np.asarray(rows)
        told = _told(events)
        mine = {name: _by_row(events, told, name).to_numpy(dtype=object)[chosen] for name in _KEYS}
        return cls.at(
            unix_seconds(events["time"])[chosen],
            mine["country"],
            devices=mine["device"],
            temperature=_numbers(mine["temperature"]),
            rain=_numbers(mine["rain"]),
            provider=provider,
        )

    def without(self, *names: str) -> Circumstances:
        """The same, with some dimensions unknown.

        Raises:
            UnknownNameError: if there is no such dimension.
        """
        codes = self.codes.copy()
        for name in names:
            if name not in _NAMES:
                raise UnknownNameError("circumstance", name, _NAMES)
            codes[:, _NAMES.index(name)] = -1
        return Circumstances(codes)

    def words(self, row: int) -> tuple[str, ...]:
        """What is known of one visit, in words."""
        known = zip(DIMENSIONS, self.codes[row], strict=True)
        return tuple(dimension.values[code] for dimension, code in known if code >= 0)


def _observed(seen: ArrayLike | None, expected: NDArray[np.float64]) -> NDArray[np.float64]:
    if seen is None:
        return expected
    values = np.atleast_1d(np.asarray(seen, dtype=np.float64))
    return np.where(np.isnan(values), expected, values)


def _told(events: pd.DataFrame) -> pd.DataFrame:
    """What rows tell themselves: columns of `_KEYS`, indexed by position; only the rows that tell something."""
    text = events["properties"]
    pattern = "|".join(f'"{key}"' for key in _KEYS)
    telling = np.flatnonzero(text.str.contains(pattern, regex=True).to_numpy(dtype=bool, na_value=False))
    parsed = by_unique(text.iloc[telling], _parse)
    table = pd.DataFrame(parsed.tolist(), columns=list(_KEYS), index=telling).astype(object)
    return table.where(table.notna(), None)


def _parse(text: str) -> tuple[Any, ...]:
    """Scalars only: what is nested tells no circumstance."""
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        return (None,) * len(_KEYS)
    found = (values.get(key) for key in _KEYS)
    return tuple(value if isinstance(value, str | int | float) else None for value in found)


def _by_row(events: pd.DataFrame, told: pd.DataFrame, name: str) -> pd.Series:
    own = told[name].reindex(np.arange(len(events)))
    heard = told[name].dropna()
    if not len(heard):
        return own
    sessions = events["session_id"].reset_index(drop=True)
    first = pd.DataFrame({"session": sessions.iloc[heard.index], "value": heard}).dropna()
    by_session = first.drop_duplicates("session").set_index("session")["value"]
    return own.where(own.notna(), sessions.map(by_session))


def _numbers(values: NDArray[np.object_]) -> NDArray[np.float64]:
    """Numbers and truth values; NaN for anything else."""
    codes, unique = pd.factorize(values)
    numbers = [float(v) if isinstance(v, int | float) and np.isfinite(v) else np.nan for v in unique]
    found: NDArray[np.float64] = np.array([*numbers, np.nan], np.float64)[codes]
    return found
