"""The shapes that each kind of product is drawn with, read from `drawings/silhouettes.txt`.

A line there is `fill form [width] points`: points as x,y in hundredths of the picture; forms are poly, oval and ring
(two corners), box (two corners, radius first), line (width first), arc and pie (two corners, then a pair of angles).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

__all__ = ["SILHOUETTES", "Shape"]

_FORMS = {
    "poly": "polygon",
    "oval": "ellipse",
    "ring": "ring",
    "box": "box",
    "line": "line",
    "arc": "arc",
    "pie": "pie",
}
_WITH_WIDTH = {"ring", "box", "line", "arc"}
_WITH_ANGLES = {"arc", "pie"}


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape: its form, the name of its fill, points, and width, radius or angles where the form has them."""

    form: str
    fill: str
    points: tuple[tuple[float, float], ...]
    width: float = 0.0
    angles: tuple[float, float] = (0.0, 360.0)


def _shape(line: str) -> Shape:
    fill, form, *rest = line.split()
    width = float(rest.pop(0)) if form in _WITH_WIDTH else 0.0
    pairs = [tuple(map(float, pair.split(","))) for pair in rest]
    points = [(x, y) for x, y in pairs]
    angles = points.pop() if form in _WITH_ANGLES else (0.0, 360.0)
    return Shape(_FORMS[form], fill, tuple(points), width, angles)


def _read() -> dict[str, tuple[Shape, ...]]:
    text = files(__package__).joinpath("drawings", "silhouettes.txt").read_text(encoding="utf-8")
    found: dict[str, tuple[Shape, ...]] = {}
    for block in text.strip().split("\n\n"):
        name, *lines = block.splitlines()
        found[name.strip("[]")] = tuple(_shape(line) for line in lines)
    return found


SILHOUETTES = _read()
"""Kind -> its shapes, the hindmost first."""
