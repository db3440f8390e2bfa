"""Items, addresses and payments changed, goods returned and exchanged, each under the policy."""

from __future__ import annotations

from datetime import date

import pytest

from shopr.clock import ManualClock
from shopr.commerce import Commerce, Order, OrderLine, OrderPayment, OrderPolicy
from shopr.storage import Database
from tests.commerce.shop import ADDRESS, ANN, commerce


def balance(shop: Commerce, method_id: str) -> int | None:
    customer = shop.customers.get("ann")
    assert customer is not None
    method = customer.method(method_id)
    assert method is not None
    return method.balance


def put(
    shop: Commerce, *products: tuple[str, int, int], status: str = "pending", paid: str = "gift", **more: object
) -> Order:
    now = shop.clock.now()
    lines = tuple(OrderLine(n, i, i.title(), q, p, "EUR") for n, (i, q, p) in enumerate(products, 1))
    total = sum(q * p for _, q, p in products)
    payments = (OrderPayment("payment", total, "EUR", paid, now),)
    order = Order("A1", "ann", status, now, now, lines=lines, payments=payments, **more)  # type: ignore[arg-type]
    shop.orders.put([order])
    return order


def test_items_change_into_variants_and_the_difference_is_settled(either: Database, clock: ManualClock) -> None:
    shop = commerce(either, clock)
    shop.customers.put([ANN])
    put(shop, ("shirt-s", 2, 1950), ("mouse", 1, 1999))
    seen = shop.orders.modify_items("ann", "A1", [("shirt-s", "shirt-m")], method_id="gift", dry=True)
    assert seen.ruling.facts["difference"] == 150
    assert shop.orders.get("ann", "A1").items_modified is False  # type: ignore[union-attr]
    change = shop.orders.modify_items("ann", "A1", [("shirt-s", "shirt-m")], method_id="gift", request_id="m")
    order = change.order
    assert order == shop.orders.get("ann", "A1")
    assert order is not None
    assert [(x.product_id, x.quantity, x.price) for x in order.lines] == [
        ("shirt-m", 1, 2100),
        ("shirt-s", 1, 1950),
        ("mouse", 1, 1999),
    ]
    assert [(p.kind, p.amount) for p in order.payments] == [("payment", 5899), ("payment", 150)]
    assert balance(shop, "gift") == 4850
    assert (shop.stock.of("shirt-m"), shop.stock.of("shirt-s")) == (0, 5)
    assert shop.orders.modify_items("ann", "A1", [("shirt-s", "shirt-m")], request_id="m").repeated
    for later in (
        shop.orders.modify_items("ann", "A1", [("shirt-s", "shirt-m")]),
        shop.orders.cancel("ann", "A1", "no longer needed"),
        shop.orders.modify_address("ann", "A1", ADDRESS),
        shop.orders.modify_payment("ann", "A1", "card"),
    ):
        assert later.ruling.code == "modified_before"


def test_a_cheaper_variant_is_refunded(shop: Commerce) -> None:
    put(shop, ("shirt-m", 1, 2600), paid="card")
    change = shop.orders.modify_items("ann", "A1", [("shirt-m", "shirt-s")], method_id="gift")
    assert change.ruling.facts["difference"] == -600
    assert balance(shop, "gift") == 5600


@pytest.mark.parametrize(
    ("changes", "method", "code"),
    [
        ([], None, "no_items"),
        ([("shirt-s", "shirt-s")], None, "same_item"),
        ([("shirt-s", "shirt-l")], None, "out_of_stock"),
        ([("shirt-s", "shirt-m"), ("shirt-s", "shirt-m")], None, "too_few"),
        ([("shirt-s", "mouse")], None, "other_product"),
        ([("mouse", "cable")], None, "other_product"),
        ([("shirt-s", "nobody")], None, "unknown_product"),
        ([("lamp", "mouse")], None, "not_in_order"),
        ([("mouse", "cable"), ("mouse", "cable")], None, "other_product"),
        ([("shirt-s", "shirt-m")], "nobody's", "unknown_method"),
        ([("shirt-s", "shirt-m")], "small", "balance"),
    ],
)
def test_changes_that_cannot_be(shop: Commerce, changes: list[tuple[str, str]], method: str | None, code: str) -> None:
    before = put(shop, ("shirt-s", 2, 2000), ("mouse", 1, 1999), paid="card")
    for dry in (True, False):
        change = shop.orders.modify_items("ann", "A1", changes, method_id=method, dry=dry)
        assert (bool(change), change.ruling.code) == (False, code)
        assert change.ruling.reason
    assert shop.orders.get("ann", "A1") == before
    assert shop.stock.of("shirt-m") == 1


def test_the_payment_moves_to_another_method(shop: Commerce) -> None:
    put(shop, ("mouse", 1, 1999), paid="card")
    assert shop.orders.modify_payment("ann", "A1", "card").ruling.code == "same_method"
    assert shop.orders.modify_payment("ann", "A1", "small").ruling.code == "balance"
    assert shop.orders.modify_payment("ann", "A1", "bob's").ruling.code == "unknown_method"
    assert shop.orders.modify_payment("ann", "A1", "gift")
    assert balance(shop, "gift") == 5000 - 1999
    assert shop.orders.modify_payment("ann", "A1", "paypal")
    assert balance(shop, "gift") == 5000
    change = shop.orders.cancel("ann", "A1")
    assert change.ruling.facts["refunds"] == {"paypal": 1999}


def test_the_address_changes_whole(shop: Commerce) -> None:
    put(shop, ("mouse", 1, 1999))
    assert shop.orders.modify_address("ann", "A1", {"city": "York"}).ruling.code == "bad_address"
    order = shop.orders.modify_address("ann", "A1", {**ADDRESS, "city": "  New   York "}).order
    assert order is not None
    assert order.address == {**ADDRESS, "city": "New York", "address2": "", "state": ""}


def test_a_return_asks_for_a_refund_to_the_right_method(shop: Commerce) -> None:
    put(shop, ("shirt-s", 2, 2000), ("mouse", 1, 1999), status="delivered", paid="card")
    assert shop.returns.request_return("ann", "A1", method_id="paypal").ruling.code == "refund_method"
    assert shop.returns.request_return("ann", "A1", method_id="bob's").ruling.code == "unknown_method"
    assert shop.returns.request_return("ann", "A1", []).ruling.code == "no_items"
    assert shop.returns.request_return("ann", "A1", ["mouse", "mouse"]).ruling.code == "not_in_order"
    assert shop.returns.may_return("ann", "A1").facts["refund"] == 5999
    change = shop.returns.request_return("ann", "A1", ["shirt-s", "mouse"], method_id="gift", reason="too small")
    assert change.order is not None
    assert change.order.status == "return_requested"
    assert change.order.request == {
        "items": ["mouse", "shirt-s"],
        "method_id": "gift",
        "refund": 3999,
        "reason": "too small",
    }
    assert balance(shop, "gift") == 5000, "money moves once the goods are back"
    assert shop.returns.request_return("ann", "A1").ruling.code == "status"
    assert shop.orders.advance("A1", "returned")


def test_an_exchange_names_both_sides(shop: Commerce) -> None:
    put(shop, ("shirt-s", 1, 1900), status="delivered", paid="card")
    assert shop.returns.request_exchange("ann", "A1", [("shirt-s", "shirt-l")]).ruling.code == "out_of_stock"
    assert shop.returns.request_exchange("ann", "A1", [("mouse", "cable")]).ruling.code == "not_in_order"
    assert (
        shop.returns.request_exchange("ann", "A1", [("shirt-s", "shirt-m")], method_id="small").ruling.code == "balance"
    )
    change = shop.returns.request_exchange("ann", "A1", [("shirt-s", "shirt-m")], method_id="paypal")
    assert change.order is not None
    assert change.order.status == "exchange_requested"
    assert change.order.request == {
        "items": ["shirt-s"],
        "new_items": ["shirt-m"],
        "method_id": "paypal",
        "difference": 200,
    }
    assert shop.stock.of("shirt-m") == 1


@pytest.mark.parametrize(("days", "allowed"), [(0, True), (30, True), (31, False), (113, False)])
def test_the_time_for_returns_runs_from_the_delivery(
    shop: Commerce, clock: ManualClock, days: int, allowed: bool
) -> None:
    put(shop, ("mouse", 1, 1999), status="delivered", delivered_on=date(2026, 1, 1))
    clock.advance(86_400 * days)
    for ruling in (shop.returns.may_return("ann", "A1"), shop.returns.may_exchange("ann", "A1", ["mouse"])):
        assert bool(ruling) == allowed
        if not allowed:
            assert ruling.code == "too_late"
            assert (ruling.facts["days"], ruling.facts["bound"]) == (days, 30)


@pytest.mark.parametrize(
    ("status", "cancel", "modify", "back", "exchange"),
    [
        ("pending", True, True, False, False),
        ("processing", True, True, False, False),
        ("shipped", False, False, True, False),
        ("delivered", False, False, True, True),
        ("cancelled", False, False, False, False),
        ("return_requested", False, False, False, False),
        ("returned", False, False, False, False),
    ],
)
def test_what_each_status_allows(
    shop: Commerce, status: str, cancel: bool, modify: bool, back: bool, exchange: bool
) -> None:
    order = put(shop, ("mouse", 1, 1999), status=status)
    policy = OrderPolicy()
    today = date(2026, 1, 1)
    found = (
        bool(policy.may_cancel(order)),
        bool(policy.may_modify(order)),
        bool(policy.may_return(order, today=today)),
        bool(policy.may_exchange(order, today=today)),
    )
    assert found == (cancel, modify, back, exchange)


def test_a_shop_without_customer_records_refunds_to_the_order_itself(database: Database, clock: ManualClock) -> None:
    shop = commerce(database, clock)
    now = clock.now()
    shop.orders.put([Order("A1", "u1", "shipped", now, now, lines=(OrderLine(1, "mouse", "Mouse", 1, None, "EUR"),))])
    change = shop.returns.request_return("u1", "A1")
    assert change
    assert change.ruling.facts["refund"] is None
