"""The rules of an installation: those that are shipped, changed and added to by a file, checked as a whole.

    name: our-shop
    kind: alerts
    rules:
      error_rate: {condition: {above: 0.02}}     # a shipped rule, one key changed
      vitals_cls: {enabled: false}               # another one switched off
      returns: {description: …, metric: …, condition: …}   # one of our own
    channels:
      ops: {url_env: OPS_WEBHOOK, severities: [critical]}

A refusal names the file, the line and the nearest known key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import BaseModel, BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator

from shopr.analytics.alerts.raised import Severity
from shopr.analytics.alerts.rules import (
    BurnRate,
    BurnWindow,
    Change,
    Drift,
    Frozen,
    Metric,
    Rule,
    Seasonal,
    Selection,
    Several,
    Threshold,
)  # fmt: skip
from shopr.errors import SpecError, UnknownNameError
from shopr.yamlfile import first_error, in_words, line_of, nearest, parse, read_text, refusal

__all__ = ["FILE_NAME", "Channel", "Maintenance", "RuleBook", "load", "shipped"]

FILE_NAME = "alerts.yaml"
"""Of an installation's file, in the folder of its state."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_KINDS: dict[str, type[BaseModel]] = {
    "threshold": Threshold, "burn_rate": BurnRate, "seasonal": Seasonal, "change": Change, "drift": Drift,
}  # fmt: skip


class Channel(Frozen):
    """Where people are told: an Apprise URL (webhook, e-mail, Slack …), best kept outside of the file.

    Attributes:
        url_env, url_file: an environment variable or a file that holds the URL; `url` holds it itself.
        severities: what is told of.
        escalation: whether it is told only of what nobody acknowledged in time.
        on_doubt: what happens to a notice whose sender was killed while it was under way: `repeat` it, with the same
            Idempotency-Key where the channel is a webhook, or `drop` it.
    """

    url: SecretStr | None = None
    url_env: str | None = Field(None, min_length=1, max_length=128)
    url_file: Path | None = None
    severities: Annotated[tuple[Severity, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)] = (
        "warning", "critical",
    )  # fmt: skip
    escalation: bool = False
    on_doubt: Literal["repeat", "drop"] = "repeat"

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [n for n in ("url", "url_env", "url_file") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(f"{' and '.join(given) or 'no URL'} given; give one of url_env, url_file, url")
        return self


class Maintenance(Frozen):
    """Hours in which nobody is told: what fires is on record, and told of afterwards if it still holds."""

    reason: str = Field(min_length=1)
    days: Several = _DAYS
    start: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    end: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    time_zone: str = "UTC"

    @field_validator("days")
    @classmethod
    def _known(cls, days: tuple[str, ...]) -> tuple[str, ...]:
        for day in days:
            if day not in _DAYS:
                raise ValueError(f"{day!r} is no day; use {', '.join(_DAYS)}")
        return days

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"{name!r} is no time zone; write Europe/London")
        return name

    def covers(self, moment: Any) -> bool:
        """Whether a moment lies in it; hours may run over midnight, the days are those of their beginning."""
        local = moment.astimezone(ZoneInfo(self.time_zone))
        now, today = f"{local:%H:%M}", _DAYS[local.weekday()]
        if self.start <= self.end:
            return today in self.days and self.start <= now < self.end
        yesterday = _DAYS[(local.weekday() - 1) % 7]
        return (today in self.days and now >= self.start) or (yesterday in self.days and now < self.end)


class RuleBook(Frozen):
    """All rules, channels and maintenance windows in force; `app` is put before the links in notices."""

    name: str = "shipped"
    kind: Literal["alerts"] = "alerts"
    description: str = ""
    app: str = ""
    rules: dict[str, Rule] = Field(default_factory=dict)
    channels: dict[str, Channel] = Field(default_factory=dict)
    maintenance: tuple[Maintenance, ...] = ()

    @model_validator(mode="after")
    def _channels_are_known(self) -> Self:
        for rule in self.rules.values():
            for name in rule.channels:
                if name not in self.channels:
                    raise ValueError(f"rule {rule.name} names channel {name!r}; known: {', '.join(self.channels)}")
        return self

    @property
    def enabled(self) -> tuple[Rule, ...]:
        """The rules that are switched on."""
        return tuple(rule for rule in self.rules.values() if rule.enabled)

    def rule(self, name: str) -> Rule:
        """A rule by name.

        Raises:
            UnknownNameError: if there is none.
        """
        if name not in self.rules:
            raise UnknownNameError("rule", name, self.rules)
        return self.rules[name]


def shipped() -> RuleBook:
    """The rules that come with Shopr."""
    return _checked(Path("default.yaml"), _shipped(), None)


def load(path: Path | str | None) -> RuleBook:
    """The rules in force: those shipped, changed by a file where there is one.

    Raises:
        SpecError: naming the file, the line, the key and the nearest known one.
    """
    if path is None or not Path(path).exists():
        return shipped()
    path = Path(path)
    text = read_text(path, "alert rules", hint="Check its folder")
    content, root = parse(path, text, hint="Start with kind: alerts")
    return _checked(path, _merged(_shipped(), content), root)


def _shipped() -> dict[str, Any]:
    text = resources.files("shopr.analytics.alerts").joinpath("default.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """A file over the shipped rules: keys of a rule one by one, a condition of another kind and a metric whole."""
    made = {**base, **own, "rules": deepcopy(base["rules"])}
    rules = own.get("rules")
    if rules is not None and not isinstance(rules, Mapping):
        return {**made, "rules": rules}
    for name, changed in (rules or {}).items():
        before = made["rules"].get(name)
        if not isinstance(changed, Mapping) or before is None:
            made["rules"][name] = changed
            continue
        given, had = changed.get("condition"), before.get("condition", {})
        rule = {**before, **changed}
        if isinstance(given, Mapping) and given.get("kind", had.get("kind")) == had.get("kind"):
            rule["condition"] = {**had, **given}
        made["rules"][name] = rule
    return made


def _checked(path: Path, content: dict[str, Any], root: yaml.Node | None) -> RuleBook:
    content = dict(content)
    if isinstance(content.get("rules"), Mapping):
        content["rules"] = {
            name: {"name": str(name), **rule} if isinstance(rule, Mapping) else rule
            for name, rule in content["rules"].items()
        }
    try:
        return RuleBook.model_validate(content)
    except ValidationError as error:
        raise _refusal(path, root, first_error(error)) from None


def _refusal(path: Path, root: yaml.Node | None, first: Any) -> SpecError:
    keys, kind = _without_tags(first["loc"])
    message, hint = in_words(first, lambda: _known(keys[:-1], kind))
    if first["type"] == "union_tag_invalid":
        known, given = str(first["ctx"]["expected_tags"]).replace("'", "").split(", "), str(first["ctx"]["tag"])
        message, hint = f"{given[:64]!r} is not known", nearest(given, known)
    return refusal(f"{path}, line {line_of(root, keys)}", keys, message, hint)


def _without_tags(loc: Sequence[str | int]) -> tuple[list[str | int], str]:
    """A place in the file: Pydantic's has the condition's kind in it, which is no key."""
    keys: list[str | int] = list(loc)
    if len(keys) > 3 and keys[2] == "condition" and keys[3] in _KINDS:
        return [*keys[:3], *keys[4:]], str(keys[3])
    return keys, ""


def _known(keys: Sequence[str | int], kind: str) -> list[str]:
    """The keys that may stand below a place."""
    at: type[BaseModel] = RuleBook
    below: dict[tuple[type[BaseModel], str], type[BaseModel]] = {
        (RuleBook, "rules"): Rule, (RuleBook, "channels"): Channel, (RuleBook, "maintenance"): Maintenance,
        (Rule, "metric"): Metric, (Rule, "condition"): _KINDS.get(kind, Threshold), (BurnRate, "windows"): BurnWindow,
        **{(Metric, n): Selection for n in ("count", "share", "of")},
    }  # fmt: skip
    for key in keys:
        at = below.get((at, str(key)), at)
    return [field.alias or name for name, field in at.model_fields.items()]
