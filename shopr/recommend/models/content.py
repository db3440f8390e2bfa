"""Products like those in the history, by what the catalogue says: TF-IDF over title, brand, category, attributes.

Works for products that nobody has bought yet (Pazzani & Billsus 2007).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from shopr.data.interactions import Histories, Interactions
from shopr.errors import InputError
from shopr.recommend.arithmetic.weighting import Strength, history_strengths, normalise_rows
from shopr.recommend.contract.base import Config, Parts, Recommender
from shopr.recommend.contract.explain import Kind

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = ["Content", "ContentConfig", "item_vectors"]

_WORDS = re.compile(r"[^\W_]{2,}")


class ContentConfig(Config):
    """Settings of `Content`.

    Attributes:
        title, brand, category, attributes: weights of the fields, whose vectors have unit length before that.
        rarest: fewest products that must share a term.
        strength, half_life_days: how a history's products count in the shopper's profile.
    """

    title: float = Field(default=1.0, ge=0)
    brand: float = Field(default=0.5, ge=0)
    category: float = Field(default=1.0, ge=0)
    attributes: float = Field(default=0.5, ge=0)
    rarest: int = Field(default=1, ge=1)
    strength: Strength = "log"
    half_life_days: float | None = Field(default=None, gt=0)


class Content(Recommender):
    """Score = cosine between an item's vector and the shopper's profile, the weighed sum of their items' vectors."""

    name = "content"
    config_class = ContentConfig
    needs_catalog: ClassVar[bool] = True

    vectors: sparse.csr_matrix
    """CSR (n_items, n_terms) float32, rows of unit length; empty where the catalogue says nothing."""
    terms: list[str]
    """Terms as shown in explanations, `field: value`."""

    def _fit(self, interactions: Interactions, catalog: Catalog | None) -> None:
        if catalog is None:
            raise InputError(
                f"{self.name} needs a catalogue", hint="Call fit(interactions, catalog), or use 'item_knn'"
            )
        weights = {name: getattr(self.config, name) for name in _FIELDS}
        self.vectors, self.terms = item_vectors(catalog.align(self.item_ids), weights, self.config.rarest)

    def _profiles(self, histories: Histories) -> sparse.csr_matrix:
        matrix = history_strengths(histories, self.config.strength, self.config.half_life_days)
        return normalise_rows((matrix @ self.vectors).tocsr()).astype(np.float32)

    def _score(self, histories: Histories) -> NDArray[np.floating]:
        scores: NDArray[np.float32] = (self._profiles(histories) @ self.vectors.T).toarray()
        return scores

    def _parts(self, histories: Histories, rows: NDArray[np.int64], items: NDArray[np.int64]) -> Parts:
        shared = self._profiles(histories)[rows].multiply(self.vectors[items]).tocoo()
        terms, place = np.unique(shared.col, return_inverse=True)
        words: tuple[tuple[Kind, str], ...] = tuple(("attribute", self.terms[term]) for term in terms.tolist())
        return Parts(len(rows), shared.row.astype(np.int64), -1 - place, shared.data.astype(np.float64), words)


def item_vectors(
    products: pd.DataFrame, weights: dict[str, float], rarest: int = 1
) -> tuple[sparse.csr_matrix, list[str]]:
    """TF-IDF vectors of products, and the name of each term.

    Args:
        products: catalogue rows; a missing value or column says nothing.
        weights: of the fields title, brand, category, attributes.
        rarest: terms in fewer products are left out.

    Returns:
        CSR (n products, n terms) float32 with rows of unit length, and `field: value` for each column.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    parts, terms = [], []
    for name, weight in weights.items():
        documents = [list(_FIELDS[name](row)) for row in _rows(products, name)]
        counts = pd.Series([t for d in documents for t in set(d)], dtype=object).value_counts()
        if weight <= 0 or not (counts >= rarest).any():
            continue
        vectoriser = TfidfVectorizer(analyzer=_as_is, min_df=rarest, sublinear_tf=True)
        parts.append(vectoriser.fit_transform(documents) * np.sqrt(weight))
        terms += [f"{name}: {t}" if name != "attributes" else t for t in vectoriser.get_feature_names_out()]
    if not parts:
        return sparse.csr_matrix((len(products), 1), dtype=np.float32), ["nothing"]
    stacked = sparse.hstack(parts, format="csr")
    return normalise_rows(stacked).astype(np.float32), [str(t) for t in terms]


def _as_is(terms: list[str]) -> list[str]:
    return terms


def _rows(products: pd.DataFrame, name: str) -> Iterator[tuple[str, str]]:
    """Text of a field for each product, and the colour beside attributes."""
    blank = pd.Series([""] * len(products), dtype=object)
    text = products.get(name, blank).astype(object).fillna("").astype(str)
    colour = products.get("colour", blank).astype(object).fillna("").astype(str) if name == "attributes" else blank
    return zip(text, colour, strict=True)


def _title(row: tuple[str, str]) -> Iterator[str]:
    """Words of two characters or more."""
    yield from _WORDS.findall(row[0].casefold())


def _brand(row: tuple[str, str]) -> Iterator[str]:
    if row[0]:
        yield row[0]


def _category(row: tuple[str, str]) -> Iterator[str]:
    """Every prefix of the path: products that share more levels share more terms."""
    levels = [level for level in row[0].split(" > ") if level]
    for depth in range(len(levels)):
        yield " > ".join(levels[: depth + 1])


def _attributes(row: tuple[str, str]) -> Iterator[str]:
    try:
        pairs = json.loads(row[0]) if row[0] else {}
    except ValueError:
        pairs = {}
    for key, value in pairs.items() if isinstance(pairs, dict) else ():
        # Sequence files bring all labels of a product in one text: each is a term of its own.
        yield from (f"label: {v}" for v in str(value).split()) if key == "labels" else (f"{key}: {value}",)
    if row[1]:
        yield f"colour: {row[1]}"


_FIELDS: dict[str, Callable[[tuple[str, str]], Iterator[str]]] = {
    "title": _title,
    "brand": _brand,
    "category": _category,
    "attributes": _attributes,
}
