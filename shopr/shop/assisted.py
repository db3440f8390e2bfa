"""The shop's search, commerce and assistant, wired on first use."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, cast

from shopr.errors import ConfigError, InputError, NotReadyError, ShoprError
from shopr.recommend.contract.base import MAX_K
from shopr.recommend.lists.pipeline import Wanted
from shopr.shop.answers import Visit

if TYPE_CHECKING:
    from shopr.chat.assistant import Assistant
    from shopr.chat.llm.help import ModelHelp
    from shopr.chat.memory import Memory
    from shopr.commerce.facade import Commerce
    from shopr.search import ProductSearch
    from shopr.search.merchant.desk import SearchDesk
    from shopr.shop.root import Shop

__all__ = ["Assisted"]

log = logging.getLogger(__name__)


class Assisted:
    """The part of a shop that finds, sells and talks."""

    @property
    def _whole(self) -> Shop:
        return cast("Shop", self)

    @property
    def search(self) -> ProductSearch:
        """The product search over the catalogue, under the merchandiser's synonyms and what was learnt from clicks.

        Raises:
            NotReadyError: if the shop has no data.
            SpecError: if the synonyms file is wrong.
        """
        return self.search_desk.ready

    @cached_property
    def search_desk(self) -> SearchDesk:
        """Search by words under the merchandiser's synonyms, by picture, and what was not found.

        Raises:
            NotReadyError: if the shop has no data.
        """
        from shopr.search.merchant.desk import SearchDesk
        from shopr.search.merchant.querylog import QueryLog

        shop = self._whole
        return SearchDesk(shop.catalog, shop.folder, QueryLog(shop.database, shop.name, clock=shop.clock))

    @cached_property
    def commerce(self) -> Commerce:
        """Stock, prices, carts, orders and returns.

        Raises:
            NotReadyError: if the shop has no data.
        """
        from shopr.commerce.facade import Commerce
        from shopr.commerce.personal import Personal

        shop = self._whole
        return Commerce(
            shop.database,
            shop.name,
            lambda: shop.catalog,
            clock=shop.clock,
            currency=shop.settings.currency,
            history=lambda: shop.data.prices,
            personal=Personal(lambda: shop.security.cipher, lambda: shop.security.pepper),
        )

    def join_carts(self, user_id: str, session_id: str, conversation: str = "") -> int:
        """What a visitor put into the cart goes into that of the user they signed in as; how many pieces that has then.

        It must not keep anybody from signing in: what cannot be joined stays where it is.

        Args:
            conversation: its cart is the visitor's as long as the conversation is nobody's.
        """
        from shopr.commerce.sql import visitor

        if not self._whole.exists:
            return 0
        try:
            known = conversation and self.memory.owner(conversation) is None
            for source in [session_id, *([conversation] if known else [])]:
                cart = self.commerce.carts.merge(visitor(source), user_id)
            return cart.pieces
        except ShoprError as error:
            log.error("a visitor's cart was not joined: %s", error.one_line())
            return 0

    @cached_property
    def memory(self) -> Memory:
        """Conversations, and what is remembered of shoppers across visits."""
        from shopr.chat.memory import Memory

        shop = self._whole
        return Memory(
            shop.database, shop.name, clock=shop.clock, cipher=lambda: shop.security.cipher,
            forget=shop.security.cipher.keys.expire,
        )  # fmt: skip

    @cached_property
    def assistant(self) -> Assistant:
        """The assistant: `shop.assistant.reply(text, conversation_id=…, user_id=…)`.

        Raises:
            NotReadyError: if the shop has no data.
        """
        from shopr.chat.assistant import Assistant

        shop = self._whole
        return Assistant(
            lambda: self.search_desk.counted,
            self.commerce,
            memory=self.memory,
            suggest=self._suggest,
            related=self._related,
            clock=shop.clock,
            on_turn=shop._observe_turn,
            model=self._language_model(),
            kept=shop.folder / "shelf_rows" if shop.exists else None,
        )

    def _language_model(self) -> ModelHelp | None:
        """The language model of the settings; None where they name none."""
        settings = self._whole.settings
        if not settings.llm_url:
            return None
        from pydantic import SecretStr, ValidationError

        from shopr.chat.llm.client import Endpoint
        from shopr.chat.llm.help import ModelHelp
        from shopr.redaction import redact

        try:
            endpoint = Endpoint(
                url=settings.llm_url,
                model=settings.llm_model,
                api_key=SecretStr(settings.llm_api_key),
                timeout_seconds=settings.llm_timeout_seconds,
            )
        except ValidationError as error:
            first = error.errors()[0]
            name = f"llm_{first['loc'][0]}"
            raise ConfigError(f"setting {name}: {first['msg']}", hint=f"Correct SHOPR_{name.upper()}") from None
        return ModelHelp.at(endpoint, tokens_a_day=settings.llm_tokens_a_day, clock=self._whole.clock, redact=redact)

    def _suggest(self, user_id: str | None, n: int) -> list[tuple[str, str]]:
        """Recommendations of the shop's own pipeline: history, wishes, rules, time of the day and of the year."""
        shop = self._whole
        user_id = shop.personal(user_id)
        try:
            cards, _ = shop.answer(user_id, Wanted(min(n, MAX_K), explain=False), visit=Visit())
        except NotReadyError:
            return []
        known = user_id is not None and bool(shop.history(user_id, 1))
        return [(card.product_id, "history" if known else "popular") for card in cards]

    def _related(self, product_id: str | None, n: int) -> list[tuple[str, str]]:
        """What is bought along with a product; none where the shop has no orders."""
        if product_id is None:
            return []
        try:
            return [(card.product_id, "cross_sell") for card in self._whole.goes_with([product_id], min(n, MAX_K))]
        except (InputError, NotReadyError):
            return []
