"""Specs of schedules: which runs come due when, what follows what, and what to do about those that were missed.

    name: maintenance
    kind: schedule
    time_zone: Europe/Berlin
    jobs:
      health:
        cron: "15 6 * * *"
        spec: experiments/daily.yaml
        parameters: {day: "{{ logical_date - 1d }}"}
      audit:
        after: [health]
        spec: experiments/audit.yaml

A schedule is checked whole before it is used: expressions, zones, templates, dependencies, and the parameters of each
run spec that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from shopr.config.sources import project_root
from shopr.errors import ShoprError, SpecError
from shopr.workbench.schedule_template import Moment, render
from shopr.workbench.schedule_times import Cron, zone_of
from shopr.yamlfile import line_of, nearest

__all__ = ["CatchUp", "Job", "Retries", "ScheduleSpec", "check", "json_schema", "load_schedule"]

_NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"
_WORDS = {
    "name": "a name such as weekly-health: small letters, digits, - and _",
    "jobs": "a name such as weekly-health: small letters, digits, - and _",
    "spec": "experiments/NAME.yaml, a path within the project",
}
_TODAY = datetime(2026, 1, 1, tzinfo=UTC)
_DAY = 86_400


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CatchUp(_Strict):
    """What to do about instants that came due while no scheduler ran.

    Attributes:
        policy: `latest`: run the newest that is due and none before it; `all`: run each of them, oldest first;
            `skip`: run none but those that came due within the last `grace_seconds` of the schedule.
        limit: `all` runs no more than this many of the newest.
        within_hours: none that is older than this; no bound by default.
    """

    policy: Literal["latest", "all", "skip"] = "latest"
    limit: int = Field(24, ge=1, le=10_000)
    within_hours: float | None = Field(None, gt=0)


class Retries(_Strict):
    """How often a job that failed is started again.

    Attributes:
        attempts: starts in all; 1 means no retry.
        wait_seconds, factor, longest_seconds: the wait before the second start, by how much it grows, and its bound.
    """

    attempts: int = Field(1, ge=1, le=20)
    wait_seconds: float = Field(60, ge=0, le=_DAY)
    factor: float = Field(2, ge=1, le=10)
    longest_seconds: float = Field(3600, ge=0, le=_DAY)

    def wait(self, attempts: int) -> float:
        """Seconds to wait after `attempts` starts that failed."""
        return float(min(self.wait_seconds * self.factor ** (attempts - 1), self.longest_seconds))


class Job(_Strict):
    """One job of a schedule.

    Attributes:
        spec: the run spec that it runs, relative to the project.
        cron: when; None where it comes after other jobs, at their instants.
        time_zone: of the expression; the schedule's by default.
        parameters: of the run, with templates (see `schedule_template`).
        after: jobs whose runs of the same instant must be DONE before.
        when_failed: `skip` this job where one of those failed or did not run, or `run` it once they ended, however.
        catch_up: what to do about missed instants; a policy alone may be written.
        overlap: while an earlier run of this job is under way: `queue` behind it, `skip` this one, `allow` both, or
            `kill` the earlier one.
        jitter_seconds: the start is put off by up to this much, by job and instant, so that not all start at once.
        retries: how often it is started again; a number of attempts alone may be written.
        cache: let a finished run with the same key serve, instead of running anew.
    """

    spec: str = Field(pattern=r"^[^/\\]+(/[^/\\]+)*\.ya?ml$")
    description: str = ""
    cron: str | None = None
    time_zone: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    after: tuple[str, ...] = ()
    when_failed: Literal["skip", "run"] = "skip"
    catch_up: CatchUp = CatchUp()
    overlap: Literal["queue", "skip", "allow", "kill"] = "queue"
    jitter_seconds: float = Field(0, ge=0, le=_DAY)
    retries: Retries = Retries()
    cache: bool = False

    @field_validator("catch_up", mode="before")
    @classmethod
    def _policy(cls, value: Any) -> Any:
        return {"policy": value} if isinstance(value, str) else value

    @field_validator("retries", mode="before")
    @classmethod
    def _attempts(cls, value: Any) -> Any:
        return {"attempts": value} if isinstance(value, int) else value

    @field_validator("spec")
    @classmethod
    def _inside(cls, value: str) -> str:
        if ".." in value.split("/"):
            raise ValueError(f"{value!r} leaves the project")
        return value

    @model_validator(mode="after")
    def _sound(self) -> Job:
        if (self.cron is None) == (not self.after):
            raise ValueError("give either cron: or after:, a job that comes after others has their instants")
        if self.after and self.time_zone is not None:
            raise ValueError("time_zone: belongs to cron:, a job that comes after others has their instants")
        if self.catch_up.policy == "all" and self.overlap in ("skip", "kill"):
            raise ValueError(
                f"catch_up: all with overlap: {self.overlap} would end what it caught up; use overlap: queue"
            )
        return self


class ScheduleSpec(_Strict):
    """A schedule.

    Attributes:
        time_zone: of its jobs; that of the settings if "".
        parallel: how many jobs may run at once.
        grace_seconds: how late a start may be and still count as on time, for `catch_up: skip`.
        jobs: by name.
    """

    name: str = Field(pattern=_NAME)
    kind: Literal["schedule"]
    description: str = ""
    time_zone: str = ""
    parallel: int = Field(1, ge=1, le=64)
    grace_seconds: float = Field(300, ge=1, le=_DAY)
    jobs: dict[str, Job] = Field(min_length=1)

    @field_validator("jobs")
    @classmethod
    def _named(cls, value: dict[str, Job]) -> dict[str, Job]:
        import re

        for name in value:
            if not re.fullmatch(_NAME, name):
                raise ValueError(f"{name!r} does not look like {_WORDS['jobs']}")
        return value

    def order(self) -> list[str]:
        """The jobs, each after those it depends on; otherwise as written."""
        return sorted(self.jobs, key=self._depth)

    def cron(self, job: str, default_zone: str = "UTC") -> Cron:
        """When a job comes due.

        Args:
            default_zone: where neither job nor schedule names one.
        """
        found = self.jobs[job]
        while found.cron is None:
            found = self.jobs[found.after[0]]
        return Cron(found.cron, found.time_zone or self.time_zone or default_zone)

    def upstream(self, job: str) -> set[str]:
        """The jobs that `job` depends on, directly or not."""
        direct = set(self.jobs[job].after)
        return direct.union(*(self.upstream(name) for name in direct))

    def _depth(self, job: str) -> int:
        return 1 + max((self._depth(name) for name in self.jobs[job].after), default=0)


def load_schedule(path: Path | str) -> ScheduleSpec:
    """Read and check a schedule.

    Raises:
        SpecError: if the file is no schedule, or names something that does not hold.
    """
    from shopr.workbench.spec import load

    spec: object = load(path)
    if not isinstance(spec, ScheduleSpec):
        kind = getattr(spec, "kind", "?")
        raise SpecError(f"{path} has kind {kind!r}", hint="'shopr schedule' takes kind: schedule")
    return spec


def check(path: Path, content: dict[str, Any], root: yaml.Node | None) -> ScheduleSpec:
    """A schedule from the content of a file.

    Args:
        path: what errors name.
        root: tells the lines.

    Raises:
        SpecError: naming the line, the key and the nearest known one.
    """
    try:
        spec = ScheduleSpec.model_validate(content)
    except ValidationError as error:
        raise _refusal(path, root, error) from error

    def refuse(keys: list[str], error: ShoprError) -> SpecError:
        return SpecError(f"{path}, line {line_of(root, keys)}: {'.'.join(keys)}: {error.message}", hint=error.hint)

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
    from shopr.workbench.spec import RunSpec, load, resolve

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


_KEYS: Mapping[int, type[BaseModel]] = {0: ScheduleSpec, 2: Job}


def _refusal(path: Path, root: yaml.Node | None, error: ValidationError) -> SpecError:
    found = error.errors()
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    keys = [str(key) for key in first["loc"] if key != "[key]"]
    message, hint = str(first["msg"]).removeprefix("Value error, "), ""
    if first["type"] == "extra_forbidden":
        nested = {"catch_up": CatchUp, "retries": Retries}
        model = nested.get(keys[-2], _KEYS.get(len(keys) - 1, Job)) if len(keys) > 1 else ScheduleSpec
        message, hint = "unknown key", nearest(keys[-1], model.model_fields)
    elif first["type"] == "missing":
        message = "this key is missing"
    elif first["type"] == "literal_error":
        message = f"{first['input']!r} is not known"
        hint = nearest(
            str(first["input"]), str(first["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        )
    elif first["type"] == "string_pattern_mismatch":
        message = f"{first['input']!r} does not look like {_WORDS.get(keys[-1], 'what is wanted here')}"
    place = ".".join(keys)
    return SpecError(f"{path}, line {line_of(root, keys)}: {place}{': ' if place else ''}{message}", hint=hint)
