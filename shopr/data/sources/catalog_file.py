"""A catalogue from one file: a table of products, as commands take it. Which columns it has tells what it is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from shopr.data.catalog import CATALOG_COLUMNS, Catalog, validate_catalog
from shopr.data.sources.files import Table, read_table
from shopr.data.sources.money_columns import as_minor
from shopr.errors import DataError

__all__ = ["read_catalog"]

_OTHER_NAMES = {
    "id": "product_id",
    "item": "product_id",
    "item_id": "product_id",
    "sku": "product_id",
    "name": "title",
    "short_description": "description",
    "supplier": "brand",
    "color": "colour",
    "img": "image",
}
"""Columns of other shops' tables -> ours, where ours is missing."""


def read_catalog(path: Path, *, currency: str = "EUR") -> Catalog:
    """The sound products of a CSV, Excel or Parquet file; rows that are not are left out.

    Understood are our own columns with decimal prices (`product_id, title, price, …`), and the Chorus table
    (`id, title, supplier, price_cents, attrs_text …`).

    Args:
        currency: of prices beside which the file names none.

    Raises:
        DataError: if the file cannot be read, lacks an id or a title, or holds no sound product.
    """
    table = read_table(path)
    names = {str(c).strip().lower() for c in table.frame.columns}
    if {"price_cents", "supplier", "attrs_text"} <= names:
        from shopr.data.sources.chorus import load

        return load(path, currency=currency).catalog
    frame = _ours(table, currency)
    checked = validate_catalog(frame, file=table.file, rows=table.rows)
    if not len(checked.good):
        raise DataError(f"{table.file} has no sound product; {checked.rejects.first()}", hint="Check the file")
    return Catalog(checked.good)


def _ours(table: Table, currency: str) -> pd.DataFrame:
    """The columns that a catalogue has, under our names, prices in minor units."""
    frame = table.frame.rename(columns={c: str(c).strip().lower() for c in table.frame.columns})
    for theirs, ours in _OTHER_NAMES.items():
        if ours not in frame and theirs in frame:
            frame = frame.rename(columns={theirs: ours})
    if "price" in frame:
        frame["price"], bad = as_minor(frame["price"], currency)
        frame.loc[bad, "price"] = pd.NA
    elif "price_cents" in frame:
        frame["price"] = frame["price_cents"]
    if "price" in frame and "currency" not in frame:
        frame["currency"] = currency
    return frame[[c for c in frame.columns if c in CATALOG_COLUMNS and c != "image"]]
