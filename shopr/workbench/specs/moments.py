"""Templates in the parameters of scheduled jobs: `{{ logical_date - 1d }}` is the day before the run's own instant.

A run is about its logical instant, not about the moment at which it happens to be started: caught up or filled in a
year later, it gets the same parameters.

    logical_date, previous_date, next_date    2026-03-29, in the job's time zone
    logical_time, previous_time, next_time    2026-03-29T06:15:00+02:00
    year, quarter, month, week, day           numbers of the logical date; week by ISO 8601
    schedule, job, shop                       names

`previous` and `next` are the job's instants before and after. `- 7d` and `+ 2w` move a date or a time in the calendar
(d, w), `- 6h` and `+ 30m` a time by that much elapsed time; `| %Y-%m` writes it by a strftime pattern. A parameter that
is one template alone keeps the number's type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from shopr.errors import SpecError
from shopr.workbench.specs.times import Cron, instant_of
from shopr.yamlfile import nearest

__all__ = ["NAMES", "Moment", "render"]

NAMES = (
    *("logical_date", "previous_date", "next_date", "logical_time", "previous_time", "next_time"),
    *("year", "quarter", "month", "week", "day", "schedule", "job", "shop"),
)
"""What a template may name."""
_TEMPLATE = re.compile(r"\{\{([^{}]*)\}\}")
_INSIDE = re.compile(r"\s*(\w+)\s*(?:([+-])\s*(\d{1,5})\s*([dwhm])\s*)?(?:\|\s*(.+?)\s*)?", re.DOTALL)
_HELP = "Write {{ logical_date }}, {{ logical_date - 7d }} or {{ logical_time | %Y-%m }}"
_WRITTEN = "%Y-%m-%d"


@dataclass(frozen=True)
class Moment:
    """The run that parameters are made for.

    Attributes:
        schedule, job, shop: names.
        instant: the logical one, in UTC.
        cron: of the job.
    """

    schedule: str
    job: str
    shop: str
    instant: datetime
    cron: Cron

    def value(self, name: str) -> Any:
        """What a name stands for: a date, an aware local time, a number or a text."""
        local = self._of(name.partition("_")[0]).astimezone(self.cron.zone)
        if name.endswith("_date"):
            return local.date()
        if name.endswith("_time"):
            return local
        if name in ("schedule", "job", "shop"):
            return getattr(self, name)
        numbers = {"quarter": (local.month + 2) // 3, "week": local.isocalendar().week}
        return numbers[name] if name in numbers else getattr(local, name)

    def _of(self, which: str) -> datetime:
        found: datetime | None = self.instant
        if which == "previous":
            found = self.cron.previous(self.instant)
        elif which == "next":
            found = self.cron.next(self.instant)
        return found or self.instant


def render(value: Any, moment: Moment) -> Any:
    """`value` with every template in its texts filled in; lists and mappings part by part.

    Raises:
        SpecError: if a template cannot be read or names something unknown.
    """
    if isinstance(value, Mapping):
        return {key: render(part, moment) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [render(part, moment) for part in value]
    if not isinstance(value, str):
        return value
    alone = _TEMPLATE.fullmatch(value.strip())
    if alone:
        filled = _filled(alone[1], moment)
        return filled if isinstance(filled, int) else _text(filled)
    done = _TEMPLATE.sub(lambda found: _text(_filled(found[1], moment)), value)
    if "{{" in done or "}}" in done:
        raise SpecError(f"the braces in {value!r} do not match", hint=_HELP)
    return done


def _filled(inside: str, moment: Moment) -> Any:
    match = _INSIDE.fullmatch(inside)
    if match is None:
        raise SpecError(f"the template {{{{{inside}}}}} cannot be read", hint=_HELP)
    name, sign, count, unit, pattern = match.groups()
    if name not in NAMES:
        raise SpecError(f"the template {{{{{inside}}}}} names {name!r}, which is unknown", hint=nearest(name, NAMES))
    value = moment.value(name)
    if count is not None:
        if not isinstance(value, date) or (unit in "hm" and not isinstance(value, datetime)):
            kinds = "d and w move a date, d, w, h and m a time"
            raise SpecError(f"{name} cannot be moved by {sign}{count}{unit}", hint=f"{kinds}: {_HELP}")
        value = _moved(value, int(sign + count), unit, moment)
    if pattern is None:
        return value
    if not isinstance(value, date) or "%" not in pattern:
        raise SpecError(f"{name} cannot be written as {pattern!r}", hint=_HELP)
    return value.strftime(pattern)


def _moved(value: date, by: int, unit: str, moment: Moment) -> date:
    """Days and weeks are the calendar's: the same local time on another day; hours and minutes are elapsed time."""
    try:
        if unit in "dw":
            step = timedelta(days=by * (7 if unit == "w" else 1))
            if not isinstance(value, datetime):
                return value + step
            zone = moment.cron.zone
            return instant_of(value.replace(tzinfo=None) + step, zone).astimezone(zone)
        assert isinstance(value, datetime)
        step = timedelta(minutes=by * (60 if unit == "h" else 1))
        return (value.astimezone(UTC) + step).astimezone(moment.cron.zone)
    except OverflowError:
        raise SpecError(f"{value} moved by {by}{unit} leaves the calendar", hint=_HELP) from None


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.strftime(_WRITTEN) if isinstance(value, date) else str(value)
