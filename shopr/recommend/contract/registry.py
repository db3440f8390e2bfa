"""Recommenders by name, imported only when asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pydantic import ValidationError

from shopr.errors import InputError, UnknownNameError
from shopr.recommend.contract.base import Recommender

__all__ = ["MODELS", "make", "model_class"]

MODELS: dict[str, tuple[str, str]] = {
    "cold": ("shopr.recommend.models.cold", "Cold"),
    "content": ("shopr.recommend.models.content", "Content"),
    "hybrid": ("shopr.recommend.models.hybrid", "Hybrid"),
    "likeness": ("shopr.recommend.models.likeness", "Likeness"),
    "svd": ("shopr.recommend.models.explicit", "SVD"),
    "svdpp": ("shopr.recommend.models.explicit", "SVDpp"),
    "knn_baseline": ("shopr.recommend.models.explicit", "KNNBaseline"),
    "ease": ("shopr.recommend.models.linear", "Ease"),
    "ease_side": ("shopr.recommend.models.ease_side", "EaseSide"),
    "edlae": ("shopr.recommend.models.linear", "EDLAE"),
    "ease_time": ("shopr.recommend.models.timekernel", "EaseTime"),
    "markov": ("shopr.recommend.models.sequence", "Markov"),
    "item_filter": ("shopr.recommend.models.spectral", "ItemFilter"),
    "rp3beta": ("shopr.recommend.models.spectral", "RP3beta"),
    "spectral": ("shopr.recommend.models.spectral", "Spectral"),
    "stack": ("shopr.recommend.models.stack", "Stack"),
    "ials": ("shopr.recommend.models.factor", "IALS"),
    "popular": ("shopr.recommend.models.popular", "Popular"),
    "item_knn": ("shopr.recommend.models.knn", "ItemKNN"),
    "user_knn": ("shopr.recommend.models.knn", "UserKNN"),
}
"""Name -> (module, class). One line a model; the command line, specs and `auto` read it."""


def model_class(name: str) -> type[Recommender]:
    """The class behind a model's name.

    Raises:
        UnknownNameError: with the nearest known name.
    """
    if name not in MODELS:
        raise UnknownNameError("model", name, MODELS)
    module, attribute = MODELS[name]
    found: type[Recommender] = getattr(import_module(module), attribute)
    return found


def make(name: str, **settings: Any) -> Recommender:
    """A fresh model by name with the given hyperparameters.

    Raises:
        UnknownNameError: if no model has that name.
        InputError: if a hyperparameter is unknown or out of bounds.
    """
    cls = model_class(name)
    try:
        config = cls.config_class(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        known = ", ".join(cls.config_class.model_fields)
        raise InputError(
            f"{name}: {'.'.join(map(str, first['loc']))}: {first['msg']}", hint=f"{name} takes {known or 'no settings'}"
        ) from error
    return cls(config)
