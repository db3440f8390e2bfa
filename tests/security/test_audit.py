"""The audit log shows every change that somebody made behind its back."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from shopr.cli.main import main
from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.errors import InputError, StorageError
from shopr.security.audit import AuditEntry, AuditLog, anchor_file
from shopr.storage import Database


@pytest.fixture
def log(database: Database, ready: Settings, clock: ManualClock) -> AuditLog:
    """A log of ten entries."""
    made = AuditLog(database, anchor_file(ready), clock=clock)
    for number in range(1, 11):
        clock.advance(60)
        made.record("rule_added", actor="maria", object_=f"rule {number}", reason="abuse", details={"seconds": number})
    return made


def change(database: Database, statement: str) -> None:
    with database.begin() as connection:
        connection.execute(text(statement))


def rewritten(database: Database) -> None:
    """The whole chain computed anew, as somebody would who knows how it is made."""
    with database.begin() as connection:
        rows = [dict(row) for row in connection.execute(text("SELECT * FROM audit_log ORDER BY seq")).mappings()]
    log = AuditLog(database, Path("/nowhere"))
    previous = "0" * 64
    for entry in list(log._walk()):
        values = {name: getattr(entry, name) for name in AuditEntry.__slots__} | {"previous": previous}
        previous = AuditEntry(**values).sealed()
        change(
            database,
            f"UPDATE audit_log SET previous = '{values['previous']}', hash = '{previous}' WHERE seq = {entry.seq}",
        )
    assert rows


def test_a_log_that_nobody_touched_is_sound(log: AuditLog, ready: Settings) -> None:
    found = log.verify()
    assert (found.sound, found.entries, found.anchored) == (True, 10, 10)
    assert anchor_file(ready).stat().st_mode & 0o777 == 0o600
    newest = log.entries(1)[0]
    assert (newest.seq, newest.actor, newest.action, newest.object, newest.reason) == (
        10, "maria", "rule_added", "rule 10", "abuse")  # fmt: skip


@pytest.mark.parametrize("column", ["actor", "action", "object", "reason", "details", "time", "hash", "previous"])
def test_an_edit_of_any_column_is_found(log: AuditLog, database: Database, column: str) -> None:
    value = "2020-01-01 00:00:00.000000" if column == "time" else "x"
    change(database, f"UPDATE audit_log SET {column} = '{value}' WHERE seq = 4")
    assert any("entry 4" in problem for problem in log.verify().problems)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM audit_log WHERE seq = 5", "entry 5 missing before entry 6"),
        ("DELETE FROM audit_log WHERE seq BETWEEN 3 AND 6", "entries 3 to 6 missing before entry 7"),
        ("DELETE FROM audit_log WHERE seq = 1", "entry 1 missing"),
        ("DELETE FROM audit_log WHERE seq > 7", "the end is cut off: the anchor knows entry 10, the log ends at 7"),
        ("DELETE FROM audit_log", "the end is cut off: the anchor knows entry 10, the log ends at 0"),
    ],
)
def test_a_removed_entry_is_found(log: AuditLog, database: Database, statement: str, words: str) -> None:
    change(database, statement)
    assert any(words in problem for problem in log.verify().problems)


def test_two_entries_that_changed_places_are_found(log: AuditLog, database: Database) -> None:
    for old, new in ((3, 99), (4, 3), (99, 4)):
        change(database, f"UPDATE audit_log SET seq = {new} WHERE seq = {old}")
    assert not log.verify().sound


def test_a_chain_written_anew_does_not_fit_the_anchor(log: AuditLog, database: Database) -> None:
    change(database, "UPDATE audit_log SET reason = 'nothing' WHERE seq = 4")
    rewritten(database)
    problems = log.verify().problems
    assert "entry 4 is not the one that the anchor knows" in problems
    assert len(problems) == 7  # it and all that follow
    change(database, "DELETE FROM audit_log WHERE seq = 10")
    assert any("cut off" in problem for problem in log.verify().problems)


def test_a_renumbered_chain_without_an_entry_is_found(log: AuditLog, database: Database) -> None:
    change(database, "DELETE FROM audit_log WHERE seq = 4")
    for seq in range(5, 11):
        change(database, f"UPDATE audit_log SET seq = {seq - 1} WHERE seq = {seq}")
    rewritten(database)
    assert not log.verify().sound


def test_a_missing_or_damaged_anchor_is_found(log: AuditLog, ready: Settings) -> None:
    path = anchor_file(ready)
    kept = path.read_text()
    path.write_text(kept.replace(kept[10], "z", 1) + "rubbish\n")
    assert any("line 11 of the anchor" in problem for problem in log.verify().problems)
    path.unlink()
    assert any("missing or empty" in problem for problem in log.verify().problems)


def test_it_goes_on_after_an_anchor_that_could_not_be_written(
    log: AuditLog, database: Database, ready: Settings
) -> None:
    broken = AuditLog(database, ready.home / "state.db" / "anchor")
    with pytest.raises(StorageError, match="cannot be written"):
        broken.record("x", actor="maria")
    log.record("x", actor="maria")
    found = log.verify()
    assert (found.sound, found.entries, found.anchored) == (True, 12, 11)


def test_persons_and_secrets_are_not_in_clear(log: AuditLog, database: Database, ready: Settings) -> None:
    log.record(
        "unblocked",
        actor="maria",
        object_="ann@example.org",
        reason="she wrote from ann@example.org, card 4111 1111 1111 1111",
        subject="user-ann",
        details={"password": "hunter2", "note": "call +44 20 7946 0958"},
    )
    with database.read() as connection:
        row = str(dict(connection.execute(text("SELECT * FROM audit_log WHERE seq = 11")).mappings().one()))
    for secret in ("ann@example", "4111", "user-ann", "hunter2", "7946"):
        assert secret not in row
    assert log.verify().sound


def test_fifty_threads_write_one_chain(log: AuditLog) -> None:
    barrier = threading.Barrier(50)

    def write() -> None:
        barrier.wait()
        log.record("x", actor="maria")

    threads = [threading.Thread(target=write) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = log.verify()
    assert (found.sound, found.entries, found.anchored) == (True, 60, 60)


def test_the_chain_holds_in_postgresql(postgres_url: str, tmp_path: Path) -> None:
    with Database.open(url=postgres_url) as database:
        log = AuditLog(database, tmp_path / "anchor")
        for _ in range(3):
            log.record("x", actor="maria", reason="ü")
        assert log.verify().sound
        change(database, "DELETE FROM audit_log WHERE seq = 3")
        assert not log.verify().sound


@pytest.mark.parametrize("given", [{"action": ""}, {"actor": " "}, {"reason": "x" * 1001}, {"action": "x" * 65}])
def test_an_entry_without_who_or_what_is_refused(log: AuditLog, given: dict[str, str]) -> None:
    values = {"action": "x", "actor": "maria", **given}
    with pytest.raises(InputError):
        log.record(values.pop("action"), **values)  # type: ignore[arg-type]


def test_the_command_proves_it_or_leaves_with_1(
    log: AuditLog, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["audit", "verify"])
    assert end.value.code == 0
    assert "sound: 10 entries, 10 of them anchored" in capsys.readouterr().out
    change(database, "DELETE FROM audit_log WHERE seq = 10")
    with pytest.raises(SystemExit) as end:
        main(["audit", "verify", "--json"])
    assert end.value.code == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["sound"] is False
    assert "has 1 problems" in printed.err
    with pytest.raises(SystemExit) as end:
        main(["audit", "list", "--count", "3"])
    assert end.value.code == 0
    assert "rule 9" in capsys.readouterr().out
