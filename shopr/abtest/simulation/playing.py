"""An A/B test of algorithms in a simulated shop, as the table that `analyze` reads; and that table from any events.

The shop knows of its shoppers what a real one knows: the events. Nothing here looks at the simulator's truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import numpy as np
import pandas as pd

from shopr.abtest.allocation.assignment import Assignment
from shopr.abtest.design.spec import Experiment
from shopr.abtest.policies.livepolicies import SplitPolicy
from shopr.data.simulator.policy import Policy
from shopr.data.simulator.world import World
from shopr.errors import DataError, InputError
from shopr.randomness import DEFAULT_SEED

__all__ = ["TABLE_COLUMNS", "play_experiment", "play_looks", "unit_table"]

TABLE_COLUMNS = (
    "unit_id", "variant", "exposed_at", "sessions", "clicks", "recommended_clicks", "orders", "converted", "revenue",
    "past_sessions", "past_revenue", "customer",
)  # fmt: skip
"""What `unit_table` makes; all but the first three may be metrics, covariates (past_…) or strata (customer)."""
_SHOWN, _CLICKED, _ORDERED = "product_shown", "product_clicked", "order_completed"
_SOURCE = "recommendation"


def play_experiment(
    world: World, spec: Experiment, policies: Mapping[str, Policy], *, days: int = 28, seed: int = DEFAULT_SEED,
    past_days: int = 90,
) -> pd.DataFrame:  # fmt: skip
    """Play an experiment whose arms are algorithms: all shoppers in one shop, each with one algorithm for good.

    Args:
        world: the shop.
        spec: gives the arms, their weights and the name, which salts the assignment.
        policies: arm -> algorithm.
        days: of the test.
        seed: of the shoppers' luck.
        past_days: days before the test that the covariates count.

    Returns:
        One row an exposed shopper, columns as in `TABLE_COLUMNS`.

    Raises:
        InputError: if an arm has no algorithm, or the days are more than the world's horizon.
    """
    (_, table) = next(play_looks(world, spec, policies, days=days, seed=seed, past_days=past_days))
    return table


def play_looks(
    world: World, spec: Experiment, policies: Mapping[str, Policy], *, days: int = 28, every: int | None = None,
    seed: int = DEFAULT_SEED, past_days: int = 90,
) -> Iterator[tuple[datetime, pd.DataFrame]]:  # fmt: skip
    """The same, as its table stood after every so many days: what a look at that moment could know, and no more.

    Args:
        every: days from one look to the next; the last day is always one. By default it is the only one.

    Yields:
        The moment of the look and the table of everything before it, oldest first.

    Raises:
        InputError: as `play_experiment`, or if `every` is less than 1.
    """
    step = days if every is None else every
    if step < 1:
        raise InputError(f"a look every {step} days", hint="Give 1 or more")
    missing = [arm for arm in spec.arms if arm not in policies]
    if missing:
        raise InputError(f"arm {missing[0]!r} has no algorithm", hint=f"There are: {', '.join(policies) or 'none'}")
    assigned = Assignment.of(spec).assign(list(world.user_ids.ids))
    played = world.play(
        SplitPolicy({arm: policies[arm] for arm in assigned.arms}, assigned.codes), days=days, seed=seed
    )
    arms, past, events = pd.Series(assigned.names(), index=world.user_ids.ids), world.history(), played.events
    begin = events["time"].min().floor("D")
    for day in [*range(step, days, step), days]:
        moment = begin + pd.Timedelta(days=day)
        known = events[events["time"] < moment] if day < days else events
        yield moment.to_pydatetime(), unit_table(known, arms, past=past, past_days=past_days)


def unit_table(
    events: pd.DataFrame, arms: pd.Series, *, past: pd.DataFrame | None = None, past_days: int = 90
) -> pd.DataFrame:
    """One row a unit from a flat event table: who was exposed, when, and what came after.

    A user is exposed when first shown a recommendation; what they did before that moment does not count. Users without
    an arm, and users never exposed, are left out.

    Args:
        events: of the days of the test.
        arms: user id -> arm.
        past: events before the test, for the covariates; none: they are 0.
        past_days: only so many days before the first event of the test count.

    Returns:
        Columns as in `TABLE_COLUMNS`; revenue in minor units; `customer` is "returning" for those who bought in the
        past given, else "new".

    Raises:
        DataError: if orders are in several currencies, or nobody was exposed.
    """
    shown = events[(events["type"] == _SHOWN) & (events["source"] == _SOURCE)]
    exposed = shown.groupby("user_id")["time"].min()
    arm = arms.dropna().reindex(exposed.index).dropna()
    if not len(arm):
        raise DataError("no unit with an arm was shown a recommendation", hint="Give the events of the test's days")
    exposed = exposed.reindex(arm.index)
    kept = events[events["user_id"].isin(arm.index)]
    kept = kept[kept["time"].to_numpy() >= exposed.reindex(kept["user_id"]).to_numpy()]
    found = _totals(kept, arm.index)
    before = pd.DataFrame(0, index=arm.index, columns=["past_sessions", "past_revenue"])
    returning = np.zeros(len(arm), dtype=bool)
    if past is not None:
        start = events["time"].min()
        recent = past[(past["time"] >= start - pd.Timedelta(days=past_days)) & (past["time"] < start)]
        sums = _totals(recent[recent["user_id"].isin(arm.index)], arm.index)
        before = sums[["sessions", "revenue"]].add_prefix("past_")
        bought = past.loc[(past["type"] == _ORDERED) & (past["time"] < start), "user_id"]
        returning = arm.index.isin(bought)
    table = pd.concat([found, before], axis=1)
    table.insert(0, "variant", arm.astype(str))
    table.insert(1, "exposed_at", exposed)
    table["customer"] = np.where(returning, "returning", "new")
    return table.rename_axis("unit_id").reset_index()[list(TABLE_COLUMNS)]


def _totals(events: pd.DataFrame, users: pd.Index[str]) -> pd.DataFrame:
    """What each user did: sessions, clicks, orders, conversion, revenue."""
    ordered = events[events["type"] == _ORDERED]
    currencies = sorted(ordered["currency"].dropna().unique())
    if len(currencies) > 1:
        raise DataError(f"orders are in {', '.join(currencies)}", hint="Convert prices to one currency first")
    clicked = events[events["type"] == _CLICKED]
    revenue = (ordered["price"].astype("float64") * ordered["quantity"].astype("float64")).groupby(ordered["user_id"])
    columns = {
        "sessions": events.groupby("user_id")["session_id"].nunique(),
        "clicks": clicked.groupby("user_id").size(),
        "recommended_clicks": clicked[clicked["source"] == _SOURCE].groupby("user_id").size(),
        "orders": ordered.groupby("user_id")["order_id"].nunique(),
        "revenue": revenue.sum(),
    }
    table = pd.DataFrame({name: column.reindex(users) for name, column in columns.items()}, index=users)
    table = table.fillna(0).astype("int64")
    table["converted"] = (table["orders"] > 0).astype("int64")
    return table
