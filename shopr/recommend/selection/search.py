"""One search under way: which candidates were tried, what the next one may cost, and which one is tried next.

race    every family that suits the data starts from its best guesses, cheapest first
study   Optuna's TPE (Bergstra et al. 2011) searches the leading families; each further trial goes to the family
        which, for its share, has had the least time so far; the leader has three shares, families near it one;
        a trial that clearly trails the leader on a quarter of the users is pruned there
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shopr.clock import Clock
from shopr.errors import CapacityError
from shopr.metrics.ranking import evaluate
from shopr.recommend.contract.base import Recommender
from shopr.recommend.contract.registry import make
from shopr.recommend.selection.spaces import FAMILIES, Family, Params, Shape
from shopr.recommend.selection.validation import Holdout

if TYPE_CHECKING:
    import optuna

    from shopr.data.catalog import Catalog

__all__ = ["MARGIN", "OnTrial", "Search", "Trial", "hopeless", "judge", "judge_users", "race", "study"]

OnTrial = Callable[[int, str, Params, float, float], None]
"""Called after each trial with its number, model, parameters, validation nDCG and seconds."""
MARGIN = 1.4
"""Estimates of time are multiplied by this before they are held against the budget."""
_NEAR = 0.93
"""Share of the best quality from which a family is searched further."""
_LEADER_SHARES = 3.0
_PROBE = 4
"""A trial is first judged on every so-many-th validation user, and pruned there if it is hopeless."""
_PROBE_FROM = 800
"""Validation users from which that is worth it."""
_HOPELESS = 3.0
"""Standard errors of the paired differences by which a trial must trail the leader to be pruned."""


@dataclass(slots=True)
class Trial:
    """One candidate that was tried: a family of models with parameters, how good it was, and what it took.

    Attributes:
        number: from 0, in the order of trying.
        family, params: the candidate.
        value: mean nDCG@k on the validation split.
        seconds: of fitting and judging it.
    """

    number: int
    family: str
    params: Params
    value: float
    seconds: float
    serving: float
    """Seconds that scoring one user took."""
    second: float | None = None
    """Quality on the second split, where it was judged there."""
    stacked: bool = False
    start: bool = False
    """Whether these are parameters that the family's space starts from, not found by the search."""
    preferred: bool = False
    """A start that the tuned leader did not clearly beat on the second split."""
    pruned: bool = False
    """Given up on a part of the users; `value` is then the leader's, less the mean difference seen there."""

    @property
    def standing(self) -> tuple[bool, bool, bool, float, int]:
        """The winner is a confirmed stack, then a preferred start, then the best mean over both splits, the first."""
        both = self.value if self.second is None else (self.value + self.second) / 2
        return (self.stacked, self.preferred, self.second is not None, both, -self.number)


@dataclass(slots=True)
class Search:
    """One search under way."""

    holdout: Holdout
    shape: Shape
    catalog: Catalog | None
    k: int
    clock: Clock
    search_until: float
    deadline: float
    seed: int
    growth: float
    served: int
    on_trial: OnTrial | None
    trials: list[Trial] = field(default_factory=list)
    studies: dict[str, optuna.Study] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    leading: NDArray[np.float64] | None = None
    """(n,) quality of the best trial so far for each validation user."""

    def estimate(self, family: Family) -> float:
        """Seconds that the next trial of a family may take: the slowest so far, or the guess made for its shape."""
        timed = [t.seconds for t in self.trials if t.family == family.model]
        return max(timed) if timed else family.seconds(self.shape)

    def affordable(self, family: Family) -> bool:
        """Whether a trial would end in time, and leave time to fit the dearest candidate for the win on all data."""
        ended = self.clock.monotonic() + MARGIN * self.estimate(family)
        return ended <= self.search_until and ended + MARGIN * self.refit_seconds(family) <= self.deadline

    def refit_seconds(self, family: Family) -> float:
        """Seconds that the refit, and the serving after it, may take if this family or the leader so far wins."""
        costs = [self.estimate(family) * self.growth]
        if self.trials:
            leader = self.best()
            fit = self.estimate(FAMILIES[leader.family]) * self.growth
            costs.append(fit + max(t.serving for t in self.trials if t.family == leader.family) * self.served)
        return max(costs)

    def best(self) -> Trial:
        """The trial that would win now."""
        return max(self.trials, key=lambda t: t.standing)

    def best_of(self, family: str) -> float:
        """The best validation quality of a family; -inf if none of its trials ended."""
        return max((t.value for t in self.trials if t.family == family), default=-np.inf)

    def run(self, family: Family, params: Params, *, start: bool = False, prune: bool = False) -> float | None:
        """Fit and judge one candidate, with `prune` only as far as it has a chance; None where it refuses the size."""
        started = self.clock.monotonic()
        try:
            model = make(family.model, **params).fit(self.holdout.train, self.catalog)
        except CapacityError:
            self.refused.add(family.model)
            return None
        fitted = self.clock.monotonic()
        ahead = max((t.value for t in self.trials), default=-np.inf)
        part = self._probe(model) if prune else None
        if part is not None and self.leading is not None and hopeless(part, self.leading[::_PROBE]):
            judged, pruned = len(part), True
            value = ahead + float(np.nanmean(part - self.leading[::_PROBE]))
        else:
            users = judge_users(model, self.holdout, self.k)
            judged, pruned = len(users), False
            value = float(np.nanmean(users))
            if value > ahead:
                self.leading = users
        del model
        gc.collect()
        ended = self.clock.monotonic()
        serving = (ended - fitted) / max(judged, 1)
        trial = Trial(
            len(self.trials), family.model, params, value, ended - started, serving, start=start, pruned=pruned
        )
        self.trials.append(trial)
        if self.on_trial is not None:
            self.on_trial(trial.number, trial.family, params, value, trial.seconds)
        return value

    def _probe(self, model: Recommender) -> NDArray[np.float64] | None:
        """The quality for a part of the validation users; None where there are too few to bother."""
        if len(self.holdout.users) < _PROBE_FROM:
            return None
        part = replace(self.holdout, users=self.holdout.users[::_PROBE], truth=self.holdout.truth[::_PROBE].tocsr())
        return judge_users(model, part, self.k)


def hopeless(candidate: NDArray[np.float64], leader: NDArray[np.float64]) -> bool:
    """Whether the paired differences, (n,) each, put a candidate clearly below the leader: by three standard errors."""
    gap = candidate - leader
    gap = gap[~np.isnan(gap)]
    if len(gap) < 2:
        return False
    return bool(gap.mean() + _HOPELESS * gap.std(ddof=1) / np.sqrt(len(gap)) < 0)


def judge(model: Recommender, holdout: Holdout, k: int) -> float:
    """Mean nDCG@k of a fitted model on a validation split."""
    return float(np.nanmean(judge_users(model, holdout, k)))


def judge_users(model: Recommender, holdout: Holdout, k: int) -> NDArray[np.float64]:
    """(n,) nDCG@k of each validation user."""
    items = model.recommend(holdout.users, k).items
    return evaluate(items, holdout.truth, k)["ndcg"]


def race(search: Search, families: list[Family], max_trials: int) -> None:
    """Each family's first start, then the other starts of those that lead."""
    for family in families:
        if len(search.trials) < max_trials and (not search.trials or search.affordable(family)):
            search.run(family, family.starts(search.shape)[0], start=True)
    if not search.trials:
        raise CapacityError(
            f"no model fits {search.shape.items:,} items x {search.shape.users:,} users", hint="Name a model"
        )
    for family in sorted(families, key=lambda f: -search.best_of(f.model)):
        if search.best_of(family.model) < 0.9 * search.best().value:
            continue
        for params in family.starts(search.shape)[1:]:
            if len(search.trials) < max_trials and search.affordable(family):
                search.run(family, params, start=True)


def study(search: Search, families: list[Family], max_trials: int) -> None:
    """TPE over the leading families until the budget or the trials are used up."""
    open_families = [f for f in families if f.tuned and np.isfinite(search.best_of(f.model))]
    turns: dict[str, int] = {}
    while len(search.trials) < max_trials:
        able = [f for f in open_families if f.model not in search.refused and search.affordable(f)]
        if not able:
            return
        ranked = sorted(able, key=lambda f: -search.best_of(f.model))
        near = [f for f in ranked if search.best_of(f.model) >= _NEAR * search.best_of(ranked[0].model)]
        # Guesses of cost, not the clock, share out the time: the same seed must make the same trials.
        spent = {f.model: turns.get(f.model, 0) * f.seconds(search.shape) for f in near}
        spent[near[0].model] /= _LEADER_SHARES
        family = min(near, key=lambda f: spent[f.model])
        turns[family.model] = turns.get(family.model, 0) + 1
        _ask_and_tell(search, family)


def _ask_and_tell(search: Search, family: Family) -> None:
    import optuna

    if family.model not in search.studies:
        search.studies[family.model] = _new_study(search, family)
    study = search.studies[family.model]
    trial = study.ask()
    params = family.suggest(trial, search.shape)
    value = search.run(family, params, prune=True)
    if value is None:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    elif search.trials[-1].pruned:
        trial.report(value, step=0)
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(trial, value)


def _new_study(search: Search, family: Family) -> optuna.Study:
    """A study that already knows the family's raced starts."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    place = list(FAMILIES).index(family.model)
    sampler = optuna.samplers.TPESampler(seed=search.seed + place, multivariate=True, n_startup_trials=6)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for raced in [t for t in search.trials if t.family == family.model]:
        study.enqueue_trial(raced.params)
        trial = study.ask()
        family.suggest(trial, search.shape)
        study.tell(trial, raced.value)
    return study
