"""The sums that all metrics of an experiment need, from one pass over its table.

One query groups by arm (and, if asked, by segment or stratum) and returns for every column its count, its sum and the
sums of the products that metrics need; columns that several metrics share are summed once. The same pass tells, if
asked, the days of exposure and the sums of the earlier and the later exposed. Two things send a metric
through a second query of its own: a missing value (it is summed over its complete rows), and a mean so large beside the
spread that squares lose digits (its columns are centred at their means first).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from shopr.abtest.design.metrics import Mean, Proportion, Quantile, Ratio
from shopr.abtest.methods.arms import Term
from shopr.abtest.methods.moments import Moments
from shopr.abtest.tables.table import Table, quoted
from shopr.abtest.tables.times import Times, by_half, days_of, merged
from shopr.errors import DataError, UnknownNameError

__all__ = ["HALVES", "Sums", "collect", "terms_of"]

_WORST = 1e3
"""Raw squares over squares about the mean from which on a column is centred before it is squared."""
Summable = Mean | Proportion | Ratio
HALVES = ("early", "late")


@dataclass(frozen=True)
class Sums:
    """What was summed.

    Attributes:
        arms: names, in the order of the spec.
        groups: values of the column that was grouped by; ("",) if none was.
        counts: rows, shape (groups, arms).
        moments: of each metric's columns, shape (groups, arms).
        times: when units were exposed, if that was asked for and the table tells.
        halves: the first primary metric in the groups "early" and "late", exposed in the first and second half of the
            time, where the same pass could tell.
    """

    arms: tuple[str, ...]
    groups: tuple[str, ...]
    counts: NDArray[np.float64]
    moments: dict[str, Moments]
    times: Times | None = None
    halves: Sums | None = None

    def arm(self, metric: str, name: str, group: int = 0) -> Moments:
        """Moments of one metric in one arm."""
        return self.moments[metric].take(group).take(self.arms.index(name))


def terms_of(metric: Summable) -> tuple[Term, ...]:
    """The metric's terms as positions among its columns."""
    place = {name: i for i, name in enumerate(metric.columns)}
    return tuple(place[t] if isinstance(t, str) else (place[t[0]], place[t[1]]) for t in metric.terms)


def collect(table: Table, by: str = "", *, only: tuple[str, ...] = (), timed: bool = False) -> Sums:
    """Sum all metrics that are sums (not quantiles), by arm and, where `by` is a column, by its values.

    `only` names the metrics to sum; `timed` (without `by`) looks at the times of exposure in the same pass.

    Raises:
        DataError: if an arm is empty, a row has no arm, or a value is infinite.
        UnknownNameError: if the table names an arm that the spec does not.
    """
    metrics = [m for m in table.spec.metrics if not isinstance(m, Quantile) and (not only or m.name in only)]
    blocks = {m.name: [table.value(c, m) for c in m.columns] for m in metrics}
    columns = list(dict.fromkeys(e for block in blocks.values() for e in block))
    pairs = _pairs(blocks, columns)
    ends = table.exposures() if timed and not by else None
    halves = by_half(table.query(_timed_sql(table, columns, pairs, (ends[0] + ends[1]) // 2))) if ends else []
    rows = merged(halves) if ends else table.query(_sql(table, columns, pairs, by=by))
    place = _places(table, rows, by)
    arms, groups = tuple(table.spec.arms), tuple(dict.fromkeys(str(r[1]) for r in rows)) if by else ("",)
    groups = tuple(sorted(groups))
    read = _Read(rows, place, arms, groups, len(columns), pairs)
    counts = read.array(2)
    empty = None if by else _empty(arms, counts[0])
    if empty is not None:
        raise DataError(f"arm {empty!r} has no units in {table.name}", hint="Check the assignment, or the spec's arms")
    moments = {}
    for metric in metrics:
        index = [columns.index(e) for e in blocks[metric.name]]
        found = read.moments(index, counts) if read.complete(index, counts) else None
        if found is None or not _well_conditioned(found):
            found = _summed_again(table, metric, blocks[metric.name], by=by, arms=arms, groups=groups)
        if not np.isfinite(found.scatter[found.n > 0]).all():
            raise DataError(
                f"metric {metric.name!r}: squares of its values are beyond 1.8e308, the largest number there is",
                hint="Cap the column, or give it in a larger unit",
            )
        moments[metric.name] = found
    if ends is None:
        return Sums(arms, groups, counts, moments)
    times = Times(*ends, *days_of(halves))
    first = table.spec.deciding[0]
    if first not in blocks or times.missing:
        return Sums(arms, groups, counts, moments, times)
    parts = _Read(halves, {(str(r[0]), str(r[1])): i for i, r in enumerate(halves)}, arms, HALVES, len(columns), pairs)
    return Sums(arms, groups, counts, moments, times, _halves(parts, first, [columns.index(e) for e in blocks[first]]))


def _halves(parts: _Read, metric: str, index: list[int]) -> Sums | None:
    """One metric by half of the time; None where a query of its own must tell."""
    counts = parts.array(2)
    found = parts.moments(index, counts) if parts.complete(index, counts) else None
    known = found is not None and _well_conditioned(found)
    return Sums(parts.arms, parts.groups, counts, {metric: found}) if found is not None and known else None


@dataclass(frozen=True)
class _Read:
    """The rows of the big query, by place."""

    rows: list[tuple[object, ...]]
    place: dict[tuple[str, str], int]
    arms: tuple[str, ...]
    groups: tuple[str, ...]
    columns: int
    pairs: list[tuple[int, int]]

    def array(self, field: int) -> NDArray[np.float64]:
        """One field of all groups and arms; zero where there are no rows."""
        found = np.zeros((len(self.groups), len(self.arms)))
        for g, group in enumerate(self.groups):
            for a, arm in enumerate(self.arms):
                row = self.place.get((arm, group))
                value = None if row is None else self.rows[row][field]
                found[g, a] = 0.0 if value is None else float(value)  # type: ignore[arg-type]
        return found

    def complete(self, index: list[int], counts: NDArray[np.float64]) -> bool:
        """Whether no value of these columns is missing."""
        return all(
            bool((self.array(3 + 2 * i) == counts).all()) and bool(np.isfinite(self.array(4 + 2 * i)).all())
            for i in index
        )

    def moments(self, index: list[int], counts: NDArray[np.float64], shift: list[float] | None = None) -> Moments:
        """Moments of these columns."""
        d = len(index)
        sums = np.stack([self.array(4 + 2 * i) for i in index], axis=-1)
        products = np.zeros((*counts.shape, d, d))
        base = 3 + 2 * self.columns
        for i in range(d):
            for j in range(i, d):
                key = (min(index[i], index[j]), max(index[i], index[j]))
                products[..., i, j] = products[..., j, i] = self.array(base + self.pairs.index(key))
        return Moments.from_sums(counts, sums, products, np.array([shift[i] for i in index]) if shift else 0.0)


def _pairs(blocks: dict[str, list[str]], columns: list[str]) -> list[tuple[int, int]]:
    """The products that are needed, each once."""
    wanted: dict[tuple[int, int], None] = {}
    for block in blocks.values():
        index = sorted({columns.index(e) for e in block})
        wanted.update(dict.fromkeys(combinations_with_replacement(index, 2)))
    return list(wanted)


def _well_conditioned(moments: Moments) -> bool:
    """Whether the squares about the means kept their digits; a column without spread counts as not."""
    squares = np.diagonal(moments.scatter, axis1=-2, axis2=-1)
    if not np.isfinite(moments.scatter[moments.n > 0]).all():
        return False
    with np.errstate(over="ignore"):
        return bool((moments.n[..., None] * moments.mean**2 <= _WORST * squares).all())


def _means(table: Table, columns: list[str], kept: str) -> list[float]:
    """The mean of each column over complete rows."""
    found = table.query(f"SELECT {', '.join(f'avg({c})' for c in columns)} FROM {table.source} WHERE {kept}")[0]
    return [0.0 if v is None or not math.isfinite(v) else float(v) for v in found]


def _sql(
    table: Table,
    columns: list[str],
    pairs: list[tuple[int, int]],
    *,
    by: str,
    shift: list[float] | None = None,
    kept: str = "",
) -> str:
    inner = [f"CAST({quoted(table.spec.variant)} AS VARCHAR) AS arm"]
    outer, keys = ["arm", "''"], "arm"
    if by:
        inner.append(f"coalesce(CAST({quoted(by)} AS VARCHAR), 'missing') AS part")
        outer, keys = ["arm", "part"], "arm, part"
    offsets = shift or [0.0] * len(columns)
    inner += [
        f"{c} - {s!r} AS c{i}" if s else f"{c} AS c{i}" for i, (c, s) in enumerate(zip(columns, offsets, strict=True))
    ]
    outer.append("count(*)")
    for i in range(len(columns)):
        outer += [f"count(c{i})", f"sum(c{i})"]
    outer += [f"sum(c{i} * c{j})" for i, j in pairs]
    where = f" WHERE {kept}" if kept else ""
    return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {table.source}{where}) GROUP BY {keys}"


def _timed_sql(table: Table, columns: list[str], pairs: list[tuple[int, int]], middle: int) -> str:
    """As `_sql`, by arm, day of exposure (since 1970) and whether it lies in the first half of the time."""
    inner = [f"CAST({quoted(table.spec.variant)} AS VARCHAR) AS arm", f"{table.exposure_day} AS day"]
    inner.append(f"{table.exposed_by(middle)} AS early")
    inner += [f"{c} AS c{i}" for i, c in enumerate(columns)]
    sums = ["count(*)"]
    for i in range(len(columns)):
        sums += [f"count(c{i})", f"sum(c{i})"]
    sums += [f"sum(c{i} * c{j})" for i, j in pairs]
    return (
        f"SELECT arm, day - DATE '1970-01-01', early, {', '.join(sums)} FROM (SELECT {', '.join(inner)} "
        f"FROM {table.source}) GROUP BY arm, day, early"
    )


def _places(table: Table, rows: list[tuple[object, ...]], by: str) -> dict[tuple[str, str], int]:
    """Row of each (arm, group); checks the arms' names."""
    if not rows:
        raise DataError(f"{table.name} has no rows", hint="Give a table with one row a unit")
    place: dict[tuple[str, str], int] = {}
    for i, row in enumerate(rows):
        if row[0] is None:
            raise DataError(
                f"{row[2]} rows of {table.name} have no {table.spec.variant}", hint="Leave them out or name their arm"
            )
        if str(row[0]) not in table.spec.arms:
            raise UnknownNameError(f"arm in {table.name}", str(row[0]), table.spec.arms)
        place[str(row[0]), str(row[1]) if by else ""] = i
    return place


def _empty(arms: tuple[str, ...], counts: NDArray[np.float64]) -> str | None:
    """The first arm that nothing was counted in; None if there is none."""
    return next((arm for arm, count in zip(arms, counts, strict=True) if not count), None)


def _summed_again(
    table: Table, metric: Summable, block: list[str], *, by: str, arms: tuple[str, ...], groups: tuple[str, ...]
) -> Moments:
    """The metric's moments over rows where all its columns have values."""
    infinite = " OR ".join(f"isinf({e})" for e in block)
    bad = table.query(f"SELECT count(*) FROM {table.source} WHERE {infinite}")[0][0]
    if bad:
        raise DataError(f"metric {metric.name!r}: {bad} rows hold an infinite value", hint="Mend or cap them first")
    kept = " AND ".join(f"{e} IS NOT NULL AND NOT isnan({e})" for e in block)
    columns = list(dict.fromkeys(block))
    pairs = list(combinations_with_replacement(range(len(columns)), 2))
    shift = _means(table, columns, kept)
    rows = table.query(_sql(table, columns, pairs, by=by, shift=shift, kept=kept))
    if not rows:
        raise DataError(
            f"metric {metric.name!r} has no values in {table.name}",
            hint=f"Fill column {metric.value!r}, or leave it out",
        )
    place = {(str(r[0]), str(r[1]) if by else ""): i for i, r in enumerate(rows)}
    read = _Read(rows, place, arms, groups, len(columns), pairs)
    counts = read.array(2)
    empty = None if by else _empty(arms, counts[0])
    if empty is not None:
        raise DataError(
            f"metric {metric.name!r} has no values in arm {empty!r}",
            hint=f"Fill column {metric.value!r}, or leave the metric out",
        )
    return read.moments([columns.index(e) for e in block], counts, shift)
