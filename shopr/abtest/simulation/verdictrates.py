"""How often each verdict comes, measured: thousands of simulated tests with known truth, concluded by the real rules.

A test has two arms, revenue (heavy in the tail) that decides, and sessions as a guardrail. Effects are constants added
to every treated user, so that they are exact. All tests of a scenario are read at once by the functions that `analyze`
uses; each state that a reading can be in then goes through `conclude` once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, expit, ndtri

from shopr.abtest.design.spec import Experiment, parse_spec
from shopr.abtest.judging.analysis import Analysis, Check, Row
from shopr.abtest.judging.health import SRM_ALPHA, TWYMAN_ERRORS, TWYMAN_LIFT
from shopr.abtest.judging.verdict import conclude
from shopr.abtest.methods.arms import plain
from shopr.abtest.methods.confseq import confidence_sequence
from shopr.abtest.methods.frequentist import Effect, difference, judge, lift, non_inferiority
from shopr.abtest.methods.groupsequential import GroupSequential
from shopr.abtest.methods.moments import Moments
from shopr.abtest.sizing.power import Baseline, minimum_effect
from shopr.errors import InputError
from shopr.randomness import DEFAULT_SEED, generator

__all__ = ["ACTIONS", "DESIGNS", "SCENARIOS", "Plan", "Readings", "Scenario", "plan_tests", "read_tests", "verdicts"]
__all__ += ["draw_tests", "simulate_tests"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
ACTIONS = ("ship", "stop", "keep running", "find out")
DESIGNS = ("fixed", "group_sequential", "sequential")
_REVENUE, _SESSIONS = 0, 1
_CHUNK = 50
_ALPHA = 0.05
_PRIMARY = ("better", "worse", "open")
_GUARD = ("held", "violated", "not shown")


@dataclass(frozen=True)
class Scenario:
    """A truth.

    Attributes:
        name: what it is.
        effect: on revenue, in multiples of the effect that the fixed design finds with 80 % power.
        guard: on the guardrail, in multiples of its margin; -1 lies on the margin.
        lost: share of the treated users that never reach the table; `buyers`: whether buyers can be among them.
    """

    name: str
    effect: float = 0.0
    guard: float = 0.0
    lost: float = 0.0
    buyers: bool = True


SCENARIOS = (
    Scenario("no effect"),
    Scenario("half the planned effect", 0.5),
    Scenario("the planned effect", 1.0),
    Scenario("twice the planned effect", 2.0),
    Scenario("harm as large as the planned effect", -1.0),
    Scenario("planned effect, guardrail at its margin", 1.0, -1.0),
    Scenario("planned effect, guardrail broken by its margin", 1.0, -2.0),
    Scenario("no effect, a tenth of the treated lost", 0.0, lost=0.1),
    Scenario("no effect, a fifth of the treated who did not buy lost", 0.0, lost=0.2, buyers=False),
)


@dataclass(frozen=True)
class Plan:
    """What the tests were planned with.

    Attributes:
        looks, units: looks, and users of both arms between two of them.
        effect: on revenue, found with 80 % power by one reading of all units; `lift`: as a share of the control.
        margin: of the guardrail, relative, ruled out with 99 % power at the end where there is no effect.
        sessions: the guardrail's mean in the control.
    """

    looks: int
    units: int
    effect: float
    lift: float
    margin: float
    sessions: float

    @property
    def n(self) -> int:
        """Users of both arms at the end."""
        return self.looks * self.units

    def spec(self, design: str, looks: int) -> Experiment:
        """The experiment as a spec."""
        how = {
            "fixed": f"{{n: {self.n}}}",
            "group_sequential": f"{{type: group_sequential, n: {self.n}, looks: {looks}}}",
        }
        return parse_spec(
            "name: simulated\narms: [control, treatment]\nmetrics: [revenue, sessions]\n"
            f"guardrails: [{{metric: sessions, margin: {self.margin!r}}}]\ndesign: {how.get(design, design)}\n"
        )


@dataclass(frozen=True)
class Readings:
    """Every look of every test, arrays of shape (tests, looks): codes into the names above, and the health."""

    primary: NDArray[np.int8]
    guard: NDArray[np.int8]
    ratio: Flags
    twyman: Flags


def plan_tests(looks: int = 10, units: int = 600, *, users: int = 1_000_000, seed: int = DEFAULT_SEED) -> Plan:
    """Plan tests on a history of simulated users."""
    values = _draw(generator(seed, "verdict history"), (users,))
    past = Moments.of(values)
    spend, visits = plain(past, _REVENUE), plain(past, _SESSIONS)
    n = looks * units
    effect = float(minimum_effect(n, Baseline(float(spend.value), float(spend.variance)), power=0.8))
    error = float(np.sqrt(visits.variance * 4 / n) / visits.value)
    margin = float((ndtri(0.95) + ndtri(0.99)) * error)
    return Plan(looks, units, effect, effect / float(spend.value), margin, float(visits.value))


def simulate_tests(plan: Plan, scenario: Scenario, tests: int, *, seed: int = DEFAULT_SEED) -> Moments:
    """Moments of revenue and sessions up to each look, shape (tests, 2 arms, looks).

    Raises:
        InputError: for fewer than 1 test.
    """
    if tests < 1:
        raise InputError(f"tests {tests} is below 1", hint="Give 1 or more")
    parts = []
    for number, start in enumerate(range(0, tests, _CHUNK)):
        rng = generator(seed, "verdicts", number)
        parts.append(_chunk(rng, plan, scenario, min(_CHUNK, tests - start)))
    return Moments(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("n", "mean", "scatter")))


def _draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Revenue and sessions of users: taste u ~ N(0, 1) drives both; most buy nothing."""
    taste = rng.standard_normal(shape)
    bought = rng.random(shape) < 0.8 * expit(taste)
    values = np.empty((*shape, 2))
    values[..., _REVENUE] = bought * np.exp(0.8 * taste + 0.7 * rng.standard_normal(shape))
    values[..., _SESSIONS] = 1 + rng.poisson(2.0 * np.exp(0.4 * taste))
    return values


def draw_tests(rng: np.random.Generator, plan: Plan, scenario: Scenario, tests: int) -> tuple[Floats, Flags, Flags]:
    """Users of some tests: values (tests, looks, users, 2) with the effects in, who is treated, and who is kept."""
    shape = (tests, plan.looks, plan.units)
    values = _draw(rng, shape)
    treated = rng.random(shape) < 0.5
    if scenario.lost:
        gone = treated & (rng.random(shape) < scenario.lost)
        kept = ~gone if scenario.buyers else ~gone | (values[..., _REVENUE] > 0)
    else:
        kept = np.ones(shape, dtype=bool)
    shift = np.array([scenario.effect * plan.effect, scenario.guard * plan.margin * plan.sessions])
    return values + treated[..., None] * shift, treated, kept


def _chunk(rng: np.random.Generator, plan: Plan, scenario: Scenario, tests: int) -> Moments:
    values, treated, kept = draw_tests(rng, plan, scenario, tests)
    found = []
    for member in (~treated, treated & kept):
        chosen = values * member[..., None]
        n = member.sum(axis=-1).cumsum(axis=1)
        sums, products = chosen.sum(axis=2).cumsum(axis=1), (np.swapaxes(chosen, -1, -2) @ chosen).cumsum(axis=1)
        found.append(Moments.from_sums(n, sums, products))
    return Moments(*(np.stack([getattr(m, name) for m in found], axis=1) for name in ("n", "mean", "scatter")))


def read_tests(plan: Plan, design: str, tests: Moments, looks: int) -> Readings:
    """Read tests at `looks` equally spaced of their looks, as `analyze` would; the last ends the test."""
    places = np.arange(plan.looks // looks - 1, plan.looks, plan.looks // looks)
    tests = Moments(tests.n[..., places], tests.mean[..., places, :], tests.scatter[..., places, :, :])
    control, treatment = (tests.take(arm, axis=1) for arm in (0, 1))
    arms = [[plain(m, column) for m in (control, treatment)] for column in (_REVENUE, _SESSIONS)]
    gap, share = difference(*arms[0]), lift(*arms[0])
    guard = lift(*arms[1])
    rejects = _rejections(design, gap)
    primary = np.where(rejects, np.where(gap.estimate > 0, 0, 1), 2).astype(np.int8)
    held, violated = _guarded(plan.margin, design, guard)
    states = np.where(held, 0, np.where(violated, 1, 2)).astype(np.int8)
    total = control.n + treatment.n
    squares = 2 * ((control.n - total / 2) ** 2 + (treatment.n - total / 2) ** 2) / total
    ratio, unsure = chdtrc(1, squares), np.abs(share.estimate) - TWYMAN_ERRORS * share.se
    return Readings(primary, states, ratio >= SRM_ALPHA, ~(unsure > TWYMAN_LIFT))


def _shares(effect: Effect) -> Floats:
    # Numbers of users differ a little from test to test; what is planned does not.
    return np.asarray(np.arange(1, effect.estimate.shape[1] + 1) / effect.estimate.shape[1])


def _rejections(design: str, gap: Effect) -> Flags:
    """Whether the primary metric is decided at each look or before."""
    if design == "fixed":
        return judge(gap).p <= _ALPHA
    if design == "sequential":
        p = confidence_sequence(gap.estimate, gap.se, gap.n, alpha=_ALPHA).p
        return np.asarray(np.fmin.accumulate(p, axis=-1) <= _ALPHA)
    return GroupSequential(_ALPHA).looks(gap.estimate, gap.se, _shares(gap), final=True).crossed


def _guarded(margin: float, design: str, guard: Effect) -> tuple[Flags, Flags]:
    """Whether the guardrail is held, and whether it is violated, at each look."""
    if design == "fixed":
        lo, hi = non_inferiority(guard, margin).lo, judge(guard, side="less").hi
    elif design == "sequential":
        given = guard.estimate, guard.se, guard.n
        lo = np.fmax.accumulate(confidence_sequence(*given, alternative="greater").lo, axis=-1)
        hi = np.fmin.accumulate(confidence_sequence(*given, alternative="less").hi, axis=-1)
    else:
        boundary = GroupSequential(_ALPHA, "greater").boundaries(_shares(guard), final=True)
        lo, hi = guard.estimate - boundary * guard.se, guard.estimate + boundary * guard.se
    return lo > -margin, hi < -margin


def verdicts(plan: Plan, design: str, readings: Readings) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """The first verdict of each test that is not to keep running (codes into `ACTIONS`), and the look it came at."""
    tests, looks = readings.primary.shape
    spec = plan.spec(design, looks)
    final = np.arange(looks) == looks - 1
    states = np.stack(
        [readings.primary, readings.guard, readings.ratio, readings.twyman, np.broadcast_to(final, (tests, looks))],
        axis=-1,
    )
    distinct, inverse = np.unique(states.reshape(-1, states.shape[-1]), axis=0, return_inverse=True)
    actions = np.array([ACTIONS.index(_concluded(spec, state)) for state in distinct], dtype=np.int8)
    found = actions[inverse.reshape(tests, looks)]
    ended = found != ACTIONS.index("keep running")
    first = np.where(ended.any(axis=1), ended.argmax(axis=1), looks - 1)
    return found[np.arange(tests), first], first


def _concluded(spec: Experiment, state: Iterable[int]) -> str:
    """What `conclude` says in a state."""
    primary, guard, ratio, twyman, final = (int(s) for s in state)
    decision = _PRIMARY[primary]
    if decision == "open":
        decision = "inconclusive" if final else "keep running"
    rows = (
        Row("revenue", "treatment", "welch", 1.0, 0.0, 2.0, 0.5, decision, decides=True, role="primary", se=1.0),
        Row("sessions", "treatment", "non_inferiority", 0.0, 0.0, 0.0, 0.5, _GUARD[guard], relative=True),
    )
    health = (Check("sample ratio", bool(ratio), ""), Check("Twyman", bool(twyman), ""))
    at, units = datetime(2026, 1, 1, tzinfo=UTC), {"control": 1, "treatment": 1}
    return conclude(Analysis("simulated", at, "", units, rows, health, 1, bool(final)), spec).action
