"""Merchandising rules: what a file may say, what the filters take away, how a list is arranged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.data.ids import IdMap
from shopr.errors import SpecError
from shopr.recommend.lists.listing import arrange
from shopr.recommend.lists.rules import Merchandising, apply, load

ROOT = Path(__file__).resolve().parents[3]
GOOD = "name: mine\nkind: rules\nprice:\n  min: 5\n"


@pytest.fixture
def products() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "product_id": list("abcdef"),
            "title": list("ABCDEF"),
            "category": ["Toys > Cars", "Toys > Dolls", "Toysets", "Home", "Home", ""],
            "brand": ["X", "X", "x", "Y", "Y", ""],
            "price": [100, 500, 900, 1500, 2500, None],
            "currency": ["GBP"] * 5 + [""],
            "stock": [0, 3, None, 5, 5, None],
            "attributes": ['{"margin": 0.05}', '{"margin": "0.3"}', "{}", '{"margin": "high"}', "{}", "{}"],
        }
    )
    return Catalog.from_frame(frame).align(IdMap([*"abcdef", "stranger"]))


def left(products: pd.DataFrame, **settings: object) -> str:
    kept = apply(Merchandising(**{"in_stock": False, **settings}), products)
    return "".join(products["product_id"][kept.mask].str[:1])


def test_each_filter_keeps_what_it_should(products):
    assert left(products) == "abcdefs"
    assert left(products, in_stock=True) == "bcdefs"
    assert left(products, price={"min": 5, "max": "15.00"}) == "bcdfs"
    assert left(products, categories={"include": ["Toys"]}) == "ab"
    assert left(products, categories={"exclude": ["Toys > Cars", "Home"]}) == "bcfs"
    assert left(products, brands={"include": ["x"]}) == "abc"
    assert left(products, brands={"exclude": ["Y"]}) == "abcfs"
    assert left(products, exclude_products=["a", "f", "unheard"]) == "bcdes"
    assert left(products, min_margin=0.1) == "bcdefs"


def test_nothing_left_says_which_rule_took_how_many(products):
    found = apply(Merchandising(price={"max": 20}, categories={"include": ["Garden"]}), products)
    assert found.candidates.tolist() == []
    assert found.removed == {"in_stock": 1, "price": 1, "categories.include": 5}
    assert (
        found.reason == "nothing left of 7 products: in_stock removed 1, price removed 1, categories.include removed 5"
    )


def test_an_arranged_list_keeps_caps_and_paid_places(products):
    rules = Merchandising(max_per_brand=1, sponsored=[{"position": 2, "product": "e", "label": "Ad"}])
    items, scores = np.array([[4, 3, 0, 1, 5]]), np.array([[5.0, 4, 3, 2, 1]])
    found = arrange(rules, items, scores, products, 3)
    assert found.items.tolist() == [[3, 4, 0]]
    assert found.labels.tolist() == [["", "Ad", ""]]
    assert found.scores[0, [0, 2]].tolist() == [4, 3]
    barred = np.arange(len(products)) == 4
    assert arrange(rules, items, scores, products, 3, barred=barred).labels.tolist() == [["", "", ""]]


def test_a_paid_place_beyond_the_list_s_end_joins_its_end(products):
    rules = Merchandising(sponsored=[{"position": 5, "product": "e"}])
    found = arrange(rules, np.array([[0, 1]]), np.array([[2.0, 1]]), products, 20)
    assert found.items[0][:4].tolist() == [0, 1, 4, -1]
    assert found.labels[0, 2] == "Sponsored"


def test_most_holds_whatever_is_asked(products):
    found = arrange(Merchandising(most=2), np.array([[0, 1, 2]]), np.array([[3.0, 2, 1]]), products, 10)
    assert found.items.shape == (1, 2)


def test_diversity_and_calibration_without_their_data_are_left_out(products):
    rules = Merchandising(diversity=0.5, calibration=0.5)
    assert arrange(rules, np.array([[0, 1]]), np.array([[2.0, 1]]), products, 2).items.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "max_per_brnd: 2\n", r"line 5: max_per_brnd: unknown key\. Did you mean 'max_per_brand'"),
        ("kind: rules\nprice:\n  mni: 5\n", r"line 3: price.mni: unknown key\. Did you mean 'min'"),
        ("kind: rules\nprice: {min: 9, max: 5}\n", r"line 2: price: min 9 is above max 5"),
        ("kind: rules\nalready_bought: hid\n", r"line 2: already_bought: 'hid' is not known\. Did you mean 'hide'"),
        (
            "kind: rules\nsponsored:\n  - {position: 1, product: a}\n  - {position: 40, product: b}\n",
            r"line 4: sponsored.1.position",
        ),
        ("sponsored:\n  - {position: 1, product: a}\n  - {position: 1, product: b}\n", r"position 1 occurs twice"),
        ("sponsored:\n  - {position: 1, prodct: a}\n", r"line 2: .*prodct: unknown key\. Did you mean 'product'"),
        ("diversity: .7\ncalibration: .7\n", r"diversity 0.7 \+ calibration 0.7 is above 1"),
        ("most: 50\n", r"line 1: most"),
        ("name: a\nname: b\n", r"line 2: key 'name' occurs twice"),
        ("- a\n", "holds no keys"),
        ("name: [\n", "line 2"),
    ],
)
def test_a_bad_file_names_line_and_nearest_key(tmp_path, text, message):
    path = tmp_path / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=message):
        load(path)


def test_a_missing_file_says_where_to_start(tmp_path):
    with pytest.raises(SpecError, match=r"cannot be read.*experiments/rules.yaml"):
        load(tmp_path / "none.yaml")


def test_the_example_file_loads_and_hides_what_was_bought():
    rules = load(ROOT / "experiments" / "rules.yaml")
    assert rules.exclude_seen
    assert rules.max_per_brand == 4
