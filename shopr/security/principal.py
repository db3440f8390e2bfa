"""Who is asking, as far as one can tell: a person, a session, a program, a network; any of them may be unknown."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from shopr.errors import InputError

__all__ = ["Address", "Principal", "digest_of", "network_of", "parse_address"]

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking.

    Attributes:
        user: user id of somebody signed in; "" for a visitor.
        session: id of the session, "" if there is none.
        api_key: id of a program's key, "" if there is none.
        network: the address, or its /64 where it is IPv6; "" if unknown.
    """

    user: str = ""
    session: str = ""
    api_key: str = ""
    network: str = ""

    @classmethod
    def of(cls, *, user: str | None = None, session: str | None = None, api_key: str | None = None,
           address: str | None = None) -> Principal:  # fmt: skip
        """A principal from what a request tells; `address` is the client's, behind proxies that one trusts."""
        return cls(user or "", session or "", api_key or "", network_of(address) if address else "")

    @property
    def known(self) -> bool:
        """Whether it is more than an address."""
        return bool(self.user or self.session or self.api_key)


def parse_address(text: str) -> Address:
    """The address that a text writes; one of IPv4 inside IPv6 (`::ffff:10.0.0.1`) is the IPv4 address.

    Raises:
        InputError: if it is none.
    """
    try:
        found = ip_address(text.strip().partition("%")[0])
    except ValueError:
        raise InputError(f"{text[:60]!r} is no IP address", hint="Write 203.0.113.7 or 2001:db8::1") from None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def network_of(address: str) -> str:
    """The network that counts as one client: an IPv4 address, or the /64 of an IPv6 one, which one household holds.

    Raises:
        InputError: if `address` is none.
    """
    found = parse_address(address)
    return str(found) if found.version == 4 else str(ip_network((found, 64), strict=False))


def digest_of(value: str, pepper: bytes = b"") -> str:
    """A stand-in of 32 characters for an id or address in stores that need only tell it from others."""
    text = value.encode("utf-8", "surrogatepass")
    return (hmac.digest(pepper, text, "sha256") if pepper else sha256(text).digest()).hex()[:32]
