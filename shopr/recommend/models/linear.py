"""Closed-form linear autoencoders over items: EASE and its denoising, weighted relatives.

EASE (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data"): each item is regressed on all others by ridge.
EDLAE (Steck 2020, "Autoencoders that don't overfit towards the Identity") adds dropout of the inputs, which in
expectation is a ridge that grows with each item's own count. Around both stand three scalings, all of them diagonal
matrices, so that the solution stays closed:

    users      weigh n_u^-user_power in the Gram matrix: a shopper with a long history says less with each pair
    items      enter as n_i^-item_power: popular items lose their hold on the ridge
    outputs    are multiplied by n_i^output_power: below zero favours rare items, above zero popular ones

Last, `density` < 1 shrinks all weights towards zero by the same amount (soft thresholding, the proximal step of an L1
penalty, as in SLIM, Ning & Karypis 2011), so that this share of them is left. Where histories are short and items many,
most small weights are noise and their sum drowns the few that mean something.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from shopr.data.interactions import Interactions
from shopr.recommend.arithmetic.gram import gram, regression, scale
from shopr.recommend.models.itemweights import HistoryConfig, ItemWeights

__all__ = ["EDLAE", "EDLAEConfig", "Ease", "EaseConfig", "item_counts", "shrunk", "user_weights", "weighted"]

_SPARSE = 0.03
"""Density up to which thresholded weights are kept as CSR: smaller, and faster to score with."""


class EaseConfig(HistoryConfig):
    """Settings of `Ease`.

    Attributes:
        lam: ridge; larger for more or noisier interactions.
        memory_gb: a bound for this model alone, where it is to be tighter than the memory budget of the settings.
    """

    lam: float = Field(default=250.0, gt=0)
    memory_gb: float | None = Field(default=None, gt=0)


class EDLAEConfig(EaseConfig):
    """Settings of `EDLAE`.

    Attributes:
        lam: ridge that all items share, in units of the mean diagonal over 100 where `item_power` rescales the items.
        dropout: p / (1 - p) of the paper: ridge in proportion to each item's own diagonal.
        user_power: beta, see the module's docstring.
        item_power, output_power: likewise.
        density: share of the weights that soft thresholding leaves.
        head: solve for so many of the most popular items only; the others neither count nor score. None: for all.
    """

    lam: float = Field(default=100.0, gt=0)
    dropout: float = Field(default=1.0, ge=0)
    user_power: float = Field(default=0.5, ge=0, le=2)
    item_power: float = Field(default=0.1, ge=-1, le=1)
    output_power: float = Field(default=-0.15, ge=-1, le=1)
    density: float = Field(default=1.0, gt=0, le=1)
    head: int | None = Field(default=None, ge=1)


class Ease(ItemWeights):
    """EASE: binary histories, one ridge, zero diagonal."""

    name = "ease"
    config_class = EaseConfig

    weights: NDArray[np.floating]

    def _fit(self, interactions: Interactions, catalog: object) -> None:
        ridge = np.full(interactions.n_items, self.config.lam)
        self.weights = regression(gram(interactions.binary), ridge)


class EDLAE(ItemWeights):
    """EDLAE with user, item and output scaling."""

    name = "edlae"
    config_class = EDLAEConfig

    def _fit(self, interactions: Interactions, catalog: object) -> None:
        c = self.config
        counts = item_counts(interactions.binary)
        if c.head is not None and c.head < interactions.n_items:
            self.weights = self._head(interactions, counts, c.head)
            return
        square = self._gram(interactions.binary, interactions.last_times)
        self.weights = shrunk(_scaled_regression(square, counts, c), c.density)

    def _head(self, interactions: Interactions, counts: NDArray[np.float64], head: int) -> sparse.csr_matrix:
        """The weights among the `head` most popular items, placed into CSR over all items."""
        popular = np.sort(np.argsort(-counts, kind="stable")[:head])
        matrix, times = interactions.binary, interactions.last_times
        if times is not None:
            times = times[np.isin(matrix.indices, popular)]
        square = self._gram(matrix[:, popular], times)
        small = shrunk(_scaled_regression(square, counts[popular], self.config), self.config.density)
        return _placed(small, popular, interactions.n_items)

    def _gram(self, matrix: sparse.csr_matrix, times: NDArray[np.int64] | None) -> NDArray[np.float32]:
        """(m, m), may be overwritten; `times` are aligned with the entries of the binary `matrix`, None if unknown."""
        return gram(weighted(matrix, self.config.user_power))


def _placed(small: Any, codes: NDArray[np.integer], n_items: int) -> sparse.csr_matrix:
    """CSR (n_items, n_items) with `small`, (h, h) dense or CSR, at the rows and columns `codes`, which rise.

    A dense one lends its memory and is lost; only the column numbers come on top.
    """
    columns = codes.astype(np.int32)
    if sparse.issparse(small):
        lengths, indices, data = np.diff(small.indptr), columns[small.indices], small.data
    else:
        lengths, indices, data = np.full(len(codes), len(codes)), np.tile(columns, len(codes)), small.ravel()
    by_item = np.zeros(n_items, np.int64)
    by_item[codes] = lengths
    indptr = np.concatenate([[0], np.cumsum(by_item)])
    found = sparse.csr_matrix((data, indices, indptr), shape=(n_items, n_items))
    found.eliminate_zeros()
    return found


def weighted(matrix: sparse.csr_matrix, user_power: float) -> sparse.csr_matrix:
    """Rows times the root of their weight n_u^-user_power, scaled so that the weights average 1 over interactions."""
    lengths = np.diff(matrix.indptr).astype(np.float64)
    return scale(matrix, np.sqrt(user_weights(lengths, user_power)), None)


def user_weights(lengths: NDArray[np.floating], user_power: float) -> NDArray[np.float64]:
    """n_u^-user_power, 0 for empty histories, with a mean of 1 over interactions, so that `lam` keeps its scale."""
    weights = np.where(lengths > 0, np.maximum(lengths, 1.0) ** -user_power, 0.0)
    return np.asarray(weights * lengths.sum() / max(float((weights * lengths).sum()), 1e-12))


def item_counts(matrix: sparse.csr_matrix) -> NDArray[np.float64]:
    """Shape (n_items,): users of each item."""
    return np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float64)


def _scaled_regression(
    square: NDArray[np.float32], counts: NDArray[np.float64], config: EDLAEConfig
) -> NDArray[np.floating]:
    """Scale the Gram matrix (overwritten), add EDLAE's ridge, solve, and scale the weights back."""
    base = float(np.average(counts, weights=counts)) if counts.any() else 1.0
    relative = np.maximum(counts, 1.0) / base
    inner = (relative**-config.item_power).astype(np.float32)
    outer = (relative ** (config.item_power + config.output_power)).astype(np.float32)
    square *= inner[:, None]
    square *= inner[None, :]
    diagonal = square.diagonal().astype(np.float64)
    weights = regression(square, config.lam + config.dropout * diagonal)
    weights *= inner[:, None]
    weights *= outer[None, :]
    return weights


def shrunk(weights: NDArray[np.floating], density: float) -> NDArray[np.floating] | sparse.csr_matrix:
    """Soft-threshold the weights (overwritten) so that about `density` of them is left; CSR where that is little.

    The threshold is a quantile over a sample of whole rows, the same for the same weights.
    """
    if density >= 1:
        return weights
    m = weights.shape[0]
    sample = np.abs(weights[:: max(1, m // 64)])
    cut = np.quantile(sample, 1.0 - density).astype(weights.dtype)
    blocks = []
    step = max(1, 2**22 // max(m, 1))
    for start in range(0, m, step):
        rows = weights[start : start + step]
        # |w| - cut below zero becomes zero, then the sign comes back.
        magnitude = np.abs(rows)
        magnitude -= cut
        np.maximum(magnitude, 0, out=magnitude)
        np.copysign(magnitude, rows, out=rows)
        if density <= _SPARSE:
            blocks.append(sparse.csr_matrix(rows))
    return sparse.vstack(blocks, format="csr") if blocks else weights
