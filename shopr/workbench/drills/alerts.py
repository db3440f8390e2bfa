"""A drill for alert rules: simulated weeks of a shop with incidents put on top at known times.

Shoppers come from the simulator; what it has not (calls, vitals, exceptions, threats) is drawn beside their visits and
varies from hour to hour more than by chance, as real traffic does. Thirteen kinds of incidents are laid into the weeks
after the warm-up, in random order, each at a moment with traffic. Only benchmarks, tests and a notebook use this.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from shopr.analytics.alerts.backtest import Incident
from shopr.analytics.reading.source import EventTable
from shopr.analytics.store.rows import microseconds, moment
from shopr.data.simulator import world_of
from shopr.data.simulator.texts import categories
from shopr.errors import InputError
from shopr.randomness import generator
from shopr.workbench.drills.incidents import KINDS

__all__ = ["Drill", "drill"]

_VITALS = {"LCP": (1900.0, 0.35), "INP": (120.0, 0.5), "CLS": (0.05, 0.7)}
_KEPT = ["type", "time", "user_id", "session_id", "product_id", "price", "source", "query", "order_id"]
_MORE = {"name": "", "value": np.nan, "properties": "{}"}


@dataclass(frozen=True)
class Drill:
    """Played weeks.

    Attributes:
        events: to ask for metrics.
        start, end: what is judged; before `start` is the warm-up.
        incidents: what was laid in.
        categories: of product ids.
    """

    events: EventTable
    start: datetime
    end: datetime
    incidents: tuple[Incident, ...]
    categories: dict[str, str]


def drill(
    seed: int, *, weeks: int = 13, warm_up: int = 7, visits_a_day: int = 650, kinds: tuple[str, ...] = tuple(KINDS)
) -> Drill:
    """Play a shop.

    Args:
        weeks: that are judged, after `warm_up` weeks.
        visits_a_day: about how busy the shop is.
        kinds: of incidents; none gives weeks in which every alert is a false one.

    Raises:
        InputError: if they do not fit into the weeks.
    """
    days = 7 * (weeks + warm_up)
    world = world_of(
        "medium", products=400, shoppers=3000, days=days, events=int(visits_a_day * days * 27), seed=seed, horizon=0
    )
    rng = generator(seed, "alert drill")
    frame = world.history()[_KEPT].assign(**_MORE)
    frame["price"] = frame["price"].astype("float64")
    # The flat table's texts are Arrow's: plain objects are changed faster.
    for column in ("type", "session_id", "product_id", "source", "query", "order_id"):
        frame[column] = frame[column].astype(object)
    frame = pd.concat([frame, *_diagnostics(frame, rng)], ignore_index=True)
    first = datetime(2025, 1, 1, tzinfo=UTC)
    start, end = first + timedelta(weeks=warm_up), first + timedelta(days=days - 1)
    frame = frame[(frame["time"] >= first) & (frame["time"] < end)]
    ids = world.item_ids.ids
    known = dict(zip(ids, (str(c).partition(" > ")[0] for c in categories(world.products)), strict=True))
    incidents = []
    for name, begin, finish in _plan(frame, start, end, kinds, rng):
        kind = KINDS[name]
        frame = kind.lay(frame, begin, finish, rng, known)
        incidents.append(Incident(name, begin, finish, kind.rules, kind.may))
    return Drill(EventTable(_table(frame)), start, end, tuple(incidents), known)


def _diagnostics(frame: pd.DataFrame, rng: np.random.Generator) -> list[pd.DataFrame]:
    """Calls, vitals, exceptions and verdicts beside the visits."""
    pages = frame[frame["type"] == "page_viewed"]
    called = frame[frame["type"].isin(["page_viewed", "search_performed", "cart_item_added"])]
    calls = _beside(called, "api_called", rng)
    calls["name"] = "/" + called["type"].str.partition("_")[0].to_numpy(dtype=object)
    calls["value"] = np.exp(rng.normal(np.log(180.0), 0.7, len(calls)))
    failed = rng.random(len(calls)) < 0.003 * _unrest(calls["time"], rng)
    calls["properties"] = np.where(failed, '{"status":500}', '{"status":200}')
    vitals = []
    own = dict(
        zip(pages["session_id"].unique(), np.exp(rng.normal(0, 0.2, pages["session_id"].nunique())), strict=True)
    )
    for name, (middle, spread) in _VITALS.items():
        some = pages[rng.random(len(pages)) < 0.5]
        one = _beside(some, "vital_measured", rng)
        one["name"] = name
        one["value"] = middle * np.exp(rng.normal(0, spread, len(one))) * some["session_id"].map(own).to_numpy()
        vitals.append(one)
    raised = _beside(pages[rng.random(len(pages)) < 0.002 * _unrest(pages["time"], rng)], "error_raised", rng)
    raised["name"] = "ValueError"
    seen = _beside(pages[rng.random(len(pages)) < 0.004 * _unrest(pages["time"], rng)], "threat_detected", rng)
    seen["properties"] = '{"decision":"block"}'
    return [calls, *vitals, raised, seen]


def _beside(rows: pd.DataFrame, kind: str, rng: np.random.Generator) -> pd.DataFrame:
    """Events of another type within a second of some events, by the same people."""
    made = rows[["time", "user_id", "session_id"]].copy()
    made["time"] = made["time"] + pd.to_timedelta(rng.integers(0, 1_000_000, len(made)), unit="us")
    return made.assign(type=kind, **_MORE).reindex(columns=[*_KEPT, *_MORE])


def _unrest(times: pd.Series[Any], rng: np.random.Generator) -> Any:
    """A factor of mean one for each moment that is the same within an hour: rates are not steady."""
    hours = (times.astype("int64") // 3_600_000_000).to_numpy()
    each, codes = np.unique(hours, return_inverse=True)
    return rng.gamma(4.0, 0.25, len(each))[codes]


def _plan(
    frame: pd.DataFrame, start: datetime, end: datetime, kinds: tuple[str, ...], rng: np.random.Generator
) -> list[tuple[str, datetime, datetime]]:
    """When each incident begins and ends: in random order, days apart, each at the moment of some page view."""
    order = [KINDS[kind] for kind in rng.permutation(np.array(kinds, dtype=object))] if kinds else []
    free = (end - start) - sum((kind.lasts for kind in order), timedelta())
    gap = free / (len(order) + 1)
    if order and gap < timedelta(days=1):
        raise InputError(
            f"{len(order)} incidents do not fit into {(end - start).days} days", hint="Play more weeks, or fewer kinds"
        )
    pages = np.sort(frame.loc[frame["type"] == "page_viewed", "time"].astype("int64").to_numpy())
    made, now = [], start
    for kind in order:
        low, high = (microseconds(now + gap * share) for share in (0.75, 1.25))
        begin = moment(int(rng.choice(pages[(pages >= low) & (pages < high)])))
        made.append((kind.name, begin, begin + kind.lasts))
        now = begin + kind.lasts
    return made


def _table(frame: pd.DataFrame) -> pa.Table:
    frame = frame.sort_values("time", kind="stable", ignore_index=True)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    n = len(frame)
    for name in ("device", "page", "release"):
        table = table.append_column(name, pa.nulls(n, pa.string()))
    return table.append_column("weight", pa.array(np.ones(n)))
