"""What a picture looks like, in numbers: gradients of the picture and of the product's outline, and its colours.

The blocks, each a histogram of oriented gradients (Dalal & Triggs 2005) of one view of the picture: the whole frame,
the product's box at its own proportions, the box stretched to a square, the map of where the product is, and its
outline. A picture and its mirror image get the same numbers. `COLOUR` is the layout of the colours within the outline.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.color import rgb2lab
from skimage.feature import hog

from shopr.errors import DataError
from shopr.progress import track
from shopr.search.pictures.foreground import Box, find_foreground
from shopr.search.pictures.reading import Picture, read_picture

__all__ = ["BLOCKS", "COLOUR", "SIZES", "Seen", "describe_picture", "describe_pictures"]

SIDE = 96
_CELL, _BLOCK, _ORIENTATIONS = 12, 2, 9
_GRID = 4
_MARGIN = 1.08
COLOUR = "colour"
SHAPES = ("frame", "crop", "stretched", "likely", "outline")
BLOCKS = (*SHAPES, COLOUR)
"""The blocks of numbers that describe a picture."""
_GRADIENTS = (SIDE // _CELL - _BLOCK + 1) ** 2 * _BLOCK**2 * _ORIENTATIONS
SIZES = {**dict.fromkeys(SHAPES, _GRADIENTS), COLOUR: _GRID * _GRID * 4}
"""How many numbers each block has."""


def describe_picture(picture: Picture) -> dict[str, NDArray[np.float32]]:
    """The blocks of one picture, by name.

    Raises:
        DataError: if it is no picture that can be read.
    """
    pixels = read_picture(picture, SIDE)
    found = find_foreground(pixels)
    height, width = pixels.shape[:2]
    own, stretched = _squared(found.box), found.box
    outline = ndimage.gaussian_filter(found.mask, 0.7)
    square = _view(pixels, stretched)
    return {
        "frame": _gradients(_view(pixels, _squared((0.0, height, 0.0, width)))),
        "crop": _gradients(_view(pixels, own)),
        "stretched": _gradients(square),
        "likely": _gradients(_view(found.likely, own)),
        "outline": _gradients(_view(outline, own)),
        COLOUR: _colours(square, _view(found.mask, stretched)),
    }


@dataclass(frozen=True)
class Seen:
    """Pictures turned into numbers.

    Attributes:
        blocks: block -> one row a picture that could be read. kept: their positions among those given.
        refused: position -> why a picture could not be read.
    """

    blocks: dict[str, NDArray[np.float32]]
    kept: NDArray[np.int64]
    refused: dict[int, str] = field(default_factory=dict)


def describe_pictures(pictures: Iterable[Picture], what: str = "Reading pictures") -> Seen:
    """The descriptors of many pictures; what cannot be read is named and left out."""
    rows, kept, refused = [], [], {}
    given = list(pictures)
    for at, picture in enumerate(track(given, what, total=len(given))):
        try:
            rows.append(describe_picture(picture))
            kept.append(at)
        except DataError as error:
            refused[at] = error.message
    blocks = {name: np.stack([row[name] for row in rows]) for name in BLOCKS} if rows else {}
    return Seen(blocks, np.array(kept, dtype=np.int64), refused)


def _squared(box: Box) -> Box:
    top, bottom, left, right = box
    half = max(bottom - top, right - left) / 2
    y, x = (top + bottom) / 2, (left + right) / 2
    return y - half, y + half, x - half, x + half


def _view(values: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
    """A box and a margin around it as a square of `SIDE` pixels; beyond the picture its edge goes on."""
    if values.ndim == 3:
        return np.stack([_view(values[..., c], box) for c in range(values.shape[2])], axis=-1)
    top, bottom, left, right = box
    step = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    y = (top + bottom) / 2 + step * (bottom - top) * _MARGIN - 0.5
    x = (left + right) / 2 + step * (right - left) * _MARGIN - 0.5
    blur = (bottom - top) * _MARGIN / SIDE * 0.4
    if blur > 0.5:
        values = ndimage.gaussian_filter(values, blur)
    rows, columns = np.meshgrid(y, x, indexing="ij")
    seen: NDArray[np.float32] = ndimage.map_coordinates(values, [rows, columns], order=1, mode="nearest")
    return seen


def _gradients(view: NDArray[np.float32]) -> NDArray[np.float32]:
    cells = hog(
        view,
        orientations=_ORIENTATIONS,
        pixels_per_cell=(_CELL, _CELL),
        cells_per_block=(_BLOCK, _BLOCK),
        block_norm="L2-Hys",
        channel_axis=-1 if view.ndim == 3 else None,
        feature_vector=False,
    )
    # Seen in a mirror, columns of blocks and of cells change places, and so do the orientations.
    mirrored = cells[:, ::-1, :, ::-1, ::-1]
    both: NDArray[np.float32] = ((cells + mirrored) / 2).astype(np.float32).ravel()
    return both


def _colours(view: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean Lab colour within the outline, and the outline's share, in each tile of a grid; mirrored tiles averaged."""
    tile = SIDE // _GRID
    layers = np.concatenate([rgb2lab(view) / 50.0, np.ones((SIDE, SIDE, 1))], axis=-1) * mask[..., None]
    tiles = layers.reshape(_GRID, tile, _GRID, tile, 4).mean(axis=(1, 3))
    both: NDArray[np.float32] = ((tiles + tiles[:, ::-1]) / 2).astype(np.float32).ravel()
    return both
