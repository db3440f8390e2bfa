"""EDLAE on a Gram matrix in which two products count the more, the nearer in time a shopper took them.

    G = (1 - share) sum_u w_u x_u x_u' + share sum_u w_u sum_ab exp(-|t_a - t_b| / tau) e_a e_b'

Both parts are positive semidefinite (the exponential is a positive definite kernel), so the closed form stands. The
idea is that of time-aware neighbourhoods (Ding & Li 2005; Campos et al. 2014), carried over to EASE. Histories fade
with their age as the recommendation is made: half-life and floor of `HistoryConfig`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from shopr.recommend.arithmetic.gram import gram
from shopr.recommend.arithmetic.pairs import dense_pairs, recent_only
from shopr.recommend.models.linear import EDLAE, EDLAEConfig, user_weights, weighted

__all__ = ["EaseTime", "EaseTimeConfig"]

_DAY = 86_400.0


class EaseTimeConfig(EDLAEConfig):
    """Settings of `EaseTime`.

    Attributes:
        tau_days: the distance in time at which a pair counts 1/e in the kernel.
        share: of the kernel in the Gram matrix; 0 is EDLAE with a fading history.
        longest: entries of a history that the kernel sees, the latest; bounds its cost.
    """

    lam: float = Field(default=30.0, gt=0)
    tau_days: float = Field(default=7.0, gt=0)
    share: float = Field(default=0.7, ge=0, le=1)
    half_life_days: float | None = Field(default=5.0, gt=0)
    floor: float = Field(default=0.1, ge=0, le=1)
    longest: int = Field(default=500, ge=2)


class EaseTime(EDLAE):
    """Time-kernel EDLAE; without times in the data it is EDLAE."""

    name = "ease_time"
    config_class = EaseTimeConfig

    def _gram(self, matrix: sparse.csr_matrix, times: NDArray[np.int64] | None) -> NDArray[np.float32]:
        c = self.config
        if times is None or c.share == 0 or not len(times):
            return super()._gram(matrix, times)
        near, when = recent_only(matrix, times, c.longest)
        lengths = np.diff(matrix.indptr).astype(np.float64)
        weights = user_weights(lengths, c.user_power)
        tau = c.tau_days * _DAY
        seconds = (when - when.min()).astype(np.float64)
        # One square throughout: the plain part is made first, and the kernel is added to it in place.
        into = None
        if c.share < 1:
            square = gram(weighted(matrix, c.user_power))
            square *= np.float32(1 - c.share)
            into = square.T
        kernel = dense_pairs(near, seconds, c.share * weights, lambda a, b: np.exp(np.abs(a - b) / -tau), into)
        return kernel.T
