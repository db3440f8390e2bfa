"""Schedules read from files and checked whole: keys, expressions, zones, templates, dependencies, and their runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from shopr.config.sources import project_root
from shopr.errors import ShoprError, SpecError
from shopr.workbench.specs.moments import Moment, render
from shopr.workbench.specs.schedule import NAME_WORDS, CatchUp, Job, Retries, ScheduleSpec
from shopr.workbench.specs.times import Cron, zone_of
from shopr.yamlfile import first_error, in_words, nearest, refusal

__all__ = ["check", "json_schema", "load_schedule"]

_WORDS = {"name": NAME_WORDS, "spec": "experiments/NAME.yaml, a path within the project"}
_TODAY = datetime(2026, 1, 1, tzinfo=UTC)


def load_schedule(path: Path | str) -> ScheduleSpec:
    """Read and check a schedule.

    Raises:
        SpecError: if the file is no schedule, or names something that does not hold.
    """
    from shopr.workbench.specs.spec import load

    spec: object = load(path)
    if not isinstance(spec, ScheduleSpec):
        kind = getattr(spec, "kind", "?")
        raise SpecError(f"{path} has kind {kind!r}", hint="'shopr schedule' takes kind: schedule")
    return spec


def check(content: dict[str, Any], place: Callable[[Sequence[str]], str]) -> ScheduleSpec:
    """A schedule from the content of a file.

    Args:
        place: file and line of a path of keys, for errors.

    Raises:
        SpecError: naming the line, the key and the nearest known one.
    """
    try:
        spec = ScheduleSpec.model_validate(content)
    except ValidationError as error:
        raise _refusal(place, error) from error

    def refuse(keys: list[str], error: ShoprError) -> SpecError:
        return SpecError(f"{place(keys)}: {'.'.join(keys)}: {error.message}", hint=error.hint)

    _check_order(spec, refuse)
    if spec.time_zone:
        _try(lambda: zone_of(spec.time_zone), ["time_zone"], refuse)
    for name, job in spec.jobs.items():
        if job.time_zone:
            _try(lambda zone=job.time_zone: zone_of(zone), ["jobs", name, "time_zone"], refuse)
        if job.cron is not None:
            _try(lambda text=job.cron: Cron(text), ["jobs", name, "cron"], refuse)
    for name in spec.jobs:
        _check_same_instants(spec, name, refuse)
        _check_run(spec, name, refuse)
    return spec


def _try(work: Any, keys: list[str], refuse: Any) -> Any:
    try:
        return work()
    except ShoprError as error:
        raise refuse(keys, error) from error


def _check_order(spec: ScheduleSpec, refuse: Any) -> None:
    for name, job in spec.jobs.items():
        for before in job.after:
            if before not in spec.jobs:
                raise refuse(
                    ["jobs", name, "after"], SpecError(f"unknown job {before!r}", hint=nearest(before, spec.jobs))
                )
    try:
        list(TopologicalSorter({name: job.after for name, job in spec.jobs.items()}).static_order())
    except CycleError as error:
        cycle = " after ".join(reversed(error.args[1]))
        raise refuse(["jobs", error.args[1][0], "after"], SpecError(f"jobs wait for each other: {cycle}")) from error


def _check_same_instants(spec: ScheduleSpec, name: str, refuse: Any) -> None:
    crons = {before: spec.cron(before) for before in spec.jobs[name].after}
    if len(set(crons.values())) > 1:
        shown = ", ".join(f"{job} at {cron.words}" for job, cron in crons.items())
        problem = SpecError(f"it comes after jobs of different instants: {shown}", hint="Give them one cron: and zone")
        raise refuse(["jobs", name, "after"], problem)


def _check_run(spec: ScheduleSpec, name: str, refuse: Any) -> None:
    """The run spec exists and takes the parameters, as they would be at some instant."""
    from shopr.workbench.specs.spec import RunSpec, load, resolve

    job, keys = spec.jobs[name], ["jobs", name, "spec"]
    run = _try(lambda: load(project_root() / job.spec), keys, refuse)
    if not isinstance(run, RunSpec):
        raise refuse(keys, SpecError(f"{job.spec} has kind {run.kind!r}", hint="A job runs a spec of kind: run"))
    cron = spec.cron(name)
    moment = Moment(spec.name, name, "demo", cron.next(_TODAY) or _TODAY, cron)
    filled: dict[str, Any] = {}
    for parameter, value in job.parameters.items():
        here = ["jobs", name, "parameters", parameter]
        filled[parameter] = _try(lambda value=value: render(value, moment), here, refuse)
        _try(lambda given=parameter: resolve(run, {given: filled[given]}), here, refuse)


def json_schema() -> dict[str, Any]:
    """JSON Schema of schedules, for editors."""
    schema = ScheduleSpec.model_json_schema()
    job = schema["$defs"]["Job"]["properties"]
    # The short forms that the loader accepts: a policy alone, a number of attempts alone.
    policy = schema["$defs"]["CatchUp"]["properties"]["policy"]
    job["catch_up"] = {"anyOf": [{"$ref": "#/$defs/CatchUp"}, {"enum": policy["enum"]}]}
    job["retries"] = {"anyOf": [{"$ref": "#/$defs/Retries"}, {"type": "integer", "minimum": 1, "maximum": 20}]}
    return schema


def _refusal(place: Callable[[Sequence[str]], str], error: ValidationError) -> SpecError:
    first = first_error(error)
    keys = [str(key) for key in first["loc"] if key != "[key]"]
    message, hint = in_words(first, lambda: _model_of(keys).model_fields)
    if first["type"] == "string_pattern_mismatch":
        message = f"{first['input']!r} does not look like {_WORDS.get(keys[-1], 'what is wanted here')}"
    return refusal(place(keys), keys, message, hint)


def _model_of(keys: Sequence[str]) -> type[BaseModel]:
    """What a key stands in."""
    nested: dict[str, type[BaseModel]] = {"catch_up": CatchUp, "retries": Retries}
    return ScheduleSpec if len(keys) == 1 else nested.get(keys[-2], Job)
