"""Delimited text as a table of text columns.

Values come as they are written, so that an id "007" stays "007"; nothing is guessed from the first rows.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from shopr.data.rejects import Rejects
from shopr.data.sources.table import EncodingError, Table, check_names, first_line
from shopr.errors import DataError

__all__ = ["MAX_LINE_BYTES", "read_csv"]

MAX_LINE_BYTES = 4 * 2**20
"""Longest line (with quoted line breaks: longest record)."""
MAX_HEADER_BYTES = 64 * 1024
DELIMITERS = ",;\t|"
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def read_csv(
    path: Path,
    columns: Sequence[str] | None,
    delimiter: str | None,
    encoding: str | None,
    names: Sequence[str] | None,
) -> Table:
    """A delimited text file as a table of text; see `shopr.data.sources.files.read_table`."""
    with path.open("rb") as stream:
        head = stream.read(MAX_HEADER_BYTES)
    encoding = encoding or next((code for mark, code in _BOMS if head.startswith(mark)), "utf-8")
    line = _first_text(path, head, encoding)
    if delimiter is None:
        delimiter = max(DELIMITERS, key=line.count) if any(d in line for d in DELIMITERS) else ","
    header = list(names) if names else [n.strip() for n in next(csv.reader([line], delimiter=delimiter), [])]
    check_names(path, header)
    source: Any = str(path)
    if len(delimiter) > 1:
        source, delimiter = io.BytesIO(path.read_bytes().replace(delimiter.encode(), b"\x1f")), "\x1f"
    if encoding in ("utf-8", "utf-8-sig"):
        _check_utf8(path)
    keep = [n for n in header if columns is None or n in columns]
    dialect = _Dialect(delimiter, encoding, tuple(header), not names)
    return _parsed(path, source, dialect, keep)


def _first_text(path: Path, head: bytes, encoding: str) -> str:
    """The first line of a text file."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
        if len(head) == MAX_HEADER_BYTES and "\n" not in text and "\r" not in text:
            raise DataError(
                f"{path}: the first line is longer than {MAX_HEADER_BYTES // 1024} KiB", hint="Check the file"
            )
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


def _check_utf8(path: Path) -> None:
    """Refuse other bytes before the parser meets them: it would print a traceback for a bad row that holds some."""
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            try:
                decoder.decode(piece)
            except UnicodeDecodeError as error:
                line += piece[: max(error.start - 3, 0)].count(b"\n")
                raise _bad_encoding(path, "utf-8", line) from error
            line += piece.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _bad_encoding(path, "utf-8", line) from error


def _bad_encoding(path: Path, encoding: str, line: int = 0) -> EncodingError:
    where = f" (line {line})" if line else ""
    return EncodingError(
        f"{path} is not {encoding} text{where}",
        hint="Save it as UTF-8, or name its encoding with --encoding, for example cp1252",
    )


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
    raise DataError(f"{path} is not a sound CSV: {first_line(error)}", hint="Check its delimiter and quotes") from error


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
