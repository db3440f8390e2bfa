"""Access lists: networks that are let in or kept out, ten thousand of them asked in a few microseconds.

The most specific rule decides; of two for the same network, the refusal. Addresses of IPv4 inside IPv6 are asked as
what they are. The rules are laid out once as ranges that do not overlap, so that a question is one binary search.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from socket import AF_INET, AF_INET6, inet_pton
from typing import Literal

from shopr.errors import InputError
from shopr.security.principal import Address, parse_address

__all__ = ["Access", "AccessList", "AccessRule", "Action", "parse_network"]

Action = Literal["allow", "deny"]
Network = IPv4Network | IPv6Network
_MAPPED = IPv6Network("::ffff:0:0/96")
_MAPPED_BYTES = _MAPPED.network_address.packed[:12]


@dataclass(frozen=True, slots=True)
class AccessRule:
    """One rule.

    Attributes:
        network: an address or a network, such as 203.0.113.0/24.
        action: "allow" or "deny".
        reason: why, for the log.
        source: "operator", or "behaviour" where it was made automatically.
    """

    network: str
    action: Action
    reason: str = ""
    source: str = "operator"


@dataclass(frozen=True, slots=True)
class Access:
    """The answer for one address.

    Attributes:
        allowed: whether it may come in.
        rule: the rule that decided; None where none did.
    """

    allowed: bool
    rule: AccessRule | None


class AccessList:
    """Rules, ready to be asked.

    Args:
        rules: in any order.
        default: what holds for addresses that no rule names; "deny" makes it a list of guests.

    Raises:
        InputError: if a rule's network is none.
    """

    def __init__(self, rules: Iterable[AccessRule] = (), *, default: Action = "allow") -> None:
        self._default = Access(default == "allow", None)
        parsed = [(parse_network(rule.network), rule) for rule in rules]
        self._size = len(parsed)
        self._four = _laid_out([(n, r) for n, r in parsed if n.version == 4], self._default)
        self._six = _laid_out([(n, r) for n, r in parsed if n.version == 6], self._default)

    def __len__(self) -> int:
        return self._size

    def check(self, address: str | Address) -> Access:
        """Whether an address may come in.

        Raises:
            InputError: if it is none.
        """
        four, number = _number(address)
        starts, answers = self._four if four else self._six
        return answers[bisect_right(starts, number) - 1]


def parse_network(text: str) -> Network:
    """The network that a text writes; one of IPv4 inside IPv6 is the IPv4 network.

    Raises:
        InputError: if it is none, or bits beyond its prefix are set.
    """
    try:
        found = ip_network(text.strip())
    except ValueError as error:
        raise InputError(
            f"{text[:60]!r} is no network: {error}", hint="Write 203.0.113.0/24 or 2001:db8::/32"
        ) from None
    if isinstance(found, IPv6Network) and found.prefixlen >= 96 and found.subnet_of(_MAPPED):
        return IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - 96))
    return found


def _number(address: str | Address) -> tuple[bool, int]:
    """Whether it is of IPv4, and its number. The system's parser takes a tenth of the time of `ipaddress`."""
    if not isinstance(address, str):
        packed = address.packed
    else:
        text = address.strip().partition("%")[0]
        try:
            packed = inet_pton(AF_INET6 if ":" in text else AF_INET, text)
        except (OSError, ValueError):
            packed = parse_address(text).packed
    if len(packed) == 16 and packed.startswith(_MAPPED_BYTES):
        packed = packed[12:]
    return len(packed) == 4, int.from_bytes(packed, "big")


def _laid_out(rules: list[tuple[Network, AccessRule]], default: Access) -> tuple[list[int], list[Access]]:
    """Starts of ranges, rising from 0, and the answer for each: networks are nested or apart, so a stack is enough."""
    best: dict[tuple[int, int], AccessRule] = {}
    for network, rule in rules:
        key = (int(network.network_address), int(network.broadcast_address))
        if key not in best or rule.action == "deny":
            best[key] = rule
    starts, answers = [0], [default]
    open_: list[tuple[int, Access]] = []  # (last address, answer) of the networks around the present place

    def begin(place: int, answer: Access) -> None:
        if starts[-1] == place:
            answers[-1] = answer
        else:
            starts.append(place)
            answers.append(answer)

    def close_before(place: int | None) -> None:
        while open_ and (place is None or open_[-1][0] < place):
            last, _ = open_.pop()
            begin(last + 1, open_[-1][1] if open_ else default)

    for (first, last), rule in sorted(best.items(), key=lambda item: (item[0][0], -item[0][1])):
        close_before(first)
        answer = Access(rule.action == "allow", rule)
        begin(first, answer)
        open_.append((last, answer))
    close_before(None)
    return starts, answers
