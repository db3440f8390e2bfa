"""What a language model may do in a conversation: reword plain replies, and propose a reading where there was none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self

from shopr.chat.commands import Command
from shopr.chat.llm.asking import Asker
from shopr.chat.llm.budget import AnswerCache, Budget
from shopr.chat.llm.client import Endpoint, LanguageModel
from shopr.chat.llm.propose import Proposer
from shopr.chat.llm.rephrase import Rephraser
from shopr.chat.reply import Reply
from shopr.clock import Clock
from shopr.money import exponent

__all__ = ["ModelHelp"]

_REWORDED = frozenset(
    "search cheaper dearer more similar recommend trending new deals greet how_are_you thanks bye who_are_you".split()
)
"""Intents whose replies may be said in other words: nothing hangs on the very words."""
_EXACT = frozenset("no_exact_match stock_notice refuses handoff asks_confirmation offers_handoff clarifies".split())
"""Flags of replies that are said exactly as they are."""


class ModelHelp:
    """A language model as the assistant uses it."""

    def __init__(self, asker: Asker, *, language_of: Callable[[str], str] | None = None) -> None:
        self._rephrase, self._propose = Rephraser(asker, language_of=language_of), Proposer(asker)

    @classmethod
    def at(
        cls,
        endpoint: Endpoint,
        *,
        tokens_a_day: int = 200_000,
        clock: Clock | None = None,
        redact: Callable[[str], str] | None = None,
    ) -> Self:
        """The help of the model at an endpoint.

        Raises:
            ConfigError: if httpx is not installed.
        """
        given = {} if redact is None else {"redact": redact}
        model = LanguageModel(endpoint, clock=clock)
        budget, cache = Budget(tokens=tokens_a_day, clock=clock), AnswerCache(clock=clock)
        return cls(Asker(model, budget=budget, cache=cache, **given), language_of=_language_of)

    def proposed(self, text: str, shown: Sequence[str], currency: str) -> list[Command]:
        """Commands for a message that the core did not understand; none where the model is of no use."""
        return self._propose(text, shown=shown, currency=currency, minor=10 ** exponent(currency))

    def reworded(self, reply: Reply) -> Reply:
        """The reply in other words, with the same facts; as it is where its words matter or the model is of no use."""
        if reply.intent not in _REWORDED or reply.flags & _EXACT:
            return reply
        starts = tuple(f"{place}. {product.title}" for place, product in enumerate(reply.products, 1))
        facts = [line for line in reply.text.splitlines() if starts and line.startswith(starts)]
        facts += [product.title for product in reply.products]
        text = self._rephrase(reply.text, facts=facts, language=reply.language, tone=reply.tone)
        return replace(reply, text=text)


def _language_of(text: str) -> str:
    from shopr.chat.language import identify

    return identify(text).language
