"""What is kept for the next process: read instead of made, never stale, never damaged, never the cause of a failure."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.search import SearchConfig
from shopr.search.merchant.desk import SearchDesk
from shopr.search.searching.index import Index
from shopr.search.searching.keeping import FOLDER, kept_search
from tests.search.shelf import catalog

QUERIES = ["notebook", "leather case", "wireles mouse", "acme", "nothing like that"]


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the catalogues that were indexed."""
    made: list[int] = []
    build = Index.build

    def counted(given: Catalog, config: SearchConfig) -> Index:
        made.append(len(given))
        return build(given, config)

    monkeypatch.setattr(Index, "build", staticmethod(counted))
    return made


def test_the_second_process_reads_and_answers_alike(tmp_path: Path, builds: list[int]) -> None:
    first, second = (kept_search(catalog(), tmp_path / "kept") for _ in range(2))
    assert len(builds) == 1
    assert isinstance(second.index.postings.impacts.base, np.memmap)
    for query in QUERIES:
        one, other = first.search(query), second.search(query)
        assert (one.product_ids, one.alternatives, one.corrected) == (
            other.product_ids,
            other.alternatives,
            other.corrected,
        )
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.confidences, other.confidences)


def test_another_catalogue_or_other_settings_are_never_answered_from_the_old_index(
    tmp_path: Path, builds: list[int]
) -> None:
    folder, whole = tmp_path / "kept", catalog()
    kept_search(whole, folder)
    dearer = Catalog(whole.frame.assign(price=whole.frame["price"] + 1))
    renamed = Catalog(whole.frame.assign(title=["Blue lamp", *whole.frame["title"][1:]]))
    for other in (dearer, renamed, whole.take(np.arange(len(whole) - 1))):
        assert len(kept_search(other, folder)) == len(other)
    assert kept_search(renamed, folder).search("lamp").product_ids[0] == whole.frame["product_id"].iloc[0]
    kept_search(whole, folder, SearchConfig(b=0.7))
    assert len(builds) == 5, "the one of the lamp was still there"
    assert len(list(folder.iterdir())) == 2, "the newest and one more are kept"


@pytest.mark.parametrize("harm", ["cut", "changed", "manifest", "missing", "file"])
def test_what_is_damaged_is_made_again_and_mended(tmp_path: Path, builds: list[int], harm: str) -> None:
    folder = tmp_path / "kept"
    wanted = kept_search(catalog(), folder).search("mouse").product_ids
    (key,) = folder.iterdir()
    rows = key / "postings_rows.npy"
    if harm == "cut":
        os.truncate(rows, rows.stat().st_size - 3)
    elif harm == "changed":
        content = bytearray(rows.read_bytes())
        content[-1] ^= 1
        rows.write_bytes(content)
    elif harm == "manifest":
        (key / "index.json").write_text("{")
    elif harm == "missing":
        rows.unlink()
    else:
        for path in key.iterdir():
            path.unlink()
        key.rmdir()
        key.write_text("in the way")
    assert kept_search(catalog(), folder).search("mouse").product_ids == wanted
    assert kept_search(catalog(), folder).search("mouse").product_ids == wanted
    assert len(builds) == 2
    assert [path.name for path in folder.iterdir()] == [key.name]


def test_several_that_start_at_once_leave_one_sound_index(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: kept_search(catalog(), folder).search("mouse").product_ids, range(16)))
    assert len(set(found)) == 1
    assert len(list(folder.iterdir())) == 1
    assert kept_search(catalog(), folder).search("mouse").product_ids == found[0]


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "kept").write_text("a file is in the way")
    assert kept_search(catalog(), tmp_path / "kept").search("mouse").product_ids
    assert "not kept for the next process" in caplog.text


def test_what_dead_processes_began_is_swept_when_it_is_old(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    for name in (".new-dead", ".new-atwork"):
        (folder / name).mkdir(parents=True)
    os.utime(folder / ".new-dead", (0, 0))
    kept_search(catalog(), folder)
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == [".new-atwork"]


def test_an_index_that_was_read_can_be_updated(tmp_path: Path) -> None:
    kept_search(catalog(), tmp_path)
    search = kept_search(catalog(), tmp_path)
    more = pd.concat([catalog().frame, catalog().frame.iloc[:1].assign(product_id="new", title="Zed garden hose")])
    assert search.update(Catalog.from_frame(more)).added == 1
    assert search.search("garden hose").product_ids == ("new",)


def test_the_desk_keeps_its_index_in_the_shops_folder_alone(tmp_path: Path, builds: list[int]) -> None:
    for _ in range(2):
        assert SearchDesk(catalog(), tmp_path).search("mouse", count=False).product_ids
    assert len(builds) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FOLDER]
    assert SearchDesk(catalog(), tmp_path / "nowhere").search("mouse", count=False).product_ids
    assert not (tmp_path / "nowhere").exists()
