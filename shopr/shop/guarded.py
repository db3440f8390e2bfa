"""The shop's guard: what `Shop` knows of security, wired on first use."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, cast

from shopr.data.events import Event, EventType
from shopr.errors import ShoprError

if TYPE_CHECKING:
    from shopr.security.behaviour import Act, Done
    from shopr.security.guard import Guard, Request, Verdict
    from shopr.shop.root import Shop
    from shopr.shop.security import Security

__all__ = ["Guarded", "act_of"]

log = logging.getLogger(__name__)
_RECENT = 300.0
"""Seconds: what came later than so much is no act of now, as when a file or a backlog is sent."""
_ACTS: dict[EventType, tuple[Act, str]] = {
    EventType.PRODUCT_VIEWED: ("item_viewed", "product_id"),
    EventType.PRODUCT_CLICKED: ("item_viewed", "product_id"),
    EventType.SEARCH_PERFORMED: ("searched", "query"),
    EventType.API_CALLED: ("item_viewed", "product_id"),
    EventType.CART_ITEM_ADDED: ("carted", "product_id"),
    EventType.ORDER_COMPLETED: ("carted", "order_id"),
}
"""Type of event -> the act, and the property that says what it was done to."""


class Guarded:
    """The part of a shop that is about security."""

    @cached_property
    def security(self) -> Security:
        """Keys, sessions, limits, locks, access lists, the guard and the audit log."""
        from shopr.shop.security import Security

        shop = cast("Shop", self)
        return Security(
            shop.settings,
            shop.name,
            shop.clock,
            lambda: shop.database,
            tell=shop._observe_threat,
            stores=shop._person_stores,
        )

    @property
    def guard(self) -> Guard:
        """The one door for texts."""
        return self.security.guard

    def inspect(self, request: Request | str) -> Verdict:
        """The guard's verdict on a request, kept as an event where it is not "allow"."""
        return self.guard.inspect(request)

    def watch_acts(self, events: Iterable[Event], address: str | None = None) -> None:
        """Let the guard see what visitors did just now: who reads the whole catalogue, or searches like a machine, is
        kept out for a while. What cannot be watched goes on all the same.

        Args:
            address: where it came from, if that is the visitors' own and not that of a program between.
        """
        from shopr.security.principal import Principal

        now = cast("Shop", self).clock.now()
        done: dict[Principal, list[Done]] = defaultdict(list)
        try:
            for event in events:
                act = act_of(event, now)
                if act is not None:
                    done[Principal.of(user=event.user_id, session=event.session_id, address=address)].append(act)
            self.security.failures.saw_many(done)
        except ShoprError as error:
            log.error("acts were not watched: %s", error.one_line())


def act_of(event: Event, now: datetime) -> Done | None:
    """What the guard watches of an event: of old ones nothing, they were told of later."""
    ago = (now - event.time).total_seconds()
    if event.type not in _ACTS or not -_RECENT < ago < _RECENT:
        return None
    act, name = _ACTS[event.type]
    what = event.properties.get(name)
    return (act, str(what)[:256], ago) if what else None
