"""Experiment specs: YAML files that say which notebook runs with which parameters, or what the gate demands.

A spec is checked whole before anything starts: an unknown key, a mistyped parameter or a value outside its bounds is
refused with the file, the line and the nearest known name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from shopr.config.sources import project_root
from shopr.errors import SpecError
from shopr.tracking.rules import Rules
from shopr.yamlfile import line_of, nearest, parse

if TYPE_CHECKING:
    from shopr.abtest.spec import Experiment
    from shopr.recommend.rules import Merchandising
    from shopr.workbench.schedule_spec import ScheduleSpec

__all__ = ["GateSpec", "Parameter", "RunSpec", "Spec", "gate_rules", "json_schema", "load", "resolve"]

_KINDS = ["run", "gate", "rules", "abtest", "schedule"]
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


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Parameter(_Strict):
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


class Retry(_Strict):
    """When a run is tried again, and how long it waits before: `wait`, then `factor` times as long, up to `longest`."""

    times: int = Field(0, ge=0, le=20, description="How many further attempts there may be")
    on: tuple[Literal["died", "timeout", "error"], ...] = Field(
        ("died",), description="died: the kernel or its process; timeout; error: a cell raised, which seldom passes"
    )
    wait: float = Field(2.0, ge=0, le=3600, description="Seconds before the second attempt")
    factor: float = Field(2.0, ge=1, le=10, description="How much longer each further wait is")
    longest: float = Field(300.0, gt=0, le=86_400, description="Seconds that no wait exceeds")


class RunSpec(_Strict):
    """A parameterised notebook.

    `notebook` is relative to the project; `timeout` is in seconds.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
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


class GateSpec(_Strict):
    """What a candidate must hold to serve."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    kind: Literal["gate"]
    description: str = ""
    rules: Rules = Field(default_factory=Rules)


Spec = Annotated[RunSpec | GateSpec, Field(discriminator="kind")]
_ADAPTER: TypeAdapter[RunSpec | GateSpec] = TypeAdapter(Spec)


def load(path: Path | str) -> RunSpec | GateSpec | Merchandising | Experiment | ScheduleSpec:
    """Read and check a spec.

    Raises:
        SpecError: naming the file, the line, the key and the nearest known one.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        known = sorted(p.name for p in (project_root() / "experiments").glob("*.yaml"))
        near = get_close_matches(path.name, known, n=1)
        hint = f"Did you mean experiments/{near[0]}?" if near else f"Known: {', '.join(known) or 'none'}"
        raise SpecError(
            f"spec {path} cannot be read: {getattr(error, 'strerror', None) or error}", hint=hint
        ) from error
    content, root = parse(path, text, hint="Start with name:, kind: and notebook:")
    if content.get("kind") == "rules":
        from shopr.recommend.rules import check  # it needs pandas, which a run served from cache does not

        return check(path, content, root)
    if content.get("kind") == "abtest":
        from shopr.abtest.spec import parse_spec

        return parse_spec(text, path)
    if content.get("kind") == "schedule":
        from shopr.workbench import schedule_spec

        return schedule_spec.check(path, content, root)
    content.setdefault("kind", "run")
    try:
        return _ADAPTER.validate_python(content)
    except ValidationError as error:
        raise _refusal(path, root, error) from error


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


def json_schema() -> dict[str, Any]:
    """JSON Schema of specs, for editors."""
    return _ADAPTER.json_schema()


def _refusal(path: Path, root: yaml.Node | None, error: ValidationError) -> SpecError:
    found = error.errors()
    # A misspelt key is missing under its right name, too: the misspelling is what its writer wants to hear of.
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    if first["type"] == "union_tag_invalid":
        return SpecError(
            f"{path}, line {line_of(root, ['kind'])}: unknown kind {first['ctx']['tag']!r}",
            hint=nearest(str(first["ctx"]["tag"]), _KINDS),
        )
    kind, *keys = [str(key) for key in first["loc"] if key != "[key]"]
    message = str(first["msg"]).removeprefix("Value error, ")
    hint = ""
    if first["type"] == "extra_forbidden":
        message = "unknown key"
        hint = nearest(keys[-1], _known(keys[:-1], kind))
    elif first["type"] == "missing":
        message = "this key is missing"
    elif first["type"] == "string_pattern_mismatch":
        message = f"{first['input']!r} does not look like {_PATTERNS.get(keys[-1], 'what is wanted here')}"
    return SpecError(f"{path}, line {line_of(root, keys)}: {'.'.join(keys)}: {message}", hint=hint)


def _known(parents: list[str], kind: str) -> list[str]:
    """Keys that may stand where an unknown one was found."""
    if parents[:1] == ["parameters"] and len(parents) == 2:
        return list(Parameter.model_fields)
    if parents == ["rules"]:
        return list(Rules.model_fields)
    return list((GateSpec if kind == "gate" else RunSpec).model_fields)
