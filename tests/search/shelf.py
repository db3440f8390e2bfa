"""A small shop whose right answers are known."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from shopr.data.catalog import Catalog

ROWS: list[dict[str, Any]] = [
    {
        "product_id": "l1",
        "title": 'Acme A100 notebook 39.6 cm (15.6") 8 GB Black',
        "brand": "Acme",
        "price": 59900,
        "colour": "Black",
    },
    {
        "product_id": "l2",
        "title": 'Borg B200 notebook 35.6 cm (14") 16 GB Silver',
        "brand": "Borg",
        "price": 89900,
        "colour": "Silver",
    },
    {
        "product_id": "l3",
        "title": 'Cira C300 notebook 33.8 cm (13.3") 4 GB White',
        "brand": "Cira",
        "price": 39900,
        "colour": "White",
    },
    {
        "product_id": "b1",
        "title": 'Acme Carry notebook case 39.6 cm (15.6") Black',
        "brand": "Acme",
        "price": 2900,
        "colour": "Black,Grey",
    },
    {
        "product_id": "b2",
        "title": 'Borg Messenger notebook case 35.6 cm (14") Leather',
        "brand": "Borg",
        "price": 4900,
        "colour": "Brown",
        "attributes": {"material": "Leather"},
    },
    {
        "product_id": "b3",
        "title": 'Cira Sleeve notebook case 33.8 cm (13.3") Blue',
        "brand": "Cira",
        "price": 1900,
        "colour": "Blue",
    },
    {
        "product_id": "m1",
        "title": "Acme M1 mouse RF Wireless Optical Black",
        "brand": "Acme",
        "price": 1500,
        "colour": "Black",
        "stock": 0,
    },
    {
        "product_id": "m2",
        "title": "Borg M2 mouse USB Laser White",
        "brand": "Borg",
        "price": 2500,
        "colour": "White",
        "stock": 3,
    },
    {"product_id": "m3", "title": "Cira M3 mouse Bluetooth Grey", "brand": "Cira", "price": None, "colour": "Grey"},
    {"product_id": "t1", "title": "Brava TN-2110 toner cartridge Original Black", "brand": "Brava", "price": 5900},
    {"product_id": "t2", "title": "Brava TN-2120 toner cartridge Original Black", "brand": "Brava", "price": 6900},
    {"product_id": "t3", "title": "Acme Q7553A toner cartridge Original Black", "brand": "Acme", "price": 7900},
    {"product_id": "h1", "title": "Acme Tone headset Stereo Black", "brand": "Acme", "price": 3900, "colour": "Black"},
    {"product_id": "h2", "title": "Borg Sound headset Mono White", "brand": "Borg", "price": 2900, "colour": "White"},
    {"product_id": "h3", "title": "Cira Voice headset Stereo Red", "brand": "Cira", "price": 4900, "colour": "Red"},
    {"product_id": "k1", "title": "Acme Type keyboard USB QWERTY", "brand": "Acme", "price": 1900, "colour": "Black"},
    {
        "product_id": "k2",
        "title": "Borg Keys keyboard Bluetooth QWERTZ",
        "brand": "Borg",
        "price": 3900,
        "colour": "White",
    },
    {"product_id": "c1", "title": "Cira USB cable 3 m", "brand": "Cira", "price": 500},
]


def catalog(rows: list[dict[str, Any]] | None = None) -> Catalog:
    """The shop, or some other rows, as a catalogue."""
    frame = pd.DataFrame(ROWS if rows is None else rows)
    frame["currency"] = "EUR"
    if "attributes" in frame:
        frame["attributes"] = [json.dumps(a) if isinstance(a, dict) else "{}" for a in frame["attributes"]]
    for name in ("price", "stock"):
        if name in frame:
            frame[name] = frame[name].astype("Int64")
    return Catalog.from_frame(frame)
