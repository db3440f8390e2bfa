"""The composition root: one object that wires a shop's data, its champion and its stores.

The app, the commands and the notebooks all start here; nobody else wires.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.data.events import Event
from shopr.data.interactions import Histories, Interactions
from shopr.errors import InputError, NotReadyError
from shopr.money import format_minor
from shopr.recommend.base import MAX_K, Explanation

if TYPE_CHECKING:
    from shopr.recommend.cross_sell import CrossSell
    from shopr.recommend.live import LiveStore
    from shopr.recommend.online import OnlineState
    from shopr.tracking.slot import ModelSlot, ServedModel

__all__ = ["Card", "Reason", "Shop"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a product is shown: words for a shopper, its share of the score (0 … 1), and the product it names, if one."""

    label: str
    share: float
    product_id: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """One recommended product as a page shows it. Every fact comes from the catalogue; what it lacks is None.

    `impression_id`, `position` (from 1), `propensity`, `policy` and `model_version` go with a click into the events.
    """

    product_id: str
    title: str
    brand: str
    category: str
    price: str | None
    price_minor: int | None
    currency: str
    stock: int | None
    image: Path | None
    score: float
    reasons: tuple[Reason, ...] = ()
    impression_id: str = ""
    position: int = 0
    propensity: float = 1.0
    policy: str = "champion"
    model_version: str = ""

    @property
    def in_stock(self) -> bool:
        """False only when the catalogue says that none is left."""
        return self.stock is None or self.stock > 0


@dataclass
class Shop:
    """A shop at work.

    Attributes:
        settings: the settings in force.
        name: the shop's name.
        clock: where the time comes from.
    """

    settings: Settings
    name: str
    clock: Clock = field(default_factory=SystemClock)

    @classmethod
    def open(cls, settings: Settings | None = None, shop: str | None = None, *, clock: Clock | None = None) -> Self:
        """Open a shop by name (`settings.shop` by default); data and model load on first use."""
        settings = settings or Settings()
        return cls(settings, shop or settings.shop, clock or SystemClock())

    # -- what the shop sells and what happened in it ------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """Where the shop's files are, whether they exist or not."""
        return self.settings.shop_folder(self.name)

    @property
    def exists(self) -> bool:
        """Whether the shop has data."""
        return (self.folder / "manifest.json").is_file()

    @cached_property
    def dataset(self) -> Dataset | None:
        """The shop's data; None while there is none."""
        return Dataset.load(self.folder) if self.exists else None

    @property
    def data(self) -> Dataset:
        """The shop's data.

        Raises:
            NotReadyError: if there is none yet.
        """
        if self.dataset is None:
            raise NotReadyError(
                f"shop {self.name!r} has no data in {self.folder}",
                hint="Run 'shopr demo', 'shopr data simulate' or 'shopr data import'",
            )
        return self.dataset

    @property
    def catalog(self) -> Catalog:
        """The shop's products."""
        return self.data.catalog

    @cached_property
    def interactions(self) -> Interactions:
        """Who bought what, when: the facts that recommenders learn from."""
        return self.data.interactions()

    @cached_property
    def _products(self) -> pd.DataFrame:
        return self.catalog.frame.set_index("product_id")

    # -- the model that serves ----------------------------------------------------------------------------------------

    @cached_property
    def slot(self) -> ModelSlot:
        """The champion's slot, which follows the registry's alias."""
        from shopr.tracking.slot import ModelSlot  # MLflow is heavy: only who asks for a model pays for it

        return ModelSlot(self.settings, clock=self.clock)

    @property
    def champion(self) -> ServedModel | None:
        """The promoted model with its version and evidence; None while nothing was promoted."""
        return self.slot.current()

    def promotions(self) -> pd.DataFrame:
        """The history of promotions and rollbacks, newest first."""
        from shopr.tracking.promotion import history

        return history(self.settings)

    # -- recommendations ----------------------------------------------------------------------------------------------

    def recommend(
        self,
        user_id: str | None,
        k: int = 10,
        *,
        exclude_seen: bool = True,
        in_stock_only: bool = True,
        category: str | None = None,
        explain: bool = True,
    ) -> list[Card]:
        """The champion's best products for one shopper, with reasons.

        The model's parameters are those that were promoted; the shopper's history is the newest one. Shoppers without
        history, and visitors (None), get what is popular.

        Raises:
            InputError: if k is outside 1 … 20.
            NotReadyError: if no model was promoted yet.
        """
        if not 1 <= k <= MAX_K:
            raise InputError(f"k is {k}", hint=f"Ask for 1 to {MAX_K} products")
        served = self.champion
        if served is None:
            raise NotReadyError(
                "no model was promoted yet", hint="Run 'shopr demo', or 'shopr tune' and 'shopr promote'"
            )
        from shopr.recommend.impressions import impress

        model, online = served.model, self._online
        fitted = self._live_history(user_id)
        allowed = self._candidates(in_stock_only, category)
        found = online.recommend(user_id, fitted, k, candidates=allowed, exclude_seen=exclude_seen)
        shown = impress(found.items[0], found.items[0], model_version=served.version)
        reasons = online.explain(user_id, fitted, shown.items) if explain else []
        bought = set(model.item_ids.decode(online.history(user_id, fitted).matrix.indices))
        return [
            self._card(
                product_id,
                score=float(score),
                reasons=self._reasons(reasons[rank], bought) if explain else (),
                impression_id=shown.ids[rank],
                position=int(shown.positions[rank]),
                propensity=float(shown.propensities[rank]),
                policy=shown.policy,
                model_version=shown.model_version,
            )
            for rank, (product_id, score) in enumerate(
                zip(model.item_ids.decode(shown.items), found.scores[0], strict=False)
            )
        ]

    def record_interaction(self, event: Event) -> bool:
        """Take in what a shopper just did (viewed, clicked, put into the cart, ordered); the next reply follows it.

        Whether it was new: an event counts once, however often it is sent.

        Raises:
            InputError: if it lies in the future.
            StorageError: if it could not be stored.
        """
        return self.live.record(event) > 0

    @cached_property
    def live(self) -> LiveStore:
        """What shoppers did since the fit."""
        from shopr.recommend.live import LiveStore
        from shopr.storage import Database

        return LiveStore(Database.open(self.settings), self.name, clock=self.clock)

    @property
    def _online(self) -> OnlineState:
        """The live side of the model that serves; a new one whenever another model does."""
        from shopr.recommend.online import OnlineState

        served = self.champion
        assert served is not None
        kept: OnlineState | None = self._to_model.get("online")
        if kept is None or kept.model is not served.model:
            kept = self._to_model["online"] = OnlineState(served.model, self.live, clock=self.clock)
        return kept

    def goes_with(self, basket: list[str], k: int = 10) -> list[Card]:
        """Products that are bought along with a basket of product ids more often than chance; nothing sold out.

        Raises:
            InputError: if k is outside 1 … 20, or the shop has no orders.
        """
        if not 1 <= k <= MAX_K:
            raise InputError(f"k is {k}", hint=f"Ask for 1 to {MAX_K} products")
        model = self._cross_sell
        products = self._products.reindex(model.item_ids.ids)
        gone = (products["stock"] <= 0).to_numpy(dtype=bool, na_value=False)
        found = model.for_basket(model.item_ids.encode(basket), k + int(gone.sum()))
        codes, scores = found.items[0], found.scores[0]
        keep = np.flatnonzero((codes >= 0) & ~gone[codes])[:k]
        ids = model.item_ids.decode(codes[keep])
        return [
            self._card(product_id, score=float(score), position=place, policy="cross_sell")
            for place, (product_id, score) in enumerate(zip(ids, scores[keep], strict=True), 1)
        ]

    @cached_property
    def _cross_sell(self) -> CrossSell:
        from shopr.recommend.cross_sell import CrossSell, baskets_of

        events = self.data.events
        lines = events[(events["type"] == "order_completed") & events["product_id"].notna()]
        log = Interactions.from_frame(pd.DataFrame({"user": lines["order_id"], "item": lines["product_id"]}))
        return CrossSell().fit(baskets_of(log, log.users), log.item_ids, self.catalog)

    def history(self, user_id: str, n: int = 12) -> list[Card]:
        """The last `n` different products a shopper bought, newest first; empty for an unknown shopper."""
        log = self.interactions
        code = int(log.user_ids.encode([user_id])[0])
        row = log.histories(np.array([code]))
        order = np.arange(row.matrix.nnz) if row.times is None else np.argsort(-row.times, kind="stable")
        ids = log.item_ids.decode(row.matrix.indices[order][:n])
        return [self._card(product_id) for product_id in ids]

    def shoppers(self, n: int = 20, query: str = "") -> list[str]:
        """Up to `n` shopper ids that contain `query`, those with most purchases first."""
        log = self.interactions
        counts = np.diff(log.matrix.indptr)
        order = np.argsort(-counts, kind="stable")
        ids = log.user_ids.ids[order]
        needle = query.strip().lower()
        if needle:
            ids = ids[[needle in str(i).lower() for i in ids]]
        return [str(i) for i in ids[:n]]

    # -- the parts of an answer ---------------------------------------------------------------------------------------

    @cached_property
    def _to_model(self) -> dict[str, Any]:
        return {}

    def _live_history(self, user_id: str | None) -> Histories:
        """The shopper's newest history in the codes of the model that serves."""
        served = self.champion
        assert served is not None
        log = self.interactions
        code = -1 if user_id is None else int(log.user_ids.encode([user_id])[0])
        row = log.histories(np.array([code]), now=int(self.clock.now().timestamp()))
        if self._to_model.get("version") != served.version:
            same = log.item_ids == served.model.item_ids
            codes = None if same else served.model.item_ids.encode(log.item_ids.ids)
            self._to_model.update(version=served.version, codes=codes)
        codes = self._to_model["codes"]
        return row if codes is None else row.recode(codes, served.model.n_items)

    def _candidates(self, in_stock_only: bool, category: str | None) -> np.ndarray[Any, Any] | None:
        served = self.champion
        assert served is not None
        if not in_stock_only and category is None:
            return None
        products = self._products.reindex(served.model.item_ids.ids)
        allowed = np.ones(len(products), bool)
        if in_stock_only:
            allowed &= ~(products["stock"] <= 0).to_numpy(dtype=bool, na_value=False)
        if category is not None:
            paths = products["category"].fillna("")
            allowed &= ((paths == category) | paths.str.startswith(f"{category} > ")).to_numpy(dtype=bool)
        return np.flatnonzero(allowed)

    def _card(self, product_id: str, **extra: Any) -> Card:
        known = product_id in self._products.index
        row = self._products.loc[product_id] if known else pd.Series(dtype=object)
        minor = row.get("price")
        minor = None if minor is None or pd.isna(minor) else int(minor)
        currency = str(row.get("currency") or self.settings.currency)
        stock = row.get("stock")
        image = str(row.get("image") or "")
        return Card(
            product_id=product_id,
            title=str(row.get("title") or product_id),
            brand=str(row.get("brand") or ""),
            category=str(row.get("category") or ""),
            price=None if minor is None else format_minor(minor, currency),
            price_minor=minor,
            currency=currency,
            stock=None if stock is None or pd.isna(stock) else int(stock),
            image=self.folder / image if image and (self.folder / image).is_file() else None,
            score=extra.pop("score", float("nan")),
            **extra,
        )

    def _reasons(self, explanation: Explanation, bought: set[str], most: int = 3) -> tuple[Reason, ...]:
        total = sum(abs(c.value) for c in explanation.contributions) or 1.0
        out = []
        for part in explanation.contributions[:most]:
            if part.kind == "history":
                title = self._products["title"].get(part.label, part.label)
                verb = "bought" if part.label in bought else "looked at"
                out.append(Reason(f"you {verb} {title}", abs(part.value) / total, part.label))
            else:
                out.append(Reason(part.label, abs(part.value) / total))
        return tuple(out)
