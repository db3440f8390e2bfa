"""One history: every earlier revision can be brought up to date, with what it holds, and ends like a new database."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from shopr.errors import StorageError
from shopr.storage import Database
from shopr.storage.migrations import configuration, head, revisions
from shopr.storage.tables import CARDS, metadata

# A row for each table, put in by plain SQL at the revision that made the table.
ROWS = {
    "0001": [
        "INSERT INTO meta (key, value, updated_at) VALUES ('shop', 'demo', '2026-01-01 00:00:00+00:00')",
        "INSERT INTO subjects (digest, action, time, report) VALUES ('d', 'erase', '2026-01-01 00:00:00+00:00', '{}')",
    ],
    "0002": [
        "INSERT INTO promotions (time, action, model_name, version, actor, reason, evidence) "
        "VALUES ('2026-01-01 00:00:00+00:00', 'promote', 'm', '1', 'ann', 'better', '{\"lift\": 0.1}')",
        "INSERT INTO run_ledger (run_id, spec, notebook, parameters, state, started_at) "
        "VALUES ('r', 's', 'n', '{\"k\": 10}', 'done', '2026-01-01 00:00:00+00:00')",
    ],
    "0003": [
        "INSERT INTO run_ledger (run_id, spec, notebook, parameters, state, started_at, cache_key, ingredients) "
        "VALUES ('r3', 's', 'n', '{}', 'done', '2026-01-01 00:00:00+00:00', 'key', '{\"lock\": \"x\"}')",
    ],
    "0004": [
        "INSERT INTO live_interactions (event_id, user_id, product_id, type, time) "
        "VALUES ('e', 'ann', 'p1', 'product_clicked', '2026-01-01 00:00:00+00:00')",
    ],
    "0005": [
        "INSERT INTO profile_corrections (shop, user_id, kind, name, value, time) "
        "VALUES ('demo', 'ann', 'category', 'Toys', '{\"wish\": \"less\"}', '2026-01-01 00:00:00+00:00')",
    ],
    "0006": [
        "INSERT INTO experiment_exposures (id, experiment, unit_id, user_id, arm, time) "
        "VALUES ('x', 'button', 'ann', 'ann', 'control', '2026-01-01 00:00:00+00:00')",
    ],
    "0007": [
        "INSERT INTO schedule_runs (schedule, job, logical_at, due_at, state, origin, spec, parameters, attempts, "
        "losses, message) VALUES ('maintenance', 'daily', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', "
        "'DONE', 'schedule', 'experiments/daily.yaml', '{}', 1, 0, '')",
        "INSERT INTO schedule_jobs (schedule, job, looked_at, missed) "
        "VALUES ('maintenance', 'daily', '2026-01-01 00:00:00+00:00', 0)",
        "INSERT INTO schedule_leases "
        "(schedule, token, host, pid, process_began_at, acquired_at, heartbeat_at, expires_at) VALUES "
        "('maintenance', 't', 'h', 1, '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', "
        "'2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00')",
    ],
    "0008": [
        "INSERT INTO run_ledger (run_id, spec, notebook, parameters, state, started_at, kind, parent_id, trial) "
        "VALUES ('r8', 's', 'n', '{}', 'DONE', '2026-01-01 00:00:00+00:00', 'run', 'sweep', 3)",
    ],
    "0009": [
        "INSERT INTO offer_states (shop, version, fingerprint, updated_at) "
        "VALUES ('demo', 1, 'f', '2026-01-01 00:00:00+00:00')",
        "INSERT INTO offers (shop, product_id, price, currency, stock, listed_price, listed_currency, listed_stock, "
        "version) VALUES ('demo', 'p1', 1999, 'EUR', 3, 1999, 'EUR', 3, 1)",
        "INSERT INTO price_changes (shop, product_id, valid_from, price, currency) "
        "VALUES ('demo', 'p1', '2026-01-01 00:00:00+00:00', 1999, 'EUR')",
        "INSERT INTO cart_lines (shop, owner, product_id, position, quantity, price, currency, title, touched_at) "
        "VALUES ('demo', 'ann', 'p1', 1, 2, 1999, 'EUR', 'Mouse', '2026-01-01 00:00:00+00:00')",
        "INSERT INTO orders (shop, order_id, owner, status, placed_at, updated_at, items_modified, address, request) "
        "VALUES ('demo', 'A1', 'ann', 'shipped', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', false, "
        "'{}', '{}')",
        "INSERT INTO order_lines (shop, order_id, line, owner, product_id, title, quantity, price, currency) "
        "VALUES ('demo', 'A1', 1, 'ann', 'p1', 'Mouse', 2, 1999, 'EUR')",
        "INSERT INTO order_payments (shop, order_id, number, owner, kind, amount, currency, method_id, time) "
        "VALUES ('demo', 'A1', 1, 'ann', 'payment', 3998, 'EUR', 'card', '2026-01-01 00:00:00+00:00')",
        "INSERT INTO order_events (shop, order_id, owner, request_id, action, status, details, time) "
        "VALUES ('demo', 'A1', 'ann', 'r1', 'placed', 'pending', '{}', '2026-01-01 00:00:00+00:00')",
        "INSERT INTO customers (shop, user_id, first_name, last_name, email, name_key, zip_key, address) "
        "VALUES ('demo', 'ann', 'Ann', 'Lee', 'ann@example.com', 'ann lee', '10001', '{}')",
        "INSERT INTO payment_methods (shop, user_id, method_id, kind, label, balance, currency) "
        "VALUES ('demo', 'ann', 'gift', 'gift_card', 'gift card', 500, 'EUR')",
    ],
    "0010": [
        "INSERT INTO data_keys (key_id, subject, current, master_id, wrapped, created_at) "
        "VALUES ('k', 'd', 1, 'm', 'w', '2026-01-01 00:00:00+00:00')",
        "INSERT INTO api_keys (key_id, kind, owner, label, origins, scopes, created_at) "
        "VALUES ('a', 'publishable', 'ann', 'shop', '[]', '[]', '2026-01-01 00:00:00+00:00')",
    ],
    "0011": [
        "INSERT INTO model_trials "
        "(version, stage, answers, errors, slow, milliseconds, shared, compared, first_at, last_at) VALUES "
        "('3', 'shadow', 20, 1, 2, 80.5, 12.5, 19, '2026-01-01 00:00:00+00:00', '2026-01-02 00:00:00+00:00')",
        "INSERT INTO alerts (id, time, kind, severity, source, message) "
        "VALUES ('a', '2026-01-01 00:00:00+00:00', 'errors', 'critical', 'app', '9 of 20 failed')",
    ],
    "0012": [
        "INSERT INTO guard_state (key, value, expires, boot) VALUES ('rate:x', 'v', 1.5, 'b')",
        "INSERT INTO access_rules (network, action, source, reason, actor, created_at) "
        "VALUES ('203.0.113.0/24', 'deny', 'operator', 'abuse', 'maria', '2026-01-01 00:00:00+00:00')",
    ],
    "0013": [
        "INSERT INTO events (event_id, type, time, user_id, properties, consent, weight, version, received) "
        "VALUES ('e', 'page_viewed', 1767225600000000, 'ann', '{}', 'analytics', 20.0, 1, 1767225600000000)",
        "INSERT INTO event_parts (path, day, rows, bytes) VALUES ('day=2026-01-01/a.parquet', '2026-01-01', 5, 900)",
        "INSERT INTO event_ids (id, day) VALUES ('0123456789abcdef', 20454)",
        "INSERT INTO consent_log (person, purposes, notice, origin, time) "
        "VALUES ('ann', 'analytics', '2026-01', 'banner', 1767225600000000)",
    ],
    "0014": [
        "INSERT INTO audit_log (seq, time, actor, action, object, reason, details, previous, hash) "
        "VALUES (1, '2026-01-01 00:00:00+00:00', 'maria', 'rule_added', 'rule 1', 'abuse', '{}', '0', 'h')",
        "INSERT INTO guard_events "
        "(time, shop, kind, door, decision, classes, rules, reason, user_id, session, network, lock_key) VALUES "
        "('2026-01-01 00:00:00+00:00', 'demo', 'verdict', 'chat', 'block', '[]', '[]', 'sql', 'ann', 's', '', '')",
        "INSERT INTO web_sessions "
        "(token_hash, session_id, user_id, privilege, created_at, issued_at, seen_at, network, agent) VALUES "
        "('h', 's', 'ann', 'user', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', "
        "'2026-01-01 00:00:00+00:00', 'n', 'a')",
    ],
    "0015": [
        "INSERT INTO chat_conversations (shop, conversation_id, user_id, state, created_at, updated_at) "
        "VALUES ('demo', 'c', 'ann', '{}', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00')",
        "INSERT INTO chat_turns (shop, conversation_id, turn, user_id, said, reply, time) "
        "VALUES ('demo', 'c', 1, 'ann', 'hello', '{}', '2026-01-01 00:00:00+00:00')",
        "INSERT INTO chat_memories (shop, user_id, facts, expires_at) "
        "VALUES ('demo', 'ann', '[]', '2026-07-01 00:00:00+00:00')",
    ],
    "0016": [
        "INSERT INTO search_queries "
        "(shop, day, language, query, asked, without_result, without_confidence, best, last_at) "
        "VALUES ('demo', '2026-01-01', 'en', 'settee', 3, 2, 1, 0.25, '2026-01-01 00:00:00+00:00')",
    ],
    "0017": [
        "INSERT INTO profile_corrections (shop, user_id, kind, name, value, sealed, time) "
        "VALUES ('demo', 'bob', 'brand', 'digest', '{}', 'e1.x', '2026-01-01 00:00:00+00:00')",
    ],
    "0018": [
        "INSERT INTO alerts (id, time, kind, severity, source, message, about, began_at) VALUES "
        "('b', '2026-01-01 00:00:00+00:00', 'errors', 'critical', 'rule', '7 %', 'shop', '2026-01-01 00:00:00+00:00')",
        "INSERT INTO alert_rules (rule, revision, evaluated_until, states, problem, updated_at) "
        "VALUES ('errors', 'r', '2026-01-01 00:00:00+00:00', '{}', '', '2026-01-01 00:00:00+00:00')",
        "INSERT INTO alert_silences (id, rule, reason, created_by, created_at, starts_at, ends_at) VALUES "
        "('s', 'errors', 'release', 'ann', '2026-01-01 00:00:00+00:00', "
        "'2026-01-01 00:00:00+00:00', '2026-01-02 00:00:00+00:00')",
        "INSERT INTO alert_notices (id, alert_id, event, channel, severity, title, body, created_at, due_at, attempts) "
        "VALUES ('n', 'b', 'fired', 'ops', 'critical', 't', 'b', '2026-01-01 00:00:00+00:00', "
        "'2026-01-01 00:00:00+00:00', 0)",
    ],
    "0019": [
        "INSERT INTO identities (session_id, device_id, user_id, time) VALUES ('s1', 'd1', 'ann', 1767225600000000)",
        "INSERT INTO error_states (fingerprint, resolved_in, time, actor) "
        "VALUES ('f1', '0.2.0', 1767225600000000, 'maria')",
    ],
    "0020": [
        "INSERT INTO customers (shop, user_id, first_name, last_name, email, name_key, zip_key, address, sealed) "
        "VALUES ('demo', 'sealed', '', '', 'digest', 'digest', 'digest', '{}', 'e1.x')",
    ],
    "0021": [
        "INSERT INTO accounts (user_id, name_key, sealed, password_hash, privilege, created_at, password_at) VALUES "
        "('ann', 'k', 'e1.x', '$argon2id$', 'user', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00')",
    ],
    "0022": ["INSERT INTO erased_ids (id, time, swept) VALUES ('sixteen bytes...', 1, true)"],
}
KINDS = ["sqlite", "postgresql"]


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    return str(request.getfixturevalue("postgres_url"))


def difference(connection: Connection) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


def content(connection: Connection) -> dict[str, list[Any]]:
    names = [n for n in inspect(connection).get_table_names() if n != "alembic_version"]
    rows = {n: connection.execute(text(f"SELECT * FROM {n}")).mappings() for n in sorted(names)}
    return {n: [{column: str(value) for column, value in row.items()} for row in rows[n]] for n in rows}


def test_the_history_is_one_line_and_named_by_number() -> None:
    script = ScriptDirectory.from_config(configuration())
    walked = [revision.revision for revision in script.walk_revisions()]
    assert tuple(reversed(walked)) == revisions()
    assert script.get_heads() == [head()]


@pytest.mark.parametrize("start", [None, *revisions()])
def test_every_earlier_revision_upgrades_and_keeps_its_rows(url: str, start: str | None) -> None:
    with Database(url) as database:
        if start is not None:
            database.upgrade(start)
            assert database.revision() == start
            with database.begin() as connection:
                for statement in (s for r in revisions() if r <= start for s in ROWS[r]):
                    connection.execute(text(statement))
        with database.read() as connection:
            before = content(connection)
        database.upgrade()
        database.upgrade()
        with database.read() as connection:
            after = content(connection)
            assert difference(connection) == []
        assert database.revision() == head()
        for name, rows in before.items():  # what was stored is still there; columns may have joined it
            assert [{c: new[c] for c in old} for old, new in zip(rows, after[name], strict=True)] == rows


def test_every_revision_brings_rows_to_this_test() -> None:
    assert set(ROWS) == set(revisions()), "add rows for the new revision's tables"


def test_a_failing_revision_leaves_the_database_as_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Database(url) as database:
        database.upgrade("0001")
        with database.begin() as connection:
            connection.execute(text("CREATE TABLE run_ledger (run_id INTEGER)"))
        with pytest.raises(StorageError):
            database.upgrade()
        assert database.revision() == "0001"
        with database.read() as connection:
            assert "promotions" not in inspect(connection).get_table_names()


def test_a_database_of_a_newer_version_is_refused(url: str) -> None:
    with Database.open(url=url) as database:
        with database.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(StorageError, match=r"has revision 9999.*Install the newer version"):
            database.upgrade()


def test_every_table_has_a_card_with_a_real_subject_column() -> None:
    assert set(CARDS) == set(metadata.tables)
    for name, card in CARDS.items():
        assert card.retention
        assert card.owner.startswith("shopr.")
        assert importlib.util.find_spec(card.owner.rpartition(".")[0]) is not None, f"{name}: no room {card.owner}"
        if card.subject is not None:
            assert card.subject in metadata.tables[name].c


def test_json_comes_back_as_it_was(url: str) -> None:
    with Database.open(url=url) as database, database.begin() as connection:
        for statements in ROWS.values():
            for statement in statements:
                connection.execute(text(statement))
        row = connection.execute(metadata.tables["promotions"].select()).mappings().one()
    assert json.dumps(row["evidence"]) == '{"lift": 0.1}'
