"""The registry, and the importers of published sets on small files and on the real ones."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from shopr.data.sources import SOURCES, load
from shopr.errors import DataError, InputError, UnknownNameError


def test_unknown_names_and_options_suggest_the_near_ones(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'movielens'"):
        load("movielense", tmp_path)
    with pytest.raises(InputError, match=r"chorus has no option 'color'\. It takes name, clock, currency"):
        load("chorus", tmp_path, color="red")


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_every_importer_refuses_what_it_cannot_read(tmp_path, source):
    path = tmp_path / "f.csv"
    for content in (b"", b"\x00\x01\x02", b"a,b\n1,2\n", b"x" * 5_000_000, b"\xff\xfe\xff"):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            load(source, path)
        assert caught.value.hint
        assert len(caught.value.one_line()) < 600
    with pytest.raises(DataError):
        load(source, tmp_path / "absent")


def movielens_100k(folder):
    (folder / "u.data").write_text("1\t10\t5\t881250949\n2\t10\t3\t881250950\n2\t11\t9999\t881250950\n3\t10\t4\n")
    film = "10|Toy Story (1995)|01-Jan-1995||url|0|0|0|1|1|1" + "|0" * 13 + "\n"
    other = "11|Caf\xe9, The|||url|1" + "|0" * 18 + "\n"
    (folder / "u.item").write_bytes((film + other).encode("iso-8859-1"))


def test_movielens_100k(tmp_path):
    movielens_100k(tmp_path)
    shop = load("movielens", tmp_path)
    assert shop.interactions().to_frame().to_numpy().tolist() == [
        ["1", "10", 881250949, 1.0, 5.0],
        ["2", "10", 881250950, 1.0, 3.0],
    ]
    assert shop.ratings().ratings.tolist() == [5.0, 3.0]
    film, cafe = shop.catalog.frame.to_dict("records")
    assert (film["title"], film["category"]) == ("Toy Story (1995)", "Animation")
    assert json.loads(film["attributes"]) == {"genres": "Animation, Children's, Comedy", "year": 1995}
    assert (cafe["title"], cafe["category"]) == ("Café, The", "unknown")
    assert shop.manifest.rejected == {"(line): 3 fields instead of 4": 1, "rating: not within 0 to 10": 1}
    assert load("movielens", tmp_path / "u.data").fingerprint == shop.fingerprint


def test_movielens_1m(tmp_path):
    (tmp_path / "ratings.dat").write_text("1::1193::5::978300760\n1::661::3::978302109\n")
    (tmp_path / "movies.dat").write_bytes("1193::One: Flew (1975)::Drama|War\n661::Caf\xe9::\n".encode("latin-1"))
    shop = load("movielens", tmp_path)
    assert shop.ratings().ratings.tolist() == [5.0, 3.0]
    assert shop.catalog.frame["title"].tolist() == ["One: Flew (1975)", "Café"]
    assert shop.catalog.frame["category"].tolist() == ["Drama", ""]
    with pytest.raises(DataError, match="neither"):
        load("movielens", tmp_path / "none" / "x")


def chorus_row(**changes):
    row = {
        "id": "1", "title": "Toner", "short_description": "Black", "supplier": "Xerox", "price_cents": 4995,
        "colour": "Black", "product_type": "Original", "material": "", "attrs_text": '{"a": "b"}',
        "attrs_num": '{"n": 6.0}', "attrs_bool": "{}",
    }  # fmt: skip
    return {**row, **changes}


def test_chorus(tmp_path):
    path = tmp_path / "c.parquet"
    broken = [chorus_row(id="2", price_cents=-1), chorus_row(id="1"), chorus_row(id="3", attrs_text="{oops")]
    pd.DataFrame([chorus_row(), *broken]).to_parquet(path)
    shop = load("chorus", path, currency="EUR")
    (product,) = shop.catalog.frame.to_dict("records")
    assert json.loads(product["attributes"]) == {"a": "b", "n": 6.0, "product_type": "Original"}
    assert (product["price"], product["currency"], product["category"]) == (4995, "EUR", "")
    assert shop.rejects.frame["row"].tolist() == [2, 3, 4]
    assert len(shop.events) == 0
    assert len(shop.interactions()) == 0
    with pytest.raises(InputError, match="'euro'"):
        load("chorus", path, currency="euro")


def test_sequences_keep_their_order(tmp_path):
    path, labels = tmp_path / "s.txt", tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbfu1 3 1 2\n\nu2 1 1\nu3\nu1 9\n")
    labels.write_text('{"3": [7, 8]}')
    shop = load("sequences", path, attributes=labels)
    log = shop.interactions().to_frame()
    assert log[log["user"] == "u1"]["item"].tolist() == ["3", "1", "2"]
    assert log[log["user"] == "u2"]["item"].tolist() == ["1", "1"]
    assert shop.rejects.frame[["row", "reason"]].to_numpy().tolist() == [[4, "no items"], [5, "user occurs twice"]]
    assert shop.manifest.times == "order"
    assert shop.catalog.frame.set_index("product_id").loc["3", "attributes"] == '{"labels":"a7 a8"}'
    assert load("sequences", path, ordered=False).interactions().times is None
    for content in ("{", "[1]", '{"a": 1}'):
        labels.write_text(content)
        with pytest.raises(DataError, match="JSON|lists"):
            load("sequences", path, attributes=labels)


def test_a_huge_line_of_a_sequence_is_set_aside(tmp_path):
    path = tmp_path / "s.txt"
    path.write_bytes(b"u " + b"1 " * 5_000_000 + b"\nv 1 2\n")
    shop = load("sequences", path)
    assert shop.manifest.rejected == {"(line): longer than 4 MiB": 1}
    assert len(shop.events) == 2


def test_complete_journey(tmp_path):
    line = {
        "household_id": "1", "basket_id": "b", "product_id": "5", "quantity": 2.0, "sales_value": 5.0,
        "transaction_timestamp": pd.Timestamp("2017-01-28 19:06:53"),
    }  # fmt: skip
    bad = [{**line, "quantity": 0.0}, {**line, "sales_value": 0.0}, {**line, "quantity": 9000.0}]
    pd.DataFrame([line, *bad]).to_parquet(tmp_path / "t.parquet")
    goods = {"product_id": ["5", "6"], "department": "GROCERY", "brand": "Private", "product_category": "EGGS"}
    goods |= {"product_type": "nan", "package_size": "1 DZ"}
    pd.DataFrame(goods).to_parquet(tmp_path / "completejourney_products.parquet")
    shop = load("completejourney", tmp_path / "t.parquet")
    (product,) = shop.catalog.frame.to_dict("records")
    assert (product["title"], product["category"], product["price"]) == ("EGGS, 1 DZ", "GROCERY > EGGS", 250)
    assert shop.rejects.frame["row"].tolist() == [2, 3, 4]
    assert shop.events["price"].tolist() == [250]


@pytest.mark.parametrize(
    ("source", "path", "expected"),
    [
        ("movielens", "recommend/ml-100k", {"ratings": 100_000, "users": 943, "products": 1682, "rejected": 0}),
        ("chorus", "search/chorus_products.parquet", {"products": 19_406, "rejected": 0}),
        ("sequences", "recommend/amazon_Beauty.txt", {"users": 22_363, "products": 12_101, "events": 198_502}),
        (
            "completejourney",
            "recommend/completejourney_transactions_sample.parquet",
            {"lines": 75_000, "events": 73_778, "rejected": 1_222},
        ),
    ],
)
def test_the_real_files(shared_data, source, path, expected):
    counts = load(source, shared_data / path).manifest.counts
    assert {name: counts[name] for name in expected} == expected
