"""The fit of the two stages: a linear model over n-grams, then a logistic over rules and n-grams.

The second stage is fitted on scores of n-gram models that did not see the row (folds by group), so that it does not
trust them too much. Weights of rules and n-grams cannot be negative: no attack becomes safer by matching one rule
more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from shopr.security.canonical import SIDE_VIEWS, views
from shopr.security.detectors.features import GENERAL, HIGHEST, LOWEST, general, observe, squeezed
from shopr.security.detectors.ngrams import BITS, Table, buckets, codes
from shopr.security.detectors.rules import PRIOR, RuleBook
from shopr.security.training.corpus import Row

__all__ = ["Fitted", "Seen", "design", "fit", "fit_second", "fit_table", "fold_of", "look", "out_of_fold"]

_FREE = ("length", "encoded")
"""Numbers whose weight may be negative."""


@dataclass
class Seen:
    """What the rules saw in rows: computed once, since no fit changes it.

    Attributes:
        rules: 0/1, one column a rule.
        general: the numbers of `GENERAL`; those of the n-grams are filled in later.
        model_texts: what the n-grams read: the decoded view, then views without comments.
        attack: labels.
        group: near copies.
    """

    rules: npt.NDArray[np.float32]
    general: npt.NDArray[np.float32]
    model_texts: list[list[str]]
    attack: npt.NDArray[np.bool_]
    group: npt.NDArray[np.int64]

    def take(self, rows: npt.NDArray[np.int64]) -> Seen:
        """Some of the rows."""
        texts = [self.model_texts[i] for i in rows]
        return Seen(self.rules[rows], self.general[rows], texts, self.attack[rows], self.group[rows])


@dataclass
class Fitted:
    """Both stages."""

    table: Table
    weights: npt.NDArray[np.float64]
    intercept: float

    def scores(self, seen: Seen) -> npt.NDArray[np.float64]:
        """The log-odds of rows."""
        return design(seen, self.table) @ self.weights + self.intercept


def look(rows: Sequence[Row], book: RuleBook) -> Seen:
    """Views and rules of every row."""
    rules = np.zeros((len(rows), len(book.rules)), dtype=np.float32)
    numbers = np.zeros((len(rows), len(GENERAL)), dtype=np.float32)
    texts: list[list[str]] = []
    for i, row in enumerate(rows):
        evidence = observe(row.text, book, None)
        rules[i, [book.index[name] for name in evidence.findings]] = 1.0
        numbers[i] = general(evidence)
        texts.append(model_texts(row.text))
    attack = np.array([row.attack for row in rows])
    group = np.array([row.group if row.group >= 0 else -1 - i for i, row in enumerate(rows)], dtype=np.int64)
    return Seen(rules, numbers, texts, attack, group)


def model_texts(text: str) -> list[str]:
    """What the n-grams read of a text."""
    readings = views(text)
    decoded = max((i for i, view in enumerate(readings) if view.name not in SIDE_VIEWS), default=0)
    others = [view.text for view in readings[decoded + 1 :] if view.name in ("comments", "plus")]
    return [squeezed(one) for one in (readings[decoded].text, *others)]


def counts(texts: Sequence[str]) -> csr_matrix:
    """n-grams of texts, each row divided by the root of its length."""
    data, indices, ends = [], [], [0]
    for text in texts:
        text_codes = codes(text)
        places = np.concatenate(buckets(text_codes)) if len(text_codes) else np.zeros(0, dtype=np.uint32)
        indices.append(places.astype(np.int32))
        data.append(np.full(len(places), 1.0 / max(len(text_codes), 1) ** 0.5, dtype=np.float32))
        ends.append(ends[-1] + len(places))
    matrix = csr_matrix(
        (np.concatenate(data), np.concatenate(indices), np.array(ends)), shape=(len(texts), 1 << BITS), dtype=np.float32
    )
    matrix.sum_duplicates()
    return matrix


def fit_table(seen: Seen, *, seed: int, strength: float = 0.3) -> Table:
    """The n-gram model: decoded texts, and windows of the harmless ones as harmless too."""
    texts = [one[0] for one in seen.model_texts]
    labels = seen.attack.astype(int).tolist()
    generator = np.random.default_rng(seed)
    for one, attack in zip(seen.model_texts, seen.attack, strict=True):
        if not attack and len(one[0]) > 40:
            start = int(generator.integers(len(one[0]) - 24))
            texts.append(one[0][start : start + int(generator.integers(12, 64))])
            labels.append(0)
    model = LogisticRegression(C=strength, max_iter=200, class_weight="balanced")
    model.fit(counts(texts), labels)
    weights = model.coef_[0]
    unit = float(np.quantile(np.abs(weights[weights != 0]), 0.9995)) / 127.0
    compiled = np.clip(np.rint(weights / unit), -127, 127).astype(np.int8)
    return Table(compiled, unit)


def table_scores(table: Table, texts: Sequence[Sequence[str]]) -> npt.NDArray[np.float32]:
    """The n-gram columns of `GENERAL`, the highest over a row's texts."""
    found = np.zeros((len(texts), 5), dtype=np.float32)
    for i, one in enumerate(texts):
        found[i] = np.max([table.scores(text)[0] for text in one], axis=0)
    return np.clip(found, LOWEST, HIGHEST)


def design(seen: Seen, table: Table | npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Rules, then general numbers, one row a text."""
    numbers = seen.general.astype(np.float64)
    numbers[:, :5] = table if isinstance(table, np.ndarray) else table_scores(table, seen.model_texts)
    return np.hstack([seen.rules.astype(np.float64), numbers])


def out_of_fold(seen: Seen, folds: int, *, seed: int) -> npt.NDArray[np.float32]:
    """n-gram scores of each row by a model that saw neither it nor its near copies."""
    place = fold_of(seen.group, folds, seed)
    scores = np.zeros((len(seen.attack), 5), dtype=np.float32)
    for fold in range(folds):
        inside = np.flatnonzero(place == fold)
        table = fit_table(seen.take(np.flatnonzero(place != fold)), seed=seed)
        scores[inside] = table_scores(table, [seen.model_texts[i] for i in inside])
    return scores


def fold_of(group: npt.NDArray[np.int64], folds: int, seed: int) -> npt.NDArray[np.int64]:
    """A fold for every row; rows of one group share it."""
    _, codes_of = np.unique(group, return_inverse=True)
    return np.random.default_rng(seed).integers(folds, size=int(codes_of.max()) + 1)[codes_of]


def fit_second(
    features: npt.NDArray[np.float64],
    attack: npt.NDArray[np.bool_],
    prior: npt.NDArray[np.float64],
    free: npt.NDArray[np.bool_],
    weight: npt.NDArray[np.float64],
    *,
    ridge: float = 3.0,
) -> tuple[npt.NDArray[np.float64], float]:
    """Logistic regression, drawn towards `prior`, with weights of at least 0 except the `free` ones."""
    sign = np.where(attack, 1.0, -1.0)
    spread = np.maximum(features.std(axis=0), 0.05)

    def loss(theta: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        margin = sign * (features @ theta[:-1] + theta[-1])
        away = (theta[:-1] - prior) * scale
        value = float(weight @ np.logaddexp(0.0, -margin)) + 0.5 * ridge * float(away @ away)
        slope = -weight * sign / (1.0 + np.exp(np.clip(margin, -500, 500)))
        gradient = np.append(features.T @ slope + ridge * away * scale, slope.sum())
        return value, gradient

    scale = np.where(spread > 0.5, spread, 1.0)
    bounds = [(None, None) if f else (0.0, None) for f in free] + [(None, None)]
    start = np.append(prior, -4.0)
    best = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": 300})
    return best.x[:-1], float(best.x[-1])


def fit(seen: Seen, book: RuleBook, *, seed: int, folds: int = 3, harmless_weight: float = 2.0) -> Fitted:
    """Both stages on rows."""
    ngram = out_of_fold(seen, folds, seed=seed)
    features = design(seen, ngram)
    prior = np.array(
        [*(PRIOR[rule.score] for rule in book.rules), *(0.3 if name.startswith("ngram") else 0.1 for name in GENERAL)]
    )
    free = np.array([*(False for _ in book.rules), *(name in _FREE for name in GENERAL)])
    weight = np.where(seen.attack, 1.0, harmless_weight)
    weights, intercept = fit_second(features, seen.attack, prior, free, weight)
    return Fitted(fit_table(seen, seed=seed), weights, intercept)
