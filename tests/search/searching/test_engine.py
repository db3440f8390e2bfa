"""Search over a small shop whose right answers are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.errors import DataError, InputError, UnknownNameError
from shopr.search import Filters, ProductSearch
from shopr.search.catalogue.storing import LAYOUT
from tests.search.shelf import ROWS, catalog


@pytest.fixture(scope="module")
def shop() -> ProductSearch:
    return ProductSearch.build(catalog())


def ids(shop: ProductSearch, query: str, **options) -> list[str]:
    return list(shop.search(query, **options).product_ids)


def test_a_kind_is_found_under_the_name_that_the_shop_does_not_use(shop):
    found = shop.search("laptop")
    assert found.product_type == "laptop"
    assert set(found.product_ids[:3]) == {"l1", "l2", "l3"}


def test_a_type_filter_leaves_accessories_out(shop):
    assert set(ids(shop, "notebook", filters=Filters(types=("laptop",)))) == {"l1", "l2", "l3"}
    assert set(ids(shop, "", filters=Filters(types=("laptop bag",)))) == {"b1", "b2", "b3"}
    assert not set(ids(shop, "notebook", filters=Filters(not_types=("notebook case",)))) & {"b1", "b2", "b3"}


@pytest.mark.parametrize("query", ["TN-2110", "tn2110", "tn 2110", "brava tn-2110 toner"])
def test_a_part_number_is_found_however_it_is_written(shop, query):
    assert ids(shop, query)[0] == "t1"


def test_a_part_of_a_part_number_is_enough(shop):
    assert ids(shop, "7553")[:1] == ["t3"]


@pytest.mark.parametrize(
    ("typed", "meant", "first"),
    [
        ("notebok", "notebook", "l"),
        ("hedset", "headset", "h"),
        ("keybaord", "keyboard", "k"),
        ("wirless mouse", "wireless mouse", "m1"),
    ],
)
def test_words_that_the_catalogue_does_not_know_are_corrected(shop, typed, meant, first):
    found = shop.search(typed)
    assert found.corrected == meant
    assert found.product_ids[0].startswith(first)


def test_known_words_are_left_alone(shop):
    assert shop.search("white mouse").corrected is None


def test_two_words_meet_the_one_that_the_catalogue_writes(shop):
    assert set(ids(shop, "head set")[:3]) == {"h1", "h2", "h3"}


def test_nothing_rather_than_something_wrong(shop):
    found = shop.search("garden umbrella")
    assert found.abstained
    assert not len(found)
    near = shop.search("toner 9999")
    assert near.product_ids == () or near.confidences[0] < 0.99


@pytest.mark.parametrize("query", ["", "   ", "🙂🙂", "\u202e\u200b", "!!!", "of the"])
def test_a_query_without_words_finds_nothing_or_everything_but_never_fails(shop, query):
    found = shop.search(query, 3)
    assert len(found.product_ids) <= 3


def test_a_huge_query_costs_no_more_than_a_long_one(shop):
    assert shop.search("mouse " * 20_000).product_type == "mouse"


def test_filters(shop):
    assert set(ids(shop, "mouse", filters=Filters(price_max=2000))) == {"m1"}
    assert "m3" not in ids(shop, "mouse", filters=Filters(price_min=0))
    assert set(ids(shop, "mouse", filters=Filters(brands=("BORG",)))) == {"m2"}
    assert "m2" not in ids(shop, "mouse", filters=Filters(not_brands=("borg",)))
    assert set(ids(shop, "", filters=Filters(colours=("gray",), types=("notebook case",)))) == {"b1"}
    assert set(ids(shop, "", filters=Filters(not_colours=("black",), types=("notebook case",)))) == {"b2", "b3"}
    assert set(ids(shop, "", filters=Filters(materials=("leather",)))) == {"b2"}
    assert "b2" not in ids(shop, "notebook case", filters=Filters(not_materials=("leather",)))
    assert set(ids(shop, "mouse", filters=Filters(exclude_ids=("m1",), only_ids=("m1", "m2")))) == {"m2"}


def test_stock_is_the_catalogues_unless_the_caller_gives_its_own(shop):
    assert "m1" not in ids(shop, "mouse", filters=Filters(in_stock=True))
    own = np.full(len(shop), np.nan)
    own[[i for i, row in enumerate(ROWS) if row["product_id"] == "m2"]] = 0
    assert "m2" not in ids(shop, "mouse", filters=Filters(in_stock=True), stock=own)
    assert ids(shop, "mouse", filters=Filters(in_stock=False), stock=own) == ["m2"]
    with pytest.raises(InputError, match="one a catalogue row"):
        shop.search("mouse", filters=Filters(in_stock=True), stock=np.zeros(3))


def test_sorting_covers_what_matches(shop):
    assert ids(shop, "notebook", sort="price_asc") == ["l3", "l1", "l2"]
    assert ids(shop, "notebook", sort="price_desc") == ["l2", "l1", "l3"]
    assert ids(shop, "mouse", sort="price_asc")[-1] == "m3"
    assert ids(shop, "toner cartridge", sort="newest") == ["t3", "t2", "t1"]
    with pytest.raises(UnknownNameError, match="price_asc"):
        shop.search("mouse", sort="price")


def test_features_of_the_caller_tip_the_scales(shop):
    liked = np.zeros(len(shop))
    liked[[i for i, row in enumerate(ROWS) if row["product_id"] == "h3"]] = 1
    assert ids(shop, "headset", features={"affinity": liked})[0] == "h3"
    with pytest.raises(UnknownNameError):
        shop.search("headset", features={"charm": liked})
    with pytest.raises(InputError):
        shop.search("headset", features={"affinity": liked[:3]})


def test_facets_count_what_was_found(shop):
    facets = shop.facets(shop.search("mouse"))
    assert facets["brand"] == {"Acme": 1, "Borg": 1, "Cira": 1}
    assert sum(facets["price"].values()) == 2
    assert shop.facets(Filters(types=("laptop",)))["colour"] == {"black": 1, "silver": 1, "white": 1}


def test_confidences_are_probabilities_and_accessories_are_less_sure(shop):
    found = shop.search("notebook", 6)
    sure = dict(zip(found.product_ids, found.confidences, strict=True))
    assert all(0 <= value <= 1 for value in sure.values())
    assert min(sure[name] for name in ("l1", "l2", "l3")) > max(v for name, v in sure.items() if name[0] == "b")


def test_suggestions_complete_what_is_typed(shop):
    assert shop.suggest("head", 3)[0] == "headset"
    assert all("acme" in s for s in shop.suggest("acme", 5))
    assert shop.suggest("", 5) == []


def test_a_batch_answers_as_single_queries_do(shop):
    queries = ["mouse", "headset", "mouse"]
    assert [f.product_ids for f in shop.search_batch(queries, 4)] == [shop.search(q, 4).product_ids for q in queries]


def test_empty_and_tiny_catalogues():
    assert ProductSearch.build(Catalog.empty()).search("mouse").product_ids == ()
    one = ProductSearch.build(catalog(ROWS[:1]))
    assert one.search("notebook").product_ids == ("l1",)


def test_titles_in_several_languages():
    rows = [
        {"product_id": "de", "title": "Kabellose Kopfhörer schwarz", "language": "de"},
        {"product_id": "fr", "title": "Souris sans fil noire", "language": "fr"},
        {"product_id": "zh", "title": "无线鼠标", "language": "zh"},
        {"product_id": "en", "title": "Wireless keyboard", "language": "en"},
    ]
    shop = ProductSearch.build(catalog(rows))
    for query, first in (("kopfhorer", "de"), ("souris", "fr"), ("鼠标", "zh"), ("keyboards", "en")):
        assert shop.search(query).product_ids[:1] == (first,)


def test_a_category_path_names_the_kind_and_can_be_asked_for():
    rows = [
        {"product_id": "v", "title": "Casa Tansy, brown", "category": "Home > Decoration > Vase"},
        {"product_id": "h", "title": "Penny Saffron, green", "category": "Accessories > Seasonal > Hat"},
    ]
    shop = ProductSearch.build(catalog(rows))
    assert shop.search("", filters=Filters(types=("vase",))).product_ids == ("v",)
    assert shop.search("", filters=Filters(categories=("accessories",))).product_ids == ("h",)
    assert shop.search("vases").product_ids[0] == "v"


def test_bad_calls():
    with pytest.raises(InputError, match="whole minor units"):
        Filters(price_max=12.5)
    with pytest.raises(InputError, match="tuple of names"):
        Filters(brands="Acme")
    with pytest.raises(InputError, match="1 product or more"):
        ProductSearch.build(catalog()).search("mouse", 0)


def same(a: ProductSearch, b: ProductSearch) -> None:
    for query in ("laptop", "tn 2110", "hedset", "black mouse", "head set", "garden umbrella", "usb cable 3 metres"):
        one, two = a.search(query), b.search(query)
        assert one.product_ids == two.product_ids
        assert np.allclose(one.scores, two.scores)
        assert np.allclose(one.confidences, two.confidences)
        assert (one.corrected, one.abstained, one.product_type) == (two.corrected, two.abstained, two.product_type)


def test_saved_and_loaded_it_answers_as_before(shop, tmp_path):
    shop.save(tmp_path / "index")
    loaded = ProductSearch.load(tmp_path / "index")
    same(shop, loaded)
    assert isinstance(loaded.index.postings.impacts.base, np.memmap)


def test_an_update_equals_a_fresh_build():
    shop = ProductSearch.build(catalog(ROWS[:-6]))
    changed = [{**ROWS[0], "title": 'Acme A101 notebook 43.9 cm (17.3") Blue'}, *ROWS[2:]]
    done = shop.update(catalog(changed))
    assert (done.added, done.changed, done.removed) == (6, 1, 1)
    same(shop, ProductSearch.build(catalog(changed)))


def test_a_loaded_index_can_be_updated(shop, tmp_path):
    shop.save(tmp_path / "index")
    loaded = ProductSearch.load(tmp_path / "index")
    loaded.update(catalog(ROWS[3:]))
    same(loaded, ProductSearch.build(catalog(ROWS[3:])))


@pytest.mark.parametrize("damage", ["cut", "flip", "gone", "layout", "foreign", "manifest"])
def test_a_damaged_or_foreign_index_is_refused(shop, tmp_path, damage):
    folder = shop.save(tmp_path / "index")
    file, manifest = folder / "postings_rows.npy", folder / "index.json"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-8])
    elif damage == "flip":
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(bytes(data))
    elif damage == "gone":
        file.unlink()
    elif damage == "layout":
        manifest.write_text(manifest.read_text().replace(f'"layout": {LAYOUT}', '"layout": 99'))
    elif damage == "foreign":
        manifest.write_text('{"format": "something else"}')
    else:
        manifest.write_text("{")
    with pytest.raises(DataError, match="index"):
        ProductSearch.load(folder)


def test_a_failed_save_leaves_what_was_there(shop, tmp_path, monkeypatch):
    folder = shop.save(tmp_path / "index")
    monkeypatch.setattr("numpy.save", lambda *a, **k: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(Exception, match="disk is full"):
        shop.save(folder)
    monkeypatch.undo()
    same(shop, ProductSearch.load(folder))


def test_a_paper_notebook_is_no_laptop():
    rows = [
        {"product_id": "paper", "title": "Quill Fern notebook", "category": "Gifts > Stationery > Notebook"},
        {"product_id": "computer", "title": "Acme notebook", "category": "Electronics > Computing > Notebook"},
    ]
    shop = ProductSearch.build(catalog(rows))
    assert shop.search("", filters=Filters(types=("laptop",))).product_ids == ("computer",)


def test_a_thing_that_bears_the_word_typed_stands_with_the_kind_and_its_accessories_behind():
    rows = [{"product_id": f"n{i}", "title": f"Acme N{i} notebook Black"} for i in range(6)]
    rows += [{"product_id": f"s{i}", "title": f"Borg S{i} laptop sleeve"} for i in range(4)]
    rows += [{"product_id": f"k{i}", "title": f"Cira K{i} keyboard White"} for i in range(3)]
    rows.append({"product_id": "docked", "title": "Cira D1 keyboard", "description": "Half a laptop"})
    found = ProductSearch.build(catalog(rows)).search("laptop", 11).product_ids
    assert found[0] == "docked"
    assert set(found[1:7]) == {f"n{i}" for i in range(6)}
    assert set(found[7:]) == {f"s{i}" for i in range(4)}


def test_a_products_id_finds_it_where_no_word_does() -> None:
    shop = ProductSearch.build(catalog([
        {"product_id": "85123A", "title": "White hanging heart", "brand": "Nord", "price": 500},
        {"product_id": "22423", "title": "Cake stand 3 tier", "brand": "Alder", "price": 900},
    ]))  # fmt: skip
    for query in ("85123A", " 85123a "):
        found = shop.search(query)
        assert (found.product_ids, found.abstained, found.total) == (("85123A",), False, 1)
        assert found.confidences.tolist() == [1.0]
    assert shop.search("85123A", filters=Filters(brands=("Alder",))).abstained
    assert shop.search("85123B").abstained


def test_words_that_the_catalogue_joins_and_negations_are_not_mended() -> None:
    titles = [*(f"Heart T-light holder M{i}" for i in range(6)), *(f"Light bulb M{i}" for i in range(40))]
    titles += [f"Hot water bottle red M{i}" for i in range(40)]
    rows = [{"product_id": str(i), "title": title} for i, title in enumerate(titles)]
    shop = ProductSearch.build(catalog(rows))
    found = shop.search("t-light holder")
    assert found.corrected is None
    assert found.product_ids[0] in {str(i) for i in range(6)}
    assert shop.search("bottle not red").corrected is None


def test_brands_and_categories_are_offered_as_such() -> None:
    rows = [
        {"product_id": f"p{i}", "title": f"Thing {i}", "brand": brand, "category": category}
        for i, (brand, category) in enumerate(
            [("Café Nord", "Home > Kitchen > Mugs"), ("Café Nord", "Home > Kitchen"), ("Homeland", "Garden > Home")]
        )
    ]
    small = ProductSearch.build(Catalog.from_frame(pd.DataFrame(rows)))
    told = [(offer.facet, offer.name, offer.count) for offer in small.offers("home")]
    assert told == [("brand", "Homeland", 1), ("category", "Home", 2), ("category", "Garden > Home", 1)]
    assert [offer.name for offer in small.offers("cafe")] == ["Café Nord"]
    assert [offer.name for offer in small.offers("nor")] == ["Café Nord"]
    assert [offer.name for offer in small.offers("mug")] == ["Home > Kitchen > Mugs"]
    assert small.offers("h") == small.offers("") == small.offers("zzz") == ()
