"""What a clause says of the one before it in the same message: one of the model named, or a question about its like."""

from __future__ import annotations

from shopr.chat.understanding.scene import Scene

__all__ = ["one_of_those", "only_asked"]


def one_of_those(scene: Scene) -> bool:
    """Whether one is taken of the model that the clause before named: "those HA-L50W ones, one of those for me"."""
    last, reading = (scene.before[-1] if scene.before else None), scene.reading
    model = last is not None and last.name == "search" and any(c.isdigit() for n in last.need.names for c in n)
    counted = bool(reading.counts) or scene.asks("want", "add")
    plain = not (reading.has_need or reading.placed or scene.asks("compare", "details", "stock", "price_of", "cheaper"))
    return bool(model and counted and plain and reading.references and not scene.marks("negation_before", "or"))


def only_asked(scene: Scene) -> bool:
    """Whether a clause only asks what else there is of what the clause before wished: "or do you only do black"."""
    last = scene.before[-1] if scene.before else None
    alike = last is not None and any(getattr(last.need, n) and getattr(scene.need, n) for n in ("colours", "brands"))
    return alike and not scene.need.has_subject and scene.marks("or") and scene.marks("only")
