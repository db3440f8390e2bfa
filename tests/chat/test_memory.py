"""Conversations outlive the process; memories need consent, run out and can be deleted."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

import pytest

from shopr.chat.memory import CONVERSATION_KEPT, MEMORY_KEPT
from shopr.errors import InputError, StorageError
from tests.chat.shop import Talk


class Reversed:
    """A cipher that can be seen to be used, and that binds what it must."""

    def encrypt(self, text: str, *, table: str, row: str, subject: str) -> str:
        return base64.b64encode(f"{table}|{row}|{subject}|{text}".encode()).decode()

    def decrypt(self, token: str, *, table: str, row: str, subject: str) -> str:
        head = f"{table}|{row}|{subject}|"
        text = base64.b64decode(token).decode()
        if not text.startswith(head):
            raise StorageError("an envelope was moved", hint="Restore the row")
        return text.removeprefix(head)


def test_a_restart_goes_on_where_it_was(talk: Talk) -> None:
    shown = talk.say("show me keyboards").products
    talk.assistant = talk.fresh()
    reply = talk.say("add the second one to my cart")
    assert [c.id for c in reply.cart] == [shown[1].id]
    assert [t.said for t in talk.memory.turns("c", "ann")] == ["show me keyboards", "add the second one to my cart"]


def test_a_conversation_of_somebody_else_is_not_continued(talk: Talk) -> None:
    talk.say("laptops under 900")
    assert talk.memory.turns("c", "bob") == []
    reply = talk.say("under 700", user="bob")
    assert reply.products == ()
    assert talk.say("from HP").products != ()


def test_nothing_is_remembered_without_consent(talk: Talk) -> None:
    talk.say("show me keyboards")
    assert talk.memory.facts("ann") == []
    assert "remember nothing" in talk.say("what do you know about me?").text


def test_memories_are_shown_run_out_and_are_deleted(talk: Talk) -> None:
    talk.say("please remember me")
    talk.say("show me black keyboards")
    assert talk.memory.facts("ann")[0]["concepts"] == ["keyboard"]
    assert "keyboard" in talk.say("what do you remember about me?", conversation="later").text
    talk.clock.advance((MEMORY_KEPT + timedelta(days=1)).total_seconds())
    assert talk.memory.facts("ann") == []
    talk.say("please remember me")
    talk.say("forget me")
    assert not talk.memory.allowed("ann")


def test_a_visitor_cannot_be_remembered(talk: Talk) -> None:
    assert "sign in" in talk.say("please remember me", user=None).text


def test_old_conversations_are_tidied_away(talk: Talk) -> None:
    talk.say("hello")
    talk.clock.advance((CONVERSATION_KEPT + timedelta(days=1)).total_seconds())
    assert talk.memory.tidy() == 2
    assert talk.memory.load("c", "ann") is None


def test_what_is_stored_goes_through_the_cipher(tmp_path: Path, ready_database: Path) -> None:
    talk = Talk.start(tmp_path, ready_database, cipher=Reversed)
    talk.say("show me keyboards")
    with talk.database.read() as connection:
        stored = connection.exec_driver_sql("SELECT said FROM chat_turns").scalar()
    assert stored is not None
    assert "keyboards" not in stored
    assert talk.say("in white").products[0].id == "k2"
    with talk.database.begin() as connection:
        connection.exec_driver_sql("UPDATE chat_conversations SET state = 'bm9uc2Vuc2U='")
    assert talk.say("add the second one").cart == ()  # unreadable: begun anew, nothing guessed
    talk.database.close()


def test_an_id_out_of_bounds_is_refused(talk: Talk) -> None:
    with pytest.raises(InputError, match="bounds"):
        talk.say("hello", conversation="")
