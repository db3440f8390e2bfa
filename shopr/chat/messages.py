"""The messages of a language: gettext catalogues read by Babel, with plural forms and formal or informal address."""

from __future__ import annotations

import gettext
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from babel.messages.pofile import read_po

__all__ = ["Messages", "messages"]


@dataclass(frozen=True)
class Messages:
    """The texts of one language, by key.

    Attributes:
        language: BCP 47 code.
        texts: (context, key) -> its forms, one for a message without a plural.
        plural: number -> which form.
    """

    language: str
    texts: dict[tuple[str, str], tuple[str, ...]]
    plural: Callable[[int], int] = field(repr=False)

    def text(self, key: str, n: int | None = None, *, informal: bool = False) -> str | None:
        """The text of a key with `{names}` in it; None where the language has none."""
        forms = self.texts.get(("informal", key)) if informal else None
        forms = forms or self.texts.get(("", key))
        if not forms:
            return None
        place = self.plural(n) if n is not None and len(forms) > 1 else 0
        return forms[min(place, len(forms) - 1)] or None


@cache
def messages(language: str) -> Messages:
    """The messages of a language; without any of its own, English ones stand in one by one."""
    place = files(__package__).joinpath("locales", language, "messages.po")
    if not place.is_file():
        return Messages(language, {}, lambda n: int(n != 1))
    with place.open("rb") as file:
        catalogue = read_po(file, locale=None)
    texts = {}
    for message in catalogue:
        if message.id and not message.fuzzy:
            key = message.id[0] if isinstance(message.id, tuple) else message.id
            forms = message.string if isinstance(message.string, tuple) else (message.string,)
            if any(forms):
                texts[message.context or "", key] = tuple(forms)
    return Messages(language, texts, gettext.c2py(catalogue.plural_expr))
