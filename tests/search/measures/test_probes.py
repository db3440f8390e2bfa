"""Queries with known answers, on a catalogue whose answers are counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.errors import InputError
from shopr.search import ProductSearch
from shopr.search.measures.probes import _mistyped, calibration, probe, without_kinds

KINDS = ("Kettle", "Umbrella", "Cushion", "Notebook")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    rows = [
        (f"{kind}-{colour}-{i}", f"{brand} {kind.lower()}, {colour}", f"Shop > {kind}", colour)
        for kind in KINDS
        for colour in ("red", "blue")
        for i, brand in enumerate(("Alder", "Nordlys", "Pico"))
    ]
    return Catalog.from_frame(pd.DataFrame(rows, columns=["product_id", "title", "category", "colour"]))


def test_what_is_sold_is_found_and_what_is_not_is_refused(catalog: Catalog) -> None:
    rest, gone = without_kinds(catalog, 0.25, seed=3)
    assert len(gone) == 1
    assert len(rest) == 18
    found = probe(ProductSearch.build(rest), rest, gone, 8, seed=3)
    table = found.summary()
    assert table.loc["plain", "queries"] == 8
    assert table.loc["plain", "precision"] == 1.0
    assert table.loc["typing error", "of the kind"] >= 0.5
    assert table.loc["not sold", "abstained"] == 1.0
    assert found.matches["confidence"].between(0, 1).all()
    pd.testing.assert_frame_equal(found.queries, probe(ProductSearch.build(rest), rest, gone, 8, seed=3).queries)


def test_a_share_that_leaves_nothing_is_refused(catalog: Catalog) -> None:
    for share in (0.0, 1.0):
        with pytest.raises(InputError, match="Leave some in|share"):
            without_kinds(catalog, share)


def test_a_typing_error_is_one_edit_of_one_word() -> None:
    draw = np.random.default_rng(0)
    for _ in range(200):
        changed = _mistyped("red kettle", draw)
        assert changed.startswith("red ")
        assert abs(len(changed) - len("red kettle")) <= 1
    assert _mistyped("a bc", draw) == "a bc"


def test_calibration_is_counted_by_hand() -> None:
    matches = pd.DataFrame({"confidence": [0.95, 0.95, 0.15, 0.15], "relevant": [True, True, False, True]})
    table, error = calibration(matches)
    assert table["true"].tolist() == [0.5, 1.0]
    assert table["products"].tolist() == [2, 2]
    assert error == pytest.approx((0.35 + 0.05) / 2)
    assert calibration(matches.iloc[:0])[1] == 0.0
