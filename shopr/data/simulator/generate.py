"""The simulated shop as a dataset like any other: catalogue, events, texts, price history and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.data.simulator.calendar import draw_calendar
from shopr.data.simulator.draws import Draws
from shopr.data.simulator.pictures import draw_pictures, picture_names
from shopr.data.simulator.shoppers import draw_personas, draw_shoppers
from shopr.data.simulator.texts import attributes, categories, title_table
from shopr.data.simulator.vocabulary import BRANDS, COLOURS
from shopr.data.simulator.world import Progress, World
from shopr.errors import InputError, UnknownNameError

__all__ = ["PRESETS", "SIMULATOR_VERSION", "Preset", "simulate", "world_dataset", "world_of"]

SIMULATOR_VERSION = 1
"""Rises when the same seed no longer gives the same shop."""
_EVENTS_PER_VISIT = 34.0
_MOST_VISITS = 20.0


@dataclass(frozen=True, slots=True)
class Preset:
    """Sizes of a shop; `visits` scales how often its shoppers come."""

    products: int
    shoppers: int
    days: int
    visits: float = 1.0


PRESETS = {
    "tiny": Preset(200, 150, 120, visits=2.0),
    "small": Preset(1_000, 1_500, 240, visits=1.5),
    "medium": Preset(1_000, 4_000, 365, visits=1.12),
    "demo": Preset(4_000, 6_000, 365),
    "large": Preset(20_000, 60_000, 365),
}


def world_of(
    preset: str = "demo", *, products: int | None = None, shoppers: int | None = None, days: int | None = None,
    events: int | None = None, seed: int = 42, horizon: int = 90,
) -> World:  # fmt: skip
    """The world behind a preset, with sizes that replace the preset's.

    Args:
        events: about how many events its history should have; scales how often shoppers come.
        horizon: days beyond the history that can be played.

    Raises:
        UnknownNameError: if there is no such preset.
        InputError: if a size is out of bounds, or so many shoppers cannot make so many or so few events.
    """
    if preset not in PRESETS:
        raise UnknownNameError("preset", preset, PRESETS)
    base = PRESETS[preset]
    products = base.products if products is None else products
    shoppers = base.shoppers if shoppers is None else shoppers
    days = base.days if days is None else days
    visits = base.visits if events is None else _visits_for(events, shoppers, days, seed)
    return World(seed, products=products, shoppers=shoppers, days=days, horizon=horizon, visits=visits)


def _visits_for(events: int, shoppers: int, days: int, seed: int) -> float:
    draws = Draws(seed)
    people = draw_shoppers(min(max(shoppers, 1), 20_000), draw_personas(draws), draws, days=days)
    here = np.maximum(np.minimum(people.left, days - 1) - people.joined + 1, 0)
    usual = float((here * people.visits).mean()) * shoppers * float(draw_calendar(days, draws).traffic.mean())
    scale = events / max(usual * _EVENTS_PER_VISIT, 1e-9)
    if not 0.02 <= scale <= _MOST_VISITS:
        low, high = (int(usual * _EVENTS_PER_VISIT * bound) for bound in (0.02, _MOST_VISITS))
        raise InputError(
            f"{events:,} events from {shoppers:,} shoppers in {days} days",
            hint=f"Ask for {low:,} to {high:,} events, or change the number of shoppers or days",
        )
    return scale


def simulate(
    products: int | None = None, shoppers: int | None = None, days: int | None = None, *, events: int | None = None,
    seed: int = 42, images: bool = True, on_progress: Progress | None = None, preset: str = "demo",
    name: str = "demo",
) -> Dataset:  # fmt: skip
    """A shop with known truth as a dataset. Same seed and sizes, same fingerprint.

    Args:
        products, shoppers, days: sizes; the preset's where None.
        events: about how many events; by default what the shoppers' habits give.
        images: whether to draw product pictures.
        on_progress: called with (step, done, total) as the work goes on.
        preset: a name of PRESETS.
        name: the shop's name.

    Raises:
        UnknownNameError: if there is no such preset.
        InputError: if a size is out of bounds.
    """
    world = world_of(preset, products=products, shoppers=shoppers, days=days, events=events, seed=seed)
    return world_dataset(world, name=name, images=images, on_progress=on_progress)


def world_dataset(
    world: World, *, name: str = "demo", images: bool = True, on_progress: Progress | None = None
) -> Dataset:
    """What the shop itself knows of a world: its history as a dataset; the truth stays with the world."""
    events = world.history(on_progress)
    texts = title_table(world.products, world.item_ids.ids)
    pictures = draw_pictures(world.products, on_progress) if images else None
    catalog = Catalog.from_frame(_catalog_frame(world, texts, images))
    return Dataset.build(
        name,
        "simulator",
        catalog,
        events,
        texts=texts,
        prices=_price_table(world),
        images=pictures,
        licence="Apache-2.0",
        details={
            "seed": world.seed,
            "products": len(world.products),
            "shoppers": len(world.shoppers),
            "days": world.days,
            "simulator_version": SIMULATOR_VERSION,
        },
    )


def _catalog_frame(world: World, texts: pd.DataFrame, images: bool) -> pd.DataFrame:
    products, n = world.products, len(world.products)
    english = texts.iloc[:n]
    columns = {
        "product_id": english["product_id"],
        "title": english["title"],
        "description": english["description"],
        "category": categories(products),
        "brand": np.array([b.name for b in BRANDS], dtype=object)[products.brand],
        "price": world.prices[world.days - 1].astype(np.int64),
        "currency": "GBP",
        "colour": np.array(COLOURS, dtype=object)[products.colour],
        "attributes": attributes(products),
        "stock": world.stock,
        "image": [f"images/{file}" for file in picture_names(products)] if images else "",
        "language": "en",
    }
    return pd.DataFrame(columns)


def _price_table(world: World) -> pd.DataFrame:
    """`product_id, date, price`: the first price of each product and every change, from its launch on."""
    prices: NDArray[np.int32] = world.prices[: world.days]
    start = np.maximum(world.products.launch, 0)
    days_of, _ = np.indices(prices.shape)
    changed = np.ones(prices.shape, bool)
    changed[1:] = prices[1:] != prices[:-1]
    kept = (days_of == start) | (changed & (days_of > start))
    item, day = (np.asarray(codes) for codes in np.nonzero(kept.T))
    midnight = datetime.combine(world.calendar.first, time(), tzinfo=UTC)
    dates = pd.Timestamp(midnight) + pd.to_timedelta(day, unit="D")
    return pd.DataFrame(
        {
            "product_id": pd.Series(world.item_ids.decode(item), dtype="str"),
            "date": pd.Series(dates).astype("datetime64[us, UTC]"),
            "price": pd.array(prices[day, item].astype(np.int64), dtype="Int64"),
        }
    )
