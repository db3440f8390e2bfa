from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopr.abtest.policies.interleaving import credit, interleave, probabilistic, team_draft
from shopr.abtest.policies.preference import preference, relative_sensitivity
from shopr.errors import InputError

A, B = np.array([[1, 2, 3, 4]]), np.array([[2, 5, 1, 6]])


def test_team_draft_makes_exactly_the_lists_it_can() -> None:
    n = 4000
    shown = team_draft(np.tile(A, (n, 1)), np.tile(B, (n, 1)), 4)
    lists, counts = np.unique(shown.items, axis=0, return_counts=True)
    # Rounds: A first takes 1 then B 2, or B first takes 2 then A 1; then 3 and 5 in either order.
    assert {tuple(row) for row in lists.tolist()} == {(1, 2, 3, 5), (1, 2, 5, 3), (2, 1, 3, 5), (2, 1, 5, 3)}
    assert np.abs(counts / n - 0.25).max() < 4 * np.sqrt(0.19 / n)
    assert (shown.share[shown.items == 1] == 1).all()
    assert (shown.share[shown.items == 2] == 0).all()
    assert (shown.share.sum(axis=1) == 2).all()


def test_probabilistic_lists_come_with_their_true_chances() -> None:
    n, tau = 60_000, 1.0
    a, b = np.array([[0, 1]]), np.array([[1, 2]])
    shown = probabilistic(np.tile(a, (n, 1)), np.tile(b, (n, 1)), 2, tau=tau)
    wa, wb = {0: 1.0, 1: 0.5}, {1: 1.0, 2: 0.5}
    chance: dict[tuple[int, int], float] = {}
    share: dict[tuple[int, int], list[float]] = {}
    for first, second in product(range(3), repeat=2):
        if first == second:
            continue
        pa, pb = wa.get(first, 0) / 1.5, wb.get(first, 0) / 1.5
        la, lb = ({k: v for k, v in w.items() if k != first} for w in (wa, wb))
        qa = la.get(second, 0) / sum(la.values())
        qb = lb.get(second, 0) / sum(lb.values())
        total = (pa + pb) / 2 * (qa + qb) / 2
        if total:
            chance[first, second] = total
            share[first, second] = [pa / (pa + pb), qa / (qa + qb)]
    lists, counts = np.unique(shown.items, axis=0, return_counts=True)
    assert {tuple(row) for row in lists.tolist()} == set(chance)
    for row, count in zip(lists.tolist(), counts, strict=True):
        wanted = chance[tuple(row)]
        assert abs(count / n - wanted) < 4 * np.sqrt(wanted * (1 - wanted) / n)
        mine = shown.share[(shown.items == row).all(axis=1)]
        assert mine[0] == pytest.approx(share[tuple(row)])


@pytest.mark.parametrize("scheme", ["team_draft", "probabilistic"])
def test_clicks_that_ignore_products_favour_nobody(scheme: str) -> None:
    rng = np.random.default_rng(0)
    n = 20_000
    a, b = (np.argsort(rng.random((n, 20)), axis=1)[:, :10] for _ in range(2))
    shown = interleave(a, b, 6, scheme=scheme)  # type: ignore[arg-type]
    found = preference(credit(shown, rng.random((n, 6)) < 0.6 / np.arange(1, 7)).outcome)
    assert abs(found.z) < 3.5
    assert found.lo < 0 < found.hi


def test_identical_rankers_tie_exactly_or_within_error() -> None:
    rng = np.random.default_rng(1)
    same = np.argsort(rng.random((5000, 12)), axis=1)
    clicks = rng.random((5000, 6)) < 0.3
    assert np.abs(credit(probabilistic(same, same, 6), clicks).outcome).max() < 1e-12
    assert np.abs(credit(probabilistic(same, same, 6), clicks, rule="winner").outcome).max() < 1e-12
    drafted = preference(credit(team_draft(same, same, 6), clicks).outcome)
    assert abs(drafted.z) < 3.5


@pytest.mark.parametrize("scheme", ["team_draft", "probabilistic"])
def test_same_rankers_are_told_apart_five_times_in_a_hundred(scheme: str) -> None:
    rng = np.random.default_rng(2)
    tests, n = 400, 60
    a, b = (np.argsort(rng.random((tests * n, 8)), axis=1) for _ in range(2))
    shown = interleave(a, b, 4, scheme=scheme)  # type: ignore[arg-type]
    outcomes = credit(shown, rng.random((tests * n, 4)) < 0.4).outcome.reshape(tests, n)
    p = np.array([preference(row, resamples=100).p for row in outcomes])
    assert abs((p < 0.05).mean() - 0.05) < 3 * np.sqrt(0.05 * 0.95 / tests)


@pytest.mark.parametrize("scheme", ["team_draft", "probabilistic"])
def test_the_better_ranker_wins(scheme: str) -> None:
    rng = np.random.default_rng(3)
    n = 3000
    appeal = rng.random((n, 20))
    good = np.argsort(-appeal - 0.2 * rng.random((n, 20)), axis=1)[:, :10]
    poor = np.argsort(-appeal - 2.0 * rng.random((n, 20)), axis=1)[:, :10]
    shown = interleave(good, poor, 6, scheme=scheme)  # type: ignore[arg-type]
    liked = np.take_along_axis(appeal, shown.items, axis=1)
    found = preference(credit(shown, rng.random((n, 6)) < 0.4 * liked).outcome)
    assert found.z > 5
    assert found.wins_a > found.wins_b
    assert found.lo > 0


def test_the_winner_rule_by_enumeration() -> None:
    rng = np.random.default_rng(4)
    a, b = (np.argsort(rng.random((30, 9)), axis=1)[:, :6] for _ in range(2))
    shown = probabilistic(a, b, 5, tau=1.0)
    clicks = rng.random((30, 5)) < 0.5
    wanted = np.zeros(30)
    for teams in product([0, 1], repeat=5):
        team = np.array(teams)
        chance = np.where(team, shown.share, 1 - shown.share).prod(axis=1)
        wanted += chance * np.sign((clicks * (2 * team - 1)).sum(axis=1))
    assert credit(shown, clicks, rule="winner").outcome == pytest.approx(wanted, abs=1e-12)


def test_credits_sum_to_the_clicks() -> None:
    shown = probabilistic(A, B, 4)
    found = credit(shown, np.array([[1, 0, 2, 0]]))
    assert found.a + found.b == pytest.approx([3])
    assert found.outcome == pytest.approx(found.a - found.b)


ranking = st.lists(st.integers(-1, 9), min_size=1, max_size=7)


@given(ranking, ranking, st.integers(1, 9), st.sampled_from(["team_draft", "probabilistic"]))
def test_lists_hold_each_item_once_and_all_there_is(a: list[int], b: list[int], k: int, scheme: str) -> None:
    shown = interleave([a], [b], k, scheme=scheme)  # type: ignore[arg-type]
    items = shown.items[0]
    there = {i for i in a + b if i >= 0}
    real = items[items >= 0]
    assert len(real) == len(set(real.tolist())) == min(k, len(there))
    assert set(real.tolist()) <= there
    assert (items[len(real) :] == -1).all()
    share = shown.share[0]
    assert np.isnan(share[items < 0]).all()
    for item, part in zip(real.tolist(), share, strict=False):
        assert 0 <= part <= 1
        if item not in b:
            assert part == 1
        if item not in a:
            assert part == 0


def test_the_same_seed_gives_the_same_lists_and_streams_differ() -> None:
    a, b = np.tile(A, (50, 1)), np.tile(B, (50, 1))
    one, two, other = (team_draft(a, b, 4, stream=s).items.tolist() for s in ("x", "x", "y"))
    assert one == two != other


def test_users_are_summed_before_they_are_tested() -> None:
    found = preference([1.0, -1.0, 2.0, 0.0, 0.5], ["u", "u", "v", "w", "v"])
    assert (found.users, found.wins_a, found.wins_b, found.ties) == (3, 1, 0, 2)
    assert found.estimate == pytest.approx(2.5 / 3)
    from scipy import stats

    assert found.p == pytest.approx(stats.ttest_1samp([0.0, 2.5, 0.0], 0).pvalue)


def test_sensitivity_is_a_ratio_of_evidence_per_user() -> None:
    assert relative_sensitivity(6.0, 100, 2.0, 200) == pytest.approx(18)
    with pytest.raises(InputError, match="z is 0"):
        relative_sensitivity(1.0, 10, 0.0, 10)


@pytest.mark.parametrize(
    ("a", "b", "k"),
    [([1, 2], [[1, 2]], 2), ([[1], [2]], [[1]], 1), ([[1]], [[2]], 0), (np.zeros((2, 0)), [[1], [2]], 1)],
)
def test_bad_lists_are_refused(a: object, b: object, k: int) -> None:
    with pytest.raises(InputError):
        team_draft(a, b, k)  # type: ignore[arg-type]


@pytest.mark.parametrize("clicks", [[[1, 0]], [[-1, 0, 0, 0]], [[0.5, 0, 0, 0]], [[np.nan, 0, 0, 0]]])
def test_bad_clicks_are_refused(clicks: list[list[float]]) -> None:
    with pytest.raises(InputError):
        credit(team_draft(A, B, 4), clicks)


def test_a_click_on_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="empty place"):
        credit(team_draft([[1]], [[1]], 3), [[0, 1, 0]])


@pytest.mark.parametrize(("outcomes", "users"), [([np.nan, 1], None), ([1.0], None), ([1.0, 2.0], ["u"])])
def test_bad_outcomes_are_refused(outcomes: list[float], users: list[str] | None) -> None:
    with pytest.raises(InputError):
        preference(outcomes, users)
