"""Tables from files nobody vouches for: CSV, Excel or Parquet, each fault one clear line, each bad line counted.

Text columns of a CSV come as they are written, so that an id "007" stays "007"; nothing is guessed from the first rows.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.rejects import Rejects
from shopr.errors import CapacityError, DataError

__all__ = ["EncodingError", "Table", "check_file", "read_table", "require"]

MAX_LINE_BYTES = 4 * 2**20
"""Longest line (with quoted line breaks: longest record) of a CSV."""
MAX_HEADER_BYTES = 64 * 1024
MAX_SHEET_BYTES = 4 * 2**30
"""Most bytes that an Excel file may unpack to."""
DELIMITERS = ",;\t|"
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class EncodingError(DataError):
    """A text file is not in the encoding it was read with."""

    code = "data.encoding"


@dataclass(frozen=True)
class Table:
    """A table as read.

    Attributes:
        frame: its columns; text with "" for empty fields where the file is a CSV, the file's own types otherwise.
        rows: shape (n,), the 1-based data row of the file that each row of `frame` was.
        rejects: lines that are no rows: too few or too many fields, unclosed quotes.
        file: the file's name, without its folder.
        names: all column names of the file, also of those that were not read.
    """

    frame: pd.DataFrame
    rows: NDArray[np.int64]
    rejects: Rejects
    file: str
    names: tuple[str, ...]


def check_file(path: Path | str) -> Path:
    """`path`, if it is a file that can be read and is not empty.

    Raises:
        DataError: if it is absent, a folder, a device, empty, or not permitted.
        CapacityError: if reading it would not fit into memory.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise DataError(f"{path} does not exist", hint="Check the path")
        if path.is_dir():
            raise DataError(f"{path} is a folder, not a file", hint="Give the file inside it")
        if not path.is_file():
            raise DataError(f"{path} is not a regular file", hint="Save the data to a file first")
        size = path.stat().st_size
        if size == 0:
            raise DataError(f"{path} is empty (0 bytes)", hint="Export it again")
        with path.open("rb"):
            pass
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", hint="Check its permissions") from error
    except ValueError as error:  # a NUL in the path
        raise DataError(f"{str(path)!r} is not a path: {error}") from error
    _check_memory(path, size)
    return path


def _check_memory(path: Path, size: int) -> None:
    import psutil

    free = psutil.virtual_memory().available
    if size * 3 > free:
        raise CapacityError(
            f"{path.name} has {size / 2**30:.1f} GiB and needs about three times that in memory; "
            f"{free / 2**30:.1f} GiB are free",
            hint="Split the file, or convert it to Parquet with the needed columns only",
        )


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
        return _read_csv(path, columns, delimiter, encoding, names)
    return Table(frame, np.arange(1, len(frame) + 1), Rejects(), path.name, tuple(found))


def require(table: Table, columns: Sequence[str], hint: str = "") -> None:
    """Check that the columns are there.

    Raises:
        DataError: naming the first one that is missing, and those found.
    """
    for name in columns:
        if name not in table.frame.columns:
            found = ", ".join(table.names)
            found = found[:200] + ("…" if len(found) > 200 else "")
            raise DataError(
                f"{table.file}: column {name!r} is missing; found {found or 'no columns'}",
                hint=hint or "Check the header, and the delimiter",
            )


# -- Parquet and Excel ------------------------------------------------------------------------------------------------


def _read_parquet(path: Path, columns: Sequence[str] | None) -> tuple[pd.DataFrame, list[str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        wanted = [n for n in file.schema_arrow.names if columns is None or n in columns]
        _check_names(path, file.schema_arrow.names)
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
        raise DataError(f"{path} is not a sound Parquet file: {_first_line(error)}", hint="Export it again") from error
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
        raise DataError(f"{path} is not a sound Excel file: {_first_line(error)}", hint="Save it again") from error
    names = [str(name).strip() for name in frame.columns]
    frame.columns = pd.Index(names)
    return (frame if columns is None else frame[[c for c in names if c in columns]]), names


# -- CSV --------------------------------------------------------------------------------------------------------------


def _read_csv(
    path: Path,
    columns: Sequence[str] | None,
    delimiter: str | None,
    encoding: str | None,
    names: Sequence[str] | None,
) -> Table:
    with path.open("rb") as stream:
        head = stream.read(MAX_HEADER_BYTES)
    encoding = encoding or next((code for mark, code in _BOMS if head.startswith(mark)), "utf-8")
    line = _first_text(path, head, encoding)
    if delimiter is None:
        delimiter = max(DELIMITERS, key=line.count) if any(d in line for d in DELIMITERS) else ","
    header = list(names) if names else [n.strip() for n in next(csv.reader([line], delimiter=delimiter), [])]
    _check_names(path, header)
    source: Any = str(path)
    if len(delimiter) > 1:
        source, delimiter = io.BytesIO(path.read_bytes().replace(delimiter.encode(), b"\x1f")), "\x1f"
    keep = [n for n in header if columns is None or n in columns]
    dialect = _Dialect(delimiter, encoding, tuple(header), not names)
    return _parsed(path, source, dialect, keep)


def _first_text(path: Path, head: bytes, encoding: str) -> str:
    """The first line of a text file."""
    try:
        end = head.find("\n".encode("utf-16-le" if encoding == "utf-16" else encoding)) if encoding else -1
        if end < 0 and len(head) == MAX_HEADER_BYTES:
            raise DataError(
                f"{path}: the first line is longer than {MAX_HEADER_BYTES // 1024} KiB", hint="Check the file"
            )
        text = head.decode(encoding, errors="ignore")
        (head if end < 0 else head[:end]).decode(encoding)
    except LookupError as error:
        raise DataError(f"encoding {encoding!r} is unknown", hint="Use a name such as utf-8 or cp1252") from error
    except UnicodeError as error:
        raise _bad_encoding(path, encoding) from error
    if "\0" in text:
        raise DataError(f"{path} is not a text table: it holds NUL bytes", hint="Give CSV, .xlsx or Parquet")
    line = text.splitlines()[0].lstrip("\ufeff") if text.strip() else ""
    if not line.strip():
        raise DataError(f"{path} has an empty first line", hint="Write the column names into the first line")
    return line


def _bad_encoding(path: Path, encoding: str) -> EncodingError:
    return EncodingError(f"{path} is not {encoding} text", hint="Name its encoding with --encoding, for example cp1252")


def _check_names(path: Path, names: Sequence[str]) -> None:
    twice = [n for i, n in enumerate(names) if n in names[:i]]
    if twice:
        raise DataError(f"{path}: column {twice[0][:100]!r} occurs twice", hint="Rename one of them")


@dataclass(frozen=True)
class _Dialect:
    delimiter: str
    encoding: str
    names: tuple[str, ...]
    has_header: bool


def _parsed(path: Path, source: Any, dialect: _Dialect, keep: list[str]) -> Table:
    import pyarrow as pa
    import pyarrow.csv as pc

    bad: list[tuple[int, str, str]] = []

    def set_aside(row: Any) -> str:
        spans = row.text.count("\n")
        reason = f"{row.actual_columns} fields instead of {row.expected_columns}"
        bad.append(
            (
                row.number - dialect.has_header,
                f"a quote left open over {spans + 1} lines" if spans else reason,
                row.text,
            )
        )
        return "skip"

    # With one thread the parser knows the number of a bad row.
    read = pc.ReadOptions(
        use_threads=False,
        block_size=MAX_LINE_BYTES,
        encoding="utf8" if dialect.encoding in ("utf-8", "utf-8-sig") else dialect.encoding,
        column_names=list(dialect.names),
        skip_rows=int(dialect.has_header),
    )
    parse = pc.ParseOptions(
        delimiter=dialect.delimiter, invalid_row_handler=set_aside, newlines_in_values=True, ignore_empty_lines=False
    )
    convert = pc.ConvertOptions(
        column_types=dict.fromkeys(dialect.names, pa.string()),
        include_columns=keep or None,
        strings_can_be_null=False,
        quoted_strings_can_be_null=False,
    )
    try:
        table = pc.read_csv(source, read_options=read, parse_options=parse, convert_options=convert)
    except UnicodeError as error:
        raise _bad_encoding(path, dialect.encoding) from error
    except (pa.ArrowException, OSError, ValueError) as error:
        table = _explained(path, dialect.encoding, error, keep)
    return _numbered(path, table.to_pandas(), bad, dialect.names)


def _explained(path: Path, encoding: str, error: Exception, keep: list[str]) -> Any:
    """An empty table where there was only a header; otherwise the parser's complaint in plain words."""
    import pyarrow as pa

    text = str(error)
    if "invalid UTF8" in text:
        raise _bad_encoding(path, encoding) from error
    if "straddling" in text:
        raise DataError(
            f"{path} has a line longer than {MAX_LINE_BYTES // 2**20} MiB", hint="Check for a quote that is not closed"
        ) from error
    if "Empty CSV" in text:
        return pa.table({name: pa.array([], pa.string()) for name in keep})
    raise DataError(
        f"{path} is not a sound CSV: {_first_line(error)}", hint="Check its delimiter and quotes"
    ) from error


def _numbered(path: Path, frame: pd.DataFrame, bad: list[tuple[int, str, str]], names: Sequence[str]) -> Table:
    """The rows with their numbers in the file; blank lines are no rows."""
    skipped = np.array([number for number, _, _ in bad], dtype=np.int64)
    rows = np.setdiff1d(np.arange(1, len(frame) + len(bad) + 1), skipped, assume_unique=True)
    blank = np.ones(len(frame), bool)
    for name in frame.columns:
        blank &= (frame[name] == "").to_numpy(dtype=bool, na_value=False)
    if blank.any():
        frame, rows = frame[~blank].reset_index(drop=True), rows[~blank]
    parts = [Rejects.of(path.name, [number], "(line)", reason, [text]) for number, reason, text in bad]
    return Table(frame, rows, Rejects.concat(parts), path.name, tuple(names))


def _first_line(error: Exception) -> str:
    text = str(error).splitlines()
    return (text[0] if text else type(error).__name__)[:200]
