"""The bounds of the promotion gate, apart from its arithmetic: reading a spec must not import SciPy."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Rules"]


class Rules(BaseModel):
    """What a candidate must hold; a shop sets it in experiments/gate.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str = Field("ndcg@10", pattern=r"^[a-z_]+@\d+$")
    """The measure that decides."""
    alpha: float = Field(0.05, gt=0, lt=0.5)
    """Risk of promoting any candidate that is no better, over all looks at the split together."""
    slice_margin: float = Field(0.10, ge=0, lt=1)
    """Largest relative loss that a slice of shoppers may be shown not to exceed."""
    slice_users: int = Field(50, ge=2)
    """Slices with fewer shoppers are reported, not judged."""
    least_coverage: float = Field(0.02, ge=0, le=1)
    """Share of the products that must occur in somebody's list."""
    most_latency_ms: float = Field(50.0, gt=0)
    """Median milliseconds of one answer."""
    resamples: int = Field(2000, ge=200, le=100_000)
    """Bootstrap replicates of each interval."""
