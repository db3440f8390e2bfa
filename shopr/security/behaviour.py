"""What no single request shows: stuffing of credentials, scraping, probing, as rates and sequences per principal.

Each sign keeps a short history of one principal: a digest of what was touched and when. A sign that appears is answered
once, then rests while its block holds; each further block of the same principal is twice as long.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shopr.security.coverage import covered
from shopr.security.principal import Principal, digest_of
from shopr.security.state import State, Values

__all__ = ["ACTS", "Act", "Behaviour", "BehaviourConfig", "Done", "Sign"]

Act = Literal[
    "login_refused", "login_accepted", "item_viewed", "searched", "carted", "request_suspect", "page_missing",
    "session_started",
]  # fmt: skip
ACTS: tuple[str, ...] = (
    "login_refused",  # what: the account
    "login_accepted",  # what: the account
    "item_viewed",  # what: the product
    "searched",  # what: the query
    "carted",  # what: the product put in the cart, or ordered
    "request_suspect",  # what: class of the verdict
    "page_missing",  # what: the path
    "session_started",
)
"""What may be observed; `what` tells things apart and is kept as a digest."""
Done = tuple[Act, str, float]
"""An act, what it was done to, and how many seconds ago."""
_Kept = list[tuple[float, str, str, str]]
_LONGEST_BLOCK = 86_400.0


class BehaviourConfig(BaseModel):
    """From where on it is no person, or no honest one.

    Attributes:
        window: seconds of history.
        accounts: accounts that were refused on one network: credential stuffing.
        accepted_share: share of accepted logins up to which it counts as that.
        items: different products viewed in one session: scraping. No person looks at one every four seconds for ten
            minutes.
        searches: different queries in one session: scraping by the search.
        scattered_items: different products viewed on one network by sessions that each saw hardly more than one, and
            hardly one of them twice: a scraper that throws its cookies away. Many people behind one network, as mobile
            carriers have, look at what is popular, and so at the same things.
        regular_items: fewer of them suffice where the pauses are alike.
        regularity: standard deviation of the pauses over their mean, below which they are alike.
        day_items: different products viewed in one session within a day: scraping, however slow, where hardly one was
            seen again and next to nothing searched or put in a cart.
        day_again: share of the views that may be of a product seen before.
        day_other: searches and carts for each product up to which it is next to nothing.
        suspects, suspect_classes: suspect requests, of so many classes: probing.
        missing: different pages that do not exist: probing.
        sessions: sessions started on one network beside suspect requests: evasion of limits.
        block_seconds: of the first block.
        day_block_seconds: of a block for reading too much in a day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: float = Field(600.0, gt=0, le=86_400)
    accounts: int = Field(10, ge=2)
    accepted_share: float = Field(0.2, ge=0, lt=1)
    items: int = Field(150, ge=10)
    searches: int = Field(120, ge=10)
    scattered_items: int = Field(400, ge=10)
    regular_items: int = Field(60, ge=10)
    regularity: float = Field(0.15, gt=0, lt=1)
    day_items: int = Field(200, ge=10)
    day_again: float = Field(0.05, ge=0, le=1)
    day_other: float = Field(0.01, ge=0, le=1)
    suspects: int = Field(8, ge=2)
    suspect_classes: int = Field(2, ge=1)
    missing: int = Field(30, ge=2)
    sessions: int = Field(20, ge=2)
    block_seconds: float = Field(600.0, gt=0, le=86_400)
    day_block_seconds: float = Field(7200.0, gt=0, le=86_400)


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that was seen.

    Attributes:
        kind: "credential_stuffing", "scraping", "probing" or "session_churn".
        scope: "network" or "session": what to block.
        network: the network, "" where only the session is known.
        evidence: in words, without personal data.
        seconds: how long to block.
    """

    kind: str
    scope: Literal["network", "session"]
    network: str
    evidence: str
    seconds: float


class Behaviour:
    """Watches principals.

    Args:
        state: where histories are kept.
        config: from where on.
        most: acts remembered of one principal; the oldest go first.
    """

    def __init__(
        self, state: State, config: BehaviourConfig | None = None, *, pepper: bytes = b"", most: int = 1000
    ) -> None:
        self._state, self.config, self._pepper, self._most = state, config or BehaviourConfig(), pepper, most

    def observe(self, act: Act, who: Principal, what: str = "") -> Sign | None:
        """Take in what a principal did; the sign that it completes, if any.

        A network is watched where it is known, else the session; for what takes a day, the session.
        """
        return self.observe_all([(act, what, 0.0)], who)

    def observe_all(self, done: Sequence[Done], who: Principal) -> Sign | None:
        """As `observe`, for several acts that became known at once, in the order in which they were done."""
        signs = self.observe_many({who: done})
        return signs[0][1] if signs else None

    def observe_many(self, done: Mapping[Principal, Sequence[Done]]) -> list[tuple[Principal, Sign]]:
        """As `observe_all`, for several principals in one step; the signs that were completed, and by whom."""
        watched = [(who, self._key(who), self._marked(who, acts)) for who, acts in done.items() if acts]
        watched = [(who, key, new) for who, key, new in watched if key]
        keys = list(dict.fromkeys(one for who, key, _ in watched for one in (key, self._day_key(who))))

        def step(values: Values, now: float) -> tuple[Values, list[tuple[Principal, Sign]]]:
            held, signs = dict(zip(keys, values, strict=True)), []
            for who, key, new in watched:
                held[key], sign = self._after(held[key], who, new, now)
                day = self._day_key(who)
                held[day], slow = covered(held[day], [(act, mark) for _, act, mark, _ in new], now, self.config)
                if slow and sign is None:
                    sign = _sign("scraping", who, slow, self.config.day_block_seconds, alone=True)
                signs += [(who, sign)] if sign is not None else []
            return list(held.values()), signs

        return self._state.update(keys, step, ttl=2 * _LONGEST_BLOCK) if keys else []

    def _day_key(self, who: Principal) -> str:
        """Where the day of a visitor is: of its session where that is known, since many may share a network."""
        return f"day:{digest_of(who.session or who.network, self._pepper)}"

    def _key(self, who: Principal) -> str:
        """Where the history of a principal is: of its network where that is known, else of its session; "" if neither
        is."""
        name = who.network or who.session
        scope = "network" if who.network else "session"
        return f"acts:{scope}:{digest_of(name, self._pepper)}" if name else ""

    def _marked(self, who: Principal, done: Sequence[Done]) -> list[tuple[float, Act, str, str]]:
        """Acts as they are kept: how long ago, which, a mark of what it was done to, and of the session."""
        session = digest_of(who.session, self._pepper)[:8] if who.session and who.network else ""
        return [
            (max(0.0, ago), act, digest_of(what, self._pepper)[:12] if what else "", session) for act, what, ago in done
        ]

    def _after(
        self, held: bytes | None, who: Principal, new: Sequence[tuple[float, Act, str, str]], now: float
    ) -> tuple[bytes, Sign | None]:
        acts, rests = _load(held)
        acts += [(now - ago, act, mark, session) for ago, act, mark, session in new]
        acts = [one for one in acts if one[0] > now - self.config.window][-self._most :]
        kind, evidence = self._seen(acts, rests, now)
        if not kind:
            return _dump(acts, rests), None
        level = int(rests.get(kind, [0, 0])[1]) + 1
        seconds = min(_LONGEST_BLOCK, self.config.block_seconds * 2 ** min(level - 1, 30))
        rests[kind] = [now + seconds, level]
        # What led to this block must not lead to the next one as well.
        return _dump([], rests), _sign(kind, who, evidence, seconds)

    def _seen(self, acts: _Kept, rests: Mapping[str, Any], now: float) -> tuple[str, str]:
        for kind, look in _LOOKS.items():
            if rests.get(kind, [0.0])[0] <= now:
                evidence = look(acts, self.config)
                if evidence:
                    return kind, evidence
        return "", ""


def _sign(kind: str, who: Principal, evidence: str, seconds: float, *, alone: bool = False) -> Sign:
    """A sign against the network where it is known, or, of what one session did `alone`, against that."""
    scope: Literal["network", "session"] = "session" if (alone and who.session) or not who.network else "network"
    return Sign(kind, scope, who.network, evidence, seconds)


def _stuffing(acts: _Kept, config: BehaviourConfig) -> str:
    refused = {mark for _, act, mark, _ in acts if act == "login_refused"}
    tries = sum(act in ("login_refused", "login_accepted") for _, act, _, _ in acts)
    accepted = sum(act == "login_accepted" for _, act, _, _ in acts)
    if len(refused) < config.accounts or accepted > config.accepted_share * tries:
        return ""
    return f"{len(refused)} accounts refused in {config.window:.0f} s, {accepted} of {tries} logins accepted"


def _scraping(acts: _Kept, config: BehaviourConfig) -> str:
    views: dict[str, list[tuple[float, str]]] = defaultdict(list)
    asked: dict[str, set[str]] = defaultdict(set)
    for at, act, mark, session in acts:
        if act == "item_viewed":
            views[session].append((at, mark))
        elif act == "searched":
            asked[session].add(mark)
    for queries in asked.values():
        if len(queries) >= config.searches:
            return f"{len(queries)} different searches in {config.window:.0f} s"
    for seen in views.values():
        evidence = _reading(sorted(seen), config)
        if evidence:
            return evidence
    return _scattered(views, config)


def _reading(views: list[tuple[float, str]], config: BehaviourConfig) -> str:
    """One session that reads the catalogue."""
    different = len({mark for _, mark in views})
    if different >= config.items:
        return f"{different} products viewed in {config.window:.0f} s"
    # A person who looks at much looks irregularly, and at some things again.
    if different >= config.regular_items and different >= 0.9 * len(views):
        pauses = [later - earlier for (earlier, _), (later, _) in pairwise(views)]
        mean = sum(pauses) / len(pauses)
        spread = (sum((pause - mean) ** 2 for pause in pauses) / len(pauses)) ** 0.5
        if mean <= 0 or spread / mean < config.regularity:
            return f"{different} products viewed, one every {mean:.1f} s like a clock"
    return ""


def _scattered(views: Mapping[str, list[tuple[float, str]]], config: BehaviourConfig) -> str:
    """A network whose sessions each read a different page of the catalogue."""
    total = sum(map(len, views.values()))
    different = len({mark for seen in views.values() for _, mark in seen})
    if different >= config.scattered_items and different >= 0.95 * total and len(views) >= 0.7 * total:
        return f"{different} products viewed in {len(views)} sessions, hardly one of them twice"
    return ""


def _probing(acts: _Kept, config: BehaviourConfig) -> str:
    suspect = [mark for _, act, mark, _ in acts if act == "request_suspect"]
    if len(suspect) >= config.suspects and len(set(suspect)) >= config.suspect_classes:
        return f"{len(suspect)} suspect requests of {len(set(suspect))} classes in {config.window:.0f} s"
    missing = len({mark for _, act, mark, _ in acts if act == "page_missing"})
    return f"{missing} pages asked for that do not exist" if missing >= config.missing else ""


def _churn(acts: _Kept, config: BehaviourConfig) -> str:
    started = sum(act == "session_started" for _, act, _, _ in acts)
    suspect = sum(act in ("request_suspect", "login_refused") for _, act, _, _ in acts)
    if started >= config.sessions and suspect >= config.sessions / 2:
        return f"{started} sessions started beside {suspect} failures"
    return ""


_LOOKS: dict[str, Callable[[_Kept, BehaviourConfig], str]] = {
    "credential_stuffing": _stuffing,
    "probing": _probing,
    "session_churn": _churn,
    "scraping": _scraping,
}


def _load(value: bytes | None) -> tuple[_Kept, dict[str, Any]]:
    if value is None:
        return [], {}
    held = json.loads(value)
    # What an earlier version kept, without sessions, is let go: it would be forgotten within hours anyway.
    kept = [row for row in held["acts"] if len(row) == 4]
    return [(at, act, mark, session) for at, act, mark, session in kept], held["rests"]


def _dump(acts: _Kept, rests: Mapping[str, Any]) -> bytes:
    return json.dumps({"acts": acts, "rests": rests}, separators=(",", ":")).encode()
