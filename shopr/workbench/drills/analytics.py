"""The report on analytics, held against the simulator: a shop whose books are known, whole and as a sample.

Reports read the store alone. The books come from the simulated events by pandas, by other means than the analyses use,
so that both can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from shopr.analytics.health.experience import vital_figures
from shopr.analytics.intake.loading import event_table
from shopr.analytics.intake.sampling import Sampling
from shopr.analytics.measures.engagement import read_acts, visits
from shopr.analytics.measures.funnel import Step
from shopr.analytics.measures.funnels import funnel_table
from shopr.analytics.measures.orders import conversion, read_orders, sales
from shopr.analytics.measures.recommended import quality, read_impressions
from shopr.analytics.measures.searches import read_searches, search_success
from shopr.analytics.reading.estimates import Estimate, counted
from shopr.analytics.reading.log import EventLog
from shopr.analytics.reading.source import EventTable, Source
from shopr.analytics.reading.span import Span
from shopr.analytics.store.event_store import EventStore
from shopr.config import Settings
from shopr.data.dataset import Dataset
from shopr.data.events import EventType
from shopr.data.sales import order_keys
from shopr.data.simulator import simulate
from shopr.hashing import uniform
from shopr.workbench.drills.diagnostics import Diagnostics, sample_diagnostics

__all__ = ["STEPS", "Observed", "against_truth", "books", "measured", "observed", "sampled", "vitals_truth"]

STEPS = ("product_viewed", "cart_item_added", "checkout_started", "order_completed")
"""The funnel of the report."""
_LONG = timedelta(days=3_600)


@dataclass(frozen=True)
class Observed:
    """A simulated shop that was watched.

    Attributes:
        data: the shop itself.
        diagnostics: vitals, errors and calls, with their truth.
        table: all events in the store's columns.
        store: holds them.
        span: from the first day to the last.
    """

    data: Dataset
    diagnostics: Diagnostics
    table: Any
    store: EventStore
    span: Span


def observed(settings: Settings, *, preset: str = "small", seed: int = 42) -> Observed:
    """Simulate a shop, draw its diagnostics, and store all of it in the settings' sandbox."""
    data = simulate(preset=preset, seed=seed, images=False)
    drawn = sample_diagnostics(data.events, seed=seed)
    table = pa.concat_tables([event_table(data.events), drawn.table])
    store = EventStore.open(settings)
    store.load([table])
    times = data.events["time"].dt.tz_convert(settings.time_zone)
    span = Span(times.min().date(), times.max().date(), settings.time_zone)
    return Observed(data, drawn, table, store, span)


def sampled(table: Any, rate: float, *, salt: str = "sampling-1") -> EventTable:
    """What sampling would have left of events: facts whole, of all else a share of the persons, with their weights."""
    sampling = Sampling(errors=rate, performance=rate, behaviour=rate, salt=salt)
    kinds = table["type"].to_pandas()
    rates = kinds.map({kind.value: sampling.rate(kind) for kind in EventType}).to_numpy(float)
    names = table.select(["user_id", "session_id", "event_id"]).to_pandas()
    persons = names["user_id"].fillna(names["session_id"]).fillna(names["event_id"])
    codes, known = pd.factorize(persons)
    kept = uniform(known.tolist(), salt)[codes] < rates
    column = pa.array(1 / rates[kept], pa.float64())
    rows = table.filter(pa.array(kept))
    return EventTable(rows.set_column(rows.schema.get_field_index("weight"), "weight", column))


def measured(source: Source, span: Span) -> dict[str, Estimate]:
    """The figures that are held against the books."""
    log = read_acts(source, span)
    found, bought = visits(log), conversion(log)
    funnel = funnel_table(EventLog.read(source, start=span.start, end=span.end, types=STEPS), _steps(), window=_LONG)
    pages, errors, calls = (
        EventLog.read(source, start=span.start, end=span.end, types=[kind])
        for kind in ("page_viewed", "error_raised", "api_called")
    )
    (sold,) = sales(read_orders(source, start=span.start, end=span.end))
    searched = search_success(read_searches(source, start=span.start, end=span.end))
    online = quality(read_impressions(source, start=span.start, end=span.end), ()).iloc[0]
    figures = {
        "shoppers": found.persons,
        "sessions with a page": visits(pages).sessions,
        "shoppers who buy": bought.persons,
        "orders": _plain(sold.orders),
        "revenue": _plain(sold.revenue),
        "average order": sold.order_value,
        "searches clicked": searched.clicked,
        "recommendations clicked": Estimate(
            online["ctr"], online["ctr_lo"], online["ctr_hi"], np.nan, online["persons"]
        ),
        "errors": counted(errors),
        "API calls": counted(calls),
    }
    for row in funnel.itertuples():
        figures[f"funnel: {row.step}"] = Estimate(row.persons, row.persons_lo, row.persons_hi, np.nan, row.seen)
    return figures


def _steps() -> list[Step]:
    return [Step(kind) for kind in STEPS]


def _plain(value: float) -> Estimate:
    return Estimate(float(value), float(value), float(value), 0.0, 0)


def books(shop: Observed) -> dict[str, float]:
    """The same figures from the simulated events themselves, by pandas alone."""
    events, drawn = shop.data.events, shop.diagnostics
    done = events[events["type"] == "order_completed"]
    value, orders = int((done["price"] * done["quantity"]).sum()), order_keys(done).nunique()
    acted = events[~events["type"].isin(["order_returned"])]
    views = events[events["type"] == "page_viewed"]
    shown = events[(events["type"] == "product_shown") & events["source"].isin(["home", "reorder"])]
    clicked = events[events["type"] == "product_clicked"]
    found = {
        "shoppers": float(acted["user_id"].nunique()),
        "sessions with a page": float(views["session_id"].nunique()),
        "shoppers who buy": done["user_id"].nunique() / acted["user_id"].nunique(),
        "orders": float(orders),
        "revenue": float(value),
        "average order": value / orders,
        "searches clicked": _clicked_searches(events),
        "recommendations clicked": float(_impressions(shown).isin(set(_impressions(clicked))).mean()),
        "errors": float(drawn.errors["errors"].sum()),
        "API calls": float(drawn.calls["calls"].sum()),
    }
    at = events.groupby("user_id")["time"].min() - pd.Timedelta(days=1)
    for kind in STEPS:
        rows = events[events["type"] == kind]
        later = rows[rows["time"] >= rows["user_id"].map(at)]
        at = later.groupby("user_id")["time"].min()
        found[f"funnel: {kind.replace('_', ' ')}"] = float(len(at))
    return found


def _impressions(rows: pd.DataFrame) -> pd.Series[str]:
    found: pd.Series[str] = rows["properties"].str.extract(r'"impression_id":"([^"]+)"')[0]
    return found


def _clicked_searches(events: pd.DataFrame) -> float:
    """Share of the searches after which the session clicked a result before it searched again, within half an hour."""
    kinds = ["search_performed", "product_clicked"]
    rows = events[events["type"].isin(kinds) & ((events["type"] != kinds[1]) | (events["source"] == "search"))]
    rows = rows.sort_values("time", kind="stable")
    number = (rows["type"] == kinds[0]).groupby(rows["session_id"]).cumsum()
    rows = rows.assign(number=number)
    begun = rows[rows["type"] == kinds[0]].set_index(["session_id", "number"])["time"]
    clicks = rows[(rows["type"] == kinds[1]) & (rows["number"] > 0)]
    since = (
        clicks["time"].to_numpy() - begun.reindex(pd.MultiIndex.from_frame(clicks[["session_id", "number"]])).to_numpy()
    )
    soon = clicks[since <= np.timedelta64(30, "m")]
    return len(soon.drop_duplicates(["session_id", "number"])) / len(begun)


def against_truth(shop: Observed, rate: float, *, salt: str = "sampling-1") -> pd.DataFrame:
    """Each figure from the whole store and from a sample beside the books.

    Returns:
        Rows `figure truth whole exact sample lo hi inside`; `exact` tells whether the whole store gives the books'
        figure, `inside` whether the sample's 95 % interval holds it.
    """
    truth, whole = books(shop), measured(shop.store, shop.span)
    part = measured(sampled(shop.table, rate, salt=salt), shop.span)
    rows = []
    for name, known in truth.items():
        one, exact = part[name], bool(np.isclose(whole[name].value, known, rtol=1e-9))
        inside = bool(one.lo <= known * (1 + 1e-9) and known * (1 - 1e-9) <= one.hi)
        rows.append((name, known, whole[name].value, exact, one.value, one.lo, one.hi, inside))
    return pd.DataFrame(rows, columns=["figure", "truth", "whole", "exact", "sample", "lo", "hi", "inside"])


def vitals_truth(source: Source, shop: Observed) -> pd.DataFrame:
    """The 75th percentiles beside those of the laws they were drawn from: `name device p75 lo hi law inside`."""
    found = vital_figures(source, by=("device",), start=shop.span.start, end=shop.span.end)
    law = shop.diagnostics.vitals.rename(columns={"p75": "law"})
    made = found.merge(law, on=["name", "device"])[["name", "device", "p75", "lo", "hi", "law", "measured"]]
    return made.assign(inside=(made["lo"] <= made["law"]) & (made["law"] <= made["hi"]))
