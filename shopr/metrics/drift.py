"""Whether data still look as they did: PSI, Kolmogorov–Smirnov and Jensen–Shannon, column by column."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.errors import InputError

__all__ = ["MAJOR", "MODERATE", "drift_table", "jensen_shannon", "ks", "psi", "shares"]

MODERATE, MAJOR = 0.1, 0.25
"""Usual limits of the PSI: below the first a column is stable, above the second it has drifted."""
FLOOR = 1e-4
"""Least share of a bin, so that one empty bin does not make the PSI infinite."""


def shares(
    reference: NDArray[np.generic] | pd.Series, current: NDArray[np.generic] | pd.Series, bins: int = 10
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How both samples spread over the same bins, missing values having a bin of their own.

    Numbers (and times) are cut at the quantiles of the reference, with a bin below and one above it; other values
    are categories, each a bin.

    Returns:
        Two arrays of one length that sum to 1.

    Raises:
        InputError: if a sample is empty or bins < 2.
    """
    before, after = pd.Series(reference).reset_index(drop=True), pd.Series(current).reset_index(drop=True)
    if bins < 2:
        raise InputError(f"{bins} bins show no drift", hint="Use 10")
    if not len(before) or not len(after):
        raise InputError(f"{len(before)} reference and {len(after)} current values", hint="Both samples need values")
    if _is_numeric(before) and _is_numeric(after):
        x, y = _numbers(before), _numbers(after)
        edges = np.unique(np.quantile(x[~np.isnan(x)], np.linspace(0, 1, bins + 1))) if (~np.isnan(x)).any() else x[:0]
        codes = [_bins(v, edges) for v in (x, y)]
        size = len(edges) + 3
    else:
        both = pd.concat([before, after]).astype("object")
        joint, uniques = pd.factorize(both.where(both.isna(), both.astype(str)))
        joint = np.where(joint < 0, len(uniques), joint)
        codes, size = [joint[: len(before)], joint[len(before) :]], len(uniques) + 1
    counts = [np.bincount(c, minlength=size) for c in codes]
    return counts[0] / len(before), counts[1] / len(after)


def psi(reference: NDArray[np.generic] | pd.Series, current: NDArray[np.generic] | pd.Series, bins: int = 10) -> float:
    """Population stability index: sum of (q - p) ln(q / p) over the bins of `shares`, each share at least `FLOOR`."""
    p, q = (np.maximum(s, FLOOR) for s in _used(*shares(reference, current, bins)))
    return float(((q - p) * np.log(q / p)).sum())


def jensen_shannon(
    reference: NDArray[np.generic] | pd.Series, current: NDArray[np.generic] | pd.Series, bins: int = 10
) -> float:
    """Jensen–Shannon distance over the bins of `shares`: root of the divergence in bits, 0 equal to 1 disjoint."""
    p, q = _used(*shares(reference, current, bins))
    middle = (p + q) / 2
    divergence = (_entropy_terms(p, middle) + _entropy_terms(q, middle)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def ks(reference: NDArray[np.number] | pd.Series, current: NDArray[np.number] | pd.Series) -> tuple[float, float]:
    """Two-sample Kolmogorov–Smirnov: the greatest gap between the distributions, and its asymptotic p-value.

    NaN left out; (NaN, NaN) where a sample has no numbers.
    """
    from scipy import stats

    x, y = _numbers(pd.Series(reference)), _numbers(pd.Series(current))
    x, y = x[~np.isnan(x)], y[~np.isnan(y)]
    if not len(x) or not len(y):
        return float("nan"), float("nan")
    found = stats.ks_2samp(x, y, method="asymp")
    return float(found.statistic), float(found.pvalue)


def drift_table(reference: pd.DataFrame, current: pd.DataFrame, bins: int = 10) -> pd.DataFrame:
    """One row for each column that both tables have, the most drifted first.

    Returns:
        Columns `column`, `kind` (numeric, categorical), `psi`, `jensen_shannon`, `ks`, `p_value` (NaN for categories),
        `missing_reference`, `missing_current` (shares) and `verdict` (stable, moderate, major by the PSI).

    Raises:
        InputError: if the tables share no column or one is empty.
    """
    columns = [c for c in reference.columns if c in current.columns]
    if not columns:
        raise InputError("the two tables share no column", hint="Compare tables of one kind")
    rows = []
    for name in columns:
        before, after = reference[name], current[name]
        numeric = _is_numeric(before) and _is_numeric(after)
        statistic, p_value = ks(before, after) if numeric else (float("nan"), float("nan"))
        index = psi(before, after, bins)
        rows.append(
            {
                "column": name,
                "kind": "numeric" if numeric else "categorical",
                "psi": index,
                "jensen_shannon": jensen_shannon(before, after, bins),
                "ks": statistic,
                "p_value": p_value,
                "missing_reference": float(before.isna().mean()),
                "missing_current": float(after.isna().mean()),
                "verdict": "stable" if index < MODERATE else "moderate" if index < MAJOR else "major",
            }
        )
    return pd.DataFrame(rows).sort_values("psi", ascending=False, kind="stable", ignore_index=True)


def _bins(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """0 below the reference, then a bin between each two edges, one above, and the last for missing values."""
    codes = np.searchsorted(edges, values, "right").astype(np.int64)
    if len(edges):
        codes[values == edges[-1]] = max(len(edges) - 1, 1)
        codes[values > edges[-1]] = len(edges) + 1
    codes[np.isnan(values)] = len(edges) + 2
    return codes


def _is_numeric(column: pd.Series) -> bool:
    plain = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return bool(plain or pd.api.types.is_datetime64_any_dtype(column))


def _numbers(column: pd.Series) -> NDArray[np.float64]:
    """float64 with NaN for missing; times as seconds."""
    if pd.api.types.is_datetime64_any_dtype(column):
        stamps = pd.to_datetime(column, utc=True)
        seconds = (stamps - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
        return np.asarray(seconds.to_numpy(dtype=np.float64))
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))


def _used(p: NDArray[np.float64], q: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Without the bins that neither sample uses."""
    used = (p > 0) | (q > 0)
    return p[used], q[used]


def _entropy_terms(p: NDArray[np.float64], middle: NDArray[np.float64]) -> float:
    positive = p > 0
    return float((p[positive] * np.log2(p[positive] / middle[positive])).sum())
