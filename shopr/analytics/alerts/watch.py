"""The watch in a running installation: one process at a time evaluates rules, tells people, and delivers.

Every long-lived process has one and whoever holds the lease works. A look takes as long as there is something new to
evaluate; what was evaluated is on record, so that a look that is cut off anywhere is simply followed by the next one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from shopr.analytics.alerts.book import AlertBook
from shopr.analytics.alerts.channels import Sender, send
from shopr.analytics.alerts.evaluating import evaluate, last_step
from shopr.analytics.alerts.outbox import Delivered, Outbox
from shopr.analytics.alerts.rulebook import FILE_NAME, RuleBook, load
from shopr.analytics.alerts.rules import Rule
from shopr.analytics.alerts.series import beginning, measure
from shopr.analytics.alerts.telling import tell
from shopr.analytics.store.event_store import EventStore
from shopr.clock import Clock, SystemClock
from shopr.config import Settings
from shopr.errors import ShoprError
from shopr.storage.database import Database
from shopr.storage.lease import Lease, LeaseLostError

__all__ = ["LEASE", "AlertWatch", "Looked", "rules_file", "shop_categories"]

LEASE = "alert rules"
SETTLING_SECONDS = 60
"""A step is judged so long after its end: events that are under way until then still count in it."""
_log = logging.getLogger(__name__)


def rules_file(settings: Settings) -> Path:
    """Where an installation's own rules are."""
    return settings.home / FILE_NAME


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look came to.

    Attributes:
        led: whether this process held the lease.
        rules: that were evaluated.
        fired, resolved: alerts.
        notices: put into the outbox.
        delivered: from it.
    """

    led: bool
    rules: int = 0
    fired: int = 0
    resolved: int = 0
    notices: int = 0
    delivered: Delivered = field(default_factory=Delivered)


class AlertWatch:
    """Evaluates the rules of one installation.

    Args:
        settings: whose events, rules and channels.
        categories: gives the categories of product ids; the catalogue of the shop in use by default.
        sender: sends a notice.
    """

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, sender: Sender = send,
        categories: Callable[[], Mapping[str, str]] | None = None, store: EventStore | None = None,
    ) -> None:  # fmt: skip
        self._settings, self._clock = settings, clock or SystemClock()
        self._database = Database.open(settings)
        self._lease = Lease(self._database, LEASE)
        self.book = AlertBook(self._database, clock=self._clock)
        self.outbox = Outbox(self._database, clock=self._clock, send=sender)
        self._given, self._given_store = categories, store
        self._rules: tuple[Any, RuleBook] | None = None
        self._begins: int | None = None

    @cached_property
    def store(self) -> EventStore:
        """The events."""
        return self._given_store or EventStore.open(self._settings, clock=self._clock)

    @property
    def rules(self) -> RuleBook:
        """The rules in force; a file that is not sound leaves those before it in force.

        Raises:
            SpecError: if it is not sound and there were none before.
        """
        path = rules_file(self._settings)
        stamp = (path.stat().st_mtime_ns, path.stat().st_size) if path.exists() else None
        if self._rules is None or self._rules[0] != stamp:
            try:
                self._rules = (stamp, load(path))
            except ShoprError as error:
                if self._rules is None:
                    raise
                _log.warning("alert rules stay as they were: %s", error.one_line())
                self._rules = (stamp, self._rules[1])
        return self._rules[1]

    def look(self, ending: Callable[[], bool] = bool) -> Looked:
        """Evaluate what is new, tell, deliver; nothing unless this process leads.

        Args:
            ending: asked before each rule: whether the process ends, and the rest is left to the next look.

        Raises:
            SpecError: if the rules file is not sound.
            StorageError: if the database refuses.
        """
        if not self._lease.hold():
            return Looked(False)
        try:
            return self._work(ending)
        except LeaseLostError:
            return Looked(False)

    def close(self) -> None:
        """Let another process lead."""
        if self._lease.held:
            self._lease.release()
        self._database.close()

    def _work(self, ending: Callable[[], bool]) -> Looked:
        book, now = self.rules, self._clock.now().timestamp() - SETTLING_SECONDS
        if self._begins is None and self._may_have_events():
            self._begins = beginning(self.store)
        count = fired = resolved = 0
        standings = self.book.standings()
        for rule in book.enabled if self._begins is not None else ():
            if ending():
                return Looked(True, count, fired, resolved)
            try:
                step = evaluate(rule, standings.get(rule.name), last_step(rule, now), self._measure)
                if step is None or not self.book.keep(step, self._lease):
                    continue
            except LeaseLostError:
                raise
            except ShoprError as error:  # the others go on
                _log.warning("alert rule %s: %s", rule.name, error.one_line())
                self.book.fail(rule.name, error.one_line())
                continue
            count += 1
            fired += sum(one.transition.kind == "fired" for one in step.happened)
            resolved += sum(one.transition.kind == "resolved" for one in step.happened)
        self.book.end_others(rule.name for rule in book.enabled)
        notices = tell(self._database, book, self._clock, self._lease)
        return Looked(True, count, fired, resolved, notices, self.outbox.deliver(book.channels))

    def _may_have_events(self) -> bool:
        """Whether there is a store: to look for events must not make one."""
        url, home = self._settings.database_url, self._settings.home
        if self._given_store is not None or "store" in self.__dict__ or not url.startswith("sqlite"):
            return True
        return (home / "events").is_dir() or Path(url.removeprefix("sqlite:///")).with_name("events.db").exists()

    def _measure(self, rule: Rule, start: int, end: int) -> Any:
        known = self._categories if rule.metric.mix == "category" else None
        return measure(self.store, rule, start, end, categories=known, begins=self._begins)

    @cached_property
    def _categories(self) -> Mapping[str, str]:
        if self._given is not None:
            return self._given()
        return shop_categories(self._settings)


def shop_categories(settings: Settings) -> dict[str, str]:
    """The top category of each product of the shop in use; nothing without a shop."""
    from shopr.data.dataset import Dataset

    folder = settings.shop_folder()
    if not folder.is_dir():
        return {}
    try:
        frame = Dataset.load_catalog(folder).frame
    except ShoprError as error:
        _log.warning("categories are not known: %s", error.one_line())
        return {}
    names = frame["category"].fillna("").astype(str).str.partition(" > ")[0]
    return dict(zip(frame["product_id"].astype(str), names, strict=True))
