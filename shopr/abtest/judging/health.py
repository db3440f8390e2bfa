"""Whether a test can be trusted before its results are: sample ratio, duplicates, dates, novelty, Twyman's law."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
from scipy import special

from shopr.abtest.design.metrics import Quantile
from shopr.abtest.design.spec import Experiment, FixedHorizon
from shopr.abtest.methods.frequentist import Effect
from shopr.abtest.methods.srm import sample_ratio
from shopr.abtest.tables.sums import Sums
from shopr.abtest.tables.table import Table, quoted
from shopr.abtest.tables.times import Times, exposure_times
from shopr.abtest.tables.uniqueness import all_distinct
from shopr.errors import DataError

__all__ = [
    "SRM_ALPHA",
    "TWYMAN_ERRORS",
    "TWYMAN_LIFT",
    "Check",
    "check_dates",
    "check_horizon",
    "check_novelty",
    "check_ratio",
    "check_torn",
    "check_twyman",
]
__all__ += ["check_units"]

SRM_ALPHA = 0.001
"""The level of the sample-ratio check, which runs on every test: a false alarm would stop a good one."""
TWYMAN_LIFT = 0.5
"""A lift that is surely beyond this is taken for an error until it is explained."""
TWYMAN_ERRORS = float(-special.ndtri(0.0005))


@dataclass(frozen=True)
class Check:
    """One check: its name, whether it passed, what was found, and a p-value where it is a test."""

    name: str
    ok: bool
    message: str
    p: float | None = None


def check_units(table: Table) -> Check:
    """Each unit once, in one arm.

    Raises:
        DataError: otherwise, naming one unit.
    """
    spec = table.spec
    unit, variant = quoted(spec.unit), quoted(spec.variant)
    clustered = any(isinstance(m, Quantile) and m.cluster for m in spec.metrics)
    rows = 0 if clustered else all_distinct(table)
    if rows:
        return Check("units", True, f"{rows:,} units, each once")
    rows, missing, units = table.query(
        f"SELECT count(*), count(*) - count({unit}), count(DISTINCT {unit}) FROM {table.source}"
    )[0]
    if missing:
        raise DataError(f"{missing} rows of {table.name} have no {spec.unit}", hint="Leave them out")
    if rows == units or clustered:
        return Check("units", True, f"{units:,} units" + (" in clustered rows" if clustered else ", each once"))
    hint = "Read it with repair=True (--repair) to leave them out, and find out where they come from"
    if table.source == "repaired":  # whole copies are gone, so these differ in another column
        hint = f"Their other columns differ, so no repair can choose: keep one row of each {spec.unit}"
    torn = table.query(
        f"SELECT {unit}, count(*) OVER () FROM {table.source} GROUP BY {unit} HAVING count(DISTINCT {variant}) > 1 "
        f"ORDER BY 1 LIMIT 1"
    )
    if torn:
        name, count = torn[0]
        raise DataError(f"{count} units of {table.name} are in two arms, such as {name!r}", hint=hint)
    name = table.query(f"SELECT {unit} FROM {table.source} GROUP BY {unit} HAVING count(*) > 1 ORDER BY 1 LIMIT 1")[0][
        0
    ]
    raise DataError(
        f"{rows - units} rows of {table.name} repeat a unit, such as {name!r}; one row a unit is wanted", hint=hint
    )


def check_ratio(sums: Sums, spec: Experiment) -> Check:
    """Sample ratio mismatch against the arms' weights."""
    found = sample_ratio(sums.counts[0], list(spec.arms.values()))
    seen = ", ".join(f"{arm} {int(n):,}" for arm, n in zip(sums.arms, sums.counts[0], strict=True))
    if found.p >= SRM_ALPHA:
        return Check("sample ratio", True, f"{seen} fit the weights (p = {found.p:.3g})", found.p)
    wanted = ", ".join(f"{n:,.0f}" for n in found.expected)
    return Check(
        "sample ratio",
        False,
        f"{seen}; the weights promise {wanted} (p = {found.p:.2g}): units were lost, trust nothing below",
        found.p,
    )


def check_dates(table: Table, at: datetime, times: Times | None = None) -> list[Check]:
    """Exposure times: none missing, none outside the test, no day without exposures.

    `times` are those of the table, if they are known already.

    Raises:
        DataError: if rows have no exposure time.
    """
    spec, times = table.spec, times or exposure_times(table)
    if times is None:
        return [Check("exposure", True, "the table has no exposure times; dates, novelty and ramp cannot be checked")]
    if times.missing:
        raise DataError(
            f"{times.missing} rows of {table.name} have no {spec.exposed_at}", hint="Leave out who was not exposed"
        )
    days = [date(1970, 1, 1) + timedelta(days=day) for day in times.days]
    first, last = (datetime.fromtimestamp(t / 1e6, UTC) for t in (times.first, times.last))
    checks = [Check("exposure", True, f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC")]
    outside = []
    if spec.start is not None and first < spec.start:
        outside.append(f"first exposure {first:%Y-%m-%d %H:%M} is before the start {spec.start:%Y-%m-%d %H:%M}")
    if spec.end is not None and last >= spec.end:
        outside.append(f"last exposure {last:%Y-%m-%d %H:%M} is not before the end {spec.end:%Y-%m-%d %H:%M}")
    if last > at:
        outside.append(f"last exposure {last:%Y-%m-%d %H:%M} is in the future")
    if outside:
        checks.append(Check("exposure window", False, "; ".join(outside)))
    present = set(days)
    gaps = [d for d in (days[0] + timedelta(days=i) for i in range((days[-1] - days[0]).days)) if d not in present]
    if gaps:
        named = ", ".join(str(d) for d in gaps[:3]) + (" …" if len(gaps) > 3 else "")
        message = f"{len(gaps)} of {(days[-1] - days[0]).days + 1} days have no exposures: {named}; was logging down?"
        checks.append(Check("date gaps", False, message))
    else:
        checks.append(Check("date gaps", True, f"exposures on each of {len(days)} days"))
    return checks


def check_horizon(spec: Experiment, n: int) -> Check | None:
    """What a fixed-horizon reading rests on."""
    design = spec.design
    if not isinstance(design, FixedHorizon):
        return None
    if design.n is None and spec.end is None:
        return Check(
            "horizon", False, "no end was planned (design.n or end): the p-values hold for this one reading only"
        )
    if design.n is not None and n < design.n:
        return Check("horizon", False, f"{n:,} of {design.n:,} planned units: the test has less power than planned")
    return Check("horizon", True, "the planned end is reached")


def check_novelty(metric: str, early: Effect, late: Effect) -> Check:
    """Whether those exposed in the first half of the test react otherwise than those exposed later."""
    with np.errstate(invalid="ignore", divide="ignore"):
        z = float((late.estimate - early.estimate) / np.hypot(early.se, late.se))
    p = float(2 * special.ndtr(-abs(z))) if np.isfinite(z) else float("nan")
    values = f"{float(early.estimate):+.4g} for the earlier half, {float(late.estimate):+.4g} for the later"
    if np.isfinite(p) and p < 0.01:
        return Check("novelty", False, f"effect on {metric} changes over time: {values} (p = {p:.2g})", p)
    return Check("novelty", True, f"effect on {metric}: {values}", p if np.isfinite(p) else None)


def check_twyman(effects: list[tuple[str, str, float, float]], limit: float = TWYMAN_LIFT) -> Check:
    """Twyman's law: a figure that looks interesting is usually wrong. (metric, arm, lift, its standard error).

    A lift is too good (or bad) to be true if it is beyond `limit` even where chance flattered it: early readings of a
    large and real effect are often beyond it by chance alone.
    """
    wild = [f"{m} in {a}: {lift:+.0%}" for m, a, lift, se in effects if abs(lift) - TWYMAN_ERRORS * se > limit]
    if wild:
        return Check("Twyman", False, f"too good to be true? Check the logging of {'; '.join(wild)}")
    return Check("Twyman", True, f"no lift beyond {limit:.0%}")


def check_torn(which: list[str]) -> Check:
    """Confidence sequences of different looks that have nothing in common: the effect did not stay the same."""
    what = ", ".join(which[:3]) + (" …" if len(which) > 3 else "")
    return Check(
        "looks agree", False, f"the effect changed between looks of {what}; only this look's interval is shown"
    )
