"""What a page of products is asked for: the same in an address and back, whatever somebody writes into it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.search import SORTS, Filters
from shopr.search.asking.request import LONGEST, PageRequest

names = st.lists(st.text(st.characters(categories=["L", "N", "S"]), min_size=1, max_size=8), max_size=3, unique=True)
amounts = st.none() | st.integers(0, 10**9)


@given(
    st.builds(
        PageRequest,
        query=st.text(min_size=1, max_size=LONGEST),
        brands=names.map(tuple),
        categories=names.map(tuple),
        colours=names.map(tuple),
        price_min=amounts,
        price_max=amounts,
        in_stock=st.booleans(),
        sort=st.sampled_from(SORTS),
        page=st.integers(1, 1000),
        exact=st.booleans(),
    ),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_an_address_holds_all_of_it(request_: PageRequest, currency: str) -> None:
    assert PageRequest.of(request_.params(currency), currency) == request_


def test_what_is_as_usual_is_not_in_the_address() -> None:
    assert PageRequest().params("EUR") == {}
    assert PageRequest("mug", ("Alder",), price_max=2500).params("EUR") == {
        "q": ["mug"],
        "brand": ["Alder"],
        "max": ["25.00"],
    }


@given(st.dictionaries(st.sampled_from("q brand category colour min max stock sort page exact x".split()),
                       st.lists(st.text(max_size=30), max_size=30)))  # fmt: skip
def test_anything_in_an_address_opens_a_page(params: dict[str, list[str]]) -> None:
    found = PageRequest.of(params, "EUR")
    assert len(found.query) <= LONGEST
    assert found.sort in SORTS
    assert found.page >= 1
    assert PageRequest.of(found.params("EUR"), "EUR") == found
    assert isinstance(found.filters, Filters)


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity", "1e99", "12,50", "", "x" * 100, "١٢٣x"])
def test_what_is_no_price_is_left_out(amount: str) -> None:
    assert PageRequest.of({"min": [amount]}, "EUR").price_min is None


def test_conditions_are_named_and_taken_away_one_by_one() -> None:
    full = PageRequest("mug", ("A", "B"), colours=("red",), price_max=900, in_stock=True, sort="newest", page=7)
    assert full.conditions == (
        ("brands", "A"), ("brands", "B"), ("colours", "red"), ("price_max", ""), ("in_stock", ""),
    )  # fmt: skip
    less = full.without("brands", "A")
    assert (less.brands, less.page, less.sort) == (("B",), 1, "newest")
    assert full.without("price_max").price_max is None
    assert full.without("in_stock").in_stock is False
    assert full.unfiltered() == PageRequest("mug", sort="newest")
    assert full.told == {"brands": ["A", "B"], "colours": ["red"], "price_max": 900, "in_stock": True}
    assert PageRequest("mug").told == {}
