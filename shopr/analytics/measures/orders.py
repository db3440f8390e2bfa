"""Business: orders, revenue, average order value, returns and conversion, by currency and day of the shop.

Amounts are integer minor units and are never added across currencies. Orders are facts, so that sampling touches none
of them; what visitors are compared with may be sampled, and is weighed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from shopr.analytics.reading.acts import with_persons
from shopr.analytics.reading.estimates import Estimate, grouped_ratio, lightest, ratio
from shopr.analytics.reading.log import EventLog
from shopr.analytics.reading.source import Source
from shopr.analytics.reading.span import Span, Step
from shopr.data.events import EventType

__all__ = ["Conversion", "Sales", "conversion", "read_orders", "sales", "sales_course"]

_ORDERS = """
SELECT type, coalesce(currency, '') AS currency, person,
    coalesce(order_id, person || '@' || epoch_us(time)::VARCHAR, event_id) AS order_id,
    min(epoch_us(time)) AS time, sum(coalesce(quantity, 1))::BIGINT AS pieces,
    sum(coalesce(price, 0) * coalesce(quantity, 1))::BIGINT AS value, max(weight) AS weight
FROM acts WHERE type IN ('order_completed', 'order_returned')
GROUP BY ALL ORDER BY time, order_id
"""


def read_orders(source: Source, *, start: str | datetime | None = None, end: str | datetime | None = None) -> Any:
    """Completed and returned orders, one row an order and currency, in order of time.

    Returns:
        `type currency person order_id time pieces value weight`; `time` in microseconds, `value` in minor units, `type`
        tells completed from returned ones. Lines without a price count 0.

    Raises:
        StorageError: if the store cannot be read.
    """
    with source.query(start=start, end=end) as events:
        with_persons(events)
        return events.sql(_ORDERS).df()


@dataclass(frozen=True)
class Sales:
    """What was sold in one currency.

    Attributes:
        currency: ISO 4217; "" where events name none.
        orders, buyers, pieces: how many.
        revenue, returned: in minor units, returns not taken off the first.
        order_value: minor units an order in the mean, with its interval over buyers.
        pieces_an_order: with its interval over buyers.
    """

    currency: str
    orders: int
    buyers: int
    pieces: int
    revenue: int
    returned: int
    order_value: Estimate
    pieces_an_order: Estimate


def sales(orders: pd.DataFrame) -> list[Sales]:
    """The sales of a table of orders, by currency, the one with most orders first."""
    found = [_sales(str(currency), rows) for currency, rows in orders.groupby("currency", sort=True)]
    return sorted(found, key=lambda one: (-one.orders, one.currency))


def _sales(currency: str, rows: pd.DataFrame) -> Sales:
    done, back = (rows[rows["type"] == kind] for kind in ("order_completed", "order_returned"))
    person, buyers = pd.factorize(done["person"], use_na_sentinel=False)
    weight = done["weight"].to_numpy(float)
    each = np.bincount(person, weight, len(buyers))
    value, pieces = (done[name].to_numpy(float) * weight for name in ("value", "pieces"))
    return Sales(
        currency, round(float(weight.sum())), len(buyers), round(float(pieces.sum())), round(float(value.sum())),
        round(float((back["value"] * back["weight"]).sum())),
        ratio(np.bincount(person, value, len(buyers)), each), ratio(np.bincount(person, pieces, len(buyers)), each),
    )  # fmt: skip


def sales_course(orders: pd.DataFrame, span: Span, step: Step | None = None) -> pd.DataFrame:
    """The sales of each step of a span, by currency, also of steps without any.

    Returns:
        Rows `currency start orders buyers pieces revenue returned order_value lo hi`; `start` is the first day of the
        step, the last three are the average order value with its interval over buyers.
    """
    starts, step_of = span.steps(step or span.step)
    day = span.day_of(orders["time"].to_numpy(np.int64))
    rows = orders[(day >= 0) & (day < len(span))]
    at = step_of[day[(day >= 0) & (day < len(span))]]
    tables = []
    for currency in sorted(rows["currency"].unique()):
        mine = (rows["currency"] == currency).to_numpy()
        table = _course(rows[mine], at[mine], len(starts))
        table.insert(0, "start", pd.to_datetime(starts))
        tables.append(table.assign(currency=currency))
    if not tables:
        columns = ["start", "orders", "buyers", "pieces", "revenue", "returned", "order_value", "lo", "hi", "currency"]
        return pd.DataFrame(columns=columns)
    return pd.concat(tables, ignore_index=True)


def _course(rows: pd.DataFrame, at: Any, n: int) -> pd.DataFrame:
    done = (rows["type"] == "order_completed").to_numpy()
    weight, person = rows["weight"].to_numpy(float), pd.factorize(rows["person"], use_na_sentinel=False)[0]

    def summed(values: Any, which: Any) -> Any:
        return np.rint(np.bincount(at[which], (values * weight)[which], n)).astype(np.int64)

    value, pieces = rows["value"].to_numpy(float), rows["pieces"].to_numpy(float)
    means = grouped_ratio(at[done], person[done], (value * weight)[done], weight[done], groups=n)
    return pd.DataFrame(
        {
            "orders": summed(np.ones(len(rows)), done),
            "buyers": pd.DataFrame({"at": at[done], "person": person[done]}).drop_duplicates()["at"]
            .value_counts().reindex(range(n), fill_value=0).to_numpy(),
            "pieces": summed(pieces, done),
            "revenue": summed(value, done),
            "returned": summed(value, ~done),
            "order_value": means["value"], "lo": means["lo"], "hi": means["hi"],
        }
    )  # fmt: skip


@dataclass(frozen=True)
class Conversion:
    """How many of those who came bought.

    Attributes:
        persons: share of the persons who ordered.
        sessions: share of the sessions in which somebody ordered.
        cart: share of the persons with something in the cart who ordered.
    """

    persons: Estimate
    sessions: Estimate
    cart: Estimate


def conversion(log: EventLog) -> Conversion:
    """The conversion of a log of acts, of all its persons and sessions."""
    bought = log.types.codes == log.types.code(EventType.ORDER_COMPLETED.value)
    carted = log.types.codes == log.types.code(EventType.CART_ITEM_ADDED.value)
    there = lightest(log.persons, log.weights, log.n_persons)
    buyers, carts, both = (np.zeros(log.n_persons) for _ in range(3))
    buyers[log.persons[bought]] = 1.0
    carts[log.persons[carted]] = 1.0
    both = buyers * carts
    here = there > 0
    # Who bought is known of everyone; who merely came, of those who were sampled: each stands for as many as `there`.
    named = log.sessions.codes >= 0
    n = len(log.sessions.names)
    weight = lightest(log.sessions.codes[named], log.weights[named], n)
    ordered = np.zeros(n)
    ordered[log.sessions.codes[named & bought]] = 1.0
    whose = np.zeros(n, np.int64)
    whose[log.sessions.codes[named]] = log.persons[named]
    in_sessions = ratio(
        np.bincount(whose, weight * ordered, max(log.n_persons, 1)),
        np.bincount(whose, weight, max(log.n_persons, 1)),
        share=True,
    )
    return Conversion(
        persons=ratio((there * buyers)[here], there[here], share=True),
        sessions=in_sessions,
        cart=ratio((there * both)[here], (there * carts)[here], share=True),
    )
