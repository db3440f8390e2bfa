"""Tables from files nobody vouches for: CSV, Excel or Parquet, each fault one clear line, each bad line counted."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from shopr.data.rejects import Rejects
from shopr.data.sources.csv_text import read_csv
from shopr.data.sources.table import EncodingError, Table, check_file, check_names, first_line, require
from shopr.errors import DataError

__all__ = ["EncodingError", "Table", "check_file", "read_table", "require"]

MAX_SHEET_BYTES = 4 * 2**30
"""Most bytes that an Excel file may unpack to."""


def read_table(
    path: Path | str,
    *,
    columns: Sequence[str] | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    names: Sequence[str] | None = None,
) -> Table:
    """A CSV, Excel (.xlsx) or Parquet file as a table; what it is, the file's name and first bytes say.

    Args:
        columns: read only those of these columns that the file has (all if None).
        delimiter: of a CSV; found from its header by default (comma, semicolon, tab or bar). May have two characters.
        encoding: of a CSV; UTF-8 by default, or what a byte-order mark says.
        names: column names of a CSV without header.

    Raises:
        DataError: if the file cannot be read as such a table.
        CapacityError: if it would not fit into memory.
    """
    path = check_file(path)
    with path.open("rb") as stream:
        magic = stream.read(8)
    suffix = path.suffix.lower()
    if magic[:4] == b"PAR1" or suffix in (".parquet", ".pq"):
        frame, found = _read_parquet(path, columns)
    elif magic[:4] == b"PK\x03\x04" or suffix in (".xlsx", ".xlsm"):
        frame, found = _read_sheet(path, columns)
    elif magic == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise DataError(f"{path} is an old Excel file (.xls)", hint="Save it as .xlsx or CSV")
    else:
        return read_csv(path, columns, delimiter, encoding, names)
    return Table(frame, np.arange(1, len(frame) + 1), Rejects(), path.name, tuple(found))


def _read_parquet(path: Path, columns: Sequence[str] | None) -> tuple[pd.DataFrame, list[str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        wanted = [n for n in file.schema_arrow.names if columns is None or n in columns]
        check_names(path, file.schema_arrow.names)
        table = file.read(columns=wanted)
        for i, column in enumerate(table.schema):
            kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
            if pa.types.is_nested(kind):
                raise DataError(f"{path}: column {column.name!r} holds lists or structs", hint="Flatten it first")
            if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
                table = table.set_column(i, column.name, table.column(i).cast(pa.large_string()))
        # Whole numbers with gaps stay whole numbers: as floats, ids above 2**53 would change.
        whole = {
            pa.int8(): "Int8",
            pa.int16(): "Int16",
            pa.int32(): "Int32",
            pa.int64(): "Int64",
            pa.uint64(): "UInt64",
        }
        kinds = {k: pd.api.types.pandas_dtype(v) for k, v in whole.items()}
        frame: pd.DataFrame = table.to_pandas(types_mapper=kinds.get, ignore_metadata=True)
    except (OSError, ValueError, NotImplementedError) as error:  # pyarrow's errors are among these
        raise DataError(f"{path} is not a sound Parquet file: {first_line(error)}", hint="Export it again") from error
    return frame, list(file.schema_arrow.names)


def _read_sheet(path: Path, columns: Sequence[str] | None) -> tuple[pd.DataFrame, list[str]]:
    try:
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
        if unpacked > MAX_SHEET_BYTES:
            raise DataError(f"{path} unpacks to {unpacked / 2**30:.0f} GiB", hint="Save it as CSV or Parquet")
        frame = pd.read_excel(path, engine="openpyxl", dtype=object, keep_default_na=False, na_values=[""])
    except DataError:
        raise
    except Exception as error:  # openpyxl lets KeyError, BadZipFile, XML and many other errors through
        raise DataError(f"{path} is not a sound Excel file: {first_line(error)}", hint="Save it again") from error
    names = [str(name).strip() for name in frame.columns]
    frame.columns = pd.Index(names)
    return (frame if columns is None else frame[[c for c in names if c in columns]]), names
