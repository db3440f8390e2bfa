"""The sections about the guard, keys and audit log, against what was done by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.security.audit import AuditLog, anchor_file
from shopr.security.crypto import Cipher
from shopr.security.crypto_keyfile import FileKeyring, keyring_file
from shopr.security.principal import Principal
from shopr.security.watch import Watch
from shopr.storage import Database
from shopr.workbench.maintenance import SECTIONS, Level, Part, Period, reports

DAY = date(2026, 3, 4)
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def house(settings: Settings) -> Settings:
    Database.open(settings).close()
    return settings


def part(house: Settings, section: str, clock: ManualClock, cadence: str = "weekly") -> Part:
    context = reports.Context(house, "demo", Period.containing(cadence, DAY, "UTC"), clock)
    return reports._part(context, SECTIONS[section])


def test_a_quiet_week_says_so(house: Settings, clock: ManualClock) -> None:
    assert part(house, "guard", clock).level is Level.EMPTY
    assert part(house, "keys", clock).finding == "no key yet"
    assert part(house, "audit", clock).finding == "the audit log is empty"


def test_verdicts_of_the_week_stand_beside_those_before(house: Settings, clock: ManualClock) -> None:
    with Database.open(house) as database:
        watch = Watch(database, "demo", clock=clock)
        clock.set_wall(datetime(2026, 2, 25, tzinfo=UTC))
        watch.record("verdict", Principal(session="a"), classes=("sqli",))
        clock.set_wall(datetime(2026, 3, 3, tzinfo=UTC))
        for _ in range(2):
            watch.record("verdict", Principal(session="a"), classes=("sqli",))
        watch.record("verdict", Principal(session="a"), decision="flag", classes=("xss",))
        watch.record("lock", Principal(session="a"), lock_key="lock:session:x", seconds=300)
        clock.set_wall(NOW)
        found = part(house, "guard", clock)
        assert (found.level, found.finding) == (Level.OK, "2 blocked, 1 flagged, 0 kept out now")
        assert found.table is not None
        rows = {row["measure"]: (row["period"], row["before"]) for row in found.table.to_dict("records")}
        assert rows["messages blocked"] == (2.0, 1.0)
        assert rows["lockouts"] == (1.0, 0.0)
        assert [plot.kind for plot in found.plots] == ["lines", "bars"]
        watch.record("block", Principal(network="203.0.113.7"), classes=("scraping",), seconds=600)
        later = part(house, "guard", clock)
        assert later.level is Level.ATTENTION
        assert later.finding.endswith("1 kept out now")


def test_many_more_than_before_need_a_look(house: Settings, clock: ManualClock) -> None:
    with Database.open(house) as database:
        watch = Watch(database, "demo", clock=clock)
        for _ in range(31):
            watch.record("verdict", Principal(session="a"))
    assert part(house, "guard", clock, "daily").level is Level.ATTENTION


def test_keys_that_wait_for_a_rotation_need_a_look(house: Settings, clock: ManualClock) -> None:
    with Database.open(house) as database:
        ring = FileKeyring(keyring_file(house), clock=clock)
        keys = Cipher.open(house, database, masters=ring, clock=clock).keys
        keys.current("ann")
        assert part(house, "keys", clock).level is Level.OK
        ring.rotate()
        assert "1 data keys are wrapped by earlier keys" in part(house, "keys", clock).finding
        keys.rewrap()
        assert part(house, "keys", clock).level is Level.OK
        clock.advance(401 * 86_400)
        assert "401 days old" in part(house, "keys", clock).finding
        keyring_file(house).unlink()
        FileKeyring(keyring_file(house), clock=clock)
        assert "no master key for 1 ids" in part(house, "keys", clock).finding
        keyring_file(house).chmod(0o644)
        assert "may be read by others" in part(house, "keys", clock).finding


def test_a_broken_chain_needs_a_look(house: Settings, clock: ManualClock) -> None:
    with Database.open(house) as database:
        log = AuditLog(database, anchor_file(house), clock=clock)
        for _ in range(3):
            log.record("rule_added", actor="maria")
        found = part(house, "audit", clock)
        assert found.finding == "3 entries are as they were written, 3 of them of this period"
        with database.begin() as connection:
            connection.exec_driver_sql("DELETE FROM audit_log WHERE seq = 2")
        broken = part(house, "audit", clock)
        assert (broken.level, broken.finding) == (
            Level.ATTENTION,
            "the chain is broken: entry 2 missing before entry 3",
        )
