"""What happens in the shop, wired: the one way in for events, and the store that every report reads."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from shopr.data.events import Event, EventType
from shopr.errors import NotReadyError, ShoprError, SpecError
from shopr.shop.measured import Measured

if TYPE_CHECKING:
    from shopr.analytics.intake.collector import Collector
    from shopr.analytics.intake.consent import ConsentBook
    from shopr.analytics.intake.loading import Loaded
    from shopr.analytics.store.event_store import EventStore
    from shopr.chat.reply import Reply
    from shopr.data.event_book import EventBook
    from shopr.shop.root import Shop

__all__ = ["Observed"]

log = logging.getLogger(__name__)


class Observed(Measured):
    """The part of a shop that records and remembers events."""

    @property
    def _observing(self) -> Shop:
        return cast("Shop", self)

    @cached_property
    def events(self) -> EventStore:
        """Everything that was recorded, for analysis."""
        from shopr.analytics.store.event_store import EventStore

        return EventStore.open(self._observing.settings, clock=self._observing.clock)

    @cached_property
    def consent(self) -> ConsentBook:
        """What each person allowed. While nobody was asked, only what is necessary; all in development, unless people
        are asked there, too."""
        from shopr.analytics.intake.consent import PURPOSES, ConsentBook

        settings = self._observing.settings
        default = PURPOSES if settings.environment == "development" and not settings.ask_consent else ()
        return ConsentBook(self.events.database, default=default, clock=self._observing.clock)

    @cached_property
    def event_book(self) -> EventBook:
        """What events may say: those of every shop, and those that `events.yaml` in the shop's folder declares.

        Raises:
            SpecError: if the file is wrong, with its line and fix.
        """
        from shopr.data.event_book import FILE, EventBook

        return EventBook.load(self._observing.folder / FILE)

    @cached_property
    def collector(self) -> Collector:
        """Takes events in: consent, redaction, sampling, spool, batches; what waits at the end stays on disk."""
        from shopr.analytics.intake.collector import Collector
        from shopr.analytics.intake.sampling import Sampling
        from shopr.analytics.intake.spool import Spool

        shop = self._observing
        rates = Sampling(performance=shop.settings.sample_performance, behaviour=shop.settings.sample_behaviour)
        made = Collector(
            self.events, Spool(shop.settings.home / "spool"), choice=self._choice, book=self.book,
            told=self._told, sampling=rates,
            clock=shop.clock,
        )  # fmt: skip
        self.metrics.follow(made.counts)
        made.start()
        atexit.register(made.close)
        return made

    @cached_property
    def book(self) -> EventBook:
        """As `event_book`; a wrong file must not keep the shop from recording what it knows."""
        from shopr.data.event_book import EventBook

        try:
            return self.event_book
        except SpecError as error:
            log.error("the shop's own events are not known: %s", error.one_line())
            return EventBook.usual()

    def store_history(self) -> Loaded:
        """Store the history that the shop's data hold, where reports read events; again, it changes nothing.

        Raises:
            NotReadyError: if there is no shop.
            StorageError: if another process loads or compacts, or the disk refuses.
        """
        from shopr.analytics.intake.loading import load_events

        shop = self._observing
        file = shop.folder / "events.parquet"
        if not file.is_file():
            name = shop.settings.shop
            raise NotReadyError(f"there is no shop {name!r}", hint="Run 'shopr data simulate' or 'shopr demo'")
        return load_events(self.events, file, clock=shop.clock, book=self.event_book)

    def record(self, event: Event) -> bool:
        """The only way in for events; whether it is kept. When this returns True it survives the end of the process.

        What a shopper did with a product changes the next recommendations at once, if they allowed personalisation.

        Raises:
            DataError: if a property does not fit.
            InputError: if the event lies in the future.
            StorageError: if it can be written nowhere.
        """
        from shopr.recommend.following.live import LIVE_TYPES

        kept = self.collector.record(event)
        if "device_id" in event.properties:
            self._seen(event)
        if event.type in LIVE_TYPES and event.user_id and self.consent.of(event.user_id).allows("personalisation"):
            self._observing.record_interaction(event)
        self._observing.watch_acts([event])
        return kept

    def _observe_turn(self, conversation_id: str, user_id: str | None, text: str, reply: Reply) -> None:
        """A turn of the assistant as two events; the message itself is not kept, only how it went."""
        said = {"language": reply.language, "length": len(text), "source": "chat"}
        answered = {
            "source": "chat",
            "name": reply.intent,
            "value": reply.cpu_ms,
            "language": reply.language,
            "tone": reply.tone,
            "shown": [product.id for product in reply.products],
            "flags": sorted(reply.flags),
        }
        self.metrics.model("assistant", reply.cpu_ms / 1000)
        self._note(EventType.MESSAGE_SENT, user_id, conversation_id, said)
        self._note(EventType.REPLY_SHOWN, user_id, conversation_id, answered)

    def _observe_threat(self, seen: Mapping[str, Any]) -> None:
        """A verdict of the guard as an event."""
        kept = {name: value for name, value in seen.items() if name not in ("time", "user_id", "session", "lock_key")}
        self._note(EventType.THREAT_DETECTED, seen.get("user_id"), seen.get("session"), kept)

    def _note(self, kind: EventType, user: str | None, session: str | None, properties: Mapping[str, Any]) -> None:
        """Record an event about something that has happened already: it must not fail because nobody can note it."""
        now = self._observing.clock.now()
        event = Event(
            type=kind, time=now, user_id=user or None, session_id=(session or "")[:256] or None,
            properties=dict(properties),
        )  # fmt: skip
        try:
            self.collector.record(event)
        except ShoprError as error:
            log.error("an event was not recorded: %s", error.one_line())
