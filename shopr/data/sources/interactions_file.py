"""Interactions and users from plain files, as the batch command takes them.

Interactions: CSV or Parquet with the columns `user,item[,timestamp][,weight][,rating]`; users: one column `user`. Ids
are kept as exact text ("007" stays "007"; whole numbers in Parquet become their digits, also where gaps made floats of
them). A timestamp is Unix seconds or ISO 8601 (without an offset: UTC); an empty weight counts as 1.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from shopr.clock import Clock, SystemClock
from shopr.data.interactions import Interactions
from shopr.data.rejects import Rejects, Sieve
from shopr.data.schema import as_float, as_id
from shopr.data.sources.files import Table, read_table, require
from shopr.data.times import as_time, is_future, unix_seconds
from shopr.errors import DataError

__all__ = ["OnRejects", "read_interactions", "read_users"]

COLUMNS = ("user", "item", "timestamp", "weight", "rating")
OnRejects = Callable[[Rejects], None]
_log = logging.getLogger(__name__)


def read_interactions(
    path: Path | str, *, on_rejects: OnRejects | None = None, clock: Clock | None = None
) -> Interactions:
    """Interactions from `user,item[,timestamp][,weight][,rating]`; repeated rows are kept.

    Bad rows (missing ids, times that are none or lie in the future, weights that are not above zero, lines with too few
    or too many fields) are set aside.

    Args:
        on_rejects: is given the rows set aside; by default one line about them is logged as a warning.
        clock: tells what is in the future (more than a day ahead of it).

    Raises:
        DataError: if the file cannot be read, a column is missing, or no sound row is left.
    """
    table = read_table(path, columns=COLUMNS)
    require(table, ("user", "item"), "Name the columns user,item[,timestamp][,weight]")
    frame, sieve = table.frame, Sieve(len(table.frame), file=table.file, rows=table.rows)
    out: dict[str, pd.Series] = {}
    for name in ("user", "item"):
        _ids(frame, name, sieve, out)
    if "timestamp" in frame:
        _timestamps(frame, sieve, out, clock or SystemClock())
    for name in ("weight", "rating"):
        if name in frame:
            out[name], bad = as_float(frame[name])
            sieve.reject(bad, name, "not a finite number", frame[name])
    if "weight" in out:
        out["weight"] = out["weight"].fillna(1.0)
        tiny = ~(out["weight"].to_numpy().astype(np.float32) > 0) | ~np.isfinite(out["weight"].to_numpy(np.float32))
        sieve.reject(tiny, "weight", "not above zero", frame["weight"])
    good = pd.DataFrame(out)[sieve.alive]
    _report(table, sieve, len(good), on_rejects, "Name the columns user,item[,timestamp][,weight]")
    if "timestamp" in good:
        good["timestamp"] = unix_seconds(good["timestamp"])
    return Interactions.from_frame(good)


def read_users(path: Path | str, *, on_rejects: OnRejects | None = None) -> list[str]:
    """User ids from the column `user`, each once, in the order of the file.

    Raises:
        DataError: if the file cannot be read, the column is missing, or no sound row is left.
    """
    table = read_table(path, columns=("user",))
    require(table, ("user",), "Name the column user")
    sieve = Sieve(len(table.frame), file=table.file, rows=table.rows)
    out: dict[str, pd.Series] = {}
    _ids(table.frame, "user", sieve, out)
    users = out["user"][sieve.alive].drop_duplicates()
    _report(table, sieve, len(users), on_rejects, "Name the column user")
    return [str(user) for user in users]


def _ids(frame: pd.DataFrame, name: str, sieve: Sieve, out: dict[str, pd.Series]) -> None:
    out[name], bad = as_id(frame[name])
    sieve.reject(bad, name, "id too long or with control characters", frame[name])
    sieve.reject(out[name].isna(), name, "missing", frame[name])


def _timestamps(frame: pd.DataFrame, sieve: Sieve, out: dict[str, pd.Series], clock: Clock) -> None:
    raw = frame["timestamp"]
    out["timestamp"], bad = as_time(raw)
    sieve.reject(bad, "timestamp", "neither Unix seconds nor ISO 8601", raw)
    sieve.reject(out["timestamp"].isna(), "timestamp", "missing", raw)
    sieve.reject(is_future(out["timestamp"], clock.now()), "timestamp", "in the future", raw)


def _report(table: Table, sieve: Sieve, n_good: int, on_rejects: OnRejects | None, hint: str) -> None:
    rejects = Rejects.concat([table.rejects, sieve.rejects()])
    n_read = len(table.frame) + len(table.rejects)
    if n_good == 0:
        why = f"; {rejects.first()}" if len(rejects) else ""
        raise DataError(f"{table.file} has no sound row among {n_read}{why}", hint=hint)
    if on_rejects is not None:
        on_rejects(rejects)
    elif len(rejects):
        reasons = ", ".join(f"{reason} ({n:,})" for reason, n in rejects.by_reason().items())
        _log.warning("%s: %d of %d rows set aside: %s", table.file, len(rejects), n_read, reasons)
