"""Any table of orders, clicks or ratings, by column names: the importer for a shop's own exports.

The caller says which column means what: `columns={"user": "CustomerID", "item": "sku", "time": "bought_at"}`. A
column of ours that is not named is looked for under its own name. Prices are decimals in major units
(12.50) of one currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from shopr.clock import Clock
from shopr.data.catalog import CATALOG_COLUMNS, Catalog, validate_catalog
from shopr.data.checks import validate_events
from shopr.data.dataset import Dataset
from shopr.data.events import EventType
from shopr.data.ids import IdMap
from shopr.data.rejects import Checked, Rejects, Sieve
from shopr.data.schema import as_text
from shopr.data.sources.files import Table, read_table
from shopr.data.sources.money_columns import as_minor
from shopr.data.sources.price_history import last_prices, price_history
from shopr.errors import DataError, InputError, UnknownNameError

__all__ = ["CATALOG_FIELDS", "FIELDS", "load"]

FIELDS = {
    "user": "user_id",
    "item": "product_id",
    "time": "time",
    "quantity": "quantity",
    "price": "price",
    "order": "order_id",
    "rating": "rating",
    "type": "type",
    "session": "session_id",
    "event": "event_id",
}
"""Our word -> column of the event table."""
CATALOG_FIELDS = {"item": "product_id", **{name: name for name in CATALOG_COLUMNS[1:] if name != "image"}}
"""Our word -> column of the catalogue."""


@dataclass(frozen=True)
class _Options:
    currency: str
    time_format: str | None
    time_zone: str
    types: Mapping[str, str]
    delimiter: str | None
    encoding: str | None


def load(
    path: Path,
    *,
    name: str = "imported",
    clock: Clock | None = None,
    columns: Mapping[str, str] | None = None,
    types: Mapping[str, str] | None = None,
    catalog: Path | None = None,
    catalog_columns: Mapping[str, str] | None = None,
    currency: str = "",
    time_format: str | None = None,
    time_zone: str = "UTC",
    delimiter: str | None = None,
    encoding: str | None = None,
) -> Dataset:
    """Read a table of events, and a catalogue if there is one.

    Without a `type` column, a file with ratings and no quantity, price or order holds `feedback_given`, any other
    `order_completed`. A missing quantity column means 1, a missing order column one order a user and moment; without a
    time column the interactions are untimed.

    Args:
        columns: our word (a key of `FIELDS`) -> the file's column.
        types: the file's word for an event -> ours.
        catalog: a table of products; without one, products are named after their ids.
        catalog_columns: our word (a key of `CATALOG_FIELDS`) -> the catalogue's column.
        currency: ISO 4217 code of the prices; needed where there are prices.
        time_format: `strptime` format of times that are not ISO 8601 or Unix seconds.
        time_zone: IANA zone of times without an offset.
        delimiter, encoding: of a CSV, where they are not found by themselves.

    Raises:
        UnknownNameError: if a word of ours is not known.
        InputError: if prices come without a currency.
        DataError: if a file cannot be read, a column is missing, or no sound row is left.
    """
    how = _Options(currency, time_format, time_zone, dict(types or {}), delimiter, encoding)
    table = read_table(path, delimiter=delimiter, encoding=encoding)
    found = _mapped(table, FIELDS, columns or {}, needed=("user", "item"))
    judged = _events(table, found, how, clock)
    prices = price_history(judged.good)
    goods, product_rejects = _catalogue(catalog, catalog_columns or {}, how, judged.good, prices)
    items = judged.good["product_id"].dropna().drop_duplicates()
    return Dataset.build(
        name,
        "tabular",
        goods,
        judged.good,
        prices=prices,
        rejects=Rejects.concat([judged.rejects, product_rejects]),
        counts={
            "lines": len(table.frame) + len(table.rejects),
            "items_without_product": int((~items.isin(goods.frame["product_id"])).sum()),
        },
        origin=table.file,
        times="real" if "time" in found else "none",
        interaction_types=_interaction_types(judged.good["type"]),
        details={"columns": {ours: str(theirs) for ours, theirs in found.items()}},
    )


def _interaction_types(types: pd.Series) -> tuple[EventType, ...]:
    """What counts as an interaction: orders where there are any, else all that the table holds."""
    kinds = sorted(set(types))
    return (EventType.ORDER_COMPLETED,) if EventType.ORDER_COMPLETED.value in kinds else tuple(map(EventType, kinds))


def _mapped(
    table: Table, fields: Mapping[str, str], columns: Mapping[str, str], needed: tuple[str, ...]
) -> dict[str, str]:
    """Our word -> the file's column, for all that the file has."""
    for ours, theirs in columns.items():
        if ours not in fields:
            raise UnknownNameError("column word", ours, fields)
        if theirs not in table.names:
            raise DataError(
                f"{table.file}: column {theirs!r} is missing; found {', '.join(table.names)[:200]}",
                hint=f"Write --column {ours}=NAME with one of these",
            )
    found = {ours: columns.get(ours, ours) for ours in fields if columns.get(ours, ours) in table.names}
    for ours in needed:
        if ours not in found:
            raise DataError(
                f"{table.file}: no column for {ours!r}; found {', '.join(table.names)[:200]}",
                hint=f"Say which one it is: --column {ours}=NAME",
            )
    return found


def _events(table: Table, found: Mapping[str, str], how: _Options, clock: Clock | None) -> Checked:
    frame = table.frame
    sieve = Sieve(len(frame), file=table.file, rows=table.rows)
    events: dict[str, Any] = {FIELDS[ours]: frame[theirs] for ours, theirs in found.items()}
    events["type"] = _types(events, how)
    if "price" in found:
        events["price"], bad = _money(events["price"], how)
        _reject_prices(sieve, events["price"], bad, found["price"], frame)
        events["currency"] = events["price"].notna().map({True: how.currency, False: ""})
    is_order = events["type"].isin([EventType.ORDER_COMPLETED.value, EventType.ORDER_RETURNED.value])
    if "time" not in found:
        events["time"] = np.zeros(len(frame), np.int64)
    if "quantity" not in found:
        events["quantity"] = pd.Series(1, index=frame.index, dtype="Int64").where(is_order)
    if "order" not in found:
        moments = as_text(pd.Series(events["time"], index=frame.index)).fillna("")
        events["order_id"] = (as_text(events["user_id"]).fillna("") + "@" + moments).where(is_order)
    if "event" not in found:
        events["event_id"] = "row-" + pd.Series(table.rows).astype("str")
    alive = sieve.alive
    judged = validate_events(
        pd.DataFrame(events, index=frame.index)[alive],
        clock=clock,
        file=table.file,
        rows=table.rows[alive],
        time_zone=how.time_zone,
        time_format=how.time_format if "time" in found else None,
    )
    rejects = Rejects.concat([table.rejects, sieve.rejects(), _in_their_words(judged.rejects, found)])
    if not len(judged.good):
        raise DataError(
            f"{table.file} has no sound row; {rejects.first() or 'it has no rows'}", hint="Check the columns"
        )
    return Checked(judged.good, rejects)


def _in_their_words(rejects: Rejects, found: Mapping[str, str]) -> Rejects:
    """Rejects that name the columns as the file does."""
    theirs = {FIELDS[ours]: column for ours, column in found.items()}
    return Rejects(rejects.frame.assign(column=rejects.frame["column"].replace(theirs)))


def _types(events: Mapping[str, Any], how: _Options) -> pd.Series:
    for theirs, ours in how.types.items():
        if ours not in set(EventType):
            raise UnknownNameError(f"event type for {theirs!r}", ours, [t.value for t in EventType])
    if "type" in events:
        words = as_text(events["type"])
        return words.map(lambda word: how.types.get(word, word), na_action="ignore").astype("str")
    rated = "rating" in events and not any(name in events for name in ("quantity", "price", "order_id"))
    kind = EventType.FEEDBACK_GIVEN if rated else EventType.ORDER_COMPLETED
    return pd.Series(kind.value, index=events["user_id"].index, dtype="str")


def _money(column: pd.Series, how: _Options) -> tuple[pd.Series, np.ndarray[Any, np.dtype[np.bool_]]]:
    if not how.currency:
        raise InputError("there are prices and no currency", hint="Say which, for example --currency GBP")
    return as_minor(column, how.currency)


def _reject_prices(sieve: Sieve, minor: pd.Series, bad: Any, column: str, frame: pd.DataFrame) -> None:
    """Set unfit prices aside here, where their values still stand as the file wrote them."""
    sieve.reject(bad, column, "not an amount", frame[column])
    sieve.reject((minor < 0).to_numpy(dtype=bool, na_value=False), column, "negative", frame[column])


def _catalogue(
    path: Path | None, columns: Mapping[str, str], how: _Options, events: pd.DataFrame, prices: pd.DataFrame
) -> tuple[Catalog, Rejects]:
    if path is None:
        return _named_after_ids(events, prices, how.currency), Rejects()
    table = read_table(path, delimiter=how.delimiter, encoding=how.encoding)
    found = _mapped(table, CATALOG_FIELDS, columns, needed=("item", "title"))
    raw: dict[str, Any] = {CATALOG_FIELDS[ours]: table.frame[theirs] for ours, theirs in found.items()}
    sieve = Sieve(len(table.frame), file=table.file, rows=table.rows)
    if "price" in raw:
        stated = sorted(set(as_text(raw["currency"]).dropna()) - {""}) if "currency" in raw else []
        if len(stated) > 1:
            raise DataError(
                f"{table.file} has prices in {', '.join(stated)[:99]}", hint="Import one currency at a time"
            )
        one = replace(how, currency=how.currency or "".join(stated))
        raw["price"], bad = _money(raw["price"], one)
        _reject_prices(sieve, raw["price"], bad, found["price"], table.frame)
        raw["currency"] = raw["price"].notna().map({True: one.currency, False: ""})
    alive = sieve.alive
    judged = validate_catalog(pd.DataFrame(raw)[alive], file=table.file, rows=table.rows[alive])
    return Catalog(judged.good), Rejects.concat([table.rejects, sieve.rejects(), judged.rejects])


def _named_after_ids(events: pd.DataFrame, prices: pd.DataFrame, currency: str) -> Catalog:
    ids, _ = IdMap.from_values(events["product_id"].dropna())
    codes = pd.Series(ids.ids, dtype="str")
    price = last_prices(prices, codes)
    products = pd.DataFrame({"product_id": codes, "title": "Item " + codes, "price": price})
    products["currency"] = np.where(price.isna(), "", currency)
    return Catalog(validate_catalog(products).good)
