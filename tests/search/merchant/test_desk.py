"""Search at work in one shop: synonyms that are read again, pictures that are kept, failures with advice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.data.catalog import Catalog
from shopr.errors import DataError, NotReadyError, SpecError, StorageError
from shopr.search import Filters
from shopr.search.merchant.desk import SearchDesk
from shopr.search.merchant.querylog import QueryLog
from shopr.storage.database import Database
from tests.search.pictures.test_search import COLOURS, picture

NAMES = {"mug": "Mug", "dress": "Summer dress", "trainers": "Running trainers"}


@pytest.fixture
def shop(tmp_path: Path) -> tuple[Catalog, Path]:
    folder = tmp_path / "shop"
    (folder / "images").mkdir(parents=True)
    rows = []
    for kind, noun in NAMES.items():
        for colour in COLOURS:
            file = f"images/{kind}-{colour}.png"
            (folder / file).write_bytes(picture(kind, colour))
            rows.append((f"{kind}-{colour}", f"{colour.capitalize()} {noun}", noun, file))
    return Catalog.from_frame(pd.DataFrame(rows, columns=["product_id", "title", "category", "image"])), folder


@pytest.fixture
def log(stores: Settings, clock: ManualClock) -> Iterator[QueryLog]:
    database = Database.open(stores)
    yield QueryLog(database, "demo", clock=clock)
    database.close()


def test_a_rule_mends_a_failing_query_at_once_and_for_who_opens_the_shop_later(
    shop: tuple[Catalog, Path], log: QueryLog
) -> None:
    desk = SearchDesk(*shop, log)
    assert desk.search("gym kicks").abstained
    assert not desk.failures()[0].mended
    desk.add_synonym("kicks", "trainers")
    desk.add_synonym("gym", "running")
    found = desk.search("Gym  kicks", count=False)
    assert found.query == "Gym  kicks"
    assert found.corrected == "running trainers"
    assert {name.partition("-")[0] for name in found.product_ids} == {"trainers"}
    assert desk.failures()[0].mended
    assert SearchDesk(*shop).search("gym kicks").product_ids == found.product_ids


def test_a_file_that_became_wrong_is_told_and_one_that_is_gone_is_forgotten(shop: tuple[Catalog, Path]) -> None:
    desk = SearchDesk(*shop)
    desk.add_synonym("kicks", "trainers")
    path = desk.folder / "synonyms.yaml"
    before = path.read_text()
    with pytest.raises(SpecError, match="stands for itself"):
        desk.add_synonym("mugs", "mug")
    assert path.read_text() == before
    path.write_text("replace: 5\n")
    with pytest.raises(SpecError, match="holds no rules"):
        desk.search("mug")
    path.unlink()
    assert desk.search("mug").product_ids


def test_a_place_that_cannot_be_written_is_told(shop: tuple[Catalog, Path]) -> None:
    desk = SearchDesk(shop[0], shop[1] / "nowhere" / "deep")
    with pytest.raises(StorageError):
        desk.add_synonym("kicks", "trainers")


def test_only_searches_by_words_alone_are_counted(shop: tuple[Catalog, Path], log: QueryLog) -> None:
    desk = SearchDesk(*shop, log)
    desk.search("zzyzx", filters=Filters(brands=("none",)))
    desk.search("zzyzx", count=False)
    assert desk.failures() == []
    desk.search("zzyzx", language="de")
    (failure,) = desk.failures()
    assert failure.query.languages == ("de",)
    assert failure.advice.unknown == ("zzyzx",)
    assert SearchDesk(*shop).failures() == []


def test_the_index_of_pictures_is_kept_until_the_pictures_change(shop: tuple[Catalog, Path]) -> None:
    catalog, folder = shop
    desk = SearchDesk(catalog, folder)
    assert desk.pictured == 9
    assert desk.pictures is None
    asked = picture("mug", "red", 1)
    assert desk.search_picture(asked, 3).labels[0] == "Mug"
    kept = SearchDesk(catalog, folder)
    assert kept.pictures is not None
    assert kept.search_picture(asked, 3).product_ids == desk.search_picture(asked, 3).product_ids
    (folder / "images" / "mug-red.png").write_bytes(picture("dress", "red"))
    assert SearchDesk(catalog, folder).pictures is None
    with pytest.raises(DataError, match="no picture"):
        desk.search_picture(b"%PDF")


def test_a_shop_without_pictures_says_so(tmp_path: Path) -> None:
    desk = SearchDesk(Catalog.from_frame(pd.DataFrame({"product_id": ["a"], "title": ["Mug"]})), tmp_path)
    assert desk.pictured == 0
    with pytest.raises(NotReadyError, match="at least 2"):
        desk.search_picture(picture("mug", "red"))


def test_the_assistant_s_searches_are_counted_under_the_synonyms(
    shop: tuple[Catalog, Path], log: QueryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = SearchDesk(*shop, log)
    assert desk.counted.search("zzyzx", 100).abstained
    desk.add_synonym("zzyzx", "mug")
    assert desk.counted.search("zzyzx").corrected == "mug"
    assert [f.query.asked for f in desk.failures()] == [1]

    def refuse(*_: object) -> None:
        raise StorageError("locked")

    monkeypatch.setattr(log, "record", refuse)
    assert len(desk.counted.search("mug")) == 3
