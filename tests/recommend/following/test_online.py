"""Replies that follow a shopper's clicks, equal to what the model would say to the same history from scratch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from shopr.config import Settings
from shopr.data.events import Event, EventType
from shopr.data.interactions import Histories
from shopr.errors import InputError
from shopr.recommend.contract.registry import make
from shopr.recommend.following.increments import follow, item_rows
from shopr.recommend.following.live import Live, LiveStore
from shopr.recommend.following.online import OnlineState
from shopr.recommend.following.session import SessionConfig, current_session, purchases, signals
from shopr.storage import Database
from tests.recommend.shop import N_ITEMS, small_catalog, small_interactions

SHOP, CATALOG = small_interactions(), small_catalog()
LINEAR = {
    "ease": {},
    "edlae": {"half_life_days": 5.0},
    "ease_time": {},
    "markov": {},
    "item_filter": {},
    "rp3beta": {},
    "item_knn": {"half_life_days": 3.0},
    "stack": {},
}
OTHERS = {"ials": {"factors": 8}, "user_knn": {}, "popular": {}, "spectral": {"rank": 6}, "hybrid": {}}
NOBODY = Histories.of([[]], N_ITEMS)


@pytest.fixture(scope="module", params=sorted({**LINEAR, **OTHERS}))
def model(request):
    return make(request.param, **{**LINEAR, **OTHERS}[request.param]).fit(SHOP, CATALOG)


@pytest.fixture
def store(settings: Settings, clock):
    with Database.open(settings) as database:
        yield LiveStore(database, clock=clock)


def prefix(n: int) -> Histories:
    """The first n purchases of a shopper who sometimes buys a thing again."""
    rng = np.random.default_rng(3)
    items = rng.integers(0, N_ITEMS - 1, 40)[:n]
    every, place = np.unique(items, return_inverse=True)
    times = np.zeros(len(every), np.int64)
    np.maximum.at(times, place, 1_700_000_000 + 40_000 * np.arange(n))
    made = Histories.of([every], N_ITEMS)
    made.matrix.data = np.bincount(place).astype(np.float32)
    return Histories(made.matrix, times)


def click(clock, item: int, kind: str = "product_clicked", user: str = "new", **extra) -> Event:
    properties = {"product_id": f"p{item}"}
    return Event(type=EventType(kind), time=clock.now(), user_id=user, properties=properties, **extra)


def test_increments_equal_scoring_from_scratch(model):
    scores = follow(model)
    for n in [1, 2, 3, 5, 4, *range(6, 41), 10]:  # forward, by leaps, and back again
        history = prefix(n)
        np.testing.assert_allclose(scores.at(history), model._score(history)[0], rtol=1e-3, atol=2e-5)


def test_the_linear_models_go_by_increments():
    assert all(item_rows(make(n, **s).fit(SHOP)) is not None for n, s in LINEAR.items() if n != "stack")


def test_a_live_purchase_equals_fold_in(model, store, clock):
    state = OnlineState(model, store, clock=clock)
    bought = []
    for item in (4, 8, 12):
        store.record(click(clock, item, "order_completed"))
        bought.append((item, int(clock.now().timestamp())))
        clock.advance(3 * 86_400)
        history = Histories.of([[i for i, _ in bought]], N_ITEMS)
        history = Histories(history.matrix, np.array([t for _, t in bought]))
        expected = model.fold_in(history, 10)
        found = state.recommend("new", NOBODY, 10)
        np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-3, atol=2e-5)


def test_a_click_changes_the_next_reply_and_a_restart_forgets_nothing(store, clock):
    model = make("ease").fit(SHOP)
    state = OnlineState(model, store, clock=clock)
    before = state.recommend("new", NOBODY, 5)
    np.testing.assert_array_equal(before.items, model.fold_in(NOBODY, 5).items)
    store.record(click(clock, 5))
    after = state.recommend("new", NOBODY, 5)
    assert after.items.tolist() != before.items.tolist()
    again = OnlineState(model, store, clock=clock).recommend("new", NOBODY, 5)
    np.testing.assert_array_equal(again.items, after.items)


def test_a_signal_is_an_entry_of_fractional_strength(store, clock):
    model = make("ease").fit(SHOP)
    state = OnlineState(model, store, clock=clock)
    history = SHOP.histories(np.array([3]))
    store.record(click(clock, 5, "cart_item_added"))
    expected = model._score(history)[0] + 0.7 * model.weights[5]
    np.testing.assert_allclose(state.scores("new", history), expected, rtol=1e-5)
    clock.advance(20 * 60)
    expected = model._score(history)[0] + 0.35 * model.weights[5]
    np.testing.assert_allclose(state.scores("new", history), expected, rtol=1e-5)


def test_stronger_events_weigh_more_and_fade(clock):
    config, ids = SessionConfig(), SHOP.item_ids
    now = clock.now().timestamp()
    kinds = ["product_viewed", "product_clicked", "cart_item_added"]
    live = Live.of([(f"p{i}", kind, now, "") for i, kind in enumerate(kinds)])
    assert (np.diff(signals(live, ids, now, config).weights) > 0).all()
    later = signals(live, ids, now + 1200, config)
    np.testing.assert_allclose(later.weights, signals(live, ids, now, config).weights / 2)
    ended = signals(live, ids, now + 7 * 86_400, config)
    np.testing.assert_allclose(ended.weights, 0.5 * 0.3 * np.array([0.15, 0.3, 0.7]))


def test_what_was_taken_back_does_not_count():
    ids = SHOP.item_ids
    rows = [
        ("p1", "cart_item_added", 1.0, ""),
        ("p1", "cart_item_removed", 2.0, ""),
        ("p2", "cart_item_added", 3.0, ""),
    ]
    rows += [("p3", "order_completed", 4.0, ""), ("p3", "order_returned", 5.0, ""), ("p4", "order_completed", 6.0, "")]
    live = Live.of(rows[::-1])
    assert signals(live, ids, 7.0, SessionConfig()).items.tolist() == [2]
    assert purchases(live, ids)[0].tolist() == [4]


def test_a_session_ends_by_a_pause_or_by_its_name():
    config = SessionConfig()
    live = Live.of(
        [("p1", "product_viewed", t, s) for t, s in ((0, "a"), (60, "a"), (120, "b"), (4000, ""), (4100, ""))]
    )
    assert current_session(live, 4200, config).tolist() == [False, False, False, True, True]
    assert current_session(live, 9000, config).tolist() == [False] * 5
    named = Live.of([("p1", "product_viewed", t, s) for t, s in ((0, "a"), (60, "b"))])
    assert current_session(named, 61, config).tolist() == [False, True]
    assert len(current_session(Live.of([]), 0, config)) == 0


def test_bad_input(store, clock):
    model = make("ease").fit(SHOP)
    state = OnlineState(model, store, clock=clock, users=1)
    store.record([click(clock, 9_999), click(clock, 5, user="other")])
    unknown = state.recommend("new", NOBODY, 5)
    np.testing.assert_array_equal(unknown.items, model.fold_in(NOBODY, 5).items)
    assert (state.recommend("new", NOBODY, 5, candidates=np.array([], int)).items == -1).all()
    assert (state.recommend("other", NOBODY, N_ITEMS + 9).items[0, :N_ITEMS] >= 0).all()
    assert (state.recommend(None, NOBODY, N_ITEMS + 9).items[0, N_ITEMS:] == -1).all()
    with pytest.raises(InputError, match="k is 0"):
        state.recommend("new", NOBODY, 0)
    with pytest.raises(InputError, match="a history of shape"):
        state.scores("new", Histories.of([[1], [2]], N_ITEMS))
    with pytest.raises(InputError, match="users is 0"):
        OnlineState(model, users=0)
    for wrong in ({"clicked": float("nan")}, {"half_life_minutes": 0}, {"viewed": 0.5}):
        with pytest.raises(ValueError, match=r"validation error"):
            SessionConfig(**wrong)


@pytest.mark.parametrize("name", ["ease", "item_knn", "stack", "ials", "spectral", "hybrid"])
def test_explanations_sum_to_the_live_score(name, store, clock):
    model = make(name, **{**LINEAR, **OTHERS}[name]).fit(SHOP, CATALOG)
    state = OnlineState(model, store, clock=clock)
    store.record([click(clock, 5), click(clock, 9, "order_completed")])
    for fitted in (NOBODY, SHOP.histories(np.array([3]))):
        found = state.recommend("new", fitted, 4)
        for reason, score in zip(state.explain("new", fitted, found.items[0]), found.scores[0], strict=True):
            assert reason.score == pytest.approx(float(score), rel=1e-3, abs=1e-4)
            assert "p5" in {part.label for part in reason.contributions}


def test_one_view_answers_from_one_moment(store, clock):
    """What comes in while a reply is made waits for the next one; else its reasons would not sum to its scores."""
    model = make("ease").fit(SHOP)
    state, fitted = OnlineState(model, store, clock=clock), SHOP.histories(np.array([3]))
    store.record(click(clock, 5))
    view = state.view("new", fitted)
    before = view.recommend(4)
    store.record([click(clock, 9), click(clock, 12, "order_completed")])
    clock.advance(600)
    np.testing.assert_array_equal(view.recommend(4).scores, before.scores)
    for reason, score in zip(view.explain(before.items[0]), before.scores[0], strict=True):
        assert reason.score == pytest.approx(float(score), rel=1e-5)
    assert 12 in state.view("new", fitted).history.matrix.indices
    scores = view.scores()
    scores[:] = 0
    assert view.scores().any(), "the caller may write into the copy"


def test_within_a_session_each_click_moves_the_list_and_fades(store, clock):
    """The list follows the kind that is looked at now, the older kind falls back as its signals halve."""
    model = make("item_knn").fit(SHOP)
    state = OnlineState(model, store, clock=clock)
    first, second = [0, 4, 8], [1, 5, 9]  # two kinds of product

    def support(kind):
        scores = state.scores("new", NOBODY)
        return float(sum(scores[i] for i in range(N_ITEMS) if i % 4 == kind))

    store.record([click(clock, item) for item in first])
    at_first = support(0)
    assert at_first > support(1)
    clock.advance(20 * 60)
    assert support(0) == pytest.approx(at_first / 2, rel=0.01)
    store.record([click(clock, item) for item in second])
    assert support(1) > support(0)
    shown = state.recommend("new", NOBODY, 6).items[0]
    assert sum(int(item) % 4 == 1 for item in shown) > sum(int(item) % 4 == 0 for item in shown)
    clock.advance(31 * 60)
    ended = support(1)
    clock.advance(7 * 86_400)
    assert support(1) == pytest.approx(ended / 2, rel=0.05), "after the session it halves by days"


def test_an_order_that_the_log_holds_too_counts_once(store, clock):
    model = make("item_knn").fit(SHOP)
    state = OnlineState(model, store, clock=clock)
    at = int(clock.now().timestamp())
    store.record([click(clock, 4, "order_completed"), click(clock, 8, "order_completed")])
    logged = Histories(Histories.of([[3, 4]], N_ITEMS).matrix, np.array([at - 99, at]))
    view = state.view("new", logged)
    assert view.history.matrix.indices.tolist() == [3, 4, 8]
    assert view.history.matrix.data.tolist() == [1.0, 1.0, 1.0]
    older = Histories(logged.matrix, np.array([at - 99, at - 50]))
    assert state.view("new", older).history.matrix.data.tolist() == [1.0, 2.0, 1.0], "bought again since"


def test_threads_share_a_state(store, clock):
    """Replies to one shopper from several threads are those of one thread."""
    model = make("edlae", half_life_days=5.0).fit(SHOP)
    state = OnlineState(model, store, clock=clock, users=2)
    histories = [prefix(n) for n in range(1, 30)]
    expected = [model._score(one)[0] for one in histories]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: state.scores("new", one), histories * 4))
    for got, wanted in zip(found, expected * 4, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=2e-5)
