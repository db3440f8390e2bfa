"""What a message asks to be done, as data: the language between understanding (or a language model) and the flows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from shopr.chat.need import Need
from shopr.errors import UnknownNameError

__all__ = ["NAMES", "Command"]

NAMES = frozenset(
    "search cheaper dearer more compare details similar recommend trending new deals price stock delivery "
    "good_price add remove set_quantity correct_item clear_cart show_cart total checkout order_status orders "
    "cancel_order return return_policy payment_problem confirm deny handoff memory_show memory_forget "
    "memory_allow greet how_are_you thanks bye who_are_you help praise repeat cancel reset resume refuse_discount "
    "refuse_orders off_topic switch not_understood acknowledge clarify".split()
)
"""Every command there is."""


@dataclass(frozen=True)
class Command:
    """One thing to do.

    Attributes:
        name: one of NAMES.
        need: of a search or a description of a product.
        ids: product ids meant, in order.
        quantity: pieces; None where none was said.
        order: order id; "" for none.
        value: what else there is to say, such as a language.
    """

    name: str
    need: Need = field(default_factory=Need)
    ids: tuple[str, ...] = ()
    quantity: int | None = None
    order: str = ""
    value: str = ""

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise UnknownNameError("command", self.name, NAMES)

    def as_dict(self) -> dict[str, Any]:
        """What is set, as JSON's own types."""
        out: dict[str, Any] = {"name": self.name}
        if self.need:
            out["need"] = self.need.as_dict()
        for name in ("ids", "quantity", "order", "value"):
            value = getattr(self, name)
            if value not in ((), None, ""):
                out[name] = list(value) if isinstance(value, tuple) else value
        return out

    @classmethod
    def of(cls, data: dict[str, Any]) -> Command:
        """The inverse of `as_dict`, checked: what others propose is not trusted.

        Raises:
            UnknownNameError: if there is no such command.
        """
        quantity = data.get("quantity")
        return cls(
            str(data.get("name", "")),
            Need.of(data.get("need") or {}),
            tuple(str(i) for i in data.get("ids") or ())[:20],
            int(quantity) if isinstance(quantity, int) and not isinstance(quantity, bool) else None,
            str(data.get("order") or "")[:64],
            str(data.get("value") or "")[:64],
        )
