"""What a search may try of the models that read the catalogue.

Those for products few or none have bought take part only where they are named: an ordinary validation split holds no
cold products, so that it cannot tell what they are worth there (see `cold_tuning`, whose split does).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna

    from shopr.recommend.selection.shape import Shape

__all__ = ["SPACES", "cold_starts", "ease_side_starts", "never", "suggest_cold", "suggest_content", "suggest_ease_side"]

Params = dict[str, Any]


def never(shape: Shape) -> bool:
    """Not unless it is named."""
    return False


def cold_starts(shape: Shape) -> list[Params]:
    """Neighbours by content over EDLAE where that fits, else over the item filter."""
    base = "edlae" if shape.square_fits else "item_filter"
    start = {"base": base, "kind": "neighbours", "neighbours": 10, "sharpness": 3.0, "likeness": 0.3, "trust": 0.7}
    return [{**start, "prior": prior} for prior in (0.0, 1.0)]


def suggest_cold(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    """Draws settings of `cold` over one base."""
    return {
        "base": "edlae" if shape.square_fits else "item_filter",
        "kind": trial.suggest_categorical("kind", ["neighbours", "ridge"]),
        "neighbours": trial.suggest_int("neighbours", 5, 200, log=True),
        "sharpness": trial.suggest_float("sharpness", 1, 6, log=True),
        "likeness": trial.suggest_float("likeness", 0, 3),
        "trust": trial.suggest_float("trust", 0.3, 2, log=True),
        "prior": trial.suggest_float("prior", 0, 5),
    }


def suggest_content(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    """Draws settings of `content`."""
    fields = {name: trial.suggest_float(name, 0.1, 2, log=True) for name in ("title", "brand", "attributes")}
    return {**fields, "category": 1.0, "rarest": trial.suggest_int("rarest", 1, 3)}


def ease_side_starts(shape: Shape) -> list[Params]:
    """A little and much of the catalogue."""
    return [{"lam": 100.0, "side": side, "dropout": 0.5, "user_power": 0.3} for side in (5.0, 50.0)]


def suggest_ease_side(trial: optuna.trial.BaseTrial, shape: Shape) -> Params:
    """Draws settings of `ease_side`."""
    return {
        "lam": trial.suggest_float("lam", 5, 2000, log=True),
        "side": trial.suggest_float("side", 0.5, 500, log=True),
        "dropout": trial.suggest_float("dropout", 0, 4),
        "user_power": trial.suggest_float("user_power", 0, 1),
    }


SPACES = {
    "cold": (never, cold_starts, suggest_cold),
    "ease_side": (never, ease_side_starts, suggest_ease_side),
}
"""Model -> whether it is wanted, where it starts, how it varies."""
