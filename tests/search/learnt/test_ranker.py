"""The ranker learnt from clicks, in a world whose law is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shopr.errors import DataError, InputError, NotReadyError
from shopr.search.learnt.clicks import ClickLog, examination, shuffled
from shopr.search.learnt.ranker import Decision, LearnedRanker, _places, fit, gain, train
from tests.search.click_world import LIST, looked_at, world

USEFUL = [0.6, -0.4, 0.0, 0.0]


@pytest.fixture(scope="module")
def useful() -> tuple[ClickLog, NDArray[np.float64]]:
    """The features know what the default order does not."""
    return world(USEFUL, queries=100, sessions=4000, seed=1)


def dcg(log: ClickLog, worth: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    """True discounted worth of the lists when ordered by scores."""
    value = 1 / (1 + np.exp(-2 * (worth - 0.8)))
    return float((value / np.log2(_places(log.session, scores) + 2)).sum() / len(np.unique(log.session)))


@pytest.mark.parametrize("steepness", [0.5, 1.0, 1.5])
def test_the_effect_of_the_place_is_recovered(steepness: float) -> None:
    log, _ = world(USEFUL, queries=60, sessions=5000, steepness=steepness, seed=3)
    assert examination(log) == pytest.approx(looked_at(steepness), abs=0.1)


def test_a_better_order_is_learnt_and_switched_on(useful: tuple[ClickLog, NDArray[np.float64]]) -> None:
    ranker = train(useful[0], seed=1)
    assert ranker.on
    assert ranker.decision is not None
    assert 0 < ranker.decision.low < ranker.decision.gain
    assert ranker.decision.queries == 40
    fresh, fresh_worth = world(USEFUL, queries=100, sessions=1000, seed=77)
    learnt = dcg(fresh, fresh_worth, ranker.score(fresh.base, fresh.features))
    assert learnt > dcg(fresh, fresh_worth, fresh.base) + 0.05
    assert ranker.weights[0] > 0 > ranker.weights[1]


def test_weighing_clicks_by_their_place_beats_taking_them_as_they_are() -> None:
    wins = 0
    for seed in range(3):
        log, _ = world(USEFUL, queries=100, sessions=4000, seed=seed)
        fresh, worth = world(USEFUL, queries=100, sessions=1000, seed=seed + 50)
        fair, naive = fit(log, examination(log), 10.0), fit(log, None, 10.0)
        fair_dcg, naive_dcg = (dcg(fresh, worth, r.score(fresh.base, fresh.features)) for r in (fair, naive))
        wins += fair_dcg > naive_dcg
    assert wins == 3


def test_with_nothing_to_gain_it_stays_off() -> None:
    on = 0
    for seed in range(4):
        log, _ = world([0.0] * 4, queries=80, sessions=1500, base_knows=1.0, seed=seed)
        ranker = train(log, seed=seed)
        on += ranker.on
        if not ranker.on:
            base, features = log.base[:8], log.features[:8]
            assert ranker.order(base, features).tolist() == np.argsort(-base, kind="stable").tolist()
    assert on == 0


def test_few_queries_decide_nothing() -> None:
    log, _ = world(USEFUL, queries=20, sessions=1500, seed=2)
    ranker = train(log, seed=2)
    assert not ranker.on
    assert ranker.decision is not None
    assert "at least 30 are needed" in ranker.decision.reason


def test_without_exchanged_places_nothing_can_be_told(useful: tuple[ClickLog, NDArray[np.float64]]) -> None:
    log = useful[0]
    _, first = np.unique(np.stack([log.query, log.product]), axis=1, return_index=True)
    once = np.zeros(len(log), bool)
    once[first] = True
    with pytest.raises(NotReadyError, match="exchange two results"):
        examination(log.take(once))
    with pytest.raises(NotReadyError):
        examination(log.take(np.zeros(len(log), bool)))


def test_without_clicks_the_weights_are_those_of_the_default_order(
    useful: tuple[ClickLog, NDArray[np.float64]],
) -> None:
    log = useful[0].take(~useful[0].clicked)
    ranker = fit(log, looked_at(), 1.0)
    assert ranker.weights == (0.0, 0.0, 0.0, 0.0)
    assert ranker.scale > 0
    assert len(gain(ranker, log, looked_at())) == 0


def test_one_click_is_counted_by_hand() -> None:
    log = ClickLog(
        *(np.zeros(3, int), np.zeros(3, int), np.arange(3), np.arange(3), np.array([False, False, True])),
        np.array([3.0, 2.0, 1.0]),
        np.array([[0.0], [0.0], [1.0]]),
        ("f",),
    )
    first = LearnedRanker(("f",), (10.0,))
    looked = np.array([1.0, 0.5, 0.25])
    assert gain(first, log, looked) == pytest.approx([4 * (1 - 1 / np.log2(4))])
    assert _places(log.session, log.base).tolist() == [0, 1, 2]


def test_a_shuffled_list_has_two_results_exchanged() -> None:
    rows = np.arange(LIST)
    seen = set()
    for i in range(300):
        out = shuffled(rows, seed=1, stream=str(i))
        moved = np.flatnonzero(out != rows)
        assert len(moved) == 2
        assert sorted(out) == sorted(rows)
        seen.add(tuple(moved))
    assert len(seen) == LIST * (LIST - 1) // 2
    assert shuffled(np.array([4]), seed=1).tolist() == [4]


def test_a_saved_ranker_is_the_same_and_a_bad_file_is_told(tmp_path: Path) -> None:
    ranker = LearnedRanker(("a", "b"), (0.5, -1.0), 2.0, Decision(True, 0.1, 0.05, 0.15, 40, 0.95, "gain"))
    path = ranker.save(tmp_path / "ranker.json")
    assert LearnedRanker.load(path) == ranker
    with pytest.raises(InputError, match="Give a, b|shape"):
        ranker.score(np.zeros(3), np.zeros((3, 1)))
    content = json.loads(path.read_text())
    for change in ({"version": 9}, {"weights": [1]}, {"weights": ["x", "y"]}, {"decision": {"on": True}}):
        path.write_text(json.dumps({**content, **change}))
        with pytest.raises(DataError, match="no learnt ranker"):
            LearnedRanker.load(path)
    with pytest.raises(DataError):
        LearnedRanker.load(tmp_path / "gone.json")


def test_a_log_that_does_not_fit_is_refused(useful: tuple[ClickLog, NDArray[np.float64]]) -> None:
    one = np.zeros(2, int)
    with pytest.raises(InputError, match="other lengths"):
        ClickLog(one, one, one, one, one[:1].astype(bool), one.astype(float), np.zeros((2, 1)), ("f",))
    with pytest.raises(InputError, match="not finite"):
        ClickLog(one, one, one, one, one.astype(bool), one.astype(float), np.full((2, 1), np.nan), ("f",))
    with pytest.raises(InputError, match="place"):
        ClickLog(one, one, one, one - 1, one.astype(bool), one.astype(float), np.zeros((2, 1)), ("f",))
    with pytest.raises(InputError, match="level is 2"):
        train(useful[0], level=2)
