"""Looking after a test that may not be read yet: its health, and nothing of its results."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from shopr.abtest.design.spec import Experiment
from shopr.abtest.judging import health
from shopr.abtest.judging.analysis import Analysis, moment_of, prepare
from shopr.abtest.tables.sums import collect
from shopr.abtest.tables.table import open_table
from shopr.clock import Clock

if TYPE_CHECKING:
    from shopr.abtest.tables.table import Source

__all__ = ["monitor"]


def monitor(
    source: Source, spec: Experiment, *, at: datetime | None = None, repair: bool = False, clock: Clock | None = None
) -> Analysis:
    """The units and health checks of a test whose results are not read: sample ratio, units, exposure, gaps.

    None of them looks at a difference between arms in a metric, so this may be done as often as one likes.

    Args:
        source, spec, at, repair, clock: as `analyze`.

    Returns:
        A reading without rows, look 0.

    Raises:
        DataError, UnknownNameError: as `analyze`.
    """
    moment = moment_of(at, clock)
    with open_table(source, spec) as table:
        found = prepare(table, None if at is None else moment, moment, repair=repair)
        found.append(health.check_units(table))
        table.find_bounds()
        sums = collect(table)
        found += [health.check_ratio(sums, spec), *health.check_dates(table, moment)]
        units = {arm: int(count) for arm, count in zip(sums.arms, sums.counts[0], strict=True)}
    return Analysis(spec.name, moment, spec.design.type, units, (), tuple(found), 0, False)
