"""Read a test: one call from a table and a spec to effects, intervals, health checks and decisions."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shopr.abtest.design.metrics import Proportion, Quantile
from shopr.abtest.design.spec import Bayesian, Experiment, GroupSequential, Sequential
from shopr.abtest.judging import health
from shopr.abtest.judging.estimates import (
    Estimator,
    adjusted_estimator,
    adjusted_moments,
    estimators,
    quantile_arms,
    quantile_estimator,
    stratified_estimator,
)
from shopr.abtest.judging.health import Check
from shopr.abtest.judging.looks import Look, add_look, load_looks, refuse_early, save_looks
from shopr.abtest.judging.reading import Reader, Row, correct_rows
from shopr.abtest.tables.sums import HALVES, Sums, collect
from shopr.abtest.tables.table import Table, open_table
from shopr.clock import Clock, SystemClock
from shopr.errors import DataError, InputError

if TYPE_CHECKING:
    from shopr.abtest.tables.table import Source

__all__ = ["Analysis", "Check", "Row", "analyze", "is_final", "moment_of", "prepare"]


@dataclass(frozen=True)
class Analysis:
    """What a reading found.

    Attributes:
        experiment: its name; `at`: the moment of the reading; `design`: how it was read.
        units: units of each arm.
        rows: results, differences and lifts.
        health: checks; results of a test that fails one are not to be trusted before it is explained.
        look: which look this is, from 1 (0: health alone was read); `final`: whether it ends the test.
        taken: what later looks of a sequential test must know of this one.
    """

    experiment: str
    at: datetime
    design: str
    units: dict[str, int]
    rows: tuple[Row, ...]
    health: tuple[Check, ...]
    look: int = 1
    final: bool = True
    taken: Look | None = None

    @property
    def healthy(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.health)

    def row(self, metric: str, arm: str, method: str = "") -> Row:
        """The row of a metric, arm and method, or the one that decides."""
        for row in self.rows:
            asked = row.method == method if method else row.decides
            if asked and (row.metric, row.arm, row.segment) == (metric, arm, ""):
                return row
        raise InputError(
            f"no row of metric {metric!r}, arm {arm!r}, method {method!r}",
            hint=f"Methods: {', '.join(sorted({r.method for r in self.rows}))}",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; `taken` is left out."""
        found = asdict(self)
        del found["taken"]
        return {**found, "healthy": self.healthy}


def analyze(
    source: Source,
    spec: Experiment,
    *,
    at: datetime | None = None,
    looks: Path | list[Look] | None = None,
    repair: bool = False,
    checks: bool = True,
    clock: Clock | None = None,
) -> Analysis:
    """Read an experiment.

    Args:
        source: CSV or Parquet path, DataFrame, or DuckDB relation, with one row a unit.
        spec: the experiment.
        at: read as of this moment (UTC if it has no zone): later exposures are left out. Default: now, all rows.
        looks: the JSON file that remembers the looks of a sequential test, or the looks so far.
        repair: leave out repeated rows and units in two arms instead of refusing them.
        checks: run the health checks that pass over the table once more each (units, dates, novelty).
        clock: what says now.

    Raises:
        NotReadyError: if a fixed-horizon test would be read before its end.
        InputError: if this look is earlier than the last one.
        DataError: if the table does not fit: an empty arm, a unit twice or in two arms, a metric without values.
        UnknownNameError: for a column or arm that is not known.
    """
    moment = moment_of(at, clock)
    with open_table(source, spec) as table:
        found = prepare(table, None if at is None else moment, moment, repair=repair)
        found += [health.check_units(table)] if checks else []
        table.find_bounds()
        sums = collect(table, timed=checks)
        n = int(sums.counts.sum())
        refuse_early(spec, n, moment)
        past = load_looks(looks, spec.name) if isinstance(looks, Path) else list(looks or [])
        series = add_look(past, Look(moment.isoformat(), n, {}))
        _refuse_ended(spec, series)
        final = is_final(spec, n, moment, len(series))
        reader = Reader(spec, series, final)
        found += [health.check_ratio(sums, spec), *(health.check_dates(table, moment, sums.times) if checks else [])]
        rows = _all_rows(table, sums, reader)
        rows = correct_rows(rows, spec, running=not final)
        found += _late_checks(table, spec, sums, rows, checks)
        if reader.torn:
            found.append(health.check_torn(list(reader.torn)))
        taken = replace(series[-1], estimates=reader.seen)
        if isinstance(looks, Path):
            save_looks(looks, spec.name, [*series[:-1], taken])
        units = {arm: int(count) for arm, count in zip(sums.arms, sums.counts[0], strict=True)}
    return Analysis(spec.name, moment, spec.design.type, units, tuple(rows), tuple(found), len(series), final, taken)


def moment_of(at: datetime | None, clock: Clock | None = None) -> datetime:
    """The moment of a reading in UTC: `at`, which is UTC if it has no zone, or now."""
    if at is None:
        return (clock or SystemClock()).now()
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def prepare(table: Table, at: datetime | None, moment: datetime, *, repair: bool) -> list[Check]:
    """Leave out of a table who was exposed after `at`, and what `repair` leaves out; windows are as of `moment`."""
    table.restrict(at)
    table.as_of = moment
    if not repair:
        return []
    before = table.query(f"SELECT count(*) FROM {table.source}")[0][0]
    table.repair()
    gone = before - table.query(f"SELECT count(*) FROM {table.source}")[0][0]
    return [Check("repair", gone == 0, f"{gone:,} of {before:,} rows left out: repeated, or of units in two arms")]


def _refuse_ended(spec: Experiment, series: list[Look]) -> None:
    """Refuse a look after the one that spent the last of alpha."""
    if len(series) < 2 or not isinstance(spec.design, GroupSequential):
        return
    before = series[-2]
    if is_final(spec, before.n, datetime.fromisoformat(before.at), len(series) - 1):
        raise InputError(
            f"the last planned look of {spec.name!r} was taken at {before.n:,} units ({before.at[:16]})",
            hint="Its result stands; plan a new test to look again",
        )


def is_final(spec: Experiment, n: int, at: datetime, look: int) -> bool:
    """Whether this reading ends the test."""
    design = spec.design
    if isinstance(design, GroupSequential):
        return n >= design.n or look >= design.looks
    if isinstance(design, Sequential | Bayesian):
        return spec.end is not None and at >= spec.end
    return True


def _all_rows(table: Table, sums: Sums, reader: Reader) -> list[Row]:
    spec = table.spec
    strata = collect(table, by=spec.strata) if spec.strata else None
    rows: list[Row] = []
    for metric in spec.metrics:
        if isinstance(metric, Quantile):
            arms = quantile_arms(metric, table, spec)
            found = {a: [quantile_estimator(metric, spec, arms[spec.baseline], arms[a])] for a in spec.treatments}
        else:
            _check_values(metric.name, sums, binary=isinstance(metric, Proportion))
            found = {arm: estimators(metric, sums, spec, arm) for arm in spec.treatments}
            learned = adjusted_moments(metric, table, spec)
            for arm, several in found.items():
                if strata is not None:
                    several.append(stratified_estimator(metric, strata, spec, arm))
                if learned:
                    several.append(adjusted_estimator(metric, learned, spec, arm))
        for arm, several in found.items():
            for one in several:
                rows += reader.rows(metric, arm, one, decides=one is several[-1])
            rows += [reader.guard(g, metric, arm, several[-1]) for g in spec.guardrails if g.metric == metric.name]
    for column in spec.segments:
        rows += _segment_rows(table, reader, column)
    return rows


def _segment_rows(table: Table, reader: Reader, column: str) -> list[Row]:
    """The deciding sums-based estimator of each metric in each segment."""
    spec = table.spec
    sums = collect(table, by=column)
    rows: list[Row] = []
    for group, value in enumerate(sums.groups):
        for metric in spec.metrics:
            if isinstance(metric, Quantile):
                continue
            for arm in spec.treatments:
                if min(sums.arm(metric.name, a, group).n for a in (arm, spec.baseline)) < 2:
                    continue
                one = estimators(metric, sums, spec, arm, group=group)[-1]
                rows += reader.rows(metric, arm, one, decides=True, segment=f"{column}={value}")
    return rows


def _check_values(metric: str, sums: Sums, *, binary: bool) -> None:
    """Refuse a metric that is the same in all arms, and a proportion that is none."""
    moments = sums.moments[metric].take(0)
    mean, scatter = moments.mean[:, 0], moments.scatter[:, 0, 0]
    if not (scatter > 0).any() and np.ptp(mean) == 0:
        raise DataError(
            f"metric {metric!r} has no variance: every unit has the value {mean[0]:g}", hint="Leave it out, or mend it"
        )
    if binary and not np.allclose(scatter, moments.n * mean * (1 - mean), rtol=1e-6, atol=1e-6):
        raise DataError(
            f"metric {metric!r} is a proportion, but holds other values than 0 and 1", hint="Declare it as a mean"
        )


def _late_checks(table: Table, spec: Experiment, sums: Sums, rows: list[Row], again: bool) -> list[Check]:
    """Checks that need results."""
    horizon = health.check_horizon(spec, int(sums.counts.sum()))
    checks = [horizon] if horizon is not None else []
    checks += _novelty(table, spec, sums) if again else []
    plain = [r for r in rows if r.decides and not r.segment]
    lifts = {(r.metric, r.arm): r for r in rows if r.relative and not r.segment and r.role != "guardrail"}
    known = [lifts[r.metric, r.arm] for r in plain if (r.metric, r.arm) in lifts]
    checks.append(health.check_twyman([(r.metric, r.arm, r.estimate, r.se) for r in known]))
    return checks


def _novelty(table: Table, spec: Experiment, whole: Sums) -> list[Check]:
    metric = spec.metric(spec.deciding[0])
    if whole.times is None or isinstance(metric, Quantile):
        return []
    sums = whole.halves or _by_half(table, metric.name, whole.times.middle)
    if sums.groups != HALVES or sums.moments[metric.name].n.min() < 2:
        return []
    effects = [_plain(metric, sums, spec, group).effect for group in (0, 1)]
    return [health.check_novelty(metric.name, effects[0], effects[1])]


def _by_half(table: Table, metric: str, middle: int) -> Sums:
    """One metric by half of the time, in a pass of its own."""
    before, name = table.source, "half of the exposures"
    half = f"CASE WHEN {table.exposed_by(middle)} THEN 'early' ELSE 'late' END"
    table.connection.execute(f'CREATE OR REPLACE VIEW halves AS SELECT *, {half} AS "{name}" FROM {before}')
    try:
        table.source = "halves"
        return collect(table, by=name, only=(metric,))
    finally:
        table.source = before


def _plain(metric: Any, sums: Sums, spec: Experiment, group: int) -> Estimator:
    return estimators(metric, sums, spec, spec.treatments[0], group=group)[0]
