"""One leader, on both databases, by the database's own time."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from shopr.storage.database import Database
from shopr.storage.lease import Lease, LeaseLostError, began, database_now, gone
from shopr.storage.tables import schedule_leases


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request, stores):
    if request.param == "sqlite":
        return Database.open(stores)
    return Database.open(url=request.getfixturevalue("postgres_url"))


def change(database: Database, **values: object) -> None:
    with database.begin() as connection:
        connection.execute(update(schedule_leases).values(**values))


def test_one_leads_and_gives_back(shared):
    first, second = Lease(shared, "test"), Lease(shared, "test")
    assert first.holder() is None
    assert first.hold()
    assert first.hold()
    assert not second.hold()
    assert Lease(shared, "another schedule").hold()
    holder = second.holder()
    assert holder is not None
    assert holder["pid"] == os.getpid()
    second.release()  # it holds nothing: nothing changes
    assert first.hold()
    first.release()
    assert second.hold()
    assert not first.held
    assert not first.hold()


def test_it_expires_by_the_databases_time_and_then_proves_nothing(shared):
    first, second = Lease(shared, "test"), Lease(shared, "test")
    assert first.hold()
    with shared.read() as connection:
        now = database_now(connection)
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=5)
    change(shared, expires_at=now - timedelta(seconds=1))
    assert second.hold()
    with pytest.raises(LeaseLostError), shared.begin() as connection:
        first.prove(connection)
    assert not first.held
    with shared.begin() as connection:
        second.prove(connection)


def test_a_holder_that_is_gone_from_this_host_is_not_waited_for(shared):
    first, second = Lease(shared, "test"), Lease(shared, "test")
    assert first.hold()
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    change(shared, pid=process.pid)
    assert second.holder() is None
    assert second.hold()
    change(shared, host="elsewhere", pid=process.pid)  # that cannot be seen from here: it is waited for
    assert not first.hold()


def test_a_number_that_another_process_got_is_no_sign_of_life():
    import socket

    here = socket.gethostname()
    assert not gone(here, os.getpid(), began())
    assert gone(here, os.getpid(), began() - timedelta(seconds=10))
    assert not gone("elsewhere", os.getpid(), began())
    assert not gone(here, None, began())
