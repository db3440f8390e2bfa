"""Yes or no, with the reason: what commerce answers to everything a shopper asks it to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["REASONS", "Ruling", "no", "yes"]

REASONS = {
    "ok": "done",
    "not_found": "there is no such order of yours",
    "unknown_product": "there is no product {product_id}",
    "no_price": "product {product_id} has no price and cannot be bought",
    "out_of_stock": "product {product_id} is out of stock",
    "too_few": "only {available} of product {product_id} are in stock, {wanted} were asked for",
    "too_many": "{wanted} pieces, the bound is {bound}",
    "too_many_lines": "the cart holds {bound} different products, which is the bound",
    "not_in_cart": "product {product_id} is not in the cart",
    "empty_cart": "the cart is empty",
    "mixed_currencies": "the cart holds prices in {currencies}; one order has one currency",
    "price_changed": "the price of {product_id} has changed from {then} to {now} since it was added",
    "total_changed": "the total is {now} and no longer {then}",
    "status": "an order that is {status} cannot be {action}; it would have to be {wanted}",
    "modified_before": "the items of the order were changed before, and that can be done once",
    "reason": "{reason!r} is not a reason for which orders are cancelled; it would have to be {wanted}",
    "too_late": "{days} days have passed since the delivery on {delivered}; the bound is {bound}",
    "no_items": "no item was named",
    "not_in_order": "product {product_id} is not in the order",
    "same_item": "product {product_id} would be changed into itself",
    "other_product": "product {new_id} is no variant of {product_id}",
    "unknown_method": "there is no payment method {method_id} of yours",
    "same_method": "the order is paid with {method_id} already",
    "split_payment": "the order is paid with several methods, which cannot be changed",
    "balance": "the gift card holds {balance}, {needed} are needed",
    "refund_method": "a refund goes to the original method or to a gift card, {method_id} is neither",
    "bad_address": "the address lacks {field}",
    "other_person": "only one person is helped in a conversation",
    "out_of_policy": "the policy does not provide for it",
    "no_step": "an order that is {status} cannot become {wanted}",
}
"""Code -> English sentence with places for the facts. Other languages are the dialogue's affair, by the code."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether something may be done, or was done.

    Attributes:
        allowed: yes or no; the ruling itself is as true as that.
        code: a key of `REASONS`.
        facts: the values it rests on, amounts in minor units.
    """

    allowed: bool
    code: str = "ok"
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.allowed

    @property
    def reason(self) -> str:
        """The reason as an English sentence."""
        return REASONS[self.code].format_map(self.facts)


def yes(**facts: Any) -> Ruling:
    """A yes with its facts."""
    return Ruling(True, "ok", facts)


def no(code: str, **facts: Any) -> Ruling:
    """A no with its reason."""
    return Ruling(False, code, facts)
