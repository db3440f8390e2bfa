"""A SQLite file that several processes share: no call of ours takes the locks of a connection away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sqlalchemy import text

from shopr.storage.database import Database

OTHER = """
import sys
from sqlalchemy import text
from shopr.storage.database import Database
with Database.open(url=sys.argv[1]) as database, database.begin() as connection:
    row = "INSERT INTO meta (key, value, updated_at) VALUES (:k, 'x', '2026-01-01 00:00:00+00:00')"
    connection.execute(text(row), {"k": sys.argv[2]})
"""


def test_opening_a_database_twice_leaves_the_first_connection_its_log(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with Database.open(url=url) as first, first.read() as held:
        assert held.execute(text("SELECT count(*) FROM meta")).scalar() == 0
        for number in range(2):
            Database.open(url=url).close()  # opens and closes the file, if it is done wrongly
            # If this process's locks were gone, the other one would take itself for the last and remove the log.
            subprocess.run([sys.executable, "-c", OTHER, url, str(number)], check=True)
            assert (tmp_path / "state.db-wal").exists()
        with Database(url) as again, again.read() as connection:
            assert connection.execute(text("SELECT count(*) FROM meta")).scalar() == 2
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
