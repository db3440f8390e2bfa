"""Who answers whom while a version is on trial: the champion, a canary for its share, a shadow for nobody's eyes.

A canary that fails falls back to the champion. A shadow answers in a thread of its own after the champion, and is left
out where answers come faster than it. What both did is added up here and flushed into storage every few answers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING

from shopr.errors import InputError, ShoprError
from shopr.recommend.lists.cards import Card
from shopr.recommend.lists.pipeline import Wanted
from shopr.shop.answers import Answers, Visit

if TYPE_CHECKING:
    from shopr.shop.root import Shop
    from shopr.tracking.rules import RolloutRules
    from shopr.tracking.slot import TrialModel, TrialSlot
    from shopr.tracking.trials import Tally

__all__ = ["Staged"]

_FLUSH_ANSWERS = 20
_FLUSH_SECONDS = 5.0
_WAITING = 100
"""Answers of a shadow that may wait."""
_TELLING = 20
"""Answers from which on a broken bound is worth an alert."""
_log = logging.getLogger(__name__)

Answered = tuple[list[Card], str]


class Staged:
    """The answers of one shop."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._champion, self._canary, self._shadow = Answers(shop), Answers(shop), Answers(shop)
        self._lock = threading.Lock()
        self._waiting = 0
        self._kept: dict[tuple[str, str], tuple[RolloutRules, Tally]] = {}
        self._flushed = shop.clock.monotonic()
        self._alarmed: set[tuple[str, str]] = set()

    def answer(self, user_id: str | None, wanted: Wanted, visit: Visit | None) -> Answered:
        """As `Shop.answer`."""
        trial = self._trials.current() if self._shop.champion is not None else None
        if trial is not None and trial.takes(user_id):
            done = self._timed(trial, lambda: self._canary.answer(user_id, wanted, visit, served=trial.served), None)
            if done is not None:
                return done
        found = self._champion.answer(user_id, wanted, visit)
        if trial is not None and trial.trial.stage == "shadow":
            self._follow(trial, user_id, wanted, visit, found)
        return found

    def settle(self) -> None:
        """Wait for the shadow's answers, and put into storage what was added up."""
        self._thread.submit(lambda: None).result()
        self._flush(always=True)

    @cached_property
    def _trials(self) -> TrialSlot:
        from shopr.tracking.slot import TrialSlot

        return TrialSlot(self._shop.settings, clock=self._shop.clock)

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="shopr-shadow")

    def _follow(
        self, trial: TrialModel, user_id: str | None, wanted: Wanted, visit: Visit | None, shown: Answered
    ) -> None:
        with self._lock:
            if self._waiting >= _WAITING:
                return
            self._waiting += 1

        def work() -> None:
            try:
                served = trial.served
                self._timed(trial, lambda: self._shadow.answer(user_id, wanted, visit, served=served), shown)
            finally:
                with self._lock:
                    self._waiting -= 1

        self._thread.submit(work)

    def _timed(self, trial: TrialModel, call: Callable[[], Answered], shown: Answered | None) -> Answered | None:
        """The answer of a version on trial, counted; None if it failed."""
        from shopr.tracking.trials import Tally

        began, now = self._shop.clock.monotonic(), self._shop.clock.now()
        done: Answered | None = None
        try:
            done = call()
        except InputError:  # the caller's mistake, not the model's: the champion says so, too
            return None
        except Exception as error:
            _log.warning("version %s failed as %s: %s", trial.trial.version, trial.trial.stage, error)
        spent = 1000 * (self._shop.clock.monotonic() - began)
        slow = int(done is not None and spent > trial.trial.rules.slow_ms)
        compared = int(done is not None and shown is not None and bool(shown[0]))
        shared = _shared(done, shown) if done is not None and shown is not None and compared else 0.0
        more = Tally(1, int(done is None), slow, spent, shared, compared, first_at=now, last_at=now)
        with self._lock:
            key = trial.trial.version, trial.trial.stage
            self._kept[key] = (trial.trial.rules, self._kept.get(key, (trial.trial.rules, Tally()))[1] + more)
        self._flush()
        return done

    def _flush(self, *, always: bool = False) -> None:
        from shopr.tracking.trials import TrialStore

        now = self._shop.clock.monotonic()
        with self._lock:
            due = always or now - self._flushed >= _FLUSH_SECONDS
            if not self._kept or not (due or sum(t.answers for _, t in self._kept.values()) >= _FLUSH_ANSWERS):
                return
            taken, self._kept, self._flushed = self._kept, {}, now
        try:
            store = TrialStore(self._shop.database, clock=self._shop.clock)
            for (version, stage), (rules, tally) in taken.items():
                store.add(version, stage, tally)
                self._alarm(version, stage, rules, store.read(version, stage))
        except ShoprError as error:
            _log.warning("what a version on trial did is not on record: %s", error.one_line())

    def _alarm(self, version: str, stage: str, rules: RolloutRules, tally: Tally) -> None:
        """Raise an alert, once a process, where a version on trial breaks its bounds; the watcher ends its trial."""
        from shopr.analytics.alerts.raised import Alerts

        broken = tally.breaches(rules) if tally.answers >= _TELLING else []
        if broken and (version, stage) not in self._alarmed:
            self._alarmed.add((version, stage))
            message = f"version {version} as {stage}: {'; '.join(broken)}"
            Alerts(self._shop.database, clock=self._shop.clock).raise_alert(
                "trial", message, version=version, source="shop"
            )


def _shared(one: Answered, other: Answered) -> float:
    """Share of the products of `other` that `one` has, too."""
    ids = {card.product_id for card in one[0]}
    return sum(card.product_id in ids for card in other[0]) / len(other[0])
