"""A catalogue from one file, whatever wrote it: ours, Chorus's, or a table or JSON list with an id and a title."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from shopr.data.catalog import CATALOG_COLUMNS, Catalog, validate_catalog
from shopr.data.rejects import Rejects
from shopr.data.schema import as_text
from shopr.data.sources import chorus
from shopr.data.sources.files import check_file, read_table
from shopr.data.sources.money_columns import as_minor
from shopr.errors import DataError

__all__ = ["read_catalog"]

_CHORUS = {"id", "title", "supplier", "price_cents", "short_description"}
_NAMES = {
    "product_id": ("id", "sku", "item", "item_id", "docid", "asin"),
    "title": ("name", "product_name", "product_title"),
    "description": ("short_description", "text", "body"),
    "brand": ("supplier", "manufacturer", "vendor"),
    "category": ("categories", "category_path", "product_category"),
    "colour": ("color", "product_colour", "product_color"),
}
_MAX_JSON = 2**30


def read_catalog(path: Path | str, *, currency: str = "") -> tuple[Catalog, Rejects]:
    """The sound products of a file, and the rows that were set aside.

    Args:
        path: the Chorus Parquet file as it is; our own catalogue (.parquet or .csv, prices in minor units with a
            currency); or any CSV, Excel, Parquet, JSON or JSON-lines table with `product_id` (or `id`) and `title`.
            Columns of other names are kept as attributes.
        currency: of decimal prices in a file that names none; without one such prices are left out.

    Raises:
        DataError: if the file cannot be read, has no id or title, or holds no sound product.
    """
    path = check_file(path)
    frame = _json(path) if path.suffix.lower() in (".json", ".jsonl", ".ndjson") else None
    if frame is None:
        table = read_table(path)
        frame, rows, set_aside = table.frame, table.rows, table.rejects
    else:
        rows, set_aside = np.arange(1, len(frame) + 1), Rejects()
    if set(frame.columns) >= _CHORUS:
        loaded = chorus.load(path, currency=currency or "USD")
        return loaded.catalog, loaded.rejects
    if not len(frame):
        return Catalog.empty(), set_aside
    checked = validate_catalog(_renamed(frame, currency, path.name), file=path.name, rows=rows)
    rejects = Rejects.concat([set_aside, checked.rejects])
    if not len(checked.good):
        raise DataError(f"{path.name} has no sound product; {rejects.first()}", hint="Check the file")
    return Catalog(checked.good), rejects


def _json(path: Path) -> pd.DataFrame:
    """A JSON list of objects, an object with one such list, or one object a line."""
    if path.stat().st_size > _MAX_JSON:
        raise DataError(f"{path.name} has more than 1 GiB of JSON", hint="Convert it to Parquet")
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            found = json.loads(text)
            if isinstance(found, dict):
                found = next((v for v in found.values() if isinstance(v, list)), [found])
        else:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path.name} is not sound JSON: {error}"[:200], hint="Export it again") from error
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise DataError(f"{path.name} holds no list of objects", hint="Give a list with one object a product")
    return pd.DataFrame(found)


def _renamed(frame: pd.DataFrame, currency: str, file: str) -> pd.DataFrame:
    """The catalogue's columns of any table; the others as attributes."""
    taken: dict[str, pd.Series] = {}
    used: set[str] = set()
    for name in CATALOG_COLUMNS:
        source = next((c for c in (name, *_NAMES.get(name, ())) if c in frame.columns), None)
        if source is not None:
            taken[name] = frame[source]
            used.add(source)
    for name in ("product_id", "title"):
        if name not in taken:
            raise DataError(
                f"{file}: column {name!r} is missing; found {', '.join(map(str, frame.columns))[:200]}",
                hint="A catalogue needs product_id (or id) and title",
            )
    rest = [c for c in frame.columns if c not in used]
    if "attributes" not in taken and rest:
        columns = {str(c): as_text(frame[c].astype(object)).fillna("").tolist() for c in rest}
        values = zip(*columns.values(), strict=True)
        packed = [json.dumps({n: v for n, v in zip(columns, row, strict=True) if v}) for row in values]
        taken["attributes"] = pd.Series(packed, dtype="str")
    return pd.DataFrame(_priced({n: c.reset_index(drop=True) for n, c in taken.items()}, currency))


def _priced(columns: dict[str, pd.Series], currency: str) -> dict[str, pd.Series]:
    """Prices in minor units: as they are where the table names a currency, decimals of `currency` otherwise."""
    if "price" not in columns:
        columns.pop("currency", None)
        return columns
    if "currency" in columns:
        return columns
    price = columns.pop("price")
    if currency:
        columns["price"], _ = as_minor(price, currency)
        columns["currency"] = pd.Series([currency] * len(price), dtype="str")
    return columns
