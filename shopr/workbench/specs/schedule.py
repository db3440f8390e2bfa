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

Files are read and checked by `check`.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from shopr.strict import Strict
from shopr.workbench.specs.times import Cron

__all__ = ["NAME_WORDS", "CatchUp", "Job", "Retries", "ScheduleSpec"]

_NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"
NAME_WORDS = "a name such as weekly-health: small letters, digits, - and _"
"""What names look like."""
_DAY = 86_400


class CatchUp(Strict):
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


class Retries(Strict):
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


class Job(Strict):
    """One job of a schedule.

    Attributes:
        spec: the run spec that it runs, relative to the project.
        cron: when; None where it comes after other jobs, at their instants.
        time_zone: of the expression; the schedule's by default.
        parameters: of the run, with templates (see `template`).
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


class ScheduleSpec(Strict):
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
        for name in value:
            if not re.fullmatch(_NAME, name):
                raise ValueError(f"{name!r} does not look like {NAME_WORDS}")
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
