"""How strongly an interaction counts: saturation of counts, recency, TF-IDF and BM25 weights, cosine normalisation.

In the weighting schemes a row is a document and a column a term, as in text search: for item neighbours the documents
are the items and the terms the users who took them; for user neighbours the other way about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.data.interactions import Histories

__all__ = ["Scheme", "Strength", "Terms", "history_strengths", "normalise_rows", "recency", "strengths"]

Strength = Literal["binary", "log", "raw"]
"""How a pair's summed weight counts: 1; log2(1 + w), so that 1 stays 1; or w itself."""
Scheme = Literal["cosine", "tfidf", "bm25"]
"""How rows are weighed before they are compared."""
_DAY = 86_400.0
_RAREST = 1e-6
"""Least inverse document frequency: a term that every document holds says nothing, but must not count against."""


def strengths(weights: NDArray[np.floating], kind: Strength) -> NDArray[np.float64]:
    """Shape of `weights`: the strengths of summed interaction weights (> 0)."""
    if kind == "binary":
        return np.ones(weights.shape)
    raw = weights.astype(np.float64)
    return np.log2(1.0 + raw) if kind == "log" else raw


def recency(histories: Histories, half_life_days: float | None) -> NDArray[np.float64]:
    """Shape (nnz,): 2^(-age / half-life), ages counted back from each user's last interaction.

    Ones without times or without a half-life.
    """
    if half_life_days is None or histories.times is None or histories.matrix.nnz == 0:
        return np.ones(histories.matrix.nnz)
    lengths = np.diff(histories.matrix.indptr)
    filled = np.flatnonzero(lengths)
    last = np.maximum.reduceat(histories.times, histories.matrix.indptr[filled])
    age = np.repeat(last, lengths[filled]) - histories.times
    decayed: NDArray[np.float64] = np.exp2(-age / (half_life_days * _DAY))
    return decayed


def history_strengths(histories: Histories, kind: Strength, half_life_days: float | None = None) -> sparse.csr_matrix:
    """The histories as CSR (n, n_items) float32 of strength times recency."""
    matrix = histories.matrix
    data = strengths(matrix.data, kind) * recency(histories, half_life_days)
    return sparse.csr_matrix((data.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def normalise_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Rows of unit length (empty rows stay empty); float64."""
    lengths = np.diff(matrix.indptr)
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    data = matrix.data / np.repeat(np.where(norms > 0, norms, 1.0), lengths)
    return sparse.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a weighting scheme learned from documents (rows) over terms (columns), to be applied to further documents.

    Attributes:
        scheme: `cosine` keeps the strengths; `tfidf` is sqrt(x) idf; `bm25` is x (k1 + 1) / (k1 L + x) idf with
            L = 1 - b + b |document| / mean length (Robertson & Zaragoza 2009), and
            idf = ln(n / (1 + documents with the term)). Cosine and TF-IDF rows are then set to unit length,
            BM25 rows are not.
        k1, b: BM25's saturation and length normalisation.
        idf: shape (m,).
        mean_length: mean sum of strengths of a document.
    """

    scheme: Scheme
    k1: float
    b: float
    idf: NDArray[np.float64]
    mean_length: float

    @classmethod
    def learn(cls, documents: sparse.csr_matrix, scheme: Scheme, k1: float = 1.2, b: float = 0.75) -> Terms:
        """From CSR (n, m) of strengths."""
        n, m = documents.shape
        frequency = np.bincount(documents.indices, minlength=m)
        idf = np.maximum(np.log(max(n, 1)) - np.log1p(frequency), _RAREST)
        mean_length = float(documents.data.sum(dtype=np.float64)) / max(n, 1)
        return cls(scheme, k1, b, idf, mean_length or 1.0)

    def weigh(self, documents: sparse.csr_matrix) -> sparse.csr_matrix:
        """CSR float64 of the same pattern: the weighted (and normalised) documents."""
        x = documents.data.astype(np.float64)
        lengths = np.diff(documents.indptr)
        if self.scheme == "tfidf":
            x = np.sqrt(x) * self.idf[documents.indices]
        elif self.scheme == "bm25":
            size = np.asarray(documents.sum(axis=1, dtype=np.float64)).ravel() / self.mean_length
            damp = np.repeat(self.k1 * (1.0 - self.b + self.b * size), lengths)
            x = x * (self.k1 + 1.0) / (damp + x) * self.idf[documents.indices]
        weighed = sparse.csr_matrix((x, documents.indices, documents.indptr), shape=documents.shape)
        return weighed if self.scheme == "bm25" else normalise_rows(weighed)
