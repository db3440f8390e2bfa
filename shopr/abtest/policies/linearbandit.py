"""Contextual bandits with a linear reward for each arm: LinUCB (Li et al. 2010) and LinTS (Agrawal & Goyal 2013).

Each arm keeps ridge regression's precision matrix and its inverse; a batch of rewards updates the inverse by
Sherman-Morrison-Woodbury, so a request costs no solve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shopr.abtest.checks import one_of, positive
from shopr.abtest.policies.bandit import Bandit
from shopr.abtest.policies.winning import normal_win_rows
from shopr.errors import InputError

__all__ = ["LinearBandit"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Method = Literal["ucb", "thompson"]
METHODS: tuple[Method, ...] = ("ucb", "thompson")
_REFRESH = 1024
"""Rank-one updates after which an inverse is computed anew, so that rounding cannot pile up."""


class LinearBandit(Bandit):
    """LinUCB or LinTS with a linear model for each arm and slot ("disjoint" in Li et al.).

    LinUCB is deterministic: the arm of the highest upper bound has propensity 1 (ties share it) less the `floor`.
    Without a floor its log has no overlap and serves no off-policy estimate. LinTS draws the mean of each arm from its
    posterior, Normal(theta x, (alpha^2 x' A^-1 x)), so its propensities follow by quadrature.

    Args:
        arms: names.
        features: length of a context; put a constant 1 among them.
        method: `ucb` or `thompson`.
        alpha: width of the bound, or scale of the posterior (the noise's sd), > 0.
        ridge: strength of the prior, > 0.
        settings: `slots`, `discount`, `floor`, `seed`, see `Bandit`.
    """

    kind = "linear"
    arrays = ("precision", "inverse", "moments")

    def __init__(
        self, arms: Sequence[str], features: int, *, method: Method = "ucb", alpha: float = 1.0, ridge: float = 1.0,
        **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__(arms, **settings)
        if features < 1:
            raise InputError(f"features is {features}", hint="Give 1 or more")
        self.features, self.method = int(features), one_of("method", method, METHODS)
        self.alpha, self.ridge = positive("alpha", alpha), positive("ridge", ridge)
        shape = (self.slots, self.n_arms, self.features)
        eye = np.eye(self.features)
        self.precision = np.tile(self.ridge * eye, (*shape[:2], 1, 1))
        self.inverse = np.tile(eye / self.ridge, (*shape[:2], 1, 1))
        self.moments = np.zeros(shape)
        self._since = 0

    @property
    def coefficients(self) -> Floats:
        """Shape (slots, arms, features): ridge estimates."""
        found: Floats = np.einsum("saij,saj->sai", self.inverse, self.moments)
        return found

    def scores(self, contexts: ArrayLike, *, slots: ArrayLike | None = None) -> tuple[Floats, Floats]:
        """Expected rewards and their sds (times alpha), shape (n, arms) each."""
        x = np.asarray(contexts, np.float64)
        checked = self._contexts(len(x), x)
        return self._scores(checked, self._places(len(x), slots))

    def _scores(self, x: Floats, slots: Codes) -> tuple[Floats, Floats]:
        means, variances = np.empty((len(x), self.n_arms)), np.empty((len(x), self.n_arms))
        theta = self.coefficients
        for slot in np.unique(slots).tolist():
            rows = np.flatnonzero(slots == slot)
            part = x[rows]
            means[rows] = part @ theta[slot].T
            reach = np.einsum("ni,aij->naj", part, self.inverse[slot], optimize=True)
            variances[rows] = np.einsum("naj,nj->na", reach, part)
        return means, self.alpha * np.sqrt(np.maximum(variances, 1e-24))

    def _greedy(self, slots: Codes, contexts: Floats | None) -> Floats:
        assert contexts is not None
        means, sds = self._scores(contexts, slots)
        if self.method == "thompson":
            return normal_win_rows(means, sds)
        upper = means + sds
        best = upper >= upper.max(axis=1, keepdims=True) - 1e-12
        share: Floats = best / best.sum(axis=1, keepdims=True)
        return share

    def _learn(self, arms: Codes, rewards: Floats, slots: Codes, contexts: Floats | None) -> None:
        assert contexts is not None
        cell = slots * self.n_arms + arms
        order = np.argsort(cell, kind="stable")
        cuts = np.flatnonzero(np.diff(cell[order])) + 1
        for rows in np.split(order, cuts):  # one group a slot and arm
            where = (slots[rows[0]], arms[rows[0]])
            x = contexts[rows]
            self.precision[where] += x.T @ x
            self.moments[where] += x.T @ rewards[rows]
            self.inverse[where] = self._inverse_after(where, x)
        self._since += len(arms)
        if self._since >= _REFRESH:
            self.inverse, self._since = np.asarray(np.linalg.inv(self.precision), np.float64), 0

    def _inverse_after(self, where: tuple[np.int64, np.int64], x: Floats) -> Floats:
        """The inverse after adding x'x to the precision."""
        old = self.inverse[where]
        if len(x) >= self.features:
            return np.asarray(np.linalg.inv(self.precision[where]), np.float64)
        reach = old @ x.T
        inner = np.eye(len(x)) + x @ reach
        new: Floats = old - reach @ np.linalg.solve(inner, reach.T)
        symmetric: Floats = (new + new.T) / 2
        return symmetric

    def _forget(self, kept: float) -> None:
        prior = self.ridge * np.eye(self.features)
        self.precision = prior + kept * (self.precision - prior)
        self.moments = self.moments * kept
        self.inverse, self._since = np.asarray(np.linalg.inv(self.precision), np.float64), 0

    def _settings(self) -> dict[str, Any]:
        return {"features": self.features, "method": self.method, "alpha": self.alpha, "ridge": self.ridge}

    def _contexts(self, n: int, contexts: ArrayLike | None) -> Floats:
        if contexts is None:
            raise InputError("a contextual bandit was given no contexts", hint="Give contexts, one row a request")
        x = np.asarray(contexts, np.float64)
        if x.shape != (n, self.features) or not np.isfinite(x).all():
            raise InputError(
                f"contexts of shape {x.shape}, or not finite", hint=f"Give finite numbers, ({n}, {self.features})"
            )
        return x
