"""The catalogue's types, what it refuses, and how it lines up with item codes."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopr.data.catalog import CATALOG_COLUMNS, Catalog, validate_catalog
from shopr.data.ids import IdMap
from shopr.errors import DataError

GOOD = {
    "product_id": "1",
    "title": "Cup",
    "category": "Home > Kitchen",
    "price": 250,
    "currency": "GBP",
    "stock": 3,
    "attributes": '{"size":"L"}',
    "image": "images/1.png",
    "language": "en-GB",
}


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("product_id", None, "missing"),
        ("product_id", "0", "duplicate id"),
        ("product_id", "a\nb", "id too long or with control characters"),
        ("title", "  ", "missing"),
        ("title", None, "missing"),
        ("price", -5, "negative"),
        ("price", "2.50", "not a whole number"),
        ("price", float("inf"), "not a whole number"),
        ("currency", "POUND", "not an ISO 4217 code"),
        ("currency", None, "missing beside a price"),
        ("stock", -1, "negative"),
        ("stock", "lots", "not a whole number"),
        ("attributes", "red", "not a flat JSON object"),
        ("attributes", '{"a":[1]}', "not a flat JSON object"),
        ("language", "english!", "not a BCP 47 tag"),
        ("image", "/etc/passwd", "not a path within the shop's folder"),
        ("image", "../x.png", "not a path within the shop's folder"),
        ("image", "https://host/x.png", "not a path within the shop's folder"),
    ],
)
def test_each_fault_is_named(column, value, reason):
    frame = pd.DataFrame([{**GOOD, "product_id": "0"}, {**GOOD, column: value}], dtype=object)
    checked = validate_catalog(frame)
    assert len(checked.good) == 1
    reject = checked.rejects.frame.iloc[0]
    assert (reject["row"], reject["column"], reject["reason"]) == (2, column, reason)
    with pytest.raises(DataError, match="1 of 2 rows are bad; row 2"):
        Catalog.from_frame(frame)


def test_values_are_brought_to_one_form():
    frame = pd.DataFrame(
        [
            {"product_id": 7, "title": " Cup ", "category": "Home>  Kitchen >", "language": "EN_gb", "price": 5.0},
            {"product_id": 8, "title": "Mug", "category": None, "language": None, "price": None},
        ]
    )
    frame["currency"] = ["GBP", ""]
    products = Catalog.from_frame(frame).frame
    assert list(products.columns) == list(CATALOG_COLUMNS)
    assert products["product_id"].tolist() == ["7", "8"]
    assert products["category"].tolist() == ["Home > Kitchen", ""]
    assert products["language"].tolist() == ["en-GB", "und"]
    assert products["price"][0] == 5
    assert pd.isna(products["price"][1])
    assert products["attributes"].tolist() == ["{}", "{}"]
    assert products["title"][0] == "Cup"


def test_align_follows_item_codes():
    catalogue = Catalog.from_frame(pd.DataFrame([GOOD, {**GOOD, "product_id": "2", "title": "Mug"}]))
    rows = catalogue.align(IdMap(["2", "x", "1"]))
    assert rows["product_id"].tolist() == ["2", "x", "1"]
    assert rows["title"].tolist()[::2] == ["Mug", "Cup"]
    assert pd.isna(rows["title"][1])
    assert rows["price"].dtype == "Int64"


def test_levels_take_and_length():
    frame = pd.DataFrame([{**GOOD, "product_id": str(i), "category": c} for i, c in enumerate(["A > B > C", "A", ""])])
    catalogue = Catalog.from_frame(frame)
    assert catalogue.level(2).tolist() == ["A > B", "A", ""]
    assert len(catalogue) == 3
    assert "1" in catalogue
    assert "9" not in catalogue
    assert catalogue.take(catalogue.frame["category"].to_numpy() == "A").frame["product_id"].tolist() == ["1"]
    assert len(Catalog.empty()) == 0


def test_columns_are_checked():
    with pytest.raises(DataError, match="'title' is missing; found product_id"):
        validate_catalog(pd.DataFrame({"product_id": ["1"]}))
    with pytest.raises(DataError, match="'sku' is not known"):
        validate_catalog(pd.DataFrame([{**GOOD, "sku": "1"}]))


cells = st.one_of(st.none(), st.text(max_size=6), st.integers(), st.floats(), st.sampled_from(list(GOOD.values())))


@settings(max_examples=25)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(GOOD, cells)), max_size=8))
def test_good_and_rejected_make_the_whole(rows):
    frame = pd.DataFrame(rows, columns=list(GOOD), dtype=object)
    checked = validate_catalog(frame)
    assert len(checked.good) + len(checked.rejects) == len(frame)
    again = validate_catalog(checked.good)
    assert len(again.rejects) == 0
    pd.testing.assert_frame_equal(again.good, checked.good)
