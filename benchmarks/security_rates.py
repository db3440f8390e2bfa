"""Rates of TARGETS.md's table from decisions on the development corpora: by source, by class, by group of harmless
texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shopr.security.training.corpus import Row
from shopr.security.training.sources import relabelled, source_of

__all__ = ["Rate", "by_source", "headline"]

SMALL = 50
"""Sources with fewer attacks are pooled by class."""

SQL_OR_SCRIPT = ("sqli", "xss")
SHOP = ("simmc2", "bitext", "banking77", "algolia", "bestbuy", "wands")
HARMLESS = {
    "shop text": SHOP,
    "tweets": ("xlmt",),
    "hard benign": ("hand_hard_benign",),
    "httpparams benign": ("httpparams",),
    "names": ("names_apostrophe",),
    "libinjection's false positives": ("libinjection_fp",),
    "prompts": ("notinject", "wildguard", "piguard"),
    "encoded benign": ("evasion_benign",),
    "plain SQL": ("modified_sql_benign",),
    "plain HTML": ("xss_dataset_benign",),
}


@dataclass(frozen=True)
class Rate:
    """Shares, in percent, of some texts."""

    texts: int
    block: float
    flag: float


def _rate(decisions: Sequence[str]) -> Rate:
    block = sum(d == "block" for d in decisions)
    flag = block + sum(d == "flag" for d in decisions)
    count = max(len(decisions), 1)
    return Rate(len(decisions), 100.0 * block / count, 100.0 * flag / count)


def by_source(rows: Sequence[Row], decisions: Sequence[str], *, relabel: bool = False) -> dict[str, Rate]:
    """Detection by attack source; small ones pooled by class."""
    none = relabelled() if relabel else frozenset()
    found: dict[str, list[str]] = defaultdict(list)
    kinds: dict[str, str] = {}
    for row, decision in zip(rows, decisions, strict=True):
        if row.attack and not row.source.startswith("evasion") and (row.source, row.text) not in none:
            found[row.source].append(decision)
            kinds[row.source] = row.kind
    pooled: dict[str, list[str]] = defaultdict(list)
    for name, told in found.items():
        pooled[name if len(told) >= SMALL else f"small: {kinds[name]}"].extend(told)
    return {name: _rate(told) for name, told in sorted(pooled.items())}


def headline(
    rows: Sequence[Row], transforms: Sequence[str], decisions: Sequence[str], *, relabel: bool = False
) -> dict[str, Rate]:
    """The rows of the table."""
    sources = by_source(rows, decisions, relabel=relabel)
    told = list(zip(rows, transforms, decisions, strict=True))
    kinds = {row.source: row.kind for row in rows if row.attack}
    named = {n: kinds.get(n, n.removeprefix("small: ")) for n in sources}
    table = {
        "detection, macro over sources": _macro(sources.values()),
        "SQL injection and scripts": _macro(
            r for n, r in sources.items() if named[n] in SQL_OR_SCRIPT and not n.startswith("crs")
        ),
        "other classes": _macro(_by_kind(rows, decisions, relabel).values()),
        "CRS regression positives": sources.get("crs_regression", Rate(0, 0.0, 0.0)),
        "evasions": _rate([d for r, t, d in told if r.attack and t and t != "in_chat"]),
        "inside a chat sentence": _rate([d for _, t, d in told if t == "in_chat"]),
    }
    for name, prefixes in HARMLESS.items():
        table[name] = _rate([d for r, _, d in told if not r.attack and r.source.startswith(prefixes)])
    return table


def _macro(rates: Iterable[Rate]) -> Rate:
    known = list(rates)
    count = max(len(known), 1)
    return Rate(sum(r.texts for r in known), sum(r.block for r in known) / count, sum(r.flag for r in known) / count)


def _by_kind(rows: Sequence[Row], decisions: Sequence[str], relabel: bool) -> Mapping[str, Rate]:
    """Command, path, template, XXE, … : by source and class, as far as there are enough."""
    none = relabelled() if relabel else frozenset()
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row, decision in zip(rows, decisions, strict=True):
        family = source_of(row.source).family
        if (
            row.attack
            and row.kind not in SQL_OR_SCRIPT
            and family not in ("crs", "evasion")
            and (row.source, row.text) not in none
        ):
            found[row.source, row.kind].append(decision)
    pooled: dict[str, list[str]] = defaultdict(list)
    for (source, kind), decided in found.items():
        pooled[f"{source}: {kind}" if len(decided) >= SMALL else kind].extend(decided)
    return {name: _rate(decided) for name, decided in pooled.items()}
