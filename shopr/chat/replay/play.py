"""Plays scripted dialogues against a shop of their own, in a database that goes when it is done."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from shopr.chat.assistant import Assistant
from shopr.chat.memory import Memory
from shopr.chat.replay.expectations import Judge
from shopr.chat.replay.script import Dialogue, Script
from shopr.chat.reply import Reply
from shopr.clock import Clock, ManualClock, SystemClock
from shopr.commerce.facade import Commerce
from shopr.commerce.fixtures import Fixtures
from shopr.data.catalog import Catalog
from shopr.search import ProductSearch
from shopr.storage.database import Database

__all__ = ["Played", "Player", "TurnLine", "play"]

TurnLine = dict[str, Any]
"""One turn as it is written out: the keys that others read."""


@dataclass(frozen=True)
class Played:
    """A dialogue that was played."""

    dialogue: Dialogue
    lines: tuple[TurnLine, ...]

    @property
    def passed(self) -> bool:
        """Whether every turn passed."""
        return all(line["passed"] for line in self.lines)


class Player(AbstractContextManager["Player"]):
    """A shop of a catalogue and fixtures in which dialogues are played one after another.

    Args:
        catalog: what is sold. fixtures: what holds there.
        search: the product search over it, or None.
        make: makes the assistant of a shop; the built-in one by default.
    """

    def __init__(
        self,
        catalog: Catalog,
        fixtures: Fixtures,
        *,
        search: ProductSearch | None = None,
        make: Callable[[Commerce, Memory, Clock], Assistant] | None = None,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="shopr-replay-", ignore_cleanup_errors=True)
        self.database = Database(f"sqlite:///{Path(self._folder.name) / 'replay.db'}")
        self.database.upgrade()
        self.clock: Clock = SystemClock() if fixtures.noon is None else ManualClock(fixtures.noon)
        self.fixtures, self.catalog = fixtures, catalog
        self.commerce = Commerce(self.database, "replay", lambda: catalog, clock=self.clock, currency=fixtures.currency)
        fixtures.apply(self.commerce)
        memory = Memory(self.database, "replay", clock=self.clock)
        self.assistant = (
            make(self.commerce, memory, self.clock)
            if make is not None
            else Assistant(lambda: search, self.commerce, memory=memory, clock=self.clock, language=fixtures.locale)
        )
        self.assistant.warm()
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()
        with suppress(OSError):
            self._folder.cleanup()

    def judge(self, script: Script) -> Judge:
        """A judge of turns played here."""
        frame = self.catalog.frame
        ids = frame["product_id"].tolist()
        speakers = {self.fixtures.user} | {d.user for d in script.dialogues if d.user}
        return Judge(
            script.categories,
            self.commerce,
            dict(zip(ids, frame["title"].tolist(), strict=True)),
            dict(zip(ids, frame["brand"].tolist(), strict=True)),
            dict(zip(ids, frame["colour"].tolist(), strict=True)),
            self.fixtures.currency,
            frozenset(i for i, o in self.fixtures.orders.items() if o.get("user") not in speakers),
        )

    def play(self, dialogue: Dialogue, judge: Judge) -> Played:
        """Play one dialogue in a shop as the fixtures say, and judge its turns."""
        self._restore()
        self._count += 1
        conversation = f"{self._count}:{dialogue.id}"[:256]
        user = dialogue.user or self.fixtures.user
        lines: list[TurnLine] = []
        for turn, step in enumerate(dialogue.steps):
            reply = self.assistant.reply(
                step.user, conversation_id=conversation, user_id=user, language=dialogue.language
            )
            line = written(dialogue.id, turn, reply)
            language = dialogue.language or self.fixtures.locale
            spoken = [s.expect["reply_lang"] for s in dialogue.steps[: turn + 1] if "reply_lang" in s.expect]
            failures = judge.failures(step.expect, line, lines, spoken[-1] if spoken else language)
            lines.append({**line, "passed": not failures, "failures": failures})
        return Played(dialogue, tuple(lines))

    def _restore(self) -> None:
        """Carts and orders as the fixtures say; stock only of what orders may have moved."""
        moved = {
            str(i["id"] if isinstance(i, dict) else i)
            for o in self.fixtures.orders.values()
            for i in o.get("items", ())
        }
        rule = self.fixtures.rule
        stock: dict[str, int | None] = {i: rule.of(i) for i in moved} if rule is not None else {}
        stock |= {i: n for i, n in self.fixtures.stock.items() if i in moved}
        replace(self.fixtures, rule=None, stock=stock, prices={}).apply(self.commerce)


def play(script: Script, catalog: Catalog, *, search: ProductSearch | None = None) -> Iterator[Played]:
    """Play all dialogues of a script, one after another."""
    with Player(catalog, script.fixtures, search=search) as player:
        judge = player.judge(script)
        for dialogue in script.dialogues:
            yield player.play(dialogue, judge)


def written(dialogue: str, turn: int, reply: Reply) -> TurnLine:
    """A reply under the keys that others read."""
    order = reply.order
    return {
        "dialogue": dialogue,
        "turn": turn,
        "reply": reply.text,
        "lang": reply.language,
        "dir": reply.direction,
        "intent": reply.intent,
        "tone": reply.tone,
        "products": [
            {"id": p.id, "title": p.title, "price": p.price, "currency": p.currency, "stock": p.stock}
            for p in reply.products
        ],
        "cart": [{"id": c.id, "qty": c.qty} for c in reply.cart],
        "order": None if order is None else {"id": order.id, "status": order.status},
        "compare": list(reply.compare),
        "flags": sorted(reply.flags),
        "citations": list(reply.citations),
        "cpu_ms": reply.cpu_ms,
    }
