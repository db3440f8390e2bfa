"""What `auto` may try: for each family of models, where to start, how to vary it and what it costs.

The spaces depend on the shape of the data: items x items solutions only where they fit into memory and time, recency
and time kernels only where times are known, directed transitions only where histories are ordered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shopr.data.interactions import Interactions
from shopr.recommend.gram import MEMORY_GB

if TYPE_CHECKING:
    import optuna

__all__ = ["FAMILIES", "Family", "Shape"]

_DAY = 86_400.0
FLOPS = 3e10
"""Cautious guess of one core's multiply-adds a second, until the first fit has been timed."""

HEAD = 9_000
"""Popular items that EDLAE keeps to where all of them would take too long."""

Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What the choice of models depends on.

    Attributes:
        users, items: with at least one interaction.
        rows: unique pairs.
        pairs: sum of squared history lengths, the cost of an item-item product.
        length: median history length.
        ordered: whether the validation split goes by time, and models of time are worth trying.
        gap_days: median time between two entries of a history that follow each other at different times; 1 if unknown.
        span_days: from the first interaction to the last; 1 if unknown.
    """

    users: int
    items: int
    rows: int
    pairs: float
    length: float
    ordered: bool
    gap_days: float = 1.0
    span_days: float = 1.0

    @classmethod
    def of(cls, train: Interactions, *, ordered: bool = False) -> Shape:
        """The shape of some training data."""
        lengths = np.diff(train.binary.indptr)
        lengths = lengths[lengths > 0]
        items = int((np.bincount(train.items, minlength=train.n_items) > 0).sum())
        gap, span = _rhythm(train)
        return cls(
            users=len(lengths),
            items=items,
            rows=int(lengths.sum()),
            pairs=float((lengths.astype(np.float64) ** 2).sum()),
            length=float(np.median(lengths)) if len(lengths) else 0.0,
            ordered=ordered,
            gap_days=gap,
            span_days=span,
        )

    @property
    def square_fits(self) -> bool:
        """Whether dense items x items solutions are worth trying at all."""
        return 4.0 * 3.2 * self.items**2 / 1e9 <= MEMORY_GB and self.items <= 20_000

    @property
    def solve_seconds(self) -> float:
        """Guess of one dense items x items solution."""
        items = float(self.items if self.square_fits else HEAD)
        return items**3 / FLOPS + min(self.pairs * 5e-9, self.users * items**2 / FLOPS)


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


def _rhythm(train: Interactions) -> tuple[float, float]:
    """Median gap within histories and span of the log, in days; (1, 1) where nothing is known."""
    times = train.last_times
    if times is None or not len(times):
        return 1.0, 1.0
    owner = np.repeat(np.arange(train.n_users), np.diff(train.binary.indptr))
    order = np.lexsort((times, owner))
    gaps = np.diff(times[order])[np.diff(owner[order]) == 0]
    gaps = gaps[gaps > 0]
    span = max(float(times.max() - times.min()), 1.0) / _DAY
    return (float(np.median(gaps)) / _DAY if len(gaps) else span), span


def _head(shape: Shape) -> Params:
    """Beyond what can be solved in time, EDLAE keeps to the popular items, and a stack adds the rest."""
    return {} if shape.square_fits else {"head": HEAD}


def _edlae(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    return {
        **_head(shape),
        "lam": trial.suggest_float("lam", 2, 5000, log=True),
        "dropout": trial.suggest_float("dropout", 0, 4),
        "user_power": trial.suggest_float("user_power", 0, 1.0),
        "item_power": trial.suggest_float("item_power", -0.4, 0.4),
        "output_power": trial.suggest_float("output_power", -0.5, 0.2),
        "density": trial.suggest_float("density", 0.005, 1.0 if shape.square_fits else 0.2, log=True),
    }


def _ease_time(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    gap, span = shape.gap_days, max(shape.span_days, 2 * shape.gap_days)
    return {
        **_edlae(trial, shape),
        "tau_days": trial.suggest_float("tau_days", 0.01 * gap, span, log=True),
        "share": trial.suggest_float("share", 0.0, 1.0),
        "half_life_days": trial.suggest_float("half_life_days", 0.01 * gap, 2 * span, log=True),
        "floor": trial.suggest_float("floor", 0.0, 0.5),
    }


def _ease_time_starts(shape: Shape) -> list[Params]:
    gap = shape.gap_days
    base = {**_head(shape), "lam": 20.0, "dropout": 0.5, "user_power": 0.4, "item_power": 0.0, "output_power": -0.1}
    full = 1.0 if shape.square_fits else 0.1
    return [
        {**base, "density": full, "tau_days": t * gap, "share": 0.8, "half_life_days": h * gap, "floor": f}
        for t, h, f in ((0.4, 0.2, 0.1), (2.0, 2.0, 0.0), (0.1, 0.05, 0.1))
    ] + [
        {**base, "lam": 20.0, "density": 0.05, "tau_days": 0.4 * gap, "share": 0.8, "half_life_days": 0.2 * gap,
         "floor": 0.1},
    ]  # fmt: skip


def _markov(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    return {
        "decay": trial.suggest_float("decay", 0, 3),
        "backward": trial.suggest_float("backward", 0, 1),
        "half_life": trial.suggest_float("half_life", 0.3, 30, log=True),
        "from_power": trial.suggest_float("from_power", 0, 1),
        "to_power": trial.suggest_float("to_power", 0, 0.8),
        "shrinkage": trial.suggest_float("shrinkage", 0, 20),
        "user_power": trial.suggest_float("user_power", 0, 1),
    }


def _filter(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    return {
        "user_power": trial.suggest_float("user_power", 0, 1.0),
        "from_power": trial.suggest_float("from_power", 0.3, 0.9),
        "to_power": trial.suggest_float("to_power", 0.1, 0.6),
    }


def _spectral(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    return {
        **_filter(trial, shape),
        "rank": trial.suggest_categorical("rank", [64, 128, 256, 512]),
        "mix": trial.suggest_float("mix", 0.05, 2, log=True),
        "spectral_user_power": trial.suggest_float("spectral_user_power", 0.0, 0.7),
        "spectral_item_power": trial.suggest_float("spectral_item_power", 0.1, 0.7),
    }


def _knn(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    return {
        "similarity": trial.suggest_categorical("similarity", ["cosine", "tfidf", "bm25"]),
        "neighbours": trial.suggest_int("neighbours", 4, 400, log=True),
        "shrinkage": trial.suggest_float("shrinkage", 0, 20),
    }


def _ials(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    return {
        "factors": trial.suggest_categorical("factors", [64, 128, 256]),
        "regularization": trial.suggest_float("regularization", 0.1, 100, log=True),
        "alpha": trial.suggest_float("alpha", 0.5, 40, log=True),
    }


def _none(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    return {}


def _always(shape: Shape) -> bool:
    return True


def _square(shape: Shape) -> bool:
    return shape.square_fits


_EDLAE_STARTS: list[Params] = [
    {"lam": 100.0, "dropout": 1.0, "user_power": 0.5, "item_power": 0.0, "output_power": -0.15, "density": 1.0},
    {"lam": 20.0, "dropout": 0.8, "user_power": 0.2, "item_power": -0.2, "output_power": -0.1, "density": 0.07},
    {"lam": 600.0, "dropout": 1.5, "user_power": 0.5, "item_power": 0.1, "output_power": -0.1, "density": 1.0},
    {"lam": 60.0, "dropout": 2.0, "user_power": 0.5, "item_power": -0.2, "output_power": -0.22, "density": 0.05},
]


def _edlae_starts(shape: Shape) -> list[Params]:
    starts = [{**start, **_head(shape)} for start in _EDLAE_STARTS]
    return starts if shape.square_fits else [s for s in starts if s["density"] <= 0.2]


_FILTER_STARTS: list[Params] = [
    {"user_power": 0.25, "from_power": 0.6, "to_power": 0.3},
    {"user_power": 0.8, "from_power": 0.5, "to_power": 0.5},
]

_KNN_STARTS: list[Params] = [
    {"similarity": "cosine", "neighbours": 100, "shrinkage": 0.0},
    {"similarity": "tfidf", "neighbours": 10, "shrinkage": 0.0},
    {"similarity": "bm25", "neighbours": 50, "shrinkage": 5.0},
]

_MARKOV_STARTS: list[Params] = [
    {"decay": 1.0, "backward": 0.3, "half_life": 1.5, "from_power": 0.5, "to_power": 0.4, "shrinkage": 3.0,
     "user_power": 0.0},
]  # fmt: skip

FAMILIES: dict[str, Family] = {
    family.model: family
    for family in (
        Family("popular", _always, lambda s: [{}], _none, lambda s: 0.5, tuned=False),
        Family(
            "item_knn",
            _always,
            lambda s: _KNN_STARTS,
            _knn,
            lambda s: s.pairs * 1e-8 + 1.0,
        ),
        Family("item_filter", _always, lambda s: _FILTER_STARTS, _filter, lambda s: s.pairs * 5e-8 + 1.0),
        Family(
            "spectral",
            _always,
            lambda s: [
                {**_FILTER_STARTS[0], "rank": r, "mix": m, "spectral_user_power": u, "spectral_item_power": i}
                for r, m, u, i in ((512, 0.1, 0.2, 0.3), (128, 0.2, 0.5, 0.5))
            ],
            _spectral,
            lambda s: s.pairs * 5e-8 + s.rows * 3e-5 + s.items * 5e-4,
        ),
        Family(
            "markov",
            lambda s: s.ordered,
            lambda s: _MARKOV_STARTS,
            _markov,
            lambda s: min(s.pairs, s.rows * 200) * 6e-8 + 1,
        ),
        Family("ease", _square, lambda s: [{"lam": 200.0}], _none, lambda s: s.solve_seconds, tuned=False),
        Family("edlae", _always, _edlae_starts, _edlae, lambda s: s.solve_seconds),
        Family(
            "ease_time",
            lambda s: s.ordered,
            _ease_time_starts,
            _ease_time,
            lambda s: s.solve_seconds + min(s.pairs, s.rows * 500) * 6e-8,
        ),
        Family(
            "ials",
            _always,
            lambda s: [
                {"factors": 128, "regularization": 10.0, "alpha": 2.0},
                {"factors": 256, "regularization": 20.0, "alpha": 1.0},
            ],
            _ials,
            lambda s: s.rows * 4e-5 + (s.users + s.items) * 3e-4,
        ),
    )
}
"""Every family that `auto` knows, by the name of its model."""
