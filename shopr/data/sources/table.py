"""What reading a file gives, and the checks that all kinds of files share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.rejects import Rejects
from shopr.errors import CapacityError, DataError

__all__ = ["EncodingError", "Table", "check_file", "check_names", "first_line", "require"]


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


def check_names(path: Path, names: Sequence[str]) -> None:
    """Check that no column name occurs twice.

    Raises:
        DataError: naming it.
    """
    twice = [n for i, n in enumerate(names) if n in names[:i]]
    if twice:
        raise DataError(f"{path}: column {twice[0][:100]!r} occurs twice", hint="Rename one of them")


def first_line(error: Exception) -> str:
    """The first line of what a library complained about."""
    text = str(error).splitlines()
    return (text[0] if text else type(error).__name__)[:200]
