"""A shop of sixty products, drawn by hand in a second: every kind of card and every kind of shopper is in it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset

KINDS = {
    "Kitchen > Mugs": ("mug", "#b9d8d2", "#2f6f66"),
    "Home > Lamps": ("lamp", "#f1dcb8", "#a8651c"),
    "Clothing > Scarves": ("scarf", "#e3c8d4", "#8a3f63"),
    "Garden > Pots": ("pot", "#cfd8b6", "#5d6d1f"),
}
COLOURS = ("Red", "Blue", "Green", "Sand", "Black")
BRANDS = ("Alder & Co", "Nordlys", "Pico")
PRODUCTS = 60
SHOPPERS = 40
AWKWARD = '<b onmouseover="alert(1)">Mug & "Saucer"</b>'
"""A title that must be shown as it is written."""


def picture(light: str, dark: str, shape: int) -> bytes:
    """A small drawn product picture."""
    image = Image.new("RGB", (160, 160), light)
    draw = ImageDraw.Draw(image)
    box = (44, 40, 116, 124)
    (draw.ellipse, draw.rectangle, draw.rounded_rectangle)[shape % 3](box, fill=dark)
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def sample_dataset(name: str = "demo", *, shoppers: int = SHOPPERS, lines: int = 900) -> Dataset:
    """The shop: p000 is sold out, p001 is nearly so, p002 has an awkward title, every seventh has no picture."""
    rng = np.random.default_rng(7)
    kinds = list(KINDS)
    rows, images = [], {}
    for i in range(PRODUCTS):
        kind = kinds[i % len(kinds)]
        noun, light, dark = KINDS[kind]
        file = f"p{i:03}.png" if i % 7 else ""
        if file:
            images[file] = picture(light, dark, i // 4)
        rows.append(
            {
                "product_id": f"p{i:03}",
                "title": AWKWARD if i == 2 else f"{COLOURS[i % 5]} {noun} no. {i}",
                "category": kind,
                "brand": BRANDS[i % 3],
                "price": 495 + 250 * i,
                "currency": "GBP",
                "stock": (0, 2)[i] if i < 2 else 40,
                "image": f"images/{file}" if file else "",
                "language": "en",
            }
        )
    return Dataset.build(
        name, "simulator", Catalog.from_frame(pd.DataFrame(rows)), _orders(rng, shoppers, lines), images=images
    )


def _orders(rng: np.random.Generator, shoppers: int, n: int) -> pd.DataFrame:
    users = rng.integers(0, shoppers, n)
    # Shoppers keep to one kind of product, so that there is something to learn; p000 … p003 sell best.
    items = np.where(rng.random(n) < 0.2, rng.integers(0, 4, n), 4 * rng.integers(0, PRODUCTS // 4, n) + users % 4)
    times = pd.Timestamp("2025-01-06", tz="UTC") + pd.to_timedelta(np.sort(rng.integers(0, 300 * 86_400, n)), unit="s")
    return pd.DataFrame(
        {
            "event_id": [f"e{i}" for i in range(n)],
            "type": "order_completed",
            "time": times,
            "user_id": [f"u{u:03}" for u in users],
            "product_id": [f"p{i:03}" for i in items],
            "quantity": 1,
            "price": 495 + 250 * items,
            "currency": "GBP",
            "order_id": [f"o{i // 2}" for i in range(n)],
        }
    )
