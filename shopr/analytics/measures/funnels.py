"""Funnels as people read them: estimates where events are sampled, beside the time before, by several entries.

Where only a sample of behaviour was kept, who is seen to reach a step stands for as many as the most sampled of the
steps up to there. With the steps in order that is unbiased; with "strict" and "any" it is where all steps are sampled
alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.analytics.measures.funnel import Funnel, Order, Step, _mask, funnel
from shopr.analytics.reading.estimates import grouped_ratio, lightest
from shopr.analytics.reading.log import EventLog
from shopr.errors import InputError

__all__ = ["ANY", "COLUMNS", "entrances", "funnel_table", "versus"]

ANY = "(any)"
"""What the row of all entries together is called."""
COLUMNS = [
    "group", "step", "persons", "persons_lo", "persons_hi", "seen", "share", "lo", "hi", "from_previous", "lost",
    "median_seconds",
]  # fmt: skip
_Z = 1.959964


def funnel_table(
    log: EventLog, steps: Sequence[Step], *, window: timedelta = timedelta(days=7), order: Order = "ordered",
    breakdown: str | None = None,
) -> pd.DataFrame:  # fmt: skip
    """How many persons reach each step, in all or by a word of their entry.

    Returns:
        Rows `group step persons persons_lo persons_hi seen share lo hi from_previous lost median_seconds`, one a group
        and step. `persons` is the estimate with its 95 % interval, `seen` how many it rests on; `share` is of the
        entries, with its 95 % interval over persons.

    Raises:
        InputError: as `funnel`.
    """
    found = funnel(log, steps, window=window, order=order, breakdown=breakdown)
    return _table(found, _standing_for(log, steps, order), found.groups)[COLUMNS]


def versus(
    now: EventLog, before: EventLog, steps: Sequence[Step], *, window: timedelta = timedelta(days=7),
    order: Order = "ordered", breakdown: str | None = None,
) -> pd.DataFrame:  # fmt: skip
    """The funnel of a time beside that of the time before.

    Returns:
        As `funnel_table`, and `persons_before share_before change change_lo change_hi`: by how much the share of the
        entries rose (0.01 is one point), with its 95 % interval. Groups that were not there before have none.
    """
    tables = []
    for log in (now, before):
        found = funnel(log, steps, window=window, order=order, breakdown=breakdown)
        tables.append(_table(found, _standing_for(log, steps, order), found.groups))
    table, past = tables
    keys = ["group", "place"]
    past = past[[*keys, "persons", "share", "se"]]
    made = table.merge(past, how="left", on=keys, suffixes=("", "_before"))
    made["change"] = made["share"] - made["share_before"]
    reach = _Z * np.hypot(made["se"], made["se_before"])
    made["change_lo"], made["change_hi"] = made["change"] - reach, made["change"] + reach
    made.loc[made["place"] == 0, ["change", "change_lo", "change_hi"]] = np.nan
    return made[[*COLUMNS, "persons_before", "share_before", "change", "change_lo", "change_hi"]]


def entrances(
    log: EventLog, entries: Sequence[Step], rest: Sequence[Step], *, window: timedelta = timedelta(days=7),
    order: Order = "ordered",
) -> pd.DataFrame:  # fmt: skip
    """One funnel with several ways in: how each does, and all together.

    A person who came in several ways is in the funnel of each, and in that of all together once, with the way that led
    farthest.

    Returns:
        As `funnel_table`; `group` names the entry, or `ANY`, and the first step is called "entry".

    Raises:
        InputError: if there is no entry or none of the rest, or two entries have one name.
    """
    labels = [entry.label for entry in entries]
    if not entries or not rest or len(set(labels)) < len(labels):
        raise InputError(
            f"a funnel of the entries {labels} and {len(rest)} steps", hint="Name each differently; give a step after"
        )
    tables, reached, weights = [], np.zeros(log.n_persons, np.int8), None
    for entry in entries:
        steps = [Step(entry.type, entry.where, "entry"), *rest]
        found = funnel(log, steps, window=window, order=order)
        standing = _standing_for(log, steps, order)
        tables.append(_table(found, standing, None).assign(group=entry.label))
        farther = found.reached > reached
        weights = standing if weights is None else np.where(farther[:, None], standing, weights)
        reached = np.maximum(reached, found.reached)
    together = Funnel(found.steps, reached, found.entered, found.finished, np.full(len(found.steps), np.nan))
    assert weights is not None
    tables.append(_table(together, weights, None).assign(group=ANY))
    return pd.concat(tables, ignore_index=True)[COLUMNS]


def _standing_for(log: EventLog, steps: Sequence[Step], order: Order) -> NDArray[np.float64]:
    """How many persons each stands for at each step, shape (persons, steps)."""
    if not len(log) or log.weights.max() <= 1.0:
        return np.ones((log.n_persons, len(steps)))
    found = np.empty((log.n_persons, len(steps)))
    for at, step in enumerate(steps):
        rows = np.flatnonzero(_mask(log, step))
        found[:, at] = lightest(log.persons[rows], log.weights[rows], log.n_persons)
    if order != "ordered":
        return np.repeat(found.max(axis=1, keepdims=True), len(steps), axis=1)
    weights: NDArray[np.float64] = np.maximum.accumulate(found, axis=1)
    return weights


def _table(found: Funnel, weights: NDArray[np.float64], groups: NDArray[np.object_] | None) -> pd.DataFrame:
    """The table with `place` (of the step) and `se` (of the share) as well."""
    here = np.flatnonzero(found.reached > 0)
    names, group = ([""], np.zeros(len(here), np.int64)) if groups is None else _sorted_codes(groups[here])
    if not len(names):
        names = [""]
    reached, weight, n = found.reached[here], weights[here], len(names)
    rows = []
    for place, step in enumerate(found.steps):
        there = reached > place
        share = grouped_ratio(
            group, here, np.where(there, weight[:, place], 0.0), weight[:, 0], groups=n, share=True
        )  # fmt: skip
        stand = weight[there, place]
        persons, seen = np.bincount(group[there], stand, n), np.bincount(group[there], minlength=n)
        reach = _Z * np.sqrt(np.bincount(group[there], stand * (stand - 1), n))
        rows.append(
            pd.DataFrame(
                {
                    "group": names, "place": place, "step": step, "persons": persons,
                    "persons_lo": np.maximum(persons - reach, seen), "persons_hi": persons + reach,
                    "seen": seen, "share": share["value"], "lo": share["lo"],
                    "hi": share["hi"], "se": share["se"],
                    "median_seconds": found.seconds[place] if groups is None else np.nan,
                }
            )
        )  # fmt: skip
    table = pd.concat(rows, ignore_index=True).sort_values(["group", "place"], kind="stable", ignore_index=True)
    before = table.groupby("group")["persons"].shift(1).fillna(table["persons"])
    with np.errstate(invalid="ignore", divide="ignore"):
        table["from_previous"] = table["persons"] / before
    table["lost"] = before - table["persons"]
    table.loc[(table["place"] == 0) & table["share"].notna(), ["lo", "hi"]] = 1.0  # all who entered did enter
    return table


def _sorted_codes(words: NDArray[np.object_]) -> tuple[list[str], NDArray[np.int64]]:
    names, codes = np.unique(words.astype(str), return_inverse=True)
    return names.tolist(), codes.astype(np.int64)
