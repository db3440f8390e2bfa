"""What is taken out of an event before it is written anywhere: texts redacted, addresses cut, names made pseudonyms."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from shopr.data.events import Event
from shopr.redaction import names_a_person, redact, redact_values, suspect

__all__ = ["cut_address", "private", "private_properties", "private_user", "pseudonym"]

_IDS = frozenset(
    "product_id order_id impression_id currency policy model_version experiment arm source page device release name "
    "event_id variant position_id route status language country".split()
)
"""Properties that are ids or words of a list: what looks like a card number in them is none."""
_ADDRESSES = frozenset(("ip", "ip_address", "remote_addr", "client_ip", "network"))


def private(event: Event) -> Event:
    """The event without what it should not tell; the same object where there is nothing to take out."""
    properties, user = private_properties(event.properties), private_user(event.user_id)
    if properties is event.properties and user == event.user_id:
        return event
    return event.model_copy(update={"properties": properties, "user_id": user})


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


def private_user(user_id: str | None) -> str | None:
    """A user id, or its stand-in where it is an e-mail address or a telephone number."""
    return user_id if user_id is None or not names_a_person(user_id) else pseudonym(user_id)


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


def pseudonym(user_id: str) -> str:
    """A stable stand-in for a user id that is an e-mail address or a telephone number."""
    return f"p-{blake2b(user_id.strip().lower().encode('utf-8', 'surrogatepass'), digest_size=12).hexdigest()}"
