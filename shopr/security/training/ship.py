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
from shopr.security.detectors.gate import is_plain, is_plain_beside_addresses
from shopr.security.detectors.model import Model
from shopr.security.detectors.rules import RuleBook
from shopr.security.training.corpus import Row, embedded, generated
from shopr.security.training.fit import Fitted, Seen, fit, fold_of, look
from shopr.security.training.sources import relabelled, source_of

__all__ = [
    "Tiers",
    "Trained",
    "card",
    "compile_model",
    "held_out",
    "passes",
    "rows_to_learn",
    "shifted",
    "thresholds",
    "train",
]

GENERATED = "generated"
"""The source of texts from the grammars."""

HOUSE = (
    {"shop": 0.0002, "tweets": 0.0008, "hard": 0.009, "generated": 0.012},
    {"shop": 0.002, "tweets": 0.004, "hard": 0.045, "generated": 0.06},
)
"""Shares of harmless texts of each kind that may be blocked, and flagged, when thresholds are chosen."""

STRANGE = {"shop": 0.0005, "tweets": 0.004, "values": 0.006, "prompts": 0.01, "hard": 0.02, "generated": 0.07}
"""Shares of harmless texts that may be flagged for their n-grams alone, by models that saw nothing of their kind: what
the visitors of one shop write is of another kind than anything here, too."""

NEVER = -99.0
"""The log-odds of a text that leaves at the gate."""

PARTS = 4
"""Parts into which the kinds of generated harmless texts are dealt, to be left out in turn."""


@dataclass(frozen=True)
class Tiers:
    """Thresholds in log-odds.

    Attributes:
        flag: from which a text is flagged.
        block: from which one is blocked that a rule matched.
        alone: what is taken off first where none did.
    """

    flag: float
    block: float
    alone: float = 0.0

    def of(self, odds: npt.NDArray[np.float64], alone: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Log-odds as the detector takes them: lower, and below the block tier, where n-grams stand alone."""
        return np.where(alone, np.minimum(odds - self.alone, self.block - 1e-6), odds)


@dataclass
class Trained:
    """A model, the log-odds of its rows by models that did not see them, and the thresholds."""

    model: Model
    rows: Sequence[Row]
    held_out: npt.NDArray[np.float64]
    tiers: Tiers


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


def shifted(rows: Sequence[Row], seen: Seen, book: RuleBook, *, seed: int) -> npt.NDArray[np.float64]:
    """The log-odds of harmless rows by models that saw nothing of their kind; NaN for the others."""
    kinds = sorted({row.kind for row in rows if row.source == "generated" and not row.attack})
    part = {kind: f"{GENERATED} {i % PARTS}" for i, kind in enumerate(kinds)}
    strange = np.array(["" if row.attack else part.get(row.kind, "") or bound_kind(row) for row in rows])
    odds = np.full(len(rows), np.nan)
    for name in sorted(set(strange) - {""}):
        inside = np.flatnonzero(strange == name)
        fitted = fit(seen.take(np.flatnonzero(strange != name)), book, seed=seed, folds=2)
        odds[inside] = fitted.scores(seen.take(inside))
    return odds


def thresholds(
    rows: Sequence[Row],
    odds: npt.NDArray[np.float64],
    alone: npt.NDArray[np.bool_],
    strange: npt.NDArray[np.float64],
) -> Tiers:
    """The lowest log-odds that keep each kind of harmless text within its bounds.

    Args:
        rows: what was scored.
        odds: by models that did not see the row.
        alone: rows that no rule matched: they are never blocked.
        strange: by models that saw nothing of its kind (see `shifted`).
    """
    block, flag, lone = -1.0, -2.5, -2.5
    told, likeness = np.where(alone, NEVER, odds), np.where(alone & ~np.isnan(strange), strange, NEVER)
    kinds = np.array(["" if row.attack else bound_kind(row) for row in rows])
    for kind, share in STRANGE.items():
        of_kind = kinds == kind
        if of_kind.any():
            lone = max(lone, _reached_by(likeness[of_kind], share))
            if kind in HOUSE[0]:
                block = max(block, _reached_by(told[of_kind], HOUSE[0][kind]))
                flag = max(flag, _reached_by(told[of_kind], HOUSE[1][kind]))
    flag = min(flag, block)
    return Tiers(flag, block, max(0.0, lone - flag))


def _reached_by(odds: npt.NDArray[np.float64], share: float) -> float:
    """The log-odds that so many reach, and no more."""
    return float(np.quantile(odds, 1.0 - share, method="higher")) + 1e-3


def bound_kind(row: Row) -> str:
    """Which bound a harmless row counts for: "shop", "tweets", "values", "prompts", "hard", "generated" or none."""
    family = source_of(row.source).family
    if row.source == GENERATED:
        return GENERATED
    shops = ("simmc2", "bitext", "banking77", "algolia", "bestbuy", "wands")
    named = {"tweets": "tweets", "hand": "hard", "httpparams": "values", "prompts": "prompts"}
    return "shop" if family in shops else named.get(family, "")


def train(rows: Sequence[Row], book: RuleBook, *, seed: int, folds: int = 3, seen: Seen | None = None) -> Trained:
    """Fit both stages, and choose thresholds on rows that the scoring model did not see."""
    seen = seen or look(rows, book)
    alone = np.asarray(seen.rules.sum(axis=1) == 0.0, dtype=np.bool_)
    passed = passes(rows, alone)
    odds = np.where(passed, NEVER, held_out(seen, book, folds=folds, seed=seed))
    strange = np.where(passed, NEVER, shifted(rows, seen, book, seed=seed))
    tiers = thresholds(rows, odds, alone, strange)
    return Trained(compile_model(fit(seen, book, seed=seed), book, tiers), rows, tiers.of(odds, alone), tiers)


def passes(rows: Sequence[Row], alone: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Rows that leave at the gate, or that no rule matched and that are plain beside the addresses in them."""
    return np.array(
        [
            is_plain(row.text) or (lone and is_plain_beside_addresses(row.text))
            for row, lone in zip(rows, alone, strict=True)
        ],
        dtype=np.bool_,
    )


def compile_model(fitted: Fitted, book: RuleBook, tiers: Tiers) -> Model:
    """The arrays that are shipped."""
    count = len(book.rules)
    weights = {rule.id: round(float(w), 4) for rule, w in zip(book.rules, fitted.weights[:count], strict=True)}
    general = tuple(round(float(w), 5) for w in fitted.weights[count:])
    assert len(general) == len(GENERAL)
    scores = logistic(tiers.flag), logistic(tiers.block)
    return Model(fitted.table, weights, general, fitted.intercept, *scores, round(tiers.alone, 5))


def card(trained: Trained, *, seed: int, measured: Mapping[str, Any]) -> dict[str, Any]:
    """The training card: sources and licences, counts, seed, thresholds, measured rates."""
    counts = Counter((row.source, row.attack) for row in trained.rows)
    sources: dict[str, dict[str, Any]] = {}
    for (name, attack), number in sorted(counts.items()):
        source = source_of(name)
        licence = "this project" if name == GENERATED else source.licence
        entry = sources.setdefault(name, {"licence": licence, "attacks": 0, "harmless": 0})
        entry["attacks" if attack else "harmless"] = number
    return {
        "what": "Character n-grams in a table of 2^15 and a logistic over rules; see shopr.security.training",
        "seed": seed,
        "rows": len(trained.rows),
        "sources": sources,
        "thresholds": {name: round(getattr(trained.model, name), 6) for name in ("flag", "block", "alone")},
        "measured": dict(measured),
        "not_for": "Texts in which SQL, HTML or shell commands are what people legitimately write",
    }
