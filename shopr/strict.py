"""What people and other programs hand in, checked whole: a value that does not change, without a key nobody knows."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Strict"]


class Strict(BaseModel):
    """Fields as they are declared, frozen; a key that is not declared is refused.

    Raises:
        pydantic.ValidationError: when it is made of what does not fit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
