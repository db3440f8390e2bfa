"""What follows an order: stars from some shoppers, and goods sent back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shopr.data.simulator.draws import logistic, settle
from shopr.data.simulator.log import Log
from shopr.data.simulator.taste import Taste
from shopr.data.simulator.vocabulary import KINDS

__all__ = ["add_aftermath", "satisfaction"]

_DAY = 86_400
_FITTED = np.array([bool(kind.sizes) for kind in KINDS])
_RATES, _RETURNS = 0.28, -3.1


def satisfaction(taste: Taste, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
    """How a shopper finds a product at home: their own taste by its best persona, its quality, and the price it had."""
    mixture = taste.shoppers.personas[users]
    best = np.full(len(users), -np.inf)
    for persona in range(mixture.shape[1]):
        mine = np.flatnonzero(mixture[:, persona] > 0)
        which = np.full(len(mine), persona)
        best[mine] = np.maximum(best[mine], taste.lasting(users[mine], which, items[mine]))
    expected = 0.7 * taste.products.place[items]
    return settle(0.28 * best + 0.75 * taste.products.quality[items] - expected + taste.shoppers.rater[users])


def add_aftermath(log: Log, taste: Taste, *, until: int) -> None:
    """Ratings and returns of the log's orders, as far as they come before `until` (Unix seconds).

    A rating is the satisfaction with noise, cut at fixed steps. What disappoints, or must fit, comes back more often.
    """
    names = ("session", "user", "item", "quantity", "price", "order", "time")
    order = {name: log.column("order_completed", name) for name in names}
    keys = (order["user"], order["item"], order["order"])
    happy = satisfaction(taste, order["user"], order["item"])
    fits = _FITTED[taste.products.kind[order["item"]]]
    draws = taste.draws
    arrives = order["time"] + 2 * _DAY + np.floor(4 * _DAY * draws.uniform("delivery", *keys)).astype(np.int64)
    back = draws.uniform("return", *keys) < logistic(_RETURNS - 0.9 * (happy - 0.6) + 1.0 * fits)
    sent = arrives + np.floor(12 * _DAY * draws.uniform("return day", *keys)).astype(np.int64) + 3600
    _keep(log, "order_returned", columns=order, chosen=back, times=sent, until=until)
    stars = np.digitize(settle(happy + 0.45 * draws.bell("stars", *keys)), [-1.0, -0.35, 0.35, 1.1]) + 1
    # People write when they are delighted or cross.
    rates = draws.uniform("rates", *keys) < _RATES * np.where((stars == 3) | (stars == 4), 0.8, 1.25)
    rated = arrives + np.floor(14 * _DAY * draws.uniform("rating day", *keys)).astype(np.int64)
    about = {name: order[name] for name in ("session", "user", "item", "order")}
    _keep(log, "feedback_given", columns=about | {"rating": stars}, chosen=rates, times=rated, until=until)


def _keep(
    log: Log, kind: str, *, columns: dict[str, NDArray[np.int64]], chosen: NDArray[np.bool_],
    times: NDArray[np.int64], until: int,
) -> None:  # fmt: skip
    chosen = chosen & (times < until)
    # These come outside any session.
    outside = {name: column[chosen] for name, column in columns.items() if name not in {"time", "session"}}
    log.add(kind, time=times[chosen], **outside)
