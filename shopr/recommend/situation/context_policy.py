"""A fitted model times what circumstances say, as a policy that a simulated or real page can ask for batches."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.data.ids import IdMap
from shopr.data.times import unix_seconds
from shopr.recommend.contract.base import Recommender
from shopr.recommend.lists.pipeline import adjusted
from shopr.recommend.situation.circumstances import Circumstances
from shopr.recommend.situation.climate import local_times
from shopr.recommend.situation.context import ContextPrior
from shopr.recommend.topk import top_k

__all__ = ["ContextPolicy"]


class ContextPolicy:
    """Recommends by score x exp(strength x log boost); see `pipeline.adjusted`.

    Args:
        model: fitted.
        prior: fitted; None leaves circumstances out.
        user_ids, item_ids: the id maps of those who ask.
        strength: exponent of the prior.
    """

    def __init__(
        self,
        model: Recommender,
        prior: ContextPrior | None,
        user_ids: IdMap,
        item_ids: IdMap,
        *,
        strength: float = 1.0,
    ) -> None:
        self.name = f"{model.name} in context" if prior else model.name
        self._model, self._prior, self._strength = model, prior, strength
        self._users = model.user_ids.encode(user_ids.ids).astype(np.int64)
        self._items = np.append(item_ids.encode(model.item_ids.ids), -1)
        if prior is not None:
            self._codes = prior.item_ids.encode(model.item_ids.ids).astype(np.int64)

    def recommend(self, users: NDArray[np.integer], k: int, context: pd.DataFrame) -> NDArray[np.integer]:
        """Shape (n, k): item codes of who asks; `context` has date, hour, device, country, temperature, rain.

        The hour is local, and so is the date: they are taken as they are.
        """
        codes = self._users[np.asarray(users)]
        model, train = self._model, self._model.train
        history = train.histories(codes)
        scores = model._score(history).astype(np.float64)
        cold = np.diff(history.matrix.indptr) == 0
        scores[cold] = model.fallback
        if self._prior is not None:
            boost = self._prior.log_boost(self._circumstances(context))
            known = self._codes >= 0
            logs = np.zeros(scores.shape)
            logs[:, known] = self._strength * boost[:, self._codes[known]]
            scores = adjusted(scores, logs)
        owner = np.repeat(np.arange(len(codes)), np.diff(history.matrix.indptr))
        scores[owner, history.matrix.indices] = -np.inf
        items, _ = top_k(scores.astype(np.float32), k)
        return np.asarray(self._items[items])

    def _circumstances(self, context: pd.DataFrame) -> Circumstances:
        local = unix_seconds(pd.to_datetime(context["date"], utc=True)) + 3600 * context["hour"].to_numpy(np.int64)
        columns = {
            "devices": context["device"].to_numpy(dtype=object),
            "temperature": context["temperature"].to_numpy(np.float64),
            "rain": context["rain"].to_numpy(np.float64),
        }
        countries = context["country"].to_numpy(dtype=object)
        # Circumstances count hours by the clocks of each country: what is local already is taken back to UTC first.
        return Circumstances.at(local - (local_times(countries, local) - local), countries, **columns)
