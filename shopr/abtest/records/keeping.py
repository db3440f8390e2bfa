"""Keep a reading: read the table knowing the looks kept before, check that it continues them, and store what was found.

A test that may not be read yet is kept as a reading of its health alone, so that it is on record and watched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pandas as pd

from shopr.abtest.design.spec import Experiment, FixedHorizon, GroupSequential, parse_spec
from shopr.abtest.judging.analysis import Analysis, Check, analyze, moment_of
from shopr.abtest.judging.looks import Look, add_look
from shopr.abtest.judging.monitoring import monitor
from shopr.abtest.judging.trajectory import by_day, over_looks, telling
from shopr.abtest.judging.verdict import EARLIER, Verdict, conclude, waiting
from shopr.abtest.records.kept import History, Kept, Reading
from shopr.abtest.records.report import Report
from shopr.abtest.tables.table import open_table
from shopr.clock import Clock, SystemClock
from shopr.data.fingerprint import fingerprint_file, fingerprint_frame
from shopr.errors import DataError, NotReadyError, StorageError

__all__ = ["keep", "merged"]

_TRIES = 20  # processes that keep a reading of one test at the same moment: more than anybody starts


@dataclass(frozen=True)
class _Asked:
    """The reading that is asked for: of which table, by which spec, as of when (None: now, all rows), and how."""

    source: Path | pd.DataFrame
    spec: Experiment
    spec_text: str
    at: datetime | None
    repair: bool
    earlier: Sequence[Look]
    simulated: bool
    table: str
    fingerprint: str
    clock: Clock

    def among(self, history: History) -> Reading | None:
        """The same table as of the same moment by the same spec, where it was kept before."""
        if self.at is None:
            return None
        mine = (self.fingerprint, self.at, self.spec_text)
        return next((r for r in history.readings if (r.fingerprint, r.analysis.at, r.spec_text) == mine), None)


def keep(
    kept: Kept,
    source: Path | pd.DataFrame,
    spec_text: str,
    *,
    at: datetime | None = None,
    repair: bool = False,
    earlier: Sequence[Look] = (),
    simulated: bool = False,
    name: str = "",
    clock: Clock | None = None,
) -> Reading:
    """Read a test and keep what was found.

    The same table read as of the same moment by the same spec is kept once: asked again, the first reading comes back.

    Args:
        kept: where.
        source: CSV or Parquet path, or DataFrame, with one row a unit.
        spec_text: the experiment's YAML.
        at, repair, clock: as `analysis.analyze`.
        earlier: looks that were taken without being kept.
        simulated: the units are.
        name: of the table, where it is no file.

    Returns:
        The reading as it is kept. Where a fixed-horizon test may not be read yet it has no rows.

    Raises:
        InputError: if this look is earlier than the last one kept, or has fewer units.
        DataError: if the table does not fit, or an earlier look of a group-sequential test cannot be read.
        StorageError: if the reading cannot be written.
    """
    clock = clock or SystemClock()
    spec = parse_spec(spec_text)
    asked = _Asked(
        source=source,
        spec=spec,
        spec_text=spec_text,
        at=None if at is None else moment_of(at, clock),
        repair=repair,
        earlier=earlier,
        simulated=simulated,
        table=name or (source.name if isinstance(source, Path) else "a table in memory"),
        fingerprint=fingerprint_file(source) if isinstance(source, Path) else fingerprint_frame(source),
        clock=clock,
    )
    for _ in range(_TRIES):
        # The number comes first: whoever keeps a reading after it is known takes it, and this one reads anew.
        number = kept.next_number(spec.name)
        history = kept.begun(spec.name)
        if (before := asked.among(history)) is not None:
            return before
        reading = _reading(asked, number, history)
        paths = telling(over_looks([*(r.analysis for r in history.readings), reading.analysis], spec), reading.days)
        if kept.commit(reading, Report(reading.analysis, spec, paths, reading.verdict).html()):
            return reading
    raise StorageError(
        f"{_TRIES} other readings of {spec.name!r} were kept meanwhile", hint="Let one process keep them at a time"
    )


def merged(first: Sequence[Look], second: Sequence[Look]) -> list[Look]:
    """Looks from two places in one order; of two with as many units the one of `first` counts."""
    by_units = {look.n: look for look in [*second, *first]}
    return [by_units[n] for n in sorted(by_units)]


def _reading(asked: _Asked, number: int, history: History) -> Reading:
    """A reading of the table that goes on from what was kept before; it is not kept yet."""
    analysis, verdict = _read(asked, history)
    table, spec = asked.source, asked.spec
    days = by_day(table, spec, at=asked.at, repair=asked.repair, clock=asked.clock) if analysis.rows else ()
    return Reading(
        number=number,
        saved_at=asked.clock.now(),
        table=asked.table,
        fingerprint=asked.fingerprint,
        simulated=asked.simulated,
        spec_text=asked.spec_text,
        analysis=analysis,
        verdict=verdict,
        days=days,
    )


def _read(asked: _Asked, history: History) -> tuple[Analysis, Verdict]:
    source, spec = asked.source, asked.spec
    if history.damaged and isinstance(spec.design, GroupSequential):
        first = history.damaged[0]
        raise DataError(f"{first.path} cannot be read: {first.reason}", hint="Restore it; earlier looks count")
    looks = merged(history.looks, asked.earlier)
    last, early = history.latest, None
    try:
        analysis = analyze(source, spec, at=asked.at, looks=looks, repair=asked.repair, clock=asked.clock)
    except NotReadyError as refusal:
        early = refusal.message
        analysis = monitor(source, spec, at=asked.at, repair=asked.repair, clock=asked.clock)
    if last is not None:
        here = Look(analysis.at.isoformat(), sum(analysis.units.values()), {})
        add_look([Look(last.analysis.at.isoformat(), last.n, {})], here)  # refuses what is earlier
        more = _continues(asked, history, analysis)
        analysis = replace(analysis, health=(*analysis.health, *more))
    return analysis, conclude(analysis, spec) if early is None else waiting(analysis, spec, early)


def _continues(asked: _Asked, history: History, analysis: Analysis) -> list[Check]:
    """Whether this reading goes on from the last one: by the same spec, with its units, once where once was planned."""
    spec, last = asked.spec, history.latest
    assert last is not None
    found = []
    before, now = last.spec.model_dump(mode="json"), spec.model_dump(mode="json")
    changed = [key for key in now if key != "hypothesis" and before.get(key) != now[key]]
    if changed:
        message = f"{', '.join(changed)} changed since reading {last.number}: what was planned before the data counts"
        found.append(Check("spec", False, message))
    lost = last.n - _until(asked, last.analysis.at)
    if lost > 0:
        message = f"{lost:,} of the {last.n:,} units of reading {last.number} are not in this table: is it the same?"
        found.append(Check(EARLIER, False, message))
    elif history.damaged:
        found.append(Check(EARLIER, False, f"{history.damaged[0].path.parent.name}: some of them cannot be read"))
    else:
        found.append(Check(EARLIER, True, f"the {last.n:,} units of reading {last.number} are in this table"))
    if isinstance(spec.design, FixedHorizon):
        read = [r for r in history.readings if r.has_results and r.n < sum(analysis.units.values())]
        if read and analysis.rows:
            message = (
                f"the test was read at its end, with {read[0].n:,} units (reading {read[0].number}): that one counts, "
                "and a second one with more units raises the error rate"
            )
            found.append(Check("read once", False, message))
    return found


def _until(asked: _Asked, at: datetime) -> int:
    """Units of the table that were exposed by a moment."""
    with open_table(asked.source, asked.spec) as table:
        if table.exposure:
            try:
                table.restrict(at)
            except DataError:  # nobody was exposed by then
                return 0
        if asked.repair:
            table.repair()
        return int(table.query(f"SELECT count(*) FROM {table.source}")[0][0])
