"""What `auto` may try: for each family of models, where to start, how to vary it and what it costs.

The spaces depend on the shape of the data: items x items solutions only where they fit into memory and time, recency
and time kernels only where times are known, directed transitions only where histories are ordered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shopr.data.interactions import Interactions
from shopr.recommend.gram import MEMORY_GB

if TYPE_CHECKING:
    import optuna

__all__ = ["FAMILIES", "Family", "Shape"]

FLOPS = 3e10
"""Cautious guess of one core's multiply-adds a second, until the first fit has been timed."""

Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What the choice of models depends on.

    Attributes:
        users, items: with at least one interaction.
        rows: unique pairs.
        pairs: sum of squared history lengths, the cost of an item-item product.
        length: median history length.
        ordered: whether times order the histories.
        kind: of the validation split.
    """

    users: int
    items: int
    rows: int
    pairs: float
    length: float
    ordered: bool
    kind: str

    @classmethod
    def of(cls, train: Interactions, kind: str) -> Shape:
        """The shape of some training data."""
        lengths = np.diff(train.binary.indptr)
        lengths = lengths[lengths > 0]
        items = int((np.bincount(train.items, minlength=train.n_items) > 0).sum())
        return cls(
            users=len(lengths),
            items=items,
            rows=int(lengths.sum()),
            pairs=float((lengths.astype(np.float64) ** 2).sum()),
            length=float(np.median(lengths)) if len(lengths) else 0.0,
            ordered=kind in ("last", "temporal"),
            kind=kind,
        )

    @property
    def square_fits(self) -> bool:
        """Whether dense items x items solutions are worth trying at all."""
        return 4.0 * 3.2 * self.items**2 / 1e9 <= MEMORY_GB and self.items <= 20_000

    @property
    def solve_seconds(self) -> float:
        """Guess of one dense items x items solution."""
        return float(self.items) ** 3 / FLOPS + min(self.pairs * 5e-9, self.users * float(self.items) ** 2 / FLOPS)


@dataclass(frozen=True, slots=True)
class Family:
    """One model and its space.

    Attributes:
        model: its name in the registry.
        wanted: whether it makes sense on data of this shape.
        starts: parameters tried first, best guess first.
        suggest: draws parameters for an Optuna trial.
        seconds: guess of one fit.
        tuned: whether further trials are worth their time; else only the starts are tried.
    """

    model: str
    wanted: Callable[[Shape], bool]
    starts: Callable[[Shape], list[Params]]
    suggest: Callable[[optuna.trial.BaseTrial, Shape], Params]
    seconds: Callable[[Shape], float]
    tuned: bool = True


def _edlae(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    return {
        "lam": trial.suggest_float("lam", 5, 2000, log=True),
        "dropout": trial.suggest_float("dropout", 0, 4),
        "user_power": trial.suggest_float("user_power", 0, 1.0),
        "item_power": trial.suggest_float("item_power", -0.4, 0.4),
        "output_power": trial.suggest_float("output_power", -0.5, 0.2),
    }


def _knn(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    return {
        "similarity": trial.suggest_categorical("similarity", ["cosine", "tfidf", "bm25"]),
        "neighbours": trial.suggest_int("neighbours", 10, 400, log=True),
        "shrinkage": trial.suggest_float("shrinkage", 0, 50),
    }


def _ease(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    return {"lam": trial.suggest_float("lam", 10, 3000, log=True)}


def _none(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    return {}


def _always(shape: Shape) -> bool:
    return True


def _square(shape: Shape) -> bool:
    return shape.square_fits


_EDLAE_STARTS: list[Mapping[str, float]] = [
    {"lam": 100, "dropout": 1.0, "user_power": 0.5, "item_power": -0.1, "output_power": -0.15},
    {"lam": 120, "dropout": 2.4, "user_power": 0.55, "item_power": -0.25, "output_power": -0.3},
    {"lam": 600, "dropout": 1.5, "user_power": 0.5, "item_power": 0.1, "output_power": -0.1},
    {"lam": 20, "dropout": 0.5, "user_power": 0.3, "item_power": 0.0, "output_power": -0.1},
]

FAMILIES: dict[str, Family] = {
    family.model: family
    for family in (
        Family("popular", _always, lambda s: [{}], _none, lambda s: 0.5, tuned=False),
        Family(
            "item_knn",
            _always,
            lambda s: [{"similarity": "cosine", "neighbours": 100, "shrinkage": 5.0}],
            _knn,
            lambda s: s.pairs * 4e-9 + 1.0,
        ),
        Family("ease", _square, lambda s: [{"lam": 200.0}], _ease, lambda s: s.solve_seconds, tuned=False),
        Family("edlae", _square, lambda s: [dict(p) for p in _EDLAE_STARTS], _edlae, lambda s: s.solve_seconds),
    )
}
"""Every family that `auto` knows, by the name of its model."""
