"""Sweeps as data: which run is repeated over which values of its parameters, how they are chosen, what is sought."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from shopr.config.environment import Environment
from shopr.errors import SpecError
from shopr.strict import Strict
from shopr.workbench.specs.files import Source
from shopr.workbench.specs.spec import NAME, Parameter, RunSpec, load
from shopr.yamlfile import nearest

__all__ = ["Dimension", "Objective", "Prune", "Stop", "SweepSpec", "checked", "load_sweep"]

_MOST_POINTS = 10_000


class Dimension(Strict):
    """What a parameter is varied over: some values, or a range."""

    values: tuple[Any, ...] | None = Field(None, min_length=1, description="The values to try")
    low: float | None = Field(None, description="Lower end of a range, included")
    high: float | None = Field(None, description="Upper end of a range, included")
    step: float | None = Field(None, gt=0, description="Distance of neighbouring values; a grid needs it")
    log: bool = Field(False, description="Whether equal ratios count as equally far apart")

    @model_validator(mode="after")
    def _sound(self) -> Dimension:
        if (self.values is None) == (self.low is None and self.high is None):
            raise ValueError("give either values: or low: and high:")
        if self.values is not None:
            if self.step is not None or self.log:
                raise ValueError("step: and log: belong to a range, not to values:")
            return self
        if self.low is None or self.high is None or not self.low < self.high:
            raise ValueError("low: must be below high:")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("a logarithmic range begins above 0 and has no step:")
        return self

    def points(self, declared: Parameter) -> list[Any]:
        """All values, for a grid."""
        if self.values is not None:
            return list(self.values)
        assert self.low is not None
        assert self.high is not None
        step = self.step or 1.0
        found = [self.low + i * step for i in range(math.floor((self.high - self.low) / step + 1e-9) + 1)]
        return [int(v) if declared.type == "int" else v for v in found]


class Objective(Strict):
    """What a trial is judged by: a metric that the notebook logs by `shopr.tracking`."""

    metric: str = Field(min_length=1, description="Its name; NAME/metric where several runs of the notebook log one")
    goal: Literal["maximize", "minimize"] = "maximize"

    @field_validator("metric")
    @classmethod
    def _as_stored(cls, value: str) -> str:
        return value.replace("@", "_at_")


class Prune(Strict):
    """When a trial is ended that promises little: it must log the objective several times, with rising `step`."""

    method: Literal["median", "halving", "hyperband"] = "median"
    startup: int = Field(4, ge=1, description="Trials that run to their end before any is pruned (median)")
    warmup: int = Field(0, ge=0, description="Steps of each trial that are not judged (median)")


class Stop(Strict):
    """When a sweep ends early."""

    patience: int | None = Field(None, ge=1, description="So many trials in a row without a gain end it")
    least_gain: float = Field(0.0, ge=0, description="What counts as a gain")
    target: float | None = Field(None, description="It ends when a trial reaches this value")


class SweepSpec(Strict):
    """Runs of one spec over values of its parameters. `run` is the run's file, relative to this one."""

    name: str = Field(pattern=NAME)
    kind: Literal["sweep"]
    description: str = ""
    run: str = Field(min_length=1)
    method: Literal["grid", "random", "tpe"] = "grid"
    trials: int = Field(20, ge=1, le=_MOST_POINTS, description="How many trials; a grid has as many as it has points")
    seed: int = Field(42, ge=0, description="Of the choice of values; the notebook's own is the run's")
    objective: Objective
    parameters: dict[str, Any] = Field(default_factory=dict, description="Values that are the same in all trials")
    space: dict[str, Dimension] = Field(min_length=1, description="Parameters that are varied")
    jobs: int | None = Field(None, ge=1, le=1024, description="Trials at a time; by default as many as there are cores")
    budget_minutes: float | None = Field(None, gt=0, description="After so long no trial starts and none goes on")
    prune: Prune | None = None
    stop: Stop = Field(default_factory=Stop)

    @field_validator("space", mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: {"values": given} if isinstance(given, list) else given for name, given in value.items()}

    def grid(self, run: RunSpec) -> list[dict[str, Any]]:
        """All points of the grid, the last parameter varying fastest."""
        axes = [dimension.points(run.parameters[name]) for name, dimension in self.space.items()]
        return [dict(zip(self.space, point, strict=True)) for point in product(*axes)]


def load_sweep(path: Path | str, environment: Environment | None = None) -> tuple[SweepSpec, RunSpec]:
    """A sweep and the run that it repeats.

    Raises:
        SpecError: naming the file, the line, the key and the nearest known one.
    """
    spec: object = load(path, environment=environment)
    if not isinstance(spec, SweepSpec):
        kind = getattr(spec, "kind", "?")
        hint = f"Run it with 'shopr run {path}'" if kind == "run" else "'shopr sweep' takes kind: sweep"
        raise SpecError(f"{path} has kind {kind!r}", hint=hint)
    return spec, _run_of(Path(path), spec, environment)


def _run_of(path: Path, spec: SweepSpec, environment: Environment | None) -> RunSpec:
    run: object = load(path.parent / spec.run, environment=environment)
    if not isinstance(run, RunSpec):
        raise SpecError(
            f"{spec.run} has kind {getattr(run, 'kind', '?')!r}", hint="A sweep repeats a spec of kind: run"
        )
    return run


def checked(source: Source, spec: SweepSpec, environment: Environment | None) -> SweepSpec:
    """The sweep, once its run takes what it varies.

    Raises:
        SpecError: as `load_sweep`.
    """

    def refuse(keys: list[str], message: str, hint: str = "") -> SpecError:
        return SpecError(f"{source.place(keys)}: {'.'.join(keys)}: {message}", hint=hint)

    if (source.path.parent / spec.run).resolve() == source.path.resolve():
        raise refuse(["run"], "it names itself", "Name a spec of kind: run")
    try:
        run = _run_of(source.path, spec, environment)
    except SpecError as error:
        raise refuse(["run"], error.message, error.hint) from error
    for group, names in (("parameters", list(spec.parameters)), ("space", list(spec.space))):
        for name in names:
            if name not in run.parameters:
                hint = nearest(name, run.parameters)
                raise refuse([group, name], f"{run.name} has no such parameter", hint)
    for name in set(spec.parameters) & set(spec.space):
        raise refuse(["parameters", name], "it cannot be fixed and varied", "Remove it here or in space:")
    for name, value in spec.parameters.items():
        reason = run.parameters[name].refusal(value)
        if reason:
            raise refuse(["parameters", name], reason)
    for name, dimension in spec.space.items():
        _check(spec, name, dimension, run.parameters[name], refuse)
    if spec.method == "grid":
        count = math.prod(len(d.points(run.parameters[n])) for n, d in spec.space.items())
        if count > _MOST_POINTS:
            raise refuse(
                ["space"], f"a grid of {count:,} points", f"At most {_MOST_POINTS:,}; or choose method: random"
            )
    return spec


def _check(spec: SweepSpec, name: str, dimension: Dimension, declared: Parameter, refuse: Any) -> None:
    if dimension.values is not None:
        for value in dimension.values:
            reason = declared.refusal(value)
            if reason:
                raise refuse(["space", name, "values"], reason)
        return
    if declared.type not in ("int", "float"):
        raise refuse(["space", name], f"a {declared.type} has no range", "Write the values to try: values: [...]")
    for end in ("low", "high", "step"):
        number = getattr(dimension, end)
        if number is None:
            continue
        if declared.type == "int" and number != int(number):
            raise refuse(["space", name, end], f"{number!r} is no int")
        reason = declared.refusal(int(number) if declared.type == "int" else number) if end != "step" else ""
        if reason:
            raise refuse(["space", name, end], reason)
    if spec.method == "grid" and dimension.step is None and declared.type != "int":
        raise refuse(["space", name], "a grid needs values: or a step:", "Or choose method: random or tpe")
