"""Small cells: figures about fewer than k persons are not shown, nor any that a total would give away.

A cell of fewer than k persons is hidden (k-anonymity, Sweeney 2002). Where a total of the cells is known, one hidden
cell is the total less the others: so the next smallest is hidden too, until at least two are and together they stand
for k persons or more (complementary suppression, Cox 1980). Of ways from step to step, what comes into a step is the
total of what leaves it.

That is where it ends. Totals are protected within one table: whoever asks for overlapping ones (a segment and all, 30
days and 31) can subtract, which is why the app offers few filters and the store is not public. A share of many tells
how few the others are. A session that nobody signed in to is a person here, and a person may have had several.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.errors import InputError

__all__ = ["K", "few", "hidden_cells", "hidden_ways", "suppressed"]

K = 5
"""Persons that a cell must have to be shown."""


def few(k: int = K) -> str:
    """What stands in place of a hidden figure."""
    return f"fewer than {k}"


def hidden_cells(
    persons: Sequence[float] | NDArray[np.floating], k: int = K, *, besides: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Which cells of one total are not to be shown.

    Args:
        persons: how many persons each cell is about; cells are about different persons.
        besides: cells that are hidden already, for another total's sake.

    Raises:
        InputError: if k is below 1.
    """
    if k < 1:
        raise InputError(f"cells of at least {k} persons", hint="Give 1 or more")
    n = np.asarray(persons, np.float64)
    hide = (n > 0) & (n < k)
    hide |= False if besides is None else besides
    if not hide.any():
        return hide
    # An empty cell hides nobody, so that those with persons are taken first; then any.
    for at in np.lexsort((n, n == 0)):
        if hide.sum() >= 2 and n[hide].sum() >= k:
            break
        hide[at] = True
    return hide


def hidden_ways(links: pd.DataFrame, k: int = K) -> NDArray[np.bool_]:
    """Which ways from one step to the next are not to be shown: none can be told from those that are.

    Args:
        links: `depth source target persons`, as `journeys` has them; a source that is a target before has had as many.
    """
    counts, hide = links["persons"].to_numpy(float), np.zeros(len(links), bool)
    totals = [rows for by in ("source", "target") for rows in links.groupby(["depth", by]).indices.values()]
    while True:
        before = hide.copy()
        for rows in totals:
            hide[rows] = hidden_cells(counts[rows], k, besides=hide[rows])
        if np.array_equal(before, hide):
            return hide


def suppressed(
    table: pd.DataFrame, *, persons: str = "persons", within: str | Sequence[str] | None = None, k: int = K,
    keep: Sequence[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """A table whose figures about few persons are missing.

    Args:
        persons: the column that tells how many persons a row is about.
        within: columns; rows that share their values add up to a known total. None: all rows do.
        keep: columns that name a row, and stay. All others become missing where a row is hidden.

    Returns:
        The table with a column `hidden` at its end.
    """
    keys = [within] if isinstance(within, str) else list(within or [])
    hide = np.zeros(len(table), bool)
    counts = table[persons].to_numpy(float)
    groups = table.groupby(keys, dropna=False).indices.values() if keys else [np.arange(len(table))]
    for rows in groups:
        hide[rows] = hidden_cells(counts[rows], k)
    made = table.copy()
    for name in table.columns:
        if name in keep or name in keys or not hide.any():
            continue
        column = made[name]
        if pd.api.types.is_integer_dtype(column) or pd.api.types.is_bool_dtype(column):
            column = column.astype("float64")
        made[name] = column.mask(hide)
    return made.assign(hidden=hide)
