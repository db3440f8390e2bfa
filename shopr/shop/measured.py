"""Who an event belongs to, what they allowed, and what of it becomes a metric: the shop's side of collecting."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, cast

from shopr.data.events import Event, EventType
from shopr.errors import NotReadyError, ShoprError

if TYPE_CHECKING:
    from shopr.analytics.health.prometheus import Metrics
    from shopr.analytics.health.resources import ProcessMeter
    from shopr.analytics.health.sentry import Forwarder
    from shopr.analytics.intake.consent import Choice
    from shopr.security.sessions import Privilege, Session
    from shopr.shop.root import Shop
    from shopr.storage.subjects import SubjectStore

__all__ = ["GPC", "Measured"]

log = logging.getLogger(__name__)
GPC = "gpc"
"""The notice under which a signal of Global Privacy Control is written down."""


class Measured:
    """The part of a shop that knows whose events these are."""

    @property
    def _measuring(self) -> Shop:
        return cast("Shop", self)

    # -- what a person allowed ----------------------------------------------------------------------------------------

    def under_gpc(self, session_id: str) -> Choice:
        """A browser said `Sec-GPC: 1`: from now on its session allows no marketing, and nothing at all but what was
        allowed in so many words. What it allows now."""
        consent = self._measuring.consent
        choice = consent.of(session_id)
        if not choice.time or choice.allows("marketing"):
            kept = choice.purposes - {"marketing"} if choice.time else ()
            choice = consent.set(session_id, kept, notice=choice.notice or GPC, origin=GPC)
        return choice

    def allow(self, person: str, purposes: Iterable[str], *, notice: str, origin: str, gpc: bool = False) -> Choice:
        """A person says what their data may be used for; written down, and told as an event.

        Raises:
            InputError: if the person or the notice is empty or too long.
            UnknownNameError: if a purpose is not known.
        """
        choice = self._measuring.consent.set(person, purposes, notice=notice, origin=origin, gpc=gpc)
        said = {"purposes": list(choice.words()), "notice": notice, "origin": origin}
        self._measuring._note(EventType.CONSENT_CHANGED, None, person, said)
        return choice

    def choice_of(self, user_id: str | None, session_id: str | None) -> Choice:
        """The choice in force: the user's, else the session's. Where the session does not allow marketing, because its
        browser said so or its visitor did, the user does not there, either."""
        consent = self._measuring.consent
        if not user_id:
            return consent.of(session_id)
        choice = consent.of(user_id)
        if not session_id or (choice.time and not choice.allows("marketing")):
            return choice
        own = consent.of(session_id)
        if not own.time:
            return choice
        return consent.of(user_id, gpc=not own.allows("marketing")) if choice.time else own

    def _choice(self, event: Event) -> Choice:
        return self.choice_of(event.user_id, event.session_id)

    # -- who it is ----------------------------------------------------------------------------------------------------

    def signed_in(self, user_id: str, *, session_id: str, device_id: str = "") -> None:
        """Somebody logged in: what the session, and their device before it, did without a name is theirs from now on,
        if they allow analytics; what they chose in the session is their choice where it is the later one."""
        shop = self._measuring
        own, theirs = shop.consent.of(session_id), shop.consent.of(user_id)
        if own.time > theirs.time and not (own.notice == GPC and theirs.time):
            theirs = shop.consent.set(user_id, own.purposes, notice=own.notice, origin="login")
        if theirs.allows("analytics"):
            shop.events.identities.link(session_id=session_id, device_id=device_id, user_id=user_id)

    def sign_in(
        self, token: str | None, user_id: str, privilege: Privilege = "user", *, address: str = "", agent: str = "",
        conversation: str = "",
    ) -> tuple[str, Session]:  # fmt: skip
        """Start the session of somebody who proved who they are (`shopr.security.sessions`); what the visitor's session
        that ends with it did is theirs, and so is its cart.

        Args:
            conversation: that the visitor had with the assistant; its cart joins as well, unless it is somebody's.

        Raises:
            InputError: if the user id is empty or too long.
        """
        shop = self._measuring
        sessions = shop.security.sessions
        before = sessions.resume(token, address=address, agent=agent).session if token else None
        fresh, session = sessions.login(token, user_id, privilege, address=address, agent=agent)
        if before is not None and not before.user:
            self.signed_in(user_id, session_id=before.id)
            shop.join_carts(user_id, before.id, conversation)
        return fresh, session

    def _seen(self, event: Event) -> None:
        """Link what an event names together; who may not be analysed is not linked."""
        device = event.properties.get("device_id")
        if isinstance(device, str) and (event.session_id or event.user_id) and self._choice(event).allows("analytics"):
            ids = {"session_id": event.session_id or "", "device_id": device, "user_id": event.user_id or ""}
            self._measuring.events.identities.link(**ids)

    def _person_stores(self) -> list[SubjectStore]:
        """Where events, their links and what was allowed are: in a database of their own, and in parts."""
        shop = self._measuring
        return [shop.events, shop.events.identities, shop.consent]

    # -- taking them in -----------------------------------------------------------------------------------------------

    def record_each(self, events: Iterable[Event]) -> list[str]:
        """As `record`, of several, each for itself: "kept", "unwanted", "sampled", or why it was refused.

        Raises:
            StorageError: if they can be written nowhere; then none was kept.
        """
        given = list(events)
        became = self._measuring.collector.record_each(given)
        self._follow([e for e, word in zip(given, became, strict=True) if word in ("kept", "sampled")])
        return became

    def _follow(self, events: list[Event]) -> None:
        """What follows from events that were taken in: live profiles, in one transaction, and who belongs together."""
        from shopr.recommend.following.live import LIVE_TYPES

        shop = self._measuring
        try:
            for event in events:
                if "device_id" in event.properties:
                    self._seen(event)
            lived = [
                e
                for e in events
                if e.type in LIVE_TYPES and e.user_id and shop.consent.of(e.user_id).allows("personalisation")
            ]
            if lived:
                shop.live.record(lived)
                shop.live.tidy()
        except ShoprError as error:  # they are stored already: whoever sent them has done their part
            log.error("events were stored but not followed: %s", error.one_line())

    # -- metrics ------------------------------------------------------------------------------------------------------

    @cached_property
    def metrics(self) -> Metrics:
        """What Prometheus is told."""
        from shopr.analytics.health.prometheus import Metrics

        settings = self._measuring.settings
        return Metrics.shared(str(settings.home), settings.release)

    @cached_property
    def _forwarder(self) -> Forwarder | None:
        """Sends errors on to Sentry, where the settings name one."""
        from shopr.analytics.health.sentry import forwarder

        try:
            return forwarder(self._measuring.settings)
        except NotReadyError as error:
            log.error("errors are stored but not sent on: %s", error.one_line())
            return None

    def _told(self, event: Event) -> None:
        self.metrics.told(event)
        if event.type is EventType.ERROR_RAISED and self._forwarder is not None:
            self._forwarder(event)

    @contextmanager
    def timed(self, model: str) -> Iterator[None]:
        """Measure how long a model takes to answer: as a metric, and, sampled, as an event `api_called`."""
        shop = self._measuring
        began = shop.clock.monotonic()
        status = 500
        try:
            yield
            status = 200
        finally:
            seconds = shop.clock.monotonic() - began
            self.metrics.model(model, seconds)
            if "collector" in shop.__dict__:  # a first answer does not wait for the event store to be opened
                self.called(f"model {model}", status, 1000 * seconds)

    def called(self, route: str, status: int, milliseconds: float, method: str = "") -> None:
        """A call as an event, sampled, without a person."""
        said = {"name": route, "value": milliseconds, "status": status, **({"method": method} if method else {})}
        self._measuring._note(EventType.API_CALLED, None, None, said)

    def watch_process(self, name: str) -> ProcessMeter:
        """Record once a minute what this process takes of the machine.

        Args:
            name: what the process does, such as "app".
        """
        from shopr.analytics.health.resources import ProcessMeter

        shop = self._measuring
        release = {"release": shop.settings.release}
        meter = ProcessMeter(
            name, lambda said: shop._note(EventType.PROCESS_MEASURED, None, None, said | release), clock=shop.clock
        )
        meter.start()
        return meter
