"""Reranking a candidate list: diversity, calibration and caps in one greedy pass over all users at once.

Each of the k steps takes, in every row, the candidate with the best value

    (1 - d - c) * relevance - d * max similarity to what is chosen - c * KL(history's categories || list's categories)

among those that no cap bars. With d alone this is maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998), with
c alone the calibrated recommendations of Steck (RecSys 2018). With neither, and no cap, the order stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.errors import InputError
from shopr.recommend.contract.explain import entries_of

__all__ = ["Calibration", "Cap", "calibrated", "capped", "category_shares", "mmr", "rerank"]

_GRAM_CELLS = 2**21
"""Cells of item-item similarities that one block of rows may hold."""
_SMOOTHING = 0.01
"""Steck's alpha: how much of the target is mixed into the list's distribution, so that no logarithm is infinite."""

Ranked = tuple[NDArray[np.int32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `most` items of one group in a list.

    Attributes:
        groups: shape (n_items,), the group (brand, category) of each item; -1 is never capped.
        most: at least 1.
    """

    groups: NDArray[np.integer]
    most: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the categories of a list should be spread.

    Attributes:
        categories: shape (n_items,), the category of each item; -1 counts for none.
        target: shape (n rows, n categories), each row's wanted shares, summing to 1; a row of zeros wants nothing.
        strength: 0 … 1.
    """

    categories: NDArray[np.integer]
    target: NDArray[np.floating]
    strength: float


def rerank(
    items: NDArray[np.integer],
    scores: NDArray[np.floating],
    k: int,
    *,
    vectors: NDArray[np.floating] | sparse.csr_matrix | None = None,
    diversity: float = 0.0,
    calibration: Calibration | None = None,
    caps: Sequence[Cap] = (),
) -> Ranked:
    """The k items of each row that the criteria above choose, in the order of choice, with their own scores.

    Args:
        items: shape (n, c), candidate codes, best first; -1 pads.
        scores: shape (n, c); only their order and spacing within a row counts.
        vectors: one row an item, rows of length 1 (content TF-IDF, or a model's factors); needed for diversity.
        diversity: weight of dissimilarity, 0 … 1.
        caps: each holds for every row.

    Returns:
        items (n, k) int32, -1 where nothing may be added; scores (n, k) float32, -inf there.

    Raises:
        InputError: if k < 1, shapes differ, a strength is outside 0 … 1, or diversity is asked for without vectors.
    """
    items, scores = np.asarray(items), np.asarray(scores, np.float64)
    _check(items, scores, k, vectors=vectors, diversity=diversity, calibration=calibration, caps=caps)
    n, c = items.shape
    out_items = np.full((n, k), -1, np.int32)
    out_scores = np.full((n, k), -np.inf, np.float32)
    rows = (
        max(1, int(_GRAM_CELLS**0.5) // max(c, 1)) if sparse.issparse(vectors) else max(1, _GRAM_CELLS // max(c * c, 1))
    )
    for start in range(0, n, rows):
        block = slice(start, min(start + rows, n))
        part = calibration
        if calibration is not None:
            part = Calibration(calibration.categories, calibration.target[block], calibration.strength)
        step = _Greedy(items[block], scores[block], vectors=vectors, diversity=diversity, calibration=part, caps=caps)
        out_items[block], out_scores[block] = step.run(k)
    return out_items, out_scores


def mmr(
    items: NDArray[np.integer],
    scores: NDArray[np.floating],
    vectors: NDArray[np.floating] | sparse.csr_matrix,
    k: int,
    strength: float,
) -> Ranked:
    """Maximal marginal relevance alone; see `rerank`."""
    return rerank(items, scores, k, vectors=vectors, diversity=strength)


def calibrated(items: NDArray[np.integer], scores: NDArray[np.floating], k: int, calibration: Calibration) -> Ranked:
    """Calibrated recommendations alone; see `rerank`."""
    return rerank(items, scores, k, calibration=calibration)


def capped(items: NDArray[np.integer], scores: NDArray[np.floating], k: int, *caps: Cap) -> Ranked:
    """The k best items that the caps allow; see `rerank`."""
    return rerank(items, scores, k, caps=caps)


def category_shares(
    histories: sparse.csr_matrix, categories: NDArray[np.integer], n_categories: int
) -> NDArray[np.float64]:
    """Shape (n, n_categories): each history's weight by category, summing to 1 a row; zeros without a history."""
    rows = np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr))
    kind = np.asarray(categories)[histories.indices]
    known = kind >= 0
    shares = np.zeros((histories.shape[0], n_categories))
    np.add.at(shares, (rows[known], kind[known]), histories.data[known])
    total = shares.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(shares, total, out=shares, where=total > 0))


class _Greedy:
    """The state of one block of rows while items are chosen."""

    def __init__(
        self,
        items: NDArray[np.integer],
        scores: NDArray[np.floating],
        *,
        vectors: NDArray[np.floating] | sparse.csr_matrix | None,
        diversity: float,
        calibration: Calibration | None,
        caps: Sequence[Cap],
    ) -> None:
        self.items, self.scores = items, scores
        self.open = (items >= 0) & np.isfinite(scores)
        self.row = np.arange(len(items))
        self.safe = np.where(items >= 0, items, 0)
        self.diversity = diversity
        weight = diversity + (calibration.strength if calibration else 0.0)
        # Without criteria the raw scores decide, so that rounding cannot swap two that are almost equal.
        value = (1.0 - weight) * _relevance(scores, self.open) if weight else scores
        self.value = np.where(self.open, value, -np.inf)  # what is taken or barred falls to -inf as well
        self.nearest: NDArray[np.float64] | None = None
        self.similar = _similarities(self.safe, vectors) if diversity and vectors is not None else None
        self.calibration = calibration if calibration and calibration.strength else None
        if self.calibration is not None:
            self.kinds = np.where(items >= 0, self.calibration.categories[self.safe], -1)
            self.counts = np.zeros(self.calibration.target.shape)
            self.wanted = self.calibration.target > 0
        groups = [np.where(items >= 0, cap.groups[self.safe], -1) for cap in caps]
        taken = [np.zeros(items.shape, np.int32) for _ in caps]
        self.caps = [(_alike(g), cap.most, t) for g, cap, t in zip(groups, caps, taken, strict=True)]

    def run(self, k: int) -> Ranked:
        n = len(self.items)
        chosen = np.full((n, k), -1, np.int32)
        kept = np.full((n, k), -np.inf, np.float32)
        for place in range(min(k, self.items.shape[1])):
            value = self._values()
            best = value.argmax(axis=1)
            some = value[self.row, best] > -np.inf
            if not some.any():
                break
            chosen[:, place] = np.where(some, self.items[self.row, best], -1)
            kept[:, place] = np.where(some, self.scores[self.row, best], -np.inf)
            self._take(best)
        return chosen, kept

    def _values(self) -> NDArray[np.float64]:
        value = self.value
        if self.nearest is not None:
            value = value - self.diversity * self.nearest
        if self.calibration is not None:
            value = value - self.calibration.strength * self._divergence()
        return value

    def _divergence(self) -> NDArray[np.float64]:
        """Shape (n, c): KL of target from the list after each candidate, less what all candidates of a row share.

        A candidate changes the term of its own category only.
        """
        assert self.calibration is not None
        target = self.calibration.target
        step = (1 - _SMOOTHING) / (self.counts.sum(axis=1, keepdims=True) + 1.0)
        now = np.where(self.wanted, step * self.counts + _SMOOTHING * target, 1.0)
        change = -target * np.log1p(step / now)
        moved: NDArray[np.float64] = change[self.row[:, None], self.kinds]
        moved[self.kinds < 0] = 0.0
        return moved

    def _take(self, best: NDArray[np.int64]) -> None:
        """Note that each row took its candidate `best`; rows that have none left are past caring."""
        self.value[self.row, best] = -np.inf
        if self.similar is not None:
            near = self.similar[self.row, best]
            self.nearest = near if self.nearest is None else np.maximum(self.nearest, near, out=self.nearest)
        if self.calibration is not None:
            kind = self.kinds[self.row, best]
            self.counts[self.row, kind] += kind >= 0
        for alike, most, taken in self.caps:
            np.add(taken, alike[self.row, best], out=taken)
            np.copyto(self.value, -np.inf, where=taken >= most)


def _alike(groups: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Shape (n, c, c): whether two candidates of a row share a group."""
    alike: NDArray[np.bool_] = (groups[:, :, None] == groups[:, None, :]) & (groups >= 0)[:, :, None]
    return alike


def _relevance(scores: NDArray[np.floating], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Scores of each row brought to 0 … 1, so that one strength means the same for every model."""
    low = np.where(valid, scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    high = np.where(valid, scores, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    span = np.where(high > low, high - low, 1.0)
    return np.where(valid, (np.where(valid, scores, 0.0) - np.where(np.isfinite(low), low, 0.0)) / span, -np.inf)


def _similarities(items: NDArray[np.integer], vectors: NDArray[np.floating] | sparse.csr_matrix) -> NDArray[np.float64]:
    """Shape (n, c, c): cosines between the candidates of each row."""
    if not isinstance(vectors, np.ndarray):
        unique, place = np.unique(items, return_inverse=True)
        place = place.reshape(items.shape)
        gram = _gram(vectors, unique)
        return np.asarray(gram[place[:, :, None], place[:, None, :]], np.float64)
    mine = vectors[items]
    return np.asarray(mine @ mine.transpose(0, 2, 1), np.float64)


def _gram(vectors: sparse.csr_matrix, items: NDArray[np.integer]) -> NDArray[np.floating]:
    """Shape (n, n): products of the rows of `items`, dense over the few columns that they have between them."""
    owner, entry = entries_of(vectors, items)
    columns, place = np.unique(vectors.indices[entry], return_inverse=True)
    if len(items) * len(columns) > _GRAM_CELLS:
        mine = vectors[items]
        product: NDArray[np.floating] = (mine @ mine.T).toarray()
        return product
    rows = np.zeros((len(items), len(columns)), vectors.dtype)
    rows[owner, place] = vectors.data[entry]
    return np.asarray(rows @ rows.T)


def _check(
    items: NDArray[np.integer],
    scores: NDArray[np.floating],
    k: int,
    *,
    vectors: object,
    diversity: float,
    calibration: Calibration | None,
    caps: Sequence[Cap],
) -> None:
    if k < 1:
        raise InputError(f"k is {k}", hint="Ask for at least 1 item")
    if items.ndim != 2 or items.shape != scores.shape:
        raise InputError(f"items of shape {items.shape} and scores of {scores.shape} are not aligned")
    strength = calibration.strength if calibration else 0.0
    for name, value in (("diversity", diversity), ("calibration", strength), ("their sum", diversity + strength)):
        if not 0 <= value <= 1:
            raise InputError(f"{name} is {value:g}, outside 0 … 1", hint="0 keeps the model's order")
    if diversity and vectors is None:
        raise InputError("diversity needs item vectors", hint="Pass vectors=item_vectors(catalog, item_ids)")
    if calibration is not None and len(calibration.target) != len(items):
        raise InputError(f"{len(calibration.target)} target rows for {len(items)} lists", hint="Give one row a list")
    for cap in caps:
        if cap.most < 1:
            raise InputError(f"a cap of {cap.most} would empty every list", hint="Use 1 or more")
