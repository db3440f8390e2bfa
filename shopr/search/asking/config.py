"""Settings of product search; the defaults were chosen on the development queries named in `benchmarks/search.py`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FIELDS", "SearchConfig"]

FIELDS = ("title", "type", "brand", "description", "attributes")
"""The fields of a product's text, in the order in which they are indexed."""


class SearchConfig(BaseModel):
    """How products are scored.

    Attributes:
        title, type, brand, description, attributes: weight of each field in BM25F (Robertson & Zaragoza 2009).
        b: how far a long field counts less, 0 to 1. k1: how soon repetition stops to count.
        candidates: products that are looked at closely, the best by text.
        head: bonus where the product is of the kind that the query asks for, in shares of the best text score.
        accessory: malus where it is an accessory of what is asked for.
        exact_kind: bonus of that kind where the whole query names it.
        named_otherwise: the same for products of the kind that bear another name of it.
        unspoken: the same where the shop hardly uses the word that was typed; other things that bear the word and are
            no accessories gain as much.
        aside: malus of accessories in that case.
        synonym: weight of a word's synonyms beside the word itself.
        spelling: whether words that the catalogue does not know are corrected.
        coverage: share of the query's idf mass that the best product must cover, or search abstains.
        doubt: least confidence that the surest of the first ten must reach, or search abstains.
        popularity, price_fit, affinity: weight of the features of those names that the caller gives.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: float = Field(3.0, ge=0)
    type: float = Field(1.0, ge=0)
    brand: float = Field(1.0, ge=0)
    description: float = Field(1.5, ge=0)
    attributes: float = Field(0.5, ge=0)
    b: float = Field(0.5, ge=0, le=1)
    k1: float = Field(0.4, gt=0)
    candidates: int = Field(120, ge=10, le=10_000)
    head: float = Field(0.03, ge=0)
    accessory: float = Field(0.01, ge=0)
    exact_kind: float = Field(0.2, ge=0)
    named_otherwise: float = Field(0.0, ge=0)
    unspoken: float = Field(0.9, ge=0)
    aside: float = Field(0.05, ge=0)
    synonym: float = Field(0.1, ge=0, le=1)
    spelling: bool = True
    coverage: float = Field(0.7, ge=0, le=1)
    doubt: float = Field(0.3, ge=0, le=1)
    popularity: float = Field(0.1, ge=0)
    price_fit: float = Field(0.1, ge=0)
    affinity: float = Field(0.15, ge=0)

    def field_weights(self) -> tuple[float, ...]:
        """The weights in the order of `FIELDS`."""
        return tuple(getattr(self, name) for name in FIELDS)
