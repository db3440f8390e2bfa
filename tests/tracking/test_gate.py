"""The promotion gate: decisions on evidence with known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from shopr.errors import InputError
from shopr.tracking.evidence import Evidence
from shopr.tracking.gate import Trial, decide
from shopr.tracking.rules import Rules

N = 400
RULES = Rules(resamples=400)


def evidence(name: str, values: np.ndarray, *, slices=None, coverage: float = 0.5, latency_ms: float = 1.0) -> Evidence:
    return Evidence(name, np.arange(len(values)), {"ndcg@10": values}, slices or {}, coverage, latency_ms)


def noise(seed: int, n: int = N) -> np.ndarray:
    return np.random.default_rng(seed).random(n)


def reason(decision, name: str):
    return next(r for r in decision.reasons if r.name == name)


def test_a_clearly_better_candidate_passes():
    old = noise(1) * 0.5
    decision = decide(evidence("new", old + 0.1), evidence("old", old), evidence("popular", noise(2)), RULES)
    assert decision.allowed
    assert decision.against == "old"
    assert "difference +0.1000" in decision.verdict
    assert decision.text().splitlines()[-1].startswith("promote: ")
    assert decision.document()["verdict"] == decision.verdict


def test_an_equal_candidate_is_refused():
    old = noise(1)
    decision = decide(evidence("new", old.copy()), evidence("old", old), evidence("popular", old), RULES)
    assert not decision.allowed
    assert decision.verdict.startswith("gain in ndcg@10: ")
    assert decision.text().splitlines()[0].startswith("FAILED")


def test_a_worse_candidate_is_refused():
    old = noise(1)
    assert not decide(evidence("new", old - 0.2), evidence("old", old), evidence("popular", old), RULES).allowed


def test_the_first_champion_faces_popularity():
    popular = noise(3) * 0.3
    assert decide(evidence("new", popular + 0.1), None, evidence("popular", popular), RULES).against == "popular"
    assert not decide(evidence("new", popular), None, evidence("popular", popular), RULES).allowed


def test_better_on_average_but_worse_for_a_slice_is_refused_for_that():
    old = 0.4 + 0.05 * noise(1)
    change = np.full(N, 0.2)
    change[:100] = -0.2
    mask = np.arange(N) < 100
    new = evidence("new", old + change, slices={"new shoppers": mask, "shoppers with a history": ~mask})
    decision = decide(new, evidence("old", old), evidence("popular", old), RULES)
    assert reason(decision, "gain in ndcg@10").passed
    assert not decision.allowed
    assert decision.verdict.startswith("slice new shoppers: difference -0.2000")
    assert reason(decision, "slice shoppers with a history").passed


def test_a_slice_within_the_margin_is_no_reason_to_refuse():
    old = 0.4 + 0.01 * noise(1)
    change = np.where(np.arange(N) < 100, -0.01, 0.1)  # 2.5 % worse for the slice, 10 % are allowed
    new = evidence("new", old + change, slices={"new shoppers": np.arange(N) < 100})
    assert decide(new, evidence("old", old), evidence("popular", old), RULES).allowed


def test_a_small_slice_is_reported_not_judged():
    old = noise(1) * 0.1
    mask = np.arange(N) < 10
    new = evidence("new", old + np.where(mask, -0.1, 0.3), slices={"rare": mask})
    decision = decide(new, evidence("old", old), evidence("popular", old), RULES)
    assert decision.allowed
    assert "only 10 shoppers, 50 are needed" in reason(decision, "slice rare").detail


def test_a_slice_too_noisy_for_the_margin_is_refused_only_if_shown_worse():
    rng = np.random.default_rng(5)
    old = np.full(N, 0.1)
    mask = np.arange(N) < 60
    noisy = np.where(mask, rng.normal(0, 0.3, N), 0.5)
    noisy[mask] -= noisy[mask].mean()
    allowed = decide(
        evidence("new", old + noisy, slices={"rare": mask}), evidence("old", old), evidence("popular", old), RULES
    )
    assert allowed.allowed
    assert "too few to rule out" in reason(allowed, "slice rare").detail
    worse = old + np.where(mask, noisy - 0.5, 0.9)
    assert not decide(
        evidence("new", worse, slices={"rare": mask}), evidence("old", old), evidence("popular", old), RULES
    ).allowed


def test_shoppers_to_whom_the_measure_does_not_apply_are_left_out():
    old = noise(1) * 0.2
    holes = np.where(np.arange(N) % 4 == 0, np.nan, old)
    decision = decide(evidence("new", old + 0.2), evidence("old", holes), evidence("popular", old), RULES)
    assert decision.allowed
    assert "over 300 shoppers" in decision.verdict


@pytest.mark.parametrize("looks", [1, 2, 5, 20])
def test_every_look_widens_the_interval(looks):
    rng = np.random.default_rng(0)
    old = rng.random(N)
    new = old + rng.normal(0.02, 0.2, N)
    rules = Rules(alpha=0.05, resamples=2000)
    decision = decide(evidence("new", new), evidence("old", old), evidence("popular", old), rules, looks=looks)
    assert decision.level == pytest.approx({1: 0.95, 2: 1 - 0.05 / 3, 5: 1 - 0.05 / 15, 20: 1 - 0.05 / 210}[looks])
    assert decision.looks == looks
    # By hand: mean minus z at the corrected level times the standard error.
    z = {1: 1.95996, 2: 2.39398, 5: 2.93520, 20: 3.67474}[looks]
    gain = new - old
    by_hand = gain.mean() - z * gain.std(ddof=1) / np.sqrt(N)
    assert decision.reasons[0].value == pytest.approx(by_hand, abs=0.006)


@pytest.mark.parametrize(
    ("coverage", "latency", "failed"), [(0.01, 1.0, "coverage"), (0.5, 51.0, "latency"), (0.02, 50.0, None)]
)
def test_coverage_and_latency_have_bounds(coverage, latency, failed):
    old = noise(1) * 0.2
    new = evidence("new", old + 0.3, coverage=coverage, latency_ms=latency)
    decision = decide(new, evidence("old", old), evidence("popular", old), RULES)
    assert decision.allowed is (failed is None)
    if failed:
        assert decision.verdict.startswith(failed)


@pytest.mark.parametrize(
    ("measured", "failed"),
    [
        ({"memory_mb": 2049.0}, "memory"),
        ({"popularity_lift": 4.1}, "popularity bias"),
        ({"top_share": 0.76}, "concentration"),
        ({"miscalibration": 0.51}, "calibration"),
        ({"problems": ("x.pkl is not a file of a logged model",)}, "artifact"),
        ({"memory_mb": 2048.0, "popularity_lift": 4.0, "top_share": 0.75, "miscalibration": 0.5}, None),
    ],
)
def test_what_else_has_bounds(measured, failed):
    old = noise(1) * 0.2
    new = replace(evidence("new", old + 0.3), **measured)
    rival = replace(evidence("old", old), miscalibration=0.4)
    decision = decide(new, rival, evidence("popular", old), RULES)
    assert [r.name for r in decision.reasons if not r.passed] == ([failed] if failed else [])


def test_drift_beyond_its_bound_refuses():
    old = noise(1) * 0.2
    both = evidence("new", old + 0.3), evidence("old", old), evidence("popular", old)
    assert decide(*both, RULES, drift=0.5).allowed
    assert decide(*both, RULES, drift=0.51).verdict.startswith("data drift")
    assert "data drift" not in {r.name for r in decide(*both, RULES).reasons}


def test_an_experiment_that_is_asked_for_must_say_ship():
    old = noise(1) * 0.2
    both = evidence("new", old + 0.3), evidence("old", old), evidence("popular", old)
    rules = Rules(resamples=400, experiment="lists")
    assert decide(*both, rules).verdict == "A/B test: no reading of lists is kept"
    for verdict, allowed in (("ship", True), ("stop", False), ("keep running", False)):
        decision = decide(*both, rules, trial=Trial("lists", verdict, "clicks +4 %"))
        assert decision.allowed is allowed
        assert f"lists says {verdict}: clicks +4 %" in decision.text()


def test_the_risks_are_stated_by_hand():
    rng = np.random.default_rng(4)
    gain = rng.normal(size=N)
    gain = 0.02 + 0.1 * (gain - gain.mean()) / gain.std(ddof=1)  # standard error .005
    old = np.full(N, 0.4)
    new = evidence("new", old + gain, slices={"all": np.ones(N, bool)})
    risks = decide(new, evidence("old", old), evidence("popular", old), RULES).risks
    assert risks[0] == "a candidate that is no better is promoted at this look in 2.50% of cases at most"
    # 5 % of .4 is four standard errors: refused where z < 1.96 - 4; seen in 80 % from (1.96 + .84) x .005 = .0140.
    assert risks[1].startswith("one that is truly 5 % better (+0.0200) is refused for its gain in 2% of cases")
    assert "+0.0140 would be seen in 80 %" in risks[1]
    assert "all 1 slices" in risks[2]
    assert decision_text_has_risks(new, old)


def decision_text_has_risks(new, old) -> bool:
    text = decide(new, evidence("old", old), evidence("popular", old), RULES).text()
    return text.count("\nrisk    ") == 3


def test_an_unmeasured_latency_does_not_pass():
    old = noise(1) * 0.2
    new = evidence("new", old + 0.3, latency_ms=float("nan"))
    assert not decide(new, evidence("old", old), evidence("popular", old), RULES).allowed


def test_different_shoppers_are_refused():
    old = evidence("old", noise(1))
    new = Evidence("new", np.arange(N) + 1, {"ndcg@10": noise(1)})
    with pytest.raises(InputError, match=r"different shoppers"):
        decide(new, old, old, RULES)


def test_an_unknown_measure_and_no_look_are_refused():
    one = evidence("one", noise(1))
    with pytest.raises(InputError, match=r"lacks 'recall@5'.*It has ndcg@10"):
        decide(one, one, one, Rules(metric="recall@5"))
    with pytest.raises(InputError, match=r"looks is 0"):
        decide(one, one, one, RULES, looks=0)


def test_rules_have_bounds():
    for wrong in ({"alpha": 0}, {"alpha": 0.5}, {"slice_margin": -0.1}, {"metric": "ndcg"}, {"speed": 1}):
        with pytest.raises(ValidationError):
            Rules(**wrong)


def test_the_same_evidence_and_seed_give_the_same_decision():
    old, new = evidence("old", noise(1)), evidence("new", noise(2))
    assert decide(new, old, old, RULES, seed=3) == decide(new, old, old, RULES, seed=3)


def test_false_promotions_over_repeated_looks_stay_below_alpha():
    """Five candidates that are no better, one after another on one split: any promotion among them is false."""
    rng = np.random.default_rng(20)
    rules = Rules(alpha=0.1, resamples=200)
    repeats, n, false = 200, 100, 0
    for _ in range(repeats):
        old = evidence("old", rng.random(n))
        for look in range(1, 6):
            if decide(evidence("new", rng.random(n)), old, old, rules, looks=look).allowed:
                false += 1
                break
    assert 0 < false / repeats <= rules.alpha + 2 * np.sqrt(rules.alpha * (1 - rules.alpha) / repeats)


def test_few_shoppers_with_many_zeros_need_more_than_a_bootstrap_says():
    """Over hundreds of shoppers BCa passes an equal candidate more often than promised; Student's interval does not."""
    few = Rules(resamples=200)
    rng, passed, tried = np.random.default_rng(5), 0, 300
    for _ in range(tried):
        old = np.where(rng.random(N) < 0.3, rng.random(N), 0.0)
        new = np.where(rng.random(N) < 0.1, np.where(rng.random(N) < 0.3, rng.random(N), 0.0), old)
        gain = decide(evidence("new", new), evidence("old", old), evidence("popular", old), few).reasons[0]
        gap = new - old
        assert gain.value <= gap.mean() - 1.96 * gap.std(ddof=1) / np.sqrt(N)
        passed += gain.passed
    assert passed <= 0.025 * tried + 3 * np.sqrt(0.025 * 0.975 * tried)
