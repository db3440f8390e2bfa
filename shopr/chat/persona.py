"""Who speaks: the assistant's name, how it addresses people, and how tone changes wording and hand-off, never facts."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Persona", "Tone", "reply_tone"]

Tone = Literal["neutral", "angry", "anxious", "pleased", "hurried"]
_REPLY = {"angry": "apologetic", "anxious": "reassuring", "pleased": "friendly", "hurried": "brief"}
_LEADS = {"apologetic": "lead_apologetic", "reassuring": "lead_reassuring", "friendly": "lead_pleased"}


class Persona(BaseModel):
    """How the assistant presents itself.

    Attributes:
        name: what it calls itself.
        formal: whether it addresses people formally where the language tells the two apart.
        handoff_at_once: tones in which a person is offered in the very reply.
        patience: messages in a row that may be misunderstood before a person is offered.
        warm: whether pleased shoppers get a friendly lead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("Shopr", min_length=1, max_length=40, pattern=r"^[^\d<>{}]+$")
    formal: bool = True
    handoff_at_once: tuple[Tone, ...] = ("angry", "anxious")
    patience: int = Field(2, ge=1, le=10)
    warm: bool = False

    def lead(self, tone: Tone) -> str:
        """The key of the sentence that begins a reply to this tone; "" for none."""
        key = _LEADS.get(reply_tone(tone), "")
        return "" if tone == "pleased" and not self.warm else key


def reply_tone(tone: str) -> str:
    """The tone of a reply to a message of some tone."""
    return _REPLY.get(tone, "neutral")
