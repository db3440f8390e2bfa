"""Styles: clusters of attributes that the same shoppers like together, learnt from a shop's own events.

Non-negative matrix factorisation of shoppers x attribute values (Lee & Seung, Nature 401, 1999), started from the
singular vectors so that it is the same every time (Boutsidis & Gallopoulos, Pattern Recognition 41, 2008).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.data.catalog import Catalog

__all__ = ["PER_ITEM", "Styles", "attribute_matrix", "learn_styles"]

Floats = NDArray[np.float64]
PER_ITEM = 2
"""Styles that one product may have."""
_LEAST, _MOST_SHARE, _OF_ONE_CATEGORY = 3, 0.6, 0.8
_SHOPPERS = 20_000
_WORDS = 3


@dataclass(frozen=True, slots=True)
class Styles:
    """Styles of a shop's products.

    Attributes:
        names: words for people, the attributes that mark each style most.
        codes: shape (n_items, PER_ITEM), style codes, the stronger first.
        weights: shape (n_items, PER_ITEM), >= 0; a row sums to 1, or to 0 where a product shows no style.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int64]
    weights: Floats

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def none(cls, n_items: int) -> Styles:
        """No styles at all."""
        return cls((), np.zeros((n_items, PER_ITEM), np.int64), np.zeros((n_items, PER_ITEM)))


def attribute_matrix(catalog: Catalog) -> tuple[list[str], sparse.csr_matrix]:
    """Attribute values that cut across categories, and which product has which: CSR (products, values).

    Left out are values of fewer than three products or of most of them, and values that only name a category.
    """
    frame = catalog.frame
    columns = zip(frame["colour"], frame["attributes"], strict=True)
    pairs = [(row, value) for row, (colour, text) in enumerate(columns) for value in set(_values(colour, text))]
    if not pairs:
        return [], sparse.csr_matrix((len(frame), 0))
    words, codes = np.unique([value for _, value in pairs], return_inverse=True)
    rows = np.array([row for row, _ in pairs])
    table = sparse.csr_matrix((np.ones(len(rows)), (rows, codes)), shape=(len(frame), len(words)))
    counts = np.asarray(table.sum(axis=0)).ravel()
    keep = (counts >= _LEAST) & (counts <= _MOST_SHARE * max(len(frame), 1))
    known, category = np.unique(frame["category"].to_numpy(dtype=object).astype(str), return_inverse=True)
    if len(known) > 1:
        within = sparse.csr_matrix((np.ones(len(frame)), (category, np.arange(len(frame)))))
        largest = np.asarray((within @ table).max(axis=0).todense()).ravel()
        keep &= largest <= _OF_ONE_CATEGORY * counts
    return [str(word) for word in words[keep]], table[:, np.flatnonzero(keep)].tocsr()


def _values(colour: str, text: str) -> Iterator[str]:
    attributes: dict[str, Any] = json.loads(text or "{}")
    for name, value in attributes.items():
        if isinstance(value, str) and value and not (name in ("colour", "color") and colour):
            yield f"{name}={value}"
    if colour:
        yield f"colour={colour}"


def learn_styles(catalog: Catalog, counts: sparse.csr_matrix, *, styles: int, seed: int) -> Styles:
    """At most `styles` clusters.

    Args:
        catalog: the products, with their attributes.
        counts: CSR (shoppers, products in the catalogue's order): what each event is worth, summed.
        styles: clusters to look for.
        seed: the same seed gives the same styles.
    """
    words, table = attribute_matrix(catalog)
    people = counts[np.argsort(-np.diff(counts.indptr), kind="stable")[:_SHOPPERS]]
    people = people[np.diff(people.indptr) > 0]
    n = min(styles, len(words) - 1, people.shape[0] - 1)
    if n < 2:
        return Styles.none(len(catalog))
    liked = _beyond_categories(people, table, catalog)
    loads = _factors(liked, n, seed)
    loads = loads[loads.sum(axis=1) > 0]
    loads = loads / loads.sum(axis=1, keepdims=True)  # P(value | style)
    marks = loads / np.maximum(loads.mean(axis=0), 1e-12)  # how much more than the other styles
    rare = 1.0 / np.sqrt(np.maximum(np.asarray(table.sum(axis=0)).ravel(), 1.0))
    strength = np.asarray(table @ (rare[:, None] * (marks / np.maximum(marks.sum(axis=0), 1e-12)).T))
    # Only what exceeds an even share says something.
    strength = np.maximum(strength - strength.mean(axis=1, keepdims=True), 0.0)
    codes = np.argsort(-strength, axis=1, kind="stable")[:, :PER_ITEM]
    weights = np.take_along_axis(strength, codes, axis=1)
    total = weights.sum(axis=1, keepdims=True)
    return Styles(_names(words, loads, marks), codes.astype(np.int64), weights / np.where(total > 0, total, 1.0))


def _beyond_categories(people: sparse.csr_matrix, table: sparse.csr_matrix, catalog: Catalog) -> Floats:
    """How much more each shopper likes each value than the categories they buy from would give; never below 0.

    Without this, clusters would be departments: whoever buys clothes buys cotton.
    """
    _, category = np.unique(catalog.frame["category"].to_numpy(dtype=object).astype(str), return_inverse=True)
    member = sparse.csr_matrix((np.ones(len(category)), (np.arange(len(category)), category)))
    usual = sparse.diags(1.0 / np.asarray(member.sum(axis=0)).ravel()) @ member.T @ table
    expected = np.asarray((people @ member @ usual).todense())
    found = np.asarray((people @ table).todense())
    return np.asarray(np.maximum(found - expected, 0.0) / np.asarray(people.sum(axis=1)).ravel()[:, None])


def _factors(liked: Floats, n: int, seed: int) -> Floats:
    from sklearn.decomposition import NMF  # half a second to import
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits change no style
        model = NMF(n, init="nndsvda", random_state=seed, max_iter=200, tol=1e-4).fit(liked)
    return np.asarray(model.components_, np.float64)


def _names(words: list[str], loads: Floats, marks: Floats) -> tuple[str, ...]:
    """The values that are both frequent in a style and its own; a name taken already gets a number."""
    names: list[str] = []
    for load, mark in zip(loads, marks, strict=True):
        best = np.argsort(-(load * np.log(np.maximum(mark, 1e-12))), kind="stable")[:_WORDS]
        name = ", ".join(words[word].partition("=")[2] for word in best if mark[word] > 1) or "mixed"
        taken = sum(other.partition(" (")[0] == name for other in names)
        names.append(f"{name} ({taken + 1})" if taken else name)
    return tuple(names)
