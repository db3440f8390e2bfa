"""Keep a reading: read the table knowing the looks kept before, check that it continues them, and store what was found.

A test that may not be read yet is kept as a reading of its health alone, so that it is on record and watched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pandas as pd

from shopr.abtest.analysis import Analysis, Check, analyze, moment_of
from shopr.abtest.kept import History, Kept, Reading
from shopr.abtest.looks import Look, add_look
from shopr.abtest.monitoring import monitor
from shopr.abtest.report import Report
from shopr.abtest.spec import Experiment, FixedHorizon, GroupSequential, parse_spec
from shopr.abtest.table import open_table
from shopr.abtest.trajectory import by_day, over_looks, telling
from shopr.abtest.verdict import EARLIER, Verdict, conclude, waiting
from shopr.clock import Clock, SystemClock
from shopr.data.fingerprint import fingerprint_file, fingerprint_frame
from shopr.errors import DataError, NotReadyError, StorageError

__all__ = ["keep", "merged"]

_TRIES = 20  # processes that keep a reading of one test at the same moment: more than anybody starts


@dataclass(frozen=True)
class _How:
    """How a table is read: as of when (None: now, all rows), leaving what out."""

    at: datetime | None
    repair: bool
    clock: Clock


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
    moment, given = moment_of(at, clock), at is not None
    content = fingerprint_file(source) if isinstance(source, Path) else fingerprint_frame(source)
    title = name or (source.name if isinstance(source, Path) else "a table in memory")
    for _ in range(_TRIES):
        # The number comes first: whoever keeps a reading after it is known takes it, and this one reads anew.
        number = kept.next_number(spec.name)
        history = kept.begun(spec.name)
        if given:
            for before in history.readings:
                if (before.fingerprint, before.analysis.at, before.spec_text) == (content, moment, spec_text):
                    return before
        how = _How(moment if given else None, repair, clock)
        analysis, verdict = _read(source, spec, history, how, earlier)
        days = by_day(source, spec, at=how.at, repair=repair, clock=clock) if analysis.rows else ()
        reading = Reading(
            number=number,
            saved_at=clock.now(),
            table=title,
            fingerprint=content,
            simulated=simulated,
            spec_text=spec_text,
            analysis=analysis,
            verdict=verdict,
            days=days,
        )
        paths = telling(over_looks([*(r.analysis for r in history.readings), analysis], spec), days)
        if kept.commit(reading, Report(analysis, spec, paths, verdict).html()):
            return reading
    raise StorageError(
        f"{_TRIES} other readings of {spec.name!r} were kept meanwhile", hint="Let one process keep them at a time"
    )


def merged(first: Sequence[Look], second: Sequence[Look]) -> list[Look]:
    """Looks from two places in one order; of two with as many units the one of `first` counts."""
    by_units = {look.n: look for look in [*second, *first]}
    return [by_units[n] for n in sorted(by_units)]


def _read(
    source: Path | pd.DataFrame,
    spec: Experiment,
    history: History,
    how: _How,
    earlier: Sequence[Look],
) -> tuple[Analysis, Verdict]:
    if history.damaged and isinstance(spec.design, GroupSequential):
        first = history.damaged[0]
        raise DataError(f"{first.path} cannot be read: {first.reason}", hint="Restore it; earlier looks count")
    looks = merged(history.looks, earlier)
    last, early = history.latest, None
    try:
        analysis = analyze(source, spec, at=how.at, looks=looks, repair=how.repair, clock=how.clock)
    except NotReadyError as refusal:
        early = refusal.message
        analysis = monitor(source, spec, at=how.at, repair=how.repair, clock=how.clock)
    if last is not None:
        here = Look(analysis.at.isoformat(), sum(analysis.units.values()), {})
        add_look([Look(last.analysis.at.isoformat(), last.n, {})], here)  # refuses what is earlier
        more = _continues(source, spec, history, analysis, how.repair)
        analysis = replace(analysis, health=(*analysis.health, *more))
    return analysis, conclude(analysis, spec) if early is None else waiting(analysis, spec, early)


def _continues(
    source: Path | pd.DataFrame, spec: Experiment, history: History, analysis: Analysis, repair: bool
) -> list[Check]:
    """Whether this reading goes on from the last one: by the same spec, with its units, once where once was planned."""
    last = history.latest
    assert last is not None
    found = []
    before, now = last.spec.model_dump(mode="json"), spec.model_dump(mode="json")
    changed = [key for key in now if key != "hypothesis" and before.get(key) != now[key]]
    if changed:
        message = f"{', '.join(changed)} changed since reading {last.number}: what was planned before the data counts"
        found.append(Check("spec", False, message))
    lost = last.n - _until(source, spec, last.analysis.at, repair)
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


def _until(source: Path | pd.DataFrame, spec: Experiment, at: datetime, repair: bool) -> int:
    """Units of a table that were exposed by a moment."""
    with open_table(source, spec) as table:
        if table.exposure:
            try:
                table.restrict(at)
            except DataError:  # nobody was exposed by then
                return 0
        if repair:
            table.repair()
        return int(table.query(f"SELECT count(*) FROM {table.source}")[0][0])
