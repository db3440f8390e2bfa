"""What is done for each command: flows over commerce and search that collect facts, and never words."""

from __future__ import annotations

from collections.abc import Callable

from shopr.chat.commands import Command
from shopr.chat.flows import cart, listing, orders, product, search, talk
from shopr.chat.turn import Turn

__all__ = ["FLOWS", "Flow", "run"]

Flow = Callable[[Turn, Command], None]
FLOWS: dict[str, Flow] = {
    **search.FLOWS,
    **product.FLOWS,
    **listing.FLOWS,
    **cart.FLOWS,
    **orders.FLOWS,
    **talk.FLOWS,
}
"""Command -> what is done for it."""


def run(turn: Turn, command: Command) -> None:
    """Do what a command asks; an open question that it does not answer is open no longer."""
    if command.name not in ("confirm", "deny", "acknowledge", "switch", "repeat"):
        turn.state.pending = None
    FLOWS[command.name](turn, command)
