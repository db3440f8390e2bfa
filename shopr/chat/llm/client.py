"""A client of any OpenAI-compatible endpoint: Ollama, vLLM, llama.cpp or a hosted one.

One request, no retry: a shopper is waiting, and the built-in reply is there. After failures in a row the endpoint is
left alone for a while, so that one that hangs costs its time-out once and not at every turn.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from shopr.clock import Clock, SystemClock
from shopr.errors import ConfigError, ShoprError

__all__ = ["Completion", "Endpoint", "LanguageModel", "LanguageModelError", "Message"]

_MOST_BYTES = 1 << 20
"""Bytes of an answer that are read at most: no reply to a shopper is longer."""


class LanguageModelError(ShoprError):
    """The endpoint did not give an answer that can be used; the caller falls back."""

    code = "language_model"


class Endpoint(BaseModel):
    """Where the model is, and what it may cost.

    Attributes:
        url: base address, as in OPENAI_BASE_URL: ends before "/chat/completions".
        model: the model's name there.
        api_key: sent as a bearer token; empty for a local server.
        timeout_seconds: for a whole request.
        most_tokens: longest answer.
        failures: so many in a row, and the endpoint rests.
        rest_seconds: for so long.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    model: str = Field(min_length=1)
    api_key: SecretStr = SecretStr("")
    timeout_seconds: float = Field(2.0, gt=0, le=60)
    most_tokens: int = Field(400, ge=16, le=4096)
    failures: int = Field(3, ge=1, le=100)
    rest_seconds: float = Field(60.0, ge=0, le=3600)

    @field_validator("url")
    @classmethod
    def _http(cls, value: str) -> str:
        from urllib.parse import urlsplit

        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise ValueError("is no address of an endpoint; write http://localhost:11434/v1, the key apart")
        return value.rstrip("/")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt."""

    role: Literal["system", "user"]
    content: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model answered, and the tokens that took (estimated where the endpoint does not count)."""

    text: str
    tokens: int


class LanguageModel:
    """An endpoint that is asked one thing at a time; safe for several threads.

    Raises:
        ConfigError: if httpx is not installed.
    """

    def __init__(self, endpoint: Endpoint, *, clock: Clock | None = None) -> None:
        try:
            import httpx
        except ImportError as error:
            raise ConfigError(
                "a language model needs httpx", hint="Install the extra: pip install 'shopr[llm]'"
            ) from error
        self.endpoint, self._clock = endpoint, clock or SystemClock()
        self._failed, self._rests_until = 0, float("-inf")
        key = endpoint.api_key.get_secret_value()
        self._client = httpx.Client(
            timeout=endpoint.timeout_seconds,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            follow_redirects=False,  # a key goes to the host it was given for, and nowhere else
            trust_env=False,
        )

    @property
    def resting(self) -> bool:
        """Whether the endpoint failed so often lately that it is not asked."""
        return self._clock.monotonic() < self._rests_until

    def complete(self, messages: Sequence[Message], *, as_json: bool = False) -> Completion:
        """The model's answer to a prompt, at temperature 0.

        Args:
            as_json: ask for one JSON object.

        Raises:
            LanguageModelError: if it rests, cannot be reached, takes too long, or answers with something else.
        """
        if self.resting:
            raise LanguageModelError("the language model rests after failures", hint="It is asked again later")
        try:
            found = self._ask(messages, as_json)
        except LanguageModelError:
            self._failed += 1
            if self._failed >= self.endpoint.failures:
                self._failed = 0
                self._rests_until = self._clock.monotonic() + self.endpoint.rest_seconds
            raise
        self._failed = 0
        return found

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, messages: Sequence[Message], as_json: bool) -> Completion:
        import httpx

        body: dict[str, Any] = {
            "model": self.endpoint.model,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "temperature": 0,
            "max_tokens": self.endpoint.most_tokens,
            "stream": False,
        }
        if as_json:
            body["response_format"] = {"type": "json_object"}
        try:
            with self._client.stream("POST", f"{self.endpoint.url}/chat/completions", json=body) as answer:
                raw = _read(answer, self._clock, self.endpoint.timeout_seconds)
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise LanguageModelError(
                f"{self.endpoint.url} did not answer: {type(error).__name__}", hint="Check SHOPR_LLM_URL"
            ) from error
        if status != 200:
            raise LanguageModelError(f"{self.endpoint.url} answered with status {status}", hint="Check model and key")
        return _completion(raw, messages)


def _read(answer: Any, clock: Clock, seconds: float) -> bytes:
    """The body; httpx's own time-out is for each read, so that a slow drip would never end."""
    started, raw = clock.monotonic(), b""
    for part in answer.iter_bytes():
        raw += part
        if len(raw) > _MOST_BYTES:
            raise LanguageModelError(f"the answer is longer than {_MOST_BYTES} bytes", hint="Check the endpoint")
        if clock.monotonic() - started > seconds:
            raise LanguageModelError(f"the answer took more than {seconds:g} s", hint="Raise llm_timeout_seconds")
    return raw


def _completion(raw: bytes, messages: Sequence[Message]) -> Completion:
    try:
        answer = json.loads(raw)
        text = answer["choices"][0]["message"]["content"]
        counted = (answer.get("usage") or {}).get("total_tokens")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise LanguageModelError("the answer is no chat completion", hint="Check that the URL ends in /v1") from error
    if not isinstance(text, str) or not text.strip():
        raise LanguageModelError("the answer is empty", hint="Check the model")
    if not isinstance(counted, int) or isinstance(counted, bool) or counted < 0:
        counted = (sum(len(m.content) for m in messages) + len(text)) // 4 + 1
    return Completion(text.strip(), counted)
