"""Chorus: electronics products from Open Icecat, as prepared by o19s/chorus. A catalogue without purchases.

The source's product type is one attribute among others (often a bare word such as "Original"), not a category, and
stays an attribute. Pictures are addresses on another host; they are not fetched, and nothing here points there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from shopr.clock import Clock
from shopr.data.catalog import Catalog, validate_catalog
from shopr.data.dataset import Dataset
from shopr.data.events import empty_events
from shopr.data.rejects import Rejects
from shopr.data.schema import as_text
from shopr.data.sources.files import read_table, require
from shopr.errors import DataError
from shopr.money import exponent

__all__ = ["load"]

LICENCE = "repository Apache-2.0 (o19s/chorus); data Open Icecat"
_NEEDED = ("id", "title", "short_description", "supplier", "price_cents", "colour")
_PACKED = ("attrs_text", "attrs_num", "attrs_bool")
_EXTRA = ("product_type", "material", "ean", "date_released")


def load(path: Path, *, name: str = "chorus", clock: Clock | None = None, currency: str = "USD") -> Dataset:
    """Read the products.

    Args:
        clock: not needed; accepted as by every importer.
        currency: of `price_cents`, which the file does not name.

    Raises:
        DataError: if the file cannot be read, a column is missing, or no sound product is left.
    """
    exponent(currency)
    table = read_table(path)
    require(table, _NEEDED, "This importer reads the Chorus product table")
    frame = table.frame
    products = pd.DataFrame(
        {
            "product_id": frame["id"],
            "title": frame["title"],
            "description": frame["short_description"],
            "brand": frame["supplier"],
            "price": frame["price_cents"],
            "currency": currency,
            "colour": frame["colour"],
            "attributes": _attributes(frame),
            "language": "en",
        }
    )
    judged = validate_catalog(products, file=table.file, rows=table.rows)
    rejects = Rejects.concat([table.rejects, judged.rejects])
    if not len(judged.good):
        raise DataError(f"{table.file} has no sound product; {rejects.first()}", hint="Check the file")
    return Dataset.build(
        name, "chorus", Catalog(judged.good), empty_events(), rejects=rejects, origin=table.file, licence=LICENCE
    )


def _attributes(frame: pd.DataFrame) -> list[str]:
    """One flat object a product; text that is no JSON object is passed on for the check to reject."""
    extra = {name: as_text(frame[name]).fillna("").tolist() for name in _EXTRA if name in frame}
    packed = [frame[name].tolist() for name in _PACKED if name in frame]
    merged = []
    for i in range(len(frame)):
        values: dict[str, Any] = {name: texts[i] for name, texts in extra.items() if texts[i]}
        broken = ""
        for texts in packed:
            try:
                values |= json.loads(texts[i]) if texts[i] else {}
            except (TypeError, ValueError):
                broken = str(texts[i])
        merged.append(broken or json.dumps(values, ensure_ascii=False))
    return merged
