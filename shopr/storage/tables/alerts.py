"""Alerts, what each rule has come to, silences, and the notices that wait to be delivered."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, String, Text, UniqueConstraint

from shopr.storage.tables.base import Card, UtcDateTime, table

__all__ = ["alert_notices", "alert_rules", "alert_silences", "alerts"]

alerts = table(
    "alerts",
    Card("shopr.analytics.alerts.raised", "for good: what alarmed whom, and what came of it", None, "none"),
    Column("id", String(32), primary_key=True),
    Column("time", UtcDateTime, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("source", String(64), nullable=False),
    Column("message", Text, nullable=False),
    Column("version", String(64)),
    Column("handled_at", UtcDateTime),
    Column("outcome", Text),
    Column("about", String(16), nullable=False, server_default="model"),
    Column("fingerprint", String(64)),
    Column("series", String(256)),
    Column("began_at", UtcDateTime),
    Column("resolved_at", UtcDateTime),
    Column("resolution", Text),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", String(128)),
    Column("note", Text),
    Column("notified_at", UtcDateTime),
    Column("escalated_at", UtcDateTime),
    Column("evidence", JSON),
    Index(None, "handled_at", "time"),
    Index(None, "resolved_at", "time"),
)
"""What went wrong, when, and what was done about it. `about` is "model" or "shop": only the first may take a model
down, and `version` names it. `handled_at` and `outcome` are the model watcher's, the other moments are people's and
the rules'; `series` is the group of a rule that is told apart, such as a page."""

alert_rules = table(
    "alert_rules",
    Card("shopr.analytics.alerts.book", "as long as the rule is in use", None, "none"),
    Column("rule", String(64), primary_key=True),
    Column("revision", String(16), nullable=False),
    Column("evaluated_until", UtcDateTime, nullable=False),
    Column("states", JSON, nullable=False),
    Column("problem", Text, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
"""How far each rule has been evaluated, and the state of each of its series: a restart goes on from here."""

alert_silences = table(
    "alert_silences",
    Card("shopr.analytics.alerts.book", "for good: who silenced what, and why", None, "none"),
    Column("id", String(32), primary_key=True),
    Column("rule", String(64)),
    Column("series", String(256)),
    Column("reason", Text, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("ended_by", String(128)),
    Index(None, "ends_at"),
)
"""When nobody is told of what. Without a rule it holds for all of them."""

alert_notices = table(
    "alert_notices",
    Card("shopr.analytics.alerts.outbox", "for good: who was told of what, when", None, "none"),
    Column("id", String(32), primary_key=True),
    Column("alert_id", String(32), nullable=False),
    Column("event", String(16), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claim", String(32)),
    Column("claimed_until", UtcDateTime),
    Column("sent_at", UtcDateTime),
    Column("given_up_at", UtcDateTime),
    Column("problem", Text),
    UniqueConstraint("alert_id", "event", "channel"),
    Index(None, "sent_at", "given_up_at", "due_at"),
)
"""The outbox: what is to be said through which channel, once each."""
