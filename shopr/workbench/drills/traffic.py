"""A week at a shop's doors, simulated: shoppers, and some who come for something else, played through the real guard.

Messages come from the grammars that ship with the detector, under another seed than it was trained with. Who they are
is known, so what the guard did can be counted. Nobody waits: a clock that is moved by hand runs through the days.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
import pandas as pd

from shopr.clock import ManualClock
from shopr.errors import InputError
from shopr.security.access_book import AccessBook
from shopr.security.checks import FailureCheck
from shopr.security.guard import Guard, Request
from shopr.security.principal import Principal
from shopr.security.training.corpus import Row, generated

__all__ = ["ROLES", "START", "Secured", "messages", "play"]

ROLES = {
    "shopper": "talks to the shop",
    "prober": "sends attacks of many classes, one every few seconds",
    "slow attacker": "sends an attack every few hours, from a session like any other",
    "stuffer": "tries leaked passwords on many accounts",
    "scraper": "reads the catalogue, a product every two seconds",
    "flooder": "sends harmless messages, four a second",
}
"""Who comes, and what they do."""
START = datetime(2026, 1, 5, tzinfo=UTC)
"""When the played time begins: what the clock of the doors should say."""
_SHOPPER_MESSAGES, _OTHER_ACTS = 8, 70


class Secured(Protocol):
    """What is played against: `Shop.security` of a sandbox."""

    @property
    def guard(self) -> Guard:
        """Reads messages."""

    @property
    def access(self) -> AccessBook:
        """Networks that are kept out."""

    @property
    def failures(self) -> FailureCheck:
        """Counts refused logins and watches behaviour."""


@dataclass(frozen=True, slots=True)
class _Act:
    at: float
    role: str
    who: int
    kind: str
    text: str = ""
    attack: bool = False
    what: str = ""


def messages(attacks: int, harmless: int, *, seed: int) -> list[Row]:
    """Texts whose truth is known, `attacks` of each class of attack and `harmless` of each kind of harmless text.

    Raises:
        InputError: if there would be none of either.
    """
    if attacks < 1 or harmless < 1:
        raise InputError(
            f"{attacks} attacks and {harmless} harmless texts of a kind", hint="Ask for 1 at least of each"
        )
    return generated(attacks, harmless, seed=seed)


def play(
    doors: Secured, clock: ManualClock, rows: list[Row], *, shoppers: int, others: int, days: int, seed: int
) -> pd.DataFrame:
    """Play a time at the doors of a shop, which should be a sandbox.

    Args:
        clock: that of the doors.
        rows: what may be said.
        shoppers: people who talk to the shop, each about eight times.
        others: of each of the other roles.

    Returns:
        A row an act: `time, role, who, kind, text, attack, decision, score, threat, rules, stopped_by`; `stopped_by` is
        "", "detector", "limit", "lockout" or "access".
    """
    generator = np.random.default_rng(seed)
    acts = sorted(_acts(rows, shoppers, others, days, generator), key=lambda act: act.at)
    found, now = [], 0.0
    for act in acts:
        clock.advance(act.at - now)
        now = act.at
        found.append(_played(doors, clock, act))
    return pd.DataFrame(found)


def _acts(rows: list[Row], shoppers: int, others: int, days: int, generator: np.random.Generator) -> Iterator[_Act]:
    harmless = [row for row in rows if not row.attack]
    attacks = [row for row in rows if row.attack]
    span = days * 86_400.0
    for who in range(shoppers):
        at = float(generator.uniform(0, span - 3600))
        for _ in range(int(generator.poisson(_SHOPPER_MESSAGES)) + 1):
            row = harmless[int(generator.integers(len(harmless)))]
            yield _Act(at, "shopper", who, "message", row.text)
            at += float(generator.lognormal(3.3, 0.8))  # people need half a minute or so
    for role, pause in (("prober", 4.0), ("slow attacker", span / _OTHER_ACTS)):
        for who in range(others):
            at = float(generator.uniform(0, span / 2)) if role == "prober" else 0.0
            for _ in range(_OTHER_ACTS):
                row = attacks[int(generator.integers(len(attacks)))]
                yield _Act(at, role, who, "message", row.text, True)
                at += float(generator.uniform(0.5, 1.5)) * pause
    for who in range(others):
        starts = generator.uniform(0, span / 2, size=3)
        for number in range(_OTHER_ACTS):
            yield _Act(float(starts[0]) + 3 * number, "stuffer", who, "login", what=f"account {number}", attack=True)
            yield _Act(float(starts[1]) + 2 * number, "scraper", who, "view", what=f"product {number}", attack=True)
            row = harmless[int(generator.integers(len(harmless)))]
            yield _Act(float(starts[2]) + number / 4, "flooder", who, "message", row.text, True)


def _played(doors: Secured, clock: ManualClock, act: _Act) -> dict[str, object]:
    address = _address(act)
    session = "" if act.role == "stuffer" else f"{act.role}-{act.who}"
    kept = {"time": clock.now(), "role": act.role, "who": f"{act.role} {act.who}", "kind": act.kind,
            "text": act.text, "attack": act.attack}  # fmt: skip
    if act.kind == "message":
        verdict = doors.guard.inspect(Request(act.text, session_id=session, address=address))
        rule = verdict.rules[0].partition(":")[0] if verdict.rules else ""
        stopped = "" if verdict.allowed else rule if rule in ("limit", "lockout", "access") else "detector"
        return {**kept, "decision": str(verdict.decision), "score": verdict.score, "threat": verdict.threat,
                "rules": list(verdict.rules), "stopped_by": stopped}  # fmt: skip
    who = Principal.of(user=act.what if act.kind == "login" else "", session=session, address=address)
    stopped = "" if doors.access.check(address).allowed else "access"
    if not stopped and act.kind == "login":
        doors.failures.failed(who, "wrong password")
        doors.failures.saw("login_refused", who, act.what)
    elif not stopped:
        doors.failures.saw("item_viewed", who, act.what)
    decision = "block" if stopped else "allow"
    return {**kept, "decision": decision, "score": np.nan, "threat": "", "rules": [], "stopped_by": stopped}


def _address(act: _Act) -> str:
    """Ten shoppers share a network, as behind a carrier; the others have one of their own."""
    if act.role == "shopper":
        return f"203.0.113.{1 + act.who // 10 % 250}"
    return f"198.51.100.{1 + 40 * (list(ROLES).index(act.role) - 1) + act.who % 40}"
