"""Files of texts (`{"text", "label", "kind", "source", "group"}` a line): read by source, with licence and family."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import yaml

from shopr.errors import DataError
from shopr.security.training.corpus import Row

__all__ = ["Source", "known_sources", "read_rows", "relabelled", "source_of"]


@dataclass(frozen=True)
class Source:
    """A source of texts.

    Attributes:
        prefix: how the names of its files start.
        family: sources that share texts; left out together.
        licence: as stated by its owner.
        learn: whether a shipped model may learn from it.
        what: in a few words.
    """

    prefix: str
    family: str
    licence: str
    learn: bool
    what: str


def _read(name: str) -> dict[str, object]:
    text = (files("shopr.security.training") / name).read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    assert isinstance(content, dict)
    return content


@cache
def known_sources() -> tuple[Source, ...]:
    """Every source that has a line in sources.yaml, the longest prefixes first."""
    table = _read("sources.yaml")["sources"]
    assert isinstance(table, dict)
    found = [Source(prefix, **keys) for prefix, keys in table.items()]
    return tuple(sorted(found, key=lambda s: -len(s.prefix)))


def source_of(name: str) -> Source:
    """The source of a row; an unknown name is a family of its own and may not be learned from."""
    for source in known_sources():
        if name.startswith(source.prefix):
            return source
    return Source(name, name, "unknown", False, "unknown")


@cache
def relabelled() -> frozenset[tuple[str, str]]:
    """(source, text) of the rows that are no attacks, whatever their list says."""
    rows = _read("relabelled.yaml")["rows"]
    assert isinstance(rows, list)
    return frozenset((row["source"], str(text)) for row in rows for text in row["texts"])


def read_rows(paths: Iterable[Path], *, prompts: bool = False) -> Iterator[Row]:
    """The rows of files whose label is sure; prompt injections only when asked for, since they are a class of their
    own.

    Raises:
        DataError: if a line is no such row.
    """
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    row = json.loads(line)
                    text, label, kind = row["text"], int(row["label"]), str(row["kind"])
                except (ValueError, KeyError, TypeError) as error:
                    raise DataError(
                        f"{path}, line {number}: {error!r}", hint="One object with text, label, kind a line"
                    ) from error
                if label < 0 or (kind == "prompt_injection") != prompts:
                    continue
                yield Row(str(text), label == 1, kind, str(row.get("source", path.stem)), int(row.get("group", -1)))
