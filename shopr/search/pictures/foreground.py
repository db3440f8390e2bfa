"""Where the product is in a picture, told without learning: what differs from the border and is enclosed by it.

Two cues start it: how far a colour is from the colours along the border, and how high the "walls" around a pixel are
in each colour channel, which is what filling the holes of a grey picture measures (after Zhang & Sclaroff, "Saliency
detection: a Boolean map approach", 2013). A histogram of the colours inside and outside then settles what the cues
left open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.color import rgb2lab
from skimage.filters import threshold_otsu
from skimage.morphology import reconstruction

__all__ = ["Box", "Foreground", "find_foreground"]

Box = tuple[float, float, float, float]
Map = NDArray[np.float32]
_LIGHTNESS = 0.7
"""Weight of lightness beside the two colour axes: shadows change it most."""
_BINS = (9, 12, 12)
_ROUNDS = 2
_LEAST_SHARE = 0.04
"""A foreground below this share of the picture is a mistake: the whole picture is taken."""
_LEAST_PART = 0.15
"""Parts smaller than this share of the largest one are dropped."""


@dataclass(frozen=True)
class Foreground:
    """What stands out.

    Attributes:
        likely: 0 … 1 for each pixel, how likely it belongs to the product.
        mask: 1.0 where it is taken to, else 0.0, its holes filled.
        box: top, bottom, left and right of the mask, the ends excluded.
    """

    likely: Map
    mask: Map
    box: Box


def find_foreground(picture: NDArray[np.float32]) -> Foreground:
    """The foreground of a picture (height, width, RGB in 0 … 1)."""
    lab = rgb2lab(picture).astype(np.float32)
    lab[..., 0] *= _LIGHTNESS
    channels = [ndimage.gaussian_filter(ndimage.median_filter(lab[..., c], 5), 1.0) for c in range(3)]
    smooth = np.stack(channels, axis=-1)
    centre = _centre(*smooth.shape[:2])
    walls = np.stack([_walls(channel) for channel in channels]).sum(axis=0)
    likely = _scaled((_scaled(walls) + 0.5 * _scaled(_strangeness(smooth))) * (0.3 + 0.7 * centre))
    code = _colour_codes(smooth)
    for _ in range(_ROUNDS):
        likely = _settled(likely, code, centre)
    return _taken(likely)


def _walls(channel: Map) -> Map:
    """How much a pixel would have to be raised, and lowered, to be reached from the border without climbing."""
    total = np.zeros_like(channel)
    for side in (channel, -channel):
        seed = np.full_like(side, side.max())
        seed[[0, -1]], seed[:, [0, -1]] = side[[0, -1]], side[:, [0, -1]]
        total += reconstruction(seed, side, method="erosion").astype(np.float32) - side
    return total


def _strangeness(smooth: Map) -> Map:
    """Mahalanobis distance of each pixel from the colours along the border."""
    height, width = smooth.shape[:2]
    edge = max(2, round(0.05 * min(height, width)))
    border = np.ones((height, width), bool)
    border[edge:-edge, edge:-edge] = False
    colours = smooth[border]
    spread = np.linalg.inv(np.cov(colours.T) + 16.0 * np.eye(3))
    away = smooth - colours.mean(axis=0)
    distance: Map = np.sqrt(np.einsum("hwc,cd,hwd->hw", away, spread, away)).astype(np.float32)
    return distance


def _settled(likely: Map, code: NDArray[np.int64], centre: Map) -> Map:
    """The same after asking which colours are more common inside than outside."""
    inside = likely > _threshold(likely)
    own = _histogram(code, inside * (0.5 + centre) + 1e-6)
    other = _histogram(code, ~inside * (1.5 - centre) + 1e-6)
    chance = (own / (own + other + 1e-9)).ravel()[code].astype(np.float32)
    return _scaled(ndimage.gaussian_filter(chance * (0.25 + 0.75 * likely) * (0.4 + 0.6 * centre), 1.0))


def _taken(likely: Map) -> Foreground:
    mask = ndimage.binary_opening(likely > _threshold(likely))
    parts, count = ndimage.label(mask)
    if count:
        sizes = ndimage.sum_labels(mask, parts, range(1, count + 1))
        kept = 1 + np.flatnonzero(sizes >= _LEAST_PART * sizes.max())
        mask = ndimage.binary_fill_holes(np.isin(parts, kept))
    if mask.mean() < _LEAST_SHARE:
        mask = np.ones_like(mask)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (float(rows[0]), float(rows[-1] + 1), float(columns[0]), float(columns[-1] + 1))
    return Foreground(likely, mask.astype(np.float32), box)


def _threshold(values: Map) -> float:
    return float(threshold_otsu(values)) if values.min() < values.max() else float(values.max())


def _scaled(values: Map) -> Map:
    scaled: Map = np.clip(values / (np.quantile(values, 0.98) + 1e-6), 0.0, 1.0).astype(np.float32)
    return scaled


def _centre(height: int, width: int) -> Map:
    y = (np.arange(height)[:, None] - height / 2) / (0.45 * height)
    x = (np.arange(width)[None, :] - width / 2) / (0.45 * width)
    near: Map = np.exp(-(y**2 + x**2)).astype(np.float32)
    return near


def _colour_codes(smooth: Map) -> NDArray[np.int64]:
    bins = np.array(_BINS)
    at = (smooth - np.array([0.0, -60.0, -60.0])) / np.array([100.0 * _LIGHTNESS + 2.0, 120.0, 120.0]) * bins
    cell = np.clip(at, 0, bins - 0.01).astype(np.int64)
    code: NDArray[np.int64] = (cell[..., 0] * _BINS[1] + cell[..., 1]) * _BINS[2] + cell[..., 2]
    return code


def _histogram(code: NDArray[np.int64], weights: NDArray[np.floating]) -> NDArray[np.float64]:
    counts = np.bincount(code.ravel(), weights.ravel(), int(np.prod(_BINS))).reshape(_BINS)
    smooth = ndimage.gaussian_filter(counts, 0.8)
    shares: NDArray[np.float64] = smooth / smooth.sum()
    return shares
