"""Needs change as people mean it, and survive storage."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shopr.chat.need import Need
from shopr.chat.state import State

words = st.lists(st.sampled_from(["black", "white", "red"]), max_size=2, unique=True).map(tuple)
prices = st.none() | st.integers(0, 10_000)
needs = st.builds(
    Need, colours=words, not_colours=words, brands=words, price_min=prices, price_max=prices, in_stock=st.booleans()
)


@given(needs)
def test_a_need_survives_storage(need: Need) -> None:
    assert Need.of(need.as_dict()) == need


@given(needs, needs)
def test_nothing_is_wanted_and_denied_at_once(first: Need, second: Need) -> None:
    merged = first.refined(second)
    assert not set(merged.colours) & set(merged.not_colours) or set(first.colours) & set(first.not_colours)
    if second.price_min is not None and second.price_max is not None:
        assert (merged.price_min, merged.price_max) == (second.price_min, second.price_max)
    elif second.price_min is not None or second.price_max is not None:
        assert not merged.contradictory or first.contradictory


def test_a_new_value_takes_the_place_of_the_old_one() -> None:
    need = Need(concepts=("mouse",), colours=("black",), price_max=3000)
    white = need.refined(Need(colours=("white",), not_colours=("black",)))
    assert white == Need(concepts=("mouse",), colours=("white",), price_max=3000)


def test_a_bound_that_excludes_the_other_side_replaces_it() -> None:
    need = Need(concepts=("mouse",), price_max=3000)
    assert need.refined(Need(price_min=5000)) == Need(concepts=("mouse",), price_min=5000)
    assert need.refined(Need(price_min=1000)) == Need(concepts=("mouse",), price_min=1000, price_max=3000)


def test_a_denied_brand_is_wanted_no_longer() -> None:
    need = Need(concepts=("printer",), brands=("HP",)).refined(Need(not_brands=("HP",)))
    assert (need.brands, need.not_brands) == ((), ("HP",))


def test_earlier_searches_can_be_gone_back_to() -> None:
    state = State()
    state.search(Need(concepts=("laptop",), price_max=90_000))
    state.search(Need(concepts=("mouse",)))
    assert state.topic_of(("laptop",)) == Need(concepts=("laptop",), price_max=90_000)
    assert State.of(state.as_dict()) == state
