"""Meaning beside words: vectors of products and queries that reorder what search by words has found.

An `Encoder` turns texts into vectors of length 1. `SentenceEncoder` opens a sentence-transformers model from a folder
on this machine and never asks the network (extra `semantic`); `LsaEncoder` is learnt from the catalogue itself and
needs no download. Product vectors are computed once, stored as a memory map, and bound to the catalogue and encoder
they came from. Reordering adds `blend` times the cosine to the score by words, in shares of the best one, for the first
hundred products; 0 leaves the order as it is. That is the default for LSA, which made the order worse at every blend
and size that was tried on the development queries. The blend for a sentence model could not be measured: no model was
at hand, so choose it on queries of your own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from shopr.data.catalog import Catalog
from shopr.data.fingerprint import fingerprint_folder, fingerprint_frame, fingerprint_parts
from shopr.errors import DataError, InputError, NotReadyError
from shopr.search.catalogue import storing
from shopr.search.text.tokens import JOINED, tokenise

__all__ = ["RERANKED", "Encoder", "LsaEncoder", "SemanticIndex", "SentenceEncoder", "product_texts", "vectors_key"]

RERANKED = 100
"""Products that are reordered."""
_KIND = "semantic"
_BATCH = 256
_DESCRIBED = 400
"""Characters of a description that are encoded: models read about a hundred words."""
_AGAIN = "Compute the vectors again"

Vectors = NDArray[np.float32]


class Encoder(Protocol):
    """What turns texts into vectors."""

    @property
    def name(self) -> str:
        """Tells encoders apart: vectors of two must not meet."""

    @property
    def blend(self) -> float:
        """How much its cosines count unless told otherwise."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One vector of length 1 a text (zero where nothing is known of it), float32."""


class SentenceEncoder:
    """A sentence-transformers model in a folder of this machine.

    Args:
        folder: as `SentenceTransformer.save` writes it, or an unpacked download of a model.

    Raises:
        NotReadyError: if the extra is not installed, or the folder holds no model.
    """

    def __init__(self, folder: Path | str) -> None:
        path = Path(folder)
        if not (path / "modules.json").is_file() and not (path / "config.json").is_file():
            raise NotReadyError(
                f"{path} holds no sentence-transformers model",
                hint="Give the folder of a model that is on this machine",
            )
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise NotReadyError(
                "sentence-transformers is not installed", hint="Install the extra: pip install 'shopr[semantic]'"
            ) from error
        try:
            self._model: Any = SentenceTransformer(str(path.absolute()), device="cpu", local_files_only=True)
        except Exception as error:  # anything may be wrong in a folder from elsewhere
            raise NotReadyError(
                f"the model in {path} cannot be opened: {error}", hint="Copy the folder anew"
            ) from error
        # Another model in a folder of the same name, or the same one trained on, must not meet old vectors.
        self._name = f"sentence-transformers {path.name} {fingerprint_folder(path)[:16]}"

    @property
    def name(self) -> str:
        return self._name

    @property
    def blend(self) -> float:
        return 0.5

    def encode(self, texts: Sequence[str]) -> Vectors:
        found = self._model.encode(list(texts), batch_size=32, convert_to_numpy=True, show_progress_bar=False)
        return _unit(np.asarray(found, np.float32))


class LsaEncoder:
    """Latent semantic analysis of a catalogue (Deerwester et al. 1990): words that occur together come close."""

    def __init__(self, words: TfidfVectorizer, axes: TruncatedSVD, name: str) -> None:
        self._words, self._axes, self._name = words, axes, name

    @classmethod
    def fit(cls, texts: Sequence[str], dimensions: int = 128, *, seed: int = 0) -> Self:
        """Learn it from the products' texts.

        Raises:
            InputError: if fewer than two texts have words.
        """
        words = TfidfVectorizer(tokenizer=_terms, token_pattern=None, lowercase=False, sublinear_tf=True, min_df=2)
        try:
            matrix = words.fit_transform(texts)
        except ValueError as error:
            raise InputError("the texts have no word in common", hint="Give the texts of a whole catalogue") from error
        size = min(dimensions, min(matrix.shape) - 1)
        if size < 1:
            raise InputError(f"{matrix.shape[0]} texts of {matrix.shape[1]} words", hint="Give more texts")
        axes = TruncatedSVD(size, random_state=seed).fit(matrix)
        return cls(words, axes, f"lsa {size} of {matrix.shape[0]} texts, seed {seed}")

    @property
    def name(self) -> str:
        return self._name

    @property
    def blend(self) -> float:
        return 0.0

    def encode(self, texts: Sequence[str]) -> Vectors:
        if not len(texts):
            return np.zeros((0, self._axes.n_components), np.float32)
        return _unit(self._axes.transform(self._words.transform(texts)).astype(np.float32))


@dataclass(frozen=True)
class SemanticIndex:
    """Vectors of a catalogue's products, in its order.

    Attributes:
        vectors: one row a product. encoder: the name of what made them. source: fingerprint of the texts.
        blend: what a cosine of 1 adds to a score by words, in shares of the best one.
    """

    vectors: Vectors
    encoder: str
    source: str
    blend: float

    @classmethod
    def build(cls, catalog: Catalog, encoder: Encoder, blend: float | None = None) -> Self:
        """Encode every product; the blend is the encoder's own unless given.

        Raises:
            InputError: if the blend is negative, or the encoder gives other than one finite vector a text.
        """
        blend = encoder.blend if blend is None else blend
        texts = product_texts(catalog)
        parts = [_encoded(encoder, texts[i : i + _BATCH]) for i in range(0, len(texts), _BATCH)]
        vectors = np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)
        return cls(vectors, encoder.name, _fingerprint(texts), 0.0).weighed(blend)

    def weighed(self, blend: float) -> Self:
        """The same vectors with another weight.

        Raises:
            InputError: if it is negative or absurd.
        """
        if not 0 <= blend <= 100:
            raise InputError(f"blend is {blend:g}", hint="Give 0 (off) or more, such as 0.5")
        return replace(self, blend=blend)

    def rerank(
        self, query: str, rows: NDArray[np.integer], scores: NDArray[np.floating], encoder: Encoder
    ) -> NDArray[np.int64]:
        """Positions of `rows`, best first; those after the first hundred keep their places.

        Args:
            rows: catalogue rows as search by words found them, best first. scores: theirs.

        Raises:
            InputError: if the encoder is not the one that made the vectors.
        """
        if encoder.name != self.encoder:
            raise InputError(
                f"the vectors are of {self.encoder!r}, the query's would be of {encoder.name!r}", hint=_AGAIN
            )
        order = np.arange(len(rows))
        if self.blend == 0 or len(rows) < 2:
            return order
        first = order[:RERANKED]
        cosine = self.vectors[np.asarray(rows)[first]] @ _encoded(encoder, [query])[0]
        best = max(float(np.max(scores)), 1e-9)
        mixed = np.asarray(scores, np.float64)[first] / best + self.blend * cosine
        return np.concatenate([first[np.argsort(-mixed, kind="stable")], order[RERANKED:]])

    def save(self, folder: Path | str) -> Path:
        """Write it, whole or not at all.

        Raises:
            StorageError: if it cannot be written.
        """
        return storing.write(folder, *self.parts())

    def parts(self) -> storing.Parts:
        """What a saved index consists of."""
        facts = {"kind": _KIND, "encoder": self.encoder, "source": self.source, "blend": self.blend}
        return {"vectors": self.vectors}, {}, facts

    @classmethod
    def load(cls, folder: Path | str, catalog: Catalog) -> Self:
        """Read what `save` wrote, memory-mapped.

        Raises:
            DataError: if there is none, it is damaged, or it is of another state of the catalogue.
        """
        arrays, _, facts = storing.read(folder)
        try:
            if facts["kind"] != _KIND:
                raise DataError(f"{folder} holds no vectors of products", hint=_AGAIN)
            found = cls(arrays["vectors"], str(facts["encoder"]), str(facts["source"]), float(facts["blend"]))
        except (LookupError, ValueError, TypeError) as error:
            raise DataError(f"the vectors in {folder} are damaged: {error}", hint=_AGAIN) from error
        if found.source != _fingerprint(product_texts(catalog)) or len(found.vectors) != len(catalog):
            raise DataError(f"the vectors in {folder} are of another state of the catalogue", hint=_AGAIN)
        return found


def vectors_key(catalog: Catalog, encoder: Encoder) -> str:
    """A fingerprint of all that vectors come from: the texts and the encoder."""
    return fingerprint_parts({"texts": _fingerprint(product_texts(catalog)), "encoder": encoder.name})


def product_texts(catalog: Catalog) -> list[str]:
    """What is encoded of each product: title, brand, category and the start of the description."""
    frame = catalog.frame
    described = frame["description"].str.slice(0, _DESCRIBED)
    parts = [frame["title"], frame["brand"], frame["category"].str.replace(" > ", ", ", regex=False), described]
    return [". ".join(part for part in row if part) for row in zip(*parts, strict=True)]


def _fingerprint(texts: list[str]) -> str:
    return fingerprint_frame(pd.DataFrame({"text": texts}, dtype="str"))


def _encoded(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    vectors = np.asarray(encoder.encode(texts), np.float32)
    if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
        raise InputError(
            f"{encoder.name} gave vectors of shape {vectors.shape} for {len(texts)} texts", hint="Use another encoder"
        )
    return vectors


def _terms(text: str) -> list[str]:
    return [token.term for token in tokenise(text) if not token.flags & JOINED]


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return scaled
