"""The shop's guard: what `Shop` knows of security, wired on first use."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from shopr.security.guard import Guard, Request, Verdict
    from shopr.shop.root import Shop
    from shopr.shop.security import Security

__all__ = ["Guarded"]


class Guarded:
    """The part of a shop that is about security."""

    @cached_property
    def security(self) -> Security:
        """Keys, sessions, limits, locks, access lists, the guard and the audit log."""
        from shopr.shop.security import Security

        shop = cast("Shop", self)
        return Security(shop.settings, shop.name, shop.clock, lambda: shop.database, tell=shop._observe_threat)

    @property
    def guard(self) -> Guard:
        """The one door for texts."""
        return self.security.guard

    def inspect(self, request: Request | str) -> Verdict:
        """The guard's verdict on a request, kept as an event where it is not "allow"."""
        return self.guard.inspect(request)
