"""When a cron expression comes due, in a time zone with daylight saving.

The expression is read by croniter, and counts in local wall-clock time. Where clocks are set, each local time that the
expression names comes due exactly once:

- a local time that does not exist (02:30 on the night when clocks go forward) comes due at the next instant that
  exists, the moment of the change; several that fall there, or one that is due there anyway, come due together, once
- a local time that exists twice (the hour when clocks go back) comes due the first time, and not again

So a job of each quarter of an hour pauses for the repeated hour; one that must not uses the zone UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from shopr.errors import SpecError

__all__ = ["Cron", "instant_of", "jitter", "zone_of"]

_FIELDS = {"minute": "0-59", "hour": "0-23", "day of month": "1-31", "month": "1-12", "day of week": "0-7 or sun-sat"}
_SHORT = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
# Croniter draws these at random, or from a seed: two schedulers would not agree.
_DRAWN = re.compile(r"(?<![a-z])[hr](?![a-z])")
_RANGE = re.compile(r"(?<![\d-])(\d+)-(\d+)(/\d+)?")
_SECOND = timedelta(seconds=1)
_EARLIEST, _LATEST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC)


def zone_of(name: str) -> ZoneInfo:
    """The IANA time zone `name`.

    Raises:
        SpecError: if there is none.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        from zoneinfo import available_timezones

        from shopr.yamlfile import nearest

        near = nearest(name, sorted(available_timezones())).partition("Known:")[0]
        raise SpecError(f"{name!r} is no IANA time zone", hint=near.strip() or "Write Europe/London or UTC") from error


def instant_of(local: datetime, zone: tzinfo) -> datetime:
    """The instant (UTC) of a local wall-clock time: the first of two; the moment of the change if it does not exist."""
    aware = local.replace(tzinfo=zone, fold=0)
    instant = aware.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local:
        return instant
    # Within a gap, fold=0 reads the offset before the change and lands after it, fold=1 the other way round.
    before, after = aware.replace(fold=1).astimezone(UTC), instant
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


class Cron:
    """A cron expression in a time zone: five fields, or @hourly, @daily, @weekly, @monthly, @yearly.

    Where both day of month and day of week are restricted, either of them suffices, as cron has it.

    Args:
        expression: minute, hour, day of month, month, day of week.
        zone: IANA name of the time zone.

    Raises:
        SpecError: naming the field that is wrong and what it may hold; or if the expression never comes due.
    """

    def __init__(self, expression: str, zone: str = "UTC") -> None:
        self.expression, self.zone_name = expression, zone
        self.zone = zone_of(zone)
        text = " ".join(expression.lower().split())
        text = _SHORT.get(text, text)
        _check(expression, text)
        self._text = _plain(text)
        if self.next(datetime(2024, 1, 1, tzinfo=UTC)) is None:
            raise SpecError(f"cron {expression!r} never comes due", hint="No month has such a day")

    def instants(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The instants in (after, until], in UTC, ascending."""
        last = after
        for local in self._locals(after):
            instant = instant_of(local, self.zone)
            if instant > until:
                return
            if instant > last:
                last = instant
                yield instant

    def next(self, after: datetime) -> datetime | None:
        """The first instant after `after`; None if none comes before 2199."""
        return next(self.instants(after, _LATEST), None)

    def previous(self, before: datetime) -> datetime | None:
        """The last instant before `before`; None if there was none since 1971."""
        reach = timedelta(days=1)
        while before - reach > _EARLIEST:
            *_, last = (None, *self.instants(before - reach, before - timedelta(microseconds=1)))
            if last is not None:
                return last
            reach *= 4
        return None

    def _locals(self, after: datetime) -> Iterator[datetime]:
        from croniter import CroniterBadDateError

        local = after.astimezone(self.zone).replace(tzinfo=None) - timedelta(minutes=1)
        walk = self._walker(local)
        while True:
            try:
                yield walk.get_next(datetime)
            except (CroniterBadDateError, OverflowError, ValueError):
                return

    def _walker(self, start: datetime) -> Any:
        from croniter import croniter

        return croniter(self._text, start, max_years_between_matches=50)

    @cached_property
    def words(self) -> str:
        """The expression with its zone, for people."""
        return f"{self.expression} ({self.zone_name})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cron) and (self._text, self.zone_name) == (other._text, other.zone_name)

    def __hash__(self) -> int:
        return hash((self._text, self.zone_name))

    def __repr__(self) -> str:
        return f"Cron({self.expression!r}, {self.zone_name!r})"


def jitter(schedule: str, job: str, logical: datetime, most: float) -> timedelta:
    """A delay in [0, `most`) seconds that depends on the job and its logical instant alone: every scheduler agrees."""
    if most <= 0:
        return timedelta()
    from shopr.hashing import uniform

    drawn = float(uniform([f"{job}@{logical.astimezone(UTC).isoformat()}"], f"schedule:{schedule}")[0])
    return timedelta(seconds=int(drawn * most * 1000) / 1000)


def _plain(text: str) -> str:
    """The expression in a form that croniter takes by cron's rules."""
    from croniter import croniter

    # It takes a range of one value for one that goes all the way round.
    text = _RANGE.sub(lambda found: found[1] if int(found[1]) == int(found[2]) else found[0], text)
    # It takes days for restricted that name every day, such as */1, and then lets either field suffice.
    fields = text.split()
    values, special = croniter.expand(text)
    if set(range(1, 32)) <= set(values[2]):
        fields[2] = "*"
    if set(range(7)) <= set(values[4]) and not special:
        fields[4] = "*"
    return " ".join(fields)


def _check(given: str, text: str) -> None:
    from croniter import CroniterError, croniter

    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise SpecError(
            f"cron {given!r} has {len(fields)} fields, not 5",
            hint="Write minute, hour, day of month, month, day of week, such as '30 6 * * mon-fri'",
        )
    for at, (name, allowed) in enumerate(_FIELDS.items()):
        alone = " ".join(fields[at] if i == at else "*" for i in range(len(fields)))
        try:
            if _DRAWN.search(fields[at]):
                raise ValueError("drawn at random")
            if any(int(low) > int(high) for low, high, _ in _RANGE.findall(fields[at])):
                raise ValueError("a range that runs downwards")
            croniter.expand(alone)
        except (CroniterError, ValueError, KeyError, IndexError, TypeError) as error:
            raise SpecError(
                f"cron {given!r}: {name} {fields[at]!r} cannot be read",
                hint=f"It takes {allowed}, *, lists, rising ranges, /n",
            ) from error
