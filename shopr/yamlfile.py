"""YAML that people edit: read so that every refusal can name the file, the line and the nearest known key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from shopr.errors import SpecError

__all__ = ["line_of", "nearest", "parse"]


def parse(path: Path, text: str, *, hint: str = "") -> tuple[dict[str, Any], yaml.Node | None]:
    """The mapping in `text` and its node tree, from which `line_of` reads lines.

    Args:
        path: what errors name.
        hint: what the file should start with, for the error of a file without keys.

    Raises:
        SpecError: if the text is no YAML, holds no keys, or holds a key twice.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _no_anchor_in_itself(path, root)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise SpecError(f"{path}{where}: {getattr(error, 'problem', None) or 'is no YAML'}") from error
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


def _no_anchor_in_itself(path: Path, root: yaml.Node | None) -> None:
    """`&a [*a]` is YAML, but has no end for whoever walks through it."""
    done: set[int] = set()

    def walk(node: yaml.Node | None, above: frozenset[int]) -> None:
        if node is None or id(node) in done:
            return
        if id(node) in above:
            line = node.start_mark.line + 1
            raise SpecError(f"{path}, line {line}: an anchor is used within itself", hint="Write the value out")
        inside = above | {id(node)}
        if isinstance(node, yaml.SequenceNode):
            parts = list(node.value)
        else:
            parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else []
        for part in parts:
            walk(part, inside)
        done.add(id(node))

    walk(root, frozenset())


def _no_key_twice(path: Path, node: yaml.Node | None) -> None:
    """YAML lets the last of two equal keys win in silence: a value would be dropped that somebody wrote."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _no_key_twice(path, item)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            line = key.start_mark.line + 1
            raise SpecError(f"{path}, line {line}: key {key.value!r} occurs twice", hint="Keep one of them")
        seen.add(key.value)
        _no_key_twice(path, value)
