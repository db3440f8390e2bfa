"""CSV and Parquet files in DuckDB, with refusals that say what is wrong with a file in words of its reader."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from shopr.errors import DataError

if TYPE_CHECKING:
    import duckdb

    from shopr.abtest.design.spec import Experiment

__all__ = ["open_file", "reason"]

_SUFFIXES = {
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".gz": "read_csv",
    ".parquet": "read_parquet",
    ".pq": "read_parquet",
}
_HEAD = 65_536  # bytes of a CSV that are looked at before DuckDB sniffs it


def open_file(connection: duckdb.DuckDBPyConnection, path: Path, spec: Experiment) -> str:
    """Make a file the source of a connection, and return the file's name. Parquet is streamed, CSV parsed once.

    Raises:
        DataError: if the file is missing, empty, not of its kind, or not UTF-8.
    """
    import duckdb

    if not path.is_file():
        raise DataError(f"table {path} is no file", hint="Give a CSV or Parquet file")
    reader = _SUFFIXES.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"table {path} ends in {path.suffix!r}", hint="Give a file ending in .csv or .parquet")
    if reader == "read_csv" and path.suffix.lower() != ".gz":
        _look_into(path)
    text = str(path).replace("'", "''")
    try:
        if reader == "read_csv":
            # Parsed once into DuckDB's compressed columns: a view would be sniffed and parsed anew by every query.
            options = _csv_options(connection, text, spec)
            connection.execute(f"CREATE TABLE source AS SELECT * FROM read_csv('{text}'{options})")
        else:
            connection.execute(f"CREATE VIEW source AS SELECT * FROM read_parquet('{text}')")
    except duckdb.Error as error:
        raise _refusal(path, error) from error
    return path.name


def reason(error: Exception) -> str:
    """What DuckDB says, without the SQL and its advice on options that nobody here can set."""
    said = re.split(r"Possible fixes|LINE \d+:|The search space used was|Original Line:", str(error))[0]
    return " ".join(said.split())[:240]


def _look_into(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise DataError(f"table {path} cannot be read: {error.strerror}", hint="Check its permissions") from error
    if not head.strip():
        raise DataError(f"table {path} is empty", hint="Give a CSV with a header and one row a unit")
    if b"\0" in head:
        raise DataError(
            f"table {path} holds bytes that are no text: it is UTF-16 or no CSV", hint="Save it as CSV in UTF-8"
        )


def _csv_options(connection: duckdb.DuckDBPyConnection, path: str, spec: Experiment) -> str:
    """How a CSV is read: ids and arms as text (007 is not 7), other types from all rows, not only the first ones.

    The first line is the header: left to itself the sniffer skips lines until the others fit together.
    """
    header = connection.execute(
        f"DESCRIBE SELECT * FROM read_csv('{path}', all_varchar = true, header = true, skip = 0)"
    )
    names = {str(row[0]) for row in header.fetchall()}
    _refuse_twice(connection, path)
    if len(names) == 1 and any(mark in next(iter(names)) for mark in ",;\t|"):
        raise DataError(
            f"table {path}: not every row has as many fields as the header", hint="Write it anew, quoting commas"
        )
    kept = [c.replace("'", "''") for c in dict.fromkeys((spec.unit, spec.variant)) if c in names]
    types = ", ".join(f"'{name}': 'VARCHAR'" for name in kept)
    return ", header = true, skip = 0, sample_size = -1" + (f", types = {{{types}}}" if types else "")


def _refuse_twice(connection: duckdb.DuckDBPyConnection, path: str) -> None:
    """Refuse a header that names a column twice: DuckDB would call the second one something else, and say nothing."""
    first = f"SELECT * FROM read_csv('{path}', all_varchar = true, header = false, skip = 0) LIMIT 1"
    told = [str(name).strip() for row in connection.execute(first).fetchall() for name in row if name is not None]
    seen: set[str] = set()
    for name in told:
        if name.casefold() in seen:
            raise DataError(f"table {path}: two columns are named {name!r}", hint="Rename one, or leave it out")
        seen.add(name.casefold())


def _refusal(path: Path, error: Exception) -> DataError:
    said = str(error)
    line = re.search(r"Line: (\d+)", said)
    where = f", line {line[1]}" if line else ""
    if "nicode" in said or "utf-8" in said:
        return DataError(f"table {path}{where} is not UTF-8", hint="Save it as CSV in UTF-8")
    if "Parquet" in said or "magic bytes" in said:
        return DataError(f"table {path} is no whole Parquet file", hint="Write it anew, or name a CSV file .csv")
    return DataError(f"table {path}{where} cannot be read: {reason(error)}", hint="Give a CSV or Parquet file")
