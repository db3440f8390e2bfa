"""What commands print: plain lines, tables for people and JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["echo", "echo_frame", "echo_json", "echo_table", "json_option", "plain", "to_json", "write_frame"]

F = TypeVar("F", bound=Callable[..., Any])


def echo(message: str = "") -> None:
    """One line on stdout."""
    click.echo(message)


def json_option(command: F) -> F:
    """Adds `--json`, passed on as `as_json: bool`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def plain(value: Any) -> Any:
    """`value` made of JSON's own types: NaN and infinities become null, times ISO 8601, decimals and paths text."""
    if _missing(value):
        return None
    if isinstance(value, bool | int | str) and not isinstance(value, Enum):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal | Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return _plain_container(value)


def _plain_container(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if hasattr(value, "model_dump"):  # pydantic
        return plain(value.model_dump(mode="json"))
    if hasattr(value, "to_dict") and hasattr(value, "columns"):  # pandas
        return [plain(row) for row in value.to_dict(orient="records")]
    if hasattr(value, "tolist"):  # numpy
        return plain(value.tolist())
    if isinstance(value, Iterable):
        return [plain(v) for v in value]
    return str(value)


def _missing(value: object) -> bool:
    """None, NaN, and the missing values of pandas, which refuse to be compared."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """Strict JSON text of `value` as `plain` makes it."""
    return json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def echo_json(value: Any, *, indent: int | None = 2) -> None:
    """`value` as JSON on stdout; `indent=None` gives one line, for one JSON object a line."""
    click.echo(to_json(value, indent=indent))


def echo_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """A table on stdout; numbers are aligned right. In a pipe it is as wide as it needs to be and has no colours."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [[_cell(value) for value in row] for row in rows]
    console = Console(highlight=False)
    if not console.is_terminal:
        widest = sum(max([len(c), *(len(row[i][0]) for row in cells)]) + 3 for i, c in enumerate(columns))
        console = Console(highlight=False, width=max(80, widest + 2))
    if title:  # a line of its own: as part of a narrow table it would be broken to the table's width
        console.print(Text(title, style="italic"), soft_wrap=True)
    table = Table(header_style="bold")
    for i, name in enumerate(columns):
        right = bool(cells) and all(row[i][1] for row in cells)
        table.add_column(Text(name), justify="right" if right else "left")
    for row in cells:
        table.add_row(*(Text(text) for text, _ in row))
    console.print(table)


def echo_frame(frame: pd.DataFrame, *, title: str = "") -> None:
    """A pandas table on stdout, without its index."""
    echo_table([str(c) for c in frame.columns], frame.itertuples(index=False), title=title)


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """A table as the whole file or none, .parquet by its ending, else CSV; what was there stays until it is complete.

    Its folder is made if need be.

    Raises:
        StorageError: if it cannot be written.
    """
    from shopr.data.folders import replaced_file

    with replaced_file(path) as fresh:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".parquet":
            frame.to_parquet(fresh, index=False)
        else:
            frame.to_csv(fresh, index=False)


def _cell(value: object) -> tuple[str, bool]:
    """The text of a cell, and whether it counts as a number."""
    if _missing(value):
        return "–", True
    if isinstance(value, bool):
        return ("yes" if value else "no"), False
    if isinstance(value, float) or (hasattr(value, "dtype") and not isinstance(value, int)):
        number = float(value)  # type: ignore[arg-type]
        return (f"{number:.4f}" if abs(number) < 1000 else f"{number:,.1f}"), True
    if isinstance(value, int):
        return f"{value:,}", True
    if isinstance(value, datetime):
        told = value.isoformat(" ", "seconds")
        return (told.removesuffix("+00:00") + " UTC" if told.endswith("+00:00") else told), False
    return str(value), False
