"""Orders: made from carts once, shown to their owner only, moved along one table of transitions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest

from shopr.clock import ManualClock
from shopr.commerce import Commerce, Order, OrderPolicy, visitor
from shopr.commerce.order_records import NEXT
from shopr.errors import InputError, StorageError
from shopr.storage import Database, SubjectStores
from tests.commerce.shop import ADDRESS, ANN, commerce


def bought(shop: Commerce, owner: str = "ann", **how: object) -> Order:
    shop.carts.add(owner, "mouse", 2)
    shop.carts.add(owner, "shirt-s")
    change = shop.orders.checkout(owner, **how)  # type: ignore[arg-type]
    assert change.order is not None, change.ruling.reason
    return change.order


def test_checkout_takes_stock_money_and_cart(either: Database, clock: ManualClock) -> None:
    shop = commerce(either, clock)
    shop.customers.put([replace(ANN, methods=tuple(replace(m, balance=9000) if m.balance else m for m in ANN.methods))])
    order = bought(shop, method_id="gift", eta=date(2026, 1, 5))
    assert order == shop.orders.get("ann", order.order_id)
    assert (order.status, order.total, order.currency, order.eta) == ("pending", 5998, "EUR", date(2026, 1, 5))
    assert order.product_ids == ("mouse", "mouse", "shirt-s")
    assert [(p.kind, p.amount, p.method_id) for p in order.payments] == [("payment", 5998, "gift")]
    assert order.address["zip"] == "10001"
    assert (shop.stock.of("mouse"), shop.stock.of("shirt-s")) == (3, 3)
    assert len(shop.carts.of("ann")) == 0
    customer = shop.customers.get("ann")
    assert customer is not None
    assert [m.balance for m in customer.methods if m.method_id == "gift"] == [9000 - 5998]
    assert shop.orders.of("ann") == [order]


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"method_id": "gift"}, "balance"),
        ({"method_id": "nobody's"}, "unknown_method"),
        ({"address": {"city": "York"}}, "bad_address"),
        ({"expected": 1}, "total_changed"),
    ],
)
def test_a_checkout_that_cannot_be_leaves_everything_as_it_was(
    shop: Commerce, how: dict[str, object], code: str
) -> None:
    shop.carts.add("ann", "mouse", 5)
    change = shop.orders.checkout("ann", **how)  # type: ignore[arg-type]
    assert (bool(change), change.ruling.code, change.order) == (False, code, None)
    assert change.ruling.reason
    assert shop.stock.of("mouse") == 5
    assert len(shop.carts.of("ann")) == 1
    assert shop.orders.of("ann") == []


def test_one_line_too_few_orders_nothing(shop: Commerce) -> None:
    shop.carts.add("ann", "shirt-s", 2)
    shop.carts.add("ann", "shirt-m", 1)
    shop.stock.set("shirt-m", 0)
    assert shop.orders.checkout("ann").ruling.code == "out_of_stock"
    assert shop.stock.of("shirt-s") == 4
    assert len(shop.carts.of("ann")) == 2


def test_an_empty_cart_makes_no_order(shop: Commerce) -> None:
    assert shop.orders.checkout("ann").ruling.code == "empty_cart"


def test_a_request_sent_twice_makes_one_order(shop: Commerce) -> None:
    first = bought(shop, request_id="r1")
    shop.carts.add("ann", "cable")
    again = shop.orders.checkout("ann", request_id="r1")
    assert (again.repeated, again.order) == (True, first)
    assert len(shop.carts.of("ann")) == 1, "what was put in since is not ordered"
    assert len(shop.orders.of("ann")) == 1
    with pytest.raises(InputError, match="used for 'placed'"):
        shop.orders.cancel("ann", first.order_id, request_id="r1")
    assert shop.orders.cancel("bob", first.order_id, request_id="r1").ruling.code == "not_found"


def test_one_request_from_several_threads_makes_one_order(either: Database, clock: ManualClock) -> None:
    shop = commerce(either, clock)
    shop.carts.add("ann", "mouse", 2)
    with ThreadPoolExecutor(4) as pool:
        changes = list(pool.map(lambda _: shop.orders.checkout("ann", request_id="r"), range(4)))
    assert all(changes)
    assert len({change.order.order_id for change in changes if change.order}) == 1
    assert sum(change.repeated for change in changes) == 3
    assert shop.stock.of("mouse") == 3


def test_anothers_order_looks_exactly_like_none(shop: Commerce) -> None:
    order = bought(shop)
    for stranger in ("bob", visitor("ann"), "Ann", "ann "):
        for order_id in (order.order_id, "ZZ00000000"):
            assert shop.orders.get(stranger, order_id) is None
            assert shop.orders.of(stranger) == []
            assert shop.orders.record(stranger, order_id) == []
            calls = [
                shop.orders.cancel(stranger, order_id),
                shop.orders.modify_items(stranger, order_id, [("mouse", "cable")]),
                shop.orders.modify_address(stranger, order_id, ADDRESS),
                shop.orders.modify_payment(stranger, order_id, "card"),
                shop.returns.request_return(stranger, order_id),
                shop.returns.request_exchange(stranger, order_id, [("mouse", "cable")]),
            ]
            assert {(c.ruling.code, c.ruling.reason, c.order) for c in calls} == {
                ("not_found", "there is no such order of yours", None)
            }
            assert shop.returns.may_return(stranger, order_id) == shop.returns.may_exchange(stranger, order_id)
    assert shop.orders.get("ann", order.order_id) == order


@pytest.mark.parametrize("order_id", ["", "x" * 65, "a\x00", "a\ud800", "' OR 1=1 --", "%", None, 7])
def test_bad_order_ids_find_nothing(shop: Commerce, order_id: object) -> None:
    bought(shop)
    assert shop.orders.get("ann", order_id) is None  # type: ignore[arg-type]
    assert shop.orders.cancel("ann", order_id).ruling.code == "not_found"  # type: ignore[arg-type]


def test_cancelling_gives_back_pieces_and_money(shop: Commerce) -> None:
    shop.carts.add("ann", "mouse", 2)
    order = shop.orders.checkout("ann", method_id="gift").order
    assert order is not None
    seen = shop.orders.cancel("ann", order.order_id, "no longer needed", dry=True)
    assert seen.ruling.facts["refunds"] == {"gift": 3998}
    assert shop.stock.of("mouse") == 3
    change = shop.orders.cancel("ann", order.order_id, "no longer needed", request_id="c")
    assert change.order is not None
    assert change.order.status == "cancelled"
    assert seen.order == change.order
    assert shop.stock.of("mouse") == 5
    customer = shop.customers.get("ann")
    assert customer is not None
    assert customer.method("gift").balance == 5000  # type: ignore[union-attr]
    assert shop.orders.cancel("ann", order.order_id, "no longer needed", request_id="c").repeated
    assert shop.orders.cancel("ann", order.order_id).ruling.code == "status"
    assert shop.stock.of("mouse") == 5
    assert [step[1:] for step in shop.orders.record("ann", order.order_id)] == [
        ("placed", "pending"),
        ("cancelled", "cancelled"),
    ]


def test_a_policy_may_ask_for_reasons(database: Database, clock: ManualClock) -> None:
    shop = commerce(database, clock, policy=OrderPolicy.retail())
    order = bought(shop)
    assert shop.orders.cancel("ann", order.order_id, "I am bored").ruling.code == "reason"
    assert shop.orders.cancel("ann", order.order_id, "ordered by mistake")


def test_an_order_moves_only_along_the_table(shop: Commerce) -> None:
    for start, following in NEXT.items():
        for end in NEXT:
            shop.forget_carts_and_orders()
            shop.orders.put([Order("A1", "ann", start, shop.clock.now(), shop.clock.now())])  # type: ignore[arg-type]
            change = shop.orders.advance("A1", end)  # type: ignore[arg-type]
            assert bool(change) == (end in following or end == start)
            assert change.order is not None
            assert change.order.status == (end if change else start)


def test_arriving_sets_the_day(shop: Commerce, clock: ManualClock) -> None:
    order = bought(shop)
    shop.orders.advance(order.order_id, "shipped", eta=date(2026, 1, 9))
    clock.advance(86_400 * 3)
    arrived = shop.orders.advance(order.order_id, "delivered").order
    assert arrived is not None
    assert (arrived.eta, arrived.delivered_on) == (date(2026, 1, 9), date(2026, 1, 4))
    with pytest.raises(InputError, match="not known"):
        shop.orders.advance(order.order_id, "lost")  # type: ignore[arg-type]
    assert shop.orders.advance("ZZ1", "shipped").ruling.code == "not_found"


def test_orders_from_elsewhere_are_all_taken_or_none(shop: Commerce) -> None:
    now = shop.clock.now()
    given = [Order("A1", "ann", "shipped", now, now), Order("A2", "bob", "shipped", now, now)]
    assert shop.orders.put(given) == 2
    with pytest.raises(StorageError):
        shop.orders.put([Order("A3", "ann", "shipped", now, now), given[0]])
    assert shop.orders.get("ann", "A3") is None
    with pytest.raises(InputError):
        shop.orders.put([Order("A4", "ann", "lost", now, now)])  # type: ignore[arg-type]


def test_order_ids_that_are_taken_are_not_given_again(database: Database, clock: ManualClock) -> None:
    ids = iter(["A1", "A1", "A2", *["A1"] * 99])
    shop = commerce(database, clock, make_order_id=lambda: next(ids))
    assert [bought(shop).order_id, bought(shop).order_id] == ["A1", "A2"]
    shop.carts.add("ann", "cable")
    with pytest.raises(StorageError, match="were taken"):
        shop.orders.checkout("ann")
    assert len(shop.carts.of("ann")) == 1


def test_a_person_can_take_everything_along_and_be_forgotten(shop: Commerce) -> None:
    order = bought(shop, method_id="card")
    shop.carts.add("ann", "cable")
    bought(shop, "bob")
    stores = SubjectStores(shop.database, clock=shop.clock)
    found = stores.export("ann")
    counts = {name: len(rows) for name, rows in found.items() if rows}
    assert counts == {
        "cart_lines": 1,
        "orders": 1,
        "order_lines": 2,
        "order_payments": 1,
        "order_events": 1,
        "customers": 1,
        "payment_methods": 4,
    }
    assert stores.erase("ann")["orders"] == 1
    assert shop.orders.get("ann", order.order_id) is None
    assert shop.customers.get("ann") is None
    assert len(shop.orders.of("bob")) == 1
    assert all(not rows for rows in stores.export("ann").values())
