"""From effects to rows: the interval and p-value that the design allows, corrections, guardrails and decisions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from shopr.abtest.checks import Alternative
from shopr.abtest.design.metrics import Mean, Proportion, Quantile, Ratio
from shopr.abtest.design.spec import Bayesian, Experiment, FixedHorizon, GroupSequential, Guardrail, Sequential
from shopr.abtest.judging.estimates import Estimator
from shopr.abtest.judging.looks import Look, information
from shopr.abtest.methods.bayesian import GaussianPrior, gaussian_posterior
from shopr.abtest.methods.confseq import confidence_sequence
from shopr.abtest.methods.frequentist import Effect, Estimate, non_inferiority
from shopr.abtest.methods.multiplicity import adjust

if TYPE_CHECKING:
    from shopr.abtest.methods.groupsequential import GroupSequential as Boundaries

__all__ = ["Reader", "Row", "correct_rows"]

AnyMetric = Mean | Proportion | Ratio | Quantile
Role = Literal["primary", "secondary", "guardrail"]


@dataclass(frozen=True)
class Row:
    """One line of the results.

    Attributes:
        metric: what was measured; `arm`: the treatment; `method`: how.
        estimate: difference, or relative lift where `relative`; `lo`, `hi`: its interval at 1 - alpha.
        p: p-value of this row; NaN where the design has none.
        decision: better, worse, inconclusive, keep running, no data; of a guardrail held, violated, not shown.
        p_adjusted: corrected over the family; of the deciding row, alike in all rows of a metric and arm.
        decides: whether the decision rests on this row.
        segment: "column=value"; "" for all units.
        control, treatment: value in each arm; `se`: standard error; `n`: units of both arms.
        chance_to_win, expected_loss: of a Bayesian design.
    """

    metric: str
    arm: str
    method: str
    estimate: float
    lo: float
    hi: float
    p: float
    decision: str = ""
    p_adjusted: float = np.nan
    decides: bool = False
    relative: bool = False
    role: Role = "secondary"
    segment: str = ""
    control: float = np.nan
    treatment: float = np.nan
    se: float = np.nan
    n: int = 0
    chance_to_win: float = np.nan
    expected_loss: float = np.nan


@dataclass
class Reader:
    """Reads effects as the design of an experiment allows.

    Attributes:
        looks: those before and, last, this one; `final`: whether it ends the test.
        seen: what the looks file keeps of this look.
        torn: metrics and arms whose confidence sequences of different looks have nothing in common.
    """

    spec: Experiment
    looks: list[Look]
    final: bool = True
    seen: dict[str, tuple[float, ...]] = field(default_factory=dict)
    torn: dict[str, None] = field(default_factory=dict)

    def rows(self, metric: AnyMetric, arm: str, estimator: Estimator, *, decides: bool, segment: str = "") -> list[Row]:
        """The difference and the lift of one estimator."""
        role: Role = "primary" if metric.name in self.spec.deciding else "secondary"
        if role == "secondary" and any(g.metric == metric.name for g in self.spec.guardrails):
            role = "guardrail"
        found = []
        pairs = ((False, estimator.effect, estimator.fixed), (True, estimator.share, estimator.fixed_share))
        for relative, effect, fixed in pairs:
            method = estimator.method + ("_lift" if relative else "") + self._suffix()
            row = Row(metric.name, arm, method, float(effect.estimate), np.nan, np.nan, np.nan, segment=segment)
            row = replace(
                row,
                relative=relative,
                role=role,
                decides=decides and not relative,
                control=estimator.control,
                treatment=estimator.treatment,
                se=float(effect.se),
                n=int(effect.n) if np.isfinite(effect.n) else 0,
            )
            found.append(self._read(row, effect, fixed, metric, estimator.control))
        return found

    def guard(self, rail: Guardrail, metric: AnyMetric, arm: str, estimator: Estimator) -> Row:
        """The non-inferiority test of a guardrail."""
        effect = estimator.effect if rail.absolute else estimator.share
        good = metric.direction == "increase"
        tested = non_inferiority(effect, rail.margin, direction=metric.direction, alpha=self.spec.alpha)
        lo, hi, p = float(tested.lo), float(tested.hi), float(tested.p)
        design = self.spec.design
        if isinstance(design, Sequential):
            side: Alternative = "greater" if good else "less"
            null = -rail.margin if good else rail.margin
            lo, hi, p = self._sequence(effect, f"{metric.name}|{arm}|guardrail", side, null)
        elif isinstance(design, GroupSequential):
            lo, hi, p = self._guard_looks(effect, rail, good, f"{metric.name}|{arm}|guardrail")
        held = lo > -rail.margin if good else hi < rail.margin
        # Violated: even the best that the data allow, at the same level on the other side, is beyond the margin.
        far = 2 * float(effect.estimate) - (lo if good else hi)
        if isinstance(design, Sequential):
            # What all looks left of one side is no mirror of the other: the other has a sequence of its own.
            ends = self._sequence(effect, f"{metric.name}|{arm}|guardrail", "less" if good else "greater")
            far = ends[1] if good else ends[0]
        violated = far < -rail.margin if good else far > rail.margin
        decision = "held" if held else "violated" if violated else "not shown" if np.isfinite(p) else "no data"
        return Row(
            metric.name,
            arm,
            "non_inferiority" + self._suffix(),
            float(effect.estimate),
            lo,
            hi,
            p,
            decision,
            relative=not rail.absolute,
            role="guardrail",
            control=estimator.control,
            treatment=estimator.treatment,
            se=float(effect.se),
            n=int(effect.n) if np.isfinite(effect.n) else 0,
        )

    def _suffix(self) -> str:
        names = {Sequential: "+confidence_sequence", GroupSequential: "+group_sequential", Bayesian: "+bayesian"}
        return names.get(type(self.spec.design), "")

    def _read(self, row: Row, effect: Effect, fixed: Estimate, metric: AnyMetric, base: float) -> Row:
        design, alpha, side = self.spec.design, self.spec.alpha, self.spec.alternative
        if not effect.se > 0:
            # An exact or pooled test needs no standard error of the difference: all bought here, nobody there.
            tested = isinstance(design, FixedHorizon) and effect.se == 0 and isinstance(metric, Proportion)
            return replace(row, p=float(fixed.p)) if tested else replace(row, decision="no data")
        key = f"{row.metric}|{row.arm}|{row.method}" + (f"|{row.segment}" if row.segment else "")
        if isinstance(design, Sequential):
            lo, hi, p = self._sequence(effect, key, side)
            return replace(row, lo=lo, hi=hi, p=p)
        if isinstance(design, GroupSequential):
            from shopr.abtest.methods.groupsequential import (
                GroupSequential as Boundaries,  # scipy.optimize is slow to load
            )

            lo, hi, p = self._boundaries(effect, key, Boundaries(alpha, side, design.spending))
            return replace(row, lo=lo, hi=hi, p=p)
        if isinstance(design, Bayesian):
            return self._posterior(row, effect, design, metric, base)
        return replace(row, lo=float(fixed.lo), hi=float(fixed.hi), p=float(fixed.p))

    def _sequence(self, effect: Effect, key: str, side: Alternative, null: float = 0.0) -> tuple[float, float, float]:
        """What all looks so far leave of the confidence sequence, and its smallest p-value.

        Where that is nothing the effect changed between looks: then this look stands alone, and `torn` says so.
        """
        design = self.spec.design
        assert isinstance(design, Sequential)
        here = (float(effect.estimate), float(effect.se), float(effect.n))
        before: list[tuple[float, ...]] = []
        if np.isfinite(here).all():
            self.seen[key] = here
            before = [look.estimates[key] for look in self.looks[:-1] if len(look.estimates.get(key, ())) == 3]
        told = np.array([*before, here])
        read = confidence_sequence(
            told[:, 0], told[:, 1], told[:, 2], alpha=self.spec.alpha, alternative=side, tuning=design.tuning, null=null
        )
        lo, hi = float(np.fmax.reduce(read.lo)), float(np.fmin.reduce(read.hi))
        if lo > hi:
            self.torn[" in ".join(key.split("|")[:2])] = None
            return float(read.lo[-1]), float(read.hi[-1]), float(read.p[-1])
        return lo, hi, float(np.fmin.reduce(read.p))

    def _boundaries(self, effect: Effect, key: str, engine: Boundaries) -> tuple[float, float, float]:
        """Repeated interval and p-value of the last look, given the looks before."""
        design = self.spec.design
        assert isinstance(design, GroupSequential)
        here = (float(effect.estimate), float(effect.se))
        self.seen[key] = here
        # A look that this row had no part in (a metric added later) crossed nothing.
        told = [look.estimates.get(key, (0.0, 1.0)) for look in self.looks[:-1]] + [here]
        shares = np.minimum(information(design, self.looks), 1.0)
        effects, errors = np.array([t[0] for t in told]), np.array([t[1] for t in told])
        read = engine.looks(effects, errors, shares, final=self.final)
        p = engine.adjusted(effects, errors, shares, final=self.final).repeated_p
        return float(read.lo[-1]), float(read.hi[-1]), float(p)

    def _guard_looks(self, effect: Effect, rail: Guardrail, good: bool, key: str) -> tuple[float, float, float]:
        """The same against the margin, one-sided: the effect is moved so that the margin is zero."""
        from shopr.abtest.methods.groupsequential import GroupSequential as Boundaries

        design = self.spec.design
        assert isinstance(design, GroupSequential)
        margin = -rail.margin if good else rail.margin
        moved = Effect(effect.estimate - margin, effect.se, effect.df, effect.n)
        engine = Boundaries(self.spec.alpha, "greater" if good else "less", design.spending)
        lo, hi, p = self._boundaries(moved, key, engine)
        return lo + margin, hi + margin, p

    def _posterior(self, row: Row, effect: Effect, design: Bayesian, metric: AnyMetric, base: float) -> Row:
        prior = GaussianPrior(design.prior_mean, (design.prior_sd or 1.0) ** 2, proper=design.prior_sd is not None)
        posterior = gaussian_posterior(effect.estimate, effect.se, prior if row.relative else prior.scaled(abs(base)))
        lo, hi = posterior.interval(self.spec.alpha)
        inverse = metric.direction == "decrease"
        return replace(
            row,
            estimate=float(posterior.mean),
            lo=float(lo),
            hi=float(hi),
            chance_to_win=float(posterior.chance_to_win(inverse=inverse)),
            expected_loss=float(posterior.risk(inverse=inverse)[1]),
        )


def correct_rows(rows: list[Row], spec: Experiment, *, running: bool) -> list[Row]:
    """Correct the deciding rows of each family, and write the decision into all rows of a metric and arm.

    Families: primary metrics over all arms; the other metrics; each segment column.
    """
    families: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        if row.decides:
            families.setdefault(row.segment.partition("=")[0] or row.role, []).append(i)
    verdicts: dict[tuple[str, str, str], tuple[float, str]] = {}
    for members in families.values():
        adjusted = adjust([rows[i].p for i in members], spec.correction)
        for i, p in zip(members, adjusted, strict=True):
            row = rows[i]
            verdicts[row.metric, row.arm, row.segment] = (float(p), _decision(row, float(p), spec, running))
    out = []
    for row in rows:
        p, decision = verdicts.get((row.metric, row.arm, row.segment), (np.nan, ""))
        keep = row.decision if row.method.startswith("non_inferiority") else decision
        out.append(
            replace(row, p_adjusted=p if not row.method.startswith("non_inferiority") else np.nan, decision=keep)
        )
    return out


def _decision(row: Row, p: float, spec: Experiment, running: bool) -> str:
    good = spec.metric(row.metric).direction == "increase"
    if isinstance(spec.design, Bayesian):
        chance = row.chance_to_win
        if not np.isfinite(chance):
            return "no data"
        return (
            "better"
            if chance >= spec.design.chance
            else "worse"
            if chance <= 1 - spec.design.chance
            else "keep running"
        )
    if not np.isfinite(p):
        return "no data"
    if p <= spec.alpha:
        return "better" if (row.estimate > 0) == good else "worse"
    return "keep running" if running else "inconclusive"
