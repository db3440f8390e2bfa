"""Fold-in is the exact user-side solution at fixed item parameters, worked out here a second time in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from shopr.data.events import Event, EventType
from shopr.data.interactions import Histories
from shopr.errors import InputError
from shopr.recommend.contract.registry import MODELS, make
from shopr.recommend.following.increments import follow
from shopr.recommend.following.live import LATEST, LiveStore
from shopr.recommend.following.online import OnlineState
from shopr.storage import Database
from tests.recommend.shop import N_ITEMS, small_catalog, small_interactions

SHOP, CATALOG = small_interactions(), small_catalog()
DAY = 86_400.0
LINEAR = {
    "ease": {},
    "edlae": {"half_life_days": 9.0, "floor": 0.2},
    "ease_time": {},
    "item_filter": {"half_life_days": 4.0},
    "rp3beta": {},
}
"""Models whose history entries count max(floor, 2^(-age / half-life))."""
SETTINGS = {"ials": {"factors": 8}, "svd": {"factors": 5}, "svdpp": {"factors": 5, "epochs": 5}}


@pytest.fixture(scope="module")
def fitted():
    made = {}

    def get(name, **how):
        key = (name, tuple(sorted(how.items())))
        if key not in made:
            made[key] = make(name, **how).fit(SHOP, CATALOG)
        return made[key]

    return get


@st.composite
def history(draw):
    """One shopper's history with counts and times."""
    items = sorted(draw(st.sets(st.integers(0, N_ITEMS - 1), min_size=1, max_size=20)))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    plain = Histories.of([items], N_ITEMS)
    plain.matrix.data = rng.integers(1, 30, len(items)).astype(np.float32)
    return Histories(plain.matrix, 1_700_000_000 + rng.integers(0, 10**7, len(items)))


def scores_of(model, one):
    found = model.fold_in(one, N_ITEMS, exclude_seen=False)
    scores = np.empty(N_ITEMS)
    scores[found.items[0]] = found.scores[0]
    return scores


def dense(matrix):
    return matrix.toarray() if sparse.issparse(matrix) else matrix


@pytest.mark.parametrize("name", sorted(LINEAR))
@settings(max_examples=25, deadline=None)
@given(one=history())
def test_item_weights_add_up_row_by_row(fitted, name, one):
    model = fitted(name, **LINEAR[name])
    age = (one.times.max() - one.times) / DAY
    half_life, floor = model.config.half_life_days, model.config.floor
    strength = np.ones(len(age)) if half_life is None else np.maximum(0.5 ** (age / half_life), floor)
    expected = strength @ dense(model.weights)[one.matrix.indices].astype(np.float64)
    np.testing.assert_allclose(scores_of(model, one), expected, rtol=1e-4, atol=2e-6)


@settings(max_examples=25, deadline=None)
@given(one=history())
def test_transitions_fade_by_steps_back(fitted, one):
    model = fitted("markov")
    order = np.argsort(one.times)
    back = np.empty(len(order))
    back[order] = np.arange(len(order))[::-1]
    expected = 0.5 ** (back / model.config.half_life) @ dense(model.weights)[one.matrix.indices].astype(np.float64)
    if len(set(one.times.tolist())) == len(order):
        np.testing.assert_allclose(scores_of(model, one), expected, rtol=1e-4, atol=2e-6)


@settings(max_examples=25, deadline=None)
@given(one=history())
def test_item_neighbours_sum_similarities(fitted, one):
    model = fitted("item_knn", half_life_days=11.0)
    strength = np.log2(1 + one.matrix.data.astype(np.float64)) * 0.5 ** ((one.times.max() - one.times) / DAY / 11.0)
    expected = strength @ dense(model.similarity)[one.matrix.indices]
    np.testing.assert_allclose(scores_of(model, one), expected, rtol=1e-4, atol=2e-6)


@settings(max_examples=25, deadline=None)
@given(one=history())
def test_user_neighbours_sum_votes(fitted, one):
    """Cosine of log counts, the nearest shoppers, their votes."""
    model = fitted("user_knn", neighbours=80)
    row = np.zeros(N_ITEMS)
    row[one.matrix.indices] = np.log2(1 + one.matrix.data.astype(np.float64))
    likeness = dense(model.weighed) @ (row / np.linalg.norm(row))
    expected = likeness @ dense(model.votes)
    np.testing.assert_allclose(scores_of(model, one), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("how", [{"factors": 8}, {"factors": 8, "nu": 1.0, "alpha": 5.0}], ids=["plain", "scaled"])
@settings(max_examples=25, deadline=None)
@given(one=history())
def test_ials_solves_the_normal_equations(fitted, how, one):
    """(Y'CY + penalty I) x = Y'C p over all items, Hu, Koren & Volinsky 2008, eq. 4."""
    model = fitted("ials", **how)
    y, c = model.item_factors.astype(np.float64), np.ones(N_ITEMS)
    c[one.matrix.indices] = 1 + model.config.alpha * np.log2(1 + one.matrix.data.astype(np.float64))
    liked = np.zeros(N_ITEMS)
    liked[one.matrix.indices] = 1.0
    frequency = (one.matrix.nnz + N_ITEMS / model.config.alpha) ** model.config.nu
    penalty = model.config.regularization * frequency / model.mean_scale
    user = np.linalg.solve((y * c[:, None]).T @ y + penalty * np.eye(y.shape[1]), y.T @ (c * liked))
    np.testing.assert_allclose(scores_of(model, one), y @ user, rtol=1e-3, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(one=history())
def test_the_low_pass_is_a_projection(fitted, one):
    model = fitted("spectral", rank=6)
    row = np.zeros(N_ITEMS)
    row[one.matrix.indices] = 1.0
    v = model.vectors.astype(np.float64)
    low = (row * model.inner) @ v @ v.T * model.outer
    expected = row @ dense(model.weights) + model.gain * low
    np.testing.assert_allclose(scores_of(model, one), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(follow(model).at(one), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("weight", [np.nan, np.inf, 0.0, -1.0])
def test_weights_that_mean_nothing_are_refused(fitted, name, weight):
    model = fitted(name, **SETTINGS.get(name, {}))
    bad = Histories.of([[1], [2, 3]], N_ITEMS)
    bad.matrix.data[2] = weight
    with pytest.raises(InputError, match="history 1 has a weight of"):
        model.fold_in(bad, 5)
    with pytest.raises(InputError, match="history 1 has a weight of"):
        model.explain_histories(bad, np.array([[4], [5]]))
    with pytest.raises(InputError, match="history 0 has a weight of"):
        OnlineState(model).view(None, bad.rows(1, 2))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_unusual_histories_have_a_clear_outcome(fitted, name):
    model = fitted(name, **SETTINGS.get(name, {}))
    popular = np.argsort(-model.fallback, kind="stable")[:5]
    for empty in (Histories.of([[]], N_ITEMS), Histories.of([[-1, N_ITEMS + 7]], N_ITEMS)):
        found = model.fold_in(empty, 5)
        np.testing.assert_array_equal(found.items[0], popular)
    everything = Histories.of([list(range(N_ITEMS))], N_ITEMS)
    assert (model.fold_in(everything, 5).items == -1).all()
    some = Histories.of([[1, 2]], N_ITEMS)
    assert (model.fold_in(some, 5, candidates=np.array([], int)).items == -1).all()
    assert (model.fold_in(some, 5, candidates=np.array([-1])).items == -1).all()
    beyond = model.fold_in(some, N_ITEMS + 3)
    assert (beyond.items[0, : N_ITEMS - 2] >= 0).all()
    assert (beyond.items[0, N_ITEMS - 2 :] == -1).all()


@pytest.mark.parametrize("name", ["ease", "ials", "stack"])
def test_a_hundred_thousand_live_events_of_one_shopper(fitted, name, settings, clock):
    """The latest thousand count; the reply equals that to them alone."""
    model = fitted(name, **SETTINGS.get(name, {}))
    rng = np.random.default_rng(0)
    with Database.open(settings) as database:
        store = LiveStore(database, clock=clock)
        start = clock.now()
        clock.advance(100_000)
        times = np.arange(100_000)
        items = rng.integers(0, N_ITEMS - 6, len(times))

        def event(n):
            return Event.model_construct(
                event_id=f"e{n}",
                type=EventType.PRODUCT_CLICKED if n % 50 else EventType.ORDER_COMPLETED,
                time=start + (clock.now() - start) * (n / len(times)),
                user_id="robot",
                session_id=None,
                properties={"product_id": f"p{items[n]}"},
            )

        assert store.record([event(n) for n in times.tolist()]) == len(times)
        state = OnlineState(model, store, clock=clock)
        found = state.view("robot", Histories.of([[]], N_ITEMS))
        late = [event(n) for n in times[-LATEST:].tolist()]
        bought = {int(e.properties["product_id"][1:]) for e in late if e.type is EventType.ORDER_COMPLETED}
        assert set(found.history.matrix.indices.tolist()) == bought
        assert len(found.signals) <= N_ITEMS - 6
        assert found.signals.weights.max() <= state.config.most
        assert np.isfinite(found.scores()).all()
        assert len(found.recommend(10).items[0]) == 10
        before = store.version("robot")
        store.record(event(100_000 - 1).model_copy(update={"event_id": "one more"}))
        assert store.version("robot") != before
