"""The hidden law shows in the log: what is known to be true can be found again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from shopr.data.simulator import World
from shopr.data.simulator.catalogue import KIND_LASTS
from shopr.data.simulator.log import Log
from shopr.data.simulator.vocabulary import KINDS

CODE = {kind.key: code for code, kind in enumerate(KINDS)}


@pytest.fixture(scope="module")
def log(world: World) -> Log:
    return world._past[0]


@pytest.fixture(scope="module")
def orders(world: World, log: Log) -> pd.DataFrame:
    table = pd.DataFrame({n: log.column("order_completed", n) for n in ("user", "item", "price", "order", "time")})
    table["day"] = table["order"] // len(world.shoppers)
    table["kind"] = world.products.kind[table["item"]]
    return table


@pytest.fixture(scope="module")
def shown(log: Log) -> pd.DataFrame:
    names = ("impression", "user", "item", "price", "position", "source", "session")
    table = pd.DataFrame({n: log.column("product_shown", n) for n in names})
    table["clicked"] = table["impression"].isin(log.column("product_clicked", "impression"))
    return table


def _ndcg(scores: NDArray[np.float64], seen: NDArray[np.bool_], truth: NDArray[np.bool_], k: int = 10) -> float:
    best = np.argsort(-np.where(seen, -np.inf, scores), axis=1, kind="stable")[:, :k]
    gain = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(gain)[np.minimum(truth.sum(axis=1), k) - 1]
    return float(((np.take_along_axis(truth, best, 1) * gain).sum(axis=1) / ideal).mean())


def test_popularity_has_a_long_tail(world: World, orders: pd.DataFrame) -> None:
    counts = np.sort(np.bincount(orders["item"], minlength=len(world.products)))
    share = np.cumsum(counts) / counts.sum()
    gini = 1 - 2 * share.mean() + 1 / len(counts)
    assert 0.5 < gini < 0.85


def test_clicks_fall_with_the_position_as_the_truth_says(world: World, shown: pd.DataFrame) -> None:
    home = shown[shown["source"] == 0]
    device = world.shoppers.device[home["user"]]
    for code in (0, 1):
        rates = home[device == code].groupby("position")["clicked"].mean()
        true = world.truth.examination(np.full(6, code), np.arange(1, 7))
        # Products are drawn for each slot alike, so clicks fall as examination does.
        assert (rates / rates.iloc[0]).to_numpy() == pytest.approx(true, abs=0.09)


def test_dearer_means_fewer(world: World, shown: pd.DataFrame) -> None:
    users = np.arange(100)
    assert (world.truth.affinity(users, 100, 1.2) <= world.truth.affinity(users, 100) + 1e-9).mean() > 0.7
    assert world.truth.affinity(users, 100, 1.2).sum() < world.truth.affinity(users, 100).sum()
    # In the log: the same products are clicked more while they are reduced.
    home = shown[shown["source"] == 0]
    usual = home.groupby("item")["price"].transform("median")
    cheap, full = home[home["price"] < 0.85 * usual], home[home["price"] >= 0.95 * usual]
    assert cheap["clicked"].mean() > 1.05 * full["clicked"].mean()


def test_budgets_decide_on_tiers(world: World, orders: pd.DataFrame) -> None:
    place = world.products.place[orders["item"]]
    mean = orders.assign(place=place).groupby("user")["place"].mean()
    assert np.corrcoef(world.truth.budget[mean.index], mean)[0, 1] > 0.3


def test_seasons_show(world: World, orders: pd.DataFrame) -> None:
    country = world.shoppers.country[orders["user"]]
    month = np.array([world.calendar.date(d).month for d in orders["day"]])
    north = country != len(np.unique(world.shoppers.country)) - 1
    seasonal = np.array([k.season for k in KINDS])[orders["kind"]]

    def share(season: str, months: list[int]) -> float:
        return float((seasonal[north & np.isin(month, months)] == season).mean())

    assert share("summer", [6, 7]) > 1.5 * share("summer", [1, 2])
    assert share("winter", [1, 2]) > 1.5 * share("winter", [6, 7])


def test_used_up_goods_are_bought_again_and_lasting_ones_hardly(orders: pd.DataFrame) -> None:
    repeat = orders.groupby(["user", "kind"])["order"].nunique().reset_index()
    lasting = KIND_LASTS[repeat["kind"]] == 0
    assert (repeat["order"][~lasting] > 1).mean() > 2 * (repeat["order"][lasting] > 1).mean()
    gaps = orders.drop_duplicates(["user", "kind", "order"]).sort_values(["user", "kind", "day"])
    gap = gaps.groupby(["user", "kind"])["day"].diff().dropna()
    coffee = gap[gaps.loc[gap.index, "kind"] == CODE["coffee"]]
    assert (coffee < 0.6 * KIND_LASTS[CODE["coffee"]]).mean() < 0.2


def test_companions_are_bought_together(world: World, orders: pd.DataFrame) -> None:
    baskets = pd.crosstab(orders["order"], orders["kind"]).reindex(columns=range(len(KINDS)), fill_value=0) > 0
    together = baskets.to_numpy(float).T @ baskets.to_numpy(float)
    margin = np.diag(together)
    lift = together * len(baskets) / np.maximum(np.outer(margin, margin), 1)
    pairs = world.truth.companions.to_numpy()
    apart = ~pairs & ~pairs.T & ~np.eye(len(KINDS), dtype=bool)
    weight = np.outer(margin, margin)
    assert np.average(lift[pairs], weights=weight[pairs]) > 1.3 * np.average(lift[apart], weights=weight[apart])


def test_stars_follow_quality(world: World, log: Log) -> None:
    items, stars = log.column("feedback_given", "item"), log.column("feedback_given", "rating")
    assert np.corrcoef(world.truth.quality[items], stars)[0, 1] > 0.3
    returned = log.column("order_returned", "item")
    assert world.truth.quality[returned].mean() < world.truth.quality[log.column("order_completed", "item")].mean()


def test_tastes_last_a_recommender_gains_and_the_truth_stays_ahead(world: World, orders: pd.DataFrame) -> None:
    shape = (len(world.shoppers), len(world.products))
    cut = orders["time"].quantile(0.8)
    early, late = orders[orders["time"] < cut], orders[orders["time"] >= cut]
    train, test = np.zeros(shape, bool), np.zeros(shape, bool)
    train[early["user"], early["item"]] = True
    test[late["user"], late["item"]] = True
    test &= ~train
    users = np.flatnonzero(test.any(axis=1) & (train.sum(axis=1) >= 2))
    gram = train.T.astype(float) @ train + 100 * np.eye(shape[1])
    inverse = np.linalg.inv(gram)
    ease = -inverse / np.diag(inverse)
    np.fill_diagonal(ease, 0)
    popular = np.tile(train.sum(axis=0), (len(users), 1))
    day = int(early["day"].max())
    scores = {"popular": popular, "ease": train[users] @ ease, "truth": world.truth.demand(users, day)}
    ndcg = {name: _ndcg(s, train[users], test[users]) for name, s in scores.items()}
    assert ndcg["ease"] > ndcg["popular"]
    assert ndcg["truth"] > 1.2 * ndcg["ease"]


def test_weather_and_mixtures_are_sound(world: World) -> None:
    celsius = world.calendar.temperature[:, 0] / 10
    july = [d for d in range(world.days) if world.calendar.date(d).month == 7]
    january = [d for d in range(world.days) if world.calendar.date(d).month == 1]
    assert celsius[july].mean() > celsius[january].mean() + 8
    assert world.truth.personas.sum(axis=1) == pytest.approx(np.ones(len(world.shoppers)), abs=1e-5)
    assert set((world.truth.personas > 0).sum(axis=1)) == {1, 2, 3}
