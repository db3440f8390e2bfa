"""A reading as it is kept, its MLflow run, and all that is kept of one experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from shopr.abtest.design.spec import Experiment, parse_spec
from shopr.abtest.judging.analysis import Analysis
from shopr.abtest.judging.looks import Look, add_look
from shopr.abtest.judging.trajectory import Trajectory
from shopr.abtest.judging.verdict import Verdict
from shopr.errors import DataError, InputError

__all__ = ["Damage", "History", "Reading", "TrackedRun"]

_VERSION = 1


class Reading(BaseModel):
    """One reading as it is kept.

    Attributes:
        number: from 1; `saved_at`: when it was kept.
        table, fingerprint: name and content of the table that was read.
        simulated: whether its units were.
        spec_text: the YAML it was read by.
        analysis, verdict: what was found, and what follows.
        days: paths of the estimates by day of exposure, from this table alone.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    version: int = Field(_VERSION, ge=1, le=_VERSION)
    number: int = Field(ge=1)
    saved_at: datetime
    table: str
    fingerprint: str
    simulated: bool = False
    spec_text: str
    analysis: Analysis
    verdict: Verdict
    days: tuple[Trajectory, ...] = ()

    @cached_property
    def spec(self) -> Experiment:
        """The spec it was read by."""
        return parse_spec(self.spec_text, f"the spec of reading {self.number}")

    @property
    def n(self) -> int:
        """Units of all arms."""
        return sum(self.analysis.units.values())

    @property
    def has_results(self) -> bool:
        """Whether effects were read, not health alone."""
        return bool(self.analysis.rows)


class TrackedRun(BaseModel):
    """The MLflow run of a reading: ids, its experiment's name, its page, and the server's address if there is one."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    experiment_id: str
    experiment: str
    page: str
    address: str = ""


@dataclass(frozen=True)
class Damage:
    """Something in the folder that cannot be read: where, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class History:
    """All that is kept of one experiment.

    Attributes:
        name: its name.
        readings: those that can be read, oldest first; `damaged`: those that cannot.
        runs: reading's number -> its MLflow run.
    """

    name: str
    readings: tuple[Reading, ...]
    damaged: tuple[Damage, ...]
    runs: Mapping[int, TrackedRun]

    @property
    def latest(self) -> Reading | None:
        """The last reading."""
        return self.readings[-1] if self.readings else None

    @property
    def looks(self) -> list[Look]:
        """What a new look must know of those before it; readings of health alone are none."""
        found: list[Look] = []
        for reading in self.readings:
            if reading.has_results and reading.analysis.taken is not None:
                found = add_look(found, reading.analysis.taken)
        return found

    def reading(self, number: int | None = None) -> Reading:
        """The reading of that number, or the last one.

        Raises:
            InputError: if there is none.
            DataError: if it is damaged.
        """
        if number is None and self.latest is not None:
            return self.latest
        for reading in self.readings:
            if reading.number == number:
                return reading
        for damage in self.damaged:
            if number is None or damage.path.name == f"{number:04}":
                raise DataError(f"{damage.path} cannot be read: {damage.reason}", hint="Restore it from a backup")
        numbers = ", ".join(str(r.number) for r in self.readings) or "none"
        raise InputError(f"experiment {self.name!r} has no reading {number or ''}", hint=f"There are: {numbers}")
