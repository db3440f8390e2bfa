"""UCI Online Retail (I and II): the invoices of a British gift shop, 2009 to 2011.

Chen, D., Sain, S. L., Guo, K. (2012). Data mining for the online retail industry. Journal of Database Marketing &
Customer Strategy Management 19(3). Licence of the data: CC BY 4.0.

How lines become events:
- an invoice number that starts with C is a return: its lines become `order_returned`, all others `order_completed`
- lines without a customer are guest orders: events without user, which no recommender learns from
- lines that are no sale of a product are set aside, each by its reason: postage, fees, manual corrections and vouchers;
  a quantity of zero or below outside a return; a price of zero or below (gifts, stock notes such as "damaged")
- stock codes are written in capitals: 15056bl and 15056BL are one product
- times are British local time in the source, UTC here
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from shopr.clock import Clock
from shopr.data.catalog import Catalog, validate_catalog
from shopr.data.checks import validate_events
from shopr.data.dataset import Dataset
from shopr.data.events import EventType
from shopr.data.rejects import Rejects, Sieve
from shopr.data.schema import as_float, as_int, as_text, by_unique
from shopr.data.sources.countries import country_code
from shopr.data.sources.files import EncodingError, Table, read_table, require
from shopr.data.sources.price_history import last_prices, price_history
from shopr.data.times import as_time
from shopr.errors import DataError
from shopr.money import to_minor

__all__ = ["load"]

CURRENCY = "GBP"
ZONE = "Europe/London"
LICENCE = "CC BY 4.0 (UCI Machine Learning Repository)"
_COLUMNS = {  # ours -> theirs, in Online Retail and in Online Retail II
    "invoice": ("InvoiceNo", "Invoice"),
    "code": ("StockCode",),
    "title": ("Description",),
    "quantity": ("Quantity",),
    "time": ("InvoiceDate",),
    "price": ("UnitPrice", "Price"),
    "customer": ("CustomerID", "Customer ID"),
    "country": ("Country",),
}
_PRODUCT = r"\d{5}[A-Z]*\d*|DCGS\w*|PADS"
_US_TIME = "%m/%d/%Y %H:%M"


def load(
    path: Path, *, name: str = "online_retail", clock: Clock | None = None, encoding: str | None = None
) -> Dataset:
    """Read the invoices from .csv, .xlsx or .parquet.

    Args:
        name: of the shop.
        clock: tells what is in the future.
        encoding: of a CSV; UTF-8, else cp1252, by default.

    Raises:
        DataError: if the file cannot be read, a column is missing, or no sound line is left.
    """
    table = _read(path, encoding)
    lines, sieve = _lines(table)
    judged = validate_events(_events(lines[sieve.alive]), clock=clock, file=table.file, rows=sieve.rows[sieve.alive])
    rejects = Rejects.concat([table.rejects, sieve.rejects(), judged.rejects])
    if not len(judged.good):
        raise DataError(f"{table.file} has no sound line; {rejects.first()}", hint="Check the file")
    orders = judged.good
    prices = price_history(orders)
    products = _products(lines[sieve.alive], prices)
    catalogue = validate_catalog(products, file=table.file)
    returned = orders["type"] == EventType.ORDER_RETURNED.value
    counts = {
        "lines": len(table.frame) + len(table.rejects),
        "customers": int(lines["customer"].nunique()),
        "orders": int(orders.loc[~returned, "order_id"].nunique()),
        "returned_lines": int(returned.sum()),
        "guest_lines": int(orders["user_id"].isna().sum()),
        "products_without_title": len(catalogue.rejects),
    }
    return Dataset.build(
        name,
        "online_retail",
        Catalog(catalogue.good),
        orders,
        prices=prices,
        rejects=rejects,
        counts=counts,
        origin=table.file,
        licence=LICENCE,
        details={"time_zone": ZONE},
    )


def _read(path: Path, encoding: str | None) -> Table:
    wanted = [theirs for names in _COLUMNS.values() for theirs in names]
    try:
        table = read_table(path, columns=wanted, encoding=encoding)
    except EncodingError:
        if encoding is not None:
            raise
        table = read_table(path, columns=wanted, encoding="cp1252")
    require(table, [next((n for n in names if n in table.names), names[0]) for names in _COLUMNS.values()])
    return table


def _lines(table: Table) -> tuple[pd.DataFrame, Sieve]:
    """All lines in our words and types, and the sieve that has set the unfit ones aside."""
    raw = {ours: table.frame[next(n for n in names if n in table.frame)] for ours, names in _COLUMNS.items()}
    sieve = Sieve(len(table.frame), file=table.file, rows=table.rows)
    lines: dict[str, Any] = {}
    for column in ("invoice", "code", "title", "customer", "country"):
        text = as_text(raw[column])
        lines[column] = text.mask((text == "").to_numpy(dtype=bool, na_value=False))
    # Tables that were once held in floats write customer 17850 as 17850.0.
    lines["customer"] = lines["customer"].str.removesuffix(".0")
    lines["code"] = lines["code"].str.upper()
    lines["invoice"] = lines["invoice"].str.upper()
    for column, convert in (("quantity", as_int), ("price", as_float)):
        lines[column], bad = convert(raw[column])
        theirs = next(n for n in _COLUMNS[column] if n in table.frame)
        sieve.reject(bad, theirs, "not a number", raw[column])
        sieve.reject(lines[column].isna(), theirs, "missing", raw[column])
    for column in ("invoice", "code"):
        sieve.reject(lines[column].isna(), _COLUMNS[column][0], "missing", raw[column])
    product = lines["code"].str.fullmatch(_PRODUCT).to_numpy(dtype=bool, na_value=False)
    sieve.reject(~product, "StockCode", "not a product (postage, fee, voucher, correction)", raw["code"])
    back = lines["invoice"].str.startswith("C").to_numpy(dtype=bool, na_value=False)
    quantity = lines["quantity"].to_numpy(dtype=np.float64, na_value=np.nan)
    sieve.reject(~back & (quantity <= 0), "Quantity", "zero or negative outside a return", raw["quantity"])
    sieve.reject(back & (quantity >= 0), "Quantity", "zero or positive in a return", raw["quantity"])
    sieve.reject(lines["price"] < 0, "UnitPrice", "negative", raw["price"])
    minor = by_unique(lines["price"].clip(0, 1e9), lambda pounds: to_minor(repr(float(pounds)), CURRENCY))
    lines["price"] = minor.astype("Int64")
    sieve.reject((lines["price"] == 0).to_numpy(dtype=bool, na_value=False), "UnitPrice", "zero", raw["price"])
    lines["back"], lines["quantity"] = back, lines["quantity"].abs()
    lines["time"] = _times(raw["time"], sieve)
    return pd.DataFrame(lines).assign(row=table.rows), sieve


def _times(raw: pd.Series, sieve: Sieve) -> pd.Series:
    times, bad = as_time(raw, zone=ZONE)
    if bad.sum() * 2 > len(bad):  # the CSV in circulation has American dates
        american, bad_american = as_time(raw, zone=ZONE, format=_US_TIME)
        if bad_american.sum() < bad.sum():
            times, bad = american, bad_american
    sieve.reject(bad, "InvoiceDate", "not a time", raw)
    return times


def _events(lines: pd.DataFrame) -> pd.DataFrame:
    kinds = np.where(lines["back"], EventType.ORDER_RETURNED.value, EventType.ORDER_COMPLETED.value)
    return pd.DataFrame(
        {
            "event_id": "line-" + lines["row"].astype("str"),
            "type": kinds,
            "time": lines["time"],
            "user_id": lines["customer"],
            "product_id": lines["code"],
            "quantity": lines["quantity"],
            "price": lines["price"],
            "currency": CURRENCY,
            "order_id": lines["invoice"],
            "properties": by_unique(lines["country"].fillna(""), _country),
        }
    )


def _country(name: str) -> str:
    code = country_code(name)
    return json.dumps({"country": code} if code else {})


def _products(lines: pd.DataFrame, prices: pd.DataFrame) -> pd.DataFrame:
    """One row a product: its most frequent description (the earlier in the file among equals), its last price."""
    named = lines[lines["title"].notna()]
    votes = named.groupby(["code", "title"], sort=False)["row"].agg(["size", "min"]).reset_index()
    best = votes.sort_values(["code", "size", "min"], ascending=[True, False, True]).drop_duplicates("code")
    titles = best.set_index("code")["title"]
    codes = pd.Series(np.sort(lines["code"].unique()), dtype="str")
    price = last_prices(prices, codes)
    return pd.DataFrame(
        {
            "product_id": codes,
            "title": codes.map(titles),
            "price": price,
            "currency": np.where(price.isna(), "", CURRENCY),
            "language": "en-GB",
        }
    )
