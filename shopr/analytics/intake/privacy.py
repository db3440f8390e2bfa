"""What is taken out of an event before it is written anywhere: texts redacted, addresses cut, names made pseudonyms."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from shopr.analytics.store.pseudonyms import private_id
from shopr.data.events import Event
from shopr.redaction import redact, redact_values, suspect

__all__ = ["cut_address", "private", "private_properties"]

_IDS = frozenset(
    "product_id order_id impression_id currency policy model_version experiment arm source page device release name "
    "event_id variant position_id route status language country".split()
)
"""Properties that are ids or words of a list: what looks like a card number in them is none."""
_ADDRESSES = frozenset(("ip", "ip_address", "remote_addr", "client_ip", "network"))


def private(event: Event) -> Event:
    """The event without what it should not tell; the same object where there is nothing to take out."""
    properties = private_properties(event.properties)
    user, session = private_id(event.user_id), private_id(event.session_id)
    if properties is event.properties and user == event.user_id and session == event.session_id:
        return event
    return event.model_copy(update={"properties": properties, "user_id": user, "session_id": session})


def private_properties(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Properties without what they should not tell; the same object where there is nothing to take out."""
    made: dict[str, Any] | None = None
    for name, value in given.items():
        if name in _IDS or value is None or isinstance(value, bool | int | float):
            continue
        clean = _clean(name, value)
        if clean is not value:
            made = made or dict(given)
            made[name] = clean
    return given if made is None else made


def _clean(name: str, value: Any) -> Any:
    if name in _ADDRESSES:
        return cut_address(str(value))
    if isinstance(value, str):
        if suspect(name):
            return redact_values({name: value}).get(name, "[secret]")
        return redact(value) if suspect(value) else value
    if isinstance(value, Mapping | list | tuple):
        return redact_values(value)
    return value


def cut_address(text: str) -> str:
    """An IP address without the part that tells households apart: IPv4 to /24, IPv6 to /48; "" if it is none.

    >>> cut_address("203.0.113.77"), cut_address("2001:db8:1:2::3")
    ('203.0.113.0', '2001:db8:1::')
    """
    try:
        address = ipaddress.ip_address(text.strip().partition("/")[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    bits = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address, bits), strict=False).network_address)
