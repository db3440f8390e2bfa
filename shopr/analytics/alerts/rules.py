"""What an alert rule is: a metric of the events, a condition on it, and what happens when it holds. Data, no code.

A metric is a count of events, the share of some among others, a quantile of their values, or the mix of a column. Five
conditions can be put on one: a bound, burn rates of an error budget, a seasonal baseline, a change that builds up, and
a drift of the mix. Which condition goes with which metric is checked when a rule is made.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from shopr.analytics.alerts.raised import About, Severity
from shopr.data.events import EventType

__all__ = [
    "BurnRate", "BurnWindow", "Change", "Condition", "Drift", "Frozen", "Metric", "Rule", "Seasonal", "Seconds",
    "Selection", "Several", "Side", "Threshold", "parse_seconds", "words_of",
]  # fmt: skip

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WORDS = {604_800: "week", 86_400: "day", 3600: "hour", 60: "minute", 1: "second"}
Side = Literal["above", "below"]
_NAME = r"^[a-z][a-z0-9_]{0,62}$"


def parse_seconds(value: object) -> object:
    """`"5m"`, `"1h"`, `"7d"` or a number of seconds as seconds; other types are left to the type check.

    Raises:
        ValueError: if a text is no length of time.
    """
    if isinstance(value, str):
        number, unit = value.strip()[:-1], value.strip()[-1:]
        if unit not in _UNITS or not number.isdigit():
            raise ValueError(f"{value!r} is no length of time; write 30s, 5m, 2h, 7d or 4w")
        return int(number) * _UNITS[unit]
    return value


Seconds = Annotated[int, BeforeValidator(parse_seconds), Field(ge=0, le=52 * 604_800)]


def words_of(seconds: float) -> str:
    """A length of time for people: "5 minutes", "1 day"."""
    size = next((size for size in _WORDS if seconds >= size and seconds % size == 0), 1)
    count = seconds / size
    return f"{count:g} {_WORDS[size]}{'' if count == 1 else 's'}"


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Frozen(BaseModel):
    """A part of a rules file: every key is known, nothing changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


Several = Annotated[tuple[str, ...], BeforeValidator(_several)]


class Selection(Frozen):
    """Which events count.

    Attributes:
        type: their types, one or a list.
        name, decision: values of these properties, one or a list; all where empty.
        source: of product events; `recommendation_…` events are recommendations whatever their source.
        status_from: an API call counts from this status on.
        over: an event counts if its value is above this.
        vital: a vital counts if it is not good, or if it is poor (thresholds of web.dev).
        distinct: count different values of this column instead of events, within each step.
    """

    type: Annotated[tuple[EventType, ...], BeforeValidator(_several)] = Field(min_length=1)
    name: Several = ()
    decision: Several = ()
    source: Several = ()
    status_from: int | None = Field(None, ge=100, le=599)
    over: float | None = None
    vital: Literal["not good", "poor"] | None = None
    distinct: Literal["order_id", "session_id", "user_id"] | None = None


class Metric(Frozen):
    """One of: `count`; `share` of `of`; `quantile` of the values of `of`; the `mix` of a column in `of`."""

    count: Selection | None = None
    share: Selection | None = None
    quantile: float | None = Field(None, gt=0, lt=1)
    mix: Literal["query", "price", "category", "device", "source", "page", "name"] | None = None
    of: Selection | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [n for n in ("count", "share", "quantile", "mix") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(f"{' and '.join(given) or 'nothing'} is given; give one of count, share, quantile, mix")
        if (self.count is None) != (self.of is not None):
            raise ValueError(f"{given[0]} {'takes no' if self.count is not None else 'needs'} `of`")
        return self

    @property
    def kind(self) -> str:
        """count, share, quantile or mix."""
        return next(n for n in ("count", "share", "quantile", "mix") if getattr(self, n) is not None)


class Threshold(Frozen):
    """A bound on a count, a share or a quantile over a window.

    Attributes:
        clear: where the alert may end; by default the bound itself.
        least: events that the window must have; with fewer nothing is known.
        confidence: of a share: not the share but the lower end of its Wilson interval must lie above the bound.
    """

    kind: Literal["threshold"] = "threshold"
    window: Seconds
    above: float
    clear: float | None = None
    least: int = Field(1, ge=1)
    confidence: float | None = Field(None, ge=0.5, lt=1)

    @model_validator(mode="after")
    def _hysteresis(self) -> Self:
        if self.clear is not None and self.clear > self.above:
            raise ValueError(f"clear {self.clear:g} lies above the bound {self.above:g}")
        return self


class BurnWindow(Frozen):
    """Both windows must burn `factor` times what the budget allows: the long one proves it, the short one ends it."""

    long: Seconds = Field(gt=0)
    short: Seconds = Field(gt=0)
    factor: float = Field(gt=0)


class BurnRate(Frozen):
    """Burn rates of an error budget over several windows (Beyer et al., The Site Reliability Workbook 2018, ch. 5).

    Attributes:
        objective: share of the events that must be good.
    """

    kind: Literal["burn_rate"] = "burn_rate"
    objective: float = Field(gt=0, lt=1)
    windows: tuple[BurnWindow, ...] = Field(min_length=1)
    least: int = Field(20, ge=1)


class Seasonal(Frozen):
    """A count against the same hour of the week before; what is usual, and how far it strays, is learnt.

    Attributes:
        weeks: weeks that are looked at.
        ratio: beside being improbable, the count must lie beyond this share of what is expected.
        clear: share of the expected count from which on the alert may end.
        false_alarms_a_year: the bound follows from it.
        least: expected count below which nothing is known: a quiet hour is no outage.
    """

    kind: Literal["seasonal"] = "seasonal"
    side: Side = "below"
    window: Seconds = Field(gt=0)
    weeks: int = Field(4, ge=2, le=12)
    ratio: float = Field(0.5, gt=0)
    clear: float = Field(0.7, gt=0)
    false_alarms_a_year: float = Field(1.0, gt=0, le=366)
    least: float = Field(10.0, gt=0)


class Change(Frozen):
    """A share that moved and stays moved: a CUSUM of log-likelihood ratios (Page 1954) at every step.

    Attributes:
        shift: relative change that matters, .2 for a fifth.
        weeks: weeks before, whose daily shares' median is the baseline.
        false_alarms_a_year: the sum's bound follows from it, since a false alarm comes after at least e^bound steps on
            average (Lorden 1971).
        least: events that the baseline must have.
    """

    kind: Literal["change"] = "change"
    side: Side = "below"
    shift: float = Field(gt=0, le=10)
    weeks: int = Field(4, ge=1, le=12)
    false_alarms_a_year: float = Field(1.0, gt=0, le=366)
    least: int = Field(1000, ge=10)


class Drift(Frozen):
    """A mix against that of a longer time before: population stability index less what chance alone gives.

    Attributes:
        above, clear: 0.1 is usually called a small change, 0.2 a large one.
    """

    kind: Literal["drift"] = "drift"
    window: Seconds = Field(gt=0)
    reference: Seconds = Field(gt=0)
    above: float = Field(0.2, gt=0)
    clear: float = Field(0.1, gt=0)
    least: int = Field(200, ge=10)


Condition = Annotated[Threshold | BurnRate | Seasonal | Change | Drift, Field(discriminator="kind")]
_GOES_WITH = {
    "threshold": {"count", "share", "quantile"},
    "burn_rate": {"share"},
    "seasonal": {"count"},
    "change": {"share"},
    "drift": {"mix"},
}


class Rule(Frozen):
    """One rule.

    Attributes:
        about: the model that serves, which a critical alert takes down, or the shop around it.
        page: page of the app that shows more.
        step: how often it is evaluated; windows are multiples of it.
        by: column whose values are told apart, each with alerts of its own.
        hold: how long the condition must hold (`for` in files).
        clear_for: how long it must be clear before the alert is resolved.
        escalate_after: an alert that nobody acknowledged is told of again after so long; 0 never.
        channels: names of those that are told; all where empty.
    """

    name: str = Field(pattern=_NAME)
    description: str = Field(min_length=1, max_length=200)
    enabled: bool = True
    severity: Severity = "warning"
    about: About = "shop"
    page: str = Field("alerts", pattern=r"^[a-z][a-z-]{0,30}$")
    step: Seconds = Field(60, ge=60, le=86_400)
    by: Literal["device", "page", "source", "name", "release"] | None = None
    metric: Metric
    condition: Condition
    hold: Seconds = Field(0, alias="for")
    clear_for: Seconds = 0
    escalate_after: Seconds = 0
    channels: Several = ()

    @field_validator("step")
    @classmethod
    def _divides(cls, value: int) -> int:
        if 86_400 % value:
            raise ValueError(f"a step of {words_of(value)} does not divide a day")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        kind, metric = self.condition.kind, self.metric.kind
        if metric not in _GOES_WITH[kind]:
            good = ", ".join(sorted(_GOES_WITH[kind]))
            raise ValueError(f"condition {kind} does not go with metric {metric}; it takes {good}")
        for name, value in _windows(self.condition):
            if value % self.step or not value:
                raise ValueError(f"{name} of {words_of(value)} is no multiple of the step, {words_of(self.step)}")
        for name in ("hold", "clear_for"):
            if getattr(self, name) % self.step:
                raise ValueError(f"{'for' if name == 'hold' else name} is no multiple of the step")
        if isinstance(self.condition, Threshold) and metric == "share" and not 0 <= self.condition.above < 1:
            raise ValueError(f"a share above {self.condition.above:g}; give 0.05 for 5 %")
        return self

    @property
    def revision(self) -> str:
        """Of what decides when it fires: another one starts the rule anew."""
        kept = self.model_dump_json(include={"step", "by", "metric", "condition", "hold", "clear_for"})
        return sha256(kept.encode()).hexdigest()[:16]

    @property
    def lookback(self) -> int:
        """Seconds before a moment that decide about it."""
        c = self.condition
        if isinstance(c, Threshold):
            return c.window
        if isinstance(c, BurnRate):
            return max(w.long for w in c.windows)
        if isinstance(c, Seasonal):
            return (c.weeks + 1) * 604_800 + 86_400 + 2 * max(c.window, 3600)
        if isinstance(c, Change):
            return (c.weeks + 2) * 604_800 + 2 * 86_400
        return c.window + c.reference


def _windows(condition: Any) -> list[tuple[str, int]]:
    if isinstance(condition, BurnRate):
        return [(n, getattr(w, n)) for w in condition.windows for n in ("long", "short")]
    return [(n, getattr(condition, n)) for n in ("window", "reference") if hasattr(condition, n)]
