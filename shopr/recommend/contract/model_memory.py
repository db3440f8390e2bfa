"""What each model takes for its fit and keeps after it, in bytes beside the data: the numbers behind `memory`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shopr.recommend.contract.base import Recommender
    from shopr.recommend.contract.memory import Size

__all__ = ["ESTIMATES", "SQUARE"]

_MB = 2**20
SQUARE = 1.05
"""Dense float32 squares of the linear models: one, and slices of it."""


def _square(config: Any, size: Size) -> tuple[float, float]:
    head = getattr(config, "head", None)
    items = min(size.items, head) if head is not None else size.items
    square = SQUARE * 4.0 * float(items) ** 2
    kept = square if items == size.items else 2.0 * square  # a head is kept as CSR, with its column numbers
    # A sparse product, in float64, holds the histories twice more.
    return max(square + 24.0 * size.pairs, kept), kept


def _time_kernel(config: Any, size: Size) -> tuple[float, float]:
    fit, kept = _square(config, size)
    return fit + 120 * _MB, kept


def _knn(config: Any, size: Size) -> tuple[float, float]:
    kept = 12.0 * size.items * config.neighbours
    # Few items are compared all at once, dense.
    square = 4.0 * size.items**2 + 2 * kept if size.items <= 4096 else 0.0
    return 52.0 * size.pairs + 3 * kept + square, kept


def _user_knn(config: Any, size: Size) -> tuple[float, float]:
    return 40.0 * size.pairs, 40.0 * size.pairs + 2**22 * 24.0


def _factors(config: Any, size: Size) -> tuple[float, float]:
    # With the engine "spark", this process's part: Java's heap is cut to what the budget leaves.
    kept = 4.0 * size.items * config.factors
    work = 4.0 * size.users * config.factors + 20.0 * size.pairs
    return 2 * kept + work + (160 * _MB if config.nu > 0 else 0.0), kept


def _filter(config: Any, size: Size) -> tuple[float, float]:
    found = 8.0 * size.together
    if config.neighbours is None:
        return 24.0 * size.pairs + 2.0 * found, found
    return 24.0 * size.pairs + 3.5 * found, min(found, 8.0 * size.items * config.neighbours)


def _low_pass(config: Any, size: Size) -> tuple[float, float]:
    fit, kept = _filter(config, size)
    width = 4.0 * (min(config.rank, size.items, size.users) + 16)
    basis = width * (4 * size.items + 2 * size.users)
    return max(fit, kept + basis + 24.0 * size.pairs), kept + width * size.items


def _transitions(config: Any, size: Size) -> tuple[float, float]:
    found = 8.0 * size.together
    return 40.0 * size.pairs + 5.7 * found, found  # blocks of pairs are added to what is there


def _members(config: Any, size: Size) -> tuple[float, float]:
    from shopr.recommend.contract.registry import make

    return _one_by_one([make(member.model, **member.params) for member in config.members], size)


def _both(config: Any, size: Size) -> tuple[float, float]:
    from shopr.recommend.contract.registry import make

    # Without a name it takes EASE where that fits, and else what needs less.
    if config.collaborative is None:
        return min((_one_by_one([make(name)], size) for name in ("ease", "item_filter")), key=max)
    return _one_by_one([make(config.collaborative, **config.collaborative_settings)], size)


def _one_by_one(models: list[Recommender], size: Size) -> tuple[float, float]:
    """Each is fitted while those before it are held; their blocks of scores are added up in one more."""
    peak, held = 0.0, float(size.block)
    for model in models:
        fit, kept = ESTIMATES[model.name](model.config, size) if model.name in ESTIMATES else (0.0, 0.0)
        peak, held = max(peak, held + fit), held + kept
    return peak, held


ESTIMATES: dict[str, Callable[[Any, Size], tuple[float, float]]] = {
    "ease": _square,
    "edlae": _square,
    "ease_time": _time_kernel,
    "item_knn": _knn,
    "user_knn": _user_knn,
    "ials": _factors,
    "item_filter": _filter,
    "rp3beta": _filter,
    "spectral": _low_pass,
    "markov": _transitions,
    "stack": _members,
    "hybrid": _both,
}
"""Model -> its estimate; the others hold little beside the data."""
