"""Plays scripted customers against the agent and holds what is in the database beside what ought to be there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from benchmarks.retailing.customer import Customer
from benchmarks.retailing.goals import KINDS, Goal, draw
from benchmarks.retailing.oracle import expected

__all__ = ["Played", "play", "play_all"]

MOST_TURNS = 40


@dataclass
class Played:
    """One conversation and its verdict.

    Attributes:
        kind, number: which.
        failures: what went wrong; empty: a success.
        turns: messages of the customer.
        seconds: CPU time of the replies.
        lines: the transcript.
    """

    kind: str
    number: int
    goal: Goal
    failures: list[str] = field(default_factory=list)
    turns: int = 0
    seconds: list[float] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def play(
    data: Any, commerce: Any, agent: Any, words: dict[str, list[str]], kind: str, *, seed: int, number: int
) -> Played:
    """One conversation of a kind; the same seed and number give the same one."""
    from shopr.commerce.retail_data import state

    rng = Random(f"{seed}:{kind}:{number}")
    goal = draw(data, kind, rng)
    played = Played(kind, number, goal)
    users = (goal.user_id, *goal.others)
    data.fill(commerce, users)
    customer = Customer(data, goal, words, rng)
    text: str | None = customer.opening()
    answers, transferred = [], False
    while text is not None and played.turns < MOST_TURNS:
        begun = time.process_time()
        reply = agent.reply(text, conversation_id=f"{seed}-{kind}-{number}-{id(played)}")
        played.seconds.append(time.process_time() - begun)
        played.turns += 1
        played.lines += [f"customer: {text}", f"agent:    {reply.text}"]
        answers.append(reply.text)
        if reply.done and not customer.said_yes:
            played.failures.append("acted without a yes")
        transferred = transferred or reply.transferred
        text = customer.answer(reply)
    if text is not None:
        played.failures.append(f"no end after {MOST_TURNS} messages")
    played.failures += verdict(data, goal, state(commerce, users), " ".join(answers), transferred)
    return played


def verdict(data: Any, goal: Goal, held: dict[str, Any], said: str, transferred: bool) -> list[str]:
    """What is wrong with the end of a conversation."""
    wrong = []
    ought = expected(data, goal)
    for table in ("users", "orders"):
        wrong += [f"{table[:-1]} {key} differs" for key in ought[table] if held[table].get(key) != ought[table][key]]
    if held["orders"].keys() != ought["orders"].keys():
        wrong.append("orders appeared or vanished")
    if transferred and goal.transfer == "never":
        wrong.append("handed over without need")
    if not transferred and goal.transfer == "must":
        wrong.append("not handed over")
    for wish in goal.wishes:
        wrong += [f"{fact!r} was not said" for fact in wish.facts if fact not in said]
    for other in goal.others:
        private = [
            data.users[other]["address"]["address1"],
            *(i for i, o in data.orders.items() if o["user_id"] == other),
        ]
        wrong += ["told of another person" for fact in private if fact in said][:1]
    return wrong


def play_all(
    data: Any, commerce: Any, words: dict[str, list[str]], *, seed: int, each: int, kinds: Sequence[str] = tuple(KINDS)
) -> list[Played]:
    """`each` conversations of every kind."""
    from shopr.chat.retail import RetailAgent

    data.fill(commerce)
    agent = RetailAgent(commerce)
    return [
        play(data, commerce, agent, words, kind, seed=seed, number=number) for kind in kinds for number in range(each)
    ]
