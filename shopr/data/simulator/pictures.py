"""Pictures of the products in flat vector shapes: a silhouette for each kind, in the product's colour and pattern.

Products that look alike share a file, so a shop of thousands needs fewer pictures than products. Each is drawn at
`_OVERSAMPLE` times its size and reduced, which smooths the edges.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from shopr.data.simulator.catalogue import Products
from shopr.data.simulator.silhouettes import SILHOUETTES, Shape
from shopr.data.simulator.vocabulary import COLOURS, KINDS, PATTERNS, rgb
from shopr.data.simulator.world import Progress
from shopr.progress import track

__all__ = ["PICTURE_SIZE", "draw_picture", "draw_pictures", "picture_names"]

PICTURE_SIZE = 192
_OVERSAMPLE = 2
_CANVAS = PICTURE_SIZE * _OVERSAMPLE
_UNIT = _CANVAS / 100.0
_GROUNDS = ((244, 240, 233), (233, 239, 243))
_DEEP_GROUNDS = ((172, 184, 180), (184, 200, 212))
_VERY_LIGHT = 196.0
RGB = tuple[int, int, int]


def picture_names(products: Products) -> list[str]:
    """The file of each product's picture, below the images folder."""
    codes = zip(products.kind, products.colour, products.pattern, products.variation, strict=True)
    return [_name(*look) for look in codes]


def _name(kind: int, colour: int, pattern: int, variation: int) -> str:
    return f"{KINDS[kind].key}-{COLOURS[colour]}-{PATTERNS[pattern]}-{variation}.webp"


def draw_pictures(products: Products, on_progress: Progress | None = None) -> dict[str, bytes]:
    """WebP files by name, one for each look that occurs among the products."""
    looks = np.unique(np.stack([products.kind, products.colour, products.pattern, products.variation], axis=1), axis=0)
    files = {}
    for done, (kind, colour, pattern, variation) in enumerate(_watched(looks, on_progress), 1):
        picture = draw_picture(KINDS[kind].key, COLOURS[colour], PATTERNS[pattern], int(variation))
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=84, method=1)
        files[_name(kind, colour, pattern, variation)] = buffer.getvalue()
        if on_progress is not None and (done % 50 == 0 or done == len(looks)):
            on_progress("pictures", done, len(looks))
    return files


def _watched(looks: NDArray[np.int64], on_progress: Progress | None) -> Iterator[NDArray[np.int64]]:
    return iter(looks) if on_progress is not None else track(looks, "Drawing product pictures", total=len(looks))


def draw_picture(kind: str, colour: str, pattern: str = "plain", variation: int = 0) -> Image.Image:
    """One picture, `PICTURE_SIZE` pixels square.

    Args:
        kind, colour, pattern: keys of the vocabulary.
        variation: 0 or 1; another background, and the shape mirrored.
    """
    body, trim = rgb(colour), _trim(rgb(colour))
    fills = {
        "body": body,
        "trim": trim,
        "dark": _mixed(body, (25, 25, 35), 0.35),
        "light": _mixed(body, (255,) * 3, 0.4),
    }
    picture = _ground(variation, _brightness(body) > _VERY_LIGHT).copy()
    pen = ImageDraw.Draw(picture)
    mask = Image.new("L", (_CANVAS, _CANVAS))
    mask_pen = ImageDraw.Draw(mask)
    for shape in SILHOUETTES[kind]:
        fill = fills.get(shape.fill) or _FIXED[shape.fill]
        _draw(pen, shape, fill)
        # Later shapes cover the pattern of earlier ones.
        _draw(mask_pen, shape, 255 if shape.fill == "body" else 0)
    if pattern != "plain":
        second = Image.new("RGB", (_CANVAS, _CANVAS), _contrast(body, pattern))
        picture.paste(second, (0, 0), ImageChops.multiply(mask, _tile(pattern)))
    picture = ImageChops.multiply(picture, _shading())
    if variation % 2:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return picture.reduce(_OVERSAMPLE)


_FIXED: dict[str, RGB] = {
    "paper": (250, 247, 240),
    "ink": (48, 50, 60),
    "metal": (176, 182, 190),
    "wood": (190, 145, 98),
    "leaf": (92, 150, 92),
    "skin": (240, 214, 178),
    "glow": (255, 226, 140),
    "glass": (205, 226, 235),
    "gold": (214, 174, 84),
    "rubber": (70, 72, 80),
}


def _mixed(one: RGB, other: tuple[int, ...], share: float) -> RGB:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _brightness(colour: RGB) -> float:
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def _trim(body: RGB) -> RGB:
    """A shade that stands out from the body: darker for light colours, lighter for dark ones."""
    return _mixed(body, (30, 28, 40), 0.3) if _brightness(body) > 110 else _mixed(body, (255, 250, 240), 0.35)


def _draw(pen: ImageDraw.ImageDraw, shape: Shape, fill: RGB | int) -> None:
    points = [(x * _UNIT, y * _UNIT) for x, y in shape.points]
    if shape.form == "polygon":
        pen.polygon(points, fill=fill)
    elif shape.form == "ellipse":
        pen.ellipse([*points[0], *points[1]], fill=fill)
    elif shape.form == "ring":
        pen.ellipse([*points[0], *points[1]], outline=fill, width=round(shape.width * _UNIT))
    elif shape.form == "arc":
        pen.arc([*points[0], *points[1]], *shape.angles, fill=fill, width=round(shape.width * _UNIT))
    elif shape.form == "pie":
        pen.pieslice([*points[0], *points[1]], *shape.angles, fill=fill)
    elif shape.form == "line":
        pen.line(points, fill=fill, width=round(shape.width * _UNIT), joint="curve")
    else:
        pen.rounded_rectangle([*points[0], *points[1]], radius=round(shape.width * _UNIT), fill=fill)


@cache
def _ground(variation: int, deep: bool) -> Image.Image:
    """A soft backdrop, deeper behind very light products, with the shadow of something standing on it."""
    grounds = _DEEP_GROUNDS if deep else _GROUNDS
    picture = Image.new("RGB", (_CANVAS, _CANVAS), grounds[variation % len(grounds)])
    shadow = Image.new("L", (_CANVAS, _CANVAS), 0)
    ImageDraw.Draw(shadow).ellipse([18 * _UNIT, 86 * _UNIT, 82 * _UNIT, 94 * _UNIT], fill=70)
    shadow = shadow.filter(ImageFilter.GaussianBlur(2.5 * _UNIT))
    picture.paste((90, 88, 96), (0, 0), shadow)
    return picture


@cache
def _shading() -> Image.Image:
    """Light from the upper left."""
    y, x = np.mgrid[0:_CANVAS, 0:_CANVAS] / _CANVAS
    light = np.round(255 * (1.0 - 0.10 * np.clip(0.5 * x + 0.7 * y - 0.3, 0.0, 1.0))).astype(np.uint8)
    return Image.merge("RGB", [Image.fromarray(light)] * 3)


def _contrast(body: RGB, pattern: str) -> RGB:
    if _brightness(body) > 175:
        return _mixed(body, (70, 80, 120), 0.62)
    return _mixed(body, (255, 252, 244), 0.5 if pattern == "checked" else 0.78)


@cache
def _tile(pattern: str) -> Image.Image:
    """Where a pattern's second colour goes, over the whole canvas."""
    tile = Image.new("L", (_CANVAS, _CANVAS))
    pen = ImageDraw.Draw(tile)
    steps = range(-10, 120)
    if pattern == "striped":
        for i in steps:
            pen.rectangle([0, i * 9 * _UNIT, _CANVAS, (i * 9 + 4) * _UNIT], fill=255)
    elif pattern == "checked":
        for i in steps:
            pen.rectangle([0, i * 14 * _UNIT, _CANVAS, (i * 14 + 6) * _UNIT], fill=130)
        across = Image.new("L", (_CANVAS, _CANVAS))
        cross = ImageDraw.Draw(across)
        for i in steps:
            cross.rectangle([i * 14 * _UNIT, 0, (i * 14 + 6) * _UNIT, _CANVAS], fill=125)
        tile = ImageChops.add(tile, across)
    else:
        for row in range(-1, 12):
            for column in range(-1, 12):
                _motif(pen, pattern, (column * 12 + (row % 2) * 6) * _UNIT, row * 10 * _UNIT)
    return tile


def _motif(pen: ImageDraw.ImageDraw, pattern: str, x: float, y: float) -> None:
    if pattern == "dotted":
        pen.ellipse([x - 2.3 * _UNIT, y - 2.3 * _UNIT, x + 2.3 * _UNIT, y + 2.3 * _UNIT], fill=255)
    elif pattern == "floral":
        for dx, dy in ((0, -2.2), (2.1, -0.7), (1.3, 1.8), (-1.3, 1.8), (-2.1, -0.7)):
            cx, cy = x + dx * _UNIT, y + dy * _UNIT
            pen.ellipse([cx - 1.6 * _UNIT, cy - 1.6 * _UNIT, cx + 1.6 * _UNIT, cy + 1.6 * _UNIT], fill=255)
        pen.ellipse([x - 1.0 * _UNIT, y - 1.0 * _UNIT, x + 1.0 * _UNIT, y + 1.0 * _UNIT], fill=60)
    else:
        half = 6 * _UNIT
        pen.line(
            [(x - half, y + 3 * _UNIT), (x, y - 3 * _UNIT), (x + half, y + 3 * _UNIT)],
            fill=255,
            width=round(2.6 * _UNIT),
        )
