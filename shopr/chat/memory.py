"""Conversations in storage, so that a restart goes on; and what is remembered across visits, with consent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Table, delete, select, true
from sqlalchemy.dialects import postgresql, sqlite

from shopr.chat.need import Need
from shopr.chat.state import State
from shopr.clock import Clock, SystemClock
from shopr.errors import InputError, ShoprError
from shopr.storage.database import Database
from shopr.storage.tables import chat_conversations, chat_memories, chat_turns

__all__ = ["CONVERSATION_KEPT", "MEMORY_KEPT", "Cipher", "Memory", "Plain", "Said"]

CONVERSATION_KEPT = timedelta(days=30)
MEMORY_KEPT = timedelta(days=180)
_MOST_FACTS = 10
_TIDY_EVERY = 1000
"""Turns between two looks for what is kept no longer, the first of them in each process included."""
_LONGEST_ID = 256


class Cipher(Protocol):
    """Encrypts what is stored of people; as `shopr.security.crypto.TextCipher`."""

    def encrypt(self, text: str, *, table: str, row: str, subject: str) -> str:
        """The text as an envelope that opens only with the same table, row and subject."""

    def decrypt(self, token: str, *, table: str, row: str, subject: str) -> str:
        """The text of an envelope."""


class Plain:
    """No encryption: for tests and replays."""

    def encrypt(self, text: str, *, table: str, row: str, subject: str) -> str:
        """The text itself."""
        return text

    def decrypt(self, token: str, *, table: str, row: str, subject: str) -> str:
        """The text itself."""
        return token


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of a conversation: what the shopper wrote and what was answered, as JSON's own types."""

    turn: int
    said: str
    reply: dict[str, Any]
    time: datetime


class Memory:
    """Conversations and memories of one shop.

    Args:
        database: opened and upgraded.
        shop: whose.
        cipher: gives the cipher when it is first needed, so that keys are read only then; None stores plain text.
        forget: told under which subjects nothing is kept any more, so that their keys can go too.
    """

    def __init__(
        self,
        database: Database,
        shop: str,
        *,
        clock: Clock | None = None,
        cipher: Callable[[], Cipher] | None = None,
        forget: Callable[[list[str]], object] | None = None,
    ) -> None:
        self._database, self._shop, self._clock = database, shop, clock or SystemClock()
        self._forgotten, self._saved = forget, 0
        self._make, self._cipher_made = cipher, None if cipher else Plain()
        self._insert = (sqlite if database.is_sqlite else postgresql).insert

    @property
    def _cipher(self) -> Cipher:
        if self._cipher_made is None:
            self._cipher_made = self._make() if self._make else Plain()  # type: ignore[assignment]
        return self._cipher_made  # type: ignore[return-value]

    # -- conversations ------------------------------------------------------------------------------------------------

    def load(self, conversation_id: str, user_id: str | None) -> State | None:
        """The state of a conversation; None for a new one, and for one that is somebody else's or cannot be read."""
        _checked(conversation_id)
        table = chat_conversations
        query = select(table.c.user_id, table.c.state).where(self._is(table, conversation_id))
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None or (row[0] is not None and row[0] != user_id):
            return None
        text = self._open(row[1], table, conversation_id, row[0])
        return State.of(json.loads(text)) if text is not None else None

    def owner(self, conversation_id: str) -> str | None:
        """Who a conversation belongs to; None for a visitor's and for one that does not exist."""
        table = chat_conversations
        with self._database.read() as connection:
            found = connection.execute(select(table.c.user_id).where(self._is(table, conversation_id))).scalar()
            return None if found is None else str(found)

    def save(self, conversation_id: str, user_id: str | None, state: State, said: str, reply: dict[str, Any]) -> None:
        """Store a turn and the state after it, in one transaction."""
        now = self._clock.now()
        with self._database.begin() as connection:
            self._save_state(connection, conversation_id, user_id, state, now)
            row = f"{conversation_id}/{state.turn}"
            values = {
                "shop": self._shop,
                "conversation_id": conversation_id,
                "turn": state.turn,
                "user_id": user_id,
                "said": self._seal(said, chat_turns, row, user_id),
                "reply": self._seal(json.dumps(reply, ensure_ascii=False), chat_turns, row, user_id),
                "time": now,
            }
            statement = self._insert(chat_turns).values(values)
            keys = ["shop", "conversation_id", "turn"]
            connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values))
            # What was forgotten elsewhere, or ran out, is not begun anew by a conversation that goes on.
            if user_id is not None and state.remember and state.need.has_subject and self.allowed(user_id):
                self._remember(connection, user_id, state.need, now)
        self._saved += 1
        if self._saved % _TIDY_EVERY == 1:
            self.tidy()

    def _save_state(
        self, connection: Connection, conversation_id: str, user_id: str | None, state: State, now: datetime
    ) -> None:
        text = json.dumps(state.as_dict(), ensure_ascii=False)
        values = {
            "shop": self._shop,
            "conversation_id": conversation_id,
            "user_id": user_id,
            "state": self._seal(text, chat_conversations, conversation_id, user_id),
            "updated_at": now,
        }
        statement = self._insert(chat_conversations).values(created_at=now, **values)
        keys = ["shop", "conversation_id"]
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values))

    def turns(self, conversation_id: str, user_id: str | None) -> list[Said]:
        """The turns of a conversation, oldest first; none of somebody else's."""
        table = chat_turns
        query = select(table.c.turn, table.c.user_id, table.c.said, table.c.reply, table.c.time)
        query = query.where(self._is(table, conversation_id)).order_by(table.c.turn)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        out = []
        for turn, owner, said, reply, time in rows:
            if owner is not None and owner != user_id:
                continue
            row = f"{conversation_id}/{turn}"
            texts = (self._open(said, table, row, owner), self._open(reply, table, row, owner))
            if texts[0] is not None and texts[1] is not None:
                out.append(Said(int(turn), texts[0], json.loads(texts[1]), time))
        return out

    def drop(self, conversation_id: str, user_id: str | None) -> bool:
        """Delete a conversation of the shopper's; whether there was one."""
        if self.owner(conversation_id) not in (None, user_id):
            return False
        with self._database.begin() as connection:
            connection.execute(delete(chat_turns).where(self._is(chat_turns, conversation_id)))
            which = self._is(chat_conversations, conversation_id)
            return connection.execute(delete(chat_conversations).where(which)).rowcount > 0

    def tidy(self) -> int:
        """Delete what is kept no longer, and let the keys of visitors' conversations go with it; how many rows."""
        now = self._clock.now()
        old = now - CONVERSATION_KEPT
        with self._database.begin() as connection:
            passing = self._visitors(connection, chat_turns.c.time < old)
            gone = sum(
                connection.execute(delete(table).where(table.c.shop == self._shop, passed)).rowcount
                for table, passed in (
                    (chat_conversations, chat_conversations.c.updated_at < old),
                    (chat_turns, chat_turns.c.time < old),
                    (chat_memories, chat_memories.c.expires_at < now),
                )
            )
            stay = self._visitors(connection, true())
        if self._forgotten is not None and passing - stay:
            self._forgotten(sorted(passing - stay))
        return gone

    def _visitors(self, connection: Connection, which: ColumnElement[bool]) -> set[str]:
        """The subjects under which turns of visitors are sealed."""
        query = select(chat_turns.c.conversation_id).where(chat_turns.c.user_id.is_(None), which).distinct()
        return {_visitor(one) for one in connection.execute(query).scalars()}

    # -- across visits ------------------------------------------------------------------------------------------------

    def allow(self, user_id: str) -> None:
        """Begin to remember a shopper, who agreed."""
        with self._database.begin() as connection:
            self._put_facts(connection, user_id, self.facts(user_id), self._clock.now())

    def allowed(self, user_id: str) -> bool:
        """Whether a shopper agreed and the agreement has not run out."""
        return self._row(user_id) is not None

    def facts(self, user_id: str) -> list[dict[str, Any]]:
        """What is remembered: the last needs, newest first, as `Need.as_dict` gives them."""
        row = self._row(user_id)
        text = self._open(row, chat_memories, user_id, user_id) if row is not None else None
        return list(json.loads(text)) if text else []

    def forget(self, user_id: str) -> None:
        """Forget a shopper, agreement and all."""
        with self._database.begin() as connection:
            which = (chat_memories.c.shop == self._shop) & (chat_memories.c.user_id == user_id)
            connection.execute(delete(chat_memories).where(which))

    def _row(self, user_id: str) -> str | None:
        table = chat_memories
        query = select(table.c.facts).where(
            table.c.shop == self._shop, table.c.user_id == user_id, table.c.expires_at > self._clock.now()
        )
        with self._database.read() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else str(found)

    def _remember(self, connection: Connection, user_id: str, need: Need, now: datetime) -> None:
        held = [Need.of(f) for f in self.facts(user_id)]
        kept = [n for n in held if not set(n.concepts) & set(need.concepts)]
        facts = [n.as_dict() for n in (need, *kept)][:_MOST_FACTS]
        self._put_facts(connection, user_id, facts, now)

    def _put_facts(self, connection: Connection, user_id: str, facts: list[dict[str, Any]], now: datetime) -> None:
        sealed = self._seal(json.dumps(facts, ensure_ascii=False), chat_memories, user_id, user_id)
        values = {"shop": self._shop, "user_id": user_id, "facts": sealed, "expires_at": now + MEMORY_KEPT}
        statement = self._insert(chat_memories).values(values)
        connection.execute(statement.on_conflict_do_update(index_elements=["shop", "user_id"], set_=values))

    # -- sealing ------------------------------------------------------------------------------------------------------

    def _is(self, table: Table, conversation_id: str) -> Any:
        return (table.c.shop == self._shop) & (table.c.conversation_id == conversation_id)

    def _seal(self, text: str, table: Table, row: str, user_id: str | None) -> str:
        subject = user_id if user_id is not None else _visitor(row)
        return self._cipher.encrypt(text, table=table.name, row=f"{self._shop}/{row}", subject=subject)

    def _open(self, token: str, table: Table, row: str, user_id: str | None) -> str | None:
        """The text; None where its key is gone, as after an erasure, or it was tampered with."""
        subject = user_id if user_id is not None else _visitor(row)
        try:
            return self._cipher.decrypt(token, table=table.name, row=f"{self._shop}/{row}", subject=subject)
        except ShoprError:
            return None


def _visitor(conversation: str) -> str:
    """Under whom a visitor's texts are sealed: their conversation."""
    return f"conversation:{conversation.split('/', maxsplit=1)[0]}"


def _checked(conversation_id: str) -> None:
    if not isinstance(conversation_id, str) or not 1 <= len(conversation_id) <= _LONGEST_ID:
        raise InputError(
            f"conversation id of {len(str(conversation_id))} characters, the bounds are 1 and {_LONGEST_ID}",
            hint="Give the id of a conversation",
        )
