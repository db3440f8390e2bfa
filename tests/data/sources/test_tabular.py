"""Any table, by column names: mapping, money, times and everything that may be wrong with them."""

from __future__ import annotations

import pandas as pd
import pytest

from shopr.data.sources import load
from shopr.errors import DataError, InputError, UnknownNameError

ORDERS = """CustomerID;sku;when;qty;unit;kind
007;A1;01/02/2024 10:00;2;2.55;buy
8;A2;01/02/2024 10:00;-1;1;buy
8;A2;31/31/2024 10:00;1;1;buy
8;A2;01/02/2024 10:00;1;£1;buy
8;A3;01/02/2024 10:00;1;1;hmm
8;A1;06/07/2024 11:00;3;2.65;buy
"""
PRODUCTS = "sku,Name,price,category\nA1,Cup,2.50,Home>Cups\nA1,Cup,2.50,Home\nA2,,1,\nA4,Mug,1e99,\n"
HOW = {
    "columns": {
        "user": "CustomerID", "item": "sku", "time": "when", "quantity": "qty", "price": "unit", "type": "kind",
    },
    "types": {"buy": "order_completed"},
    "currency": "GBP",
    "time_format": "%d/%m/%Y %H:%M",
    "time_zone": "Europe/London",
}  # fmt: skip


@pytest.fixture
def orders(tmp_path):
    (tmp_path / "c.csv").write_text(PRODUCTS)
    path = tmp_path / "o.csv"
    path.write_text(ORDERS)
    return path


def test_columns_words_money_and_times_are_mapped(orders):
    catalogue = {"catalog": orders.parent / "c.csv", "catalog_columns": {"item": "sku", "title": "Name"}}
    shop = load("tabular", orders, **HOW, **catalogue)
    assert shop.events["user_id"].tolist() == ["007", "8"]
    assert shop.events["price"].tolist() == [255, 265]
    assert shop.events["time"].tolist() == [pd.Timestamp("2024-02-01T10:00Z"), pd.Timestamp("2024-07-06T10:00Z")]
    assert shop.rejects.frame[["file", "row", "column", "reason"]].to_numpy().tolist() == [
        ["o.csv", 4, "unit", "not an amount"],
        ["o.csv", 2, "qty", "below 1"],
        ["o.csv", 3, "when", "not a time"],
        ["o.csv", 5, "kind", "not an event type"],
        ["c.csv", 4, "price", "not an amount"],
        ["c.csv", 2, "product_id", "duplicate id"],
        ["c.csv", 3, "title", "missing"],
    ]
    (product,) = shop.catalog.frame.to_dict("records")
    assert (product["title"], product["price"], product["currency"]) == ("Cup", 250, "GBP")
    assert product["category"] == "Home > Cups"


def test_without_a_catalogue_products_are_named_after_their_ids(orders):
    products = load("tabular", orders, **HOW).catalog.frame
    assert products[["title", "price"]].to_numpy().tolist() == [["Item A1", 265]]


def test_the_least_that_will_do(tmp_path):
    path = tmp_path / "o.csv"
    path.write_text("user,item\n1,2\n1,3\n")
    shop = load("tabular", path)
    assert shop.manifest.times == "none"
    assert shop.interactions().times is None
    assert shop.events["order_id"].notna().all()
    path.write_text("user,item,rating,time\n1,2,4.5,5\n1,3,2,6\n")
    shop = load("tabular", path)
    assert shop.ratings().ratings.tolist() == [4.5, 2.0]
    assert shop.interactions().times.tolist() == [5, 6]
    path.write_text("user,item,type,time\n1,2,product_clicked,5\n1,3,product_viewed,6\n")
    assert len(load("tabular", path).interactions()) == 2


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"columns": {"usr": "CustomerID"}}, UnknownNameError, "Did you mean 'user'"),
        ({"columns": {"user": "Customer"}}, DataError, "'Customer' is missing; found CustomerID, sku"),
        ({"columns": {}}, DataError, "no column for 'user'"),
        ({"currency": ""}, InputError, "--currency GBP"),
        ({"currency": "gbp"}, InputError, "'gbp' is not an ISO 4217 code"),
        ({"time_zone": "Mars"}, InputError, "time zone 'Mars'"),
        ({"types": {"buy": "ordered"}}, UnknownNameError, "order_returned"),
        ({"types": {}}, DataError, "no sound row; "),
        ({"encoding": "martian"}, DataError, "encoding 'martian' is unknown"),
        ({"delimiter": "%"}, DataError, "'CustomerID' is missing"),
    ],
)
def test_wrong_calls(orders, change, error, message):
    with pytest.raises(error, match=message):
        load("tabular", orders, **{**HOW, **change})


def test_two_currencies_are_refused(tmp_path):
    (tmp_path / "o.csv").write_text("user,item\n1,2\n")
    (tmp_path / "c.csv").write_text("item,title,price,currency\n2,Cup,1,GBP\n3,Mug,1,EUR\n")
    with pytest.raises(DataError, match="prices in EUR, GBP"):
        load("tabular", tmp_path / "o.csv", catalog=tmp_path / "c.csv")
