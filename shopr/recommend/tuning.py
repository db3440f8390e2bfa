"""The choice of a model and its hyperparameters on a validation split cut from the training data (`--model auto`).

    race    every family that suits the data starts from its best guesses, cheapest first
    study   Optuna's TPE (Bergstra et al. 2011) searches the leading families; each further trial goes to the family
            whose best value leads, a share of them to the runner-up
    refit   the winner is fitted on all of the training data

The budget counts everything, the refit included: a trial starts only if its estimated time still leaves room for the
refit and the `reserve` that the caller needs afterwards. Estimates are learned from the fits already timed. With the
same seed, the same trials are made in the same order; a slower machine only makes fewer of them.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.clock import Clock, SystemClock
from shopr.data.interactions import Interactions
from shopr.errors import CapacityError, InputError
from shopr.metrics.ranking import evaluate
from shopr.randomness import DEFAULT_SEED
from shopr.recommend.base import Recommender
from shopr.recommend.blending import blended_quality, learn_weights, scores_of
from shopr.recommend.registry import make, model_class
from shopr.recommend.spaces import FAMILIES, Family, Params, Shape
from shopr.recommend.validation import Holdout, Kind, hold_out

if TYPE_CHECKING:
    import optuna

    from shopr.data.catalog import Catalog

__all__ = ["OnTrial", "TuningResult", "tune"]

OnTrial = Callable[[int, str, Params, float, float], None]
"""Called after each trial with its number, model, parameters, validation nDCG and seconds."""
_RUNNER_UP_EVERY = 4
_MARGIN = 1.25
_SEARCH_SHARE = 0.8
"""Of the budget: what race and study may use; the rest is for the second split, the stack and the refit."""
_CONFIRMED = 6
"""Leading candidates that are judged on a second split."""
_MEMBERS = 4
_BLEND_FROM = 0.6
"""Members of a stack at most, and the share of the best quality from which a model may be one."""


@dataclass(frozen=True)
class TuningResult:
    """What a search found.

    Attributes:
        leaderboard: one row a trial, best first: `model`, `params`, `ndcg` (validation), `second` (on the second
            split, where judged), `seconds`, `trial`.
        name, params: the winner.
        model: the winner fitted on all of the training data; None if no refit was asked for.
        validation: the kind of split that decided.
        seconds: the whole search, refit included.
    """

    leaderboard: pd.DataFrame
    name: str
    params: Params
    model: Recommender | None
    validation: str
    seconds: float


@dataclass(slots=True)
class _Trial:
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

    @property
    def standing(self) -> tuple[bool, bool, float, int]:
        """What the winner is chosen by: a confirmed stack, then the mean over both splits, then the first."""
        both = self.value if self.second is None else (self.value + self.second) / 2
        return (self.stacked, self.second is not None, both, -self.number)


@dataclass(slots=True)
class _Search:
    """One search under way."""

    holdout: Holdout
    shape: Shape
    catalog: Catalog | None
    k: int
    clock: Clock
    deadline: float
    seed: int
    growth: float
    served: int
    on_trial: OnTrial | None
    trials: list[_Trial] = field(default_factory=list)
    studies: dict[str, optuna.Study] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def estimate(self, family: Family) -> float:
        """Seconds that the next trial of a family may take: the slowest so far, or the guess made for its shape."""
        timed = [t.seconds for t in self.trials if t.family == family.model]
        return max(timed) if timed else family.seconds(self.shape)

    def affordable(self, family: Family) -> bool:
        """Whether a trial would leave time to fit the dearest candidate for the win on all data."""
        last = self.refit_seconds(family)
        return self.clock.monotonic() + _MARGIN * (self.estimate(family) + last) <= self.deadline

    def refit_seconds(self, family: Family) -> float:
        """Seconds that the refit, and the serving after it, may take if this family or the leader so far wins."""
        costs = [self.estimate(family) * self.growth]
        if self.trials:
            leader = self.best()
            fit = self.estimate(FAMILIES[leader.family]) * self.growth
            costs.append(fit + max(t.serving for t in self.trials if t.family == leader.family) * self.served)
        return max(costs)

    def best(self) -> _Trial:
        return max(self.trials, key=lambda t: t.standing)

    def best_of(self, family: str) -> float:
        return max((t.value for t in self.trials if t.family == family), default=-np.inf)

    def run(self, family: Family, params: Params) -> float | None:
        """Fit and judge one candidate; None where it refuses the data's size."""
        started = self.clock.monotonic()
        try:
            model = make(family.model, **params).fit(self.holdout.train, self.catalog)
        except CapacityError:
            self.refused.add(family.model)
            return None
        fitted = self.clock.monotonic()
        value = judge(model, self.holdout, self.k)
        del model
        gc.collect()
        ended = self.clock.monotonic()
        serving = (ended - fitted) / len(self.holdout.users)
        trial = _Trial(len(self.trials), family.model, params, value, ended - started, serving)
        self.trials.append(trial)
        if self.on_trial is not None:
            self.on_trial(trial.number, trial.family, params, value, trial.seconds)
        return value


def judge(model: Recommender, holdout: Holdout, k: int) -> float:
    """Mean nDCG@k of a fitted model on a validation split."""
    items = model.recommend(holdout.users, k).items
    return float(np.nanmean(evaluate(items, holdout.truth, k)["ndcg"]))


def tune(
    train: Interactions,
    catalog: Catalog | None = None,
    *,
    models: Sequence[str] | None = None,
    budget_seconds: float = 600.0,
    seed: int = DEFAULT_SEED,
    validation: Kind = "auto",
    users: NDArray[np.integer] | None = None,
    k: int = 10,
    max_trials: int = 120,
    reserve: float = 0.0,
    refit: bool = True,
    on_trial: OnTrial | None = None,
    clock: Clock | None = None,
) -> TuningResult:
    """Choose a model and its hyperparameters, and fit the winner on all of `train`.

    Args:
        train: all that may be looked at.
        catalog: for models that use one.
        models: names to choose among; by default every family that suits the data.
        budget_seconds: for the whole call; the first candidate is always tried.
        validation: how the validation split is cut (see `validation`).
        users: codes of the people who will be served, if known: candidates are judged on them, and the budget leaves
            time to serve them.
        k: length of the lists that are judged.
        max_trials: at most so many candidates.
        reserve: seconds of the budget to leave for what the caller does next.
        refit: whether to fit the winner on all of `train`.
        on_trial: called after each trial.

    Raises:
        UnknownNameError: if a model is not known.
        InputError: if the budget is not above 0, a model has no search space, or the split leaves nobody to judge.
    """
    clock = clock or SystemClock()
    started = clock.monotonic()
    if budget_seconds <= 0:
        raise InputError(f"budget {budget_seconds:g} s is not above 0", hint="Give the search some seconds")
    holdout = hold_out(train, validation, seed=seed, users=users)
    search = _Search(
        holdout=holdout,
        shape=Shape.of(holdout.train, ordered=holdout.kind != "random"),
        catalog=catalog,
        k=k,
        clock=clock,
        deadline=started + budget_seconds - reserve,
        seed=seed,
        growth=(len(train) / max(len(holdout.train), 1)) if refit else 0.0,
        served=0 if users is None else len(users),
        on_trial=on_trial,
    )
    families = _families(models, search.shape)
    whole = search.deadline
    search.deadline = started + _SEARCH_SHARE * (budget_seconds - reserve)
    _race(search, families, max_trials)
    _study(search, families, max_trials)
    search.deadline = whole
    _confirm(search, lambda: second_fold(holdout, seed, users))
    if models is None:
        _blend(search)
    best = search.best()
    model = make(best.family, **best.params).fit(train, catalog) if refit else None
    return TuningResult(
        leaderboard=_leaderboard(search.trials),
        name=best.family,
        params=best.params,
        model=model,
        validation=holdout.kind,
        seconds=clock.monotonic() - started,
    )


def second_fold(holdout: Holdout, seed: int, users: NDArray[np.integer] | None) -> Holdout | None:
    """Another validation split: fresh draws where it is random, one step further back where it goes by time."""
    try:
        return hold_out(holdout.train, holdout.kind, seed=seed + 1, users=users)  # type: ignore[arg-type]
    except InputError:
        return None


def _confirm(search: _Search, fold: Callable[[], Holdout | None]) -> None:
    """Judge the leading candidates on a second split: the best of many trials on one split is in part its luck."""
    leaders = sorted(search.trials, key=lambda t: (-t.value, t.number))[:_CONFIRMED]
    if len(leaders) < 2 or not search.affordable(FAMILIES[leaders[0].family]):
        return
    second = fold()
    if second is None:
        return
    for trial in leaders:
        if not search.affordable(FAMILIES[trial.family]):
            return
        model = make(trial.family, **trial.params).fit(second.train, search.catalog)
        trial.second = judge(model, second, search.k)


def _blend(search: _Search) -> None:
    """Try a stack of the best candidate of each leading family; it joins the leaderboard only if it is confirmed."""
    best = search.best()
    leaders: dict[str, _Trial] = {best.family: best}
    for trial in sorted(search.trials, key=lambda t: (-t.value, t.number)):
        near = trial.value >= _BLEND_FROM * best.value
        if near and trial.family not in leaders and len(leaders) < _MEMBERS:
            leaders[trial.family] = trial
    cost = sum(search.estimate(FAMILIES[name]) for name in leaders)
    if len(leaders) < 2 or search.clock.monotonic() + _MARGIN * cost * (1.5 + search.growth) > search.deadline:
        return
    started = search.clock.monotonic()
    parts = []
    for trial in leaders.values():
        model = make(trial.family, **trial.params).fit(search.holdout.train, search.catalog)
        parts.append(scores_of(model, search.holdout))
        del model
        gc.collect()
    weights = learn_weights(parts, search.holdout, search.k)
    if weights is None:
        return
    members = [
        {"model": t.family, "params": t.params, "weight": w}
        for t, w in zip(leaders.values(), weights, strict=True)
        if w > 0
    ]
    value = blended_quality(parts, weights, search.holdout, search.k)
    seconds = search.clock.monotonic() - started
    stack = _Trial(len(search.trials), "stack", {"members": members}, value, seconds, 0.0, stacked=True)
    search.trials.append(stack)
    if search.on_trial is not None:
        search.on_trial(stack.number, stack.family, stack.params, value, seconds)


def _families(models: Sequence[str] | None, shape: Shape) -> list[Family]:
    """The families to race, cheapest first."""
    if models is None:
        chosen = [f for f in FAMILIES.values() if f.wanted(shape)]
    else:
        for name in models:
            model_class(name)
        missing = [name for name in models if name not in FAMILIES]
        if missing or not models:
            raise InputError(
                f"model {missing[0]!r} has no search space" if missing else "no models were given",
                hint=f"Choose among {', '.join(FAMILIES)}",
            )
        chosen = [FAMILIES[name] for name in models]
    return sorted(chosen, key=lambda f: f.seconds(shape))


def _race(search: _Search, families: list[Family], max_trials: int) -> None:
    """Each family's first start, then the other starts of those that lead."""
    for family in families:
        if len(search.trials) < max_trials and (not search.trials or search.affordable(family)):
            search.run(family, family.starts(search.shape)[0])
    if not search.trials:
        raise CapacityError(
            f"no model fits {search.shape.items:,} items x {search.shape.users:,} users", hint="Name a model"
        )
    for family in sorted(families, key=lambda f: -search.best_of(f.model)):
        if search.best_of(family.model) < 0.9 * search.best().value:
            continue
        for params in family.starts(search.shape)[1:]:
            if len(search.trials) < max_trials and search.affordable(family):
                search.run(family, params)


def _study(search: _Search, families: list[Family], max_trials: int) -> None:
    """TPE over the leading families until the budget or the trials are used up."""
    open_families = [f for f in families if f.tuned and np.isfinite(search.best_of(f.model))]
    turn = 0
    while len(search.trials) < max_trials:
        able = [f for f in open_families if f.model not in search.refused and search.affordable(f)]
        if not able:
            return
        ranked = sorted(able, key=lambda f: -search.best_of(f.model))
        near = [f for f in ranked if search.best_of(f.model) >= 0.95 * search.best_of(ranked[0].model)]
        turn += 1
        family = near[1] if len(near) > 1 and turn % _RUNNER_UP_EVERY == 0 else near[0]
        _ask_and_tell(search, family)


def _ask_and_tell(search: _Search, family: Family) -> None:
    import optuna

    if family.model not in search.studies:
        search.studies[family.model] = _new_study(search, family)
    study = search.studies[family.model]
    trial = study.ask()
    params = family.suggest(trial, search.shape)
    value = search.run(family, params)
    if value is None:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    else:
        study.tell(trial, value)


def _new_study(search: _Search, family: Family) -> optuna.Study:
    """A study that already knows the family's raced starts."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    place = list(FAMILIES).index(family.model)
    sampler = optuna.samplers.TPESampler(seed=search.seed + place, multivariate=True, n_startup_trials=8)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for raced in [t for t in search.trials if t.family == family.model]:
        study.enqueue_trial(raced.params)
        trial = study.ask()
        family.suggest(trial, search.shape)
        study.tell(trial, raced.value)
    return study


def _leaderboard(trials: list[_Trial]) -> pd.DataFrame:
    rows = sorted(trials, key=lambda t: t.standing, reverse=True)
    columns: dict[str, list[Any]] = {
        "model": [t.family for t in rows],
        "params": [t.params for t in rows],
        "ndcg": [t.value for t in rows],
        "second": [t.second for t in rows],
        "seconds": [t.seconds for t in rows],
        "trial": [t.number for t in rows],
    }
    return pd.DataFrame(columns)
