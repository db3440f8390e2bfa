"""`--param KEY=VALUE`: one reading for every command that takes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from shopr.errors import InputError

__all__ = ["keyed"]


def keyed(texts: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """`key=value` texts as pairs; a value is read as JSON where it is JSON, else as text.

    Raises:
        InputError: if a text has no "=" or no key.
    """
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--param {text!r} is not KEY=VALUE", hint="Write for example --param lam=200")
        try:
            yield key.strip(), json.loads(value)
        except ValueError:
            yield key.strip(), value
