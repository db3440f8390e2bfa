"""Experiment specs: YAML files that say which notebook runs with which parameters, or what the gate demands.

Other kinds (sweep, schedule, rules, abtest) are declared where they are used, and read through the same `load`.
A spec is checked whole before anything starts: an unknown key, a mistyped parameter or a value outside its bounds is
refused with the file, the line and the nearest known name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from shopr.config.environment import Environment
from shopr.config.sources import project_root
from shopr.errors import SpecError
from shopr.tracking.rules import Rules
from shopr.workbench.specfiles import Source, read, read_text
from shopr.yamlfile import nearest

if TYPE_CHECKING:
    from shopr.abtest.spec import Experiment
    from shopr.recommend.rules import Merchandising
    from shopr.workbench.schedule_spec import ScheduleSpec
    from shopr.workbench.sweepspec import SweepSpec

    Loaded: TypeAlias = "RunSpec | GateSpec | SweepSpec | ScheduleSpec | Merchandising | Experiment"

__all__ = ["NAME", "GateSpec", "Parameter", "Retry", "RunSpec", "Strict", "gate_rules", "load", "resolve"]

NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"
"""What the name of a spec looks like."""
M = TypeVar("M", bound=BaseModel)
_KINDS = ["run", "sweep", "gate", "schedule", "rules", "abtest"]
_PATTERNS = {
    "name": "a name such as weekly-health: small letters, digits, - and _",
    "notebook": "notebooks/NAME.ipynb, a path within the project",
    "metric": "a measure such as ndcg@10",
}
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "list": (list,),
}


class Strict(BaseModel):
    """A part of a spec: what is not declared is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Parameter(Strict):
    """One parameter of a notebook: its type, default and bounds."""

    type: Literal["str", "int", "float", "bool", "list"]
    default: Any
    min: float | None = None
    max: float | None = None
    choices: tuple[Any, ...] | None = None
    help: str = ""

    @model_validator(mode="after")
    def _sound(self) -> Parameter:
        reason = self.refusal(self.default)
        if reason:
            raise ValueError(f"the default {reason}")
        return self

    def refusal(self, value: Any) -> str:
        """Why a value is not acceptable, in words; "" if it is."""
        allowed = _TYPES[self.type]
        if not isinstance(value, allowed) or (isinstance(value, bool) and self.type != "bool"):
            return f"{value!r} is no {self.type}"
        if self.choices is not None and value not in self.choices:
            return f"{value!r} is none of {', '.join(map(str, self.choices))}"
        if isinstance(value, int | float) and not isinstance(value, bool):
            if not math.isfinite(value):
                return f"{value!r} is no finite number"
            if self.min is not None and value < self.min:
                return f"{value!r} is below {self.min:g}"
            if self.max is not None and value > self.max:
                return f"{value!r} is above {self.max:g}"
        return ""


class Retry(Strict):
    """When a run is tried again, and how long it waits before: `wait`, then `factor` times as long, up to `longest`."""

    times: int = Field(0, ge=0, le=20, description="How many further attempts there may be")
    after: tuple[Literal["died", "timeout", "error"], ...] = Field(
        ("died",), description="died: the kernel or its process; timeout; error: a cell raised, which seldom passes"
    )
    wait: float = Field(2.0, ge=0, le=3600, description="Seconds before the second attempt")
    factor: float = Field(2.0, ge=1, le=10, description="How much longer each further wait is")
    longest: float = Field(300.0, gt=0, le=86_400, description="Seconds that no wait exceeds")


class RunSpec(Strict):
    """A parameterised notebook.

    `notebook` is relative to the project; `timeout` is in seconds.
    """

    name: str = Field(pattern=NAME)
    kind: Literal["run"] = "run"
    notebook: str = Field(pattern=r"^[^/\\]+(/[^/\\]+)*\.ipynb$")
    description: str = ""
    experiment: str = "shopr"
    timeout: float = Field(1800, gt=0, le=86_400)
    seed: int = Field(42, ge=0)
    retry: Retry = Field(default_factory=Retry)
    parameters: dict[str, Parameter] = Field(default_factory=dict)

    @field_validator("notebook")
    @classmethod
    def _inside(cls, value: str) -> str:
        if ".." in value.split("/"):
            raise ValueError(f"{value!r} leaves the project")
        return value


class GateSpec(Strict):
    """What a candidate must hold to serve."""

    name: str = Field(pattern=NAME)
    kind: Literal["gate"]
    description: str = ""
    rules: Rules = Field(default_factory=Rules)


def load(path: Path | str, *, environment: Environment | None = None) -> Loaded:
    """Read and check a spec.

    Args:
        environment: whose block of the spec holds; None asks the settings, where a spec has such blocks.

    Raises:
        SpecError: naming the file, the line, the key and the nearest known one.
    """
    path = Path(path)
    content, source = read(path, environment)
    kind = content.setdefault("kind", "run")
    if kind == "rules":
        from shopr.recommend.rules import check  # it needs pandas, which a run served from cache does not

        return check(path, content, source.root)
    if kind == "abtest":
        from shopr.abtest.spec import parse_spec

        return parse_spec(read_text(path), path)
    if kind == "schedule":
        from shopr.workbench.schedule_check import check as checked_schedule

        return checked_schedule(content, source.place)
    if kind == "sweep":
        from shopr.workbench.sweepspec import SweepSpec, checked

        return checked(source, _validated(SweepSpec, content, source), environment)
    models: dict[str, type[RunSpec | GateSpec]] = {"run": RunSpec, "gate": GateSpec}
    if kind not in models:
        raise SpecError(f"{source.place(['kind'])}: unknown kind {kind!r}", hint=nearest(str(kind), _KINDS))
    return _validated(models[kind], content, source)


def _validated(model: type[M], content: dict[str, Any], source: Source) -> M:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _refusal(source, model, error) from error


def resolve(spec: RunSpec, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of all parameters: those given, the defaults for the rest.

    Raises:
        SpecError: if a name is not declared (with the nearest one), or a value has the wrong type or is out of bounds.
    """
    for name in given:
        if name not in spec.parameters:
            near = get_close_matches(name, spec.parameters, n=1, cutoff=0.5)
            guess = f"Did you mean {near[0]!r}? " if near else ""
            raise SpecError(
                f"{spec.name}: unknown parameter {name!r}",
                hint=f"{guess}Known: {', '.join(spec.parameters) or 'none'}",
            )
    values = {name: given.get(name, declared.default) for name, declared in spec.parameters.items()}
    for name, declared in spec.parameters.items():
        reason = declared.refusal(values[name])
        if reason:
            raise SpecError(f"{spec.name}: parameter {name}: {reason}", hint=declared.help)
        if declared.type == "float":
            values[name] = float(values[name])
    return values


def gate_rules(path: Path | None = None) -> Rules:
    """The gate's rules from a spec, from experiments/gate.yaml where there is one, else the defaults.

    Raises:
        SpecError: if the file is no gate spec.
    """
    usual = project_root() / "experiments" / "gate.yaml"
    if path is None and not usual.is_file():
        return Rules()
    spec = load(path or usual)
    if not isinstance(spec, GateSpec):
        raise SpecError(f"{path or usual} has kind {spec.kind!r}", hint="A gate spec has kind: gate")
    return spec.rules


def _refusal(source: Source, model: type[BaseModel], error: ValidationError) -> SpecError:
    found = error.errors()
    # A misspelt key is missing under its right name, too: the misspelling is what its writer wants to hear of.
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    keys = [str(key) for key in first["loc"] if key != "[key]"]
    message = str(first["msg"]).removeprefix("Value error, ")
    hint = ""
    if first["type"] == "extra_forbidden":
        message = "unknown key"
        hint = nearest(keys[-1], _known(model, keys[:-1]))
    elif first["type"] == "missing":
        message = "this key is missing"
    elif first["type"] == "literal_error":
        message = f"{first['input']!r} is not known"
        hint = nearest(str(first["input"]), _words(str(first["ctx"]["expected"])))
    elif first["type"] == "string_pattern_mismatch":
        message = f"{first['input']!r} does not look like {_PATTERNS.get(keys[-1], 'what is wanted here')}"
    return SpecError(f"{source.place(keys)}: {'.'.join(keys)}: {message}", hint=hint)


def _words(expected: str) -> list[str]:
    return [word.strip(" '") for word in expected.replace(" or ", ", ").split(",") if word.strip(" '")]


def _known(model: type[BaseModel], parents: list[str]) -> list[str]:
    """Keys that may stand where an unknown one was found."""
    current: Any = model
    for key in parents:
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            current = _model_within(current)  # the name of an entry: what is below it counts
            continue
        declared = current.model_fields.get(key)
        current = None if declared is None else declared.annotation
    current = _model_within(current)
    if current is None:
        return []
    more = ["extends", "environments"] if current is model else []
    return [*current.model_fields, *more]


def _model_within(annotation: Any) -> type[BaseModel] | None:
    """The model in `Model`, `Model | None` or `dict[str, Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for part in get_args(annotation) if (m := _model_within(part)) is not None), None)
