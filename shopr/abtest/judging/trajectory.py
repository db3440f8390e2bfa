"""How an estimate went over time: its interval and stopping limit at each look, and when the test could stop.

The looks are those that were kept; from a single table with exposure times they are worked out by day of exposure, as
they would have been read. A test planned for one reading has no valid interval before its end: its path is `naive`,
shown for what it is and not to be acted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from shopr.abtest.design.metrics import Quantile
from shopr.abtest.design.spec import Experiment, FixedHorizon, GroupSequential, Sequential
from shopr.abtest.judging.analysis import Analysis, is_final, moment_of, prepare
from shopr.abtest.judging.estimates import estimators
from shopr.abtest.judging.looks import Look
from shopr.abtest.judging.reading import Reader, Row, correct_rows
from shopr.abtest.methods.confseq import sequence_radius
from shopr.abtest.methods.moments import Moments
from shopr.abtest.tables.sums import Sums, collect
from shopr.abtest.tables.table import open_table
from shopr.clock import Clock

if TYPE_CHECKING:
    from shopr.abtest.tables.table import Source

__all__ = ["MOST_POINTS", "Planned", "Point", "Trajectory", "by_day", "over_looks", "telling"]

MOST_POINTS = 60
"""Days beyond this many are thinned out evenly; more could not be told apart in a plot."""
_LEAST = 20  # units of each arm before an estimate is drawn: below, normal theory says nothing


@dataclass(frozen=True)
class Point:
    """One look.

    Attributes:
        at: when; `n`: units of all arms then.
        estimate: difference from the control; `lo`, `hi`: interval at 1 - alpha, valid at this look by the design.
        limit: how large an effect must be to stop at this look; NaN where the design has no such limit.
        p: p-value; `decision`: better, worse, or not yet.
    """

    at: datetime
    n: int
    estimate: float
    lo: float
    hi: float
    limit: float = np.nan
    p: float = np.nan
    decision: str = ""


@dataclass(frozen=True)
class Planned:
    """A planned look: its number, at how many units, and when that was or, at the present rate, will be."""

    look: int
    n: int
    at: datetime | None
    taken: bool


@dataclass(frozen=True)
class Trajectory:
    """The path of one metric in one arm.

    Attributes:
        metric, arm, method: whose row.
        source: "kept" looks, or "days" of exposure.
        naive: whether the intervals are those of a test read once, which hold at its end alone.
        sides: 2 where effects on both sides may stop the test; 1 for above only, -1 for below only.
        points: the looks in order; `planned`: looks a group-sequential design plans; `end`: when the test ends.
        stopped: position of the first point that decided; None if none did.
    """

    metric: str
    arm: str
    method: str
    source: Literal["kept", "days"]
    naive: bool
    sides: int
    points: tuple[Point, ...]
    planned: tuple[Planned, ...] = ()
    end: datetime | None = None
    stopped: int | None = None

    def key(self) -> str:
        """What the parts of its picture are, in a sentence."""
        limited = any(np.isfinite(p.limit) for p in self.points)
        shaded = "valid at every look" if limited else "as each look found it"
        beyond = " An estimate beyond the dashed line may stop the test." if limited else ""
        return f"Line: difference from the control. Shaded: its interval, {shaded}.{beyond}"

    def words(self) -> str:
        """What the path says, in a sentence or two."""
        if self.naive:
            return (
                "These intervals are those of a test that is read once. They may not be read before the planned end: "
                "whoever stops at the first one that leaves zero out is wrong far more often than alpha says."
            )
        kept = self.source == "kept"
        if self.stopped is None:
            return "No kept look decided so far." if kept else "Worked out by day of exposure: no look decided so far."
        point = self.points[self.stopped]
        when = f"{point.at.day} {point.at:%b %Y}, with {point.n:,} units: {point.decision}."
        return (
            f"Decided for this metric at the look of {when}"
            if kept
            else f"Worked out by day of exposure: decided by {when}"
        )


def over_looks(analyses: Sequence[Analysis], spec: Experiment) -> tuple[Trajectory, ...]:
    """The paths of the deciding rows over readings that were kept, oldest first.

    Readings without results are passed over; of several readings of as many units the last counts.
    """
    told: dict[int, Analysis] = {sum(a.units.values()): a for a in analyses if a.rows}
    found: dict[tuple[str, str], list[tuple[datetime, int, Row]]] = {}
    for n, analysis in sorted(told.items()):
        for row in analysis.rows:
            if row.decides and not row.segment and row.metric in spec.deciding:
                found.setdefault((row.metric, row.arm), []).append((analysis.at, n, row))
    return tuple(_trajectory(spec, rows, "kept") for rows in found.values())


def by_day(
    source: Source,
    spec: Experiment,
    *,
    at: datetime | None = None,
    repair: bool = False,
    clock: Clock | None = None,
    most: int = MOST_POINTS,
) -> tuple[Trajectory, ...]:
    """The same from one table: who was exposed by the end of each day, with all that they did until the table was made.

    A group-sequential test is looked at on the days on which its planned shares of units were reached. Everything is
    summed in one pass by day; what sums cannot give (quantiles, strata, a learned predictor) is left out or replaced by
    the estimator before it, as in segments.

    Returns:
        One path a deciding metric and arm; none where the table has no exposure times, or too few units.

    Raises:
        DataError, UnknownNameError: as `analyze`.
    """
    deciding = tuple(m.name for m in spec.metrics if m.name in spec.deciding and not isinstance(m, Quantile))
    moment = moment_of(at, clock)
    with open_table(source, spec) as table:
        if not table.exposure or not deciding:
            return ()
        prepare(table, None if at is None else moment, moment, repair=repair)
        table.find_bounds()
        before, name = table.source, "day of exposure"
        day = f"strftime(make_timestamp({table.exposure}), '%Y-%m-%d')"
        table.connection.execute(f'CREATE VIEW days AS SELECT *, {day} AS "{name}" FROM {before}')
        table.source = "days"
        sums = _accumulated(collect(table, by=name, only=deciding))
    read = spec.model_copy(update={"metrics": tuple(m for m in spec.metrics if m.name in deciding), "guardrails": ()})
    found: dict[tuple[str, str], list[tuple[datetime, int, Row]]] = {}
    looks: list[Look] = []
    for group in _chosen(sums, spec, most):
        end = datetime.fromisoformat(sums.groups[group]).replace(tzinfo=UTC) + timedelta(days=1)
        n = int(sums.counts[group].sum())
        look = Look(min(end, moment).isoformat(), n, {})
        reader = Reader(read, [*looks, look], is_final(spec, n, min(end, moment), len(looks) + 1))
        for row in _rows(reader, sums, group):
            found.setdefault((row.metric, row.arm), []).append((min(end, moment), n, row))
        looks.append(replace(look, estimates=reader.seen))
    return tuple(_trajectory(spec, rows, "days") for rows in found.values())


def telling(looks: tuple[Trajectory, ...], days: tuple[Trajectory, ...]) -> tuple[Trajectory, ...]:
    """Which of both to show: the kept looks, unless there is one alone and the days tell more.

    A test that is read once has one look; its days are shown, as what may not be read.
    """
    if not looks or looks[0].naive:
        return days
    return days if len(looks[0].points) == 1 and days and len(days[0].points) > 1 else looks


def _accumulated(sums: Sums) -> Sums:
    """Sums by day as sums up to each day."""
    moments = {}
    for name, parts in sums.moments.items():
        running, grown = parts.take(0), []
        for group in range(len(sums.groups)):
            running = running if group == 0 else running + parts.take(group)
            grown.append(running)
        moments[name] = Moments(*(np.stack([getattr(m, f) for m in grown]) for f in ("n", "mean", "scatter")))
    return Sums(sums.arms, sums.groups, np.cumsum(sums.counts, axis=0), moments)


def _chosen(sums: Sums, spec: Experiment, most: int) -> list[int]:
    """Which days are looked at."""
    enough = (sums.counts.min(axis=1) >= _LEAST) & _measured(sums)
    days = np.flatnonzero(enough & (np.diff(sums.counts.sum(axis=1), prepend=0) > 0))
    if not len(days):
        return []
    design = spec.design
    if isinstance(design, GroupSequential):
        total = sums.counts.sum(axis=1)[days]
        marks = [int(np.searchsorted(total, round(design.n * k / design.looks))) for k in range(1, design.looks + 1)]
        reached = [mark for mark in dict.fromkeys(marks) if mark < len(days)]
        # Between two planned looks the last day is not one: it is drawn only where nothing else is.
        return [int(days[mark]) for mark in reached] or [int(days[-1])]
    return [int(days[i]) for i in np.unique(np.linspace(0, len(days) - 1, min(most, len(days))).round().astype(int))]


def _measured(sums: Sums) -> NDArray[np.bool_]:
    return np.asarray(np.all([m.n.min(axis=1) >= _LEAST for m in sums.moments.values()], axis=0), dtype=np.bool_)


def _rows(reader: Reader, sums: Sums, group: int) -> list[Row]:
    spec, rows = reader.spec, []
    for metric in spec.metrics:
        for arm in spec.treatments:
            with np.errstate(invalid="ignore", divide="ignore"):
                one = estimators(metric, sums, spec, arm, group=group)[-1]
            rows += [row for row in reader.rows(metric, arm, one, decides=True) if not row.relative]
    return correct_rows(rows, spec, running=not reader.final)


def _trajectory(spec: Experiment, rows: list[tuple[datetime, int, Row]], source: Literal["kept", "days"]) -> Trajectory:
    points = tuple(
        Point(at, n, row.estimate, row.lo, row.hi, _limit(row, spec), row.p, row.decision) for at, n, row in rows
    )
    naive = isinstance(spec.design, FixedHorizon)
    decided = [i for i, point in enumerate(points) if point.decision in ("better", "worse")]
    last = rows[-1][2]
    return Trajectory(
        last.metric,
        last.arm,
        last.method,
        source,
        naive,
        {"two-sided": 2, "greater": 1, "less": -1}[spec.alternative],
        points,
        _planned(spec, points),
        spec.end,
        decided[0] if decided and not naive else None,
    )


def _limit(row: Row, spec: Experiment) -> float:
    """The effect from which on this look stops the test, before correction over metrics and arms."""
    if isinstance(spec.design, GroupSequential):
        reach = [abs(v - row.estimate) for v in (row.lo, row.hi) if np.isfinite(v)]
        return max(reach, default=np.nan)
    if isinstance(spec.design, Sequential) and row.n > 0 and row.se > 0:
        two_sided = spec.alternative == "two-sided"
        return float(sequence_radius(row.n, spec.alpha, tuning=spec.design.tuning, two_sided=two_sided)) * row.se
    return np.nan


def _planned(spec: Experiment, points: tuple[Point, ...]) -> tuple[Planned, ...]:
    design = spec.design
    if not isinstance(design, GroupSequential):
        return ()
    wanted = [round(design.n * k / design.looks) for k in range(1, design.looks + 1)]
    known = [(0, spec.start)] if spec.start is not None and spec.start < points[0].at else []
    known += [(point.n, point.at) for point in points]
    last = points[-1].n
    return tuple(Planned(k, n, _when(n, known), k <= len(points) or n <= last) for k, n in enumerate(wanted, 1))


def _when(n: int, known: list[tuple[int, datetime]]) -> datetime | None:
    """When so many units were in: between the looks by a straight line, beyond the last at the rate so far."""
    units = [float(u) for u, _ in known]
    times = [t.timestamp() for _, t in known]
    if n <= units[-1]:
        return datetime.fromtimestamp(float(np.interp(n, units, times)), UTC) if n >= units[0] else None
    if len(known) < 2 or units[-1] <= units[0]:
        return None
    rate = (times[-1] - times[0]) / (units[-1] - units[0])
    try:
        return datetime.fromtimestamp(times[-1] + rate * (n - units[-1]), UTC)
    except (OverflowError, ValueError, OSError):
        return None
