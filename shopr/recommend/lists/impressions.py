"""What is shown, as later learning needs it: an id for each impression, its position, and the chance it had.

With exploration, the last place is drawn now and then from the candidates, so that clicks on what the policy would not
show are seen as well, with known propensities (the logging that inverse propensity scoring and bandits ask for: Li et
al. 2010; Bottou et al. 2013).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from shopr.errors import InputError
from shopr.randomness import generator

__all__ = ["Impressions", "impress"]


@dataclass(frozen=True, slots=True)
class Impressions:
    """One list as it is shown.

    Attributes:
        items: shape (n,), item codes in the order shown.
        ids: one an item, unique: the list's id and the position.
        positions: shape (n,), from 1.
        propensities: shape (n,), in (0, 1]: the chance that this item stood at this position, given the same request.
        policy: "champion", or "champion+explore" where the last place may be drawn.
        model_version: of the model that ranked.
    """

    items: NDArray[np.int64]
    ids: tuple[str, ...]
    positions: NDArray[np.int64]
    propensities: NDArray[np.float64]
    policy: str
    model_version: str

    def __len__(self) -> int:
        return len(self.items)


def impress(
    ranked: NDArray[np.integer],
    candidates: NDArray[np.integer],
    *,
    model_version: str,
    explore: float = 0.0,
    seed: int | None = None,
    request: str = "",
    policy: str = "champion",
) -> Impressions:
    """Fix what is shown of a ranked list.

    With probability `explore` the last place is drawn uniformly from `candidates` without the places before it (the
    item that ranked there may be drawn again). An item shown there has propensity (1 - explore) [it ranked there] +
    explore / n, n the candidates so left; the places before are certain.

    Args:
        ranked: shape (n,), item codes, best first, -1 at the end where nothing was left.
        candidates: distinct codes that could be shown, among them those ranked.
        explore: within [0, 1].
        seed, request: with a seed, ids and draws follow from seed and request alone; without, they are unique.

    Raises:
        InputError: if `explore` is out of bounds.
    """
    if not 0.0 <= explore <= 1.0:
        raise InputError(f"explore is {explore}, outside 0 … 1", hint="Use .05, or 0 for none")
    items = np.asarray(ranked, np.int64)
    items = items[items >= 0].copy()
    propensities = np.ones(len(items))
    rng = np.random.default_rng() if seed is None else generator(seed, "explore", request)
    if explore > 0 and len(items):
        rest = np.setdiff1d(np.asarray(candidates, np.int64), items[:-1])
        rest = rest[rest >= 0]
        best = items[-1]
        if len(rest) and rng.random() < explore:
            items[-1] = rng.choice(rest)
        if len(rest):
            propensities[-1] = (1.0 - explore) * float(items[-1] == best) + explore / len(rest)
    shown = uuid4().hex if seed is None else blake2b(f"{seed}:{request}".encode(), digest_size=16).hexdigest()
    positions = np.arange(1, len(items) + 1)
    ids = tuple(f"{shown}-{position}" for position in positions)
    name = f"{policy}+explore" if explore > 0 else policy
    return Impressions(items, ids, positions, propensities, name, model_version)
