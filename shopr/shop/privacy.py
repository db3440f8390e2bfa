"""What a person may ask of the shop: what was allowed and when, what is kept, a copy of it, to be forgotten.

Nobody is asked in development, where all is allowed until somebody says otherwise; elsewhere a visitor is asked once
for each wording of the notice, and until then nothing optional is kept (`settings.ask_consent`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from shopr.errors import NotReadyError
from shopr.money import format_minor

if TYPE_CHECKING:
    from shopr.analytics.intake.consent import Choice
    from shopr.shop.root import Shop

__all__ = ["NOTICE", "OPTIONAL", "Private"]

NOTICE = "2026-11"
"""Version of the wording below: another wording is another version, and everybody is asked again."""
OPTIONAL: Mapping[str, tuple[str, str]] = {
    "analytics": ("Analytics", "Which pages are looked at and what fails, so that the shop gets better."),
    "personalisation": ("Personalisation", "What you look at and buy, so that recommendations and answers fit you."),
    "marketing": ("Marketing and sale", "Advertising, and sharing or selling data to others for it."),
}
"""Purpose -> its name and what it means, as the notice words it. Selling and being safe need nobody's leave."""
_STORES: Mapping[str, str] = {
    "accounts": "Your account", "web_sessions": "Sessions signed in", "consent_log": "Choices of consent",
    "events": "What you did in the shop", "identities": "Visits that are yours", "chat_conversations": "Conversations",
    "chat_turns": "Messages of conversations", "chat_memories": "Remembered across visits",
    "profile_corrections": "What you told us about yourself", "live_interactions": "Products looked at lately",
    "cart_lines": "Products in the cart", "orders": "Orders", "order_lines": "Products of orders",
    "order_payments": "Payments", "order_events": "Steps of orders", "customers": "Name and address",
    "payment_methods": "Ways to pay", "experiment_exposures": "Variants of the shop you saw",
    "guard_events": "What our guard noticed", "api_keys": "Keys of programs",
}  # fmt: skip
_MOST_BYTES = 200 * 2**20


class Private:
    """The part of a shop that answers a person about their data."""

    @property
    def _private(self) -> Shop:
        return cast("Shop", self)

    # -- consent ------------------------------------------------------------------------------------------------------

    def must_ask(self, user_id: str, session_id: str) -> bool:
        """Whether a visitor has to be asked: nobody was shown the present wording in this session or as this user."""
        shop = self._private
        return shop.settings.ask_consent and shop.choice_of(user_id, session_id).notice != NOTICE

    def choose(
        self, user_id: str, session_id: str, purposes: Iterable[str], *, origin: str, gpc: bool = False
    ) -> Choice:
        """Who is signed in, else the visitor of a session, says what is allowed from now on. Where personalisation is
        not, what was remembered and learnt for it goes.

        Raises:
            UnknownNameError: if a purpose is not known.
        """
        shop = self._private
        choice = shop.allow(user_id or session_id, purposes, notice=NOTICE, origin=origin, gpc=gpc)
        if user_id and not choice.allows("personalisation"):
            shop.memory.forget(user_id)
            shop.live.forget_shopper(user_id)
        return choice

    def personal(self, user_id: str | None) -> str | None:
        """The person for whom something may be chosen; None for a visitor, and for who does not want that."""
        allowed = user_id and self._private.consent.of(user_id).allows("personalisation")
        return user_id if allowed else None

    # -- what is kept -------------------------------------------------------------------------------------------------

    def kept_of(self, user_id: str) -> list[tuple[str, int]]:
        """What is kept of a person, in words, and how many rows of it; nothing of what there is none of."""
        self._private.collector.flush()
        found = [(store.name, len(store.export(user_id))) for store in self._private.security.subjects]
        return [(_STORES.get(name, name.replace("_", " ").capitalize()), rows) for name, rows in found if rows]

    def remembered(self, user_id: str) -> list[str]:
        """What the assistant remembers across visits, newest first, in words."""
        currency = self._private.settings.currency
        return [words for fact in self._private.memory.facts(user_id) if (words := _in_words(fact, currency))]

    def copy_of(self, user_id: str) -> bytes:
        """Everything that is kept of a person, as JSON; that they asked is on record.

        Raises:
            NotReadyError: if it is too much for one answer.
        """
        shop = self._private
        shop.collector.flush()  # what was taken in a moment ago is theirs, too
        found = {name: rows for name, rows in shop.security.subjects.export(user_id).items() if rows}
        return self._copy(user_id, found)

    def forget_person(self, user_id: str, *, actor: str = "the person") -> dict[str, int]:
        """Erase everything that is kept of a person, account and sessions with it; store -> rows.

        Orders in the shop's own data stay, as records of sale, and are never used for a profile again.

        Raises:
            StorageError: naming the stores that failed; what is erased stays so.
        """
        shop = self._private
        shop.security.audit.record("person_erased", actor=actor, subject=user_id)
        shop.collector.flush()  # what waits on disk to be stored would come back after it
        gone = shop.security.subjects.erase(user_id)
        if shop.exists and shop.profiles.card(user_id).known:
            shop.profiles.delete(user_id)
        for database in (shop.database, shop.events.database):
            database.empty_log()
        return gone

    # -- a visit without a name ---------------------------------------------------------------------------------------

    def kept_of_visit(self, session_id: str) -> list[tuple[str, int]]:
        """As `kept_of`, of a visitor's session."""
        return [(_STORES[name], len(rows)) for name, rows in self._visit(session_id).items()]

    def copy_of_visit(self, session_id: str) -> bytes:
        """As `copy_of`, of a visitor's session."""
        return self._copy(session_id, self._visit(session_id))

    def forget_visit(self, session_id: str) -> int:
        """Erase what is kept of a visitor's session, and end it; how many rows.

        Raises:
            StorageError: if storage refuses.
        """
        from shopr.commerce.sql import visitor

        shop = self._private
        shop.security.audit.record("visit_erased", actor="the person", subject=session_id)
        shop.collector.flush()
        gone = shop.events.erase_visit(session_id) + shop.events.identities.erase_visit(session_id)
        gone += shop.consent.erase(session_id)
        gone += shop.commerce.carts.clear(visitor(session_id)) if shop.exists else 0
        shop.security.sessions.revoke(session_id, why="its visitor asked to be forgotten")
        return gone

    def _visit(self, session_id: str) -> dict[str, list[Any]]:
        """Store -> rows of a visitor's session; nothing of what there is none of."""
        from shopr.commerce.sql import visitor

        shop = self._private
        shop.collector.flush()
        cart = shop.commerce.carts.of(visitor(session_id)).lines if shop.exists else ()
        lines = [{"product_id": line.product_id, "title": line.title, "quantity": line.quantity} for line in cart]
        found = {"consent_log": shop.consent.history(session_id), "events": shop.events.export_visit(session_id)}
        return {name: rows for name, rows in {**found, "cart_lines": lines}.items() if rows}

    def _copy(self, person: str, found: Mapping[str, list[Any]]) -> bytes:
        shop = self._private
        whole = {"person": person, "shop": shop.name, "made_at": shop.clock.now(), "data": found}
        text = json.dumps(whole, default=_plain, ensure_ascii=False, indent=1).encode("utf-8", "replace")
        if len(text) > _MOST_BYTES:
            raise NotReadyError(f"the copy has {len(text):,} bytes, over {_MOST_BYTES:,}", hint="Ask the shop for it")
        return text


def _in_words(fact: Mapping[str, Any], currency: str) -> str:
    """A need that is remembered, as its shopper would say it."""
    what = [*fact.get("called", ()), *fact.get("names", ()), *fact.get("words", ())] or list(fact.get("concepts", ()))
    parts = [*fact.get("colours", ()), *fact.get("materials", ()), *what]
    words = " ".join(dict.fromkeys(str(part) for part in parts))
    words += f" by {', '.join(map(str, fact['brands']))}" if fact.get("brands") else ""
    words += f", from {format_minor(fact['price_min'], currency)}" if fact.get("price_min") else ""
    words += f", up to {format_minor(fact['price_max'], currency)}" if fact.get("price_max") else ""
    return words.strip(" ,")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.tolist() if hasattr(value, "tolist") else str(value)
