"""The assistant: one message in, one grounded reply out, the state of the conversation in storage between them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from shopr.chat.commands import Command
from shopr.chat.compose import composed
from shopr.chat.facts import Money
from shopr.chat.feeling import Feeling, tone_of
from shopr.chat.flows import run
from shopr.chat.flows.talk import said_again
from shopr.chat.guessing import guess_request
from shopr.chat.language import identify
from shopr.chat.lexicon import spoken
from shopr.chat.listening import heard_language
from shopr.chat.llm.help import ModelHelp
from shopr.chat.memory import Memory, Said
from shopr.chat.persona import Persona
from shopr.chat.reading.reader import Reader
from shopr.chat.reading.result import Reading
from shopr.chat.reading.vocabulary import vocabulary
from shopr.chat.reply import Reply
from shopr.chat.shelf import Shelf
from shopr.chat.state import State
from shopr.chat.text import Cleaned, clean
from shopr.chat.tone import feeling as trained_feeling
from shopr.chat.turn import Suggest, Turn
from shopr.chat.understanding.interpreter import Interpreter
from shopr.chat.wording import Wording
from shopr.clock import Clock, SystemClock
from shopr.commerce.sql import visitor

if TYPE_CHECKING:
    from shopr.commerce.facade import Commerce
    from shopr.search import ProductSearch

__all__ = ["Assistant"]

_LOG = logging.getLogger(__name__)


class Assistant:
    """Answers shoppers of one shop. One object serves many conversations at once, from several threads.

    Args:
        search: gives the product search now, or None.
        commerce: prices, stock, carts, orders; the catalogue that it knows is what is sold.
        memory: where conversations are kept.
        suggest, related: recommendations for a person (None: for anybody), and what goes with products.
        feeling: a trained classifier of tone, asked where the words decide nothing: the package's own by default.
        persona: how it presents itself.
        language: of those who have not said a word yet.
        on_turn: told of every turn, after it was stored, as for analytics.
        model: a language model that may reword plain replies and propose how to read what was not understood.
        kept: a folder that keeps what was read of the catalogue for the next process; None keeps nothing.
    """

    def __init__(
        self,
        search: Callable[[], ProductSearch | None],
        commerce: Commerce,
        *,
        memory: Memory,
        suggest: Suggest | None = None,
        related: Suggest | None = None,
        feeling: Feeling | None = None,
        clock: Clock | None = None,
        persona: Persona | None = None,
        language: str = "en",
        on_turn: Callable[[str, str | None, str, Reply], None] | None = None,
        model: ModelHelp | None = None,
        kept: Path | None = None,
    ) -> None:
        self._search, self._commerce, self._memory = search, commerce, memory
        self._suggest, self._related, self._feeling = suggest, related, feeling or trained_feeling
        self._clock, self.persona = clock or SystemClock(), persona or Persona()
        self._language, self._on_turn, self._model, self._kept = language, on_turn, model, kept
        self._shelf: Shelf | None = None
        self._shelf_lock, self._locks_lock = Lock(), Lock()
        self._locks: WeakValueDictionary[str, _Held] = WeakValueDictionary()
        self._reader = Reader(lambda: self.shelf)

    @property
    def shelf(self) -> Shelf:
        """The range of the catalogue that commerce sells now; made anew when the catalogue is another one."""
        catalog = self._commerce.snapshot().catalog
        if self._shelf is None or self._shelf.catalog is not catalog:
            with self._shelf_lock:
                if self._shelf is None or self._shelf.catalog is not catalog:
                    self._shelf = Shelf(catalog, self._kept)
        return self._shelf

    def warm(self, languages: Sequence[str] | None = None) -> None:
        """Load what the first reply would load otherwise: the range, and languages (all by default)."""
        shelf = self.shelf
        for language in languages or spoken():
            guess_request(self._reader.read("hello 5", language), language)
            vocabulary(language).bound_speller.mend("hello")
            wording = Wording(language)
            wording.message("greeting")
            wording.money(Money(0, self._commerce.currency))
        identify("hello")
        self._feeling("hello", "en")
        shelf.colour_rows("black")

    def reply(
        self, text: str, *, conversation_id: str, user_id: str | None = None, language: str | None = None
    ) -> Reply:
        """Answer one message of a conversation.

        Args:
            text: as the shopper wrote it; anything at all.
            conversation_id: of one shopper's conversation; turns of one conversation wait for each other.
            user_id: who is signed in; a conversation begun by somebody else is not continued.
            language: BCP 47, where the client knows it; the message itself is believed before it.

        Raises:
            InputError: if the conversation id is none.
            StorageError: if the conversation cannot be stored.
        """
        began = time.thread_time()
        with self._held(conversation_id):
            state = self._memory.load(conversation_id, user_id)
            if state is None:
                self._open(conversation_id, user_id)
                state = State(language=self._spoken(language or self._language))
            reply = self._answer(text, state, self._owner(conversation_id, user_id), user_id)
            reply = replace(reply, cpu_ms=round((time.thread_time() - began) * 1000, 2))
            self._memory.save(conversation_id, user_id, state, clean(text).text, reply.as_dict())
        if self._on_turn is not None:
            self._on_turn(conversation_id, user_id, text, reply)
        return reply

    def turns(self, conversation_id: str, user_id: str | None = None) -> list[Said]:
        """What was said in a conversation, oldest first; nothing of somebody else's.

        Raises:
            InputError: if the conversation id is none.
        """
        return self._memory.turns(conversation_id, user_id)

    def _held(self, conversation_id: str) -> _Held:
        with self._locks_lock:
            held = self._locks.get(conversation_id)
            if held is None:
                held = self._locks[conversation_id] = _Held()
            return held

    def _open(self, conversation_id: str, user_id: str | None) -> None:
        """Refuse to go on with a conversation of somebody else, as if it did not exist."""
        self._memory.drop(conversation_id, user_id)

    def _owner(self, conversation_id: str, user_id: str | None) -> str:
        return user_id if user_id is not None else visitor(conversation_id)

    def _spoken(self, language: str) -> str:
        base = language.replace("_", "-").split("-", 1)[0].lower()
        return base if base in spoken() else "en"

    # -- one turn -----------------------------------------------------------------------------------------------------

    def _answer(self, text: str, state: State, owner: str, user_id: str | None) -> Reply:
        cleaned = clean(text)
        state.turn += 1
        if cleaned.text:
            state.language = heard_language(cleaned.text, state.language, first=state.turn == 1)
        readings = self._reader.read(cleaned.text, state.language)
        state.tone = tone_of(cleaned.text, readings, state.language, self._feeling)
        turn = self._turn(state, owner, user_id)
        turn.said = frozenset(n.value for r in readings for n in r.counts)
        if cleaned.truncated:
            turn.say("too_long")
        commands = self._commands(readings, turn, cleaned)
        for command in commands:
            run(turn, command)
        return self._finish(turn, commands, readings)

    def _turn(self, state: State, owner: str, user_id: str | None) -> Turn:
        return Turn(
            state,
            self.shelf,
            self._commerce,
            self._search(),
            owner,
            user_id,
            self._clock,
            self._suggest,
            self._related,
            memory=self._memory,
        )

    def _commands(self, readings: Sequence[Reading], turn: Turn, cleaned: Cleaned) -> list[Command]:
        """What is to be done; for a message without words, to ask what is wanted."""
        state = turn.state
        switched = next((r.switch for r in readings if r.switch), "")
        if not readings:
            if cleaned.markup:
                return [Command("refuse_orders")]
            turn.say("empty_message")
            return []
        shown = {i: p.amount for i in state.shown if (p := turn.price(i)) is not None}
        turn.citations.clear()
        interpreter = Interpreter(turn.shelf, turn.currency)
        cart = [line.product_id for line in turn.cart().lines]
        commands = interpreter.commands(readings, state, cart=cart, prices=shown)
        if switched in spoken():
            state.language = switched
        if len(commands) > 1:  # what was said last is repeated only where nothing else is asked for
            commands = [replace(c, value="") if c.name == "switch" else c for c in commands]
        if self._model is not None and [c.name for c in commands] == ["not_understood"]:
            commands = self._model.proposed(cleaned.text, state.shown, turn.currency) or commands
        if any(c.name != "not_understood" for c in commands):
            state.misses = 0
        if state.tone in ("angry", "anxious") and [c.name for c in commands] == ["not_understood"]:
            return []
        return commands

    def _finish(self, turn: Turn, commands: Sequence[Command], readings: Sequence[Reading]) -> Reply:
        state = turn.state
        if state.tone in self.persona.handoff_at_once and "handoff" not in turn.flags:
            turn.flags.add("offers_handoff")
        if "offers_handoff" in turn.flags:
            turn.say("handoff_offer")
            turn.quick.append("quick_human")
            if state.pending is None:
                state.pending = {"kind": "handoff", "soft": True}
        wording = Wording(state.language, not self.persona.formal, self.persona.name)
        intent = commands[0].name if commands else "none"
        reply, faults = composed(turn, wording, self.persona, intent=intent, tone=state.tone)
        if faults:
            _LOG.error("a reply was refused: %s not in its sources (intent %s)", ", ".join(faults[:5]), intent)
        elif self._model is not None:
            reply = self._model.reworded(reply)
        mended = tuple(pair for r in readings for pair in r.mended)
        reply = replace(reply, corrected=mended, commands=tuple(c.name for c in commands))
        if intent not in ("repeat", "switch"):
            state.last = {
                "again": [c.as_dict() for c in said_again(commands, state)],
                "text": reply.text,
                "products": [p.id for p in reply.products],
                "citations": list(reply.citations),
            }
        return reply


class _Held:
    """A lock that can be referred to weakly: conversations that nobody holds are forgotten."""

    def __init__(self) -> None:
        self._lock = RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
