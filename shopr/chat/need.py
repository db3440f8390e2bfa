"""What a shopper wants, as explicit data: the constraints of a search, and how a new message changes them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

__all__ = ["Need"]


@dataclass(frozen=True)
class Need:
    """The constraints of a search. Prices are minor units; all fields are JSON's own types once `as_dict`.

    Attributes:
        concepts: kinds of product, any of which will do.
        called: folded phrases by which the shopper called them.
        names: words that must stand in the title ("iphone", "11").
        words: further words, which rank.
        brands, not_brands, colours, not_colours, materials, not_materials, not_concepts: as named.
        attributes, not_attributes: properties by key.
        measures: numbers with units, as "15.6 inch".
        price_min, price_max: both included.
        in_stock: only what can be had now.
        sort: relevance, cheap or dear.
        cheaper_than, dearer_than: exclusive bounds that "cheaper" and "better" set.
        gift_for: whom it is for.
    """

    concepts: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    not_brands: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    not_colours: tuple[str, ...] = ()
    materials: tuple[str, ...] = ()
    not_materials: tuple[str, ...] = ()
    not_concepts: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    not_attributes: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    price_min: int | None = None
    price_max: int | None = None
    in_stock: bool = False
    sort: str = "relevance"
    cheaper_than: int | None = None
    dearer_than: int | None = None
    gift_for: str = ""

    def __bool__(self) -> bool:
        return self != Need()

    @property
    def has_subject(self) -> bool:
        """Whether it says what is wanted, rather than only how it should be."""
        return bool(self.concepts or self.names or self.words)

    @property
    def contradictory(self) -> bool:
        """Whether no price can meet it."""
        return self.price_min is not None and self.price_max is not None and self.price_min > self.price_max

    def as_dict(self) -> dict[str, Any]:
        """What is set, as JSON's own types."""
        plain = Need()
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value != getattr(plain, name)
        }

    @classmethod
    def of(cls, data: dict[str, Any]) -> Self:
        """The inverse of `as_dict`; keys that are not known are left out."""
        known = {f.name for f in fields(cls)}
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in known}
        return cls(**values)

    def refined(self, other: Need) -> Need:
        """This need as changed by what was said next; what `other` does not speak of stays.

        A value takes the place of values of its kind; what is denied now is wanted no longer, and the reverse. A price
        bound replaces its side, and the other side too where both would exclude each other.
        """
        new = replace(self, cheaper_than=other.cheaper_than, dearer_than=other.dearer_than)
        for name in ("brands", "colours", "materials", "attributes"):
            new = _changed(new, other, name)
        if other.concepts:
            new = replace(new, concepts=other.concepts, called=other.called, names=other.names, words=other.words)
        else:
            new = replace(new, words=_joined(self.words, other.words), names=other.names or self.names)
        new = replace(
            new,
            not_concepts=_joined(self.not_concepts, other.not_concepts),
            measures=_measures(self.measures, other.measures),
            in_stock=self.in_stock or other.in_stock,
            sort=other.sort if other.sort != "relevance" else self.sort,
            gift_for=other.gift_for or self.gift_for,
        )
        return new.priced(other.price_min, other.price_max)

    def priced(self, low: int | None, high: int | None) -> Need:
        """With new price bounds."""
        if low is None and high is None:
            return self
        merged = replace(
            self,
            price_min=self.price_min if low is None else low,
            price_max=self.price_max if high is None else high,
        )
        if low is not None and high is not None:
            return merged
        nothing = merged.price_min is not None and merged.price_max is not None and merged.price_min >= merged.price_max
        return replace(self, price_min=low, price_max=high) if nothing else merged

    def without(self, *names: str) -> Need:
        """With some fields as if never said."""
        plain = Need()
        return replace(self, **{name: getattr(plain, name) for name in names})


def _joined(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*old, *new)))


def _measures(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    units = {m.split()[-1] for m in new}
    return (*(m for m in old if m.split()[-1] not in units), *new)


def _changed(need: Need, other: Need, name: str) -> Need:
    wanted, denied = getattr(other, name), getattr(other, f"not_{name}")
    had, had_not = getattr(need, name), getattr(need, f"not_{name}")
    kept = _joined(had, wanted) if name == "attributes" else wanted or had
    kept = tuple(v for v in kept if v not in denied)
    replaced = name == "colours" and bool(wanted)  # "white, not black": black was let go of, not forbidden
    gone = had_not if replaced else _joined(had_not, denied)
    changed: dict[str, Any] = {name: kept, f"not_{name}": tuple(v for v in gone if v not in kept)}
    return replace(need, **changed)
