"""Keys for senders, errors called resolved, and merges undone, from the command line."""

from __future__ import annotations

import json

import pytest

from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.rows import row_of
from shopr.clock import SystemClock
from shopr.config import Settings
from shopr.data.events import Event
from shopr.shop import Shop
from tests.calling import typed

run = typed("events")


def test_keys_are_bound(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    made = json.loads(run(capsys, "key", "web", "--origin", "https://shop.example", "--json")[1])
    keys = Shop.open(settings).security.api_keys
    assert keys.authenticate(made["key"], origin="https://shop.example") is not None
    assert keys.authenticate(made["key"], origin="https://evil.example") is None
    secret = run(capsys, "key", "till")[1].splitlines()[0]
    found = keys.authenticate(secret)
    assert found is not None
    assert found.scopes == ("events",)
    reader = keys.authenticate(json.loads(run(capsys, "key", "prometheus", "--metrics", "--json")[1])["key"])
    assert reader is not None
    assert reader.scopes == ("metrics",)
    assert run(capsys, "key", "x", "--metrics", "--origin", "https://a.example")[0] == 2
    assert "origin" in run(capsys, "key", "x", "--origin", "everywhere")[2]


def test_errors_are_resolved_and_merges_undone(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    store = EventStore.open(settings)
    said = {"name": "E", "fingerprint": "f1", "release": "1.0"}
    store.append([row_of(Event(type="error_raised", time=SystemClock().now(), properties=said))])
    assert json.loads(run(capsys, "errors", "--json")[1])[0]["state"] == "open"
    assert run(capsys, "resolve", "f1")[0] == 2
    assert "Resolved in 1.1" in run(capsys, "resolve", "f1", "--release", "1.1")[1]
    assert json.loads(run(capsys, "errors", "--json")[1])[0]["state"] == "resolved"
    assert "open again" in run(capsys, "resolve", "f1", "--reopen")[1]
    assert "no error has the fingerprint" in run(capsys, "resolve", "f2", "--release", "1")[2]
    store.identities.link(session_id="s1", user_id="ann")
    assert "1 links forgotten" in run(capsys, "unlink", "ann")[1]
