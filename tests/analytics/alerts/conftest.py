"""Rules, events and a watch for the tests of alerts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shopr.analytics.alerts.channels import Notice
from shopr.analytics.alerts.rulebook import Channel
from shopr.analytics.alerts.rules import Rule
from shopr.analytics.alerts.watch import AlertWatch
from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.rows import Row, row_of
from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.data.events import Event, EventType

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = """
kind: alerts
app: https://shop.example/app
rules:
{off}
  failing:
    description: Calls fail
    severity: critical
    page: experience
    metric: {{share: {{type: api_called, status_from: 500}}, of: {{type: api_called}}}}
    condition: {{kind: threshold, window: 5m, above: 0.2, clear: 0.1, least: 5}}
    for: 2m
    clear_for: 3m
    escalate_after: 20m
channels:
  ops: {{url: "json://127.0.0.1:9/secret-token"}}
  boss: {{url: "json://127.0.0.1:9/other-token", escalation: true}}
{more}
"""


def rule(**given: Any) -> Rule:
    """A rule of the share of failed calls, with some parts changed."""
    made: dict[str, Any] = {
        "name": "failing", "description": "Calls fail", "severity": "critical",
        "metric": {"share": {"type": "api_called", "status_from": 500}, "of": {"type": "api_called"}},
        "condition": {"kind": "threshold", "window": "5m", "above": 0.2, "clear": 0.1, "least": 5},
        "for": "2m", "clear_for": "3m",
    }  # fmt: skip
    return Rule.model_validate({**made, **given})


@pytest.fixture
def make_rule() -> Callable[..., Rule]:
    """Makes rules."""
    return rule


def only(more: str = "") -> str:
    """A rules file with the rule `failing` alone."""
    from shopr.analytics.alerts.rulebook import shipped

    off = "\n".join(f"  {name}: {{enabled: false}}" for name in shipped().rules)
    return RULES.format(off=off, more=more)


class Shop:
    """An installation with a clock, events and a watch; what is sent is kept."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.clock = settings, ManualClock(NOON)
        self.sent: list[tuple[str, Notice]] = []
        self.path = settings.home / "alerts.yaml"
        self.path.write_text(only(), encoding="utf-8")
        self.store = EventStore.open(settings, clock=self.clock)
        self.number = 0
        self.watch = self.another()

    def another(self) -> AlertWatch:
        """A watch as another process would have."""
        return AlertWatch(self.settings, clock=self.clock, sender=self.keep)

    def keep(self, name: str, channel: Channel, notice: Notice) -> None:
        """The sender."""
        self.sent.append((name, notice))

    def restart(self) -> None:
        """The process goes and another one comes."""
        self.watch.close()
        self.watch = self.another()

    def calls(self, good: int, bad: int, ago: float = 30.0) -> None:
        """Calls that were made `ago` seconds before now."""
        rows: list[Row] = []
        for at in range(good + bad):
            self.number += 1
            status = 200 if at < good else 503
            when = self.clock.now() - timedelta(seconds=ago)
            event = Event(
                event_id=f"e{self.number}", type=EventType.API_CALLED, time=when,
                properties={"name": "/x", "value": 9.0, "status": status},
            )  # fmt: skip
            rows.append(row_of(event))
        self.store.append(rows)

    def minutes(self, count: int, good: int = 0, bad: int = 0, every: int = 1) -> None:
        """Let minutes pass, each with calls, and look after so many of them (0: never) and after the last."""
        for minute in range(1, count + 1):
            self.clock.advance(60)
            if good + bad:
                self.calls(good, bad)
            if every and (minute % every == 0 or minute == count):
                self.watch.look()

    @property
    def said(self) -> list[str]:
        """Titles that were sent, with their channels."""
        return [f"{name}: {notice.title}" for name, notice in self.sent]


@pytest.fixture
def installed(settings: Settings, ready_database: Path) -> Settings:
    """Settings of an installation whose databases are ready and empty."""
    settings.home.mkdir(parents=True, exist_ok=True)
    for name in ("state.db", "events.db"):
        shutil.copy(ready_database, settings.home / name)
    return settings


@pytest.fixture
def shop(installed: Settings) -> Iterator[Shop]:
    """An installation at work."""
    made = Shop(installed)
    yield made
    made.watch.close()
