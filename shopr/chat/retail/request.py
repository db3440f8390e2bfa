"""What a customer asks the desk for, how far it is known, and what the desk answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from shopr.chat.retail.products import Mention
from shopr.chat.retail.words import Part
from shopr.commerce.rulings import Ruling

__all__ = ["Action", "Asks", "Request", "RetailReply", "Subject"]

Action = Literal[
    "cancel",
    "modify_items",
    "modify_address",
    "modify_payment",
    "user_address",
    "return",
    "exchange",
    "partial_cancel",
    "add_item",
    "discount",
    "person",
    "status",
    "total",
    "contents",
    "list",
]
Asks = Literal["identity", "order", "items", "variant", "method", "reason", "address", "confirm", "more"]


@dataclass(slots=True)
class Request:
    """One request, filled as the conversation goes on.

    Attributes:
        action: what is to be done.
        order_id: of which order.
        locators: products that the order is said to contain.
        items: product ids of the order, one a piece; None: not said yet.
        everything: whether all items are meant.
        swaps: old product id -> new one.
        open: items whose new variant is not known yet -> the variants that fit what was said.
        unavailable: variants that were asked for and cannot be had.
        foreign: names of products that are none of the order's.
        unclear: items of which one was meant.
        method_id, reason, address: of it.
        methods: several payment methods of which one was meant.
        said: parts of messages that can be read once the order is known.
        tries: question -> how often it was answered without success.
    """

    action: Action
    order_id: str | None = None
    locators: list[Mention] = field(default_factory=list)
    items: tuple[str, ...] | None = None
    everything: bool = False
    swaps: dict[str, str] = field(default_factory=dict)
    open: dict[str, list[str]] = field(default_factory=dict)
    unavailable: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    unclear: list[list[str]] = field(default_factory=list)
    method_id: str | None = None
    reason: str | None = None
    address: dict[str, str] = field(default_factory=dict)
    methods: list[str] = field(default_factory=list)
    said: list[Part] = field(default_factory=list)
    tries: dict[str, int] = field(default_factory=dict)

    def subject(self) -> Subject:
        """The request as it stands."""
        return Subject(
            self.action,
            self.order_id,
            self.items or (),
            tuple(self.swaps.items()),
            self.method_id,
            self.reason,
            dict(self.address),
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """A request as shown to the customer; of a proposal, exactly what a yes will do."""

    action: str
    order_id: str | None = None
    items: tuple[str, ...] = ()
    swaps: tuple[tuple[str, str], ...] = ()
    method_id: str | None = None
    reason: str | None = None
    address: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RetailReply:
    """What the desk says.

    Attributes:
        text: for the customer.
        asks: what it waits for.
        subject: the request it speaks of.
        proposal: what a yes will do; None where nothing is to be confirmed.
        done: what was done in this turn.
        refused: why something was not done.
        transferred: whether a person takes over; the desk says no more.
    """

    text: str
    asks: Asks
    subject: Subject | None = None
    proposal: Subject | None = None
    done: tuple[Subject, ...] = ()
    refused: Ruling | None = None
    transferred: bool = False
