"""What a fit and a recommendation to all will take, and the bound that a model is refused above before it starts.

The bound is the setting SHOPR_MEMORY_BUDGET, or what `bounded` says for a while. Estimates count what comes on top of
the log itself: the pairs and matrices made of it, and what the model builds from them. They follow the arrays that the
code holds at its peak, a fixed `_BASE` included; tests hold them against the resident memory of a child process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from shopr.errors import CapacityError, InputError
from shopr.recommend.contract.model_memory import ESTIMATES, SQUARE

if TYPE_CHECKING:
    from shopr.data.interactions import Interactions
    from shopr.recommend.contract.base import Recommender

__all__ = ["Size", "block_rows", "bounded", "budget", "estimate", "largest_head", "refusal", "require"]

_MB = 2**20
_BASE = 24 * _MB
"""Blocks of products, caches of the allocator, and other things that do not grow."""
_LEAST_BLOCK, _MOST_BLOCK = 2 * _MB, 64 * _MB
_BLOCK_SHARE = 32
_BLOCK_COPIES = 3.0
"""A block of dense scores takes at most this share of the bound; with what is made of it, so many times its size."""
_DENSE = ("ease", "edlae", "ease_time")
"""Models that hold items x items."""
_SAMPLE = 64
"""Items whose rows are looked at to tell how many entries a product of items by items will have."""
_bound: ContextVar[int | None] = ContextVar("memory_bound", default=None)


@dataclass(frozen=True, slots=True)
class Size:
    """What memory depends on.

    Attributes:
        rows: interactions.
        pairs: of user and item, each counted once.
        users, items: in the id maps.
        together: ordered pairs of items that some user holds both of: the most there can be, or told from a sample.
        timed: whether the log has times.
    """

    rows: int
    pairs: int
    users: int
    items: int
    together: float
    timed: bool = False

    @classmethod
    def of(cls, interactions: Interactions, *, sampled: bool = False) -> Size:
        """The size of a log; its matrix is made where it is not there yet.

        Args:
            sampled: look at the rows of some items for `together`, which costs a small share of a fit.
        """
        matrix = interactions.matrix
        lengths = np.diff(matrix.indptr).astype(np.float64)
        together = min(float((lengths**2).sum()), float(interactions.n_items) ** 2)
        if sampled and interactions.n_items > _SAMPLE:
            together = min(together, _together(matrix))
        timed = interactions.times is not None
        return cls(len(interactions), matrix.nnz, interactions.n_users, interactions.n_items, together, timed)

    @property
    def sorting(self) -> float:
        """Bytes at the peak of making the pairs."""
        return 57.0 * self.rows

    @property
    def block(self) -> float:
        """Bytes of the largest block of dense scores."""
        return float(min(_block_bytes(), 4 * self.users * self.items))

    @property
    def data(self) -> float:
        """Bytes of the pairs, the matrix, its binary twin and the times, once they are made."""
        return (38.0 if self.timed else 30.0) * self.rows


def _together(matrix: sparse.csr_matrix) -> float:
    """Entries of X'X, from the rows of items spread evenly over the order of popularity."""
    m = matrix.shape[1]
    order = np.argsort(np.bincount(matrix.indices, minlength=m), kind="stable")
    chosen = order[((np.arange(_SAMPLE) + 0.5) * m / _SAMPLE).astype(np.int64)]
    found: float = (matrix[:, chosen].T.tocsr() @ matrix).nnz * m / _SAMPLE
    return found


def budget() -> int:
    """Bytes that one piece of work may plan for: of `bounded`, else of the settings in force.

    Raises:
        ConfigError: if the settings are wrong.
    """
    given = _bound.get()
    if given is not None:
        return given
    from shopr.config import Settings

    return Settings().memory_budget


@contextmanager
def bounded(memory: int) -> Iterator[None]:
    """Another bound, in bytes, for the work of this block (and thread).

    Raises:
        InputError: if it is not above zero.
    """
    if memory <= 0:
        raise InputError(f"the memory bound is {memory}", hint="Give bytes above zero")
    token = _bound.set(int(memory))
    try:
        yield
    finally:
        _bound.reset(token)


def block_rows(rows: int, columns: int, most: int = _MOST_BLOCK) -> int:
    """How many of `rows` rows of float32 scores are held at once: at least one.

    Few rows are never divided, so that an answer to one shopper does not read the settings. `most` bounds a block's
    bytes where the budget would allow more.
    """
    size = 4 * rows * columns
    if size <= min(_LEAST_BLOCK, most):
        return max(rows, 1)
    return max(1, min(_block_bytes(), most) // (4 * max(columns, 1)))


def _block_bytes() -> int:
    given = _bound.get()
    bound = _told(os.environ.get("SHOPR_MEMORY_BUDGET"), os.environ.get("SHOPR_CONFIG")) if given is None else given
    return min(_MOST_BLOCK, max(_LEAST_BLOCK, bound // _BLOCK_SHARE))


@lru_cache(maxsize=8)
def _told(variable: str | None, path: str | None) -> int:
    """The bound of the settings, read once for each value of the variables: blocks are cut often."""
    return budget()


def estimate(model: Recommender, size: Size) -> float:
    """Bytes on top of the log that fitting `model` and recommending to all of its users take at their peak."""
    fit, kept = ESTIMATES[model.name](model.config, size) if model.name in ESTIMATES else (0.0, 0.0)
    answers = _BLOCK_COPIES * size.block
    return _BASE + max(size.sorting, size.data + max(fit, kept + answers))


def refusal(model: Recommender, interactions: Interactions) -> CapacityError | None:
    """Why a fit would not stay within the bound: the size, the bound and what would fit; None if it would."""
    own: float | None = getattr(model.config, "memory_gb", None)
    bound = float(budget()) if own is None else min(budget(), own * 1e9)
    if estimate(model, Size.of(interactions)) <= bound:
        return None
    size = Size.of(interactions, sampled=True)
    need = estimate(model, size)
    if need <= bound:
        return None
    return CapacityError(
        f"{model.name} over {size.items:,} items and {size.pairs:,} pairs needs {_said(need)}, "
        f"the memory budget is {_said(bound)}",
        hint=_hint(model, size, bound),
    )


def require(model: Recommender, interactions: Interactions) -> None:
    """Refuse a fit that would not stay within the bound.

    Raises:
        CapacityError: as `refusal` says.
    """
    refused = refusal(model, interactions)
    if refused is not None:
        raise refused


def largest_head(size: Size, bound: float) -> int:
    """The most items, in hundreds, of a dense linear model that stays within the bound; 0 if none does."""
    room = bound - _BASE - size.data - _BLOCK_COPIES * _block_bytes()
    return int(np.sqrt(max(room, 0.0) / (8 * SQUARE)) // 100 * 100)


def _hint(model: Recommender, size: Size, bound: float) -> str:
    from shopr.recommend.contract.registry import make

    choices = []
    if model.name in _DENSE:
        head = largest_head(size, bound)
        if head >= 100:
            choices.append(f"'{'edlae' if model.name == 'ease' else model.name}' with head={head}")
    others = [make(name) for name in ("item_filter", "ials", "spectral", "item_knn") if name != model.name]
    choices += [f"'{one.name}'" for one in others if estimate(one, size) <= bound]
    if model.name in ("ials", "item_knn") or not choices:
        choices.append("a sample of the interactions")
    return f"Use {', '.join(choices)}, or raise SHOPR_MEMORY_BUDGET"


def _said(memory: float) -> str:
    return f"{memory / 2**30:.1f} GB" if memory >= 2**30 else f"{memory / _MB:.0f} MB"
