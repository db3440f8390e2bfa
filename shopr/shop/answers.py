"""How a shop answers: champion, newest history, rules, wishes and circumstances at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shopr.data.interactions import Histories
from shopr.errors import NotReadyError
from shopr.recommend.following.online import OnlineState
from shopr.recommend.lists.cards import Card
from shopr.recommend.lists.pipeline import Boost, Pipeline, Wanted
from shopr.recommend.profile.corrections import Wishes
from shopr.recommend.situation.circumstances import Circumstances

if TYPE_CHECKING:
    from shopr.recommend.situation.context import ContextPrior
    from shopr.shop.root import Shop
    from shopr.tracking.slot import ServedModel

__all__ = ["Answers", "Visit"]

_VISITS = 256
"""Circumstances whose boosts are kept."""
_REASONS = 8
"""Reasons of the model that are told apart; a card shows three."""
_CHANGES = 900
"""Seconds in which no circumstance changes: in every time zone the hour begins at a multiple of them."""


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

    def answer(
        self, user_id: str | None, wanted: Wanted, visit: Visit | None = None, *, served: ServedModel | None = None
    ) -> tuple[list[Card], str]:
        """The products as cards, and why there are fewer than asked for ("" where there are not).

        Args:
            served: the model that answers; the champion by default.

        Raises as `Shop.recommend`.
        """
        served = served or self._shop.champion
        if served is None:
            raise NotReadyError(
                "no model was promoted yet", hint="Run 'shopr demo', or 'shopr tune' and 'shopr promote'"
            )
        pipeline, fitted = self._pipeline(served), self._live_history(served, user_id)
        owned = None
        said = Wishes() if user_id is None else self._shop.profiles.said(user_id)
        if said.deleted_at is not None:  # who deleted the profile is met as somebody new
            owned, fitted = fitted.matrix.indices, fitted.after(int(said.deleted_at.timestamp()))
        boosts = self._boosts(served, said, visit)
        found = pipeline.answer(
            user_id, fitted, replace(wanted, boosts=boosts, reasons=wanted.reasons or _REASONS), owned=owned
        )
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

    def _boosts(self, served: ServedModel, said: Wishes, visit: Visit | None) -> tuple[Boost, ...]:
        """What the shopper said, and the circumstances."""
        out = [] if visit is None else list(self._circumstances(served, visit))
        if said.corrections:
            logs = self._shop.profiles.wishes(said, served.model.item_ids)
            out.append(Boost("what you told us", logs, "what you asked us to show less of"))
        return tuple(out)

    def _circumstances(self, served: ServedModel, visit: Visit) -> tuple[Boost, ...]:
        """One boost for each circumstance that is known; those of an hour are the same, so they are kept."""
        prior = self._shop.context
        seconds = int(self._shop.clock.now().timestamp())
        key = (served.version, visit, seconds // _CHANGES)
        kept: dict[Any, tuple[Boost, ...]] = self._kept.setdefault("visits", {})
        if key not in kept:
            if len(kept) >= _VISITS:
                kept.clear()
            now = Circumstances.at(
                [seconds],
                [visit.country],
                devices=[visit.device],
                temperature=None if visit.temperature is None else [visit.temperature],
                rain=None if visit.rain is None else [visit.rain],
            )
            codes = prior.item_ids.encode(served.model.item_ids.ids).astype(np.int64)
            made = (self._boost(prior, now, name, codes) for name in prior.weights)
            kept[key] = tuple(boost for boost in made if boost.logs.any())
        return kept[key]

    def _boost(self, prior: ContextPrior, now: Circumstances, name: str, codes: NDArray[np.int64]) -> Boost:
        alone = now.without(*(other for other in prior.weights if other != name))
        known = codes >= 0
        logs = np.zeros(len(codes))
        logs[known] = prior.log_boost(alone)[0, codes[known]]
        words = " ".join(alone.words(0))
        return Boost(f"more wanted {words}", logs, f"less wanted {words}")
