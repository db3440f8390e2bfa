"""An experiment as data: what is tested, on whom, by which metrics, and how it will be read.

The file is YAML (`experiments/*.yaml` with `kind: abtest`), checked whole before any data is read. `json_schema()` is
its documentation for editors and people; `shopr abtest analyze --schema` prints it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from shopr.abtest.design.designs import DESIGNS, Bayesian, Design, FixedHorizon, GroupSequential, Sequential
from shopr.abtest.design.eventspec import EventColumn, Events
from shopr.abtest.design.metrics import Cap, Mean, Metric, Proportion, Quantile, Ratio, Window
from shopr.abtest.design.specschema import with_short_forms
from shopr.abtest.methods.multiplicity import Correction
from shopr.errors import SpecError
from shopr.strict import Strict
from shopr.yamlfile import first_error, in_words, line_of, nearest, parse, read_text, refusal

__all__ = ["Adjustment", "Bayesian", "Experiment", "FixedHorizon", "GroupSequential", "Guardrail", "Sequential"]
__all__ += ["json_schema", "load_spec", "parse_spec"]

_DICTIONARY = "valid dictionary or object to extract fields from"
_METRICS: dict[str, type[BaseModel]] = {"mean": Mean, "proportion": Proportion, "ratio": Ratio, "quantile": Quantile}


class Guardrail(Strict):
    """A metric that must not get worse by more than a margin: a one-sided non-inferiority test."""

    metric: str = Field(description="Name of a metric of this experiment")
    margin: float = Field(gt=0, description="Largest loss that is acceptable, as a share of the control's value")
    absolute: bool = Field(False, description="The margin is in the metric's own unit")


class Adjustment(Strict):
    """Regression adjustment by a learned predictor of the metric, cross-fitted."""

    model: Literal["boosting", "ridge"] = Field("boosting", description="Learner")
    columns: tuple[str, ...] = Field(min_length=1, description="Columns known before exposure")
    folds: int = Field(5, ge=2, le=50, description="Folds of the cross-fitting")
    seed: int = Field(0, ge=0, description="Seed of the folds and the learner")


class Experiment(Strict):
    """One A/B/n test."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$", description="Name: small letters, digits, - _ .")
    kind: Literal["abtest"] = Field("abtest", description="Always abtest")
    hypothesis: str = Field("", description="What is expected to change, for whom, and why")
    unit: str = Field("unit_id", min_length=1, description="Column with the id of what was randomised")
    variant: str = Field("variant", min_length=1, description="Column with the arm")
    exposed_at: str = Field("exposed_at", description="Column with the time of the first exposure; empty: none")
    arms: dict[str, float] = Field(description="Arm: its weight. Weights are shares of the traffic, in any unit")
    control: str = Field("", description="The arm the others are compared with (default: the first)")
    metrics: tuple[Metric, ...] = Field(min_length=1, description="What is measured")
    primary: tuple[str, ...] = Field((), description="Metrics that decide (default: the first)")
    guardrails: tuple[Guardrail, ...] = Field((), description="Metrics that must not get worse")
    segments: tuple[str, ...] = Field((), description="Columns by which results are also shown, corrected together")
    strata: str = Field("", description="Column for post-stratification, known before exposure")
    adjustment: Adjustment | None = Field(None, description="Learned regression adjustment of mean metrics")
    alpha: float = Field(0.05, gt=0, lt=0.5, description="Error rate of a two-sided test")
    alternative: Literal["two-sided", "greater", "less"] = Field("two-sided", description="Side of the tests")
    design: Design = Field(default_factory=FixedHorizon, description="How and when the test is read")
    correction: Correction = Field(
        "holm", description="Correction over the primary metrics and arms, and over segments"
    )
    events: Events | None = Field(None, description="How an event log becomes this test's table (shopr abtest units)")
    start: datetime | None = Field(None, description="When exposure began (UTC)")
    end: datetime | None = Field(None, description="When the test ends (UTC); a bare date ends at its midnight")

    @field_validator("start", "end", mode="before")
    @classmethod
    def _instant(cls, value: Any) -> Any:
        if isinstance(value, date) and not isinstance(value, datetime):
            return datetime.combine(value, time(), tzinfo=UTC)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise ValueError("this is no time such as 2026-01-31 or 2026-01-31T10:00:00+01:00") from None
        if isinstance(value, int | float):
            raise ValueError("this is no time such as 2026-01-31")  # 20260101 would be seconds since 1970
        if isinstance(value, datetime) and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value

    @field_validator("arms", mode="before")
    @classmethod
    def _weights(cls, value: Any) -> Any:
        for arm, weight in value.items() if isinstance(value, Mapping) else ():
            if isinstance(weight, bool):
                raise ValueError(f"weight {weight} of {arm!r} is no number; give a share such as 1")
        return value

    @model_validator(mode="after")
    def _sound(self) -> Experiment:
        if len(self.arms) < 2:
            raise ValueError(f"arms: {len(self.arms)} is fewer than 2; name a control and at least one treatment")
        for arm, weight in self.arms.items():
            if not 0 < weight < float("inf"):
                raise ValueError(f"arms: weight {weight:g} of {arm!r} is not above 0; leave an unused arm out")
        if not math.isfinite(sum(self.arms.values())):
            raise ValueError("arms: the weights sum to more than 1.8e308; give shares such as 1")
        _named("control", [self.control] if self.control else [], self.arms, "arm")
        names = [metric.name for metric in self.metrics]
        for name in {n for n in names if names.count(n) > 1}:
            raise ValueError(f"metrics: the name {name!r} occurs twice; rename one")
        for own in (m for m in self.metrics if isinstance(m, Mean | Proportion) and m.value in m.covariates):
            raise ValueError(f"metrics: {own.name!r} is a covariate of itself; name columns known before exposure")
        _named("primary", self.primary, names, "metric")
        for column in self.events.columns if self.events else ():
            if column in (self.unit, self.variant, self.exposed_at, "crossed"):
                raise ValueError(f"events: the column {column!r} is made from exposures; give another name")
        _named("guardrails", [g.metric for g in self.guardrails], names, "metric")
        if self.start and self.end and self.end <= self.start:
            raise ValueError(f"end: {self.end:%Y-%m-%d %H:%M} is not after start {self.start:%Y-%m-%d %H:%M}")
        return self

    @property
    def baseline(self) -> str:
        """The control arm."""
        return self.control or next(iter(self.arms))

    @property
    def treatments(self) -> tuple[str, ...]:
        """The other arms, in their order."""
        return tuple(arm for arm in self.arms if arm != self.baseline)

    @property
    def deciding(self) -> tuple[str, ...]:
        """Names of the primary metrics."""
        return self.primary or (self.metrics[0].name,)

    def metric(self, name: str) -> Mean | Proportion | Ratio | Quantile:
        """The metric of that name."""
        return next(metric for metric in self.metrics if metric.name == name)


def _named(key: str, wanted: Any, known: Any, kind: str) -> None:
    for name in wanted:
        if name not in known:
            raise ValueError(f"{key}: unknown {kind} {name!r}. {nearest(name, known)}")


def load_spec(path: Path | str) -> Experiment:
    """Read and check an experiment's YAML.

    Raises:
        SpecError: naming the file, the line, the key and the nearest known one.
    """
    path = Path(path)
    return parse_spec(read_text(path, "spec", hint="Give the YAML of an experiment"), path)


def parse_spec(text: str, path: Path | str = "spec") -> Experiment:
    """An experiment from YAML text; `path` is what errors name.

    Raises:
        SpecError: as `load_spec`.
    """
    path = Path(path)
    content, root = parse(path, text, hint="Start with name:, arms: and metrics:")
    content = _as_written(content, root)
    try:
        return Experiment.model_validate(_plain_forms(content))
    except ValidationError as error:
        raise _refusal(path, root, content, error) from error
    except ValueError as error:
        raise SpecError(f"{path}: {error}") from error


def json_schema() -> dict[str, Any]:
    """JSON Schema of experiment files, with a sentence on every key."""
    return with_short_forms(Experiment.model_json_schema())


def _plain_forms(content: dict[str, Any]) -> dict[str, Any]:
    """Short forms: a bare metric is the mean of that column, listed arms weigh alike, - and _ in choices are one."""
    given = dict(content)
    if isinstance(given.get("arms"), list):
        names = [_text(arm) for arm in given["arms"]]
        for name in (n for n in names if names.count(n) > 1):
            raise ValueError(f"arms: {name!r} occurs twice; name each arm once")
        given["arms"] = dict.fromkeys(names, 1.0)
    elif isinstance(given.get("arms"), Mapping):
        given["arms"] = {_text(arm): weight for arm, weight in given["arms"].items()}
    if "control" in given:
        given["control"] = _text(given["control"])
    if isinstance(given.get("metrics"), list):
        given["metrics"] = [{"name": m, "type": "mean"} if isinstance(m, str) else m for m in given["metrics"]]
        given["metrics"] = [{"type": "mean", **m} if isinstance(m, Mapping) else m for m in given["metrics"]]
    if isinstance(given.get("design"), str):
        given["design"] = {"type": given["design"]}
    elif isinstance(given.get("design"), Mapping):
        given["design"] = {"type": "fixed", **given["design"]}
    if isinstance(given.get("design"), dict):
        given["design"]["type"] = str(given["design"]["type"]).replace("-", "_")
        if "spending" in given["design"]:
            given["design"]["spending"] = str(given["design"]["spending"]).replace("_", "-")
    if isinstance(given.get("correction"), str):
        given["correction"] = given["correction"].replace("_", "-")
    return given


def _as_written(content: dict[str, Any], root: yaml.Node | None) -> dict[str, Any]:
    """Arms named yes, no, on or off as they are written: YAML reads those as true and false, a table as text."""
    given = dict(content)
    nodes = {key.value: node for key, node in root.value} if isinstance(root, yaml.MappingNode) else {}
    arms, node = given.get("arms"), nodes.get("arms")
    if isinstance(arms, dict) and isinstance(node, yaml.MappingNode) and len(node.value) == len(arms):
        told = [_word(arm, key) for arm, (key, _) in zip(arms, node.value, strict=True)]
        given["arms"] = dict(zip(told, arms.values(), strict=True)) if len({*map(str, told)}) == len(told) else arms
    elif isinstance(arms, list) and isinstance(node, yaml.SequenceNode):
        given["arms"] = [_word(arm, item) for arm, item in zip(arms, node.value, strict=True)]
    if "control" in given and "control" in nodes:
        given["control"] = _word(given["control"], nodes["control"])
    return given


def _word(value: Any, node: yaml.Node) -> Any:
    """A truth value as it is written, if that is not true or false."""
    written = str(node.value)
    return written if isinstance(value, bool) and written.lower() not in ("true", "false") else value


def _text(arm: Any) -> str:
    """An arm's name as a table spells it: YAML reads 0 and true as other things than text."""
    return str(arm).lower() if isinstance(arm, bool) else str(arm)


def _refusal(path: Path, root: yaml.Node | None, content: Mapping[str, Any], error: ValidationError) -> SpecError:
    first = first_error(error)
    tags = {*_METRICS, *DESIGNS}
    keys = [k for k in first["loc"] if k not in tags or k in content]
    message = str(first["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    hint, given = "", first.get("input")
    if isinstance(given, str | int | float | date) and first["loc"]:
        message = f"{given!r}: {message[:1].lower()}{message[1:]}"
    message = message.replace("valid tuple", "list, as in [a, b]").replace(_DICTIONARY, "mapping, as in {key: value}")
    if first["type"] in ("extra_forbidden", "missing"):
        message, hint = in_words(first, lambda: _known(keys[:-1], first["loc"]))
    elif first["type"] == "union_tag_invalid":
        known = _METRICS if "metrics" in keys else DESIGNS
        message, hint = f"unknown type {first['ctx']['tag']!r}", nearest(str(first["ctx"]["tag"]), known)
        keys.append("type")
    elif first["type"] == "string_pattern_mismatch":
        message = f"{first['input']!r} holds other characters than small letters, digits, - _ ."
    elif not first["loc"] and ": " in message:
        keys = [message.split(":")[0]]
        message = message.partition(": ")[2]
    return refusal(f"{path}, line {line_of(root, keys)}", keys, message, hint)


def _known(parents: list[Any], loc: tuple[Any, ...]) -> list[str]:
    """Keys that may stand where an unknown one was found."""
    model: type[BaseModel] = Experiment
    tag = next((str(part) for part in loc if part in _METRICS or part in DESIGNS), "mean")
    if parents[:1] == ["metrics"]:
        inner: dict[str, type[BaseModel]] = {"cap": Cap, "window": Window}
        model = inner.get(str(parents[-1]), _METRICS.get(tag, Mean))
    elif parents[:1] == ["design"]:
        model = DESIGNS.get(tag, FixedHorizon)
    elif parents[:1] == ["events"]:
        model = EventColumn if len(parents) > 1 else Events
    elif parents[:1] == ["guardrails"]:
        model = Guardrail
    elif parents[:1] == ["adjustment"]:
        model = Adjustment
    return list(model.model_fields)
