"""Notebook runs, their sweeps and their schedules."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Text, UniqueConstraint

from shopr.storage.tables.base import Card, UtcDateTime, table

__all__ = ["run_ledger", "schedule_jobs", "schedule_leases", "schedule_runs"]

run_ledger = table(
    "run_ledger",
    Card("shopr.workbench.running.ledger", "two years after the end of the run", None, "none"),
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

schedule_runs = table(
    "schedule_runs",
    Card("shopr.workbench.schedule.store", "two years after the end of the run", None, "none"),
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

schedule_jobs = table(
    "schedule_jobs",
    Card("shopr.workbench.schedule.store", "as long as the schedule", None, "none"),
    Column("schedule", String(63), primary_key=True),
    Column("job", String(63), primary_key=True),
    Column("looked_at", UtcDateTime, nullable=False),
    Column("missed", Integer, nullable=False),
    Column("missed_at", UtcDateTime),
)
"""The moment up to which each job's instants were looked at, and how many of them no run answers."""

schedule_leases = table(
    "schedule_leases",
    Card("shopr.storage.lease", "until another scheduler leads", None, "none"),
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
