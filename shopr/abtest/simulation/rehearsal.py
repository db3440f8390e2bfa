"""Rehearse a test before it starts: its own spec, read on past data split anew at random, many times.

With no effect the share of runs that find one is the error rate that this metric, these data and this design really
have; with an effect put into the treated units it is their power. Each run is a whole `analyze`.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaincinv

from shopr.abtest.allocation.assignment import Assignment
from shopr.abtest.design.metrics import Proportion
from shopr.abtest.design.spec import Bayesian, Experiment, FixedHorizon, GroupSequential
from shopr.abtest.judging.analysis import Analysis, analyze
from shopr.errors import DataError, InputError, UnknownNameError
from shopr.randomness import DEFAULT_SEED, generator

__all__ = ["Rehearsal", "exact_interval", "rehearse"]

_VERDICTS = ("better", "worse")


@dataclass(frozen=True)
class Rehearsal:
    """How often each verdict came.

    Attributes:
        runs: tests read; `looks`: readings of each at most; `lift`: the effect put in; `units`: of each test.
        verdicts: (metric, arm) -> verdict -> runs. A sequential test stops at its first "better" or "worse".
        any: runs in which any primary metric of any arm was called better or worse.
    """

    runs: int
    looks: int
    lift: float
    units: int
    verdicts: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    any: int = 0

    def rows(self) -> list[dict[str, object]]:
        """One row a metric and arm, and one for any primary metric: shares with exact 95 % intervals."""
        found: list[dict[str, object]] = []
        for (metric, arm), counts in self.verdicts.items():
            hits = sum(counts[verdict] for verdict in _VERDICTS)
            shares = {verdict: counts[verdict] / self.runs for verdict in _VERDICTS}
            found.append({"metric": metric, "arm": arm, **shares, **self._share(hits)})
        return [*found, {"metric": "any primary", "arm": "", "better": None, "worse": None, **self._share(self.any)}]

    def _share(self, hits: int) -> dict[str, float]:
        lo, hi = exact_interval(hits, self.runs)
        return {"called": hits / self.runs, "lo": lo, "hi": hi}


def exact_interval(hits: int, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """The interval of Clopper and Pearson (1934) for a share of `hits` in `n`."""
    lo = 0.0 if hits == 0 else float(betaincinv(hits, n - hits + 1, alpha / 2))
    hi = 1.0 if hits == n else float(betaincinv(hits + 1, n - hits, 1 - alpha / 2))
    return lo, hi


def rehearse(
    table: pd.DataFrame,
    spec: Experiment,
    *,
    runs: int = 200,
    lift: float = 0.0,
    looks: int = 14,
    seed: int = DEFAULT_SEED,
    progress: Iterable[int] | None = None,
) -> Rehearsal:
    """Split past units at random as the spec would, and read them as it would, `runs` times.

    The planned size is taken to be that of the table, and the dates of the spec are left out.

    Args:
        table: one row a unit; its variant column, if any, is not used. A sequential test wants the exposure's time.
        spec: the experiment.
        runs: how many times.
        lift: relative effect put into every treated unit: values are multiplied; of a proportion, so many of those
            without get it (or lose it) at random.
        looks: of designs that may be read at any time; a group-sequential one has its own number.
        seed: of the splits.
        progress: the run numbers, if they are to be shown while they are worked off.

    Raises:
        InputError: for fewer than 1 run or look, or a lift of -1 or less.
        DataError: if the table has no rows, or a proportion cannot be lifted that far.
        UnknownNameError: if a column is missing.
    """
    if runs < 1 or looks < 1 or not lift > -1:
        raise InputError(f"runs {runs}, looks {looks}, lift {lift}", hint="Give 1 or more of both, and a lift above -1")
    if spec.unit not in table:
        raise UnknownNameError("column in the table", spec.unit, map(str, table.columns))
    if not len(table):
        raise DataError("the table has no rows", hint="Give past units")
    once = isinstance(spec.design, FixedHorizon | Bayesian)
    ordered = table if once or spec.exposed_at not in table else table.sort_values(spec.exposed_at, kind="stable")
    count = 1 if once else spec.design.looks if isinstance(spec.design, GroupSequential) else looks
    planned = _planned(spec, len(table))
    verdicts: dict[tuple[str, str], Counter[str]] = {}
    hits = 0
    for run in progress if progress is not None else range(runs):
        frame = _treated(ordered, planned, lift, seed, run)
        found = _read(frame, planned, count)
        for key, verdict in found.items():
            verdicts.setdefault(key, Counter())[verdict] += 1
        hits += any(verdict in _VERDICTS and key[0] in spec.deciding for key, verdict in found.items())
    return Rehearsal(runs, count, lift, len(table), verdicts, hits)


def _planned(spec: Experiment, n: int) -> Experiment:
    """The spec for a test of `n` units without dates."""
    design = spec.design
    if isinstance(design, FixedHorizon | GroupSequential):
        design = design.model_copy(update={"n": n})
    return spec.model_copy(update={"design": design, "start": None, "end": None, "segments": ()})


def _treated(table: pd.DataFrame, spec: Experiment, lift: float, seed: int, run: int) -> pd.DataFrame:
    """The table split anew, with the effect in its treated units."""
    assigned = Assignment.of(spec, salt=f"{spec.name}:{seed}:{run}").assign(list(table[spec.unit].astype(str)))
    frame = table.copy()
    frame[spec.variant] = assigned.names()
    if not lift:
        return frame
    rng, treated, done = generator(seed, "rehearsal", run), assigned.codes > 0, set()
    for metric in spec.metrics:
        if metric.value in done:
            continue
        done.add(metric.value)
        if metric.value not in frame:
            raise UnknownNameError("column in the table", metric.value, map(str, frame.columns))
        values = _numbers(frame[metric.value])
        if isinstance(metric, Proportion):
            values[treated] = _flipped(values[treated], lift, float(np.nanmean(values)), rng)
        else:
            values[treated] *= 1 + lift
        frame[metric.value] = values
    return frame


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    try:
        return np.array(column.to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise DataError(f"column {column.name!r} holds other things than numbers", hint="Mend or drop them") from error


def _flipped(values: NDArray[np.float64], lift: float, share: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Zeros turned to ones, or ones to zeros, so that the share is expected to be `lift` larger."""
    if share * (1 + lift) > 1:
        raise DataError(f"a share of {share:.3g} cannot be {lift:.1%} larger", hint="Give a smaller lift")
    drawn = rng.random(values.shape)
    if lift < 0:
        return np.where((values == 1) & (drawn < -lift), 0.0, values)
    chance = share * lift / (1 - share) if share < 1 else 0.0
    return np.where((values == 0) & (drawn < chance), 1.0, values)


def _read(frame: pd.DataFrame, spec: Experiment, count: int) -> dict[tuple[str, str], str]:
    """The verdict on each metric and arm, at the first look that gave one."""
    verdicts: dict[tuple[str, str], str] = {}
    with tempfile.TemporaryDirectory() as folder:
        looks = Path(folder) / "looks.json"
        for look in range(1, count + 1):
            part = frame.iloc[: len(frame) * look // count]
            found: Analysis = analyze(part, spec, looks=looks, checks=False)
            for row in found.rows:
                if row.decides and not row.segment and verdicts.get((row.metric, row.arm)) not in _VERDICTS:
                    verdicts[row.metric, row.arm] = row.decision
    return verdicts
