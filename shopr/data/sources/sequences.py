"""Sequence files: each line a user and then items, as RUCAIBox, UltraGCN and BARS publish their sets.

Such a file has an order but no times. Each step becomes an event at second 0, 1, 2 … of 1970 (`times="order"` in the
manifest): good for leave-last-out, meaningless for a split by time. A file without order gives `times="none"`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from shopr.clock import Clock
from shopr.data.catalog import Catalog, validate_catalog
from shopr.data.checks import validate_events
from shopr.data.dataset import Dataset
from shopr.data.events import EventType
from shopr.data.ids import IdMap
from shopr.data.rejects import Rejects
from shopr.data.sources.csv_text import MAX_LINE_BYTES
from shopr.data.sources.files import EncodingError, check_file
from shopr.errors import DataError

__all__ = ["load"]


def load(
    path: Path,
    *,
    name: str = "sequences",
    clock: Clock | None = None,
    attributes: Path | None = None,
    ordered: bool = True,
) -> Dataset:
    """Read `user item item …` lines, separated by blanks.

    Args:
        attributes: JSON file `{item: [attribute, …]}`; they become the products' attribute `labels`.
        ordered: whether the items stand in order of time.

    Raises:
        DataError: if a file cannot be read, or no sound line is left.
    """
    users, items, rejects = _lines(check_file(path))
    if not users:
        raise DataError(
            f"{path.name} has no sound line; {rejects.first()}", hint="Write a user and then items per line"
        )
    lengths = np.array([len(row) for row in items])
    position = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    user = np.repeat(np.array(users, dtype=object), lengths)
    step = position.astype(str).astype(object)
    events = pd.DataFrame(
        {
            "event_id": user + "/" + step,
            "type": EventType.ORDER_COMPLETED.value,
            "time": position if ordered else np.zeros(len(position), np.int64),
            "user_id": user,
            "product_id": np.concatenate([np.array(row, dtype=object) for row in items]),
            "quantity": 1,
            "order_id": user + "/" + step,
        }
    )
    judged = validate_events(events, clock=clock, file=path.name)
    return Dataset.build(
        name,
        "sequences",
        _catalogue(judged.good, attributes),
        judged.good,
        rejects=Rejects.concat([rejects, judged.rejects]),
        origin=path.name,
        times="order" if ordered else "none",
    )


def _lines(path: Path) -> tuple[list[str], list[list[str]], Rejects]:
    users: list[str] = []
    items: list[list[str]] = []
    bad: list[Rejects] = []
    known: set[str] = set()
    for number, line in enumerate(path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        reason, text = "", line[:1000]
        if b"\0" in line:
            raise DataError(
                f"{path} is not a text file: it holds NUL bytes", hint="Give lines of a user and then items"
            )
        if len(line) > MAX_LINE_BYTES:
            reason = f"longer than {MAX_LINE_BYTES // 2**20} MiB"
        else:
            words = _decoded(path, line).split()
            if not words:
                continue
            reason = "no items" if len(words) < 2 else "user occurs twice" if words[0] in known else ""
        if reason:
            bad.append(Rejects.of(path.name, [number], "(line)", reason, [text.decode("utf-8", "replace")]))
            continue
        known.add(words[0])
        users.append(words[0])
        items.append(words[1:])
    return users, items, Rejects.concat(bad)


def _decoded(path: Path, line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EncodingError(f"{path} is not utf-8 text", hint="Convert it to UTF-8") from error


def _catalogue(events: pd.DataFrame, attributes: Path | None) -> Catalog:
    ids, _ = IdMap.from_values(events["product_id"])
    products = pd.DataFrame({"product_id": ids.ids, "title": "Item " + pd.Series(ids.ids)})
    if attributes is not None:
        labels = _labels(attributes)
        products["attributes"] = [
            json.dumps({"labels": " ".join(f"a{label}" for label in labels[item])} if item in labels else {})
            for item in ids.ids
        ]
    return Catalog(validate_catalog(products).good)


def _labels(path: Path) -> dict[str, list[Any]]:
    try:
        found = json.loads(check_file(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}"[:200], hint="Give {item: [attribute, …]}") from error
    if not isinstance(found, dict) or not all(isinstance(value, list) for value in found.values()):
        raise DataError(f"{path} is not an object of lists", hint="Give {item: [attribute, …]}")
    return found
