"""The shoppers: where they live, how often they come, and the tastes, budgets and loyalties that only the truth knows.

A shopper is a mixture of one to three personas. In a session one persona is at work, so that a history shows several
tastes side by side, and no single vector of a shopper describes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopr.data.simulator.calendar import COUNTRIES
from shopr.data.simulator.draws import Draws, settle
from shopr.data.simulator.vocabulary import BRANDS, COLOURS, DEPARTMENTS, KINDS, LANGUAGES, PATTERNS, STYLES

__all__ = ["DEVICES", "Personas", "Shoppers", "draw_personas", "draw_shoppers"]

DEVICES = ("mobile", "desktop", "tablet")
_DEVICE_SHARES = np.array([0.58, 0.33, 0.09])
_PERSONAS = 18
_VISITS_PER_DAY = 0.0145


@dataclass(frozen=True)
class Personas:
    """Tastes, one row a persona: for kinds, styles, colours, patterns; and how much novelty and fashion count."""

    kind: NDArray[np.float64]
    style: NDArray[np.float64]
    colour: NDArray[np.float64]
    pattern: NDArray[np.float64]
    novelty: NDArray[np.float64]
    fashion: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True)
class Shoppers:
    """Attributes of n shoppers, in code order.

    Attributes:
        country, language, device: shape (n,), codes of COUNTRIES, LANGUAGES, DEVICES.
        joined, left: shape (n,), first and last day on which they may come.
        visits: shape (n,), expected visits a day while they are customers.
        budget: shape (n,), the place in a price range they are at ease with, 0 to 1.
        thrift: shape (n,), how much a price above that hurts.
        personas: shape (n, personas), mixture weights that sum to 1.
        kind_tilt: shape (n, kinds), what is their own in their taste for kinds.
        loyalty: shape (n, brands), >= 0, mostly 0.
        rater: shape (n,), how kind they are in ratings, in stars.
    """

    country: NDArray[np.int64]
    language: NDArray[np.int64]
    device: NDArray[np.int64]
    joined: NDArray[np.int64]
    left: NDArray[np.int64]
    visits: NDArray[np.float64]
    budget: NDArray[np.float64]
    thrift: NDArray[np.float64]
    personas: NDArray[np.float64]
    kind_tilt: NDArray[np.float64]
    loyalty: NDArray[np.float64]
    rater: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.country)


def draw_personas(draws: Draws) -> Personas:
    """The tastes that shoppers are mixed from; each is at home in two or three departments."""
    who = np.arange(_PERSONAS)[:, None]

    def table(name: str, columns: int) -> NDArray[np.float64]:
        return draws.bell(name, who, np.arange(columns)[None, :])

    department = np.array([DEPARTMENTS.index(k.department) for k in KINDS])
    homes = np.zeros((_PERSONAS, len(DEPARTMENTS)))
    # Every department is home to some persona: the first one goes round, the others are drawn.
    homes[who[:, 0], who[:, 0] % len(DEPARTMENTS)] = 1.0
    homes += draws.uniform("home department", who, np.arange(len(DEPARTMENTS))[None, :]) < 0.12
    kind = 1.0 * table("kind taste", len(KINDS)) + 2.5 * np.minimum(homes, 1.0)[:, department] - 1.2
    return Personas(
        kind=settle(kind),
        style=settle(1.0 * table("style taste", len(STYLES))),
        colour=settle(0.6 * table("colour taste", len(COLOURS))),
        pattern=settle(0.45 * table("pattern taste", len(PATTERNS))),
        novelty=settle(0.3 + 0.5 * draws.uniform("novelty taste", who[:, 0])),
        fashion=settle(0.2 + 1.1 * draws.uniform("fashion taste", who[:, 0])),
    )


def draw_shoppers(count: int, personas: Personas, draws: Draws, *, days: int, visits: float = 1.0) -> Shoppers:
    """`count` shoppers who join before or during the first `days` days; `visits` scales how often they come."""
    code = np.arange(count)
    country = draws.choice("country", np.array([c.share for c in COUNTRIES]), code)
    speaks = np.zeros((len(COUNTRIES), len(LANGUAGES)))
    for row, place in enumerate(COUNTRIES):
        for language, share in place.languages:
            speaks[row, LANGUAGES.index(language)] = share
    early = draws.uniform("old customer", code) < 0.55
    joined = np.where(early, 0, np.floor(draws.uniform("joined", code) * days * 0.92)).astype(np.int64)
    stays = 60 + np.floor(900 * draws.uniform("stays", code)).astype(np.int64)
    activity = np.exp(0.75 * draws.bell("activity", code))
    return Shoppers(
        country=country,
        language=draws.choice("language", speaks[country], code),
        device=draws.choice("device", _DEVICE_SHARES, code),
        joined=joined,
        left=joined + stays,
        visits=settle(np.minimum(visits * _VISITS_PER_DAY * activity, 0.9)),
        budget=settle(np.clip(0.38 + 0.24 * draws.bell("budget", code), 0.03, 1.0)),
        thrift=settle(0.8 + 1.4 * draws.uniform("thrift", code)),
        personas=_mixtures(count, len(personas), draws),
        kind_tilt=settle(0.55 * draws.bell("kind tilt", code[:, None], np.arange(len(KINDS))[None, :])),
        loyalty=_loyalties(count, draws),
        rater=settle(0.4 * draws.bell("rater", code)),
    )


def _mixtures(count: int, personas: int, draws: Draws) -> NDArray[np.float64]:
    code = np.arange(count)
    how_many = 1 + draws.choice("personas", np.array([0.35, 0.45, 0.2]), code)
    weights = np.zeros((count, personas))
    for turn in range(3):
        mine = how_many > turn
        which = draws.choice(f"persona {turn}", np.ones(personas), code)
        weight = 0.25 + draws.uniform(f"persona weight {turn}", code)
        np.add.at(weights, (code[mine], which[mine]), weight[mine])
    return settle(weights / weights.sum(axis=1, keepdims=True))


def _loyalties(count: int, draws: Draws) -> NDArray[np.float64]:
    cell = (np.arange(count)[:, None], np.arange(len(BRANDS))[None, :])
    loyal = draws.uniform("loyal", *cell) < 0.08
    return settle(np.where(loyal, 0.5 + 1.1 * draws.uniform("loyalty", *cell), 0.0))
