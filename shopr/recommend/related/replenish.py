"""When a shopper buys from a category again: calibrated probabilities over the next days.

The rate of purchase occasions of each shopper in each category has a gamma prior, estimated from all shoppers of the
category, and Poisson counts (as in Fader, Hardie & Lee, Marketing Science 2005, without their dropout), so that a
shopper with one purchase is judged mostly by the category. Poisson occasions have no memory; a pack of coffee has. A
logistic recalibration (Platt 1999) of that probability therefore also reads the time since the last purchase in units
of the shopper's shrunken interval, and the shopper's general activity. Earlier dates and what followed teach it.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import expit, logit

from shopr.data.catalog import Catalog
from shopr.data.ids import IdMap
from shopr.data.interactions import Interactions
from shopr.errors import InputError, NotReadyError
from shopr.recommend.contract.base import Config

__all__ = ["Replenish", "ReplenishConfig", "brier", "calibration_error", "reliability", "replenish_of"]

_DAY = 86_400


class ReplenishConfig(Config):
    """Settings of `Replenish`.

    Attributes:
        cuts: earlier dates from which the recalibration learns, spaced by the days asked for.
        ridge: pull of the recalibration towards the plain gamma-Poisson probability.
    """

    cuts: int = Field(3, ge=1, le=20)
    ridge: float = Field(5.0, ge=0)


class Replenish:
    """Next purchase by shopper and category; see the module for the method."""

    def __init__(self, config: ReplenishConfig | None = None, **settings: Any) -> None:
        self.config = config if config is not None else ReplenishConfig(**settings)
        self._log: pd.DataFrame | None = None

    def fit(
        self, interactions: Interactions, categories: NDArray[np.integer], names: list[str], *, now: int | None = None
    ) -> Self:
        """Keep the purchase days of every shopper and category.

        Args:
            categories: shape (n_items,), the category of each item; -1 is left out.
            names: of the categories, by code.
            now: Unix seconds at which one asks; the last interaction by default. Later rows are left out.

        Raises:
            InputError: without times or rows.
        """
        if interactions.times is None or not len(interactions):
            raise InputError("replenishment needs interactions with times", hint="Give a timestamp column")
        self.user_ids, self.names = interactions.user_ids, IdMap(names)
        self.today = int((interactions.times.max() if now is None else now) // _DAY)
        kind = np.asarray(categories)[interactions.items]
        day = interactions.times // _DAY
        use = (kind >= 0) & (day <= self.today)
        log = pd.DataFrame({"user": interactions.users[use], "category": kind[use], "day": day[use]})
        # Several lines of one day are one occasion.
        self._log = log.drop_duplicates().sort_values(["user", "category", "day"], ignore_index=True)
        self._models: dict[int, NDArray[np.float64]] = {}
        return self

    def due(self, users: list[str] | None = None, days: int = 28, *, recalibrate: bool = True) -> pd.DataFrame:
        """The chance that a shopper buys from a category within the next `days`, likeliest first for each shopper.

        Args:
            users: shopper ids, all by default; unknown ones have no rows.
            days: the horizon, 1 … 365.
            recalibrate: False gives the plain gamma-Poisson probability.

        Returns:
            `user, category, probability, purchases, last_days_ago, interval_days`: one row for each category that a
            shopper ever bought from; the interval is the shopper's own, shrunk to the category's.

        Raises:
            InputError: if days is out of bounds.
            NotReadyError: before `fit`.
        """
        if not 1 <= days <= 365:
            raise InputError(f"days is {days}", hint="Ask for 1 to 365 days")
        table = _state(self._events, self.today, days)
        probability = table["plain"].to_numpy()
        if recalibrate and len(table):  # without categories there is nothing to learn from, and nothing due
            probability = expit(_design(table) @ self._model(days))
        out = pd.DataFrame(
            {
                "user": self.user_ids.decode(table["user"].to_numpy()),
                "category": self.names.decode(table["category"].to_numpy()),
                "probability": probability,
                "purchases": table["count"].to_numpy(),
                "last_days_ago": (self.today - table["last"]).to_numpy(),
                "interval_days": table["interval"].to_numpy(),
            }
        )
        if users is not None:
            out = out[out["user"].isin([str(u) for u in users])]
        return out.sort_values(["user", "probability"], ascending=[True, False], kind="stable", ignore_index=True)

    @property
    def _events(self) -> pd.DataFrame:
        if self._log is None:
            raise NotReadyError("replenishment is not fitted", hint="Call fit(interactions, categories, names) first")
        return self._log

    def _model(self, days: int) -> NDArray[np.float64]:
        """Coefficients of the recalibration for one horizon, learnt once from earlier dates."""
        if days not in self._models:
            tables, labels = [], []
            first = int(self._events["day"].min())
            for back in range(1, self.config.cuts + 1):
                cut = self.today - back * days
                # At least as much history as horizon, or rates mean nothing.
                if cut - first < days:
                    break
                table = _state(self._events, cut, days)
                tables.append(_design(table))
                labels.append(_bought(self._events, table, cut, days))
            plain = np.array([0.0, 1.0, 0.0, 0.0, 0.0])
            rows = np.concatenate(tables) if tables else np.empty((0, len(plain)))
            happened = np.concatenate(labels) if labels else np.empty(0)
            self._models[days] = _logistic(rows, happened, plain, self.config.ridge) if len(rows) else plain
        return self._models[days]


def replenish_of(interactions: Interactions, catalog: Catalog) -> Replenish:
    """Fitted by the full category paths of the catalogue.

    Raises:
        InputError: without times or rows.
    """
    paths = catalog.align(interactions.item_ids)["category"]
    codes, names = pd.factorize(paths.where(paths.fillna("") != ""))
    return Replenish().fit(interactions, codes.astype(np.int64), [str(name) for name in names])


def _state(events: pd.DataFrame, today: int, days: int) -> pd.DataFrame:
    """What is known at the end of day `today`: one row a shopper and category, with the gamma-Poisson probability."""
    past = events[events["day"] <= today]
    grouped = past.groupby(["user", "category"], sort=False)["day"]
    table = grouped.agg(count="size", first="min", last="max").reset_index()
    # The first purchase starts the clock: counting it would make every newcomer look frequent.
    exposure = np.maximum(today - table["first"].to_numpy(np.float64), 0.0)
    repeats = table["count"].to_numpy(np.float64) - 1.0
    shape, rate = _priors(table["category"].to_numpy(), repeats, exposure)
    mean = (shape + repeats) / (rate + exposure)
    log_silent = -(shape + repeats) * np.log1p(days / (rate + exposure))
    table["plain"] = np.clip(-np.expm1(log_silent), 1e-6, 1 - 1e-6)
    table["interval"] = 1.0 / mean
    table["phase"] = (today - table["last"].to_numpy(np.float64)) * mean
    seen = past.drop_duplicates(["user", "day"]).groupby("user")["day"].agg(["size", "max"])
    table["activity"] = np.log(table["user"].map(seen["size"]).to_numpy(np.float64))
    table["silence"] = np.log1p(today - table["user"].map(seen["max"]).to_numpy(np.float64))
    return table


def _priors(
    category: NDArray[np.integer], repeats: NDArray[np.float64], exposure: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gamma shape and rate of each row's category by moments, shrunk to the moments of all categories."""
    n = int(category.max(initial=0)) + 1

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(category, weights=values, minlength=n), np.float64)

    everywhere = (repeats.sum() + 0.5) / (exposure.sum() + 100.0)
    # Half a year of one shopper's waiting counts for the mean of all categories.
    mean = (total(repeats) + everywhere * 180.0) / (total(exposure) + 180.0)
    expected = mean[category] * exposure
    # Var(count) = m t + (m t)^2 / shape: solve for 1 / shape over all rows of the category, with ten rows of prior.
    over, square = (repeats - expected) ** 2 - expected, expected**2
    common = max(float(over.sum() / max(square.sum(), 1e-9)), 0.05)
    weight = 10.0 * square.mean()
    inverse = np.clip((total(over) + common * weight) / (total(square) + weight + 1e-9), 0.05, 20.0)
    shape = 1.0 / inverse
    return shape[category], (shape / mean)[category]


def _design(table: pd.DataFrame) -> NDArray[np.float64]:
    """Shape (n, 5): constant, plain log-odds, log phase, activity, silence; the middle ones near zero on average."""
    plain = logit(table["plain"].to_numpy())
    phase = np.log1p(table["phase"].to_numpy())
    return np.column_stack([np.ones(len(table)), plain, phase - 0.6, table["activity"] - 2.0, table["silence"] - 2.0])


def _bought(events: pd.DataFrame, table: pd.DataFrame, cut: int, days: int) -> NDArray[np.float64]:
    later = events[(events["day"] > cut) & (events["day"] <= cut + days)]
    width = int(events["category"].max()) + 1
    return np.isin(table["user"] * width + table["category"], later["user"] * width + later["category"]).astype(float)


def _logistic(
    rows: NDArray[np.float64], happened: NDArray[np.float64], start: NDArray[np.float64], ridge: float
) -> NDArray[np.float64]:
    """Penalised logistic regression by damped Newton steps, pulled towards `start`."""
    weights = start.copy()
    pull = ridge * np.eye(len(start))
    for _ in range(50):
        p = expit(rows @ weights)
        gradient = rows.T @ (happened - p) - ridge * (weights - start)
        step = np.linalg.solve((rows * (p * (1 - p))[:, None]).T @ rows + pull + 1e-9 * np.eye(len(start)), gradient)
        weights = weights + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-8:
            break
    return weights


def brier(probability: NDArray[np.floating], happened: NDArray[np.number]) -> float:
    """Mean squared error of probabilities (Brier 1950)."""
    return float(np.mean((np.asarray(probability) - np.asarray(happened)) ** 2))


def reliability(probability: NDArray[np.floating], happened: NDArray[np.number], bins: int = 10) -> pd.DataFrame:
    """`rows, predicted, observed` of bins of equal size, from the least to the most likely."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    p, y = np.asarray(probability, np.float64), np.asarray(happened, np.float64)
    means = [(len(part), p[part].mean(), y[part].mean()) for part in parts]
    return pd.DataFrame(means, columns=["rows", "predicted", "observed"])


def calibration_error(probability: NDArray[np.floating], happened: NDArray[np.number], bins: int = 10) -> float:
    """Expected calibration error over bins of equal size."""
    table = reliability(probability, happened, bins)
    gap = (table["predicted"] - table["observed"]).abs()
    return float((gap * table["rows"]).sum() / table["rows"].sum())
