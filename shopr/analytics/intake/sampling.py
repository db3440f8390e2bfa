"""Sampling: which events are kept, decided by whom they come from, so that a journey is kept whole or not at all.

Three classes. Facts are never sampled. Diagnostics: errors 1.0, performance 0.1. Behaviour: 0.05. The person (user,
else session, else the event itself) is hashed with a salt of its own, so that who is sampled has nothing to do with
which arm of a test they are in. A kept event weighs 1 / rate: sums of weights estimate counts without bias (Horvitz &
Thompson 1952).
"""

from __future__ import annotations

from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field

from shopr.data.events import BEHAVIOUR, DIAGNOSTICS, Event, EventType
from shopr.hashing import uniform

__all__ = ["Sampling"]


class Sampling(BaseModel):
    """The rates, each the share of persons whose events of that class are kept.

    Attributes:
        errors: `error_raised`.
        performance: `vital_measured`, `api_called`.
        behaviour: page views, searches, messages and whatever else is no fact.
        salt: a new one draws another sample.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    errors: float = Field(1.0, gt=0, le=1)
    performance: float = Field(0.1, gt=0, le=1)
    behaviour: float = Field(0.05, gt=0, le=1)
    salt: str = Field("sampling-1", min_length=1, max_length=64)

    def rate(self, kind: EventType) -> float:
        """The share that is kept of events of this type."""
        if kind is EventType.PROCESS_MEASURED:  # one a minute
            return 1.0
        if kind is EventType.ERROR_RAISED:
            return self.errors
        if kind in DIAGNOSTICS:
            return self.performance
        return self.behaviour if kind in BEHAVIOUR else 1.0

    def weight(self, event: Event) -> float:
        """How many events this one stands for; 0 if it is not kept."""
        rate = self.rate(event.type)
        if rate >= 1.0:
            return 1.0
        return 1.0 / rate if _place(self.salt, event.user_id or event.session_id or event.event_id) < rate else 0.0


@lru_cache(maxsize=100_000)
def _place(salt: str, person: str) -> float:
    return float(uniform([person], salt)[0])
