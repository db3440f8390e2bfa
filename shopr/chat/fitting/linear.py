"""Training of `shopr.chat.linear`: NB-SVM, one class against the rest, pruned and rounded to int8."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from shopr.chat.linear import LinearText, blocks

__all__ = ["features", "fit_linear", "packed", "settle_bias", "sparse"]

Blocks = Sequence[Sequence[list[int]]]
"""The features of each text: lists of hashes, one a block."""


def features(texts: Sequence[str]) -> list[tuple[list[int], list[int]]]:
    """The hashed features of each text, to be reused by several fits."""
    return [blocks(text) for text in texts]


def fit_linear(
    rows: Blocks, labels: npt.NDArray[np.bool_], classes: Sequence[str], *, strength: float = 1.0,
    smoothing: float = 1.0, least: tuple[int, int] = (2, 3), kept: int = 50_000, balanced: bool = True, seed: int = 0,
    tolerance: float | None = None,
) -> LinearText:  # fmt: skip
    """Train one logistic regression a class on features scaled by their naive-Bayes ratio.

    Args:
        rows: `features` of the training texts.
        labels: texts x classes; a text may belong to several classes or none.
        strength: inverse regularisation (scikit-learn's C).
        smoothing: added to the counts of the naive-Bayes ratios.
        least: in how many texts a word feature and a character feature must occur.
        kept: how many features stay: those of large weight that occur often.
        balanced: weigh both sides of each class alike.
        tolerance: solve the dual problem only this closely: much faster for many classes of few texts each.
    """
    from sklearn.linear_model import LogisticRegression

    keys = _vocabulary(rows, least)
    matrix = sparse(rows, keys)
    present = (matrix > 0).astype(np.float32)
    weights = np.zeros((len(keys), len(classes)), np.float32)
    bias = np.zeros(len(classes), np.float32)
    for k in range(len(classes)):
        inside = labels[:, k]
        ratio = _ratio(present, inside, smoothing)
        model = LogisticRegression(
            C=strength, solver="liblinear", class_weight="balanced" if balanced else None, random_state=seed,
            dual=tolerance is not None, tol=1e-4 if tolerance is None else tolerance,
        ).fit(matrix.multiply(ratio).tocsr(), inside)  # fmt: skip
        weights[:, k] = model.coef_[0] * ratio
        bias[k] = model.intercept_[0]
    return packed(classes, keys, weights, bias, matrix=present, kept=kept)


def packed(
    classes: Sequence[str],
    keys: npt.NDArray[np.uint32],
    weights: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
    *,
    matrix: csr_matrix,
    kept: int,
) -> LinearText:
    """A model of the features that matter most in the texts of `matrix`, its weights rounded to int8."""
    # What a feature does to the scores grows with its weight and with how often it occurs.
    often = np.asarray((matrix > 0).astype(np.float32).sum(axis=0)).ravel()
    worth = np.abs(weights).max(axis=1) * np.sqrt(often)
    rows_kept = np.sort(np.argsort(-worth, kind="stable")[:kept])
    weights, keys = weights[rows_kept], keys[rows_kept]
    scales = np.maximum(np.abs(weights).max(axis=0), 1e-9) / 127.0
    return LinearText(tuple(classes), keys, np.round(weights / scales).astype(np.int8), scales.astype(np.float32), bias)


def settle_bias(
    scores: npt.NDArray[np.float32], truth: npt.NDArray[np.int64], *, step: float = 0.1, width: float = 0.6
) -> npt.NDArray[np.float32]:
    """Shifts of the first and last of three classes that give the best macro-F1 on a validation set, near none."""
    from sklearn.metrics import f1_score

    grid = np.arange(-width, width + step / 2, step)
    best = (-1.0, 0.0, np.zeros(3, np.float32))
    for first in grid:
        for last in grid:
            shift = np.array([first, 0.0, last], np.float32)
            score = float(f1_score(truth, (scores + shift).argmax(axis=1), average="macro"))
            best = max(best, (score, -float(abs(first) + abs(last)), shift), key=lambda b: b[:2])
    return best[2]


def _vocabulary(rows: Blocks, least: tuple[int, int]) -> npt.NDArray[np.uint32]:
    kept: set[int] = set()
    for block in (0, 1):
        counts: Counter[int] = Counter()
        for row in rows:
            counts.update(row[block])
        kept.update(key for key, n in counts.items() if n >= least[block])
    return np.array(sorted(kept), np.uint32)


def sparse(rows: Blocks, keys: npt.NDArray[np.uint32]) -> csr_matrix:
    """Texts x features; a feature counts by the root of how many its block has."""
    starts, columns, values = [0], [], []
    for row in rows:
        for block in row:
            codes = np.array(block, np.uint32)
            at = np.minimum(np.searchsorted(keys, codes), len(keys) - 1)
            at = at[keys[at] == codes]
            columns.append(at)
            values.append(np.full(len(at), 1.0 / max(len(block), 1) ** 0.5, np.float32))
        starts.append(starts[-1] + sum(len(found) for found in columns[-len(row) :]))
    return csr_matrix((np.concatenate(values), np.concatenate(columns), starts), shape=(len(rows), len(keys)))


def _ratio(present: csr_matrix, inside: npt.NDArray[np.bool_], smoothing: float) -> npt.NDArray[np.float32]:
    p = smoothing + np.asarray(present[inside].sum(axis=0)).ravel()
    q = smoothing + np.asarray(present[~inside].sum(axis=0)).ravel()
    return np.asarray(np.log((p / p.sum()) / (q / q.sum())), np.float32)
