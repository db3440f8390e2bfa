"""Recommenders: what belongs to whom, in which order, and why.

The names below are what most start with; each is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shopr.former import redirect
from shopr.lazy import loaded

if TYPE_CHECKING:
    from shopr.recommend.contract.base import Recommender
    from shopr.recommend.contract.registry import make
    from shopr.recommend.lists.pipeline import Pipeline
    from shopr.recommend.selection.evaluation import compare, judge
    from shopr.recommend.selection.tuning import tune

_PUBLIC = {
    "Pipeline": "lists.pipeline",
    "Recommender": "contract.base",
    "compare": "selection.evaluation",
    "judge": "selection.evaluation",
    "make": "contract.registry",
    "tune": "selection.tuning",
}
_MOVED = {
    "arithmetic": "gram least_squares neighbours pairs weighting",
    "contract": "base explain memory model_memory persist registry results",
    "following": "increments live online refit_drift session",
    "lists": "cards impressions listing pipeline rerank rules",
    "models": "cold cold_map content ease_side explicit factor hybrid itemweights knn likeness linear popular sequence "
    "spark spark_job spectral stack timekernel",
    "related": "baskets cross_sell replenish significance",
    "selection": "blending cold_spaces cold_tuning evaluation scaling search shape spaces tuning validation",
    "situation": "circumstances climate context context_file context_policy",
}
"""Room -> the modules that lay beside it once; what was kept from then names them without the room."""

redirect("shopr.recommend", _MOVED)

__all__ = ["Pipeline", "Recommender", "compare", "judge", "make", "tune"]


def __getattr__(name: str) -> Any:
    return loaded(__name__, _PUBLIC, name)


def __dir__() -> list[str]:
    return sorted(__all__)
