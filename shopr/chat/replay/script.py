"""A file of scripted dialogues, checked when it is read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shopr.commerce.fixtures import Fixtures
from shopr.errors import DataError

__all__ = ["Category", "Dialogue", "Script", "Step", "parse_script", "read_script"]

_LARGEST = 64 * 2**20
_LONGEST_PATTERN = 2000


@dataclass(frozen=True)
class Category:
    """What titles of a category look like: truth for scoring, never for answering."""

    include: re.Pattern[str]
    exclude: re.Pattern[str] | None

    def holds(self, title: str) -> bool:
        """Whether a title is of the category."""
        return bool(self.include.search(title)) and not (self.exclude is not None and self.exclude.search(title))


@dataclass(frozen=True)
class Step:
    """One message and what is expected of the answer."""

    user: str
    expect: dict[str, Any]


@dataclass(frozen=True)
class Dialogue:
    """A scripted dialogue."""

    id: str
    capability: str
    language: str | None
    user: str | None
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Script:
    """All of a file: fixtures, categories by name, dialogues."""

    fixtures: Fixtures
    categories: dict[str, Category]
    dialogues: tuple[Dialogue, ...]


def read_script(path: Path) -> Script:
    """Read a file of dialogues.

    Raises:
        DataError: if it cannot be read or is no such file, naming the place.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path} has more than {_LARGEST} bytes", hint="Split it")
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}"[:300], hint="Give a JSON file of dialogues") from error
    if not isinstance(data, dict) or not isinstance(data.get("dialogues"), list):
        raise DataError(f"{path} holds no list 'dialogues'", hint="Give a JSON file of dialogues")
    return parse_script(data)


def parse_script(data: dict[str, Any]) -> Script:
    """A script from its JSON object.

    Raises:
        DataError: naming the first place that is wrong.
    """
    categories = {str(n): _category(str(n), c) for n, c in (data.get("categories") or {}).items()}
    dialogues = tuple(_dialogue(i, d) for i, d in enumerate(data["dialogues"]))
    return Script(Fixtures.parse(data.get("fixtures") or {}), categories, dialogues)


def _category(name: str, raw: Any) -> Category:
    if not isinstance(raw, dict) or not isinstance(raw.get("include"), str):
        raise DataError(f"category {name!r} has no expression 'include'", hint="Write include and exclude")
    return Category(_pattern(name, raw["include"]), _pattern(name, raw["exclude"]) if raw.get("exclude") else None)


def _pattern(name: str, text: Any) -> re.Pattern[str]:
    try:
        if not isinstance(text, str) or len(text) > _LONGEST_PATTERN:
            raise DataError(f"category {name!r}: an expression is too long or no text", hint="Shorten it")
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise DataError(f"category {name!r}: {error}", hint="Mend the expression") from error


def _dialogue(place: int, raw: Any) -> Dialogue:
    if not isinstance(raw, dict) or not isinstance(raw.get("turns"), list):
        raise DataError(f"dialogue {place} has no list 'turns'", hint="Write one turn for each message")
    name = str(raw.get("id", place))
    steps = []
    for turn in raw["turns"]:
        expect = turn.get("expect") or {} if isinstance(turn, dict) else None
        if not isinstance(turn, dict) or not isinstance(turn.get("user"), str) or not isinstance(expect, dict):
            raise DataError(f"dialogue {name!r}: a turn has no text 'user'", hint='Write {"user": …, "expect": {…}}')
        steps.append(Step(turn["user"], expect))
    language, user = raw.get("lang"), raw.get("user")
    return Dialogue(
        name,
        str(raw.get("capability", name)),
        None if language is None else str(language),
        None if user is None else str(user),
        tuple(steps),
    )
