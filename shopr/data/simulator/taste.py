"""What makes a shopper like a product: the hidden law of the simulated shop. No recommender's formula, on purpose.

The appeal of a product in a session is a sum of bends, thresholds and interplays: liking of kinds saturates, style
counts by the better of two looks, colour and pattern multiply, prices hurt convexly above the shopper's own budget,
and needs, seasons, weather, fashion, the crowd and plain private whim shift all of it from day to day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopr.data.simulator.calendar import COUNTRIES, Calendar
from shopr.data.simulator.catalogue import KIND_DEPARTMENT, KIND_LASTS, KIND_SEASON, Products
from shopr.data.simulator.draws import Draws, settle
from shopr.data.simulator.shoppers import Personas, Shoppers
from shopr.data.simulator.vocabulary import DEPARTMENTS, KINDS

__all__ = ["NEVER", "Memory", "Moment", "Taste", "companion_table"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

NEVER = -100_000
"""Day of the last purchase of a kind that was never bought."""
COMPANION = 1.0
COMPANION_DAYS = 21
_KIND = {kind.key: code for code, kind in enumerate(KINDS)}
_SOUTH = np.array([c.south for c in COUNTRIES]).astype(np.int64)
_EVENING = np.isin(np.arange(len(DEPARTMENTS)), [DEPARTMENTS.index(d) for d in ("Electronics", "Women", "Food")])
_RAINY = np.isin(np.arange(len(KINDS)), [_KIND[k] for k in ("umbrella", "boots", "tea", "puzzle", "blanket")])
_WARM = np.isin(np.arange(len(KINDS)), [_KIND[k] for k in ("sandals", "hat", "bottle", "chair", "dress", "tent")])
_COLD = np.isin(np.arange(len(KINDS)), [_KIND[k] for k in ("scarf", "jumper", "cardigan", "boots", "blanket", "tea")])


def companion_table() -> NDArray[np.bool_]:
    """Shape (kinds, kinds): whether the column is bought along with the row."""
    table = np.zeros((len(KINDS), len(KINDS)), bool)
    for code, kind in enumerate(KINDS):
        for other in kind.companions:
            table[code, _KIND[other]] = True
    return table


@dataclass
class Memory:
    """What shoppers and shop remember from day to day.

    Attributes:
        last_day, last_item: shape (shoppers, kinds), day and product of the last purchase; `NEVER` and -1 before it.
        weariness: shape (shoppers, kinds), rises where a kind is shown and not clicked, and fades.
        mood: shape (shoppers,), 0 to 1, how well the last visits went; unhappy shoppers come less often.
        buzz: shape (items,), fading count of views and orders: what the crowd does.
        stock: shape (items,), pieces in the shop.
    """

    last_day: NDArray[np.int32]
    last_item: NDArray[np.int32]
    weariness: NDArray[np.float32]
    mood: Floats
    buzz: Floats
    stock: Codes

    @classmethod
    def fresh(cls, shoppers: int, products: Products) -> Memory:
        """Before the first day."""
        shape = (shoppers, len(KINDS))
        return cls(
            np.full(shape, NEVER, np.int32),
            np.full(shape, -1, np.int32),
            np.zeros(shape, np.float32),
            np.full(shoppers, 0.5),
            np.zeros(len(products)),
            products.target_stock.copy(),
        )

    def copy(self) -> Memory:
        """An independent copy."""
        return Memory(*(getattr(self, name).copy() for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Moment:
    """The sessions of one `day`: shape (sessions,) each; `hour` is local, `bought` (sessions, kinds) the cart."""

    day: int
    users: Codes
    persona: Codes
    hour: Codes
    weekend: bool
    bought: NDArray[np.bool_]


class Taste:
    """The law of appeal over the shop's people, products and days."""

    def __init__(
        self, shoppers: Shoppers, personas: Personas, products: Products, calendar: Calendar, draws: Draws
    ) -> None:
        self.shoppers, self.personas, self.products = shoppers, personas, products
        self.calendar, self.draws = calendar, draws
        self.companions = companion_table().astype(np.float64)

    def lasting(self, users: Codes, persona: Codes, items: Codes) -> Floats:
        """What does not change from day to day, price apart: kind, style, colour, pattern, brand, whim."""
        p, mix, who = self.products, self.personas, self.shoppers
        kind = p.kind[items]
        liking = 1.8 * np.tanh((mix.kind[persona, kind] + who.kind_tilt[users, kind]) / 1.8)
        style = np.maximum(mix.style[persona, p.style[items]], 0.7 * mix.style[persona, p.second_style[items]])
        colour, pattern = mix.colour[persona, p.colour[items]], mix.pattern[persona, p.pattern[items]]
        look = colour + pattern + 0.5 * colour * pattern
        whim = 0.45 * self.draws.bell("whim", users, items)
        return liking + 1.0 * style + look + who.loyalty[users, p.brand[items]] + p.appeal[items] + whim

    def price(self, users: Codes, items: Codes, prices: NDArray[np.integer]) -> Floats:
        """What a price does: convex above the budget, mild distrust far below it, and joy over a reduction."""
        over = self.products.place_of(prices, items) - self.shoppers.budget[users]
        thrift = self.shoppers.thrift[users]
        hurt = thrift * (1.6 * np.maximum(over, 0.0) + 3.0 * np.maximum(over, 0.0) ** 2 + 0.5 * over)
        distrust = 1.6 * np.maximum(-over - 0.4, 0.0)
        reduction = 1.0 - prices / self.products.base_price[items]
        return 0.25 - hurt - distrust + 1.3 * thrift * np.maximum(reduction - 0.05, 0.0)

    def needs(self, moment: Moment, memory: Memory) -> Floats:
        """Shape (sessions, kinds): needs met and waking, companions of purchases, season, weather, hour, weariness."""
        since = moment.day - memory.last_day[moment.users]
        lasts = KIND_LASTS[None, :]
        used_up = since / np.maximum(lasts, 1)
        again = np.where(since > 9_999, 0.0, np.where(used_up < 0.7, -2.5, np.where(used_up < 2.5, 1.0, 0.2)))
        met = -2.4 * np.exp(-np.minimum(since, 9_999) / 150.0)
        need = np.where(lasts > 0, again, met)
        recent = (since <= COMPANION_DAYS) | moment.bought
        along = COMPANION * np.minimum(recent.astype(np.float64) @ self.companions, 2.0)
        in_cart = np.where(moment.bought & (lasts == 0), -4.0, 0.0)
        weary = -1.2 * np.tanh(memory.weariness[moment.users] / 6.0)
        total: Floats = need + along + in_cart + weary + self._season(moment) + self._hour(moment)
        return total

    def _season(self, moment: Moment) -> Floats:
        country = self.shoppers.country[moment.users]
        on = self.calendar.season[moment.day][_SOUTH[country]][:, KIND_SEASON]
        celsius = self.calendar.temperature[moment.day, country][:, None] / 10.0
        rain = self.calendar.rain[moment.day, country][:, None]
        warm = 0.09 * np.clip(celsius - 16.0, -8.0, 10.0) * _WARM
        cold = 0.09 * np.clip(8.0 - celsius, -8.0, 10.0) * _COLD
        seasonal = (KIND_SEASON > 0) * (1.5 * on - 0.55)
        return np.asarray(seasonal + warm + cold + 0.8 * rain * _RAINY)

    def _hour(self, moment: Moment) -> Floats:
        evening = ((moment.hour >= 19) | (moment.hour < 5))[:, None]
        return np.asarray(
            0.35 * evening * _EVENING[KIND_DEPARTMENT] + 0.25 * moment.weekend * ~_EVENING[KIND_DEPARTMENT]
        )

    def passing(self, moment: Moment, rows: Codes, items: Codes, memory: Memory, luck: Draws) -> Floats:
        """What passes: fashion, the crowd, novelty, the very thing bought before, and a whim of the day from `luck`."""
        persona, users = moment.persona[rows], moment.users[rows]
        p, today = self.products, moment.day
        trend = self.calendar.style_trend[today, p.style[items]] + self.calendar.colour_trend[today, p.colour[items]]
        crowd = 0.3 * np.log1p(memory.buzz[items])
        age = today - p.launch[items]
        novel = self.personas.novelty[persona] * ((age >= 0) & (age < 30))
        known = (memory.last_item[users, p.kind[items]] == items) & (KIND_LASTS[p.kind[items]] > 0)
        daily = 0.5 * luck.bell("whim of the day", users, items, today)
        return settle(self.personas.fashion[persona] * trend + crowd + novel + 0.9 * known + daily)
