"""How and when a test is read: once, at planned looks, at any time, or by a posterior."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from shopr.abtest.methods.spending import Spending
from shopr.strict import Strict

__all__ = ["DESIGNS", "Bayesian", "Design", "FixedHorizon", "GroupSequential", "Sequential"]


class FixedHorizon(Strict):
    """Read once, at the end: when `n` units have been exposed, or on `end`, whichever is given (both, if both are)."""

    type: Literal["fixed"] = "fixed"
    n: int | None = Field(None, gt=1, description="Units planned, all arms together; the test is read when all are in")


class GroupSequential(Strict):
    """Read at planned looks, with boundaries that keep the error rate (alpha spending, Lan & DeMets 1983)."""

    type: Literal["group_sequential"]
    n: int = Field(gt=1, description="Units planned for the last look, all arms together")
    looks: int = Field(5, ge=1, le=200, description="How many looks are planned; for more, read it as sequential")
    spending: Spending = Field("obrien-fleming", description="How alpha is spent over the looks")


class Sequential(Strict):
    """Read whenever one likes: confidence sequences (Waudby-Smith et al. 2021) hold at all times at once."""

    type: Literal["sequential"]
    tuning: float = Field(5000, gt=0, description="Sample size at which the sequence is tightest, both arms together")


class Bayesian(Strict):
    """Posterior of the effect under a Gaussian prior: chance to win, expected loss."""

    type: Literal["bayesian"]
    prior_mean: float = Field(0.0, allow_inf_nan=False, description="Mean of the prior of the relative lift")
    prior_sd: float | None = Field(None, gt=0, description="Its standard deviation; empty: a flat prior")
    chance: float = Field(0.95, gt=0.5, lt=1, description="Chance to win from which a change is called better")


Design = Annotated[FixedHorizon | GroupSequential | Sequential | Bayesian, Field(discriminator="type")]
DESIGNS: dict[str, type[BaseModel]] = {
    "fixed": FixedHorizon,
    "group_sequential": GroupSequential,
    "sequential": Sequential,
    "bayesian": Bayesian,
}
"""Designs by the name of their type."""
