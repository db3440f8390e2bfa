"""Which products a clause points at: by place in the list, by id, by anaphora, or by describing one that was shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shopr.chat.need import Need
from shopr.chat.reading.result import Reading
from shopr.chat.shelf import Shelf
from shopr.chat.state import State, placed

__all__ = ["Pointing"]


class Pointing:
    """Resolves what clauses point at.

    Args:
        state: the conversation; cart: product ids in the cart, in order.
        prices: product id -> minor units now, for "the cheapest".
    """

    def __init__(self, state: State, shelf: Shelf, cart: Sequence[str], prices: dict[str, int]) -> None:
        self._state, self._shelf, self._cart, self._prices = state, shelf, list(cart), prices

    def of(self, reading: Reading, need: Need, *, among: Sequence[str] | None = None) -> tuple[str, ...]:
        """The products meant; none where it points at nothing that can be found."""
        if reading.ids:
            return tuple(dict.fromkeys(reading.ids))
        listed = list(self._state.shown if among is None else among)
        described = self._described(need, listed)
        narrowed = [i for i in listed if i in described] if need.colours or need.brands else []
        if reading.placed and need.colours and not (narrowed or set(need.colours) & set(self._state.need.colours)):
            return ()  # "the first of the white ones", of a list of black ones
        named = self._placed(reading, narrowed or listed)  # "the first red one"
        if named:
            return named
        if described and (need.concepts or need.brands or need.colours) and not self._plural(reading):
            return described[:1]
        return self._anaphora(reading, listed, described)

    def _placed(self, reading: Reading, listed: list[str]) -> tuple[str, ...]:
        if reading.group is not None and listed:
            which, n = reading.group
            return tuple(listed[:n] if which == "first" else listed[-n:])
        if "both" in reading.references and len(reading.ordinals) == 1 and len(self._state.focus) == 2:
            return placed(self._state.focus, reading.ordinals)  # "the last of those two"
        return placed(listed, reading.ordinals)

    def _described(self, need: Need, listed: list[str]) -> tuple[str, ...]:
        """The listed products that meet a description such as "the HP one" or "that laptop"."""
        if not (need.concepts or need.brands or need.colours or need.names):
            return ()
        rows = {i: self._shelf.row(i) for i in (*self._state.focus, *listed)}
        return tuple(i for i, row in rows.items() if row >= 0 and self._fits(need, row))

    def _fits(self, need: Need, row: int) -> bool:
        shelf = self._shelf
        groups = (
            (need.concepts, lambda c: shelf.kinds.rows.get(c, np.zeros(0, np.int32))),
            (need.brands, shelf.brand_rows),
            (need.colours, shelf.colour_rows),
        )
        return all(not keys or any(row in rows(key) for key in keys) for keys, rows in groups)

    def _plural(self, reading: Reading) -> bool:
        return "both" in reading.references or ("these" in reading.references and "this" not in reading.references)

    def _anaphora(self, reading: Reading, listed: list[str], described: tuple[str, ...]) -> tuple[str, ...]:
        state = self._state
        references = reading.references
        for at, key in enumerate(("former", "latter")):
            if key in references:
                two = next((p for p in (state.focus, listed) if len(p) == 2), [])
                return tuple(two[at : at + 1])
        pair = state.focus if "both" in references and len(state.focus) == 2 else listed
        for key, sign in (("cheapest", 1), ("dearest", -1)):
            if key in references and pair:
                return (min(pair, key=lambda i: sign * self._prices.get(i, 10**15 * sign)),)
        if "both" in references:
            return tuple(pair[:2])
        if "other" in references:
            rest = [i for i in (*state.touched, *state.focus, *listed) if i not in state.focus[:1]]
            return tuple(rest[:1])
        if "these" in references and "this" not in references:
            return described or tuple(state.focus if len(state.focus) > 1 else listed)
        if "this" in references:
            return tuple(state.focus[:1]) or (tuple(listed) if len(listed) == 1 else ())
        return ()
