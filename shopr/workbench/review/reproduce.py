"""Run a finished run again, and say whether it came out the same and, where it did not, what has changed since."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shopr.clock import Clock
from shopr.config import Settings
from shopr.errors import InputError, RunError, SpecError, UnknownNameError
from shopr.storage.database import Database
from shopr.workbench.running.executor import plan, run_spec
from shopr.workbench.running.ledger import Ledger, State
from shopr.workbench.specs.files import inventory
from shopr.workbench.specs.spec import Parameter, RunSpec

if TYPE_CHECKING:
    from shopr.workbench.running.execution import Listener

__all__ = ["Measure", "Reproduction", "find_run", "reproduce"]

_TIMED = re.compile(r"(^|_|/)(seconds|latency|duration|ms|s|load|memory|mb)($|_|/)")
"""Measures of the machine, not of the work: shown, not judged."""
_LEAST_PREFIX = 4


@dataclass(frozen=True)
class Measure:
    """One measure of both runs; `same` is None where it measures the machine."""

    name: str
    before: float | None
    after: float | None
    same: bool | None


@dataclass(frozen=True)
class Reproduction:
    """What came of running a run again.

    Attributes:
        run_id, again: the run, and the one that repeated it.
        measures: side by side, those that differ first.
        changed: ingredients (notebook, data, package, lock …) that differ from then.
        seconds: of the new run.
    """

    run_id: str
    again: str
    measures: tuple[Measure, ...]
    changed: tuple[str, ...]
    seconds: float

    @property
    def same(self) -> bool:
        """Whether every measure that can be judged is the same; measures must be there."""
        return all(m.same is not False for m in self.measures) and any(m.same for m in self.measures)

    @property
    def verdict(self) -> str:
        """The outcome in one sentence."""
        judged = [m for m in self.measures if m.same is not None]
        if not judged:
            return "the run logged no measures that could be compared"
        others = "; changed since: " + ", ".join(self.changed) if self.changed else ""
        if self.same:
            return f"all {len(judged)} measures are the same{others}"
        differ = [m.name for m in judged if not m.same]
        return f"{len(differ)} of {len(judged)} measures differ ({', '.join(differ[:3])}){others}"


def find_run(settings: Settings, run_id: str) -> Mapping[str, Any]:
    """The ledger's row of a run, by its id, the beginning of it, or its MLflow id.

    Raises:
        UnknownNameError: if none fits; InputError: if several do.
    """
    ledger = Ledger(Database.open(settings))
    exact = ledger.get(run_id)
    if exact is not None:
        return exact
    recent = ledger.recent(10_000)
    fitting = [row for row in recent if row["mlflow_run_id"] == run_id]
    if not fitting and len(run_id) >= _LEAST_PREFIX:
        fitting = [row for row in recent if row["run_id"].startswith(run_id)]
    if not fitting:
        raise UnknownNameError("run", run_id, [row["run_id"] for row in recent[:5]])
    if len(fitting) > 1:
        raise InputError(f"{len(fitting)} runs begin with {run_id!r}", hint="Give more of the id: shopr run --list")
    return fitting[0]


def reproduce(
    settings: Settings,
    run_id: str,
    *,
    tolerance: float = 1e-9,
    clock: Clock | None = None,
    listener: Listener | None = None,
) -> Reproduction:
    """Run a finished run again with its parameters, cache or not, and compare what both measured.

    Args:
        run_id: see `find_run`.
        tolerance: relative difference up to which measures are the same.

    Raises:
        InputError: if the run did not finish, or the tolerance is below zero.
        RunError: if the new run did not finish.
    """
    if not tolerance >= 0:
        raise InputError(f"tolerance {tolerance} is below 0", hint="Use 0 for equal to the last digit")
    row = find_run(settings, run_id)
    if row["state"] != State.DONE:
        raise InputError(f"run {row['run_id']} is {row['state']}", hint="Only a run that is DONE can be reproduced")
    spec = _spec_of(row)
    known = {name: value for name, value in row["parameters"].items() if name in spec.parameters}
    todo = plan(settings, spec, known)
    before = row["ingredients"] or {}
    changed = tuple(name for name, value in todo.ingredients.items() if before.get(name) != value)
    done = run_spec(settings, spec, known, force=True, clock=clock, listener=listener)
    if done.state is not State.DONE:
        raise RunError(f"run {done.run_id} {done.state.lower()}: {done.message}", hint=f"The notebook is {done.output}")
    measures = _side_by_side(row["metrics"] or {}, done.metrics, tolerance)
    return Reproduction(row["run_id"], done.run_id, measures, changed, done.seconds)


def _spec_of(row: Mapping[str, Any]) -> RunSpec:
    """The spec that the run had, as it is now; where it is gone, one made of the row."""
    from shopr.workbench.specs.spec import load

    try:
        path = next((one.path for one in inventory() if one.name == row["spec"]), None)
        spec = None if path is None else load(path)
    except SpecError:
        spec = None
    if isinstance(spec, RunSpec):
        return spec
    kinds = {bool: "bool", int: "int", float: "float", str: "str", list: "list"}
    parameters = {
        name: Parameter(type=kinds[type(value)], default=value)
        for name, value in row["parameters"].items()
        if type(value) in kinds
    }
    return RunSpec(name=row["spec"], notebook=row["notebook"], parameters=parameters)


def _side_by_side(before: Mapping[str, float], after: Mapping[str, float], tolerance: float) -> tuple[Measure, ...]:
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        same: bool | None = old is not None and new is not None and math.isclose(old, new, rel_tol=tolerance)
        found.append(Measure(name, old, new, None if _TIMED.search(name) else same))
    return tuple(sorted(found, key=lambda m: (m.same is not False, m.same is None, m.name)))
