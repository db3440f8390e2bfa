"""Which importer reads a path, told by what is there."""

from __future__ import annotations

from pathlib import Path

from shopr.data.sources import SOURCES
from shopr.data.sources.files import check_file
from shopr.errors import DataError

__all__ = ["detect"]

_RETAIL = {"invoiceno", "stockcode", "quantity", "invoicedate"}
_HEAD = 65_536
_RETAIL_II = {"invoice", "stockcode", "quantity", "invoicedate"}


def detect(path: Path) -> str:
    """Name of the importer for a file or folder.

    Raises:
        DataError: if there is nothing, or nothing that is recognised without being told its columns.
    """
    if path.is_dir():
        if any((path / name).is_file() for name in ("u.data", "ratings.dat")):
            return "movielens"
        raise DataError(
            f"{path} holds neither u.data nor ratings.dat", hint=f"Give a file; known: {', '.join(SOURCES)}"
        )
    names = {str(column).strip().lower().replace(" ", "") for column in _header(path)}
    if names >= _RETAIL or names >= _RETAIL_II:
        return "online_retail"
    if names >= {"user", "item"}:
        return "tabular"
    raise DataError(
        f"{path} has the columns {', '.join(sorted(names))[:120]}, which no importer knows by itself",
        hint="Import it with 'shopr data import tabular FILE --column user=… --column item=…'",
    )


def _header(path: Path) -> list[object]:
    """The column names of a table, without reading its rows."""
    path = check_file(path)
    with path.open("rb") as stream:
        start = stream.read(_HEAD)
    try:
        if start[:4] == b"PAR1":
            import pyarrow.parquet as pq

            return list(pq.read_schema(path).names)
        if start[:4] == b"PK\x03\x04":
            from openpyxl import load_workbook

            book = load_workbook(path, read_only=True)
            try:
                return list(next(book.worksheets[0].iter_rows(max_row=1, values_only=True), ()))
            finally:
                book.close()
    except Exception as error:  # the readers raise errors of many kinds for damaged files
        raise DataError(f"{path} cannot be read: {error}"[:300], hint="Give a .csv, .xlsx or .parquet file") from error
    first = start.decode("utf-8-sig", errors="replace").splitlines()[:1]
    line = first[0] if first else ""
    mark = max(",;\t|", key=line.count)
    return [field.strip('"') for field in line.split(mark)]
