"""Texts from grammars: lists of lines with «names» in them, expanded with a seeded generator."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

import numpy as np
import yaml

__all__ = ["Grammar", "read_grammar"]

_SLOT = re.compile(r"«([#~x]?)(\w+)»")
MAX_DEPTH = 12
OUTER = ("payload", "escaped")
"""Names that stay as they are: whoever draws puts something there."""


class Grammar:
    """A grammar and the names its texts start from.

    Args:
        lists: name -> lines; a line may hold «name», «#4» (four digits), «~6» (six letters) or «x8» (eight hex digits).
    """

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self.lists = {name: [str(line) for line in lines] for name, lines in lists.items() if name != "starts"}
        self.starts = tuple(lists.get("starts", ()))

    def draw(self, name: str, generator: np.random.Generator, *, depth: int = 0) -> str:
        """One text that `name` derives."""
        lines = self.lists[name]
        line = lines[int(generator.integers(len(lines)))]
        return _SLOT.sub(lambda match: self._fill(match, generator, depth), line)

    def _fill(self, match: re.Match[str], generator: np.random.Generator, depth: int) -> str:
        kind, name = match.groups()
        if kind:
            alphabet = {"#": string.digits, "~": string.ascii_lowercase, "x": "0123456789abcdef"}[kind]
            picks = generator.integers(len(alphabet), size=int(name))
            drawn = "".join(alphabet[i] for i in picks)
            return drawn if kind != "#" or drawn[0] != "0" else "1" + drawn[1:]
        if name in OUTER:
            return match.group()
        if name == "x8":
            return "".join("0123456789abcdef"[i] for i in generator.integers(16, size=8))
        return self.draw(name, generator, depth=depth + 1) if depth < MAX_DEPTH else ""


@cache
def read_grammar(name: str) -> Grammar:
    """A grammar of the package: "attacks", "harmless" or "formats"."""
    text = (files("shopr.security.training") / "grammars" / f"{name}.yaml").read_text(encoding="utf-8")
    return Grammar(yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
