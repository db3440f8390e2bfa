"""The bounds of the promotion gate, apart from its arithmetic: reading a spec must not import SciPy."""

from __future__ import annotations

from pydantic import Field

from shopr.strict import Strict

__all__ = ["RolloutRules", "Rules"]


class RolloutRules(Strict):
    """What a version must show at each stage before it goes on; `rollout` of experiments/gate.yaml."""

    least_answers: int = Field(200, ge=1)
    """Answers as shadow, and again as canary."""
    most_error_share: float = Field(0.01, ge=0, lt=1)
    """Share of the answers that may fail."""
    most_slow_share: float = Field(0.05, ge=0, lt=1)
    """Share of the answers that may take longer than `slow_ms`."""
    slow_ms: float = Field(50.0, gt=0)
    """Milliseconds above which an answer is slow."""
    canary_share: float = Field(0.05, gt=0, le=0.5)
    """Share of the shoppers whom a canary serves, the same ones as long as it is canary."""


class Rules(Strict):
    """What a candidate must hold; a shop sets it in experiments/gate.yaml."""

    metric: str = Field("ndcg@10", pattern=r"^[a-z_]+@\d+$")
    """The measure that decides."""
    alpha: float = Field(0.05, gt=0, lt=0.5)
    """Risk of promoting any candidate that is no better, over all looks at the split together."""
    slice_margin: float = Field(0.10, ge=0, lt=1)
    """Largest relative loss that a slice of shoppers may be shown not to exceed."""
    slice_alpha: float = Field(0.05, gt=0, lt=0.5)
    """Risk that a slice with a loss as large as the margin passes, where the slice is large enough to tell."""
    harm_alpha: float = Field(0.1, gt=0, lt=0.5)
    """Risk that an equal candidate is refused for any of the slices too small to prove anything else than harm."""
    slice_users: int = Field(50, ge=2)
    """Slices with fewer shoppers are reported, not judged."""
    least_coverage: float = Field(0.02, ge=0, le=1)
    """Share of the products that must occur in somebody's list."""
    most_latency_ms: float = Field(50.0, gt=0)
    """Median milliseconds of one answer."""
    most_memory_mb: float = Field(2048.0, gt=0)
    """Megabytes that the model holds when it serves."""
    most_popularity_lift: float = Field(4.0, gt=0)
    """How many times more popular than what shoppers bought the products shown may be on average."""
    most_top_share: float = Field(0.75, gt=0, le=1)
    """Share of the lists that one product may stand in: more is a best-seller list, or a planted product."""
    most_miscalibration: float = Field(1.25, gt=0)
    """Of the rival's: how far the categories of a list may be from those of the shopper's history."""
    most_drift: float = Field(0.5, gt=0)
    """Population stability index of what was bought in the gate's span against the time before it."""
    experiment: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")
    """Name of an A/B test whose last kept reading must say `ship`; without one, a kept `stop` still refuses."""
    resamples: int = Field(2000, ge=200, le=100_000)
    """Bootstrap replicates of each interval."""
    rollout: RolloutRules = RolloutRules()
    """What a version must show as shadow and as canary, where it goes that way."""
