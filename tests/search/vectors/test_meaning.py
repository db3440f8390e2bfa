"""Search by words with an encoder's say in its order: what is found and how sure it is stay the same."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from shopr.cli.main import main
from shopr.data.catalog import Catalog
from shopr.search import Filters, ProductSearch
from shopr.search.vectors.meaning import MeaningSearch
from shopr.search.vectors.semantic import LsaEncoder, product_texts
from tests.app.sample import sample_dataset


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return sample_dataset(shoppers=2, lines=20).catalog


class Red:
    """An encoder that sees nothing but red."""

    name, blend = "red", 5.0

    def encode(self, texts):
        red = np.array(["red" in text.lower() for text in texts])
        return np.column_stack([red, ~red]).astype(np.float32)


def test_the_order_follows_the_encoder_and_the_rest_stays(catalog: Catalog) -> None:
    engine = ProductSearch.build(catalog)
    plain, moved = engine.search("mug", 100), MeaningSearch.build(engine, catalog, Red()).search("mug", 100)
    assert set(plain.product_ids) == set(moved.product_ids)
    sure = dict(zip(plain.product_ids, plain.confidences, strict=True))
    assert dict(zip(moved.product_ids, moved.confidences, strict=True)) == sure
    titles = dict(zip(catalog.frame["product_id"], catalog.frame["title"], strict=True))
    reds = ["Red" in titles[i] for i in MeaningSearch.build(engine, catalog, Red()).search("red mug", 100).product_ids]
    assert reds == sorted(reds, reverse=True)
    assert moved.rows.tolist() == [catalog.product_ids.encode([i])[0] for i in moved.product_ids]


def test_filters_sorts_refusals_and_batches_are_those_of_the_words(catalog: Catalog) -> None:
    engine = ProductSearch.build(catalog)
    meaning = MeaningSearch.build(engine, catalog, LsaEncoder.fit(product_texts(catalog), 16), 0.5)
    cheap = Filters(price_max=3000)
    found = meaning.search("lamp", 3, filters=cheap)
    assert len(found) == 3
    assert set(found.product_ids) <= set(engine.search("lamp", 100, filters=cheap).product_ids)
    by_price = meaning.search("lamp", 5, sort="price_asc")
    assert by_price.product_ids == engine.search("lamp", 5, sort="price_asc").product_ids
    assert meaning.search("submarine").abstained
    assert [len(f) for f in meaning.search_batch(["lamp", "lamp", "submarine"], 2)] == [2, 2, 0]


def test_the_command_names_what_is_missing(
    catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "catalog.parquet"
    catalog.frame.to_parquet(file)
    for words, says in (
        (["--catalog", str(file), "--encoder", str(tmp_path)], "holds no sentence-transformers model"),
        (["--catalog", str(file), "--blend", "1"], "--blend is the weight of an encoder"),
        (["--index", str(tmp_path), "--encoder", str(tmp_path)], "--encoder needs the products' texts"),
    ):
        with pytest.raises(SystemExit):
            main(["search", "query", *words, "mug"])
        assert says in capsys.readouterr().err


def test_vectors_are_computed_once_for_a_catalogue_and_a_model(catalog: Catalog, tmp_path: Path) -> None:
    class Counting(Red):
        seen = 0

        def encode(self, texts):
            self.seen += len(texts)
            return super().encode(texts)

    engine, encoder = ProductSearch.build(catalog), Counting()
    first = MeaningSearch.kept(engine, catalog, encoder, tmp_path)
    assert encoder.seen == len(catalog)
    second = MeaningSearch.kept(engine, catalog, encoder, tmp_path, blend=2.0)
    assert encoder.seen == len(catalog)
    assert isinstance(second.index.vectors, np.memmap)
    assert (first.index.blend, second.index.blend) == (5.0, 2.0)
    assert first.search("red mug", 100).product_ids == MeaningSearch.build(engine, catalog, Red()).search(
        "red mug", 100
    ).product_ids  # fmt: skip
    assert encoder.seen == len(catalog) + 1, "the query alone"
    fewer = catalog.take(np.arange(len(catalog) - 1))
    MeaningSearch.kept(ProductSearch.build(fewer), fewer, encoder, tmp_path)
    assert encoder.seen == 2 * len(catalog), "another catalogue is encoded anew"
    for path in tmp_path.glob("*/vectors.npy"):
        path.write_bytes(path.read_bytes()[:-4])
    MeaningSearch.kept(engine, catalog, encoder, tmp_path)
    assert encoder.seen == 3 * len(catalog), "what is damaged is encoded anew"


def test_the_command_uses_a_local_model_and_keeps_its_vectors(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    encoded: list[int] = []

    class Model:
        def __init__(self, folder: str, **options: object) -> None:
            pass

        def encode(self, texts, **_):
            encoded.append(len(texts))
            return Red().encode(texts)

    module = ModuleType("sentence_transformers")
    module.SentenceTransformer = Model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    monkeypatch.setenv("SHOPR_HOME", str(tmp_path / "home"))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "modules.json").write_text("[]")
    file = tmp_path / "catalog.parquet"
    catalog.frame.to_parquet(file)
    for _ in range(2):
        words = ["query", "--catalog", str(file), "--encoder", str(tmp_path / "model"), "red mug", "--json"]
        with pytest.raises(SystemExit, match="0"):
            main(["search", *words])
        assert "Red" in json.loads(capsys.readouterr().out)["products"][0]["title"]
    assert sum(encoded) == len(catalog) + 2
