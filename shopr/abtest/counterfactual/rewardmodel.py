"""A model of the reward of each action, cross-fitted: no row is predicted by a model that saw its user.

Without that, a flexible model repeats the noise of the rows it was fitted on, and doubly robust estimates lose their
guarantee (Chernozhukov et al. 2018).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve

from shopr.abtest.checks import positive
from shopr.abtest.counterfactual.logged import Logged
from shopr.errors import InputError
from shopr.randomness import DEFAULT_SEED, generator

__all__ = ["cross_fit", "folds_of"]

Floats = NDArray[np.float64]


def cross_fit(
    log: Logged, *, folds: int = 3, ridge: float = 100.0, learner: Any = None, action_features: ArrayLike | None = None,
    weights: ArrayLike | None = None, seed: int = DEFAULT_SEED,
) -> Floats:  # fmt: skip
    """Expected rewards of every action in every row.

    Args:
        log: its slots and contexts are the features, its users are kept in one fold.
        folds: >= 2.
        ridge: of the default model, an additive ridge regression (action + slot + context) whose action effects are
            shrunk as by so many rows at the mean, > 0.
        learner: instead, anything of scikit-learn's shape (`fit(X, y)`, and `predict_proba` or `predict`); it is copied
            for each fold and sees the columns slot one-hot, contexts, action one-hot, action features.
        action_features: shape (n_actions, features), for a learner.
        weights: shape (n,), >= 0: how much each row counts in the fit, such as importance weights.

    Returns:
        Shape (n, n_actions), within the range of the rewards.

    Raises:
        InputError: if there are fewer users than folds, a weight is negative, or a setting is out of bounds.
    """
    positive("ridge", ridge)
    counts = np.ones(len(log)) if weights is None else np.asarray(weights, np.float64)
    if counts.shape != (len(log),) or not np.isfinite(counts).all() or (counts < 0).any():
        raise InputError("weights hold a negative or unknown value, or are not one a row", hint="Give 0 or more a row")
    fold = folds_of(log, folds, seed)
    base = _features(log)
    q = np.empty((len(log), log.n_actions))
    for number in range(folds):
        train, test = fold != number, fold == number
        if learner is None:
            q[test] = _additive(log, base, counts, train, ridge)
        else:
            q[test] = _learned(log, base, counts, train, learner=learner, action_features=action_features)
    return np.clip(q, log.rewards.min(), log.rewards.max())


def folds_of(log: Logged, folds: int, seed: int = DEFAULT_SEED) -> NDArray[np.int64]:
    """Shape (n,): a fold for each row, the same for all rows of a user, folds of nearly as many users each.

    Raises:
        InputError: if folds < 2 or there are fewer users than folds.
    """
    if log.users is None:
        units, codes = len(log), np.arange(len(log))
    else:
        unique, codes = np.unique(log.users, return_inverse=True)
        units = len(unique)
    if not 2 <= folds <= units:
        raise InputError(f"{folds} folds for {units} users", hint=f"Give 2 to {units}")
    return np.asarray(generator(seed, "folds").permutation(units)[codes] % folds, np.int64)


def _features(log: Logged) -> Floats:
    """Slots and contexts, standardised; columns that never vary are left out."""
    parts = [np.zeros((len(log), 0))]
    if log.positions is not None:
        parts.append(np.eye(log.n_positions)[log.positions])
    if log.contexts is not None:
        parts.append(log.contexts)
    x = np.hstack(parts)
    spread = x.std(axis=0)
    kept = spread > 1e-12
    scaled: Floats = (x[:, kept] - x[:, kept].mean(axis=0)) / spread[kept]
    return scaled


def _additive(log: Logged, base: Floats, counts: Floats, train: NDArray[np.bool_], ridge: float) -> Floats:
    """Ridge on [action one-hot, base]; the intercept is the weighted mean, and free."""
    arms, n = log.n_actions, counts[train]
    total = n.sum()
    if total <= 0:
        raise InputError("a fold has no weight", hint="Use fewer folds, or weights above 0")
    mean = float(n @ log.rewards[train] / total)
    x, rest, actions = base[train], log.rewards[train] - mean, log.actions[train]
    weighted = x * n[:, None]
    cross = np.zeros((arms, x.shape[1]))
    np.add.at(cross, actions, weighted)
    gram = np.zeros((arms + x.shape[1],) * 2)
    gram[:arms, :arms] = np.diag(np.bincount(actions, n, arms))
    gram[:arms, arms:], gram[arms:, :arms] = cross, cross.T
    gram[arms:, arms:] = x.T @ weighted
    moments = np.concatenate([np.bincount(actions, n * rest, arms), weighted.T @ rest])
    effects = cho_solve(cho_factor(gram + ridge * np.eye(len(gram))), moments)
    found: Floats = mean + (base[~train] @ effects[arms:])[:, None] + effects[:arms]
    return found


def _learned(
    log: Logged, base: Floats, counts: Floats, train: NDArray[np.bool_], *, learner: Any,
    action_features: ArrayLike | None,
) -> Floats:  # fmt: skip
    from sklearn.base import clone

    described = np.eye(log.n_actions)
    if action_features is not None:
        more = np.asarray(action_features, np.float64)
        if more.ndim != 2 or len(more) != log.n_actions:
            raise InputError(f"action_features of shape {more.shape}", hint=f"Give one row for each of {log.n_actions}")
        described = np.hstack([described, more])
    model = clone(learner)
    x = np.hstack([base[train], described[log.actions[train]]])
    model.fit(x, log.rewards[train], sample_weight=counts[train])
    rows = base[~train]
    q = np.empty((len(rows), log.n_actions))
    for action in range(log.n_actions):
        wide = np.hstack([rows, np.broadcast_to(described[action], (len(rows), described.shape[1]))])
        if hasattr(model, "predict_proba"):
            q[:, action] = model.predict_proba(wide) @ np.asarray(model.classes_, np.float64)
        else:
            q[:, action] = model.predict(wide)
    return q
