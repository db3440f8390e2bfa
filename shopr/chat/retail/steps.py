"""What a request needs next: an order, items, a variant, a method, a reason, an address, a yes, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from shopr.chat.retail import wording
from shopr.chat.retail.products import Products
from shopr.chat.retail.request import Asks, Request
from shopr.chat.retail.values import find_methods
from shopr.chat.retail.words import Part
from shopr.commerce import Commerce, Customer, Order, OrderChange, Ruling
from shopr.commerce.rulings import no, yes

__all__ = ["Answer", "Ask", "Desk", "Propose", "Refuse", "Transfer"]

_PATIENCE = 3
_METHOD_CODES = ("balance", "unknown_method", "refund_method", "same_method")


@dataclass(frozen=True, slots=True)
class Ask:
    """Something must be known first; `refused`: why what was said will not do."""

    asks: Asks
    text: str
    refused: Ruling | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """It cannot be done."""

    ruling: Ruling
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A question is answered."""

    text: str


@dataclass(frozen=True, slots=True)
class Propose:
    """All is known: what a yes will do."""

    text: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """A person takes over."""

    text: str


Step = Ask | Refuse | Answer | Propose | Transfer


class Desk:
    """Looks at requests of one customer.

    Args:
        commerce: the shop.
        products: its names.
    """

    def __init__(self, commerce: Commerce, products: Products) -> None:
        self._commerce, self._products = commerce, products

    def step(self, request: Request, customer: Customer) -> Step:
        """What the request needs next."""
        if request.action == "person":
            return Transfer(wording.TRANSFER)
        if request.action == "list":
            return Answer(wording.orders(self._commerce.orders.of(customer.user_id)))
        if request.action == "user_address":
            return self._address(request) or Propose(wording.propose_user_address(request.address))
        if request.action in ("discount", "add_item"):
            return Refuse(no("out_of_policy"), wording.FORBIDDEN[request.action])
        order = self._order(request, customer)
        if not isinstance(order, Order):
            return order
        return self._of_order(request, order, customer)

    def _of_order(self, request: Request, order: Order, customer: Customer) -> Step:
        if request.action in ("status", "total", "contents"):
            return Answer(wording.about(order, request.action, self._products.describe))
        if request.action == "partial_cancel":
            return Refuse(no("out_of_policy"), wording.FORBIDDEN["partial_cancel"])
        ruling = self._permitted(request, order)
        if not ruling:
            return Refuse(ruling, wording.refused(ruling, request, order))
        self._read(request, order, customer)
        missing = self._missing(request, order, customer)
        if missing is not None:
            return missing
        change = self.perform(request, customer, dry=True)
        if change:
            return Propose(wording.propose(request, order, change, customer, self._products.describe))
        return self._objection(request, order, change.ruling, customer)

    def perform(
        self, request: Request, customer: Customer, *, dry: bool = False, request_id: str | None = None
    ) -> OrderChange:
        """Do what is asked, or only say what would happen."""
        orders, returns = self._commerce.orders, self._commerce.returns
        owner, order_id = customer.user_id, request.order_id or ""
        if request.action == "cancel":
            return orders.cancel(owner, order_id, request.reason, request_id=request_id, dry=dry)
        if request.action == "modify_address":
            return orders.modify_address(owner, order_id, request.address, request_id=request_id, dry=dry)
        if request.action == "modify_payment":
            return orders.modify_payment(owner, order_id, request.method_id or "", request_id=request_id, dry=dry)
        pairs = list(request.swaps.items())
        if request.action == "modify_items":
            return orders.modify_items(
                owner, order_id, pairs, method_id=request.method_id, request_id=request_id, dry=dry
            )
        if request.action == "exchange":
            return returns.request_exchange(
                owner, order_id, pairs, method_id=request.method_id, request_id=request_id, dry=dry
            )
        return returns.request_return(
            owner, order_id, request.items, method_id=request.method_id, request_id=request_id, dry=dry
        )

    # -- the order ----------------------------------------------------------------------------------------------------

    def _order(self, request: Request, customer: Customer) -> Order | Ask | Refuse:
        if request.order_id is not None:
            order = self._commerce.orders.get(customer.user_id, request.order_id)
            if order is not None:
                return order
            return Refuse(no("not_found"), wording.NO_SUCH_ORDER)
        fitting = self._fitting(request, customer)
        if len(fitting) != 1:
            return self._again(request, "order", wording.which_order(fitting))
        request.order_id = fitting[0].order_id
        return fitting[0]

    def _fitting(self, request: Request, customer: Customer) -> list[Order]:
        """The customer's orders that hold what the order was said to contain, those first with which it can be done."""
        mentions = request.locators
        if not mentions and request.action in ("return", "exchange", "modify_items"):
            mentions = [m for part in request.said for m in self._products.located(part)[1]]
        orders = self._commerce.orders.of(customer.user_id)
        if mentions:
            groups = [{self._commerce.variants.group(i) for i in order.product_ids} for order in orders]
            fits = [all(m.groups & held for m in mentions) for held in groups]
            if not any(fits):  # an item that only looks like one of theirs says nothing
                fits = [any(m.groups & held for m in mentions) for held in groups]
            orders = [order for order, fit in zip(orders, fits, strict=True) if fit]
        if len(orders) < 2:
            return orders
        able = [order for order in orders if self._permitted(request, order)]
        return able if len(able) == 1 and mentions else orders

    def _permitted(self, request: Request, order: Order) -> Ruling:
        policy, today = self._commerce.policy, self._today()
        if request.action == "cancel":
            return policy.may_cancel(order)
        if request.action in ("modify_items", "modify_address", "modify_payment"):
            return policy.may_modify(order)
        if request.action == "return":
            return policy.may_return(order, today=today)
        return policy.may_exchange(order, today=today) if request.action == "exchange" else yes()

    def _today(self) -> date:
        return self._commerce.clock.now().date()

    # -- what was said of it ------------------------------------------------------------------------------------------

    def _read(self, request: Request, order: Order, customer: Customer) -> None:
        """Read what was said before the order was known."""
        for part in request.said:
            _, others = self._products.located(part)
            if request.action == "return":
                chosen, unclear = self._products.items(part, order, others)
                if chosen or unclear:
                    request.items, request.unclear = tuple(chosen) or request.items, unclear
                    request.everything = False
                elif request.everything:
                    request.items, request.unclear = order.product_ids, []
            elif request.action in ("exchange", "modify_items"):
                self._read_swaps(request, order, part)
            methods = [m.method_id for m in find_methods(part, customer, order)]
            if methods and request.action not in ("cancel", "modify_address"):
                request.method_id = methods[0] if len(methods) == 1 else None
                request.methods = methods if len(methods) > 1 else []
        request.said.clear()

    def _read_swaps(self, request: Request, order: Order, part: Part) -> None:
        _, others = self._products.located(part)
        if not others and len(request.open) == 1:  # the answer to "which variant?" need not name the item again
            others = self._products.named(next(iter(request.open)), part)
        sense = self._products.swaps(part, order, others)
        for item in (*sense.swaps, *sense.open):
            request.swaps.pop(item, None)
            request.open.pop(item, None)
        request.swaps |= sense.swaps
        request.open = sense.open if sense.swaps else request.open | sense.open
        request.unavailable, request.foreign = sense.unavailable, sense.foreign

    # -- what is missing ----------------------------------------------------------------------------------------------

    def _missing(self, request: Request, order: Order, customer: Customer) -> Ask | Refuse | None:
        if request.action == "cancel" and request.reason is None:
            return self._again(request, "reason", wording.WHICH_REASON)
        if request.action == "modify_address":
            return self._address(request)
        if request.action == "return" and (request.unclear or not request.items):
            return self._again(request, "items", wording.which_items(order, request.unclear, self._products.describe))
        if request.action in ("exchange", "modify_items"):
            open_ = self._variant(request, order)
            if open_ is not None:
                return open_
        needs = request.action in ("return", "exchange", "modify_items", "modify_payment")
        if needs and request.method_id is None:
            return self._again(request, "method", wording.which_method(request, order, customer))
        return None

    def _variant(self, request: Request, order: Order) -> Ask | Refuse | None:
        if request.foreign and not request.swaps:
            ruling = no("other_product", product_id=request.foreign[0], new_id="")
            return Refuse(ruling, wording.other_product(request.foreign[0]))
        if request.open:
            item, fitting = next(iter(request.open.items()))
            refused = no("out_of_stock", product_id=request.unavailable[0]) if request.unavailable else None
            options = fitting or self._products.alternatives(item)
            text = wording.which_variant(item, options, request.unavailable, self._products.describe)
            return self._again(request, "variant", text, refused)
        if not request.swaps:
            return self._again(request, "items", wording.which_swaps(order, self._products.describe))
        return None

    def _address(self, request: Request) -> Ask | Refuse | None:
        return None if request.address else self._again(request, "address", wording.WHICH_ADDRESS)

    def _again(self, request: Request, asks: Asks, text: str, refused: Ruling | None = None) -> Ask | Refuse:
        request.tries[asks] = request.tries.get(asks, 0) + 1
        if request.tries[asks] > _PATIENCE:
            ruling = no("no_items", order_id=request.order_id) if refused is None else refused
            return Refuse(ruling, wording.GIVEN_UP)
        return Ask(asks, text, refused)

    def _objection(self, request: Request, order: Order, ruling: Ruling, customer: Customer) -> Step:
        """What the rules have against a request that is complete."""
        text = wording.refused(ruling, request, order)
        if ruling.code in _METHOD_CODES and request.tries.get("objection", 0) < 2:
            request.tries["objection"] = request.tries.get("objection", 0) + 1
            request.method_id = None
            return Ask("method", f"{text} {wording.which_method(request, order, customer)}", ruling)
        if ruling.code in ("out_of_stock", "too_few") and request.swaps:
            item = next(iter(request.swaps))
            request.open, request.swaps = {item: []}, {}
            options = self._products.alternatives(item)
            return self._again(
                request, "variant", wording.which_variant(item, options, [], self._products.describe), ruling
            )
        return Refuse(ruling, text)
