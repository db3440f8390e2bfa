"""The composition root: one object that wires a shop's data, its champion and its stores.

The app, the commands and the notebooks all start here; nobody else wires.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pandas as pd

from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.data.events import Event
from shopr.data.fingerprint import fingerprint_frame
from shopr.data.interactions import Interactions
from shopr.errors import NotReadyError
from shopr.recommend.lists.cards import Card, CardMaker
from shopr.recommend.lists.pipeline import Wanted
from shopr.shop.answers import Visit
from shopr.shop.assisted import Assisted
from shopr.shop.guarded import Guarded
from shopr.shop.lists import Lists
from shopr.shop.observed import Observed
from shopr.shop.privacy import Private
from shopr.shop.searching import Searching
from shopr.shop.signing import Signing
from shopr.shop.staged import Staged

if TYPE_CHECKING:
    from shopr.recommend.following.live import LiveStore
    from shopr.recommend.lists.rules import Merchandising
    from shopr.recommend.profile.book import ProfileBook
    from shopr.recommend.situation.context import ContextPrior
    from shopr.storage.database import Database
    from shopr.tracking.slot import ModelSlot, ServedModel

__all__ = ["Shop"]


@dataclass
class Shop(Guarded, Assisted, Observed, Lists, Searching, Signing, Private):
    """A shop at work.

    Attributes:
        settings: the settings in force.
        name: the shop's name.
        clock: where the time comes from.
    """

    settings: Settings
    name: str
    clock: Clock = field(default_factory=SystemClock)
    _rules_read: tuple[tuple[int, int], Merchandising] | None = field(default=None, init=False, repr=False)

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
        if not self.exists:
            return None
        loaded, known = Dataset.load(self.folder), self.__dict__.get("catalog")
        if known is not None and fingerprint_frame(known.frame) == fingerprint_frame(loaded.catalog.frame):
            return replace(loaded, catalog=known)
        self.__dict__.pop("catalog", None)  # the files are others than when it was read
        return loaded

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

    @cached_property
    def catalog(self) -> Catalog:
        """The shop's products; read without the events, which a shopper's first search needs not wait for."""
        loaded = "dataset" in self.__dict__ or not self.exists
        return self.data.catalog if loaded else Dataset.load_catalog(self.folder)

    @cached_property
    def interactions(self) -> Interactions:
        """Who bought what, when: the facts that recommenders learn from."""
        return self.data.interactions()

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
        exclude_seen: bool | None = None,
        in_stock_only: bool | None = None,
        category: str | None = None,
        price: tuple[int | None, int | None] = (None, None),
        visit: Visit | None = None,
        explain: bool = True,
    ) -> list[Card]:
        """The best products for one shopper now, by the champion, the rules and what the shopper said, with reasons.

        The model's parameters are those that were promoted; the shopper's history is the newest one. Shoppers without
        history, and visitors (None), get what is popular in their circumstances.

        Args:
            exclude_seen, in_stock_only: None lets the shop's rules decide.
            category: a category path; what lies below it counts.
            price: lowest and highest price in minor units, None for no bound.
            visit: the circumstances; None takes none into account.

        Raises:
            InputError: if k is outside 1 … 20, or the price band is none.
            NotReadyError: if no model was promoted yet.
            SpecError: if the shop's rules file is wrong.
        """
        wanted = Wanted(k, exclude_seen, in_stock_only, category, price, explain=explain)
        return self.answer(user_id, wanted, visit=visit)[0]

    def answer(self, user_id: str | None, wanted: Wanted, *, visit: Visit | None = None) -> tuple[list[Card], str]:
        """As `recommend`, with a note that says why a list is shorter than asked for ("" where it is not)."""
        with self.timed("recommend"):
            return self.staged.answer(user_id, wanted, visit)

    @cached_property
    def staged(self) -> Staged:
        """Who answers whom: the champion, or a canary for its share of the shoppers, while a shadow answers unseen."""
        return Staged(self)

    def record_interaction(self, event: Event) -> bool:
        """Take in what a shopper just did (viewed, clicked, put into the cart, ordered); the next reply follows it.

        Whether it was new: an event counts once, however often it is sent.

        Raises:
            InputError: if it lies in the future.
            StorageError: if it could not be stored.
        """
        new = self.live.record(event) > 0
        self.live.tidy()
        return new

    @cached_property
    def live(self) -> LiveStore:
        """What shoppers did since the fit."""
        from shopr.recommend.following.live import LiveStore

        return LiveStore(self.database, self.name, clock=self.clock)

    # -- profiles -----------------------------------------------------------------------------------------------------

    @cached_property
    def profiles(self) -> ProfileBook:
        """What the shop knows of its shoppers, which they can see, correct and delete."""
        from shopr.recommend.profile.book import ProfileBook
        from shopr.recommend.profile.corrections import CorrectionStore

        security = self.security
        said = CorrectionStore(
            self.database, self.name, clock=self.clock, cipher=lambda: security.cipher, pepper=lambda: security.pepper
        )
        return ProfileBook(lambda: self.data, self.live, said, clock=self.clock)

    @cached_property
    def context(self) -> ContextPrior:
        """How circumstances change what is wanted, learnt from the shop's orders once and kept in its folder."""
        from shopr.recommend.situation.context_file import prior_of

        return prior_of(self.data, self.folder)

    @property
    def rules(self) -> Merchandising:
        """The merchandiser's rules: `rules.yaml` in the shop's folder, read again when it changes; else the defaults.

        Raises:
            SpecError: if the file is wrong, with its line and fix.
        """
        from shopr.recommend.lists.rules import Merchandising, load

        path = self.folder / "rules.yaml"
        try:
            state = path.stat()
        except OSError:
            return Merchandising()
        key = (state.st_mtime_ns, state.st_size)
        if self._rules_read is None or self._rules_read[0] != key:
            self._rules_read = key, load(path)
        return self._rules_read[1]

    # -- the parts of an answer ---------------------------------------------------------------------------------------

    @cached_property
    def database(self) -> Database:
        """Where the shop keeps its state."""
        from shopr.storage import Database

        return Database.open(self.settings)

    @cached_property
    def cards(self) -> CardMaker:
        """Makes product cards from the catalogue."""
        return CardMaker(self.catalog, self.folder, self.settings.currency)
