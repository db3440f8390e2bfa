"""Importers by name, one module a format; each turns files into a `Dataset` and counts what it set aside."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopr.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from shopr.data.dataset import Dataset

__all__ = ["SOURCES", "Source", "load"]


@dataclass(frozen=True, slots=True)
class Source:
    """One importer: its module (with a function `load(path, *, name, clock, ...) -> Dataset`) and what it reads."""

    module: str
    reads: str


SOURCES: dict[str, Source] = {
    "online_retail": Source(
        "shopr.data.sources.online_retail", "UCI Online Retail (I and II): .csv, .xlsx or .parquet"
    ),
    "movielens": Source("shopr.data.sources.movielens", "MovieLens 100k (u.data) or 1M (ratings.dat): the folder"),
    "chorus": Source("shopr.data.sources.chorus", "Chorus/Icecat electronics products: .parquet"),
    "sequences": Source("shopr.data.sources.sequences", "text lines of a user and then items, in order of time"),
    "tabular": Source("shopr.data.sources.tabular", "any .csv, .xlsx or .parquet of orders, by column names"),
    "completejourney": Source(
        "shopr.data.sources.completejourney", "Complete Journey groceries: transactions .parquet"
    ),
}


def load(source: str, path: Path | str, **options: Any) -> Dataset:
    """Read `path` with the importer called `source`.

    Args:
        options: the importer's own (`name`, `clock` and what its `load` documents).

    Raises:
        UnknownNameError: if there is no such importer.
        InputError: if the importer has no such option.
        DataError: if the file cannot be read as asked, or holds no sound row.
    """
    if source not in SOURCES:
        raise UnknownNameError("source", source, SOURCES)
    function: Callable[..., Dataset] = import_module(SOURCES[source].module).load
    known = [name for name in inspect.signature(function).parameters if name != "path"]
    for option in options:
        if option not in known:
            raise InputError(f"{source} has no option {option!r}", hint=f"It takes {', '.join(known)}")
    return function(Path(path), **options)
