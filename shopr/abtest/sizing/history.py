"""What past data say of a metric before a test: its value, its variance per unit, what covariates explain, units a day.

History is a table of one row a unit: the metric's columns over as long as the test will measure, covariates over the
time before, and the time of the first visit, from which the flow of new units is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.abtest.design.metrics import Cap, Mean, Metric, Proportion, Quantile, Window
from shopr.abtest.methods.quantiles import quantile_arm, ranks
from shopr.abtest.sizing.power import Baseline
from shopr.errors import DataError, InputError

__all__ = ["Inflow", "baseline_of", "inflow_of", "read_history"]

Floats = NDArray[np.float64]
_LAST_DAYS = 7  # of history that tell the rate from then on: a whole week


@dataclass(frozen=True)
class Inflow:
    """New units a day.

    Attributes:
        days: new units on each day of the history, shape (days,).
        rate: units a day after it: the mean of its last seven days.
    """

    days: Floats
    rate: float

    def units_after(self, days: float) -> float:
        """Units that a test of that many days would have met, had it begun with the history."""
        known = np.concatenate(([0.0], np.cumsum(self.days)))
        inside = float(np.interp(min(days, len(self.days)), np.arange(len(known)), known))
        return inside + max(days - len(self.days), 0.0) * self.rate

    def days_for(self, units: float) -> float:
        """Days until that many units have come; infinite where no more come."""
        known = np.concatenate(([0.0], np.cumsum(self.days)))
        if units <= known[-1]:
            # The first day on which the count is reached, and the part of it that is needed.
            day = int(np.searchsorted(known, units))
            return 0.0 if day == 0 else day - 1 + float((units - known[day - 1]) / (known[day] - known[day - 1]))
        return np.inf if self.rate <= 0 else len(self.days) + (units - float(known[-1])) / self.rate


def read_history(path: Path) -> pd.DataFrame:
    """A table from CSV or Parquet.

    Raises:
        DataError: if the file is missing or cannot be read.
    """
    try:
        return pd.read_parquet(path) if path.suffix.lower() in (".parquet", ".pq") else pd.read_csv(path)
    except FileNotFoundError:
        raise DataError(f"history {path} does not exist", hint="Give a CSV or Parquet file") from None
    except (OSError, ValueError, ImportError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise DataError(f"history {path} cannot be read: {reason}", hint="Give a CSV or Parquet file") from error


def baseline_of(history: pd.DataFrame, metric: Metric, exposed_at: str | None = "exposed_at") -> Baseline:
    """The metric's baseline, with its covariates' part of the variance taken out (CUPED), quantiles by clusters.

    A conversion window is applied if the table has its column and `exposed_at`; else the values are taken as they are.

    Raises:
        DataError: if a column is missing or holds no numbers, fewer than two units have a value, or it never varies.
    """
    if isinstance(metric, Quantile):
        return _quantile(history, metric)
    columns = [_numbers(history, name, metric) for name in metric.columns]
    data = dict(zip(metric.columns, columns, strict=True))
    if isinstance(metric, Mean | Proportion) and metric.window is not None:
        data[metric.value] = _within(history, data[metric.value], metric.window, exposed_at)
    if not isinstance(metric, Proportion) and metric.cap is not None:
        data[metric.value] = _capped(data[metric.value], metric.cap)
    keep = np.all([~np.isnan(data[name]) for name in metric.columns], axis=0)
    if keep.sum() < 2:
        raise DataError(f"metric {metric.name!r} has {keep.sum()} units with a value", hint="Give at least two")
    data = {name: values[keep] for name, values in data.items()}
    line, value = _linear(data, metric.terms[0])
    left = line - line.mean()
    with np.errstate(over="ignore"):
        whole = float(np.square(left).sum())
    if not np.isfinite(whole):
        raise DataError(f"metric {metric.name!r}: squares of its values are beyond 1.8e308", hint="Cap the column")
    covariates = [_linear(data, term)[0] for term in metric.terms[1:]]
    if covariates:
        known = np.column_stack([c - c.mean() for c in covariates])
        left = left - _explained(known, left)
    variance = float(np.square(left).sum() / (len(left) - 1))
    if not whole > 0:
        raise DataError(f"metric {metric.name!r} does not vary", hint="Choose a metric that differs between units")
    if variance * (len(left) - 1) <= 1e-12 * whole:
        raise DataError(
            f"the covariates of metric {metric.name!r} explain all of it", hint="Name columns known before exposure"
        )
    if isinstance(metric, Proportion):
        if not np.isin(data[metric.value], (0.0, 1.0)).all():
            raise DataError(f"proportion {metric.name!r} holds values other than 0 and 1", hint="Declare it as a mean")
        return Baseline(value, min(variance, value * (1 - value)), binary=True)
    return Baseline(value, variance)


def inflow_of(history: pd.DataFrame, column: str) -> Inflow:
    """New units a day from the column with the time of each unit's first visit; days without any count as 0.

    Raises:
        DataError: if the column is missing or holds no times.
    """
    if column not in history.columns:
        raise DataError(f"history has no column {column!r}", hint=f"Columns: {', '.join(map(str, history.columns))}")
    if pd.api.types.is_numeric_dtype(history[column]) and history[column].notna().any():
        raise DataError(f"column {column!r} holds numbers, not times", hint="Give times as in 2026-01-31 or ISO 8601")
    times = pd.to_datetime(history[column], utc=True, errors="coerce").dropna()
    if times.empty:
        raise DataError(f"column {column!r} holds no times", hint="Give times as in 2026-01-31 or ISO 8601")
    day = ((times - times.min().normalize()) // pd.Timedelta(days=1)).to_numpy(dtype=np.int64)
    counts = np.bincount(day).astype(np.float64)
    return Inflow(counts, float(counts[-_LAST_DAYS:].mean()))


def _explained(known: Floats, left: Floats) -> Floats:
    """The part of `left` that the centred covariates explain, each brought to one scale first."""
    scale = np.sqrt(np.square(known).mean(axis=0))
    unit = known / np.where(scale > 0, scale, 1.0)
    return np.asarray(unit @ np.linalg.lstsq(unit, left, rcond=1e-10)[0], dtype=np.float64)


def _linear(data: dict[str, Floats], term: str | tuple[str, str]) -> tuple[Floats, float]:
    """A term linearised per unit (the delta method for ratios), and its value."""
    if isinstance(term, str):
        return data[term], float(data[term].mean())
    above, below = data[term[0]], data[term[1]]
    if below.mean() == 0:
        raise DataError(f"denominator {term[1]!r} is 0 on average", hint="Choose a denominator that happens")
    ratio = float(above.mean() / below.mean())
    return np.asarray((above - ratio * below) / below.mean(), dtype=np.float64), ratio


def _quantile(history: pd.DataFrame, metric: Quantile) -> Baseline:
    values = _numbers(history, metric.value, metric)
    keep = ~np.isnan(values) & ((values != 0) | (not metric.ignore_zeros))
    values = values[keep]
    if len(values) < 2:
        raise DataError(f"metric {metric.name!r} has {len(values)} values", hint="Give at least two")
    low, high = ranks(len(values), metric.q)
    estimate, lower, upper = np.quantile(values, [metric.q, float(low), float(high)])
    arm = quantile_arm(len(values), metric.q, estimate, lower, upper)
    rows = 1.0
    if metric.cluster:
        names, codes = np.unique(history[metric.cluster].astype(str).to_numpy()[keep], return_inverse=True)
        rows = len(values) / len(names)
        inside = np.bincount(codes, values <= estimate)
        count = np.bincount(codes).astype(np.float64)
        spread = np.square(inside - metric.q * count).sum() / len(values) / (metric.q * (1 - metric.q))
        return Baseline(float(estimate), float(arm.variance) * spread / rows)
    return Baseline(float(estimate), float(arm.variance))


def _numbers(history: pd.DataFrame, name: str, metric: Metric) -> Floats:
    if name not in history.columns:
        raise DataError(
            f"metric {metric.name!r} needs column {name!r}", hint=f"Columns: {', '.join(map(str, history.columns))}"
        )
    try:
        values = history[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(f"column {name!r} of metric {metric.name!r} holds what is no number", hint="Clean it") from None
    if np.isinf(values).any():
        raise InputError(f"column {name!r} holds an infinite value", hint="Replace or leave out such rows")
    return np.nan_to_num(values, nan=0.0) if metric.missing == "zero" else np.asarray(values, dtype=np.float64)


def _within(history: pd.DataFrame, values: Floats, window: Window, exposed_at: str | None) -> Floats:
    """The values, with 0 for what did not happen within the window."""
    if exposed_at not in history.columns or window.at not in history.columns:
        return values
    began = pd.to_datetime(history[exposed_at], utc=True, errors="coerce")
    waited = pd.to_datetime(history[window.at], utc=True, errors="coerce") - began
    inside = (waited >= pd.Timedelta(0)) & (waited < pd.Timedelta(days=window.days))
    return np.where(inside.to_numpy(), values, np.where(np.isnan(values), np.nan, 0.0))


def _capped(values: Floats, cap: Cap) -> Floats:
    seen = values[~np.isnan(values)]
    seen = seen[seen != 0] if cap.ignore_zeros else seen
    lower, upper = cap.lower, cap.upper
    if len(seen):
        lower = float(np.quantile(seen, cap.lower_quantile)) if cap.lower_quantile is not None else lower
        upper = float(np.quantile(seen, cap.upper_quantile)) if cap.upper_quantile is not None else upper
    return np.clip(values, lower, upper)
