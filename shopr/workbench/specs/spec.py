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
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from shopr.config.environment import Environment
from shopr.config.sources import project_root
from shopr.errors import SpecError
from shopr.strict import Strict
from shopr.tracking.rules import Rules
from shopr.workbench.specs.files import Source, read, read_text
from shopr.workbench.specs.words import refusal
from shopr.yamlfile import nearest

if TYPE_CHECKING:
    from shopr.abtest.design.spec import Experiment
    from shopr.recommend.lists.rules import Merchandising
    from shopr.workbench.specs.schedule import ScheduleSpec
    from shopr.workbench.specs.sweep import SweepSpec

    Loaded: TypeAlias = "RunSpec | GateSpec | SweepSpec | ScheduleSpec | Merchandising | Experiment"

__all__ = [
    "NAME",
    "GateSpec",
    "Parameter",
    "Retry",
    "RunSpec",
    "Strict",
    "gate_rules",
    "load",
    "notebook_of",
    "resolve",
]

NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"
"""What the name of a spec looks like."""
M = TypeVar("M", bound=BaseModel)
_KINDS = ["run", "sweep", "gate", "schedule", "rules", "abtest"]
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "list": (list,),
}


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

    `notebook` is relative to the project. `timeout` is for one attempt as a whole, the start of its kernel included
    (papermill's execution_timeout is for a cell): what starts every hour must be over within the hour.
    """

    name: str = Field(pattern=NAME)
    kind: Literal["run"] = "run"
    notebook: str = Field(pattern=r"^[^/\\]+(/[^/\\]+)*\.ipynb$")
    description: str = ""
    experiment: str = "shopr"
    timeout: float = Field(
        1800, gt=0, le=86_400,
        description="seconds that one attempt may take in all, from the start of its kernel to its last cell",
    )  # fmt: skip
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
    found = _checked(path, content, source, environment)
    for other in source.others:  # a mistake in the block of production is told here, not there
        _checked(path, *read(path, other), other)
    return found


def _checked(path: Path, content: dict[str, Any], source: Source, environment: Environment | None) -> Loaded:
    kind = content.setdefault("kind", "run")
    if kind == "rules":
        from shopr.recommend.lists.rules import check  # it needs pandas, which a run served from cache does not

        return check(path, content, source.root)
    if kind == "abtest":
        from shopr.abtest.design.spec import parse_spec

        return parse_spec(read_text(path), path)
    if kind == "schedule":
        from shopr.workbench.specs.checking import check as checked_schedule

        return checked_schedule(content, source.place)
    if kind == "sweep":
        from shopr.workbench.specs.sweep import SweepSpec, checked

        return checked(source, _validated(SweepSpec, content, source), environment)
    models: dict[str, type[RunSpec | GateSpec]] = {"run": RunSpec, "gate": GateSpec}
    if kind not in models:
        raise SpecError(f"{source.place(['kind'])}: unknown kind {kind!r}", hint=nearest(str(kind), _KINDS))
    return _validated(models[kind], content, source)


def _validated(model: type[M], content: dict[str, Any], source: Source) -> M:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        parameters = content.get("parameters")
        declared = [n for n, p in parameters.items() if isinstance(p, Mapping)] if isinstance(parameters, dict) else []
        raise refusal(source, model, error, declared) from error


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


def notebook_of(spec: RunSpec, root: Path | None = None) -> Path:
    """The notebook of a spec.

    Args:
        root: the project's folder, where it is not that of this process.

    Raises:
        SpecError: if there is none, with the nearest that there is.
    """
    root = root or project_root()
    if not (root / spec.notebook).is_file():
        known = sorted(str(p.relative_to(root)) for p in (root / spec.notebook).parent.glob("*.ipynb"))
        near = get_close_matches(spec.notebook, known, n=1)
        raise SpecError(
            f"{spec.name}: notebook {spec.notebook} does not exist",
            hint=(f"Did you mean {near[0]}? " if near else "") + "Correct notebook: in the spec",
        )
    return root / spec.notebook


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
