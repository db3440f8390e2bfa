"""Ranked items as models return them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.ids import IdMap

__all__ = ["Recommendations"]


@dataclass(frozen=True, slots=True)
class Recommendations:
    """Ranked items, one row a user.

    Attributes:
        users: shape (n,), user codes; -1 for people the fit never saw.
        items: shape (n, k), item codes, best first; -1 where nothing was left to recommend.
        scores: shape (n, k), float32, falling along a row; -inf where `items` is -1. Comparable within a row only.
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.users)

    def to_frame(self, user_ids: Sequence[str] | NDArray[np.object_], item_ids: IdMap) -> pd.DataFrame:
        """Long table `user, item, rank, score`, ranks from 1; `user_ids` names the rows."""
        row, col = np.nonzero(self.items >= 0)
        return pd.DataFrame(
            {
                "user": np.asarray(user_ids, dtype=object)[row],
                "item": item_ids.decode(self.items[row, col]),
                "rank": col + 1,
                "score": self.scores[row, col],
            }
        )
