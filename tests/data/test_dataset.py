"""A shop's folder is written whole or not at all, and reads back as it was."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pandas as pd
import pytest

from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.data.rejects import Rejects
from shopr.errors import DataError, NotReadyError, StorageError


def shop(title: str = "Cup", **more: object) -> Dataset:
    catalogue = Catalog.from_frame(pd.DataFrame({"product_id": ["1", "2"], "title": [title, "Mug"]}))
    events = pd.DataFrame(
        {
            "event_id": ["b", "a"],
            "type": "order_completed",
            "time": pd.to_datetime(["2024-01-02", "2024-01-01"], utc=True),
            "user_id": ["u", None],
            "product_id": ["1", "2"],
            "quantity": 1,
            "order_id": "o",
        }
    )
    options = {"rejects": Rejects.of("f.csv", [3], "price", "negative", [-1]), "images": {"a/1.png": b"png"}}
    return Dataset.build("demo", "test", catalogue, events, **{**options, **more})


def test_it_reads_back_as_it_was(tmp_path):
    made = shop(extras={"users": pd.DataFrame({"user": ["u"], "age": [30]})}, details={"seed": 1})
    read = Dataset.load(made.save(tmp_path / "s"))
    assert read.manifest == made.manifest
    assert read.fingerprint == made.manifest.fingerprint
    pd.testing.assert_frame_equal(read.events, made.events)
    pd.testing.assert_frame_equal(read.catalog.frame, made.catalog.frame)
    pd.testing.assert_frame_equal(read.rejects.frame, made.rejects.frame)
    assert (read.images / "a" / "1.png").read_bytes() == b"png"
    assert read.extras["users"]["age"].tolist() == [30]
    assert made.manifest.counts == {
        "products": 2, "events": 2, "users": 1, "texts": 0, "prices": 0, "rejected": 1, "images": 1,
    }  # fmt: skip
    assert made.manifest.rejected == {"price: negative": 1}
    assert made.events["event_id"].tolist() == ["a", "b"]
    assert len(made.interactions()) == 1
    assert made.ratings() is None


def test_saving_over_itself_keeps_pictures_and_leaves_nothing_behind(tmp_path):
    shop().save(tmp_path / "s")
    again = Dataset.load(tmp_path / "s")
    again.save(tmp_path / "s")
    assert Dataset.load(tmp_path / "s").fingerprint == again.fingerprint
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full. Free some space and run it again; what was stored before is intact"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "permission denied"),
    ],
)
def test_a_write_that_fails_leaves_the_old_shop(tmp_path, monkeypatch, number, words):
    folder = tmp_path / "s"
    old = shop()
    old.save(folder)

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(StorageError, match=words):
        shop("Plate").save(folder)
    monkeypatch.undo()
    assert Dataset.load(folder).catalog.frame["title"][0] == "Cup"
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_real_full_device_is_one_clear_error(tmp_path, monkeypatch):
    full = Path("/dev/full")
    if not full.exists():
        monkeypatch.setattr(pd.DataFrame, "to_parquet", _no_space)
    else:
        monkeypatch.setattr(pd.DataFrame, "to_csv", lambda self, path, **_: full.write_text("x" * 100_000))
    with pytest.raises(StorageError, match="the disk is full"):
        shop().save(tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def _no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_crash_between_the_renames_is_mended(tmp_path):
    shop().save(tmp_path / "s")
    (tmp_path / "s").rename(tmp_path / ".s.previous")
    assert Dataset.load(tmp_path / "s").name == "demo"
    (tmp_path / ".s.previous").mkdir()
    assert Dataset.load(tmp_path / "s").name == "demo"
    assert not (tmp_path / ".s.previous").exists()


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "s").write_text("mine")
    with pytest.raises(StorageError, match="it is a file"):
        shop().save(tmp_path / "s")
    with pytest.raises(StorageError, match=r"cannot write"):
        shop().save(tmp_path / "s" / "below")
    assert (tmp_path / "s").read_text() == "mine"


def test_damage_is_named(tmp_path):
    with pytest.raises(NotReadyError, match="there is no shop"):
        Dataset.load(tmp_path / "none")
    folder = shop().save(tmp_path / "s")
    (folder / "events.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"events\.parquet cannot be read"):
        Dataset.load(folder)
    (folder / "events.parquet").unlink()
    with pytest.raises(DataError, match=r"events\.parquet cannot be read"):
        Dataset.load(folder)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"manifest\.json cannot be read"):
        Dataset.load(folder)
    (folder / "manifest.json").write_text(json.dumps({"name": "x", "source": "y", "layout": 99}))
    with pytest.raises(DataError, match=r"manifest\.json cannot be read"):
        Dataset.load(folder)


def test_pictures_stay_inside(tmp_path):
    with pytest.raises(DataError, match="outside the shop's folder"):
        shop(images={"../../evil.png": b"x"}).save(tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def test_tables_need_their_columns():
    with pytest.raises(DataError, match="prices has the columns"):
        shop(prices=pd.DataFrame({"product_id": ["1"]}))


def test_the_fingerprint_follows_the_content():
    assert shop().fingerprint == shop().fingerprint
    assert shop("Plate").fingerprint != shop().fingerprint
    assert shop(images={"a/1.png": b"other"}).fingerprint != shop().fingerprint
    assert shop(rejects=Rejects()).fingerprint == shop().fingerprint


def test_untimed_data_gives_untimed_interactions():
    assert shop(times="none").interactions().times is None
    assert shop().interactions().times is not None


def test_pictures_are_found_in_memory_and_on_disk(tmp_path: Path):
    made = shop(images={"a/1.png": b"one"})
    paths = ["images/a/1.png", "", "images/gone.png"]
    assert made.pictures(paths) == [b"one", None, None]
    found = Dataset.load(made.save(tmp_path / "shop")).pictures(paths)
    assert isinstance(found[0], Path)
    assert found[0].read_bytes() == b"one"
    assert found[1:] == [None, None]
    assert shop(images=None).pictures(paths) == [None, None, None]


def test_what_people_wrote_for_the_shop_stays_when_its_data_are_replaced(tmp_path: Path) -> None:
    folder = shop().save(tmp_path / "demo")
    for name in ("synonyms.yaml", "rules.yaml", "learnt_search.json"):
        (folder / name).write_text(name, encoding="utf-8")
    (folder / "word_index").mkdir()
    (folder / "old.parquet").write_bytes(b"")
    shop().save(folder)
    for name in ("synonyms.yaml", "rules.yaml", "learnt_search.json"):
        assert (folder / name).read_text(encoding="utf-8") == name
    assert not (folder / "word_index").exists()
    assert not (folder / "old.parquet").exists()
