"""The profiles of a shop at work: they follow live events, obey shoppers, and are there again after a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from shopr.clock import ManualClock
from shopr.data.catalog import Catalog
from shopr.data.dataset import Dataset
from shopr.data.events import Event, EventType
from shopr.data.ids import IdMap
from shopr.errors import InputError
from shopr.recommend.following.live import LiveStore
from shopr.recommend.profile.book import ProfileBook
from shopr.recommend.profile.corrections import Correction, CorrectionStore
from shopr.recommend.profile.parts import LESS, MORE
from shopr.storage import Database
from tests.logs import orders_of
from tests.recommend.shop import KINDS, small_catalog, small_interactions

NOW = datetime(2024, 3, 1, tzinfo=UTC)
LOG = small_interactions()


def dataset() -> Dataset:
    frame = small_catalog().frame.copy()
    frame["price"] = pd.array([500 + 100 * i for i in range(len(frame))], dtype="Int64")
    frame["currency"] = "GBP"
    return Dataset.build("demo", "test", Catalog.from_frame(frame), orders_of(LOG))


DATA = dataset()


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def book(settings, clock):
    return opened(settings, clock)


def opened(settings, clock) -> ProfileBook:
    database = Database.open(settings)
    return ProfileBook(
        lambda: DATA,
        LiveStore(database, "demo", clock=clock),
        CorrectionStore(database, "demo", clock=clock),
        clock=clock,
    )


def wishes(book: ProfileBook, user: str, ids: IdMap) -> np.ndarray:
    return book.wishes(book.said(user), ids)


def act(book: ProfileBook, product: str, kind: EventType, when: datetime, user: str = "u3") -> None:
    book._live.record(Event(type=kind, time=when, user_id=user, properties={"product_id": product}))


def top(book: ProfileBook, user: str = "u3") -> str:
    return book.card(user).categories[0].name


def test_a_profile_shows_what_was_bought_and_follows_live_events_once(book, clock):
    assert top(book) == f"Home > {KINDS[3].title()}s"
    for i in range(12):
        act(book, f"p{4 * (i % 8)}", EventType.ORDER_COMPLETED, NOW - timedelta(minutes=30 - i))
    after = book.card("u3")
    assert after.categories[0].name == "Home > Mugs"
    assert after.days_since == pytest.approx(0.0, abs=0.1)
    assert book.card("u3").categories == after.categories  # nothing is counted twice


def test_events_that_the_data_hold_already_are_not_counted_again(book):
    before = book.card("u3")
    until = DATA.events["time"].max().to_pydatetime()
    act(book, "p0", EventType.ORDER_COMPLETED, until - timedelta(hours=1))
    assert book.card("u3").categories == before.categories


def test_a_restart_forgets_nothing(book, settings, clock):
    act(book, "p0", EventType.ORDER_COMPLETED, NOW - timedelta(hours=1))
    book.correct("u3", Correction("brand", "Brand 1", "less"))
    again = opened(settings, clock)
    assert again.card("u3") == book.card("u3")


def test_what_a_shopper_said_becomes_a_boost(book):
    ids = IdMap(["p1", "p0", "unknown", "p4"])
    assert not wishes(book, "u3", ids).any()
    book.correct("u3", Correction("category", "Home > Mugs", "more"))
    book.correct("u3", Correction("brand", "Brand 1", "less"))
    said = wishes(book, "u3", ids)
    # p1 is a lamp of Brand 1, p0 a mug of Brand 0, p4 a mug of Brand 1.
    np.testing.assert_allclose(said, [LESS, MORE, 0.0, MORE + LESS])
    assert book.take_back("u3", "brand", "Brand 1")
    assert not book.take_back("u3", "brand", "Brand 1")
    np.testing.assert_allclose(wishes(book, "u3", ids), [0.0, MORE, 0.0, MORE])


def test_a_price_band_lowers_what_lies_outside(book):
    book.correct("u3", Correction("price", "Home > Mugs", low=500, high=1000))
    inside, outside, other = wishes(book, "u3", IdMap(["p0", "p44", "p45"]))
    assert (inside, other) == (0.0, 0.0)
    assert outside == pytest.approx(LESS)


def test_deleting_forgets_what_was_learnt_and_what_comes_later_counts(book, clock):
    book.correct("u3", Correction("brand", "Brand 1", "less"))
    act(book, "p0", EventType.PRODUCT_VIEWED, NOW - timedelta(hours=1))
    book.delete("u3")
    assert not book.card("u3").known
    assert not wishes(book, "u3", IdMap(["p1"])).any()
    assert book.said("u3").deleted_at == NOW
    clock.advance(3600)
    for i in range(9):
        act(book, f"p{4 * i + 1}", EventType.ORDER_COMPLETED, NOW + timedelta(minutes=i + 1))
    assert top(book) == "Home > Lamps"


def test_another_process_hears_of_a_deletion(book, settings, clock):
    other = opened(settings, clock)
    assert other.card("u3").known
    book.delete("u3")
    assert not other.card("u3").known


def test_somebody_unknown_has_an_empty_profile_that_can_be_told_things(book):
    assert not book.card("stranger").known
    book.correct("stranger", Correction("style", book.choices()["style"][0], "more"))
    assert wishes(book, "stranger", IdMap(f"p{i}" for i in range(47))).max() > 0


@pytest.mark.parametrize(
    ("correction", "message"),
    [
        (Correction("category", "Home > Mugz", "more"), r"no category 'Home > Mugz'.*Home > Mugs"),
        (Correction("brand", "Nobody", "less"), r"no brand 'Nobody'"),
        (Correction("price", "Garden", low=1, high=2), r"no category 'Garden'"),
    ],
)
def test_what_the_shop_does_not_have_is_refused_with_the_nearest(book, correction, message):
    with pytest.raises(InputError, match=message):
        book.correct("u3", correction)
    assert not wishes(book, "u3", IdMap(["p0"])).any()
