"""The search finds what was planted, keeps its budget by an injected clock, and repeats itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from shopr.clock import ManualClock
from shopr.data.interactions import Interactions
from shopr.errors import CapacityError, InputError, UnknownNameError
from shopr.recommend.selection import search as search_module
from shopr.recommend.selection.search import Trial
from shopr.recommend.selection.spaces import FAMILIES, Shape
from shopr.recommend.selection.tuning import _clearly_better, tune

QUICK: dict[str, Any] = {"max_trials": 8, "budget_seconds": 1e6, "seed": 3}


def chains(users: int = 250, items: int = 40, seed: int = 0) -> Interactions:
    """What comes next follows from the last item alone: a ring of items walked in one direction."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, items, users)
    step = np.arange(8)
    jumps = rng.random((users, 8)) < 0.15
    walked = (start[:, None] + step + np.cumsum(jumps, axis=1) * rng.integers(5, 20, (users, 1))) % items
    frame = pd.DataFrame(
        {"user": np.repeat(np.arange(users), 8), "item": walked.ravel(), "timestamp": np.tile(step, users)}
    )
    return Interactions.from_frame(frame)


def clusters(users: int = 250, seed: int = 0) -> Interactions:
    """Four tastes of fifteen items each, no times."""
    rng = np.random.default_rng(seed)
    taste = rng.integers(0, 4, users)
    items = taste[:, None] * 15 + rng.integers(0, 15, (users, 7))
    noise = rng.random(items.shape) < 0.1
    items = np.where(noise, rng.integers(0, 60, items.shape), items)
    return Interactions.from_frame(pd.DataFrame({"user": np.repeat(np.arange(users), 7), "item": items.ravel()}))


def test_directed_data_is_won_by_a_model_of_order():
    found = tune(chains(), models=["markov", "item_filter", "popular"], **QUICK)
    assert found.validation == "last"
    assert found.name == "markov"
    by_model = found.leaderboard.groupby("model")["ndcg"].max()
    assert by_model["markov"] > 1.1 * by_model["item_filter"]
    assert found.model is not None
    assert len(found.model.recommend(np.arange(5), 3)) == 5


def test_tastes_are_found_and_popularity_loses():
    found = tune(clusters(), **QUICK)
    assert found.validation == "random"
    assert found.name != "popular"
    by_model = found.leaderboard.groupby("model")["ndcg"].max()
    assert by_model.max() > 2 * by_model["popular"]
    assert not {"markov", "ease_time"} & set(by_model.index)


def test_the_same_seed_repeats_the_search():
    first, again = (tune(clusters(), models=["edlae"], **QUICK) for _ in range(2))
    pd.testing.assert_frame_equal(first.leaderboard.drop(columns="seconds"), again.leaderboard.drop(columns="seconds"))
    assert first.params == again.params


def test_every_trial_is_told_and_the_winner_leads_the_table():
    told = []
    found = tune(clusters(), on_trial=lambda *row: told.append(row), **QUICK)
    assert [row[0] for row in told] == list(range(len(told)))
    assert len(told) == len(found.leaderboard)
    top = found.leaderboard.iloc[0]
    assert (top["model"], top["params"]) == (found.name, found.params)


class Slow:
    """Lets a manual clock run for as long as each fit is said to take."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, clock: ManualClock, seconds: float) -> None:
        self.fits = 0
        true_make = search_module.make

        def make(name: str, **settings: Any) -> Any:
            clock.advance(seconds)
            self.fits += 1
            return true_make(name, **settings)

        monkeypatch.setattr(search_module, "make", make)
        monkeypatch.setattr("shopr.recommend.selection.tuning.make", make)


@pytest.mark.parametrize(("budget", "seconds"), [(100.0, 7.0), (300.0, 20.0), (50.0, 30.0)])
def test_the_budget_is_kept_refit_included(monkeypatch, clock, budget, seconds):
    slow = Slow(monkeypatch, clock, seconds)
    started = clock.monotonic()
    found = tune(clusters(), budget_seconds=budget, max_trials=1000, seed=1, clock=clock)
    spent = clock.monotonic() - started
    # The first candidate is always tried and a winner always fitted; else the budget holds.
    assert spent <= max(budget, 2 * seconds)
    assert spent == pytest.approx(slow.fits * seconds)
    assert found.model is not None
    assert found.seconds == pytest.approx(spent)


def test_a_reserve_is_left_and_no_refit_is_made_unless_asked_for(monkeypatch, clock):
    slow = Slow(monkeypatch, clock, 5.0)
    found = tune(clusters(), budget_seconds=100, reserve=50, refit=False, max_trials=1000, seed=1, clock=clock)
    assert found.model is None
    assert clock.monotonic() <= 50
    assert slow.fits >= 4


def test_a_model_that_refuses_the_size_is_passed_over(monkeypatch):
    def refuse(model: Any, _: Any) -> None:
        if model.name in ("ease", "edlae"):
            raise CapacityError("too large")

    monkeypatch.setattr("shopr.recommend.contract.memory.require", refuse)
    found = tune(clusters(), **QUICK)
    assert not {"ease", "edlae"} & set(found.leaderboard["model"])
    with pytest.raises(CapacityError, match="no model fits"):
        tune(clusters(), models=["ease"], **QUICK)


@pytest.mark.filterwarnings("error")
def test_starts_lie_within_their_spaces():
    import optuna

    for ordered in (True, False):
        for data in (chains(), clusters()):
            shape = Shape.of(data, ordered=ordered)
            wide = Shape(users=10**5, items=50_000, rows=10**6, pairs=1e8, length=10, ordered=ordered)
            for family in [f for f in FAMILIES.values() if f.wanted(shape)]:
                for form in (shape, wide):
                    for start in family.starts(form):
                        assert set(family.suggest(optuna.trial.FixedTrial(start), form)) <= set(start)
                    assert family.seconds(form) > 0


def test_bad_calls():
    with pytest.raises(UnknownNameError, match="Did you mean 'edlae'"):
        tune(clusters(), models=["edlea"])
    with pytest.raises(InputError, match="'stack' has no search space"):
        tune(clusters(), models=["stack"])
    with pytest.raises(InputError, match="no models were given"):
        tune(clusters(), models=[])
    with pytest.raises(InputError, match="budget 0 s"):
        tune(clusters(), budget_seconds=0)


def test_a_tuned_leader_must_clearly_beat_the_start_it_came_from():
    start = np.full(400, 0.3)
    luck = np.random.default_rng(0).normal(0.0, 0.2, 400)
    luck -= luck.mean()
    assert not _clearly_better(start + luck + 0.005, start)
    assert _clearly_better(start + luck + 0.02, start)
    assert not _clearly_better(start, start)


def test_a_preferred_start_goes_before_a_better_mean_but_not_before_a_stack():
    tuned = Trial(5, "edlae", {}, 0.31, 1.0, 0.0, second=0.30)
    start = Trial(1, "edlae", {}, 0.30, 1.0, 0.0, second=0.30, start=True, preferred=True)
    stack = Trial(9, "stack", {}, 0.29, 1.0, 0.0, stacked=True)
    assert sorted([tuned, stack, start], key=lambda t: t.standing) == [tuned, start, stack]
