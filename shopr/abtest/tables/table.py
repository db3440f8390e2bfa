"""A table of one row a unit, wherever it lies: CSV, Parquet, pandas or a DuckDB relation, read by one connection.

Parquet is streamed and pandas columns are scanned in place; a CSV is parsed once. Metrics become SQL expressions here
(`expression`): missing values, conversion windows and caps are part of them, so that sums never see a raw column.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from shopr.abtest.design.metrics import Mean, Proportion, Quantile, Ratio
from shopr.abtest.design.spec import Experiment
from shopr.abtest.tables.columns import check_columns
from shopr.abtest.tables.engine import session
from shopr.abtest.tables.files import open_file, reason
from shopr.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    from numpy.typing import NDArray

    Source: TypeAlias = Path | str | pd.DataFrame | duckdb.DuckDBPyRelation

__all__ = ["WHOLE", "Source", "Table", "open_table", "quoted"]

WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
"""DuckDB's types of whole numbers of at most 64 bits."""
_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "REAL", "BOOL")
_DAY = 86_400_000_000
# With a zone, so that an offset in the text counts; a plain TIMESTAMP would drop it in silence.
_TIME = "TRY_CAST({} AS TIMESTAMPTZ)"


def quoted(name: str) -> str:
    """A column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


class Table:
    """An open table; `columns` maps names to DuckDB types."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str, spec: Experiment) -> None:
        self.connection = connection
        self.name = name
        self.spec = spec
        self.source = "source"
        described = self.query("DESCRIBE source")
        self.columns: dict[str, str] = {row[0]: str(row[1]) for row in described}
        self.bounds: dict[str, tuple[float | None, float | None]] = {}
        self.as_of: datetime | None = None
        self._ends: dict[str, tuple[Any, ...]] = {}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query.

        Raises:
            DataError: with DuckDB's first line, if it cannot be answered.
        """
        import duckdb

        try:
            rows: list[tuple[Any, ...]] = self.connection.execute(sql).fetchall()
            return rows
        except duckdb.Error as error:
            raise DataError(f"{self.name} cannot be read: {reason(error)}") from error

    def column(self, sql: str) -> NDArray[Any]:
        """The values of an expression in any order, shape (rows,); a masked array where some are missing.

        Raises:
            DataError: as `query`.
        """
        import duckdb

        try:
            values: NDArray[Any] = self.connection.execute(f"SELECT {sql} AS v FROM {self.source}").fetchnumpy()["v"]
            return values
        except duckdb.Error as error:
            raise DataError(f"{self.name} cannot be read: {reason(error)}") from error

    def require(self, names: Iterable[str], *, numbers: bool = False) -> None:
        """Check that columns exist, and that they hold numbers.

        Raises:
            UnknownNameError: naming the nearest column.
            DataError: if a column holds something else than numbers.
        """
        for name in names:
            if name not in self.columns:
                raise UnknownNameError(f"column in {self.name}", name, self.columns)
            kind = self.columns[name].upper()
            if numbers and kind == "VARCHAR":
                self._refuse_text(name, "TRY_CAST({} AS DOUBLE)", "no number", "Make it a column of numbers")
            elif numbers and not any(known in kind for known in (*_NUMBERS, "NULL")):
                raise DataError(
                    f"column {name!r} of {self.name} holds {self.columns[name]}, not numbers",
                    hint="Make it a column of numbers, or of 0 and 1",
                )

    def require_times(self, name: str) -> None:
        """Check that a column exists and holds times.

        Raises:
            UnknownNameError: naming the nearest column.
            DataError: naming a value that is no time.
        """
        self.require([name])
        self._micros(name)
        if self.columns[name].upper() == "VARCHAR":
            self._refuse_text(name, _TIME, "no time", "Give ISO 8601 times such as 2026-01-31T10:00:00Z")

    def _refuse_text(self, name: str, cast: str, wanted: str, hint: str) -> None:
        """Refuse a column of text if one of its values cannot be cast."""
        column = quoted(name)
        bad, example = self.query(
            f"SELECT count(*), min({column}) FROM {self.source} WHERE trim({column}) <> '' AND {cast.format(column)} "
            f"IS NULL"
        )[0]
        if bad:
            shown = str(example)[:40]
            raise DataError(f"column {name!r} of {self.name}: {shown!r} is {wanted} ({bad:,} such rows)", hint=hint)

    @property
    def exposure(self) -> str:
        """The exposure time in microseconds since 1970 as SQL; "" if the table has none."""
        name = self.spec.exposed_at
        return self._micros(name) if name and name in self.columns else ""

    @property
    def exposure_day(self) -> str:
        """The day of exposure (UTC) as SQL, of a table that has exposure times."""
        name = self.spec.exposed_at
        plain = self.columns[name].upper() in ("TIMESTAMP", "DATE")
        return f"CAST({quoted(name) if plain else f'make_timestamp({self.exposure})'} AS DATE)"

    def exposed_by(self, micros: int) -> str:
        """Whether a unit was exposed at or before a moment, as SQL."""
        name = self.spec.exposed_at
        if self.columns[name].upper() == "TIMESTAMP":  # compared as it lies: half the cost
            return f"{quoted(name)} <= make_timestamp({micros})"
        return f"{self.exposure} <= {micros}"

    def exposures(self) -> tuple[int, int] | None:
        """The first and the last exposure in microseconds since 1970; None without any."""
        if not self.exposure:
            return None
        first, last = self.ends()[4:]
        return None if first is None else (int(first), int(last))

    def ends(self) -> tuple[Any, ...]:
        """Rows, rows with a unit, the least and largest unit, and the first and last exposure in microseconds.

        A Parquet file's footer knows all of them. Units that are no whole numbers, and a table without exposure
        times, have None.
        """
        if self.source not in self._ends:
            unit, time = quoted(self.spec.unit), quoted(self.spec.exposed_at)
            units, times = "NULL, NULL", "NULL, NULL"
            if self.columns[self.spec.unit].upper() in WHOLE:
                units = f"min({unit}), max({unit})"
            if self.exposure:
                plain = self.columns[self.spec.exposed_at].upper().startswith(("TIMESTAMP", "DATE"))
                times = f"min({self.exposure}), max({self.exposure})"
                times = f"epoch_us(min({time})), epoch_us(max({time}))" if plain else times
            self._ends[self.source] = self.query(
                f"SELECT count(*), count({unit}), {units}, {times} FROM {self.source}"
            )[0]
        return self._ends[self.source]

    def _micros(self, name: str) -> str:
        kind = self.columns[name].upper()
        column = quoted(name)
        if kind.startswith(("TIMESTAMP", "DATE")):
            return f"epoch_us({column})"
        if kind == "VARCHAR":
            return f"epoch_us({_TIME.format(column)})"
        raise DataError(f"column {name!r} of {self.name} holds {kind}, not times", hint="Give ISO 8601 times, in UTC")

    def value(self, name: str, metric: Mean | Proportion | Ratio | Quantile) -> str:
        """A metric's column as an SQL number, with window, missing values and caps applied."""
        number = f"CAST({quoted(name)} AS DOUBLE)"
        if self.columns[name].upper() == "BOOLEAN":  # a cast would be pushed into a CSV's reader, which refuses it
            number = f"CASE WHEN {quoted(name)} THEN 1.0 WHEN NOT {quoted(name)} THEN 0.0 END"
        elif self.columns[name].upper() == "VARCHAR":
            number = f"TRY_CAST({quoted(name)} AS DOUBLE)"
        measured = name == metric.value
        missing = "NULL"
        if metric.missing == "zero" and name in (metric.value, getattr(metric, "denominator", "")):
            number = f"CASE WHEN {number} IS NULL OR isnan({number}) THEN 0.0 ELSE {number} END"
        window = getattr(metric, "window", None)
        if window is not None and measured:
            at, span = self._micros(window.at), int(window.days * _DAY)
            inside = f"{at} >= {self.exposure} AND {at} < {self.exposure} + {span}"
            number = f"CASE WHEN {inside} THEN coalesce({number}, 0.0) ELSE 0.0 END"
            if window.mature_only and self.as_of is not None:
                ripe = int(self.as_of.timestamp() * 1e6) - span
                number = f"CASE WHEN {self.exposure} <= {ripe} THEN {number} ELSE {missing} END"
        if measured and metric.name in self.bounds:
            low, high = self.bounds[metric.name]
            if low is not None:
                number = f"CASE WHEN {number} < {low!r} THEN {low!r} ELSE {number} END"
            if high is not None:
                number = f"CASE WHEN {number} > {high!r} THEN {high!r} ELSE {number} END"
        return number

    def find_bounds(self) -> None:
        """Look up the caps that are quantiles of the data, in one query, and note those that are given."""
        wanted: list[tuple[str, int, str]] = []
        for metric in self.spec.metrics:
            cap = getattr(metric, "cap", None)
            if cap is None:
                continue
            self.bounds[metric.name] = (cap.lower, cap.upper)
        for metric in self.spec.metrics:
            cap = getattr(metric, "cap", None)
            if cap is None or not cap.quantiles:
                continue
            kept = self.bounds.pop(metric.name)
            column = self.value(metric.value, metric)
            self.bounds[metric.name] = kept
            chosen = f"{column} <> 0" if cap.ignore_zeros else "true"
            for place, level in ((0, cap.lower_quantile), (1, cap.upper_quantile)):
                if level is not None:
                    sql = f"quantile_cont({column}, {level!r}) FILTER (WHERE {chosen} AND NOT isnan({column}))"
                    wanted.append((metric.name, place, sql))
        if not wanted:
            return
        found = self.query(f"SELECT {', '.join(sql for _, _, sql in wanted)} FROM {self.source}")[0]
        for (name, place, _), bound in zip(wanted, found, strict=True):
            pair = list(self.bounds[name])
            pair[place] = None if bound is None or math.isnan(bound) else float(bound)
            self.bounds[name] = (pair[0], pair[1])

    def restrict(self, at: datetime | None) -> None:
        """Leave out units that were exposed after `at`, and note it as the moment of the reading."""
        self.as_of = at
        if at is not None and self.exposure:
            micros = int(at.astimezone(UTC).timestamp() * 1e6)
            seen = f"coalesce({self.exposure} <= {micros}, true)"
            self.connection.execute(f"CREATE VIEW until_now AS SELECT * FROM {self.source} WHERE {seen}")
            first = self.query(f"SELECT min({self.exposure}) FROM {self.source}")[0][0]
            if first is not None and first > micros:
                when = f"{datetime.fromtimestamp(first / 1e6, UTC):%Y-%m-%d %H:%M}"
                raise DataError(
                    f"{self.name} has no exposures until {at:%Y-%m-%d %H:%M}; the first is at {when} UTC",
                    hint="Read it as of a later moment",
                )
            self.source = "until_now"

    def repair(self) -> None:
        """Keep one of each row that occurs several times, and leave out units seen in two arms."""
        unit, variant = quoted(self.spec.unit), quoted(self.spec.variant)
        self.connection.execute(
            f"CREATE TABLE repaired AS SELECT DISTINCT * FROM {self.source} WHERE {unit} NOT IN (SELECT {unit} FROM "
            f"{self.source} WHERE {unit} IS NOT NULL GROUP BY {unit} HAVING count(DISTINCT {variant}) > 1)"
        )
        self.source = "repaired"


@contextmanager
def open_table(source: Source, spec: Experiment) -> Iterator[Table]:
    """Open a table for an experiment and check its columns.

    Args:
        source: path of a CSV or Parquet file, a pandas DataFrame, or a DuckDB relation, which is
            copied into memory as Arrow.
        spec: the experiment whose columns are wanted.

    Raises:
        DataError: if the file cannot be read, is empty, or a column holds the wrong kind of value.
        UnknownNameError: if a column is missing.
    """
    with session() as connection:
        name = _register(connection, source, spec)
        table = Table(connection, name, spec)
        check_columns(table)
        yield table


def _register(connection: duckdb.DuckDBPyConnection, source: Source, spec: Experiment) -> str:
    import duckdb

    if isinstance(source, str | Path):
        return open_file(connection, Path(source), spec)
    if isinstance(source, duckdb.DuckDBPyRelation):
        # A relation belongs to its own connection, and a reader can be read once only: it is carried over as Arrow.
        batches = getattr(source, "to_arrow_reader", None) or source.fetch_arrow_reader
        connection.register("source", batches(100_000).read_all())
        return "the relation"
    connection.register("source", source)
    return "the table"
