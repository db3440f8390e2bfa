"""Which known products stand in for one that nobody has bought: maps from the catalogue's words to products.

Both maps give each cold product weights over known ones, so that whatever a model has learnt of those can be carried
over. They differ in how the weights come about:

    neighbours    the products most alike by content, by cosine
    ridge         the closed-form ridge regression from reduced content (SVD of TF-IDF) to what was learnt, which is the
                  linear map of Gantner et al. 2010 ("Learning attribute-to-feature mappings for cold-start
                  recommendations") with the whole row of the item matrix as the factors

In both a known product of n shoppers counts n / (n + shrinkage): little was learnt of the rare ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from shopr.recommend.arithmetic.weighting import normalise_rows

__all__ = ["ContentMap", "MapKind", "reduced"]

MapKind = Literal["neighbours", "ridge"]
_BLOCK_CELLS = 2**23


@dataclass(frozen=True, slots=True)
class ContentMap:
    """How cold products are told from known ones.

    Attributes:
        kind: see the module's docstring.
        neighbours: known products that one cold product is told from at most.
        sharpness: cosines count to this power (`neighbours`).
        ridge: in units of the mean variance of the features (`ridge`).
        shrinkage: shoppers at which a known product counts half.
    """

    kind: MapKind = "neighbours"
    neighbours: int = 20
    sharpness: float = 2.0
    ridge: float = 1.0
    shrinkage: float = 5.0

    def weights(self, features: Any, counts: NDArray[np.floating], who: NDArray[np.int64]) -> sparse.csr_matrix:
        """CSR (len(who), n_items) float32: weights over known products; rows sum to 1 in size, or are empty.

        Args:
            features: (n_items, d), rows of unit length or 0; CSR of content for `neighbours`, dense for `ridge`.
            counts: shape (n_items,), shoppers of each product; 0 makes it unknown.
            who: codes of the products asked for; none is told from itself.
        """
        reliable = np.asarray(counts / np.maximum(counts + self.shrinkage, 1e-12), np.float32)
        solved = self._solved(features, reliable) if self.kind == "ridge" else None
        step = max(1, _BLOCK_CELLS // max(len(counts), 1))
        blocks = [sparse.csr_matrix((0, len(counts)), dtype=np.float32)]
        for start in range(0, len(who), step):
            part = who[start : start + step]
            if solved is None:
                near = np.maximum((features[part] @ features.T).toarray(), 0)
                values = near**self.sharpness * reliable
            else:
                values = (features[part] @ solved) * reliable
            values[np.arange(len(part)), part] = 0
            blocks.append(_largest(values, self.neighbours))
        stacked = sparse.vstack(blocks, format="csr")
        sizes = np.asarray(np.abs(stacked).sum(axis=1)).ravel()
        return (sparse.diags_array(1 / np.where(sizes > 0, sizes, 1.0)) @ stacked).tocsr().astype(np.float32)

    def _solved(self, features: NDArray[np.float32], reliable: NDArray[np.float32]) -> NDArray[np.float32]:
        """(d, n_items): (Z'RZ + ridge)^-1 Z', to be multiplied by the reliabilities R."""
        square = (features * reliable[:, None]).T.astype(np.float64) @ features
        d = len(square)
        square[np.diag_indices(d)] += self.ridge * max(float(np.trace(square)) / d, 1e-9)
        solved: NDArray[np.float32] = cho_solve(cho_factor(square), features.T.astype(np.float64)).astype(np.float32)
        return solved


def reduced(vectors: sparse.csr_matrix, rank: int, seed: int) -> NDArray[np.float32]:
    """(n_items, at most `rank`) float32: the leading singular directions of content vectors (Halko et al. 2011)."""
    from sklearn.utils.extmath import randomized_svd

    width = max(1, min(rank, min(vectors.shape) - 1))
    left, size, _ = randomized_svd(vectors.astype(np.float64), width, random_state=seed)
    return np.asarray(normalise_rows(sparse.csr_matrix(left * size)).toarray(), np.float32)


def _largest(values: NDArray[np.floating], most: int) -> sparse.csr_matrix:
    """The entries of each row that are largest in size, others dropped."""
    n, m = values.shape
    if m > most:
        size = np.abs(values)
        place = np.argpartition(size, m - most, axis=1)[:, m - most :]
        rows = np.repeat(np.arange(n), most)
        columns = place.ravel()
        found = sparse.csr_matrix((values[rows, columns], (rows, columns)), shape=(n, m), dtype=np.float32)
        found.eliminate_zeros()
        found.sort_indices()
        return found
    return sparse.csr_matrix(values, dtype=np.float32)
