"""The one history of the tables. A revision is a file `NNNN_what.py` in versions/, numbered in order."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

__all__ = ["FOLDER", "head", "revisions", "upgrade"]

FOLDER = Path(__file__).parent


@lru_cache
def revisions() -> tuple[str, ...]:
    """All revisions, oldest first. Read from the file names, so that opening a current database needs no Alembic."""
    return tuple(sorted(path.stem[:4] for path in (FOLDER / "versions").glob("[0-9]*.py")))


def head() -> str:
    """The newest revision."""
    return revisions()[-1]


def upgrade(connection: Connection, revision: str) -> None:
    """Bring the tables behind `connection` up to `revision`, inside its transaction."""
    from alembic import command

    command.upgrade(configuration(connection), revision)


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without an ini file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
