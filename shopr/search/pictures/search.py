"""Search by picture: the products whose pictures look most like the one a shopper gives.

No network and no downloaded model: descriptors of shape and colour (`features`), a projection learnt on the
shop's own pictures, and where these have labels, the chance of each kind (`model`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopr.data.catalog import Catalog
from shopr.errors import DataError, InputError, NotReadyError
from shopr.search.catalogue import storing
from shopr.search.pictures.config import VisualConfig
from shopr.search.pictures.features import BLOCKS, Seen, describe_picture, describe_pictures
from shopr.search.pictures.model import Kinds, Projection, Vectors, unit
from shopr.search.pictures.reading import Picture

__all__ = ["Look", "VisualSearch"]

_KIND = "pictures"
_VERSION = 1
"""Raised whenever the descriptors change: vectors of two versions must not meet."""
_BLOCK = 256
"""Pictures that are compared with all others at once."""
_AGAIN = "Build it again with 'shopr search image --build'"


@dataclass(frozen=True)
class Look:
    """The answer to one picture, best first.

    Attributes:
        product_ids: of the products found. scores: falling; how alike, plus the weighted chance of the product's kind.
        likeness: -1 … 1, how alike the pictures are. labels: each product's kind, "" where it has none.
        kind: what the picture most likely shows, "" where no kinds were learnt. chance: how likely that is.
    """

    product_ids: tuple[str, ...]
    scores: NDArray[np.float32]
    likeness: NDArray[np.float32]
    labels: tuple[str, ...]
    kind: str = ""
    chance: float = 0.0


@dataclass(frozen=True)
class VisualSearch:
    """An index of pictures, each of one product or of several that look alike.

    Attributes:
        config: the settings. projection, kinds: what was learnt.
        vectors: one row a picture. blended: the same with the neighbours averaged in.
        product_ids, at: the products, and the row of each one's picture. labels: each one's kind, "" for none.
        refused: pictures that could not be read, with the reason.
        source: what it was made from, as a fingerprint of the caller's.
    """

    config: VisualConfig
    projection: Projection
    kinds: Kinds | None
    vectors: Vectors
    blended: Vectors
    product_ids: tuple[str, ...]
    at: NDArray[np.int64]
    labels: tuple[str, ...]
    refused: dict[str, str] = field(default_factory=dict)
    source: str = ""

    def __len__(self) -> int:
        return len(self.product_ids)

    @classmethod
    def build(cls, catalog: Catalog, folder: Path | str, config: VisualConfig | None = None) -> VisualSearch:
        """The index of a catalogue's pictures, whose paths are within the shop's `folder`; kinds are its categories.

        Raises:
            NotReadyError: if fewer than two pictures can be read.
        """
        frame = catalog.frame[catalog.frame["image"] != ""]
        files = frame["image"].unique().tolist()
        place = {name: at for at, name in enumerate(files)}
        seen = describe_pictures([Path(folder) / name for name in files])
        return cls.fit(
            seen,
            frame["product_id"].tolist(),
            [place[name] for name in frame["image"]],
            frame["category"].tolist(),
            config,
            names=files,
        )

    @classmethod
    def fit(
        cls,
        seen: Seen,
        product_ids: Sequence[str],
        at: Sequence[int] | None = None,
        labels: Sequence[str] | None = None,
        config: VisualConfig | None = None,
        *,
        names: Sequence[str] = (),
        seed: int = 0,
    ) -> VisualSearch:
        """The index of pictures that were described before.

        Args:
            at: which picture each product has; by default the one at its own position.
            labels: the kind of each product, "" for none; None for no kinds at all.
            names: of the pictures, for what is said of those that were refused.

        Raises:
            InputError: if the sequences differ in length.
            NotReadyError: if fewer than two pictures could be read.
        """
        config = config or VisualConfig()
        given = np.arange(len(product_ids)) if at is None else np.asarray(at, dtype=np.int64)
        named = [" ".join(label.split()) for label in labels or [""] * len(product_ids)]
        if not len(product_ids) == len(given) == len(named):
            raise InputError(
                f"{len(product_ids)} products, {len(given)} pictures and {len(named)} labels",
                hint="Give as many of each",
            )
        if len(seen.kept) < 2:
            raise NotReadyError(
                f"{len(seen.kept)} pictures can be read, at least 2 are needed", hint="Give the products pictures"
            )
        row = np.full(max(int(given.max(initial=-1)), int(seen.kept.max())) + 1, -1)
        row[seen.kept] = np.arange(len(seen.kept))
        shown: list[int] = np.flatnonzero(row[given] >= 0).tolist()
        projection = Projection.fit(seen.blocks, config, seed)
        vectors = projection.vectors(seen.blocks)
        rows = row[given[shown]]
        ids, kept = tuple(product_ids[i] for i in shown), tuple(named[i] for i in shown)
        return cls(
            config,
            projection,
            Kinds.fit(vectors[rows], kept),
            vectors,
            _blended(vectors, vectors, config.neighbours, own=True),
            ids,
            rows,
            kept,
            {names[i] if i < len(names) else str(i): why for i, why in seen.refused.items()},
        )

    def search(self, picture: Picture, k: int = 10) -> Look:
        """The k products that look most like a picture.

        Raises:
            DataError: if it is no picture that can be read.
            InputError: if k < 1.
        """
        described = describe_picture(picture)
        return self.search_described({name: value[None] for name, value in described.items()}, k)[0]

    def search_batch(self, pictures: Sequence[Picture], k: int = 10) -> list[Look]:
        """`search` for each of many pictures, all of which must be readable."""
        rows = [describe_picture(picture) for picture in pictures]
        return (
            self.search_described({name: np.stack([row[name] for row in rows]) for name in BLOCKS}, k) if rows else []
        )

    def search_described(self, described: dict[str, Vectors], k: int = 10) -> list[Look]:
        """`search` for pictures of which the descriptors are at hand, one row each."""
        if k < 1:
            raise InputError(f"k is {k}", hint="Ask for 1 product or more")
        vectors = self.projection.vectors(described)
        found: list[Look] = []
        for start in range(0, len(vectors), _BLOCK):
            found.extend(self._block(vectors[start : start + _BLOCK], k))
        return found

    def _block(self, vectors: Vectors, k: int) -> list[Look]:
        likeness = (_blended(vectors, self.vectors, self.config.neighbours) @ self.blended.T)[:, self.at]
        scores, chances = likeness, None
        if self.kinds is not None:
            chances = self.kinds.chances(vectors)
            place = {name: code for code, name in enumerate(self.kinds.names)}
            codes = np.array([place.get(label, len(place)) for label in self.labels])
            known = np.hstack([chances, np.zeros((len(chances), 1), np.float32)])
            scores = likeness + np.float32(self.config.kind) * known[:, codes]
        looks = []
        for i, row in enumerate(scores):
            best = _top(row, k)
            kind, chance = "", 0.0
            if chances is not None and self.kinds is not None:
                kind, chance = self.kinds.names[int(chances[i].argmax())], float(chances[i].max())
            ids, labels = (tuple(given[j] for j in best) for given in (self.product_ids, self.labels))
            looks.append(Look(ids, row[best], likeness[i, best], labels, kind, chance))
        return looks

    def save(self, folder: Path | str) -> Path:
        """Write the index into `folder`, whole or not at all.

        Raises:
            StorageError: if it cannot be written; what was there before is then untouched.
        """
        arrays: dict[str, NDArray[Any]] = {
            **self.projection.arrays(),
            "vectors": self.vectors,
            "blended": self.blended,
            "at": self.at,
        }
        lists = {"product_ids": list(self.product_ids), "labels": list(self.labels)}
        if self.kinds is not None:
            arrays |= {"kind_weights": self.kinds.weights, "kind_offsets": self.kinds.offsets}
            lists["kinds"] = list(self.kinds.names)
        facts = {"kind": _KIND, "version": _VERSION, "config": self.config.model_dump(), "refused": self.refused}
        facts["source"] = self.source
        return storing.write(folder, arrays, lists, facts)

    @classmethod
    def load(cls, folder: Path | str) -> VisualSearch:
        """The index that `save` wrote, memory-mapped.

        Raises:
            DataError: if the folder holds no such index, one of another version, or a damaged one.
        """
        arrays, lists, facts = storing.read(folder)
        if facts.get("kind") != _KIND or facts.get("version") != _VERSION:
            raise DataError(f"{folder} holds no index of pictures of version {_VERSION}", hint=_AGAIN)
        try:
            config = VisualConfig(**facts["config"])
            kinds = None
            if "kinds" in lists:
                kinds = Kinds(tuple(lists["kinds"]), arrays["kind_weights"], arrays["kind_offsets"])
            return cls(
                config,
                Projection.restored(arrays, config.colour),
                kinds,
                arrays["vectors"],
                arrays["blended"],
                tuple(lists["product_ids"]),
                arrays["at"],
                tuple(lists["labels"]),
                dict(facts["refused"]),
                str(facts["source"]),
            )
        except (LookupError, ValueError, TypeError) as error:
            raise DataError(f"the index {folder} is damaged: {error}", hint=_AGAIN) from error


def _blended(vectors: Vectors, gallery: Vectors, neighbours: int, *, own: bool = False) -> Vectors:
    """Each vector plus its nearest ones in the gallery, weighted by likeness; `own` leaves the row itself out."""
    count = min(neighbours, len(gallery) - own)
    if count < 1:
        return vectors
    out = np.empty_like(vectors)
    for start in range(0, len(vectors), _BLOCK):
        part = vectors[start : start + _BLOCK]
        alike = part @ gallery.T
        if own:
            alike[np.arange(len(part)), np.arange(start, start + len(part))] = -np.inf
        near = np.argpartition(-alike, count - 1, axis=1)[:, :count]
        weights = np.maximum(np.take_along_axis(alike, near, axis=1), 0.0)
        out[start : start + _BLOCK] = part + np.einsum("nk,nkd->nd", weights, gallery[near])
    return unit(out)


def _top(row: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Positions of the k largest values, falling; of equal ones the first."""
    if k < len(row):
        least = np.partition(row, len(row) - k)[len(row) - k]
        chosen = np.flatnonzero(row >= least)
    else:
        chosen = np.arange(len(row))
    return chosen[np.argsort(-row[chosen], kind="stable")][:k]
