"""The outbox against a real web server: delivered once, tried again, safe from kills, no secret in any log."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from shopr.analytics.alerts import channels
from shopr.analytics.alerts.channels import Notice, send, url_of
from shopr.analytics.alerts.outbox import MOST_ATTEMPTS, Outbox, wait_after
from shopr.analytics.alerts.rulebook import Channel
from shopr.errors import ConfigError, NotReadyError
from shopr.storage import Database
from shopr.storage.tables import alert_notices
from tests.analytics.alerts.receiver import Receiver, receiving
from tests.waiting import PATIENCE

SECRET = "tok-4f9s8secret"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def database(installed) -> Iterator[Database]:
    with Database.open(installed) as made:
        yield made


def channel(receiver: Receiver, **more) -> dict[str, Channel]:
    return {"ops": Channel(url=f"json://127.0.0.1:{receiver.port}/{SECRET}", **more)}


def put(database: Database, clock, count: int = 1, **more) -> None:
    with database.begin() as connection:
        for at in range(count):
            row = {
                "id": f"{at:032x}", "alert_id": f"a{at}", "event": "fired", "channel": "ops", "severity": "critical",
                "title": "[CRITICAL] failing", "body": "7 %", "created_at": clock.now(), "due_at": clock.now(),
                "attempts": 0, **more,
            }  # fmt: skip
            connection.execute(insert(alert_notices).values(**row))


def kept(database: Database) -> list[dict]:
    with database.read() as connection:
        return [dict(r) for r in connection.execute(select(alert_notices)).mappings()]


def test_a_notice_is_delivered_once_with_its_words(database, clock, receiver):
    put(database, clock)
    outbox = Outbox(database, clock=clock)
    assert outbox.deliver(channel(receiver)).sent == 1
    assert outbox.deliver(channel(receiver)).sent == 0
    ((path, headers, body),) = receiver.got
    assert path == f"/{SECRET}"
    assert (body["title"], body["message"], body["type"]) == ("[CRITICAL] failing", "7 %", "failure")
    assert headers["Idempotency-Key"] == f"{0:032x}"
    assert kept(database)[0]["sent_at"] == clock.now()
    assert outbox.waiting() == 0


def test_a_failure_is_tried_again_later_and_the_wait_grows(database, clock, receiver):
    put(database, clock)
    outbox = Outbox(database, clock=clock)
    receiver.answers = [503, 503]
    assert outbox.deliver(channel(receiver)).failed == 1
    assert outbox.deliver(channel(receiver)).failed == 0  # not yet
    clock.advance(13)
    assert outbox.deliver(channel(receiver)).failed == 1
    clock.advance(13)
    assert outbox.deliver(channel(receiver)).sent == 0
    clock.advance(13)
    assert outbox.deliver(channel(receiver)).sent == 1
    assert len(set(receiver.keys)) == 1
    assert [wait_after(n, "x") < wait_after(n + 2, "x") for n in range(1, 8)] == [True] * 7


def test_it_is_given_up_after_a_day(database, clock, receiver):
    put(database, clock)
    outbox = Outbox(database, clock=clock, send=refuse)
    spent = timedelta()
    for attempt in range(1, MOST_ATTEMPTS + 1):
        outbox.deliver(channel(receiver))
        wait = wait_after(attempt, f"{0:032x}")
        spent += wait
        clock.advance(wait.total_seconds() + 1)
    (row,) = kept(database)
    assert row["given_up_at"] is not None
    assert row["problem"].startswith("channel ops did not take it")
    assert timedelta(hours=8) < spent < timedelta(hours=30)
    assert outbox.waiting() == 0


def refuse(name: str, channel: Channel, notice: Notice) -> None:
    raise NotReadyError(f"channel {name} did not take it")


def test_two_processes_never_send_the_same_notice(database, clock, receiver):
    put(database, clock, count=6)
    other: list[int] = []

    def slow(name: str, to: Channel, notice: Notice) -> None:
        if not other:
            other.append(0)
            other[0] = Outbox(database, clock=clock).deliver(channel(receiver)).sent
        send(name, to, notice)

    mine = Outbox(database, clock=clock, send=slow).deliver(channel(receiver)).sent
    assert mine + other[0] == 6
    assert sorted(receiver.keys) == [f"{at:032x}" for at in range(6)]


@pytest.mark.parametrize(("on_doubt", "requests"), [("repeat", 2), ("drop", 1)])
def test_a_sender_killed_while_it_sends_loses_nothing(installed, database, clock, receiver, on_doubt, requests):
    """kill -9 between the request and the note of it: the worst moment there is."""
    put(database, clock, count=2)
    receiver.held.clear()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, installed.database_url, str(receiver.port)], env={**os.environ},
    )  # fmt: skip
    assert receiver.arrived.wait(PATIENCE)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    receiver.held.set()
    outbox = Outbox(database, clock=clock)
    mine = channel(receiver, on_doubt=on_doubt)
    assert outbox.deliver(mine).sent == 1  # the other notice; the claim on the first still holds
    clock.advance(61)
    last = outbox.deliver(mine)
    assert (last.sent, last.given_up) == ((1, 0) if on_doubt == "repeat" else (0, 1))
    first = [key for key in receiver.keys if key == f"{0:032x}"]
    assert len(first) == requests  # repeated, a webhook knows it by its key
    assert outbox.waiting() == 0


CHILD = """
import sys
from shopr.analytics.alerts.outbox import Outbox
from shopr.analytics.alerts.rulebook import Channel
from shopr.clock import ManualClock
from shopr.storage import Database
url, port = sys.argv[1:]
Outbox(Database.open(url=url), clock=ManualClock()).deliver({"ops": Channel(url=f"json://127.0.0.1:{port}/x")})
"""


def test_a_redirect_is_not_followed(receiver):
    with receiving() as inner:
        receiver.answers, receiver.location = [307], f"http://127.0.0.1:{inner.port}/metadata"
        with pytest.raises(NotReadyError):
            send("ops", channel(receiver)["ops"], Notice("t", "b", "info", "k"))
        assert inner.got == []


def test_a_receiver_that_never_answers_does_not_hold_us_up(receiver, monkeypatch):
    monkeypatch.setattr(channels, "READ_SECONDS", 0.2)
    receiver.held.clear()
    with pytest.raises(NotReadyError):
        send("ops", channel(receiver)["ops"], Notice("t", "b", "info", "k"))


@pytest.mark.parametrize(
    "url",
    [
        f"json://127.0.0.1:1/{SECRET}", f"slack://{SECRET}", f"nothing://{SECRET}", f"mailto://u:{SECRET}@127.0.0.1:1",
        f"json://[{SECRET}", SECRET,
    ],
)  # fmt: skip
def test_no_secret_is_logged_or_told(url, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    for name in ("apprise", "urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    with pytest.raises((ConfigError, NotReadyError)) as refused:
        send("ops", Channel(url=url), Notice("t", "b", "critical", "k"))
    told = [str(refused.value), repr(refused.value), repr(Channel(url=url)), caplog.text, *capfd.readouterr()]
    assert not any(SECRET in text for text in told)
    assert refused.value.__cause__ is None


def test_an_unknown_kind_of_channel_suggests_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'slack'"):
        send("ops", Channel(url="slak://a/b/c"), Notice("t", "b", "info", "k"))


def test_urls_come_from_the_environment_or_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("OPS_HOOK", "json://localhost/x")
    assert url_of("ops", Channel(url_env="OPS_HOOK")) == "json://localhost/x"
    (tmp_path / "hook").write_text("json://localhost/y\n")
    assert url_of("ops", Channel(url_file=tmp_path / "hook")) == "json://localhost/y"
    with pytest.raises(ConfigError, match="NO_HOOK is not set"):
        url_of("ops", Channel(url_env="NO_HOOK"))
    with pytest.raises(ConfigError, match="cannot be read"):
        url_of("ops", Channel(url_file=tmp_path / "none"))
    with pytest.raises(ConfigError, match="holds no URL"):
        url_of("ops", Channel(url="json://x\nHost: y"))


def test_a_channel_that_is_gone_ends_its_notices(database, clock):
    put(database, clock)
    assert Outbox(database, clock=clock).deliver({}).given_up == 1
    assert "not configured" in kept(database)[0]["problem"]


def test_a_claim_that_ran_out_is_taken_over_once(database, clock, receiver):
    put(database, clock)
    with database.begin() as connection:
        values = {"claim": "dead", "claimed_until": clock.now() + timedelta(seconds=60), "attempts": 1}
        connection.execute(update(alert_notices).values(**values))
    outbox = Outbox(database, clock=clock)
    assert outbox.deliver(channel(receiver)).sent == 0
    clock.advance(61)
    assert outbox.deliver(channel(receiver)).sent == 1
    assert outbox.table("a0")[0]["attempts"] == 2


def test_a_resolution_is_never_told_before_its_alert(database, clock, receiver):
    for at, event in ((1, "fired"), (0, "resolved")):  # the id of the resolution sorts first
        put(database, clock, id=f"{at:032x}", event=event, title=event)
    Outbox(database, clock=clock).deliver(channel(receiver))
    assert [body["title"] for _, _, body in receiver.got] == ["fired", "resolved"]
