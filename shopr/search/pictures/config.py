"""Settings of search by picture; the defaults were chosen on a gallery only, see `benchmarks/visual.py`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["VisualConfig"]


class VisualConfig(BaseModel):
    """How pictures are compared.

    Attributes:
        components: principal components of each block. whitening: 0 keeps their spread, 1 makes all alike.
        colour: weight of the colours beside one block of shape.
        neighbours: how many of the most similar pictures are averaged into a picture before it is compared, on both
            sides (Radenovic et al. 2019); 0 for none.
        kind: weight of the chance that the picture shows an item's kind, where kinds were learnt, beside likeness.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    components: int = Field(96, ge=1, le=1000)
    whitening: float = Field(0.5, ge=0, le=1)
    colour: float = Field(0.2, ge=0)
    neighbours: int = Field(10, ge=0, le=1000)
    kind: float = Field(1.0, ge=0)
