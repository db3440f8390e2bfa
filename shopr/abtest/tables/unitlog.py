"""From a log of events to the table that `analyze` reads: one row a unit, what it did after its first exposure.

An exposure is an `experiment_exposed` event whose properties name the experiment and the arm. The earliest one decides
the arm and the time; what came before that moment are covariates, what came after, within the conversion window, are
outcomes. A unit that was exposed to several arms keeps its first and is flagged. Everything runs in DuckDB: a log
larger than memory is streamed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopr.abtest.design.eventspec import EventColumn, Events
from shopr.abtest.design.spec import Experiment
from shopr.abtest.tables.engine import session
from shopr.abtest.tables.files import reason
from shopr.abtest.tables.table import quoted
from shopr.errors import DataError, SpecError, UnknownNameError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

__all__ = ["CROSSED", "UnitTable", "exposure_events", "units_from_events"]

CROSSED = "crossed"
"""Column of the table: 1 for units that were exposed to several arms."""
_DAY = 86_400_000_000
_EXPOSED = "experiment_exposed"


@dataclass(frozen=True)
class UnitTable:
    """One row a unit, and who is not in it.

    Attributes:
        frame: the spec's unit, variant and exposure columns, `crossed`, then the columns of `events`.
        until: the moment the log was read as of (UTC).
        exposed: units with an exposure; `crossed`: those exposed to several arms, kept or not.
        immature: units left out because their window had not ended; `anonymous`: exposures without a unit.
    """

    frame: pd.DataFrame
    until: datetime
    exposed: int
    crossed: int
    immature: int
    anonymous: int


def units_from_events(log: Path | str | pd.DataFrame, spec: Experiment, *, at: datetime | None = None) -> UnitTable:
    """Make the table of an experiment from a log of events.

    Args:
        log: the flat event table: a Parquet file, a folder of Parquet files or of a data set, or a DataFrame.
        spec: the experiment; its key `events` says how.
        at: read as of this moment (UTC if it has no zone): later events are not there yet. Default: all of the log.

    Raises:
        SpecError: if the spec has no `events`.
        DataError: if the log cannot be read, lacks a column, tells no exposure, or sums several currencies.
        UnknownNameError: if a unit was exposed to an arm that the spec does not name.
    """
    if spec.events is None:
        raise SpecError(f"experiment {spec.name!r} has no key events", hint="Say there which events make which columns")
    with session() as connection:
        name = _open(connection, log)
        found = _Log(connection, name, spec, spec.events)
        return found.table(None if at is None else _micros(at))


def exposure_events(exposures: pd.DataFrame, experiment: str, *, unit: str = "user_id") -> pd.DataFrame:
    """Exposures (columns unit_id, variant, exposed_at, as of `Exposures.frame`) as events of the flat table."""
    from shopr.abtest.allocation.exposures import exposure_id
    from shopr.data.events import events_frame

    told = {arm: json.dumps({"arm": arm, "experiment": experiment}) for arm in set(exposures["variant"])}
    return events_frame(
        {
            "event_id": [exposure_id(experiment, str(u)) for u in exposures["unit_id"]],
            "type": [_EXPOSED] * len(exposures),
            "time": exposures["exposed_at"].to_numpy() if len(exposures) else [],
            unit: exposures["unit_id"].astype(str).to_numpy(),
            "properties": exposures["variant"].map(told).to_numpy(),
        }
    )


def _micros(at: datetime) -> int:
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return round(at.timestamp() * 1e6)


def _open(connection: duckdb.DuckDBPyConnection, log: Path | str | pd.DataFrame) -> str:
    """Make the log a view named `log`, and return what it is called in errors."""
    import duckdb

    if not isinstance(log, str | Path):
        connection.register("log", log)
        return "the log"
    path = Path(log)
    if path.is_dir():
        path = path / "events.parquet" if (path / "events.parquet").is_file() else path / "*.parquet"
    if not (path.is_file() or any(path.parent.glob(path.name))):
        raise DataError(f"log {log} is no file", hint="Give a Parquet file of events, or a folder of them")
    text = str(path).replace("'", "''")
    try:
        connection.execute(f"CREATE VIEW log AS SELECT * FROM read_parquet('{text}', union_by_name = true)")
    except duckdb.Error as error:
        raise DataError(f"log {log} cannot be read: {reason(error)}", hint="Give Parquet files of events") from error
    return Path(log).name


class _Log:
    """An open log and what is asked of it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str, spec: Experiment, events: Events) -> None:
        self.connection, self.name, self.spec, self.events = connection, name, spec, events
        self.columns = {str(row[0]) for row in self.query("DESCRIBE log")}
        needed = {"event_id", "type", "time", events.unit, "properties"}
        for column in events.columns.values():
            needed |= {"source"} if column.source else set()
            needed |= {"price", "quantity", "currency"} if column.of == "amount" else {column.of} - {""}
        missing = sorted(needed - self.columns)
        if missing:
            raise DataError(f"{name} has no column {missing[0]!r}", hint="Give the flat table of events")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query; a refusal in one line."""
        import duckdb

        try:
            rows: list[tuple[Any, ...]] = self.connection.execute(sql).fetchall()
            return rows
        except duckdb.Error as error:
            raise DataError(f"{self.name} cannot be read: {reason(error)}") from error

    def table(self, until: int | None) -> UnitTable:
        """The table as of a moment in microseconds, or of the log's last event."""
        last = self.query("SELECT epoch_us(max(time)) FROM log")[0][0]
        if last is None:
            raise DataError(f"{self.name} has no events", hint="Give a log of the test's days")
        moment = int(last) if until is None else until
        exposed, anonymous = self._expose(moment)
        crossed = int(self.query("SELECT count(*) FROM exposed WHERE crossed = 1")[0][0])
        ripe = int(moment - self.events.longest * _DAY)
        immature = 0
        if self.events.mature_only and self.events.longest:
            immature = int(self.query(f"SELECT count(*) FROM exposed WHERE since > {ripe}")[0][0])
        self._check_currency(moment)
        kept = [f"x.since <= {ripe}"] if immature else []
        kept += ["x.crossed = 0"] if self.events.crossed == "drop" else []
        frame = self._frame(moment, " AND ".join(kept) or "true")
        return UnitTable(frame, datetime.fromtimestamp(moment / 1e6, UTC), exposed, crossed, immature, anonymous)

    def _expose(self, until: int) -> tuple[int, int]:
        """Make the table `exposed` (unit, arm, since, crossed); count its units and the exposures without one."""
        wanted = (self.events.experiment or self.spec.name).replace("'", "''")
        told = "CASE WHEN json_valid(properties) THEN json_extract_string(properties, '$.{}') END"
        rows = (
            f"SELECT {self.events.unit} AS unit, {told.format('arm')} AS arm, epoch_us(time) AS since, event_id "
            f"FROM log WHERE type = '{_EXPOSED}' AND epoch_us(time) <= {until} "
            f"AND {told.format('experiment')} = '{wanted}'"
        )
        self.query(f"CREATE TABLE exposures AS {rows}")
        total, anonymous, armless = self.query(
            "SELECT count(*), count(*) - count(unit), count(*) FILTER (WHERE arm IS NULL) FROM exposures"
        )[0]
        if not total:
            raise self._no_exposures(told.format("experiment"))
        if armless:
            raise DataError(
                f"{armless} exposures of {self.name} name no arm", hint='Give properties such as {"arm": "control"}'
            )
        for (arm,) in self.query("SELECT DISTINCT arm FROM exposures ORDER BY 1"):
            if arm not in self.spec.arms:
                raise UnknownNameError(f"arm in {self.name}", str(arm), self.spec.arms)
        self.query(
            "CREATE TABLE exposed AS SELECT unit, arg_min(arm, (since, event_id)) AS arm, min(since) AS since, "
            "CAST(count(DISTINCT arm) > 1 AS BIGINT) AS crossed FROM exposures WHERE unit IS NOT NULL GROUP BY unit"
        )
        return int(self.query("SELECT count(*) FROM exposed")[0][0]), int(anonymous)

    def _no_exposures(self, told: str) -> DataError:
        wanted = self.events.experiment or self.spec.name
        known = self.query(f"SELECT DISTINCT {told} AS name FROM log WHERE type = '{_EXPOSED}' ORDER BY 1 LIMIT 5")
        names = ", ".join(str(row[0]) for row in known if row[0] is not None)
        hint = f"It tells those of {names}" if names else f"Log {_EXPOSED} events with experiment and arm as properties"
        return DataError(f"{self.name} tells no exposure to {wanted!r}", hint=hint)

    def _check_currency(self, until: int) -> None:
        types = sorted({c.event for c in self.events.columns.values() if c.of in ("amount", "price")})
        if not types:
            return
        listed = ", ".join(f"'{name}'" for name in types)
        found = self.query(
            f"SELECT DISTINCT currency FROM log WHERE type IN ({listed}) AND currency IS NOT NULL AND "
            f"epoch_us(time) <= {until} ORDER BY 1"
        )
        if len(found) > 1:
            raise DataError(
                f"prices of {self.name} are in {', '.join(row[0] for row in found)}",
                hint="Convert them to one currency first",
            )

    def _frame(self, until: int, kept: str) -> pd.DataFrame:
        """One pass over the log: every column is an aggregate with a filter of its own."""
        spec = self.spec
        types = ", ".join(f"'{name}'" for name in sorted({c.event for c in self.events.columns.values()}))
        sums = ", ".join(f"{self._aggregate(column)} AS {quoted(name)}" for name, column in self.events.columns.items())
        time = f", make_timestamp(x.since) AS {quoted(spec.exposed_at)}" if spec.exposed_at else ""
        sql = (
            f"SELECT x.unit AS {quoted(spec.unit)}, x.arm AS {quoted(spec.variant)}{time}, x.crossed AS {CROSSED}, "
            f"{sums} FROM exposed x LEFT JOIN (SELECT *, epoch_us(time) AS happened FROM log WHERE type IN ({types}) "
            f"AND epoch_us(time) <= {until}) e ON e.{self.events.unit} = x.unit WHERE {kept} "
            f"GROUP BY x.unit, x.arm, x.since, x.crossed ORDER BY x.since, x.unit"
        )
        import duckdb

        try:
            frame = self.connection.execute(sql).df()
        except duckdb.Error as error:
            raise DataError(f"{self.name} cannot be read: {reason(error)}") from error
        if spec.exposed_at:
            frame[spec.exposed_at] = frame[spec.exposed_at].dt.tz_localize("UTC")
        return frame

    def _aggregate(self, column: EventColumn) -> str:
        chosen = [f"e.type = '{column.event}'"]
        if column.source:
            name = column.source.replace("'", "''")
            chosen.append(f"e.source = '{name}'")
        span = self.events.window(column)
        reach = None if span is None else round(span * _DAY)
        if column.when == "before":
            chosen += ["e.happened < x.since", f"e.happened >= x.since - {reach}"]
        else:
            chosen += ["e.happened >= x.since"] + ([f"e.happened < x.since + {reach}"] if reach is not None else [])
        where = f" FILTER (WHERE {' AND '.join(chosen)})"
        if column.how == "any":
            return f"CAST(count(*){where} > 0 AS BIGINT)"
        if column.how == "sum":
            return f"coalesce(sum({_number(column.of)}){where}, 0.0)"
        return (f"count(DISTINCT e.{column.of})" if column.how == "distinct" else "count(*)") + where


def _number(of: str) -> str:
    """A number of an event as SQL; the price is of one piece, and an event without a quantity is of one."""
    if of == "amount":
        return "CAST(e.price AS DOUBLE) * CAST(coalesce(e.quantity, 1) AS DOUBLE)"
    return f"CAST(e.{of} AS DOUBLE)"
