"""YAML that people edit: read so that every refusal can name the file, the line and the nearest known key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from shopr.errors import SpecError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

__all__ = ["first_error", "in_words", "line_of", "nearest", "parse", "read_text", "refusal"]

_MOST_NODES = 1_000_000
_SHOWN = 64


def read_text(path: Path, what: str, *, hint: str) -> str:
    """The text of a file.

    Args:
        what: the file is, for the error: "spec", "rules".
        hint: what to do where it is not there.

    Raises:
        SpecError: if it is not there, may not be read, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"{what} {path} cannot be read: it is no text in UTF-8", hint="Save it as UTF-8") from error
    except OSError as error:
        raise SpecError(f"{what} {path} cannot be read: {error.strerror or error}", hint=hint) from error


def parse(path: Path, text: str, *, hint: str = "") -> tuple[dict[str, Any], yaml.Node | None]:
    """The mapping in `text` and its node tree, from which `line_of` reads lines.

    Args:
        path: what errors name.
        hint: what the file should start with, for the error of a file without keys.

    Raises:
        SpecError: if the text is no YAML, holds no keys, holds a key twice, or has no end that could be reached.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _sound(path, root)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise SpecError(f"{path}{where}: {getattr(error, 'problem', None) or 'is no YAML'}") from error
    except RecursionError:
        raise SpecError(f"{path} is nested too deeply to be read", hint="Write it flatter") from None
    if not isinstance(content, dict):
        raise SpecError(f"{path} holds no keys", hint=hint)
    _no_key_twice(path, root)
    return content, root


def line_of(node: yaml.Node | None, keys: Sequence[str | int]) -> int:
    """Line, from 1, of the innermost key (or list position) of a path that the file holds."""
    line = 1 if node is None else node.start_mark.line + 1
    for wanted in keys:
        if isinstance(node, yaml.SequenceNode):
            if not str(wanted).isdigit() or int(wanted) >= len(node.value):
                break
            node = node.value[int(wanted)]
            line = node.start_mark.line + 1
            continue
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if key.value == str(wanted):
                line, node = key.start_mark.line + 1, value
                break
        else:
            break
    return line


def nearest(wrong: str, known: Iterable[str]) -> str:
    """A hint: the known name nearest to a wrong one, if one is near, and all that are known."""
    known = list(known)
    near = get_close_matches(wrong, known, n=1, cutoff=0.5)
    return (f"Did you mean {near[0]!r}? " if near else "") + f"Known: {', '.join(known)}"


def first_error(error: ValidationError) -> ErrorDetails:
    """What is told of all that a model found wrong: a key that it does not know, where there is one, else the first.

    A misspelt key is missing under its right name, too: the misspelling is what its writer wants to hear of.
    """
    found = error.errors()
    return next((one for one in found if one["type"] == "extra_forbidden"), found[0])


def in_words(first: ErrorDetails, known: Callable[[], Iterable[str]]) -> tuple[str, str]:
    """Message and hint of an error.

    Args:
        known: the keys that may stand where an unknown one was found.
    """
    if first["type"] == "extra_forbidden":
        return "unknown key", nearest(str(first["loc"][-1]), known())
    if first["type"] == "missing":
        return "this key is missing", ""
    if first["type"] in ("literal_error", "enum"):
        choices = str(first["ctx"]["expected"]).replace(" or ", ", ").replace("'", "").split(", ")
        return f"{str(first['input'])[:_SHOWN]!r} is not known", nearest(str(first["input"]), choices)
    return str(first["msg"]).removeprefix("Value error, "), ""


def refusal(where: str, keys: Sequence[str | int], message: str, hint: str = "") -> SpecError:
    """The error of a place in a file.

    Args:
        where: file and line.
        keys: the way to the place; none for the file as a whole.
    """
    dotted = ".".join(map(str, keys))
    return SpecError(f"{where}: {dotted}{': ' if dotted else ''}{message}", hint=hint)


def _sound(path: Path, root: yaml.Node | None) -> None:
    """Neither without end (`&a [*a]`) nor, by anchors within anchors, of a size that nobody could write out."""
    sizes: dict[int, int] = {}

    def walk(node: yaml.Node | None, above: frozenset[int]) -> int:
        if node is None:
            return 0
        if id(node) in sizes:
            return sizes[id(node)]
        if id(node) in above:
            raise _refused(path, node, "an anchor is used within itself", "Write the value out")
        inside = above | {id(node)}
        size = 1 + sum(walk(part, inside) for part in _parts(node))
        if size > _MOST_NODES:
            raise _refused(path, node, f"by its anchors it holds more than {_MOST_NODES:,} values", "Use fewer of them")
        sizes[id(node)] = size
        return size

    walk(root, frozenset())


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    return [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else []


def _no_key_twice(path: Path, root: yaml.Node | None) -> None:
    """YAML lets the last of two equal keys win in silence: a value would be dropped that somebody wrote."""
    waiting, done = [root], set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in done:
            continue
        done.add(id(node))
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise _refused(path, key, f"key {key.value!r} occurs twice", "Keep one of them")
            seen.add(str(key.value))
        waiting.extend(reversed(_parts(node)))


def _refused(path: Path, node: yaml.Node, message: str, hint: str) -> SpecError:
    return SpecError(f"{path}, line {node.start_mark.line + 1}: {message}", hint=hint)
