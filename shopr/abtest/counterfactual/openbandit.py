"""The Open Bandit data (Saito et al. 2021): logs of a uniform and of a Thompson policy on a shop's front page.

One file a policy and campaign, `POLICY_CAMPAIGN.csv`, of one row a slot shown: item_id, position (1 to 3), click,
propensity_score, and hashed user features. The rows name no user, so each counts as one of its own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.abtest.counterfactual.logged import Logged
from shopr.errors import DataError

__all__ = ["average_policy", "load"]

_FEATURES = [f"user_feature_{number}" for number in range(4)]


def load(folder: Path | str, campaign: str, policy: str, *, features: bool = False) -> Logged:
    """The log of one policy (`random` or `bts`) in one campaign (`men`, `women` or `all`).

    Args:
        folder: where the files are.
        features: whether to read the users' features as contexts.

    Raises:
        DataError: if a file is missing or is not of this format.
    """
    base = Path(folder)
    path, items = base / f"{policy}_{campaign}.csv", base / f"{policy}_{campaign}_item_context.csv"
    try:
        frame, known = pd.read_csv(path, index_col=0), pd.read_csv(items, usecols=["item_id"])
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path.name} cannot be read: {error}", hint="Give the folder of the Open Bandit data"
        ) from None
    contexts = _FEATURES if features else []
    return Logged.from_frame(
        frame, action="item_id", reward="click", propensity="propensity_score", position="position", contexts=contexts,
        actions=np.sort(known["item_id"].to_numpy()),
    )  # fmt: skip


def average_policy(log: Logged) -> NDArray[np.float64]:
    """What the logging policy did on average: shape (n_positions, n_actions), shares of the actions in each slot.

    A policy that learns while it logs has no fixed probabilities; this is its mixture over the time of the log, whose
    value is the policy's own as long as the rewards do not drift with time.
    """
    table = np.zeros((log.n_positions, log.n_actions))
    slots = np.zeros(len(log), np.int64) if log.positions is None else log.positions
    np.add.at(table, (slots, log.actions), 1.0)
    if (table.sum(axis=1) == 0).any():
        raise DataError("a slot was never shown", hint="Number positions from 0 without gaps")
    shares: NDArray[np.float64] = table / table.sum(axis=1, keepdims=True)
    return shares
