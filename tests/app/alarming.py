"""A shop with alerts: calls that fail since a while, an earlier burst that is over, one raised by hand, a silence."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from shopr.analytics.alerts.acting import Acting
from shopr.analytics.alerts.raised import Alerts
from shopr.analytics.alerts.watch import AlertWatch
from shopr.analytics.store.rows import Row, row_of
from shopr.clock import ManualClock, SystemClock
from shopr.config import Settings
from shopr.data.events import Event, EventType
from shopr.shop import Shop

__all__ = ["alarming"]


def alarming(settings: Settings, *, hours: int = 6) -> Shop:
    """Fill the store up to now, and evaluate the shipped rules as they would have been."""
    shop, now = Shop.open(settings), SystemClock().now().replace(second=0, microsecond=0)
    clock, rng = ManualClock(now - timedelta(hours=hours)), np.random.default_rng(7)
    rows: list[Row] = []
    for minute in range(60 * hours):
        ago = hours - minute / 60
        bad = 0.22 if ago < 0.7 else 0.3 if 3 < ago < 3.5 else 0.01
        for call in range(int(rng.poisson(3))):
            properties = {
                "name": "/search", "value": float(rng.lognormal(5.0, 0.5)),
                "status": 503 if rng.random() < bad else 200,
            }  # fmt: skip
            when = clock.now() + timedelta(minutes=minute, seconds=call)
            rows.append(row_of(Event(type=EventType.API_CALLED, time=when, properties=properties)))
    shop.events.append(rows)
    clock.advance(60)
    watch = AlertWatch(settings, clock=clock, store=shop.events)
    watch.look()
    clock.advance(3600 * hours - 60)
    watch.look()
    watch.close()
    alerts = Alerts(shop.database, clock=clock)
    alerts.raise_alert("payment", "the provider answers slowly <b>", severity="warning", source="maria", about="shop")
    Acting(shop.database, clock=clock).silence(
        "error_budget", by="maria", reason="release 4.2 <i>", lasts=timedelta(hours=4)
    )
    return shop
