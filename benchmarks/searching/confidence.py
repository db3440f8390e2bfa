"""The logistic of the confidence: fitted, cross-validated over queries, and written with its card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import shopr.search
from shopr.search import ProductSearch
from shopr.search.searching.confidence import OBSERVATIONS, observe
from shopr.search.searching.ranking import rank

__all__ = ["cross_validated", "ship"]

FIRST = 10
FOLDS = 10
SEEDS = range(10)
POOL_ARTEFACTS = ("printer", "computer")
"""Queries whose labels say that nothing is relevant although much is: the pool of the ratings missed it."""
Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]


def judged_pairs(search: ProductSearch, ratings: dict[str, dict[str, float]]) -> Pairs:
    """Observations, labels (grade 2 or 3) and query number of the rated pairs among the first ten results."""
    rows, labels, group = [], [], []
    ids = search.index.ids.ids
    for number, (query, grades) in enumerate(ratings.items()):
        read = search.understand(query)
        ranked = rank(read, search.index)
        seen = observe(read, search.index, ranked, FIRST).observations if len(ranked.rows) else []
        for observations, row in zip(seen, ranked.rows[:FIRST], strict=False):
            grade = grades.get(str(ids[row]))
            if grade is not None:
                rows.append(observations)
                labels.append(grade >= 2)
                group.append(number)
    return np.array(rows), np.array(labels, float), np.array(group)


def fit(x: np.ndarray, y: np.ndarray) -> Any:
    """A logistic regression."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1.0, max_iter=5000).fit(x, y)


def ece(p: np.ndarray, y: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error over equal-width bins."""
    place = np.minimum((p * bins).astype(int), bins - 1)
    return float(sum(abs(p[place == i].mean() - y[place == i].mean()) * (place == i).mean() for i in np.unique(place)))


def floor(p: np.ndarray, draws: int = 200) -> float:
    """The ECE that labels drawn from the probabilities themselves show: what a perfect model would score."""
    rng = np.random.default_rng(0)
    return float(np.mean([ece(p, (rng.random(len(p)) < p).astype(float)) for _ in range(draws)]))


def cross_validated(search: ProductSearch, ratings: dict[str, dict[str, float]]) -> dict[str, Any]:
    """AUC, ECE and its floor over queries, and abstention with the logistic of the other folds."""
    from sklearn.metrics import roc_auc_score

    x, y, group = judged_pairs(search, ratings)
    found = []
    refused = {True: [], False: []}
    names = list(ratings)
    for seed in SEEDS:
        fold = np.random.default_rng(seed).permutation(len(names)) % FOLDS
        p = np.zeros(len(y))
        for i in range(FOLDS):
            test = fold[group] == i
            model = fit(x[~test], y[~test])
            p[test] = model.predict_proba(x[test])[:, 1]
            for number in np.flatnonzero(fold == i).tolist():
                if names[number] not in POOL_ARTEFACTS:
                    answerable = max(ratings[names[number]].values()) > 0
                    refused[answerable].append(refuses(search, names[number], model))
        found.append((roc_auc_score(y, p), ece(p, y), floor(p)))
    auc, error, lowest = np.mean(found, axis=0)
    return {
        "pairs": len(y),
        "auc": float(auc),
        "ece": float(error),
        "ece_sampling_floor": float(lowest),
        "refused_without_answer": float(np.mean(refused[False])),
        "refused_with_answer": float(np.mean(refused[True])),
    }


def refuses(search: ProductSearch, query: str, model: Any) -> bool:
    """Whether search would abstain with this model."""
    read = search.understand(query)
    ranked = rank(read, search.index)
    if not len(ranked.rows):
        return True
    seen = observe(read, search.index, ranked, FIRST)
    surest = float(model.predict_proba(seen.observations)[:, 1].max())
    return seen.best < search.config.coverage or surest < search.config.doubt or read.strange_pair


def ship(search: ProductSearch, ratings: dict[str, dict[str, float]]) -> Path:
    """Fit on all pairs and write the weights with their card into the package."""
    x, y, group = judged_pairs(search, ratings)
    model = fit(x, y)
    measured = cross_validated(search, ratings)
    card = {
        "what": "probability that a product is a match (grade 2 or 3 of 3) for a query, from eight observations",
        "data": "Chorus development ratings (o19s/chorus, repository Apache-2.0; products Open Icecat): rated pairs "
        "among the first ten results",
        "queries": len(np.unique(group)),
        "positive": round(float(y.mean()), 3),
        "method": "logistic regression, L2, C = 1",
        "folds": f"{FOLDS} over queries, seeds {SEEDS.start}-{SEEDS.stop - 1}",
        **{k: round(v, 4) if isinstance(v, float) else v for k, v in measured.items()},
        "holds": "nine numbers, from which no rating, query or product can be told",
        "made_by": "benchmarks/search.py --fit-confidence",
    }
    weights = dict(zip(OBSERVATIONS, [round(float(w), 3) for w in model.coef_[0]], strict=True))
    path = Path(shopr.search.__file__).parent / "tables" / "confidence.json"
    content = {"card": card, "weights": weights, "bias": round(float(model.intercept_[0]), 3)}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path
