"""How a shop answers: champion, newest history, rules, wishes and circumstances at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shopr.data.interactions import Histories
from shopr.errors import NotReadyError
from shopr.recommend.cards import Card
from shopr.recommend.online import OnlineState
from shopr.recommend.pipeline import Boost, Pipeline, Wanted

if TYPE_CHECKING:
    from shopr.shop.root import Shop
    from shopr.tracking.slot import ServedModel

__all__ = ["Answers", "Visit"]


@dataclass(frozen=True, slots=True)
class Visit:
    """The circumstances of a visit, as far as they are known; the time is the shop's clock's.

    Attributes:
        country: ISO 3166-1, "" if unknown.
        device: mobile, desktop or tablet; "" if unknown.
        temperature: degrees Celsius as observed; None asks the climatology.
        rain: probability of rain, or 0 or 1 as observed; None asks the climatology.
    """

    country: str = ""
    device: str = ""
    temperature: float | None = None
    rain: float | None = None


class Answers:
    """Answers of one shop; what belongs to a model or to rules is kept while those are in force."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._kept: dict[str, Any] = {}

    def answer(self, user_id: str | None, wanted: Wanted, visit: Visit | None = None) -> tuple[list[Card], str]:
        """The products as cards, and why there are fewer than asked for ("" where there are not).

        Raises as `Shop.recommend`.
        """
        served = self._shop.champion
        if served is None:
            raise NotReadyError(
                "no model was promoted yet", hint="Run 'shopr demo', or 'shopr tune' and 'shopr promote'"
            )
        pipeline, fitted = self._pipeline(served), self._live_history(served, user_id)
        owned = None
        deleted = None if user_id is None else self._shop.profiles.deleted_at(user_id)
        if deleted is not None:  # who deleted the profile is met as somebody new
            owned, fitted = fitted.matrix.indices, fitted.after(int(deleted.timestamp()))
        boosts = self._boosts(served, user_id, visit)
        found = pipeline.answer(user_id, fitted, replace(wanted, boosts=boosts), owned=owned)
        bought = set(served.model.item_ids.decode(pipeline.online.history(user_id, fitted).matrix.indices))
        shown = found.impressions
        cards = [
            self._shop.cards.card(
                product_id,
                score=float(found.scores[rank]),
                reasons=self._shop.cards.reasons(found.explanations[rank], bought) if found.explanations else (),
                impression_id=shown.ids[rank],
                position=int(shown.positions[rank]),
                propensity=float(shown.propensities[rank]),
                policy=shown.policy,
                model_version=shown.model_version,
                label=found.labels[rank],
            )
            for rank, product_id in enumerate(served.model.item_ids.decode(shown.items))
        ]
        return cards, found.note

    def _pipeline(self, served: ServedModel) -> Pipeline:
        """The way from a shopper to a list; a new one whenever another model serves or the rules changed."""
        online: OnlineState | None = self._kept.get("online")
        if online is None or online.model is not served.model:
            online = self._kept["online"] = OnlineState(served.model, self._shop.live, clock=self._shop.clock)
        rules = self._shop.rules
        pipeline: Pipeline | None = self._kept.get("pipeline")
        if pipeline is None or pipeline.online is not online or pipeline.rules != rules:
            pipeline = self._kept["pipeline"] = Pipeline(online, self._shop.catalog, rules, version=served.version)
        return pipeline

    def _live_history(self, served: ServedModel, user_id: str | None) -> Histories:
        """The shopper's newest history in the codes of the model that serves."""
        log = self._shop.interactions
        code = -1 if user_id is None else int(log.user_ids.encode([user_id])[0])
        row = log.histories(np.array([code]), now=int(self._shop.clock.now().timestamp()))
        if self._kept.get("version") != served.version:
            same = log.item_ids == served.model.item_ids
            codes = None if same else served.model.item_ids.encode(log.item_ids.ids)
            self._kept.update(version=served.version, codes=codes)
        codes = self._kept["codes"]
        return row if codes is None else row.recode(codes, served.model.n_items)

    def _boosts(self, served: ServedModel, user_id: str | None, visit: Visit | None) -> tuple[Boost, ...]:
        """What the shopper said, and the circumstances."""
        out = []
        said = None if user_id is None else self._shop.profiles.wishes(user_id, served.model.item_ids)
        if said is not None:
            out.append(Boost("what you told us", said))
        return tuple(out)
