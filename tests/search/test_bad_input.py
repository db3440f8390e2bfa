"""Whatever is typed, search answers in bounded time with a sound answer, and never with an error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopr.search import ProductSearch
from shopr.search.asking.results import Found
from shopr.search.merchant.advice import Adviser
from shopr.search.query.understanding import MAX_QUERY
from shopr.search.text.masking import masked
from shopr.search.text.synonyms import Synonyms
from tests.search.shelf import catalog

SHOP = ProductSearch.build(catalog())
ADVISER = Adviser(SHOP)
IDS = set(SHOP.index.ids.ids.tolist())
BIDI = "\u202e\u2066\u2069\u200f\u200e\u061c"
HIDDEN = "\u200b\u200d\u2060\ufeff\u00ad"

anything = st.text(st.characters(), max_size=80)
mixed = st.lists(
    st.one_of(
        st.sampled_from(
            ["notebook", "mouse", "15.6 in", "8 GB", "not", "-", '"', "'", "%", "\\", "C:\\", "</p>", "\x00"]
        ),
        st.sampled_from(list(BIDI + HIDDEN)),
        st.sampled_from(
            ["👍🏽", "🇩🇪", "👨‍👩‍👧", "ﬁ", "İ", "ß", "ａｃｍｅ", "نص", "笔记本", "ノート", "ᄒ", "e\u0301\u0301"]
        ),
        st.text(max_size=6),
    ),
    max_size=20,
).map(" ".join)


def sound(found: Found, query: str, k: int) -> None:
    assert found.query == query
    assert len(found.product_ids) <= k
    assert set(found.product_ids) <= IDS
    assert set(found.alternatives) <= IDS
    assert not (found.abstained and found.product_ids)
    assert len(found.rows) == len(found.scores) == len(found.confidences) == len(found.product_ids)
    assert np.isfinite(found.scores).all()
    assert ((found.confidences >= 0) & (found.confidences <= 1)).all()


@settings(max_examples=300, deadline=None)
@given(st.one_of(anything, mixed), st.integers(1, 20))
def test_any_text_gets_a_sound_answer(query: str, k: int) -> None:
    sound(SHOP.search(query, k), query, k)
    assert SHOP.search(query, k).product_ids == SHOP.search(query, k).product_ids
    assert all(isinstance(text, str) for text in SHOP.suggest(query))


@settings(max_examples=100, deadline=None)
@given(mixed, mixed)
def test_any_text_may_be_masked_rewritten_and_advised_on(query: str, rule: str) -> None:
    assert len(masked(query)) <= 200
    assert isinstance(Synonyms({"mouse": "mouse pad"}).rewrite(query + " mouse"), str)
    assert ADVISER.advise(query).query == query


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["notebook case", "wireless mouse", "leather"]), st.text(BIDI + HIDDEN, max_size=6), st.data())
def test_what_cannot_be_seen_changes_nothing(query: str, noise: str, data: st.DataObject) -> None:
    typed = query
    for sign in noise:
        at = data.draw(st.integers(0, len(typed)))
        typed = typed[:at] + sign + typed[at:]
    assert SHOP.search(typed).product_ids == SHOP.search(query).product_ids


@pytest.mark.parametrize(
    "query", ["", " ", "\t\n", "\u3000", "\u200b", BIDI, "…", "!!!", "👍", "👍🏽🇩🇪👨‍👩‍👧", "\x00", "\ud800", "-"]
)
def test_what_says_nothing_finds_nothing_sure(query: str) -> None:
    found = SHOP.search(query)
    if query.strip():
        assert not found.product_ids
    sound(found, query, 10)


@pytest.mark.parametrize(
    "unit",
    ["a", "a ", "mouse ", "mouse", "0", "0 ", "a-", "15.6 in ", "/", "👍", "\u202e", "e\u0301", "笔", "(s)", "1x"],
)
def test_a_hundred_kilobytes_are_read_no_farther_than_a_query(unit: str) -> None:
    query = (unit * 100_000)[:100_000]
    found, short = SHOP.search(query), SHOP.search(query[:MAX_QUERY])
    sound(found, query, 10)
    assert (found.product_ids, found.alternatives) == (short.product_ids, short.alternatives)
    assert SHOP.suggest(query) == SHOP.suggest(query[:MAX_QUERY])
    rules = Synonyms({"mouse": "mouse pad"})
    assert len(rules.rewrite(query)) <= max(len(query), 3 * MAX_QUERY)
    assert rules.rewrite("mouse " * 20_000) == rules.rewrite(("mouse " * 20_000)[:MAX_QUERY])
