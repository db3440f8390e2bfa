"""Search by picture on pictures whose shapes and colours are known, stored and loaded."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from shopr.data.catalog import Catalog
from shopr.data.simulator.pictures import draw_picture
from shopr.errors import DataError, InputError, NotReadyError, StorageError
from shopr.search.pictures.config import VisualConfig
from shopr.search.pictures.features import BLOCKS, SIZES, describe_picture, describe_pictures
from shopr.search.pictures.foreground import find_foreground
from shopr.search.pictures.model import Kinds, Projection
from shopr.search.pictures.search import VisualSearch

KINDS = ("trainers", "dress", "mug", "backpack")
COLOURS = ("red", "navy", "green")


def picture(kind: str, colour: str, variation: int = 0, *, mirrored: bool = False) -> bytes:
    drawn = draw_picture(kind, colour, "plain", variation)
    if mirrored:
        drawn = drawn.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, Path]:
    """A shop of pictures: two products share each, one product has a broken picture, one has none."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "images").mkdir()
    rows = []
    for kind in KINDS:
        for colour in COLOURS:
            for variation in (0, 1):
                name = f"images/{kind}-{colour}-{variation}.png"
                (folder / name).write_bytes(picture(kind, colour, variation))
                rows += [(f"{kind}-{colour}-{variation}-{n}", kind, name) for n in (0, 1)]
    (folder / "images" / "broken.png").write_bytes(b"no picture")
    rows += [("broken", "mug", "images/broken.png"), ("bare", "mug", ""), ("gone", "mug", "images/gone.png")]
    frame = pd.DataFrame(rows, columns=["product_id", "category", "image"])
    return Catalog.from_frame(frame.assign(title=frame["product_id"])), folder


@pytest.fixture(scope="module")
def index(shop: tuple[Catalog, Path]) -> VisualSearch:
    return VisualSearch.build(*shop)


def test_a_picture_of_the_shop_finds_its_products_first(index: VisualSearch) -> None:
    for kind in KINDS:
        for colour in COLOURS:
            found = index.search(picture(kind, colour), 2)
            assert set(found.product_ids) == {f"{kind}-{colour}-0-0", f"{kind}-{colour}-0-1"}
            assert found.kind == kind
            assert 0.5 < found.chance <= 1.0


def test_another_background_and_a_mirror_change_nothing_of_the_kind(index: VisualSearch) -> None:
    asked = [picture(kind, "orange", 1, mirrored=True) for kind in KINDS]
    for kind, found in zip(KINDS, index.search_batch(asked, 10), strict=True):
        assert set(found.labels) == {kind}
        assert (np.diff(found.scores) <= 0).all()


def test_what_cannot_be_read_is_named_and_left_out(index: VisualSearch) -> None:
    assert len(index) == len(KINDS) * len(COLOURS) * 4
    assert set(index.refused) == {"images/broken.png", "images/gone.png"}
    assert "no picture that can be read" in index.refused["images/broken.png"]


def test_a_batch_gives_what_single_searches_give(index: VisualSearch) -> None:
    asked = [picture("mug", "navy"), picture("dress", "red")]
    for found, one in zip(index.search_batch(asked, 5), asked, strict=True):
        alone = index.search(one, 5)
        assert found.product_ids == alone.product_ids
        assert found.scores == pytest.approx(alone.scores, abs=1e-5)
    assert index.search_batch([], 5) == []
    assert len(index.search(asked[0], 10_000).product_ids) == len(index)


def test_a_saved_index_answers_as_the_one_that_was_saved(index: VisualSearch, tmp_path: Path) -> None:
    loaded = VisualSearch.load(index.save(tmp_path / "pictures"))
    assert isinstance(loaded.vectors, np.memmap)
    assert loaded.refused == index.refused
    asked = picture("backpack", "green", 1)
    one, other = index.search(asked), loaded.search(asked)
    assert one.product_ids == other.product_ids
    assert one.scores == pytest.approx(other.scores)
    assert (one.kind, one.chance) == (other.kind, pytest.approx(other.chance))


def test_damage_another_version_and_a_bad_place_are_told(index: VisualSearch, tmp_path: Path) -> None:
    folder = index.save(tmp_path / "pictures")
    with pytest.raises(DataError, match="no search index"):
        VisualSearch.load(tmp_path)
    manifest = json.loads((folder / "index.json").read_text())
    changed = {**manifest, "facts": {**manifest["facts"], "version": 999}}
    (folder / "index.json").write_text(json.dumps(changed))
    with pytest.raises(DataError, match="version"):
        VisualSearch.load(folder)
    (folder / "index.json").write_text(json.dumps(manifest))
    content = bytearray((folder / "vectors.npy").read_bytes())
    content[-1] ^= 255
    (folder / "vectors.npy").write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        VisualSearch.load(folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="it is a file"):
        index.save(tmp_path / "file")


def test_bad_calls_and_too_few_pictures_are_refused(index: VisualSearch, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="k is 0"):
        index.search(picture("mug", "red"), 0)
    with pytest.raises(DataError, match="no picture"):
        index.search(b"text")
    seen = describe_pictures([picture("mug", "red"), b"nothing"])
    assert seen.refused.keys() == {1}
    with pytest.raises(NotReadyError, match="at least 2"):
        VisualSearch.fit(seen, ["a", "b"])
    with pytest.raises(NotReadyError):
        VisualSearch.build(Catalog.empty(), tmp_path)
    with pytest.raises(InputError, match="3 products, 2 pictures"):
        VisualSearch.fit(describe_pictures([picture("mug", "red")] * 2), ["a", "b", "c"], [0, 1])


def test_two_pictures_without_labels_are_enough(shop: tuple[Catalog, Path]) -> None:
    asked = [picture("mug", "red"), picture("dress", "navy")]
    small = VisualSearch.fit(describe_pictures(asked), ["mug", "dress"])
    assert small.kinds is None
    for name, one in zip(("mug", "dress"), asked, strict=True):
        found = small.search(one, 2)
        assert found.product_ids[0] == name
        assert (found.kind, found.chance) == ("", 0.0)


def test_descriptors_have_their_sizes_and_do_not_tell_a_mirror_apart() -> None:
    one = describe_picture(picture("trainers", "red"))
    other = describe_picture(picture("trainers", "red", mirrored=True))
    strange = describe_picture(picture("mug", "red"))
    for name in BLOCKS:
        assert one[name].shape == (SIZES[name],)
        assert np.linalg.norm(one[name] - other[name]) < 0.5 * np.linalg.norm(one[name] - strange[name])


def test_the_foreground_is_found_in_front_of_a_patterned_ground() -> None:
    y, x = np.mgrid[0:80, 0:60]
    ground = np.where(((x // 4) + (y // 4)) % 2, 0.75, 0.6)
    pixels = np.repeat(ground[..., None], 3, axis=2).astype(np.float32)
    truth = ((y - 42) / 22.0) ** 2 + ((x - 28) / 14.0) ** 2 < 1
    pixels[truth] = (0.7, 0.1, 0.2)
    found = find_foreground(pixels)
    overlap = (found.mask.astype(bool) & truth).sum() / (found.mask.astype(bool) | truth).sum()
    assert overlap > 0.85
    assert found.box == pytest.approx((20, 65, 14, 43), abs=3)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_picture_of_one_colour_has_some_finite_foreground(value: float) -> None:
    found = find_foreground(np.full((40, 30, 3), value, np.float32))
    top, bottom, left, right = found.box
    assert 0 <= top < bottom <= 40
    assert 0 <= left < right <= 30
    assert np.isfinite(found.likely).all()


def test_kinds_are_learnt_from_enough_labels_only() -> None:
    generator = np.random.default_rng(5)
    centres = {"a": [1.0, 0, 0, 0], "b": [0, 1.0, 0, 0]}
    points = np.vstack([np.array(c) + 0.2 * generator.normal(size=(40, 4)) for c in centres.values()])
    labels = ["a"] * 40 + ["b"] * 40
    kinds = Kinds.fit(points.astype(np.float32), labels)
    assert kinds is not None
    chances = kinds.chances(np.array(list(centres.values()), np.float32))
    assert chances.sum(axis=1) == pytest.approx([1, 1])
    assert chances.argmax(axis=1).tolist() == [0, 1]
    assert Kinds.fit(points.astype(np.float32), ["a"] * 80) is None
    assert Kinds.fit(points.astype(np.float32), ["a"] * 78 + ["b"] * 2) is None
    assert Kinds.fit(points.astype(np.float32), [""] * 80) is None


def test_a_kind_of_few_pictures_is_as_likely_beforehand_as_one_of_many() -> None:
    generator = np.random.default_rng(6)
    points = np.vstack([generator.normal((1, 0, 0), size=(300, 3)), generator.normal((-1, 0, 0), size=(30, 3))])
    kinds = Kinds.fit(points.astype(np.float32), ["many"] * 300 + ["few"] * 30)
    assert kinds is not None
    assert kinds.chances(np.zeros((1, 3), np.float32))[0] == pytest.approx([0.5, 0.5], abs=0.2)


def test_vectors_have_length_one_and_follow_the_weight_of_colour() -> None:
    seen = describe_pictures([picture(kind, colour) for kind in KINDS for colour in COLOURS])
    for weight in (0.0, 1.0, 50.0):
        vectors = Projection.fit(seen.blocks, VisualConfig(colour=weight)).vectors(seen.blocks)
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    alike = vectors @ vectors.T
    same = np.add.outer(-np.arange(12) % 3, np.arange(12) % 3) % 3 == 0
    off = ~np.eye(12, dtype=bool)
    assert alike[same & off].mean() > alike[~same].mean()
