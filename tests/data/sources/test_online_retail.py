"""Online Retail: returns, guests, lines that are no sale; in each of its files."""

from __future__ import annotations

import pandas as pd
import pytest

from shopr.data.sources import load
from shopr.errors import DataError

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
LINES = [
    "536365,85123A,WHITE HOLDER,6,12/1/2010 8:26,2.55,17850,United Kingdom",
    "536365,85123a,WHITE HOLDER,2,7/1/2011 8:26,2.65,17850,United Kingdom",
    "536366,22423,CAKESTAND 3 TIER,1,12/1/2010 8:28,12.75,,EIRE",
    "C536379,85123A,white holder?,-1,12/1/2010 9:41,2.55,14527,France",
    "536370,POST,POSTAGE,3,12/1/2010 8:45,18,12583,France",
    "536371,22423,damaged,-5,12/1/2010 9:00,0,,United Kingdom",
    "536372,22423,CAKESTAND 3 TIER,1,12/1/2010 9:01,0,13047,United Kingdom",
    "536373,22424,ADJUST,1,12/1/2010 9:02,-11062.06,13047,United Kingdom",
    "536374,22424,BREAD BIN,two,12/1/2010 9:02,1,13047,United Kingdom",
    "536375,22424,BREAD BIN,2,31/31/2010 9:02,1,13047,United Kingdom",
    "536376,22424,BREAD BIN,2,12/1/2999 9:02,1,13047,United Kingdom",
    "536377,DCGSSGIRL,GIRLS PARTY BAG,2,12/1/2010 9:02,1.25,13047,Unspecified",
]


@pytest.fixture
def csv_file(tmp_path):
    path = tmp_path / "retail.csv"
    path.write_text("\n".join([HEADER, *LINES]) + "\n")
    return path


def test_lines_become_events(csv_file):
    shop = load("online_retail", csv_file)
    events = shop.events.set_index("event_id")
    assert sorted(events.index) == ["line-1", "line-12", "line-2", "line-3", "line-4"]
    assert events.loc["line-4", "type"] == "order_returned"
    assert events.loc["line-4", "quantity"] == 1
    assert events.loc["line-4", "order_id"] == "C536379"
    assert events.loc["line-1", ["user_id", "product_id", "price", "currency"]].tolist() == [
        "17850", "85123A", 255, "GBP",
    ]  # fmt: skip
    assert events.loc["line-1", "time"] == pd.Timestamp("2010-12-01T08:26Z")
    assert events.loc["line-2", "time"] == pd.Timestamp("2011-07-01T07:26Z")  # British summer time
    assert events.loc["line-1", "properties"] == '{"country":"GB"}'
    assert events.loc["line-12", "properties"] == "{}"
    assert pd.isna(events.loc["line-3", "user_id"])
    log = shop.interactions()
    assert (log.n_users, log.n_items, len(log)) == (2, 2, 3)


def test_what_is_set_aside_and_why(csv_file):
    shop = load("online_retail", csv_file)
    found = shop.rejects.frame.set_index("row")
    assert found["reason"].to_dict() == {
        5: "not a product (postage, fee, voucher, correction)",
        6: "zero or negative outside a return",
        7: "zero",
        8: "negative",
        9: "not a number",
        10: "not a time",
        11: "in the future",
    }
    assert found.loc[9, ["column", "value"]].tolist() == ["Quantity", "two"]
    counts = shop.manifest.counts
    assert counts["lines"] == 12 == counts["events"] + counts["rejected"]
    assert (counts["guest_lines"], counts["returned_lines"], counts["customers"]) == (1, 1, 4)


def test_the_catalogue_takes_the_usual_title_and_the_last_price(csv_file):
    products = load("online_retail", csv_file).catalog.frame.set_index("product_id")
    assert products.loc["85123A", ["title", "price"]].tolist() == ["WHITE HOLDER", 265]
    assert products.loc["22423", "price"] == 1275
    assert set(products["language"]) == {"en-GB"}


def test_every_kind_of_file_gives_the_same_shop(csv_file, tmp_path):
    frame = pd.read_csv(csv_file, dtype=str).iloc[[0, 1, 2, 3, 4, 5, 6, 7, 11]].reset_index(drop=True)
    frame["Quantity"] = frame["Quantity"].astype(int)
    frame["UnitPrice"] = frame["UnitPrice"].astype(float)
    frame["CustomerID"] = frame["CustomerID"].astype(float)
    frame["InvoiceDate"] = pd.to_datetime(frame["InvoiceDate"], format="%m/%d/%Y %H:%M")
    frame.to_parquet(tmp_path / "r.parquet")
    frame.to_excel(tmp_path / "r.xlsx", index=False)
    frame.to_csv(tmp_path / "r.csv", index=False)
    second = {"InvoiceNo": "Invoice", "UnitPrice": "Price", "CustomerID": "Customer ID"}
    frame.rename(columns=second).to_csv(tmp_path / "r2.csv", index=False)
    prints = {load("online_retail", tmp_path / n).fingerprint for n in ("r.parquet", "r.xlsx", "r.csv", "r2.csv")}
    assert len(prints) == 1


def test_the_old_encoding_is_found(csv_file):
    text = csv_file.read_text().replace("CAKESTAND", "CAKÉSTAND £")
    csv_file.write_bytes(text.encode("cp1252"))
    titles = load("online_retail", csv_file).catalog.frame["title"]
    assert "CAKÉSTAND £ 3 TIER" in set(titles)
    with pytest.raises(DataError, match="is not utf-8 text"):
        load("online_retail", csv_file, encoding="utf-8")


def test_faults_of_the_whole_file(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text(HEADER.replace("UnitPrice", "Cost") + "\n")
    with pytest.raises(DataError, match="column 'UnitPrice' is missing; found InvoiceNo"):
        load("online_retail", path)
    path.write_text(HEADER + "\n")
    with pytest.raises(DataError, match="no sound line"):
        load("online_retail", path)
    path.write_text("\n".join([HEADER, LINES[4]]))
    with pytest.raises(DataError, match="no sound line; row 1, column 'StockCode'"):
        load("online_retail", path)


def test_the_real_file(shared_data):
    shop = load("online_retail", shared_data / "recommend" / "online_retail.parquet")
    counts = shop.manifest.counts
    assert counts["lines"] == 541_909
    assert counts["customers"] == 4_372
    assert counts["events"] + counts["rejected"] == 541_909
    assert shop.manifest.rejected == {
        "StockCode: not a product (postage, fee, voucher, correction)": 2_946,
        "Quantity: zero or negative outside a return": 1_336,
        "UnitPrice: zero": 1_165,
    }
    assert len(shop.interactions()) == 396_337
