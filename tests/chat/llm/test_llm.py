"""A language model beside the core: a real server that answers well, badly, late or not at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shopr.chat.llm.asking import Asker
from shopr.chat.llm.budget import AnswerCache, Budget
from shopr.chat.llm.client import Endpoint, LanguageModel, LanguageModelError, Message
from shopr.chat.llm.propose import ALLOWED, Proposer, checked
from shopr.chat.llm.rephrase import Rephraser, marked, restored
from shopr.clock import ManualClock
from shopr.redaction import redact
from tests.chat.llm.server import Endpoint as Served
from tests.chat.llm.server import serving

PROMPT = [Message("system", "Be brief."), Message("user", "Hello")]


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as endpoint:
        yield endpoint


def model(served: Served, clock: ManualClock | None = None, **options: Any) -> LanguageModel:
    return LanguageModel(Endpoint(url=served.url, model="small", **options), clock=clock or ManualClock())


def test_one_request_of_the_known_form(served: Served) -> None:
    asked = model(served, api_key="secret", most_tokens=99)
    assert asked.complete(PROMPT).text == "fine"
    assert asked.complete(PROMPT, as_json=True).tokens == 50
    first, second = served.asked
    assert (first["path"], first["model"], first["temperature"], first["max_tokens"], first["stream"]) == (
        "/v1/chat/completions", "small", 0, 99, False,
    )  # fmt: skip
    assert first["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    assert "response_format" not in first
    assert second["response_format"] == {"type": "json_object"}
    assert served.headers[0]["Authorization"] == "Bearer secret"
    assert "secret" not in repr(asked.endpoint)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"status": 500}, "status 500"),
        ({"status": 302, "location": "http://127.0.0.1:1/"}, "status 302"),
        ({"raw": b"<html>"}, "no chat completion"),
        ({"raw": b'{"choices": []}'}, "no chat completion"),
        ({"raw": b'{"choices": [{"message": {"content": null}}]}'}, "empty"),
        ({"raw": b"[" * 100_000}, "no chat completion"),
        ({"raw": b"x" * (2 << 20)}, "longer than"),
    ],
)
def test_a_bad_answer_is_an_error_in_one_line(served: Served, state: dict[str, Any], words: str) -> None:
    vars(served).update(state)
    with pytest.raises(LanguageModelError, match=words):
        model(served).complete(PROMPT)
    assert len(served.asked) == 1  # no retry, no redirect followed


def test_an_answer_that_never_comes_ends_with_the_time_out(served: Served) -> None:
    served.hang = threading.Event()
    with pytest.raises(LanguageModelError, match="did not answer: ReadTimeout"):
        model(served, timeout_seconds=0.2).complete(PROMPT)


def test_an_endpoint_that_fails_in_a_row_rests_and_is_asked_again_later(served: Served, clock: ManualClock) -> None:
    asked = model(served, clock, failures=2, rest_seconds=60)
    served.status = 503
    for _ in range(5):
        with pytest.raises(LanguageModelError):
            asked.complete(PROMPT)
    assert len(served.asked) == 2
    assert asked.resting
    clock.advance(60)
    served.status = 200
    assert asked.complete(PROMPT).text == "fine"
    assert not asked.resting


@pytest.mark.parametrize(
    "url", ["ftp://host/v1", "localhost:1234", "http://user:key@host/v1", "file:///etc/passwd", ""]
)
def test_an_address_that_is_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="no address of an endpoint"):
        Endpoint(url=url, model="m")


def test_a_budget_is_of_the_last_day(clock: ManualClock) -> None:
    budget = Budget(tokens=100, requests=3, clock=clock)
    budget.spend(60)
    clock.advance(40_000)
    budget.spend(40)
    assert not budget.allows()  # tokens
    clock.advance(46_401)
    assert budget.allows()  # the first request is older than a day
    budget.spend(0)
    budget.spend(0)
    assert not budget.allows()  # requests
    assert not Budget(tokens=0, clock=clock).allows()


def test_the_cache_forgets_what_is_old_or_unused(clock: ManualClock) -> None:
    cache = AnswerCache(2, 100, clock=clock)
    cache.put("a", "1")
    cache.put("b", "2")
    assert cache.get("a") == "1"
    cache.put("c", "3")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ("1", None, "3")
    clock.advance(101)
    assert cache.get("a") is None


def test_a_prompt_is_paid_for_once_and_names_nobody(served: Served, clock: ManualClock) -> None:
    asker = Asker(model(served, clock), budget=Budget(requests=2, clock=clock), cache=AnswerCache(clock=clock))
    for _ in range(3):
        asker.ask("sys", "I am ann@example.org, +44 20 7946 0958, card 4111-1111-1111-1111, order A1001")
    assert len(served.asked) == 1
    assert served.user() == "I am [e-mail], [phone], card [card], order A1001"
    served.status = 500
    with pytest.raises(LanguageModelError, match="status 500"):
        asker.ask("sys", "another")
    with pytest.raises(LanguageModelError, match="budget of the day is spent"):
        asker.ask("sys", "a third")
    assert len(served.asked) == 2  # a failed request counts


def test_masks_leave_prices_and_orders_alone() -> None:
    text = "headphones under 1,299.00 EUR, 2 of them, order 20261130-77, 500 GB"
    assert redact(text) == text


REPLY = "I found 2 headphones. 1. Ultra X3: €29.99, in stock. Shall I add one?"
FACTS = ("Ultra X3", "€29.99", "in stock")


def rephraser(served: Served, clock: ManualClock, **options: Any) -> Rephraser:
    return Rephraser(Asker(model(served, clock), budget=Budget(clock=clock)), **options)


def test_facts_are_hidden_from_the_model_and_put_back(served: Served, clock: ManualClock) -> None:
    served.answer = lambda body: "Here are ⟦1⟧ headphones for you. ⟦2⟧. ⟦3⟧: ⟦4⟧, ⟦5⟧. Would you like it?"
    made = rephraser(served, clock)(REPLY, facts=FACTS, language="en")
    assert made == "Here are 2 headphones for you. 1. Ultra X3: €29.99, in stock. Would you like it?"
    assert served.user() == "I found ⟦1⟧ headphones. ⟦2⟧. ⟦3⟧: ⟦4⟧, ⟦5⟧. Shall I add one?"


@pytest.mark.parametrize(
    "answer",
    [
        "Here are headphones.",  # facts lost
        "⟦1⟧ ⟦2⟧ ⟦3⟧ ⟦4⟧ ⟦5⟧ ⟦5⟧",  # doubled
        "⟦2⟧ ⟦1⟧ ⟦3⟧ ⟦4⟧ ⟦5⟧",  # another order
        "⟦1⟧ ⟦2⟧ ⟦3⟧ ⟦4⟧ ⟦5⟧ and 10 off",  # a number of its own
        "⟦1⟧ ⟦2⟧ ⟦3⟧ ⟦4⟧ ⟦5⟧ and ٣ off",  # in any script
        "⟦1⟧ ⟦2⟧ ⟦3⟧ ⟦4⟧ ⟦5⟧ see https://example.org",
        "⟦1⟧ ⟦2⟧ ⟦3⟧ ⟦4⟧ ⟦5⟧ <b>now</b>",
        "⟦1⟧ ⟦2⟧ ⟦3⟧ ⟦4⟧ ⟦5⟧ half price, ten % less",
        "⟦1⟧ ⟦2⟧ ⟦3⟧ ⟦4⟧ ⟦5⟧ " + "and more " * 40,
    ],
)
def test_an_answer_that_is_not_to_be_trusted_leaves_the_reply_as_it_is(
    served: Served, clock: ManualClock, answer: str
) -> None:
    served.answer = lambda body: answer
    assert rephraser(served, clock)(REPLY, facts=FACTS, language="en") == REPLY


def test_without_the_endpoint_or_in_another_language_the_reply_stands(served: Served, clock: ManualClock) -> None:
    served.answer = lambda body: "⟦1⟧ Kopfhörer. ⟦2⟧. ⟦3⟧: ⟦4⟧, ⟦5⟧. Möchten Sie einen?"
    english = rephraser(served, clock, language_of=lambda text: "de" if "Kopfhörer" in text else "en")
    assert english(REPLY, facts=FACTS, language="en") == REPLY
    served.status = 500
    assert rephraser(served, clock)(REPLY, facts=FACTS, language="en") == REPLY
    before = len(served.asked)
    assert rephraser(served, clock)("€29.99", facts=(), language="en") == "€29.99"
    assert len(served.asked) == before  # nothing but a fact is not worth asking


@given(st.text(max_size=80), st.lists(st.text(min_size=1, max_size=6), max_size=4))
def test_what_was_hidden_comes_back_as_it_was(text: str, facts: list[str]) -> None:
    clean = text.replace("⟦", "").replace("⟧", "")
    hidden, held = marked(clean, [f.replace("⟦", "").replace("⟧", "") for f in facts])
    made = restored(hidden, held)
    assert made is None or made == clean


SHOWN = ("p1", "p2", "p3")


def proposed(served: Served, clock: ManualClock, answer: object) -> list[dict[str, Any]]:
    served.answer = lambda body: answer if isinstance(answer, str) else json.dumps(answer)
    found = Proposer(Asker(model(served, clock), budget=Budget(clock=clock)))("?", shown=SHOWN, currency="EUR")
    return [command.as_dict() for command in found]


def test_a_proposal_that_is_sound_becomes_commands(served: Served, clock: ManualClock) -> None:
    need = {"concepts": ["headphones"], "colours": ["black"], "price_max": 49.99, "in_stock": True, "brands": ["Sony"]}
    assert proposed(served, clock, {"commands": [{"name": "search", "need": need}]}) == [
        {
            "name": "search",
            "need": {
                "concepts": ["headphones"], "brands": ["Sony"], "colours": ["black"], "price_max": 4999,
                "in_stock": True,
            },
        }
    ]  # fmt: skip
    assert proposed(served, clock, {"commands": [{"name": "compare", "ranks": [2, 1, 2]}]}) == [
        {"name": "compare", "ids": ["p2", "p1"]}
    ]
    assert "headphones" in served.asked[0]["messages"][0]["content"]


@pytest.mark.parametrize(
    "answer",
    [
        "certainly, here you are",
        "[" * 5_000,
        "[]",
        {"commands": "search"},
        {"commands": [{"name": "checkout"}, {"name": "confirm"}, {"name": "add", "ranks": [1]}, {"name": "return"}]},
        {"commands": [{"name": "apply_coupon"}, {"name": None}, 7, None]},
        {"commands": [{"name": "search"}, {"name": "search", "need": {"concepts": ["nonsense"], "price_max": "low"}}]},
    ],
)
def test_a_proposal_that_is_not_leaves_nothing(served: Served, clock: ManualClock, answer: object) -> None:
    assert proposed(served, clock, answer) == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["name", "need", "ranks", "concepts", "price_max", "words"]), inner)
        ),
    )
)
def test_whatever_is_proposed_is_checked_without_an_error(value: Any) -> None:
    for each in (value, {"name": "search", "need": value}, {"name": "details", "ranks": value}):
        command = checked(each, shown=SHOWN)
        assert command is None or (command.name in ALLOWED and set(command.ids) <= set(SHOWN))
