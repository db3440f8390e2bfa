"""Every table of the house, each with its card: owner module, retention, subject column and encryption.

A new table is written in the module of its subsystem here, in a new revision under migrations/versions, and nowhere
else; tests compare the two.
"""

from __future__ import annotations

from shopr.storage.tables.alerts import alert_notices, alert_rules, alert_silences, alerts
from shopr.storage.tables.base import CARDS, Card, UtcDateTime, metadata
from shopr.storage.tables.commerce import (
    cart_lines,
    customers,
    offer_states,
    offers,
    order_events,
    order_lines,
    order_payments,
    orders,
    payment_methods,
    price_changes,
)
from shopr.storage.tables.conversations import chat_conversations, chat_memories, chat_turns
from shopr.storage.tables.events import (
    consent_log,
    erased_ids,
    error_states,
    event_ids,
    event_parts,
    events,
    identities,
)
from shopr.storage.tables.installation import meta, subjects
from shopr.storage.tables.models import experiment_exposures, promotions
from shopr.storage.tables.rollout import model_trials
from shopr.storage.tables.runs import run_ledger, schedule_jobs, schedule_leases, schedule_runs
from shopr.storage.tables.search import search_queries
from shopr.storage.tables.security import (
    access_rules,
    accounts,
    api_keys,
    audit_log,
    data_keys,
    guard_events,
    guard_state,
    web_sessions,
)
from shopr.storage.tables.shoppers import live_interactions, profile_corrections

__all__ = [
    "CARDS",
    "Card",
    "UtcDateTime",
    "access_rules",
    "accounts",
    "alert_notices",
    "alert_rules",
    "alert_silences",
    "alerts",
    "api_keys",
    "audit_log",
    "cart_lines",
    "chat_conversations",
    "chat_memories",
    "chat_turns",
    "consent_log",
    "customers",
    "data_keys",
    "erased_ids",
    "error_states",
    "event_ids",
    "event_parts",
    "events",
    "experiment_exposures",
    "guard_events",
    "guard_state",
    "identities",
    "live_interactions",
    "meta",
    "metadata",
    "model_trials",
    "offer_states",
    "offers",
    "order_events",
    "order_lines",
    "order_payments",
    "orders",
    "payment_methods",
    "price_changes",
    "profile_corrections",
    "promotions",
    "run_ledger",
    "schedule_jobs",
    "schedule_leases",
    "schedule_runs",
    "search_queries",
    "subjects",
    "web_sessions",
]
