"""The log of failing searches: what is counted, what is never kept, and what a merchandiser reads from it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.errors import InputError, StorageError
from shopr.search.asking.results import Found
from shopr.search.merchant import querylog
from shopr.search.merchant.querylog import KEPT, QueryLog
from shopr.search.text.masking import LONGEST, MASK, masked
from shopr.storage.database import Database
from shopr.storage.tables import search_queries


def found(query: str, *confidences: float) -> Found:
    """An answer whose products have these confidences."""
    return Found(
        query,
        rows=np.arange(len(confidences)),
        product_ids=tuple(f"p{i}" for i in range(len(confidences))),
        scores=np.array(confidences, dtype=float),
        confidences=np.array(confidences, dtype=float),
        abstained=not confidences,
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, stores: Settings) -> Iterator[Database]:
    if request.param == "postgresql":
        stores = stores.model_copy(update={"database_url": request.getfixturevalue("postgres_url")})
    opened = Database.open(stores)
    yield opened
    opened.close()


def test_searches_that_fail_are_counted_by_text_and_all_by_day(database: Database, clock: ManualClock) -> None:
    log = QueryLog(database, "demo", clock=clock)
    assert log.record(found("Settee"), "en")
    assert log.record(found("settee ", 0.2, 0.4), "de")
    assert log.record(found("sofa  bed", 0.1), "en")
    assert not log.record(found("sofa", 0.9, 0.3), "en")
    assert not log.record(found("  "), "en")
    first, second = log.failing()
    assert (first.query, first.asked, first.without_result, first.without_confidence) == ("settee", 2, 1, 1)
    assert (first.languages, first.best) == (("de", "en"), 0.4)
    assert first.last == clock.now()
    assert (second.query, second.asked, second.best) == ("sofa bed", 1, 0.1)
    assert log.totals() == {clock.now().date(): (4, 1, 2)}
    assert [row.query for row in log.failing(least=2)] == ["settee"]
    assert [row.query for row in log.failing(limit=1)] == ["settee"]


def test_counts_add_up_over_days_processes_and_shops(database: Database, clock: ManualClock) -> None:
    one, other = QueryLog(database, "demo", clock=clock), QueryLog(database, "demo", clock=clock)
    QueryLog(database, "elsewhere", clock=clock).failing()
    one.record(found("settee", 0.1))
    other.record(found("settee", 0.3))
    one.flush()
    other.flush()
    clock.advance(86_400)
    one.record(found("settee"))
    row = one.failing()[0]
    assert (row.asked, row.without_result, row.without_confidence, row.best) == (3, 1, 2, 0.3)
    assert one.failing(days=1)[0].asked == 1
    assert QueryLog(database, "elsewhere", clock=clock).failing() == []


def test_what_is_older_than_the_retention_goes(database: Database, clock: ManualClock) -> None:
    log = QueryLog(database, "demo", clock=clock)
    log.record(found("settee"))
    log.flush()
    clock.advance((KEPT + timedelta(days=1)).total_seconds())
    log.record(found("davenport"))
    log.flush()
    with database.read() as connection:
        assert {row.query for row in connection.execute(select(search_queries.c.query))} == {"", "davenport"}


def test_a_day_holds_a_bounded_number_of_texts(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(querylog, "MOST_A_DAY", 3)
    log = QueryLog(database, "demo", clock=clock)
    for i in range(10):
        log.record(found(f"settee {i}"))
        log.flush()
    log.record(found("settee 0"))
    assert {row.query for row in log.failing()} == {"settee 0", "settee 1", "settee 2"}
    assert log.failing()[0].asked == 2
    assert log.totals()[clock.now().date()] == (11, 11, 0)


def test_counts_are_written_together_and_in_time(
    stores: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database.open(stores)
    log = QueryLog(database, "demo", clock=clock)
    writes: list[int] = []
    write = log._write
    monkeypatch.setattr(log, "_write", lambda connection, taken: (writes.append(len(taken)), write(connection, taken)))
    for _ in range(49):
        log.record(found("settee"))
    assert writes == []
    log.record(found("settee"))
    assert writes == [2]
    clock.advance(6)
    log.record(found("davenport"))
    assert len(writes) == 2
    database.close()


def test_counts_survive_a_database_that_refuses(stores: Settings, clock: ManualClock) -> None:
    database = Database.open(stores)
    log = QueryLog(database, "demo", clock=clock)
    log.record(found("settee", 0.3))
    with pytest.MonkeyPatch.context() as patched:

        def refuse(*_: object) -> None:
            raise StorageError("locked")

        patched.setattr(log, "_write", refuse)
        with pytest.raises(StorageError):
            log.flush()
    log.record(found("settee", 0.4))
    row = log.failing()[0]
    assert (row.asked, row.best) == (2, 0.4)
    database.close()


def test_threads_lose_no_count(stores: Settings, clock: ManualClock) -> None:
    database = Database.open(stores)
    log = QueryLog(database, "demo", clock=clock)
    threads = [threading.Thread(target=lambda: [log.record(found("settee")) for _ in range(120)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.failing()[0].asked == 480
    database.close()


def test_a_text_from_elsewhere_in_the_table_is_read_as_it_is(stores: Settings, clock: ManualClock) -> None:
    database = Database.open(stores)
    row = {"asked": 1, "without_result": 1, "without_confidence": 0, "last_at": clock.now(), "language": "x" * 30}
    with database.begin() as connection:
        connection.execute(insert(search_queries).values(shop="demo", day=date(2026, 1, 1), query="ünï'; --", **row))
    log = QueryLog(database, "demo", clock=clock)
    assert log.failing()[0].query == "ünï'; --"
    assert log.record(found("settee"), "no language; DROP TABLE")
    assert {row.query: row.languages for row in log.failing()}["settee"] == ("und",)
    with pytest.raises(InputError, match="days is 0"):
        log.failing(days=0)
    with pytest.raises(InputError, match="sure is 2"):
        QueryLog(database, "demo", sure=2)
    database.close()


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Red  KETTLE", "red kettle"),
        ("mail me: Jane.Doe+x@example.co.uk now", f"mail me: {MASK} now"),
        ("4111 1111 1111 1111", MASK),
        ("card 4111-1111-1111-1111 kettle", f"card {MASK} kettle"),
        ("call +44 (0)20 7946-0958", f"call {MASK}"),
        ("٠٢٠ ٧٩٤٦ ٠٩٥٨", MASK),
        ("４１１１ １１１１ １１１１ １１１１", MASK),
        ("DE89 3704 0044 0532 0130 00", MASK),
        ("see https://example.org/?u=me", f"see {MASK}"),
        ("15.6 inch laptop 512 gb", "15.6 inch laptop 512 gb"),
        ("iphone 13 pro max", "iphone 13 pro max"),
        ("TN-2110 toner", "tn-2110 toner"),
        ("set of 6 glasses 0,5 l", "set of 6 glasses 0,5 l"),
        ("ket\u200btle\u202e", "kettle"),
        ("a\x00b\nc", "a b c"),
    ],
)
def test_secrets_are_masked_and_products_are_not(typed: str, kept: str) -> None:
    assert masked(typed) == kept


@given(st.text(max_size=600))
def test_what_is_kept_is_short_plain_and_stays_as_it_is(text: str) -> None:
    kept = masked(text)
    assert len(kept) <= LONGEST
    assert "@" not in kept
    assert all(c.isprintable() for c in kept)
    kept.encode()


@given(st.from_regex(r"[a-z]{0,5} ?\+?[0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{3,8} ?[a-z]{0,5}", fullmatch=True))
def test_no_run_of_seven_digits_is_left(text: str) -> None:
    assert sum(c.isdigit() for c in masked(text)) < 7
