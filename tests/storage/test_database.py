"""Transactions, two processes at once, and what is said when the database refuses."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.exc import OperationalError

from shopr.config import Settings
from shopr.errors import StorageError
from shopr.storage import Database
from shopr.storage.failures import mapped
from shopr.storage.tables import meta

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'state.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with Database.open(url=url) as opened:
        yield opened


def put(database: Database, key: str, value: str = "x", when: datetime = NOW) -> None:
    with database.begin() as connection:
        connection.execute(insert(meta).values(key=key, value=value, updated_at=when))


def keys(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(select(meta.c.key).order_by(meta.c.key)).scalars())


def test_a_block_is_kept_whole_or_not_at_all(database: Database) -> None:
    put(database, "kept")
    with pytest.raises(ZeroDivisionError), database.begin() as connection:
        connection.execute(insert(meta).values(key="lost", value="", updated_at=NOW))
        1 / 0  # noqa: B018
    assert keys(database) == ["kept"]


def test_times_come_back_in_utc_to_the_microsecond(database: Database) -> None:
    put(database, "t", when=NOW.astimezone(timezone(timedelta(hours=-7))))
    with database.read() as connection:
        stored = connection.execute(select(meta.c.updated_at)).scalar_one()
    assert stored == NOW
    assert stored.utcoffset() == timedelta(0)


def test_a_time_without_zone_is_refused(database: Database) -> None:
    with pytest.raises(StorageError, match="has no time zone"):
        put(database, "t", when=NOW.replace(tzinfo=None))


def test_a_contradicting_row_is_named(database: Database) -> None:
    put(database, "once")
    with pytest.raises(StorageError, match="refused a row that contradicts"):
        put(database, "once")
    assert keys(database) == ["once"]


def test_a_reader_sees_one_moment_while_another_writes(tmp_path: Path) -> None:
    database = Database.open(url=f"sqlite:///{tmp_path / 'state.db'}")
    put(database, "before")
    with database.read() as reading:
        count = select(func.count()).select_from(meta)
        assert reading.execute(count).scalar() == 1
        put(database, "during")
        assert reading.execute(count).scalar() == 1
    assert keys(database) == ["before", "during"]


def test_sqlite_is_set_up_for_several_processes(settings: Settings) -> None:
    with Database.open(settings) as database, database.read() as connection:
        pragma = {
            n: connection.execute(text(f"PRAGMA {n}")).scalar() for n in ("journal_mode", "foreign_keys", "synchronous")
        }
    assert pragma == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 1}
    assert (settings.home / "state.db").stat().st_mode & 0o077 == 0


def test_several_processes_open_and_write_the_same_new_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'state.db'}"
    code = textwrap.dedent(f"""
        import sys
        from sqlalchemy import insert
        from shopr.clock import SystemClock
        from shopr.storage import Database
        from shopr.storage.tables import meta
        with Database.open(url={url!r}) as database:
            for i in range(20):
                with database.begin() as connection:
                    row = {{"key": f"{{sys.argv[1]}}-{{i}}", "value": "", "updated_at": SystemClock().now()}}
                    connection.execute(insert(meta).values(row))
    """)
    running = [subprocess.Popen([sys.executable, "-c", code, str(n)], stderr=subprocess.PIPE) for n in range(3)]
    assert [(p.communicate()[1], p.returncode) for p in running] == [(b"", 0)] * 3
    with Database.open(url=url) as database:
        assert len(keys(database)) == 60


def test_a_lock_that_is_not_given_back_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Database.open(url=f"sqlite:///{path}").close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match=r"state\.db is locked by another process.*SHOPR_DATABASE_URL"):
        put(Database(f"sqlite:///{path}", busy_seconds=0.05), "k")
    holder.close()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(StorageError, match=r"is damaged or no SQLite database.*backup"):
        Database.open(url=f"sqlite:///{path}")


def test_a_full_disk_is_named_and_nothing_is_half_written(tmp_path: Path) -> None:
    database = Database.open(url=f"sqlite:///{tmp_path / 'state.db'}")
    put(database, "before")
    with pytest.raises(StorageError, match="the disk is full"), database.begin() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
        connection.execute(insert(meta).values(key="big", value="x" * 1_000_000, updated_at=NOW))
    assert keys(database) == ["before"]


@pytest.mark.parametrize(("free", "words"), [(0, "cannot grow: the disk is full"), (1 << 30, "disk I/O error")])
def test_an_error_of_reading_on_a_full_disk_is_the_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, words: str
) -> None:
    """So SQLite says where the index of its log has no room: nobody should restore a backup because of that."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(StorageError, match=words), mapped(str(tmp_path / "state.db")):
        raise OperationalError("SELECT 1", {}, sqlite3.OperationalError("disk I/O error"))


def test_a_read_only_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Database.open(url=f"sqlite:///{path}").close()
    with pytest.raises(StorageError, match="is read-only"), Database(f"sqlite:///{path}").begin() as connection:
        connection.execute(text("PRAGMA query_only = ON"))
        connection.execute(delete(meta))


@pytest.mark.parametrize("blocked", ["file", "folder"])
def test_a_place_that_cannot_be_used_is_named(tmp_path: Path, blocked: str) -> None:
    in_the_way = tmp_path / "occupied"
    if blocked == "file":
        in_the_way.write_text("")
        url = f"sqlite:///{in_the_way / 'state.db'}"
    else:
        in_the_way.mkdir()
        url = f"sqlite:///{in_the_way}"
    with pytest.raises(StorageError, match="occupied.* cannot be opened"):
        Database.open(url=url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("state.db", "cannot be parsed"),
        ("oracle://u:secret@h/d", "'oracle' is not supported"),
        ("postgresql://u:secret@127.0.0.1:9/d", r"u:\*\*\*@127.0.0.1:9/d cannot be reached"),
        ("postgresql://127.0.0.1:9/d?user=u&password=secret", r"password=\*\*\*.* cannot be reached"),
    ],
)
def test_a_url_that_leads_nowhere_is_explained_without_its_password(url: str, said: str) -> None:
    with pytest.raises(StorageError, match=said) as caught:
        Database.open(url=url)
    assert "secret" not in str(caught.value)


def test_postgresql_names_a_missing_database(postgres_url: str) -> None:
    with pytest.raises(StorageError, match="does not exist|cannot be reached"):
        Database.open(url=postgres_url.replace("/test_", "/none_"))


def test_an_erased_value_leaves_no_trace_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with Database.open(url=f"sqlite:///{path}") as database:
        put(database, "k", "a secret that must go")
        with database.begin() as connection:
            connection.execute(delete(meta))
    checkpoint = sqlite3.connect(path)
    checkpoint.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    checkpoint.close()
    assert b"a secret that must go" not in path.read_bytes()


def test_a_thread_knows_its_open_transaction(tmp_path: Path) -> None:
    import threading

    with Database.open(url=f"sqlite:///{tmp_path / 'state.db'}") as database:
        assert database.writing is None
        with database.read():
            assert database.writing is None
        with database.begin() as connection:
            assert database.writing is connection
            seen: list[object] = []
            thread = threading.Thread(target=lambda: seen.append(database.writing))
            thread.start()
            thread.join()
            assert seen == [None]
            with database.read():
                assert database.writing is connection
        assert database.writing is None
