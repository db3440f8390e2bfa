"""What was read of a catalogue once is read from the folder by the next process, and says the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import shopr.chat.shelf_rows as module
from shopr.chat.shelf import Shelf
from shopr.chat.shelf_rows import Grouped
from shopr.data.catalog import Catalog
from tests.chat.shop import catalog


def test_a_kept_shelf_says_what_a_fresh_one_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, first = Shelf(catalog()), Shelf(catalog(), tmp_path / "kept")
    monkeypatch.setattr(module, "kinds_of", None)  # nothing is read anew
    kept = Shelf(catalog(), tmp_path / "kept")
    assert kept.kinds.rows.keys() == fresh.kinds.rows.keys() == first.kinds.rows.keys()
    for concept in fresh.kinds.rows:
        np.testing.assert_array_equal(kept.kinds.rows[concept], fresh.kinds.rows[concept])
        np.testing.assert_array_equal(kept.kinds.sure[concept], fresh.kinds.sure[concept])
        assert kept.kinds.phrase[concept].tolist() == fresh.kinds.phrase[concept].tolist()
        np.testing.assert_array_equal(kept.kinds.typical(concept), fresh.kinds.typical(concept))
    words = {word for title in fresh.titles for word in title.lower().split()} | {"nowhere"}
    for word in words:
        assert kept.word_rows(word).tolist() == fresh.word_rows(word).tolist()
        assert kept.word_count(word) == len(fresh.word_rows(word))
    for colour in ("black", "red", "none such"):
        assert kept.colour_rows(colour).tolist() == fresh.colour_rows(colour).tolist()
    assert len(fresh.colour_rows("black"))


def test_another_catalogue_is_read_anew_and_so_is_a_damaged_folder(tmp_path: Path) -> None:
    whole = catalog()
    Shelf(whole, tmp_path)
    half = Catalog(whole.frame.iloc[: len(whole) // 2].reset_index(drop=True))
    assert all(rows.max(initial=0) < len(half) for rows in Shelf(half, tmp_path).kinds.rows.values())
    for path in tmp_path.glob("*/index.json"):
        path.write_text(path.read_text().replace('"concepts"', '"nothing"'))
    assert Shelf(whole, tmp_path).kinds.rows.keys() == Shelf(whole).kinds.rows.keys()


def test_rows_are_grouped_by_key() -> None:
    grouped = Grouped.of([("a", 0), ("b", 0), ("a", 2), ("a", 5)])
    assert grouped.get("a").tolist() == [0, 2, 5]
    assert grouped.get("b").tolist() == [0]
    assert grouped.get("c").tolist() == []
    assert (grouped.count("a"), grouped.count("c")) == (3, 0)
    assert Grouped.of([]).get("a").tolist() == []
