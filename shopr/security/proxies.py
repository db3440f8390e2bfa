"""The client's address behind proxies: the rightmost hop that is not one of ours.

What a client writes into X-Forwarded-For itself stands to the left of what our proxies add, and is never believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from shopr.errors import InputError
from shopr.security.access import AccessList, AccessRule
from shopr.security.principal import parse_address

__all__ = ["TrustedProxies"]

_PORT = re.compile(r"^(?:\[([^\]]+)\]|([0-9.]+))(?::\d{1,5})?\Z")
_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("(?:[^"\\]|\\.)*"|[^;,"\s]*)\s*(?=;|\Z)', re.IGNORECASE)
_MOST_HOPS = 100
Header = Literal["x-forwarded-for", "forwarded"]


class TrustedProxies:
    """Finds the client's address.

    Args:
        networks: of our own proxies; none trusts no header at all.
        header: the one that they write. The other one comes from clients and is not looked at.
    """

    def __init__(self, networks: Iterable[str] = (), *, header: Header = "x-forwarded-for") -> None:
        self._ours = AccessList([AccessRule(network, "allow") for network in networks], default="deny")
        self.header = header

    def client(self, peer: str, values: Sequence[str]) -> str:
        """The client's address.

        Args:
            peer: the address that the connection comes from; "" of a Unix socket, which only we can reach.
            values: the values of the header, one a line of the request, in their order.

        Returns:
            An address in its usual spelling; the nearest one that is sure, where a hop is unreadable; "" if none is.
        """
        sure = _usual(peer)
        if peer and (sure is None or not self._ours.check(sure).allowed):
            return sure or ""
        hops = [hop for value in values for hop in self._hops(value)]
        for hop in reversed(hops[-_MOST_HOPS:]):
            found = _usual(hop)
            if found is None:
                break
            sure = found
            if not self._ours.check(found).allowed:
                break
        return sure or ""

    def _hops(self, value: str) -> list[str]:
        if self.header == "x-forwarded-for":
            return [part.strip() for part in value.split(",")]
        return [_for(part.strip()) for part in _elements(value)]


def _elements(value: str) -> list[str]:
    """The elements of a Forwarded header: split at commas outside quotes."""
    return [m.strip() for m in re.findall(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+|(?<=,)(?=,)', value)]


def _for(element: str) -> str:
    found = _FOR.search(element)
    return found[1].strip('"').replace("\\", "") if found else "unknown"


def _usual(text: str) -> str | None:
    port = _PORT.match(text)
    try:
        return str(parse_address((port[1] or port[2]) if port else text))
    except InputError:
        return None
