"""Identities: who logged in owns what came before; two persons are never made one; a merge can be undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from shopr.analytics.intake.privacy import private
from shopr.analytics.measures.funnel import Step, funnel
from shopr.analytics.measures.goals import Goal, goals
from shopr.analytics.measures.journey import journeys
from shopr.analytics.reading.log import EventLog
from shopr.analytics.store.event_store import EventStore
from shopr.analytics.store.identities import Identities
from shopr.analytics.store.pseudonyms import pseudonym
from shopr.analytics.store.rows import row_of
from shopr.data.events import Event
from shopr.errors import InputError
from shopr.storage import Database
from shopr.storage.tables import identities

Make = Callable[..., Event]
STEPS = [Step("product_viewed"), Step("order_completed")]


def persons(store: EventStore) -> set[str]:
    log = EventLog.read(store)
    assert set(np.unique(log.persons)) == set(range(log.n_persons))  # nobody without an event
    return set(log.person_ids)


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """One for all examples: opening one takes longer than all of them."""
    with Database.open(url="sqlite://") as opened:
        yield opened


@pytest.fixture
def shop(store: EventStore, event: Make) -> EventStore:
    """Ann looks on Monday without logging in, and orders on Tuesday in another session of the same browser."""
    store.append(
        [
            row_of(event("product_viewed", ago=9000, session_id="s1", product_id="p")),
            row_of(event("order_completed", ago=100, session_id="s2", user_id="ann", product_id="p")),
            row_of(event("product_viewed", ago=50, session_id="s3", product_id="p")),
        ]
    )
    return store


def test_a_login_makes_what_came_before_theirs(shop: EventStore) -> None:
    assert persons(shop) == {"ann", "s1", "s3"}
    shop.identities.link(session_id="s1", device_id="phone")
    shop.identities.link(session_id="s2", device_id="phone", user_id="ann")
    shop.identities.link(session_id="s3", device_id="laptop")
    assert persons(shop) == {"ann", "s3"}
    log = EventLog.read(shop)
    assert funnel(log, STEPS).counts.tolist() == [2, 1]
    table = goals(log, [Goal("bought", STEPS)])
    assert dict(zip(table["unit_id"], table["bought"], strict=True)) == {"ann": 1, "s3": 0}
    assert journeys(log).paths["sessions"].sum() == 3
    assert {row["session_id"] for row in shop.export("ann")} == {"s1", "s2"}


def test_a_login_that_starts_a_new_session_owns_the_old_one(shop: EventStore) -> None:
    shop.identities.link(session_id="s1", user_id="ann")
    assert persons(shop) == {"ann", "s3"}
    shop.identities.link(session_id="s3", user_id="cleo")  # whom no event names
    assert persons(shop) == {"ann", "cleo"}


def test_a_shared_device_makes_no_two_persons_one(shop: EventStore, event: Make) -> None:
    shop.append([row_of(event("order_completed", session_id="s4", user_id="bob", product_id="p"))])
    for session, user in (("s1", ""), ("s2", "ann"), ("s3", ""), ("s4", "bob")):
        shop.identities.link(session_id=session, device_id="tablet", user_id=user)
    assert persons(shop) == {"ann", "bob", "s1", "s3"}
    assert shop.identities.sessions_of("ann") == ["s2"]
    assert {row["session_id"] for row in shop.export("ann")} == {"s2"}


def test_a_session_of_two_users_is_neithers(store: EventStore, event: Make) -> None:
    made = [("x1", None), ("x2", "ann"), ("x3", "bob"), ("x4", None)]
    store.append([row_of(event("product_viewed", ago=9 - i, session_id="s", event_id=e, user_id=u))
                  for i, (e, u) in enumerate(made)])  # fmt: skip
    store.append([row_of(event("product_viewed", session_id="t", user_id=u)) for u in ("ann", "bob")])
    assert persons(store) == {"ann", "bob", "s"}
    store.identities.link(session_id="s", user_id="ann")
    assert persons(store) == {"ann", "bob", "s"}
    assert [row["event_id"] for row in store.export("ann") if row["session_id"] == "s"] == ["x2"]
    assert store.erase("ann") == 4  # what may be hers goes as well
    assert persons(store) == {"bob"}


def test_a_merge_is_undone_and_forgotten(shop: EventStore) -> None:
    links = shop.identities
    assert links.link(session_id="s1", device_id="phone")
    assert links.link(session_id="s2", device_id="phone", user_id="ann")
    assert not links.link(session_id="s2", device_id="phone", user_id="ann")
    assert len(links.export("ann")) == 1
    assert links.unlink("ann", device_id="phone") == 1
    assert persons(shop) == {"ann", "s1", "s3"}
    assert links.link(session_id="s2", device_id="phone", user_id="ann")
    assert shop.erase("ann") == 2  # the visit before the login is hers, and goes
    assert persons(shop) == {"s3"}
    assert links.owners().num_rows == 0
    assert links.export("ann") == []


def test_an_address_as_user_id_is_linked_and_erased_by_its_stand_in(shop: EventStore, event: Make) -> None:
    mail = "Ann@example.org"
    shop.identities.link(session_id="s9", user_id=mail)
    shop.append([row_of(private(event(session_id="s9"))), row_of(private(event(user_id=mail, session_id="s9")))])
    assert shop.identities.export(mail)[0]["user_id"] == pseudonym(mail)
    assert shop.identities.sessions_of(mail) == ["s9"]
    assert {row["user_id"] for row in shop.export(mail)} == {None, pseudonym(mail)}
    assert shop.erase(mail) == 2
    assert (shop.identities.export(mail), shop.export(mail)) == ([], [])
    number = "1700000000123"  # a session by a clock looks like a telephone number, and is found all the same
    shop.identities.link(session_id=number, device_id="d9")
    shop.append([row_of(private(event(event_id="n1", session_id=number)))])
    assert [row["event_id"] for row in shop.export_visit(number)] == ["n1"]
    assert (shop.erase_visit(number), shop.identities.erase_visit(number)) == (1, 1)


@pytest.mark.parametrize("wrong", [{"user_id": "ann"}, {"user_id": "ann", "session_id": "x" * 257}, {}])
def test_a_link_has_two_ends(database: Database, wrong: dict[str, str]) -> None:
    with pytest.raises(InputError, match="a link of"):
        Identities(database).link(**wrong)


LINKS = st.tuples(
    st.sampled_from(["", "s1", "s2", "s3"]), st.sampled_from(["", "d1", "d2"]), st.sampled_from(["", "ann", "bob"])
).filter(lambda link: sum(map(bool, link)) >= 2)


@settings(max_examples=30, deadline=None)
@given(links=st.lists(LINKS, max_size=8))
def test_the_rule_by_brute_force(database: Database, links: list[tuple[str, str, str]]) -> None:
    with database.begin() as connection:
        connection.execute(delete(identities))
    book = Identities(database)
    for session, device, user in links:
        book.link(session_id=session, device_id=device, user_id=user)
    found = {row["session_id"]: row["user_id"] for row in book.owners().to_pylist() if row["user_id"]}
    expected = {}
    for session in ("s1", "s2", "s3"):
        direct = {u for s, _, u in links if s == session and u}
        devices = {d for s, d, _ in links if s == session and d}
        by_device = {u for _, d, u in links if d in devices and u}
        users = direct or by_device
        if len(users) == 1:
            expected[session] = next(iter(users))
    assert found == expected
    for user in ("ann", "bob"):
        assert book.sessions_of(user) == sorted(s for s, u in expected.items() if u == user)
