"""Asking the model within its budget, once for each prompt; nothing that names a person leaves the house."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from shopr.chat.llm.budget import AnswerCache, Budget
from shopr.chat.llm.client import LanguageModel, LanguageModelError, Message
from shopr.redaction import redact

__all__ = ["Asker"]


class Asker:
    """A model with its budget, its cache and a masking of personal data.

    Args:
        redact: applied to everything that is sent.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        budget: Budget | None = None,
        cache: AnswerCache | None = None,
        redact: Callable[[str], str] = redact,
    ) -> None:
        self._model, self._redact = model, redact
        self.budget, self._cache = budget or Budget(), cache or AnswerCache()

    def ask(self, system: str, user: str, *, as_json: bool = False) -> str:
        """The answer to a prompt.

        Raises:
            LanguageModelError: if the budget is spent, or the endpoint fails.
        """
        prompt = [Message("system", system), Message("user", self._redact(user))]
        key = blake2b("\0".join(m.content for m in prompt).encode("utf-8", "replace"), digest_size=16).hexdigest()
        known = self._cache.get(key)
        if known is not None:
            return known
        if not self.budget.allows():
            raise LanguageModelError(
                "the language model's budget of the day is spent",
                hint="Raise llm_tokens_a_day, or leave the built-in replies",
            )
        tokens = 0
        try:
            answer = self._model.complete(prompt, as_json=as_json)
            tokens = answer.tokens
        finally:
            self.budget.spend(tokens)
        self._cache.put(key, answer.text)
        return answer.text
