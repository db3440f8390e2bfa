"""What `auto` may try: for each family of models, where to start, how to vary it and what it costs.

The spaces depend on the shape of the data: items x items solutions only where they fit into memory and time, recency
and time kernels only where times are known, directed transitions only where histories are ordered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shopr.recommend.selection import cold_spaces
from shopr.recommend.selection.shape import HEAD, Shape

if TYPE_CHECKING:
    import optuna

__all__ = ["FAMILIES", "Family", "Params", "Shape"]

_HEAD_DENSITY = 0.2
"""Share of the head's weights that is kept at most: they are stored as CSR beside all other items."""

_THIN = 0.002
"""Share of observed pairs below which iALS starts from a high confidence."""

Params = dict[str, Any]


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
        blend_from: share of the best quality from which it may be a member of a stack; a low one marks models that
            know other things than who bought what.
    """

    model: str
    wanted: Callable[[Shape], bool]
    starts: Callable[[Shape], list[Params]]
    suggest: Callable[[optuna.trial.BaseTrial, Shape], Params]
    seconds: Callable[[Shape], float]
    tuned: bool = True
    blend_from: float = 0.6


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
        "density": trial.suggest_float("density", 0.005, 1.0 if shape.square_fits else _HEAD_DENSITY, log=True),
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


def _fading(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    """How histories fade, where their order is known."""
    if not shape.ordered:
        return {}
    span = max(shape.span_days, 2 * shape.gap_days)
    return {
        "half_life_days": trial.suggest_float("half_life_days", 0.1 * shape.gap_days, 2 * span, log=True),
        "floor": trial.suggest_float("floor", 0.0, 0.5),
    }


def _faded(shape: Shape) -> Params:
    """Where the search for `_fading` starts."""
    return {"half_life_days": 3.0 * shape.gap_days, "floor": 0.1} if shape.ordered else {}


def _filter(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    return {
        **_fading(trial, shape),
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
        "outer_power": trial.suggest_float("outer_power", -0.1, 0.6),
    }


def _likeness(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    return {
        "half_life": trial.suggest_float("half_life", 0.5, 30, log=True),
        "popularity": trial.suggest_float("popularity", 0, 1),
        "sharpness": trial.suggest_float("sharpness", 0.7, 3, log=True),
    }


def _knn(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    return {
        "similarity": trial.suggest_categorical("similarity", ["cosine", "tfidf", "bm25"]),
        "neighbours": trial.suggest_int("neighbours", 4, 400, log=True),
        "shrinkage": trial.suggest_float("shrinkage", 0, 20),
    }


def _ials(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    return {
        "factors": trial.suggest_categorical("factors", [32, 64, 128, 256]),
        "regularization": trial.suggest_float("regularization", 0.1, 100, log=True),
        "alpha": trial.suggest_float("alpha", 0.5, 100, log=True),
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
    if shape.square_fits:
        return _EDLAE_STARTS
    sparse = [start for start in _EDLAE_STARTS if start["density"] <= _HEAD_DENSITY]
    return [{**start, **_head(shape)} for start in ({**_EDLAE_STARTS[0], "density": 0.05}, *sparse)]


_FILTER_STARTS: list[Params] = [
    {"user_power": 0.25, "from_power": 0.6, "to_power": 0.3},
    {"user_power": 0.8, "from_power": 0.5, "to_power": 0.5},
]

_SPECTRAL_STARTS: list[Params] = [
    {**_FILTER_STARTS[0], "rank": r, "mix": m, "spectral_user_power": u, "spectral_item_power": i, "outer_power": o}
    for r, m, u, i, o in ((512, 0.4, 0.35, 0.4, 0.1), (128, 0.4, 0.35, 0.4, 0.1), (128, 0.2, 0.5, 0.5, 0.5))
]


def _spectral_starts(shape: Shape) -> list[Params]:
    """A high rank first where items are many; low ones smooth more, which fewer items want."""
    starts = [{**start, **_faded(shape)} for start in _SPECTRAL_STARTS]
    return starts[1:] if shape.square_fits else starts


_IALS_STARTS: list[Params] = [
    {"factors": f, "regularization": r, "alpha": a} for f, r, a in ((64, 10.0, 2.0), (64, 30.0, 4.0), (128, 10.0, 60.0))
]


def _ials_starts(shape: Shape) -> list[Params]:
    """The fewer of the pairs are observed, the more each must count against the others."""
    thin = shape.rows < _THIN * shape.users * shape.items
    return _IALS_STARTS[::-1] if thin else _IALS_STARTS


_KNN_STARTS: list[Params] = [
    {"similarity": "cosine", "neighbours": 100, "shrinkage": 0.0},
    {"similarity": "tfidf", "neighbours": 10, "shrinkage": 0.0},
    {"similarity": "bm25", "neighbours": 50, "shrinkage": 5.0},
]

_MARKOV_STARTS: list[Params] = [
    {"decay": 0.6, "backward": 0.2, "half_life": 1.0, "from_power": 0.6, "to_power": 0.1, "shrinkage": 12.0,
     "user_power": 0.0},
    {"decay": 1.0, "backward": 0.3, "half_life": 1.5, "from_power": 0.5, "to_power": 0.4, "shrinkage": 3.0,
     "user_power": 0.0},
]  # fmt: skip

FAMILIES: dict[str, Family] = {
    family.model: family
    for family in (
        Family("popular", _always, lambda s: [{}], _none, lambda s: s.rows * 1e-7, tuned=False),
        Family(
            "item_knn",
            _always,
            lambda s: _KNN_STARTS,
            _knn,
            lambda s: s.pairs * 1e-8 + 1.0,
        ),
        Family(
            "item_filter",
            _always,
            lambda s: [{**p, **_faded(s)} for p in _FILTER_STARTS],
            _filter,
            lambda s: s.pairs * 5e-8 + 1.0,
        ),
        Family(
            "spectral",
            _always,
            _spectral_starts,
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
        Family(
            "likeness",
            lambda s: s.described,
            lambda s: [
                {"half_life": 2.0 if s.ordered else 30.0, "popularity": p, "sharpness": 1.0} for p in (0.5, 0.2)
            ],
            _likeness,
            lambda s: s.rows * 2e-5 + 2.0,
            blend_from=0.1,
        ),
        Family(
            "content", lambda s: s.described, lambda s: [{}], cold_spaces.suggest_content, lambda s: 3.0, blend_from=0.1
        ),
        *(Family(name, *parts, lambda s: s.solve_seconds + 5.0) for name, parts in cold_spaces.SPACES.items()),
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
            _ials_starts,
            _ials,
            lambda s: s.rows * 4e-5 + (s.users + s.items) * 3e-4,
        ),
    )
}
"""Every family that `auto` knows, by the name of its model."""
