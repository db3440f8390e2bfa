"""The metric table: what a rule's metric was in each step, counted by DuckDB in one query a rule.

Everything in it adds up over steps: counts, numerators and denominators, counts by bin of a mix. Windows are
differences of running sums, so that a year of minutes is judged as fast as an hour of them. A quantile above a bound is
the same as a share of values above that bound, and is counted as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopr.analytics.alerts.rules import Metric, Rule, Selection, Threshold
from shopr.analytics.health.quality import VITALS
from shopr.analytics.reading.source import Source

__all__ = ["MOST_SERIES", "Floats", "Grid", "Series", "at", "beginning", "measure", "rolling", "sql_of"]

Floats = NDArray[np.float64]
MOST_SERIES = 100
"""Values of `by` that are told apart; the rarer ones are left out."""
_HASHED, _PRICES = 32, 48


@dataclass(frozen=True, slots=True)
class Grid:
    """Steps of time: `n` of `step` seconds from `start` (Unix seconds).

    Attributes:
        born: number of the first step in which the shop existed: before it there was no shop, not an empty one.
    """

    start: int
    step: int
    n: int
    born: int = 0

    @property
    def end(self) -> int:
        """Where the last step ends."""
        return self.start + self.step * self.n

    @property
    def ends(self) -> NDArray[np.int64]:
        """Where each step ends: the moment at which it can be judged."""
        return self.start + self.step * np.arange(1, self.n + 1, dtype=np.int64)


@dataclass
class Series:
    """A metric step by step.

    Attributes:
        hits: weights of what a rule looks for; shape (n,), or (n, bins) for a mix.
        clears: likewise with the bound at which an alert may end, for quantiles; else the same as hits.
        total: weights of what hits are a share of.
        seen: events that were really stored among them, which say how sure a share is.
    """

    hits: Floats
    clears: Floats
    total: Floats
    seen: Floats


def at(seconds: int) -> datetime:
    """A moment of the grid."""
    return datetime.fromtimestamp(seconds, UTC)


def rolling(values: Floats, steps: int) -> Floats:
    """Sum over each step and the `steps - 1` before it; along the first axis."""
    sums = np.cumsum(values, axis=0)
    out = sums.copy()
    out[steps:] -= sums[:-steps]
    return out


def beginning(store: Source) -> int | None:
    """When the first event of a store was, in Unix seconds; None for an empty one."""
    with store.query() as events:
        first = events.sql("SELECT min(epoch_us(time)) // 1000000 FROM events").fetchall()[0][0]
    return None if first is None else int(first)


def measure(
    store: Source,
    rule: Rule,
    start: int,
    end: int,
    *,
    categories: Mapping[str, str] | None = None,
    begins: int | None = None,
) -> tuple[Grid, dict[str, Series]]:
    """The metric of a rule between two moments (Unix seconds, multiples of its step), by series ("" without `by`).

    Args:
        categories: of product ids, for a mix of categories.
        begins: when the shop's first event was.

    Raises:
        StorageError: if the store cannot be read.
    """
    born = max((start if begins is None else begins) - start, 0) // rule.step
    grid = Grid(start, rule.step, max((end - start) // rule.step, 0), born)
    if not grid.n:
        return grid, {}
    query = _Query(rule.metric, rule)
    with store.query(start=at(start), end=at(end)) as events:
        if rule.metric.mix == "category":
            import pyarrow as pa

            known = dict(categories or {})
            events.register("categories", pa.table({"id": list(known), "category": list(known.values())}))
        found = events.execute(query.text, query.values).fetchnumpy()
    return grid, (_mixes if rule.metric.mix else _counts)(grid, found)


def sql_of(rule: Rule) -> tuple[str, list[Any]]:
    """The query that counts a rule's metric on the view `events`, with the values of its marks."""
    query = _Query(rule.metric, rule)
    return query.text, query.values


class _Query:
    """The SQL of a metric; whatever a file says is a value in it, never text of it."""

    def __init__(self, metric: Metric, rule: Rule) -> None:
        self.values: list[Any] = []
        bucket = f"epoch_us(time) // {rule.step * 1_000_000}"
        group = f"coalesce({rule.by}, '')" if rule.by else "''"
        base = metric.of or metric.count
        assert base is not None
        if metric.mix is not None:
            join = " JOIN categories ON categories.id = product_id" if metric.mix == "category" else ""
            sums = f"{_BINS[metric.mix]} AS bin, sum(weight) AS hits, count(*) AS seen"
            where = self._where(base)
            self.text = f"SELECT {bucket} AS bucket, '' AS series, {sums} FROM events{join}{where} GROUP BY ALL"
            return
        hits, clears = self._hits(metric, rule, base)
        total = self._sum(base)
        seen = self._sum(base, weigh=False)
        types = sorted({t.value for s in (metric.share, base) if s is not None for t in s.type})
        self.text = (
            f"SELECT {bucket} AS bucket, {group} AS series, {hits} AS hits, {clears} AS clears, {total} AS total, "
            f"{seen} AS seen FROM events WHERE list_contains(?::VARCHAR[], type) GROUP BY ALL"
        )
        self.values.append(types)

    def _hits(self, metric: Metric, rule: Rule, base: Selection) -> tuple[str, str]:
        if metric.count is not None or metric.share is not None:
            chosen = metric.count or metric.share
            assert chosen is not None
            return self._sum(chosen), self._sum(chosen)
        condition = rule.condition
        assert isinstance(condition, Threshold)
        clear = condition.above if condition.clear is None else condition.clear
        over, under = (base.model_copy(update={"over": bound}) for bound in (condition.above, clear))
        return self._sum(over), self._sum(under)

    def _sum(self, selection: Selection, *, weigh: bool = True) -> str:
        if selection.distinct is None:
            what = "sum(weight)" if weigh else "count(*)"
            return f"coalesce({what} FILTER (WHERE {self._terms(selection)}), 0)"
        counted = f"count(DISTINCT {selection.distinct}) FILTER (WHERE {self._terms(selection)})"
        return f"{counted} * coalesce(avg(weight) FILTER (WHERE {self._terms(selection)}), 0)" if weigh else counted

    def _where(self, selection: Selection) -> str:
        return f" WHERE {self._terms(selection)}"

    def _terms(self, selection: Selection) -> str:
        terms = ["list_contains(?::VARCHAR[], type)"]
        self.values.append([t.value for t in selection.type])
        for text, value in (
            ("list_contains(?::VARCHAR[], name)", list(selection.name)),
            ("list_contains(?::VARCHAR[], json_extract_string(properties, '$.decision'))", list(selection.decision)),
            (
                "(starts_with(type, 'recommendation_') OR list_contains(?::VARCHAR[], source))",
                list(selection.source),
            ),
        ):
            if value:
                terms.append(text)
                self.values.append(value)
        if selection.status_from is not None:
            terms.append("TRY_CAST(json_extract_string(properties, '$.status') AS INTEGER) >= ?")
            self.values.append(selection.status_from)
        if selection.over is not None:
            terms.append("value > ?")
            self.values.append(selection.over)
        if selection.vital is not None:
            terms.append(_vital(selection.vital))
        return " AND ".join(terms)


def _vital(which: str) -> str:
    cases = " ".join(
        f"WHEN '{name}' THEN value > {vital.poor if which == 'poor' else vital.good}" for name, vital in VITALS.items()
    )
    return f"(CASE name {cases} ELSE false END)"


def _hashed(column: str) -> str:
    return f"CAST(md5_number_lower(lower(trim(coalesce({column}, '')))) % {_HASHED} AS INTEGER)"


_BINS = {
    "price": f"CAST(least(greatest(floor(2 * log2(greatest(coalesce(price, 1), 1))), 0), {_PRICES - 1}) AS INTEGER)",
    "category": _hashed("categories.category"),
    **{name: _hashed(name) for name in ("query", "device", "source", "page", "name")},
}
"""Bins of a mix: half octaves of prices, hashes of words. They are fixed, so that counts of any two spans compare."""


def _counts(grid: Grid, found: Mapping[str, Any]) -> dict[str, Series]:
    names, codes = np.unique(np.asarray(found["series"], dtype=object).astype(str), return_inverse=True)
    places = np.asarray(found["bucket"], np.int64) - grid.start // grid.step
    made: list[tuple[float, str, Series]] = []
    for code, name in enumerate(names):
        rows = codes == code
        columns = []
        for column in ("hits", "clears", "total", "seen"):
            values = np.zeros(grid.n)
            values[places[rows]] = np.asarray(found[column], np.float64)[rows]
            columns.append(values)
        made.append((-float(columns[3].sum()), str(name), Series(*columns)))
    return {name: series for _, name, series in sorted(made, key=lambda one: one[:2])[:MOST_SERIES]}


def _mixes(grid: Grid, found: Mapping[str, Any]) -> dict[str, Series]:
    places = np.asarray(found["bucket"], np.int64) - grid.start // grid.step
    bins = np.asarray(found["bin"], np.int64)
    hits, seen = np.zeros((grid.n, _PRICES)), np.zeros((grid.n, _PRICES))
    np.add.at(hits, (places, bins), np.asarray(found["hits"], np.float64))
    np.add.at(seen, (places, bins), np.asarray(found["seen"], np.float64))
    return {"": Series(hits, hits, hits.sum(axis=1), seen.sum(axis=1))}
