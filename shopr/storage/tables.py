"""Every table of the house, each with its card: owner module, retention, subject column and encryption.

A new table is written here, in a new revision under migrations/versions, and nowhere else; tests compare the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

__all__ = [
    "CARDS",
    "Card",
    "UtcDateTime",
    "experiment_exposures",
    "live_interactions",
    "meta",
    "metadata",
    "profile_corrections",
    "promotions",
    "run_ledger",
    "schedule_jobs",
    "schedule_leases",
    "schedule_runs",
    "subjects",
]


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware moment, stored in UTC and read back in UTC by every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; storage takes UTC, such as Clock.now()")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Card:
    """What one must know of a table before putting a person's data into it.

    Attributes:
        owner: the module that writes it.
        retention: how long rows are kept, in words.
        subject: the column that names the person, or None if the table holds no personal data.
        encryption: "none", or "values" where the owner encrypts what it writes.
    """

    owner: str
    retention: str
    subject: str | None
    encryption: Literal["none", "values"]


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
CARDS: dict[str, Card] = {}
"""Table name -> its card."""


def _table(name: str, card: Card, *parts: Any, **options: Any) -> Table:
    CARDS[name] = card
    return Table(name, metadata, *parts, **options)


meta = _table(
    "meta",
    Card("shopr.storage.database", "as long as the database", None, "none"),
    Column("key", String(128), primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
"""Facts about the installation, key by key."""

subjects = _table(
    "subjects",
    # The digest cannot be turned back into the id; it lets a restored backup forget the person again.
    Card("shopr.storage.subjects", "as long as backups exist that may hold the person", None, "none"),
    Column("id", Integer, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("action", String(16), nullable=False),
    Column("time", UtcDateTime, nullable=False),
    Column("report", JSON, nullable=False),
    Index(None, "digest"),
)
"""Requests of data subjects: what was exported or erased, under a digest of the person's id."""

promotions = _table(
    "promotions",
    Card("shopr.tracking.promotion", "for good: the record of who served what", None, "none"),
    Column("id", Integer, primary_key=True),
    Column("time", UtcDateTime, nullable=False),
    Column("action", String(32), nullable=False),
    Column("model_name", String(256), nullable=False),
    Column("version", String(64), nullable=False),
    Column("previous_version", String(64)),
    Column("actor", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Index(None, "model_name", "time"),
)
"""Every promotion, refusal and rollback of a model, with its evidence."""

run_ledger = _table(
    "run_ledger",
    Card("shopr.workbench.ledger", "two years after the end of the run", None, "none"),
    Column("run_id", String(64), primary_key=True),
    Column("spec", String(1024), nullable=False),
    Column("notebook", String(1024), nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("pid", Integer),
    Column("host", String(255)),
    Column("started_at", UtcDateTime, nullable=False),
    Column("heartbeat_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("exit_status", Integer),
    Column("mlflow_run_id", String(64)),
    Column("message", Text),
    Column("cache_key", String(64)),
    Column("ingredients", JSON),
    Column("kind", String(16), nullable=False, server_default="run"),
    Column("parent_id", String(64)),
    Column("trial", Integer),
    Column("attempts", Integer),
    Column("cell", Integer),
    Column("cells", Integer),
    Column("reason", String(16)),
    Column("metrics", JSON),
    Column("mlflow_pending", String(16)),
    Index(None, "state", "heartbeat_at"),
    Index(None, "cache_key"),
    Index(None, "parent_id", "trial"),
)
"""Notebook runs and sweeps of them, and their state, true even after a kill."""

live_interactions = _table(
    "live_interactions",
    Card("shopr.recommend.live", "until a model fitted on these events serves, 90 days at most", "user_id", "none"),
    Column("seq", Integer, primary_key=True),
    Column("shop", String(63), nullable=False, server_default=""),
    Column("event_id", String(256), nullable=False),
    Column("user_id", String(256), nullable=False),
    Column("session_id", String(256)),
    Column("product_id", String(256), nullable=False),
    Column("type", String(32), nullable=False),
    Column("time", UtcDateTime, nullable=False),
    UniqueConstraint("shop", "event_id", "product_id"),
    Index(None, "shop", "user_id", "time"),
    sqlite_autoincrement=True,  # a number is never given twice, so that (rows, newest) tells every change
)
"""What shoppers did since the fit: views, clicks, carts and orders, one row an event and product."""

profile_corrections = _table(
    "profile_corrections",
    Card("shopr.recommend.profile_corrections", "until the shopper takes it back or is erased", "user_id", "none"),
    Column("id", Integer, primary_key=True),
    Column("shop", String(63), nullable=False),
    Column("user_id", String(256), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("name", String(512), nullable=False),
    Column("value", JSON, nullable=False),
    Column("time", UtcDateTime, nullable=False),
    UniqueConstraint("shop", "user_id", "kind", "name"),
)
"""What shoppers said about their own profiles, and the moment up to which a deleted profile may not look back."""

experiment_exposures = _table(
    "experiment_exposures",
    Card("shopr.abtest.exposures", "as long as the experiment's results are kept", "user_id", "none"),
    Column("id", String(32), primary_key=True),
    Column("experiment", String(128), nullable=False),
    Column("unit_id", String(256), nullable=False),
    Column("user_id", String(256), nullable=False),
    Column("arm", String(64), nullable=False),
    Column("time", UtcDateTime, nullable=False),
    Index(None, "experiment", "time"),
    Index(None, "user_id"),
)
"""Who saw which arm of which experiment first, and when: one row an experiment and unit, never changed."""

schedule_runs = _table(
    "schedule_runs",
    Card("shopr.workbench.schedule_store", "two years after the end of the run", None, "none"),
    Column("id", Integer, primary_key=True),
    Column("schedule", String(63), nullable=False),
    Column("job", String(63), nullable=False),
    Column("logical_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("spec", String(1024), nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("token", String(32)),
    Column("host", String(255)),
    Column("pid", Integer),
    Column("began_at", UtcDateTime),
    Column("claimed_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("ledger_run_id", String(64)),
    Column("message", Text, nullable=False),
    UniqueConstraint("schedule", "job", "logical_at"),
    Index(None, "schedule", "state"),
)
"""What a schedule owes and what became of it: one row a job and logical instant."""

schedule_jobs = _table(
    "schedule_jobs",
    Card("shopr.workbench.schedule_store", "as long as the schedule", None, "none"),
    Column("schedule", String(63), primary_key=True),
    Column("job", String(63), primary_key=True),
    Column("looked_at", UtcDateTime, nullable=False),
    Column("missed", Integer, nullable=False),
    Column("missed_at", UtcDateTime),
)
"""The moment up to which each job's instants were looked at, and how many of them no run answers."""

schedule_leases = _table(
    "schedule_leases",
    Card("shopr.workbench.schedule_lease", "until another scheduler leads", None, "none"),
    Column("schedule", String(63), primary_key=True),
    Column("token", String(32), nullable=False),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_began_at", UtcDateTime, nullable=False),
    Column("acquired_at", UtcDateTime, nullable=False),
    Column("heartbeat_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)
"""The scheduler process that leads, one a schedule, by the database's own time."""
