"""Complete Journey: grocery purchases of households, with products by department and category.

Published by 84.51° and packaged by bradleyboehmke/completejourney (CC0). A product has no name of its own: its type and
package size serve as title. The price of a piece is what was paid for the line by its quantity, in US cents. Goods sold
by volume (fuel), whose unit is no piece, come out below one cent and are set aside.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from shopr.clock import Clock
from shopr.data.catalog import Catalog, validate_catalog
from shopr.data.checks import validate_events
from shopr.data.dataset import Dataset
from shopr.data.events import EventType
from shopr.data.rejects import Rejects, Sieve
from shopr.data.schema import as_float, as_text
from shopr.data.sources.files import Table, read_table, require
from shopr.data.sources.price_history import last_prices, price_history
from shopr.errors import DataError

__all__ = ["load"]

LICENCE = "CC0 (bradleyboehmke/completejourney)"
CURRENCY = "USD"
PRODUCTS = "completejourney_products.parquet"
_LINE = ("household_id", "basket_id", "product_id", "quantity", "sales_value", "transaction_timestamp")
_PRODUCT = ("product_id", "department", "brand", "product_category", "product_type", "package_size")


def load(
    path: Path, *, name: str = "completejourney", clock: Clock | None = None, catalog: Path | None = None
) -> Dataset:
    """Read the transactions, and the products.

    Args:
        catalog: the products' file; by default completejourney_products.parquet beside the transactions.

    Raises:
        DataError: if a file cannot be read, a column is missing, or no sound line is left.
    """
    table = read_table(path, columns=_LINE)
    require(table, _LINE)
    goods = read_table(catalog or path.parent / PRODUCTS, columns=_PRODUCT)
    require(goods, _PRODUCT)
    events, sieve = _events(table)
    judged = validate_events(events[sieve.alive], clock=clock, file=table.file, rows=sieve.rows[sieve.alive])
    prices = price_history(judged.good)
    products = validate_catalog(_products(goods, judged.good["product_id"], prices), file=goods.file)
    rejects = Rejects.concat([table.rejects, sieve.rejects(), judged.rejects, products.rejects])
    if not len(judged.good):
        raise DataError(f"{table.file} has no sound line; {rejects.first()}", hint="Check the file")
    return Dataset.build(
        name,
        "completejourney",
        Catalog(products.good),
        judged.good,
        prices=prices,
        rejects=rejects,
        counts={"lines": len(table.frame) + len(table.rejects), "orders": int(judged.good["order_id"].nunique())},
        origin=table.file,
        licence=LICENCE,
    )


def _events(table: Table) -> tuple[pd.DataFrame, Sieve]:
    frame, sieve = table.frame, Sieve(len(table.frame), file=table.file, rows=table.rows)
    numbers = {}
    for name in ("quantity", "sales_value"):
        numbers[name], bad = as_float(frame[name])
        sieve.reject(bad | numbers[name].isna(), name, "not a number", frame[name])
        sieve.reject(numbers[name] <= 0, name, "zero or negative", frame[name])
    cents = np.floor(100 * numbers["sales_value"] / numbers["quantity"].where(numbers["quantity"] > 0) + 0.5)
    sieve.reject(cents < 1, "sales_value", "below one cent a piece (sold by volume)", frame["sales_value"])
    events = pd.DataFrame(
        {
            "event_id": "line-" + pd.Series(table.rows).astype("str"),
            "type": EventType.ORDER_COMPLETED.value,
            "time": frame["transaction_timestamp"],
            "user_id": frame["household_id"],
            "product_id": frame["product_id"],
            "quantity": numbers["quantity"],
            "price": cents,
            "currency": CURRENCY,
            "order_id": frame["basket_id"],
        }
    )
    return events, sieve


def _products(goods: Table, bought: pd.Series, prices: pd.DataFrame) -> pd.DataFrame:
    """The products that were bought; the full list has many that never were."""
    frame = goods.frame[as_text(goods.frame["product_id"]).isin(bought)].reset_index(drop=True)
    text = {name: as_text(frame[name]).fillna("").replace("nan", "") for name in _PRODUCT}
    kind = text["product_type"].where(text["product_type"] != "", text["product_category"])
    kind = kind.where(kind != "", text["department"])
    price = last_prices(prices, text["product_id"])
    return pd.DataFrame(
        {
            "product_id": text["product_id"],
            "title": (kind + ", " + text["package_size"]).str.removesuffix(", "),
            "category": text["department"] + " > " + text["product_category"] + " > " + text["product_type"],
            "brand": text["brand"],
            "price": price,
            "currency": np.where(price.isna(), "", CURRENCY),
            "language": "en",
        }
    )
