"""What a shopper asks the store for, held in the address, and when it counts as a search.

The address is the one truth: each control writes it, and the page is drawn from it. A search that is being typed counts
once it has stood for `SETTLED` seconds, or as soon as the shopper does something with what it found, so that each is
recorded once and no half-typed word ever is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import streamlit as st

from parts.visitor import inspected
from shopr.search.asking.request import PageRequest
from shopr.shop import Shop
from shopr.shop.storefront import ShopPage, Shopper

__all__ = [
    "PRODUCT",
    "SETTLED",
    "Held",
    "address",
    "alter",
    "asked",
    "change",
    "go",
    "hold",
    "keyed",
    "pending",
    "settle",
    "spoke",
]

SETTLED = 1.2
"""Seconds after which what was typed counts as a search."""
PRODUCT = "product"
"""Parameter of the address that names the product whose page is open."""
_HELD = "store-search"


@dataclass
class Held:
    """A search as it is on the page, through all redrawings.

    Attributes:
        key: what tells it from another. number: by which its impressions begin. since: when it was typed, seconds of
            the monotonic clock; None where it was chosen, not typed. pages: those that are recorded. page: as drawn
            last. refused: why the guard stopped it.
    """

    key: tuple[Shopper, PageRequest]
    number: str = field(default_factory=lambda: uuid4().hex)
    since: float | None = None
    pages: set[int] = field(default_factory=set)
    page: ShopPage | None = None
    refused: str = ""


def asked(currency: str) -> tuple[PageRequest, str]:
    """What the address asks for, and the product whose page is open; "" for none."""
    params = {name: st.query_params.get_all(name) for name in st.query_params}
    return PageRequest.of(params, currency), st.query_params.get(PRODUCT, "")[:256]


def address(request: PageRequest, currency: str, product: str = "") -> None:
    """Write the address."""
    params: dict[str, Any] = dict(request.params(currency))
    st.query_params.from_dict(params | ({PRODUCT: product} if product else {}))


def go(shop: Shop, request: PageRequest, *, product: str = "", typed: bool = False) -> None:
    """Ask for something else; what is on the page counts as searched, unless it is only typed over."""
    if typed:
        st.session_state["store-typed"] = shop.clock.monotonic()
    else:
        settle(shop)
    address(request, shop.storefront.currency, product)


def change(shop: Shop, *, typed: bool = False, **parts: Any) -> None:
    """What one control says, as a change of what the address asks for.

    Nothing happens where the address says the same already: Streamlit also calls a control whose value was only drawn
    anew, with whatever the page asked for when it was drawn last.

    Args:
        parts: of the request, by name.
    """
    request, product = asked(shop.storefront.currency)
    wanted = request.changed(**parts)
    if all(getattr(wanted, part) == getattr(request, part) for part in parts):
        return
    if typed:
        go(shop, wanted.changed(exact=False), typed=True)
    else:
        go(shop, wanted, product=product)


def alter(
    shop: Shop, how: Callable[[PageRequest], PageRequest] = lambda request: request, *, product: str = ""
) -> None:
    """As `go`, from what the address asks for at that moment and not when the page was drawn: two acts of a quick hand
    come at once.

    Args:
        how: makes another request of it.
    """
    request, _ = asked(shop.storefront.currency)
    go(shop, how(request), product=product)


def keyed(name: str, value: Any) -> str:
    """The key of a control that shows a value: another one as soon as something else has changed the value.

    A control that is not on the page, in a popover that is closed, keeps what it said last, and the browser says it
    again with whatever is done next: a condition that was taken away would come back.
    """
    shown, turn = st.session_state.get(f"{name}-shown", (value, 0))
    turn += shown != value
    st.session_state[f"{name}-shown"] = value, turn
    return f"{name}-{turn}" if turn else name


def spoke(name: str, value: Any) -> None:
    """The control of this name itself says this value now."""
    _, turn = st.session_state.get(f"{name}-shown", (value, 0))
    st.session_state[f"{name}-shown"] = value, turn


def hold(shop: Shop, request: PageRequest, shopper: Shopper) -> Held:
    """The search that a request belongs to: the one on the page, or a new one."""
    key = (shopper, request.changed(page=1))
    held: Held | None = st.session_state.get(_HELD)
    since = st.session_state.pop("store-typed", None)
    if held is None or held.key != key:
        held = st.session_state[_HELD] = Held(key, since=since)
    held.page = shop.storefront.page(request, shopper, number=held.number)
    if held.since is None:
        settle(shop)
    return held


def pending() -> bool:
    """Whether what is on the page is typed and does not count yet."""
    held: Held | None = st.session_state.get(_HELD)
    return held is not None and held.since is not None and held.page is not None


def settle(shop: Shop, *, least: float = 0.0) -> bool:
    """Record what is on the page, once, if it has stood for `least` seconds; whether it is settled now."""
    held: Held | None = st.session_state.get(_HELD)
    if held is None or held.page is None:
        return True
    if held.since is not None and shop.clock.monotonic() - held.since < least:
        return False
    held.since = None
    page, number = held.page, held.page.request.page
    if number in held.pages or held.refused:
        return True
    if page.request.query.strip() and not held.pages:
        shopper = page.shopper
        verdict = inspected(shop, page.request.query, user=shopper.user_id, conversation=shopper.session_id)
        held.refused = "" if verdict.allowed else verdict.message
    if not held.refused:
        shop.storefront.record(page, searched=not held.pages)
        held.pages.add(number)
    return True
