"""What shoppers say about their profiles: kept, replaced, taken back, exported, erased."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shopr.clock import ManualClock
from shopr.config import Settings
from shopr.errors import InputError
from shopr.recommend.profile import corrections as module
from shopr.recommend.profile.corrections import Correction, CorrectionStore, Wishes
from shopr.storage import Database, SubjectStores

LESS_TOYS = Correction("category", "Toys", "less")
BAND = Correction("price", "Toys", low=500, high=2000)


@pytest.fixture
def store(stores: Settings, clock: ManualClock):
    with Database.open(stores) as database:
        yield CorrectionStore(database, "demo", clock=clock)


def test_what_was_said_is_kept_replaced_and_taken_back(store: CorrectionStore) -> None:
    assert store.of("ann") == Wishes()
    store.put("ann", LESS_TOYS)
    store.put("ann", BAND)
    assert set(store.of("ann").corrections) == {LESS_TOYS, BAND}
    store.put("ann", Correction("category", "Toys", "more"))
    assert Correction("category", "Toys", "more") in store.of("ann").corrections
    assert len(store.of("ann").corrections) == 2
    assert store.take_back("ann", "category", "Toys")
    assert not store.take_back("ann", "category", "Toys")
    assert store.of("ann").corrections == (BAND,)
    assert store.of("bob") == Wishes()


def test_shops_do_not_see_each_other(stores: Settings, clock: ManualClock) -> None:
    with Database.open(stores) as database:
        one, two = CorrectionStore(database, "one", clock=clock), CorrectionStore(database, "two", clock=clock)
        one.put("ann", LESS_TOYS)
        one.delete_profile("bob")
        assert two.of("ann") == Wishes()
        assert two.of_many() == {}


def test_a_deleted_profile_leaves_only_the_moment(store: CorrectionStore, clock: ManualClock) -> None:
    store.put("ann", LESS_TOYS)
    store.put("bob", LESS_TOYS)
    store.delete_profile("ann")
    assert store.of("ann") == Wishes((), clock.now())
    assert store.of("bob").corrections == (LESS_TOYS,)
    clock.advance(60)
    store.put("ann", BAND)
    assert store.of("ann") == Wishes((BAND,), clock.now() - timedelta(seconds=60))
    store.delete_profile("ann")
    assert store.of("ann") == Wishes((), clock.now())


def test_many_shoppers_at_once(store: CorrectionStore) -> None:
    ids = [f"u{n}" for n in range(1200)]
    store.put("u7", LESS_TOYS)
    store.put("u1100", BAND)
    assert store.of_many(ids) == store.of_many() == {"u7": Wishes((LESS_TOYS,)), "u1100": Wishes((BAND,))}


def test_a_shopper_gets_a_copy_and_is_erased(stores: Settings, clock: ManualClock) -> None:
    with Database.open(stores) as database:
        store, subjects = CorrectionStore(database, "demo", clock=clock), SubjectStores(database, clock=clock)
        store.put("ann", LESS_TOYS)
        store.put("bob", LESS_TOYS)
        (row,) = subjects.export("ann")["profile_corrections"]
        assert (row["kind"], row["name"], row["value"]) == ("category", "Toys", {"wish": "less"})
        assert subjects.erase("ann")["profile_corrections"] == 1
        assert store.of("ann") == Wishes()
        assert store.of("bob").corrections == (LESS_TOYS,)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (("colour", "red", "more"), "correction of 'colour'"),
        (("category", "", "more"), "0 characters"),
        (("category", "x" * 513, "more"), "513 characters"),
        (("brand", "Acme", "hate"), "wish 'hate'"),
        (("brand", "Acme", "more", 1, 2), "wish 'more'"),
        (("price", "Toys"), "price band None to None"),
        (("price", "Toys", None, 300, 200), "price band 300 to 200"),
        (("price", "Toys", None, -1, 200), "price band -1 to 200"),
    ],
)
def test_nonsense_is_refused_by_name(values, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Correction(*values)


def test_the_number_of_corrections_is_bounded(store: CorrectionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CORRECTIONS", 1)
    store.put("ann", LESS_TOYS)
    store.put("ann", LESS_TOYS)
    with pytest.raises(InputError, match="the bound is 1"):
        store.put("ann", BAND)
    with pytest.raises(InputError, match="user id of 0 characters"):
        store.put("", BAND)
