"""What a shop's search learns from its events, kept with the evidence: a ranker, synonyms, and whether each is on.

    learnt = learn(search, events)
    learnt.save(folder / FILE)
    search.synonyms, search.reranker = learnt.synonyms, learnt.reranker     # nothing, where nothing was proved

How much a product is in demand is taken from the earlier half of the time, and the lists that the ranker learns from
and is judged by from the later half, so that no click explains itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from shopr.data.folders import replaced_file
from shopr.errors import DataError, NotReadyError, SpecError
from shopr.randomness import DEFAULT_SEED
from shopr.search.learnt.click_synonyms import LearntRule, learn_synonyms
from shopr.search.learnt.journal import SearchJournal
from shopr.search.learnt.ranker import Decision, LearnedRanker, train
from shopr.search.learnt.reranking import FEATURES, LEAST, MOST, Reranker, Told, click_log
from shopr.search.searching.engine import ProductSearch
from shopr.search.text.synonyms import Synonyms

__all__ = ["FILE", "LearntSearch", "learn"]

FILE = "learnt_search.json"
"""Where a shop's folder keeps it."""
_VERSION = 1
_MOST_BYTES = 50_000_000
_MOST_ROWS = 60_000
"""Shown products that the ranker learns from: more take minutes and change nothing."""
_WEIGHTS = {"order_completed": 5.0, "cart_item_added": 2.0, "product_clicked": 1.0}
"""What an event says for the demand of its product."""


@dataclass(frozen=True)
class LearntSearch:
    """What was learnt.

    Attributes:
        ranker: with its decision; None where clicks could not tell, and `why` says why.
        demand: product id -> 0 to 1, as the ranker saw it. rules: proposed synonyms, those that are on first.
        searches, clicks: what it was learnt from. why: of the ranker.
    """

    ranker: LearnedRanker | None = None
    demand: Mapping[str, float] = field(default_factory=dict)
    rules: tuple[LearntRule, ...] = ()
    searches: int = 0
    clicks: int = 0
    why: str = ""

    @property
    def synonyms(self) -> Synonyms:
        """The rules that are on."""
        return Synonyms({rule.phrase: rule.words for rule in self.rules if rule.on})

    @property
    def reranker(self) -> Reranker | None:
        """The ranker, where it is on."""
        ranker = self.ranker
        return Reranker(ranker, Told(self.demand)) if ranker is not None and ranker.on else None

    def save(self, path: Path | str) -> Path:
        """Write it as JSON, whole or not at all.

        Raises:
            StorageError: if it cannot be written.
        """
        path = Path(path)
        with replaced_file(path) as fresh:
            fresh.write_text(json.dumps({"version": _VERSION, **asdict(self)}), encoding="utf-8")
        return path

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what `save` wrote.

        Raises:
            DataError: if there is none, it is damaged, or it is of another version.
        """
        path = Path(path)
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise ValueError(f"it has more than {_MOST_BYTES:,} bytes")
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.pop("version") != _VERSION:
                raise ValueError("it is of another version")
            found = cls(
                None if content["ranker"] is None else _ranker(content["ranker"]),
                {str(name): float(value) for name, value in content["demand"].items()},
                tuple(LearntRule(**rule) for rule in content["rules"]),
                int(content["searches"]),
                int(content["clicks"]),
                str(content["why"]),
            )
            if not np.isfinite(list(found.demand.values())).all():
                raise ValueError("a demand is no number")
            for rule in found.rules:
                Synonyms().with_rule(rule.phrase, rule.words)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, SpecError) as error:
            raise DataError(f"nothing learnt in {path}: {error}", hint="Run 'shopr search learn' again") from error
        return found


def learn(search: ProductSearch, events: pd.DataFrame, *, seed: int = DEFAULT_SEED) -> LearntSearch:
    """Learn from the flat table of a shop's events.

    Args:
        search: of the catalogue as it is; its rules and ranker are left aside.

    Raises:
        DataError: if the table lacks a column.
    """
    plain = ProductSearch(search.index)
    journal = SearchJournal.of(events)
    middle = events["time"].sort_values().iloc[len(events) // 2] if len(events) else None
    rules = learn_synonyms(plain, journal, seed=seed)
    clicks = int(journal.click_own.sum())
    demand = {} if middle is None else _demand(events[events["time"] < middle])
    try:
        later = SearchJournal.of(events if middle is None else events[events["time"] >= middle])
        log = click_log(plain, later, demand)
        if len(log) > _MOST_ROWS:  # the latest lists, whole
            log = log.take(log.session >= log.session[-_MOST_ROWS])
        ranker = train(log, seed=seed, most=MOST, least=LEAST)
        why = ranker.decision.reason if ranker.decision is not None else ""
    except NotReadyError as error:
        ranker, why = None, f"{error.message}. {error.hint}"
    return LearntSearch(ranker, demand, rules, len(journal), clicks, why)


def _demand(events: pd.DataFrame) -> dict[str, float]:
    """Product id -> its place among all by weighted events, 0 to 1."""
    weight = events["type"].map(_WEIGHTS)
    kept = events[weight.notna() & events["product_id"].notna()].assign(weight=weight.dropna())
    total = kept.groupby("product_id")["weight"].sum()
    place = total.rank(method="average", pct=True)
    return {str(name): round(float(value), 4) for name, value in place.items()}


def _ranker(content: dict[str, Any]) -> LearnedRanker:
    decision = content["decision"]
    ranker = LearnedRanker(
        tuple(map(str, content["names"])),
        tuple(map(float, content["weights"])),
        float(content["scale"]),
        None if decision is None else Decision(**decision),
    )
    if ranker.names != FEATURES or len(ranker.weights) != len(FEATURES):
        raise ValueError("the ranker knows other features")
    if not np.isfinite([*ranker.weights, ranker.scale]).all():
        raise ValueError("a weight is no number")
    return ranker
