"""Recorded cases of other libraries, played on ours: one module a library, found by what a file says it comes from.

Each module of this folder has
- NAME: words that mark its library in a file's `source`;
- KINDS: kinds of case it may own if a file does not say where it comes from;
- FLOOR: the share of cases that must be covered, and RECORDED: (cases covered, cases) of the known file;
- `cases(document)`, and `run(case)`, which returns what ours gives and what was recorded, in the same shape, or raises
  `Uncovered` with the reason why ours does not offer it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["ADAPTERS", "Case", "Searched", "Uncovered", "adapter_of", "differences"]

ADAPTERS = tuple(sorted(m.name for m in iter_modules(__path__) if not m.name.startswith("confidence_")))
RELATIVE, ABSOLUTE = 1e-9, 1e-12


class Searched(float):
    """Our value where the recorded one was found by a numerical search: held to 1e-9 absolutely, not relatively."""


class Uncovered(Exception):
    """What a case asks is not offered; the message says why."""


@dataclass(frozen=True)
class Case:
    """One recorded case: the kind of call, a label for messages, and all that was recorded."""

    kind: str
    label: str
    body: Any


def adapter_of(document: Mapping[str, Any]) -> ModuleType | None:
    """The module whose library the document comes from; None if none claims it."""
    modules = [import_module(f"{__name__}.{name}") for name in ADAPTERS]
    source = str(document.get("source", "")).lower()
    for module in modules:
        if any(word in source for word in module.NAME):
            return module
    kinds = kinds_of(document)
    best = max(modules, key=lambda module: len(kinds & set(module.KINDS)), default=None)
    return best if best is not None and kinds & set(best.KINDS) else None


def kinds_of(document: Mapping[str, Any]) -> set[str]:
    """The kinds of call a document holds."""
    cases = document.get("cases", [])
    return set(cases) if isinstance(cases, Mapping) else {str(case.get("class")) for case in cases}


def differences(got: Any, recorded: Any, path: str = "") -> Iterable[str]:
    """Where `got` differs from `recorded` by more than 1e-9, relatively, with the path to each place."""
    if isinstance(recorded, Mapping):
        for key, value in recorded.items():
            if not isinstance(got, Mapping) or key not in got:
                yield f"{path}.{key}: missing"
            else:
                yield from differences(got[key], value, f"{path}.{key}")
    elif isinstance(recorded, Sequence) and not isinstance(recorded, str):
        values = got.tolist() if isinstance(got, np.ndarray) else got
        if not isinstance(values, Sequence) or len(values) != len(recorded):
            yield f"{path}: {values!r} is not {recorded!r}"
            return
        for index, (one, other) in enumerate(zip(values, recorded, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif not same(got, recorded):
        yield f"{path}: {got!r} is not {recorded!r}"


def same(got: Any, recorded: Any) -> bool:
    """Whether two plain values agree; NaN, "nan" and None agree with one another."""
    if recorded is None or recorded == "nan" or (isinstance(recorded, float) and math.isnan(recorded)):
        return got is None or got == "nan" or (isinstance(got, float | np.floating) and math.isnan(got))
    if recorded in ("inf", "-inf"):
        return got in (recorded, float(recorded))
    if isinstance(recorded, bool | str):
        return bool(got == recorded)
    if isinstance(got, bool) or not isinstance(got, int | float | np.number):
        return False
    absolute = RELATIVE if isinstance(got, Searched) else ABSOLUTE
    return math.isclose(float(got), float(recorded), rel_tol=RELATIVE, abs_tol=absolute)
