"""The command line as a test calls it."""

from __future__ import annotations

import pytest

from shopr.cli.main import main


def status(arguments: list[str]) -> int:
    """The exit status of a call."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)
