"""Reordering by meaning: with an encoder whose meanings are known, one learnt from the catalogue, one from a folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from shopr.data.catalog import Catalog
from shopr.errors import DataError, InputError, NotReadyError
from shopr.search import ProductSearch
from shopr.search.vectors.semantic import RERANKED, LsaEncoder, SemanticIndex, SentenceEncoder

TITLES = [
    "Kettle for tea, steel",
    "Kettle for tea, glass",
    "Teapot with kettle warmer",
    "Drum kettle, for orchestra",
    "Sofa in blue velvet",
    "Couch in blue velvet",
]


def catalogue(titles: Sequence[str] = TITLES) -> Catalog:
    return Catalog.from_frame(pd.DataFrame({"product_id": [f"p{i}" for i in range(len(titles))], "title": titles}))


class Meanings:
    """Knows two meanings: of kitchens and of music."""

    name = "meanings"
    blend = 1.0

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), 2), np.float32)
        for i, text in enumerate(texts):
            music = any(word in text.lower() for word in ("drum", "orchestra", "timpani"))
            vectors[i, int(music)] = 1.0
        return vectors


def test_what_means_the_same_moves_up_and_every_product_stays() -> None:
    catalog = catalogue()
    found = ProductSearch.build(catalog).search("kettle", 10)
    index = SemanticIndex.build(catalog, Meanings())
    order = index.rerank("timpani kettle", found.rows, found.scores, Meanings())
    assert sorted(order) == list(range(len(found)))
    assert found.product_ids[order[0]] == "p3"


def test_a_blend_of_nothing_leaves_the_order() -> None:
    catalog = catalogue()
    rows, scores = np.arange(4), np.array([4.0, 3.0, 2.0, 1.0])
    index = SemanticIndex.build(catalog, Meanings(), 0.0)
    assert index.rerank("timpani", rows, scores, Meanings()).tolist() == [0, 1, 2, 3]
    assert index.rerank("timpani", rows[:0], scores[:0], Meanings()).tolist() == []


def test_only_the_first_hundred_are_reordered() -> None:
    catalog = catalogue([*["Kettle"] * 120, "Drum"])
    index = SemanticIndex.build(catalog, Meanings(), 5.0)
    rows = np.arange(121)
    order = index.rerank("drum", rows, np.linspace(1, 0.5, 121), Meanings())
    assert order[RERANKED:].tolist() == list(range(RERANKED, 121))
    assert 120 not in order[:RERANKED]


def test_vectors_are_stored_and_bound_to_catalogue_and_encoder(tmp_path: Path) -> None:
    catalog = catalogue()
    index = SemanticIndex.build(catalog, Meanings())
    loaded = SemanticIndex.load(index.save(tmp_path / "vectors"), catalog)
    assert isinstance(loaded.vectors, np.memmap)
    assert (loaded.encoder, loaded.blend) == ("meanings", 1.0)
    np.testing.assert_array_equal(loaded.vectors, index.vectors)
    with pytest.raises(DataError, match="another state of the catalogue"):
        SemanticIndex.load(tmp_path / "vectors", catalogue([*TITLES[:-1], "Something else"]))
    with pytest.raises(DataError, match="no search index"):
        SemanticIndex.load(tmp_path / "nowhere", catalog)
    ProductSearch.build(catalog).save(tmp_path / "words")
    with pytest.raises(DataError, match="damaged|no vectors"):
        SemanticIndex.load(tmp_path / "words", catalog)
    lsa = LsaEncoder.fit([*TITLES, *TITLES], 3)
    with pytest.raises(InputError, match="the vectors are of 'meanings'"):
        loaded.rerank("kettle", np.arange(3), np.ones(3), lsa)


def test_an_encoder_that_misbehaves_is_refused() -> None:
    class Short(Meanings):
        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return super().encode(texts)[:-1]

    class Broken(Meanings):
        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return super().encode(texts) * np.float32(np.nan)

    for encoder in (Short(), Broken()):
        with pytest.raises(InputError, match="gave vectors of shape"):
            SemanticIndex.build(catalogue(), encoder)
    with pytest.raises(InputError, match="blend is -1"):
        SemanticIndex.build(catalogue(), Meanings(), -1)


def test_lsa_brings_words_of_the_same_surroundings_together() -> None:
    rooms = [
        f"{a} in {c} velvet, {b}"
        for a in ("sofa", "couch")
        for c in ("blue", "red", "green")
        for b in "two three".split()
    ]
    kitchen = [f"kettle for tea, {c} steel, {b} litre" for c in ("blue", "red", "green") for b in "two three".split()]
    encoder = LsaEncoder.fit([*rooms, *kitchen], 2, seed=1)
    sofa, couch, kettle, strange = encoder.encode(["sofa", "couch", "kettle", "zzyzx"])
    assert sofa @ couch > 0.8
    assert sofa @ kettle < 0.5
    assert not strange.any()
    np.testing.assert_allclose(np.linalg.norm([sofa, couch, kettle], axis=1), 1, atol=1e-5)
    assert encoder.blend == 0.0
    again = LsaEncoder.fit([*rooms, *kitchen], 2, seed=1)
    np.testing.assert_allclose(again.encode(["sofa"]), encoder.encode(["sofa"]), atol=1e-6)
    assert len(encoder.encode([])) == 0
    with pytest.raises(InputError, match="no word in common"):
        LsaEncoder.fit(["a b", "c d"])


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """A stand-in for the optional package, which notes how models are opened."""
    opened: list[dict[str, object]] = []

    class Model:
        def __init__(self, folder: str, **options: object) -> None:
            opened.append({"folder": folder, **options})
            if "broken" in folder:
                raise OSError("weights are missing")

        def encode(self, texts: list[str], **_: object) -> NDArray[np.float64]:
            return np.array([[3.0 * len(text), 4.0 * len(text)] for text in texts])

    module = ModuleType("sentence_transformers")
    module.SentenceTransformer = Model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    return opened


def test_a_model_is_opened_from_its_folder_and_never_from_the_network(
    package: list[dict[str, object]], tmp_path: Path
) -> None:
    folder = tmp_path / "minilm"
    folder.mkdir()
    (folder / "modules.json").write_text("[]")
    encoder = SentenceEncoder(folder)
    assert package == [{"folder": str(folder), "device": "cpu", "local_files_only": True}]
    assert encoder.name.startswith("sentence-transformers minilm ")
    (folder / "weights.bin").write_bytes(b"others")
    assert SentenceEncoder(folder).name != encoder.name, "vectors of another model must not meet these"
    np.testing.assert_allclose(encoder.encode(["ab", "c"]), [[0.6, 0.8], [0.6, 0.8]], atol=1e-6)
    assert SemanticIndex.build(catalogue(), encoder).blend == encoder.blend


def test_a_folder_without_a_model_is_refused_before_anything_is_opened(
    package: list[dict[str, object]], tmp_path: Path
) -> None:
    for name in ("sentence-transformers/all-MiniLM-L6-v2", str(tmp_path)):
        with pytest.raises(NotReadyError, match="holds no sentence-transformers model"):
            SentenceEncoder(name)
    assert package == []
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "modules.json").write_text("[]")
    with pytest.raises(NotReadyError, match="cannot be opened"):
        SentenceEncoder(broken)


def test_without_the_extra_the_install_line_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    (tmp_path / "modules.json").write_text("[]")
    with pytest.raises(NotReadyError) as caught:
        SentenceEncoder(tmp_path)
    assert "shopr[semantic]" in caught.value.hint
