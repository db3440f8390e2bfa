"""Many conversations at once in one process: each keeps its own language, search, cart and orders."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.chat.shop import Talk

CONVERSATIONS = 200
WANTED = {"headphones": "h", "keyboards": "k", "mice": "m", "laptops": "l"}


def converse(talk: Talk, number: int) -> tuple[bool, str]:
    word, letter = sorted(WANTED.items())[number % len(WANTED)]
    name, user = f"conversation-{number}", f"user-{number}"
    shown = talk.say(f"show me {word}", conversation=name, user=user).products
    quantity = number % 2 + 1
    talk.say(f"add {quantity} of the first", conversation=name, user=user)
    reply = talk.say("what is in my cart?", conversation=name, user=user)
    right = [(c.id, c.qty) for c in reply.cart] == [(shown[0].id, quantity)]
    return right and all(p.id.startswith(letter) for p in shown), reply.text


def test_two_hundred_conversations_do_not_mix(talk: Talk) -> None:
    talk.assistant.warm(["en"])
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda n: converse(talk, n), range(CONVERSATIONS)))
    assert [text for right, text in results if not right] == []


def test_turns_of_one_conversation_wait_for_each_other(talk: Talk) -> None:
    talk.say("show me mice")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: talk.say("add one of the first"), range(12)))
    assert len(talk.memory.turns("c", "ann")) == 13
    assert talk.say("show my cart").cart[0].qty == 12
