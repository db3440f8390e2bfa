"""Carts, stock and orders against a plain model, through any sequence of calls."""

from __future__ import annotations

import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from shopr.clock import ManualClock
from shopr.commerce.order_records import NEXT
from shopr.storage import Database
from tests.commerce.shop import PRODUCTS, Shelf, commerce

OWNERS = st.sampled_from(["ann", "bob", "session:1"])
SOLD = st.sampled_from([name for name, *_ in PRODUCTS])
PIECES = st.integers(-1, 4)


class ShopMachine(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="shopr-model-")
        self.database = Database.open(url=f"sqlite:///{Path(self.folder.name) / 'state.db'}")
        self.shop = commerce(self.database, ManualClock(), Shelf())
        self.stock = {name: stock for name, _, stock, _, _ in PRODUCTS}
        self.prices = {name: price for name, price, *_ in PRODUCTS}
        self.carts: dict[str, dict[str, list[int]]] = {}  # owner -> product -> [quantity, price then]
        self.orders: dict[str, tuple[str, str, dict[str, list[int]]]] = {}  # id -> owner, status, pieces and prices

    def can(self, product: str, pieces: int) -> bool:
        held = self.stock[product]
        return self.prices[product] is not None and (held is None or held >= pieces)

    @rule(owner=OWNERS, product=SOLD, pieces=PIECES)
    def add(self, owner: str, product: str, pieces: int) -> None:
        cart = self.carts.setdefault(owner, {})
        wanted = pieces + cart.get(product, [0])[0]
        fine = pieces >= 1 and self.can(product, wanted)
        assert bool(self.shop.carts.add(owner, product, pieces)) == fine
        if fine:
            cart.setdefault(product, [0, self.prices[product] or 0])[0] = wanted

    @rule(owner=OWNERS, product=SOLD, pieces=PIECES)
    def set_quantity(self, owner: str, product: str, pieces: int) -> None:
        cart = self.carts.setdefault(owner, {})
        fine = product in cart if pieces == 0 else pieces > 0 and self.can(product, pieces)
        assert bool(self.shop.carts.set_quantity(owner, product, pieces)) == fine
        if fine and pieces == 0:
            del cart[product]
        elif fine:
            cart.setdefault(product, [0, self.prices[product] or 0])[0] = pieces

    @rule(owner=OWNERS)
    def login(self, owner: str) -> None:
        self.shop.carts.merge("session:1", owner)
        if owner != "session:1":
            target = self.carts.setdefault(owner, {})
            for product, (pieces, price) in self.carts.pop("session:1", {}).items():
                line, there = target.setdefault(product, [0, price]), self.stock[product]
                both = line[0] + pieces
                line[0] = both if there is None else max(min(both, there), line[0], pieces)

    @rule(product=SOLD, price=st.one_of(st.none(), st.integers(0, 5000)))
    def reprice(self, product: str, price: int | None) -> None:
        self.shop.prices.set(product, price)
        self.prices[product] = price

    @rule(product=SOLD, by=st.integers(-3, 3))
    def restock(self, product: str, by: int) -> None:
        held = self.stock[product]
        fine = held is None or held + by >= 0
        assert bool(self.shop.stock.adjust(product, by)) == fine
        if held is not None and fine:
            self.stock[product] = held + by

    @rule(owner=OWNERS, stale=st.booleans())
    def checkout(self, owner: str, stale: bool) -> None:
        cart = self.carts.get(owner, {})
        total = sum(pieces * (self.prices[p] or 0) for p, (pieces, _) in cart.items())
        fine = bool(cart) and all(self.can(p, pieces) for p, (pieces, _) in cart.items()) and not stale
        change = self.shop.orders.checkout(owner, expected=total + stale)
        assert bool(change) == fine
        if change.order is not None:
            assert change.order.total == total
            self.orders[change.order.order_id] = (
                owner,
                "pending",
                {p: [pieces, self.prices[p] or 0] for p, (pieces, _) in cart.items()},
            )
            for product, (pieces, _) in cart.items():
                held = self.stock[product]
                self.stock[product] = None if held is None else held - pieces
            self.carts[owner] = {}

    @rule(owner=OWNERS, data=st.data(), status=st.sampled_from(sorted(NEXT)))
    def follow(self, owner: str, data: st.DataObject, status: str) -> None:
        if not self.orders:
            return
        order_id = data.draw(st.sampled_from(sorted(self.orders)))
        whose, before, pieces = self.orders[order_id]
        if data.draw(st.booleans()):
            done = self.shop.orders.cancel(owner, order_id)
            fine = owner == whose and before in ("pending", "processing")
            assert bool(done) == fine
            if fine:
                self.orders[order_id] = (whose, "cancelled", pieces)
                for product, (count, _) in pieces.items():
                    held = self.stock[product]
                    self.stock[product] = None if held is None else held + count
        else:
            moved = self.shop.orders.advance(order_id, status)  # type: ignore[arg-type]
            assert bool(moved) == (status == before or status in NEXT[before])
            if moved:
                self.orders[order_id] = (whose, status, pieces)

    @invariant()
    def the_shop_is_as_the_model_says(self) -> None:
        if not hasattr(self, "shop"):
            return
        for product, pieces in self.stock.items():
            assert self.shop.stock.of(product) == pieces
        for owner in ("ann", "bob", "session:1"):
            cart = self.shop.carts.of(owner)
            found = {line.product_id: [line.quantity, line.price_then] for line in cart.lines}
            assert found == self.carts.get(owner, {})
            assert list(found) == list(self.carts.get(owner, {}))
            expected = sum(q * (self.prices[p] or 0) for p, (q, _) in found.items())
            assert sum(cart.totals.values()) == expected
            mine = {order_id for order_id, (whose, _, _) in self.orders.items() if whose == owner}
            orders = self.shop.orders.of(owner)
            assert {order.order_id for order in orders} == mine
            for order in orders:
                _, status, pieces_of = self.orders[order.order_id]
                assert order.status == status
                assert {x.product_id: [x.quantity, x.price] for x in order.lines} == pieces_of

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            self.database.close()
            self.folder.cleanup()


TestShop = ShopMachine.TestCase
TestShop.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
