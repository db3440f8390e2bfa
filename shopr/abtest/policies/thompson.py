"""Thompson sampling without contexts: serve each arm as often as it is likely to be the best.

Thompson 1933; Chapelle & Li 2011. Propensities are exact: by quadrature for few arms; for many, by a Monte Carlo
estimate from which the arms themselves are then drawn, so that its error moves the policy a little, never the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopr.abtest.checks import positive
from shopr.abtest.policies.bandit import Bandit
from shopr.abtest.policies.winning import EXACT_ARMS, beta_win, normal_win
from shopr.errors import InputError
from shopr.randomness import generator

__all__ = ["BetaThompson", "NormalThompson"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


class _Thompson(Bandit):
    """What both share: one posterior for each slot and arm.

    Args:
        draws: of the Monte Carlo estimate, for more than `EXACT_ARMS` arms; >= 100.
    """

    def __init__(self, arms: Sequence[str], *, draws: int = 10_000, **settings: Any) -> None:
        super().__init__(arms, **settings)
        if draws < 100:
            raise InputError(f"{draws} draws are too few", hint="Use 10000")
        self.draws = int(draws)
        self._known: dict[int, Floats] = {}

    def _greedy(self, slots: Codes, contexts: Floats | None) -> Floats:
        table = np.zeros((self.slots, self.n_arms))
        for slot in np.unique(slots).tolist():
            if slot not in self._known:
                self._known[slot] = self._win(slot)
            table[slot] = self._known[slot]
        return table[slots]

    def _win(self, slot: int) -> Floats:
        if self.n_arms <= EXACT_ARMS:
            return self._exact(slot)
        best = self._sample(slot, generator(self.seed, "thompson", self.calls, slot)).argmax(axis=1)
        return np.bincount(best, minlength=self.n_arms) / self.draws

    def _exact(self, slot: int) -> Floats:
        raise NotImplementedError

    def _sample(self, slot: int, rng: np.random.Generator) -> Floats:
        """Shape (draws, arms): draws of the posterior."""
        raise NotImplementedError


class BetaThompson(_Thompson):
    """For rewards within [0, 1], such as clicks: Beta posteriors; a fraction counts as that share of a success.

    Args:
        prior: (a, b) of each arm's Beta prior, > 0.
        settings: `draws`, `slots`, `discount`, `floor`, `seed`, see `Bandit`.

    >>> bandit = BetaThompson(["ease", "popular"]).update([0, 0, 1], [1, 1, 0])
    >>> bandit.probabilities(1).round(2).tolist()
    [[0.9, 0.1]]
    """

    kind = "beta_thompson"
    arrays = ("successes", "failures")

    def __init__(self, arms: Sequence[str], *, prior: tuple[float, float] = (1.0, 1.0), **settings: Any) -> None:
        super().__init__(arms, **settings)
        self.prior = (positive("prior a", prior[0]), positive("prior b", prior[1]))
        self.successes = np.zeros((self.slots, self.n_arms))
        self.failures = np.zeros((self.slots, self.n_arms))

    @property
    def means(self) -> Floats:
        """Shape (slots, arms): posterior means."""
        a, b = self.prior[0] + self.successes, self.prior[1] + self.failures
        return a / (a + b)

    def _exact(self, slot: int) -> Floats:
        return beta_win(self.prior[0] + self.successes[slot], self.prior[1] + self.failures[slot])

    def _sample(self, slot: int, rng: np.random.Generator) -> Floats:
        a, b = self.prior[0] + self.successes[slot], self.prior[1] + self.failures[slot]
        return rng.beta(a, b, (self.draws, self.n_arms))

    def _learn(self, arms: Codes, rewards: Floats, slots: Codes, contexts: Floats | None) -> None:
        if rewards.min() < 0 or rewards.max() > 1:
            raise InputError(
                f"rewards span {rewards.min():g} to {rewards.max():g}",
                hint="Scale them into 0 … 1, or use NormalThompson",
            )
        np.add.at(self.successes, (slots, arms), rewards)
        np.add.at(self.failures, (slots, arms), 1 - rewards)
        self._known.clear()

    def _forget(self, kept: float) -> None:
        self.successes, self.failures = self.successes * kept, self.failures * kept
        self._known.clear()

    def _settings(self) -> dict[str, Any]:
        return {"prior": list(self.prior), "draws": self.draws}


class NormalThompson(_Thompson):
    """For rewards of any size, such as revenue: Normal posteriors of the means.

    The noise's sd is the pooled one within arms, with `noise` as one observation's worth of prior; it is plugged in.

    Args:
        mean, sd: of each arm's Normal prior; sd > 0, on the scale of the rewards.
        noise: a guess of one reward's sd, > 0.
        settings: `draws`, `slots`, `discount`, `floor`, `seed`, see `Bandit`.
    """

    kind = "normal_thompson"
    arrays = ("counts", "centres", "squares")

    def __init__(
        self, arms: Sequence[str], *, mean: float = 0.0, sd: float = 1.0, noise: float = 1.0, **settings: Any
    ) -> None:
        super().__init__(arms, **settings)
        if not np.isfinite(mean):
            raise InputError(f"mean {mean} is not finite", hint="Give a number")
        self.mean, self.sd, self.noise = float(mean), positive("sd", sd), positive("noise", noise)
        self.counts = np.zeros((self.slots, self.n_arms))
        self.centres = np.zeros((self.slots, self.n_arms))
        self.squares = np.zeros((self.slots, self.n_arms))
        """Sums of squared deviations from each arm's own mean (updated after Chan et al. 1979: no cancellation)."""

    def posterior(self, slot: int = 0) -> tuple[Floats, Floats]:
        """Means and sds of the arms' posteriors, shape (arms,) each."""
        n = self.counts[slot]
        freedom = np.maximum(n - 1, 0).sum()
        variance = (self.noise**2 + self.squares[slot].sum()) / (1 + freedom)
        precision = 1 / self.sd**2 + n / variance
        means = (self.mean / self.sd**2 + n * self.centres[slot] / variance) / precision
        return means, 1 / np.sqrt(precision)

    def _exact(self, slot: int) -> Floats:
        return normal_win(*self.posterior(slot))

    def _sample(self, slot: int, rng: np.random.Generator) -> Floats:
        means, sds = self.posterior(slot)
        return rng.normal(means, sds, (self.draws, self.n_arms))

    def _learn(self, arms: Codes, rewards: Floats, slots: Codes, contexts: Floats | None) -> None:
        cell, cells = slots * self.n_arms + arms, self.slots * self.n_arms
        n = np.bincount(cell, minlength=cells).astype(np.float64)
        fresh = np.bincount(cell, rewards, cells) / np.maximum(n, 1)
        spread = np.bincount(cell, (rewards - fresh[cell]) ** 2, cells)
        shape = self.counts.shape
        new, total = n.reshape(shape), np.maximum(self.counts + n.reshape(shape), 1e-300)
        gap = np.where(new > 0, fresh.reshape(shape) - self.centres, 0.0)
        self.squares = self.squares + spread.reshape(shape) + gap**2 * self.counts * new / total
        self.centres = self.centres + gap * new / total
        self.counts = self.counts + new
        self._known.clear()

    def _forget(self, kept: float) -> None:
        self.counts, self.squares = self.counts * kept, self.squares * kept
        self._known.clear()

    def _settings(self) -> dict[str, Any]:
        return {"mean": self.mean, "sd": self.sd, "noise": self.noise, "draws": self.draws}
