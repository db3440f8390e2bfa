"""From rows to a model with thresholds and a card: what notebook 14 shows, and how the shipped file was made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shopr.security.detectors.detector import logistic
from shopr.security.detectors.features import GENERAL
from shopr.security.detectors.gate import is_plain
from shopr.security.detectors.model import Model
from shopr.security.detectors.rules import RuleBook
from shopr.security.training.corpus import Row, embedded, generated
from shopr.security.training.fit import Fitted, Seen, fit, fold_of, look
from shopr.security.training.sources import relabelled, source_of

__all__ = [
    "Bound",
    "Trained",
    "card",
    "compile_model",
    "held_out",
    "rows_to_learn",
    "thresholds",
    "train",
    "without_rule",
]

HOUSE = (
    {"shop": 0.0002, "tweets": 0.0008, "hard": 0.009, "generated": 0.012},
    {"shop": 0.002, "tweets": 0.004, "hard": 0.045, "generated": 0.06},
)
"""Shares of harmless texts of each kind that may be blocked, and flagged, when thresholds are chosen."""

NEVER = -99.0
"""The log-odds of a text that leaves at the gate."""


@dataclass(frozen=True)
class Bound:
    """A bound on false alarms: of the harmless texts of one kind, so many may reach the threshold."""

    kind: str
    block: float
    flag: float


@dataclass
class Trained:
    """A model, the log-odds of its rows by models that did not see them, and the thresholds in log-odds."""

    model: Model
    rows: Sequence[Row]
    held_out: npt.NDArray[np.float64]
    flag_odds: float
    block_odds: float


def rows_to_learn(given: Sequence[Row], *, attacks: int, harmless: int, embed: float, seed: int) -> list[Row]:
    """Generated rows, and of the given ones those that may be learned from, some of them inside sentences as well."""
    none = relabelled()
    open_ = [
        row for row in given if source_of(row.source).learn and not (row.attack and (row.source, row.text) in none)
    ]
    return [*generated(attacks, harmless, seed=seed), *open_, *embedded(open_, embed, seed=seed + 1)]


def held_out(seen: Seen, book: RuleBook, *, folds: int, seed: int) -> npt.NDArray[np.float64]:
    """The log-odds of every row by a model of both stages that saw neither it nor its near copies."""
    place = fold_of(seen.group, folds, seed)
    scores = np.zeros(len(seen.attack))
    for fold in range(folds):
        inside = np.flatnonzero(place == fold)
        fitted = fit(seen.take(np.flatnonzero(place != fold)), book, seed=seed)
        scores[inside] = fitted.scores(seen.take(inside))
    return scores


def thresholds(
    rows: Sequence[Row], odds: npt.NDArray[np.float64], alone: npt.NDArray[np.bool_] | None = None
) -> tuple[float, float]:
    """The lowest log-odds that keep each kind of harmless text within its bounds: to flag, to block.

    Args:
        alone: rows that no rule matched: they are never blocked.
    """
    block, flag = -1.0, -2.5
    blocking = odds if alone is None else np.where(alone, NEVER, odds)
    for kind in HOUSE[0]:
        of_kind = [i for i, row in enumerate(rows) if not row.attack and bound_kind(row) == kind]
        if of_kind:
            block = max(block, float(np.quantile(blocking[of_kind], 1.0 - HOUSE[0][kind], method="higher")) + 1e-3)
            flag = max(flag, float(np.quantile(odds[of_kind], 1.0 - HOUSE[1][kind], method="higher")) + 1e-3)
    return min(flag, block), block


def without_rule(odds: npt.NDArray[np.float64], alone: npt.NDArray[np.bool_], block: float) -> npt.NDArray[np.float64]:
    """Log-odds as the detector takes them: below the block tier where n-grams stand alone."""
    return np.where(alone, np.minimum(odds, block - 1e-6), odds)


def bound_kind(row: Row) -> str:
    """Which bound a harmless row counts for: "shop", "tweets", "hard", "generated" or none."""
    family = source_of(row.source).family
    if row.source == "generated":
        return "generated"
    shops = ("simmc2", "bitext", "banking77", "algolia", "bestbuy", "wands")
    return "shop" if family in shops else {"tweets": "tweets", "hand": "hard"}.get(family, "")


def train(rows: Sequence[Row], book: RuleBook, *, seed: int, folds: int = 3, seen: Seen | None = None) -> Trained:
    """Fit both stages, and choose thresholds on rows that the scoring model did not see."""
    seen = seen or look(rows, book)
    odds = held_out(seen, book, folds=folds, seed=seed)
    odds = np.where([is_plain(row.text) for row in rows], NEVER, odds)
    alone = np.asarray(seen.rules.sum(axis=1) == 0.0, dtype=np.bool_)
    flag, block = thresholds(rows, odds, alone)
    odds = without_rule(odds, alone, block)
    return Trained(compile_model(fit(seen, book, seed=seed), book, flag, block), rows, odds, flag, block)


def compile_model(fitted: Fitted, book: RuleBook, flag: float, block: float) -> Model:
    """The arrays that are shipped; thresholds are given in log-odds."""
    count = len(book.rules)
    weights = {rule.id: round(float(w), 4) for rule, w in zip(book.rules, fitted.weights[:count], strict=True)}
    general = tuple(round(float(w), 5) for w in fitted.weights[count:])
    assert len(general) == len(GENERAL)
    return Model(fitted.table, weights, general, fitted.intercept, logistic(flag), logistic(block))


def card(trained: Trained, *, seed: int, measured: Mapping[str, Any]) -> dict[str, Any]:
    """The training card: sources and licences, counts, seed, thresholds, measured rates."""
    counts = Counter((row.source, row.attack) for row in trained.rows)
    sources: dict[str, dict[str, Any]] = {}
    for (name, attack), number in sorted(counts.items()):
        source = source_of(name)
        licence = "this project" if name == "generated" else source.licence
        entry = sources.setdefault(name, {"licence": licence, "attacks": 0, "harmless": 0})
        entry["attacks" if attack else "harmless"] = number
    return {
        "what": "Character n-grams in a table of 2^15 and a logistic over rules; see shopr.security.training",
        "seed": seed,
        "rows": len(trained.rows),
        "sources": sources,
        "thresholds": {"flag": round(trained.model.flag, 6), "block": round(trained.model.block, 6)},
        "measured": dict(measured),
        "not_for": "Texts in which SQL, HTML or shell commands are what people legitimately write",
    }
