"""From the numbers of a picture to one vector, learnt on a shop's own pictures; and, from labels, to kinds of thing.

Each block is centred, reduced by principal components and partly whitened, then all are joined into a vector of length
1, so that a product of two vectors is how alike two pictures look. Where pictures have labels, a linear discriminant
with a shrunk covariance (Ledoit & Wolf 2004) tells how likely a picture shows each kind; every kind counts as likely
beforehand, since what shoppers photograph is not what the shop has most pictures of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA

from shopr.errors import InputError
from shopr.search.pictures.config import VisualConfig
from shopr.search.pictures.features import BLOCKS, COLOUR, SIZES

__all__ = ["Kinds", "Projection", "Vectors", "unit"]

Vectors = NDArray[np.float32]
LEAST_PER_KIND = 3
"""Kinds with fewer pictures are not learnt."""


@dataclass(frozen=True)
class Projection:
    """What turns blocks into a vector.

    Attributes:
        means, axes: block -> its mean, and its components divided by what whitens them, shape (size, components).
        colour: weight of the block of colours beside one of shape.
    """

    means: Mapping[str, Vectors]
    axes: Mapping[str, Vectors]
    colour: float

    @classmethod
    def fit(cls, described: Mapping[str, Vectors], config: VisualConfig, seed: int = 0) -> Self:
        """Learn it from the blocks of many pictures, one row each.

        Raises:
            InputError: if there are fewer than two pictures.
        """
        count = len(described[COLOUR])
        if count < 2:
            raise InputError(f"{count} pictures to learn from", hint="Give at least 2")
        means, axes = {}, {}
        for name in BLOCKS:
            block = described[name]
            parts = min(config.components, count - 1, block.shape[1])
            pca = PCA(parts, svd_solver="auto", random_state=seed).fit(block)
            spread = np.sqrt(np.maximum(pca.explained_variance_, 1e-8 * max(pca.explained_variance_[0], 1e-12)))
            means[name] = pca.mean_.astype(np.float32)
            axes[name] = (pca.components_ / spread[:, None] ** config.whitening).T.astype(np.float32)
        return cls(means, axes, config.colour)

    def vectors(self, described: Mapping[str, Vectors]) -> Vectors:
        """One vector of length 1 a picture."""
        parts = []
        for name in BLOCKS:
            part = unit((described[name] - self.means[name]) @ self.axes[name])
            parts.append(part * np.float32(np.sqrt(self.colour)) if name == COLOUR else part)
        return unit(np.hstack(parts))

    def arrays(self) -> dict[str, Vectors]:
        """What is stored."""
        return {
            **{f"mean_{name}": value for name, value in self.means.items()},
            **{f"axes_{name}": value for name, value in self.axes.items()},
        }

    @classmethod
    def restored(cls, arrays: Mapping[str, Vectors], colour: float) -> Self:
        """What `arrays` gave. Raises KeyError or ValueError where something is missing or misshapen."""
        means = {name: arrays[f"mean_{name}"] for name in BLOCKS}
        axes = {name: arrays[f"axes_{name}"] for name in BLOCKS}
        if any(means[n].shape != (SIZES[n],) or axes[n].shape[:1] != (SIZES[n],) or axes[n].ndim != 2 for n in BLOCKS):
            raise ValueError("the shapes of the projection do not fit")
        return cls(means, axes, colour)


@dataclass(frozen=True)
class Kinds:
    """The linear discriminant of labelled pictures.

    Attributes:
        names: of the kinds. weights: shape (kinds, vector). offsets: shape (kinds,).
    """

    names: tuple[str, ...]
    weights: Vectors
    offsets: Vectors

    @classmethod
    def fit(cls, vectors: Vectors, labels: Sequence[str]) -> Self | None:
        """Learn it; None where fewer than two kinds have enough pictures. An empty label is none."""
        texts = np.asarray(labels, dtype=np.str_)
        names, counts = np.unique(texts[texts != ""], return_counts=True)
        names = names[counts >= LEAST_PER_KIND]
        if len(names) < 2:
            return None
        chosen = np.isin(texts, names)
        codes = np.searchsorted(names, texts[chosen])
        points = vectors[chosen].astype(np.float64)
        means = np.stack([points[codes == code].mean(axis=0) for code in range(len(names))])
        covariance, _ = ledoit_wolf(points - means[codes], assume_centered=True)
        weights = np.linalg.lstsq(covariance, means.T, rcond=None)[0].T
        offsets = -0.5 * np.einsum("kd,kd->k", weights, means)
        return cls(tuple(names.tolist()), weights.astype(np.float32), offsets.astype(np.float32))

    def chances(self, vectors: Vectors) -> Vectors:
        """How likely each picture shows each kind, shape (pictures, kinds); rows sum to 1."""
        chances: Vectors = softmax(vectors @ self.weights.T + self.offsets, axis=1).astype(np.float32)
        return chances


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """The same directions at length 1; zero stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return scaled
