"""GrowthBook's SDK: hashing, ranges, namespaces. Feature rules and conditions belong to the flags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from shopr.errors import InputError
from shopr.hashing import bucket_ranges, choose, equal_weights, growthbook, in_namespace
from tests.abtest.vectors import Case, Uncovered

NAME = ("growthbook/growthbook-python", "growthbook sdk", "growthbook-sdk")
KINDS = ("hash", "getBucketRange", "chooseVariation", "inNamespace", "getEqualWeights")
ELSEWHERE = ("evalCondition", "feature", "run", "getQueryStringOverride", "decrypt", "stickyBucket")
FLOOR = 1.0
RECORDED = (39, 39)


def cases(document: Mapping[str, Any]) -> Iterator[Case]:
    """Only the hashing and assignment cases: the others are no statistics."""
    for kind, rows in document["cases"].items():
        if kind not in ELSEWHERE:
            for row in rows:
                yield Case(kind, str(row[0]), row)


def run(case: Case) -> tuple[Any, Any]:
    """Ours and the recorded answer."""
    play = {
        "hash": _hash,
        "getBucketRange": _ranges,
        "chooseVariation": lambda row: (int(choose([row[1]], row[2])[0]), row[3]),
        "inNamespace": lambda row: (bool(in_namespace([row[1]], *row[2])[0]), row[3]),
        "getEqualWeights": lambda row: (equal_weights(row[0]), row[1]),
    }.get(case.kind)
    if play is None:
        raise Uncovered(f"no counterpart of {case.kind}")
    return play(case.body)


def _hash(row: list[Any]) -> tuple[Any, Any]:
    seed, value, version, recorded = row
    try:
        got = float(growthbook([value], seed, version)[0])
    except InputError:  # where the SDK answers null, ours refuses
        return None, recorded
    assert got == recorded, f"hash of {value!r} under {seed!r}: {got} is not exactly {recorded}"
    return got, recorded


def _ranges(row: list[Any]) -> tuple[Any, Any]:
    _, (n, coverage, weights), recorded = row
    return bucket_ranges(n, coverage, weights, strict=False).tolist(), recorded
