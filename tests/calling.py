"""The command line as a test calls it, in its own process."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from shopr.cli import main as door

__all__ = ["Run", "call", "status", "typed"]

Run = Callable[..., tuple[int, str, str]]


def status(arguments: list[str]) -> int:
    """The exit status of a call."""
    with pytest.raises(SystemExit) as left:
        door.main(arguments)
    return int(left.value.code or 0)


def call(first: tuple[str, ...], capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command, whose first words are `first`."""
    ended = status([*first, *map(str, arguments)])
    printed = capsys.readouterr()
    return ended, printed.out, printed.err


def typed(*first: str) -> Run:
    """What calls a command: `run = typed("abtest")`, then `run(capsys, "list")`."""
    return partial(call, first)
