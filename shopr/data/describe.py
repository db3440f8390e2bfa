"""What a dataset holds, in numbers: how much, from when to when, how dense, how often people come back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from shopr.data.dataset import Dataset
from shopr.data.interactions import Interactions
from shopr.errors import InputError

__all__ = ["Summary", "describe"]


@dataclass(frozen=True)
class Summary:
    """A dataset in numbers.

    Attributes:
        counts: rows by kind, as the manifest has them.
        event_types: type -> events, the most frequent first.
        first, last: times of the first and last event, where times are real.
        users, items, interactions, pairs: of the interactions that recommenders learn from.
        density: pairs / (users * items).
        repeat_rate: share of interactions whose pair occurred before.
        returning_users: share of users with interactions at more than one moment; None without real times.
        per_user, per_item: median number of distinct items of a user, of distinct users of an item.
        categories: top-level category -> products, the largest first.
        rejected: `column: reason` -> rows set aside.
    """

    name: str
    source: str
    fingerprint: str
    licence: str
    times: str
    counts: dict[str, int]
    event_types: dict[str, int]
    first: datetime | None
    last: datetime | None
    users: int
    items: int
    interactions: int
    pairs: int
    density: float | None
    repeat_rate: float | None
    returning_users: float | None
    per_user: float | None
    per_item: float | None
    categories: dict[str, int]
    rejected: dict[str, int]


def describe(dataset: Dataset, *, top: int = 10) -> Summary:
    """The summary of a dataset, with its `top` largest categories.

    Raises:
        InputError: if `top` is negative.
    """
    if top < 0:
        raise InputError(f"top is {top}", hint="Give 0 or more")
    manifest, events = dataset.manifest, dataset.events
    log = dataset.interactions()
    timed = manifest.times == "real" and len(events) > 0
    kinds = {str(kind): int(n) for kind, n in events["type"].value_counts().items()}
    levels = dataset.catalog.level(1)
    largest = levels[levels != ""].value_counts().head(top)
    return Summary(
        name=dataset.name,
        source=manifest.source,
        fingerprint=manifest.fingerprint,
        licence=manifest.licence,
        times=manifest.times,
        counts=dict(manifest.counts),
        event_types=kinds,
        first=events["time"].min().to_pydatetime() if timed else None,
        last=events["time"].max().to_pydatetime() if timed else None,
        categories={str(path): int(n) for path, n in largest.items()},
        rejected=dict(manifest.rejected),
        **_shape(log, real_times=manifest.times == "real"),
    )


def _shape(log: Interactions, *, real_times: bool) -> dict[str, Any]:
    pairs = int(log.matrix.nnz)
    shape: dict[str, Any] = {"users": log.n_users, "items": log.n_items, "interactions": len(log), "pairs": pairs}
    shape |= dict.fromkeys(("density", "repeat_rate", "returning_users", "per_user", "per_item"))
    if pairs:
        shape["density"] = pairs / (log.n_users * log.n_items)
        shape["repeat_rate"] = 1 - pairs / len(log)
        shape["per_user"] = float(np.median(np.diff(log.matrix.indptr)))
        shape["per_item"] = float(np.median(np.bincount(log.matrix.indices, minlength=log.n_items)))
    if pairs and real_times and log.times is not None:
        first = np.full(log.n_users, np.iinfo(np.int64).max)
        last = np.full(log.n_users, np.iinfo(np.int64).min)
        np.minimum.at(first, log.users, log.times)
        np.maximum.at(last, log.users, log.times)
        shape["returning_users"] = float((first < last).mean())
    return shape
