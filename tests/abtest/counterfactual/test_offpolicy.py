"""Estimators against problems of known truth, hand calculations, and the Open Bandit data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shopr.abtest.counterfactual.logged import Logged, read_policy
from shopr.abtest.counterfactual.offpolicy import METHODS, estimate, slope_tau, table, weights
from shopr.abtest.counterfactual.openbandit import average_policy, load
from shopr.abtest.counterfactual.overlap import overlap, propensity_histogram
from shopr.abtest.counterfactual.rewardmodel import cross_fit, folds_of
from shopr.errors import DataError, InputError

ARMS = 4
TRUTH = np.array([[0.30, 0.10, 0.20, 0.05], [0.05, 0.25, 0.10, 0.15]])
LOGGING = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]])
TARGET = np.array([[0.1, 0.1, 0.7, 0.1], [0.3, 0.5, 0.1, 0.1]])


def drawn(n: int, seed: int) -> tuple[Logged, np.ndarray]:
    """A log with two kinds of shopper, and the target policy a row."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, n)
    actions = (rng.random((n, 1)) > np.cumsum(LOGGING, axis=1)[kind]).sum(axis=1).clip(max=ARMS - 1)
    rewards = rng.random(n) < TRUTH[kind, actions]
    log = Logged.of(actions, rewards, LOGGING[kind, actions], n_actions=ARMS, contexts=kind[:, None])
    return log, TARGET[kind]


VALUE = float((TARGET * TRUTH).sum(axis=1).mean())


def test_by_hand() -> None:
    log = Logged.of([0, 1, 1, 0], [1.0, 0.0, 1.0, 2.0], [0.5, 0.5, 0.25, 0.5])
    policy = [0.25, 0.75]
    assert weights(log, policy) == pytest.approx([0.5, 1.5, 3.0, 0.5])
    assert estimate(log, policy, "ips").value == pytest.approx((0.5 + 3 + 1) / 4)
    assert estimate(log, policy, "snips").value == pytest.approx(4.5 / 5.5)
    assert estimate(log, policy, "clipped", clip=2).value == pytest.approx(3.5 / 4)
    q = np.array([[0.5, 1.0]] * 4)
    assert estimate(log, policy, "dm", q=q).value == pytest.approx(0.875)
    corrections = np.array([0.5 * 0.5, -1.5, 0.0, 0.5 * 1.5])
    assert estimate(log, policy, "dr", q=q).value == pytest.approx(0.875 + corrections.mean())
    switched = estimate(log, policy, "switch_dr", q=q, tau=1.0)
    assert switched.value == pytest.approx(0.875 + (0.25 + 0.75) / 4)
    assert switched.bound == 1.0
    assert [estimate(log, policy, m, q=q).biased for m in METHODS] == [False, True, False, True, False, True]


def test_on_the_logging_policy_itself_ips_is_the_mean() -> None:
    log, _ = drawn(500, 0)
    for method in ("ips", "snips", "clipped"):
        found = estimate(log, LOGGING[log.contexts[:, 0].astype(int)], method)  # type: ignore[index]
        assert found.value == pytest.approx(log.rewards.mean())
        assert found.se == pytest.approx(log.rewards.std(ddof=1) / np.sqrt(500))


def test_unbiased_methods_cover_the_truth_and_dr_is_narrower() -> None:
    runs = 300
    methods = ("ips", "snips", "dr")
    hits, widths = dict.fromkeys(methods, 0), dict.fromkeys(methods, 0.0)
    values: dict[str, list[float]] = {method: [] for method in methods}
    for seed in range(runs):
        log, policy = drawn(800, seed)
        q = cross_fit(log, ridge=5.0)
        for method in methods:
            found = estimate(log, policy, method, q=q)  # type: ignore[arg-type]
            hits[method] += found.lo <= VALUE <= found.hi
            widths[method] += found.hi - found.lo
            values[method].append(found.value)
    for method in methods:
        assert abs(hits[method] / runs - 0.95) < 3 * np.sqrt(0.95 * 0.05 / runs) + 0.005
        error = np.mean(values[method]) - VALUE
        assert abs(error) < 3.5 * np.std(values[method]) / np.sqrt(runs)
    assert widths["dr"] < widths["ips"]


def test_doubly_robust_survives_one_wrong_part() -> None:
    log, policy = drawn(60_000, 1)
    right = TRUTH[log.contexts[:, 0].astype(int)]  # type: ignore[index]
    wrong_model = np.tile([0.9, 0.1, 0.5, 0.3], (len(log), 1))
    wrong_chances = Logged.of(log.actions, log.rewards, np.full(len(log), 0.25), n_actions=ARMS, contexts=log.contexts)
    assert estimate(log, policy, "dr", q=wrong_model).value == pytest.approx(VALUE, abs=0.01)
    assert estimate(wrong_chances, policy, "dr", q=right).value == pytest.approx(VALUE, abs=0.01)
    assert abs(estimate(log, policy, "dm", q=wrong_model).value - VALUE) > 0.1
    assert abs(estimate(wrong_chances, policy, "ips").value - VALUE) > 0.01


def test_intervals_agree_where_all_hold() -> None:
    log, policy = drawn(4000, 2)
    normal = estimate(log, policy, "ips")
    boot = estimate(log, policy, "ips", interval="bootstrap")
    safe = estimate(log, policy, "ips", interval="bernstein", weight_bound=7.0)
    assert (boot.lo, boot.hi) == pytest.approx((normal.lo, normal.hi), abs=0.1 * (normal.hi - normal.lo))
    assert safe.lo < normal.lo < normal.hi < safe.hi
    n, variance = 4000, (weights(log, policy) * log.rewards).var(ddof=1)
    half = np.sqrt(2 * variance * np.log(80) / n) + 7 * 7.0 * np.log(80) / (3 * (n - 1))
    assert safe.hi - safe.value == pytest.approx(half)


def test_biased_methods_say_what_the_log_cannot_rule_out() -> None:
    log, policy = drawn(800, 12)
    q = np.tile([0.9, 0.1, 0.5, 0.3], (800, 1))  # a model that is wrong
    fair = estimate(log, policy, "dr", q=q)
    for method in ("dm", "switch_dr"):
        found = estimate(log, policy, method, q=q)  # type: ignore[arg-type]
        assert found.lo <= fair.lo < fair.hi <= found.hi
        assert found.lo <= found.value <= found.hi
    plain, clipped = estimate(log, policy, "ips"), estimate(log, policy, "clipped", clip=1.0)
    assert clipped.value < plain.value
    assert clipped.lo < plain.lo
    assert clipped.hi == pytest.approx(plain.hi)


def test_rows_of_a_user_count_together() -> None:
    log, policy = drawn(500, 3)
    twice = Logged.of(
        np.tile(log.actions, 2), np.tile(log.rewards, 2), np.tile(log.propensities, 2), n_actions=ARMS,
        users=np.tile(np.arange(500), 2),
    )  # fmt: skip
    for method in ("ips", "snips"):
        one = estimate(log, policy, method)
        two = estimate(twice, np.tile(policy, (2, 1)), method)
        assert (two.value, two.se, two.units) == pytest.approx((one.value, one.se, 500))
        doubled = estimate(twice.take(np.arange(1000)), np.tile(policy, (2, 1)), method, interval="bootstrap")
        assert doubled.hi - doubled.lo == pytest.approx(4 * one.se, rel=0.15)


def test_switching_helps_where_weights_are_wild() -> None:
    rng = np.random.default_rng(4)
    logging = np.array([0.6, 0.39, 0.009, 0.001])
    target = np.array([0.1, 0.1, 0.4, 0.4])
    truth = np.array([0.2, 0.3, 0.25, 0.2])
    value = float(target @ truth)
    errors: dict[str, list[float]] = {"dr": [], "switch_dr": []}
    for _ in range(60):
        actions = rng.choice(4, 1500, p=logging)
        log = Logged.of(actions, rng.random(1500) < truth[actions], logging[actions], n_actions=4)
        q = cross_fit(log, ridge=20.0)
        for method, found in errors.items():
            found.append(estimate(log, target, method, q=q).value - value)  # type: ignore[arg-type]
    assert np.mean(np.square(errors["switch_dr"])) < 0.8 * np.mean(np.square(errors["dr"]))


def test_slope_keeps_all_weights_where_they_are_tame_and_the_model_is_wrong() -> None:
    log, policy = drawn(20_000, 5)
    w = weights(log, policy)
    direct, predicted = np.full(len(log), 0.9), np.full(len(log), 0.9)
    assert slope_tau(log, w, direct, predicted) == pytest.approx(w.max(), rel=0.3)


def test_slots_have_policies_of_their_own() -> None:
    log = Logged.of([0, 1, 0, 1], [1, 0, 0, 1], [0.5] * 4, positions=[0, 0, 1, 1])
    policy = np.array([[1.0, 0.0], [0.2, 0.8]])
    assert weights(log, policy) == pytest.approx([2, 0, 0.4, 1.6])
    assert estimate(log, policy, "ips").value == pytest.approx((2 + 1.6) / 4)


def test_the_reward_model_never_saw_whom_it_judges() -> None:
    rng = np.random.default_rng(6)
    users = np.repeat(np.arange(50), 4)
    log = Logged.of(rng.integers(0, 2, 200), rng.random(200), np.full(200, 0.5), users=users)
    fold = folds_of(log, 5)
    assert all(len(set(fold[users == u])) == 1 for u in range(50))
    assert np.bincount(fold).tolist() == [40] * 5
    q = cross_fit(log, folds=5, ridge=1e-9)
    out = fold != fold[0]
    wanted = [log.rewards[out & (log.actions == a)].mean() for a in range(2)]
    assert q[0] == pytest.approx(wanted)


def test_a_learner_can_be_given() -> None:
    from sklearn.linear_model import LinearRegression, LogisticRegression

    log, _ = drawn(3000, 7)
    for learner in (LinearRegression(), LogisticRegression(C=100.0)):
        q = cross_fit(log, learner=learner, action_features=np.eye(ARMS)[:, :1])
        assert q.shape == (3000, ARMS)
        assert q.mean(axis=0) == pytest.approx(TRUTH.mean(axis=0), abs=0.06)


def test_overlap_says_what_is_left() -> None:
    log, policy = drawn(5000, 8)
    w = weights(log, policy)
    found = overlap(log, policy, clip=2.0)
    assert found.effective == pytest.approx(w.sum() ** 2 / (w**2).sum())
    assert found.clipped_share == pytest.approx((w > 2).mean())
    assert found.max_weight == pytest.approx(w.max())
    assert abs(found.mean_z) < 3
    assert found.warnings == ()
    histogram = propensity_histogram(log, bins=8)
    assert histogram["rows"].sum() == 5000
    assert histogram["high"].iloc[-1] == pytest.approx(1.0)


def test_overlap_warns_of_wrong_propensities_and_missing_support() -> None:
    log, policy = drawn(5000, 9)
    wrong = Logged.of(log.actions, log.rewards, log.propensities * 0.8, n_actions=ARMS)
    assert any("mean weight" in text for text in overlap(wrong, policy).warnings)
    never = Logged.of([0, 1] * 50, [0, 1] * 50, [0.5] * 100, n_actions=3)
    found = overlap(never, [0.25, 0.25, 0.5])
    assert found.unlogged == pytest.approx(0.5)
    assert any("never logged" in text for text in found.warnings)
    heavy = Logged.of([0] * 99 + [1], [0] * 100, [0.99] * 99 + [0.001], n_actions=2)
    assert any("one row" in text for text in overlap(heavy, [0.1, 0.9]).warnings)


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("propensities", [0.0, 0.5, 0.5], "propensity 0 in row 0"), ("propensities", [0.5, 1.5, 0.5], "1.5 in row 1"),
        ("propensities", [0.5, np.nan, 0.5], "propensity in row 1"), ("rewards", [1, np.nan, 0], "reward in row 1"),
        ("rewards", [1, 0], "3 actions and 2 rewards"), ("actions", [0, 5, 1], "span 0 to 5"),
        ("actions", [0, -1, 1], "span -1"), ("n_actions", 1, "1 action"), ("contexts", [[1], [np.inf], [0]], "context"),
    ],
)  # fmt: skip
def test_bad_logs_are_refused(column: str, values: object, said: str) -> None:
    good: dict[str, object] = {
        "actions": [0, 1, 1], "rewards": [1, 0, 0], "propensities": [0.5, 0.5, 0.5], "n_actions": 2,
    }  # fmt: skip
    with pytest.raises(InputError, match=said):
        Logged.of(**(good | {column: values}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policy", "said"),
    [([0.5, 0.6], "sum to 1.1"), ([-0.5, 1.5], "-0.5"), ([1.0], "shape"), ([np.nan, 1.0], "not finite")],
)
def test_bad_policies_are_refused(policy: list[float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        weights(Logged.of([0, 1, 1], [1, 0, 0], [0.5] * 3), policy)


def test_no_overlap_is_an_error() -> None:
    log = Logged.of([0, 0], [1, 0], [0.5, 0.5], n_actions=2)
    with pytest.raises(InputError, match="no overlap"):
        estimate(log, [0.0, 1.0])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"method": "dr"}, "needs q"), ({"method": "dr", "q": [[1.0]]}, "q of shape"), ({"method": "magic"}, "magic"),
        ({"method": "clipped", "clip": 0}, "clip"), ({"method": "ips", "interval": "bernstein"}, "weight_bound"),
        ({"interval": "bernstein"}, "ratio"), ({"method": "dm", "q": [[0.1] * 2] * 3, "interval": "bernstein"}, "bias"),
        ({"level": 1.0}, "level"),
        ({"interval": "bootstrap", "resamples": 5}, "5 re"),
        ({"method": "clipped", "interval": "bernstein", "reward_range": (0, 0.5)}, "range"),
    ],
)  # fmt: skip
def test_bad_calls_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        estimate(Logged.of([0, 1, 1], [1, 0, 0], [0.5] * 3), [0.5, 0.5], **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [{"folds": 1}, {"folds": 9}, {"weights": [-1, 1, 1]}, {"ridge": 0.0}])
def test_bad_reward_models_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(InputError):
        cross_fit(Logged.of([0, 1, 1], [1, 0, 0], [0.5] * 3), **settings)  # type: ignore[arg-type]


def test_tables_become_logs_and_policies() -> None:
    frame = pd.DataFrame(
        {"arm": ["b", "a", "b"], "r": [1, 0, 1], "p": [0.5, 0.5, 0.25], "slot": [3, 1, 3], "who": ["x", "y", "x"],
         "device": ["web", "app", "web"], "age": [1.0, 2.0, 3.0]}
    )  # fmt: skip
    log = Logged.from_frame(
        frame, action="arm", reward="r", propensity="p", position="slot", user="who", contexts=["device", "age"]
    )
    assert log.names == ("a", "b")
    assert log.actions.tolist() == [1, 0, 1]
    assert log.n_positions == 2
    assert log.contexts is not None
    assert log.contexts.shape == (3, 3)
    policy = pd.DataFrame({"position": [1, 1, 3], "action": ["a", "b", "a"], "probability": [0.3, 0.7, 1.0]})
    assert read_policy(policy, log, [1, 3]).tolist() == [[0.3, 0.7], [1.0, 0.0]]
    assert read_policy(policy.iloc[:2, 1:], log).tolist() == [0.3, 0.7]
    for bad in (
        policy.drop(columns="action"), pd.concat([policy, policy]), policy.assign(action="z"),
        policy.assign(position=9),
    ):  # fmt: skip
        with pytest.raises(DataError):
            read_policy(bad, log, [1, 3])
    with pytest.raises(DataError, match="lacks p"):
        Logged.from_frame(frame.drop(columns="p"), action="arm", reward="r", propensity="p")
    with pytest.raises(DataError, match="not among"):
        Logged.from_frame(frame, action="arm", reward="r", propensity="p", actions=["a"])


def test_estimates_make_a_table() -> None:
    log, policy = drawn(300, 1)
    made = table([estimate(log, policy, "ips"), estimate(log, policy)])
    assert made["method"].tolist() == ["ips", "snips"]
    assert {"value", "lo", "hi", "units", "biased"} <= set(made.columns)


# -- Open Bandit -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("campaign", ["men", "women"])
def test_open_bandit_each_policy_from_the_log_of_the_other(shared_data: Path, campaign: str) -> None:
    recorded = json.loads((shared_data / "abtest" / "reference_results.json").read_text())["obd"][campaign]
    uniform, thompson = (load(shared_data / "abtest/obd_small", campaign, name) for name in ("random", "bts"))
    assert uniform.rewards.mean() == pytest.approx(recorded["ctr_random"], abs=5e-5)
    assert thompson.rewards.mean() == pytest.approx(recorded["ctr_bts"], abs=5e-5)
    served = average_policy(thompson)  # its own changing probabilities are not in the log
    even = np.full(uniform.n_actions, 1 / uniform.n_actions)
    for log, policy, truth in ((uniform, served, thompson), (thompson, even, uniform)):
        value, own = truth.rewards.mean(), truth.rewards.std(ddof=1) / np.sqrt(len(truth))
        q = cross_fit(log)
        for method in ("ips", "snips", "dr"):
            found = estimate(log, policy, method, q=q)  # type: ignore[arg-type]
            assert abs(found.value - value) < 3 * np.hypot(found.se, own)
    assert overlap(uniform, served).warnings == ()
    assert overlap(uniform, served).effective_share > 0.2


def test_open_bandit_thompson_log_hardly_covers_the_even_policy_of_women(shared_data: Path) -> None:
    log = load(shared_data / "abtest/obd_small", "women", "bts")
    found = overlap(log, np.full(log.n_actions, 1 / log.n_actions))
    assert found.effective < 3
    assert any("one row" in text for text in found.warnings)


def test_open_bandit_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="random_men"):
        load(tmp_path, "men", "random")


def test_an_average_policy_is_made_of_shares() -> None:
    log = Logged.of([0, 1, 1, 0, 0], [0] * 5, [0.5] * 5, positions=[0, 0, 0, 1, 1])
    assert average_policy(log) == pytest.approx(np.array([[1 / 3, 2 / 3], [1, 0]]))
    with pytest.raises(DataError, match="never shown"):
        average_policy(Logged.of([0, 1], [0, 0], [0.5] * 2, positions=[0, 2]))


def test_figures_whose_squares_overflow_are_refused() -> None:
    with pytest.raises(InputError, match="propensity 1e-300 is below 1e-50"):
        Logged.of([0, 1], [1.0, 0.0], [1e-300, 0.5])
    with pytest.raises(InputError, match=r"reward 1e\+300 is beyond 1e\+50"):
        Logged.of([0, 1], [1e300, 0.0], [0.5, 0.5])
