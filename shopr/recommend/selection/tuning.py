"""The choice of a model and its hyperparameters on a validation split cut from the training data (`--model auto`).

    race      every family that suits the data starts from its best guesses, cheapest first (see `search`)
    study     Optuna's TPE searches the leading families
    blend     a stack of the best of each family is tried; it must prove itself on users that did not set its weights
    confirm   without a stack, the leading candidates are judged on a second split as well
    refit     the winner is fitted on all of the training data

The budget counts everything, the refit included: a trial starts only if its estimated time still leaves room for the
refit and the `reserve` that the caller needs afterwards. Estimates are learned from the fits already timed. With the
same seed, the same trials are made in the same order; a slower machine only makes fewer of them.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopr.clock import Clock, SystemClock
from shopr.data.interactions import Interactions
from shopr.errors import InputError
from shopr.randomness import DEFAULT_SEED
from shopr.recommend.contract.base import Recommender
from shopr.recommend.contract.registry import make, model_class
from shopr.recommend.selection.blending import Pool, blended_quality, learn_weights
from shopr.recommend.selection.search import MARGIN, OnTrial, Search, Trial, judge_users, race, study
from shopr.recommend.selection.spaces import FAMILIES, Family, Params, Shape
from shopr.recommend.selection.validation import MIN_USERS, Holdout, Kind, hold_out

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = ["OnTrial", "TuningResult", "tune"]

_SEARCH_SHARE = 0.55
"""Of the budget: what race and study may use; the rest is for the stack or the second split, and the refit."""
_CONFIRMED = 5
"""Leading candidates that are judged on a second split."""
_MEMBERS = 4
_OTHER = 0.5
"""Members of a stack at most, beside one whose family's `blend_from` is below this."""
_BLEND_USERS = 20_000
_BLEND_CELLS = 4e8
"""Users that the weights of a stack are judged on at most, and users times items."""
_LEARN_SECONDS = 5e-4
"""What learning the weights takes for each user and member."""
_KIN = {frozenset(("spectral", "item_filter")), frozenset(("ease_time", "edlae"))}
"""Pairs of which one contains the other: both in a stack would only take its time."""


@dataclass(frozen=True)
class TuningResult:
    """What a search found.

    Attributes:
        leaderboard: one row a trial, best first: `model`, `params`, `ndcg` (validation; a stack's is of the split
            that set its weights), `second` (on the second split, where judged), `seconds`, `trial`, `pruned` (given
            up on a part of the validation users).
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
    described = catalog is not None and len(catalog) > 0
    search = Search(
        holdout=holdout,
        shape=Shape.of(holdout.train, ordered=holdout.kind != "random", described=described),
        catalog=catalog,
        k=k,
        clock=clock,
        search_until=started + _SEARCH_SHARE * (budget_seconds - reserve),
        deadline=started + budget_seconds - reserve,
        seed=seed,
        growth=(len(train) / max(len(holdout.train), 1)) if refit else 0.0,
        served=0 if users is None else len(users),
        on_trial=on_trial,
    )
    _explore(search, models, max_trials)
    best = _winner(search, train, users, stacks=models is None)
    model = make(best.family, **best.params).fit(train, catalog) if refit else None
    seconds = clock.monotonic() - started
    return TuningResult(_leaderboard(search.trials), best.family, best.params, model, holdout.kind, seconds)


def _explore(search: Search, models: Sequence[str] | None, max_trials: int) -> None:
    families = _families(models, search.shape)
    race(search, families, max_trials)
    study(search, families, max_trials)


def _winner(search: Search, train: Interactions, users: NDArray[np.integer] | None, *, stacks: bool) -> Trial:
    """A stack that is confirmed, where `stacks` are wanted; else the best of the leading candidates over two splits."""
    holdout, seed = search.holdout, search.seed
    search.search_until = search.deadline
    if stacks:
        _blend(search, _split_of_weights(train, holdout, seed, users))
    if not search.best().stacked:
        _confirm(search, lambda: _second_fold(train, holdout, seed, users))
    return search.best()


def _second_fold(train: Interactions, holdout: Holdout, seed: int, users: NDArray[np.integer] | None) -> Holdout | None:
    """Another validation split: fresh draws where it is random, one step further back where it goes by time."""
    try:
        data = train if holdout.kind == "random" else holdout.train
        return hold_out(data, holdout.kind, seed=seed + 1, users=users)  # type: ignore[arg-type]
    except InputError:
        return None


def _split_of_weights(train: Interactions, holdout: Holdout, seed: int, users: NDArray[np.integer] | None) -> Holdout:
    """The split that sets the weights of a stack: with more users, as weights gain little each, which few cannot tell.

    Where splits are random it is a fresh one: the leader of many trials owes a part of its lead to the split it won on,
    which hides what others could add to it. By time there is no second split as near to what will be asked.
    """
    fresh = holdout.kind == "random"
    most = int(np.clip(_BLEND_CELLS / max(train.n_items, 1), len(holdout.users), _BLEND_USERS))
    if not fresh and (len(holdout.users) < MIN_USERS or most <= len(holdout.users)):
        return holdout
    found = hold_out(train, holdout.kind, seed=seed + fresh, users=users, max_users=most)  # type: ignore[arg-type]
    return found if fresh else replace(found, train=holdout.train)


def _confirm(search: Search, fold: Callable[[], Holdout | None]) -> None:
    """Judge the leading candidates on a second split: the best of many trials on one split is in part its luck.

    The best start of the leader's family is among them, and wins unless the tuned leader beats it there by a standard
    error of the paired differences: where tuning gains nothing clear, its luck is not worth following.
    """
    ranked = sorted(search.trials, key=lambda t: (-t.value, t.number))
    start = next((t for t in ranked if t.start and t.family == ranked[0].family), ranked[0])
    leaders = [ranked[0]] + ([start] if start is not ranked[0] else [])
    leaders += [t for t in ranked[1:_CONFIRMED] if t is not start]
    if len(leaders) < 2 or not search.affordable(FAMILIES[leaders[0].family]):
        return
    second = fold()
    if second is None:
        return
    users: dict[int, NDArray[np.float64]] = {}
    for trial in leaders:
        if not search.affordable(FAMILIES[trial.family]):
            break
        model = make(trial.family, **trial.params).fit(second.train, search.catalog)
        users[trial.number] = judge_users(model, second, search.k)
        trial.second = float(np.nanmean(users[trial.number]))
        del model
        gc.collect()
    best = search.best()
    if start.number in users and best.number in users and best.family == start.family and best is not start:
        start.preferred = not _clearly_better(users[best.number], users[start.number])


def _clearly_better(values: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    """Whether the mean of the paired differences exceeds their standard error."""
    gain = values - others
    gain = gain[~np.isnan(gain)]
    return len(gain) > 1 and float(gain.mean()) > float(gain.std(ddof=1)) / len(gain) ** 0.5


def _stack_affordable(search: Search, leaders: dict[str, Trial], judged: int) -> bool:
    """Whether there is time to fit these members twice, to learn their weights on `judged` users, and to serve all."""
    fits = sum(trial.seconds for trial in leaders.values()) * (1 + search.growth)
    serving = (search.served + judged) * sum(trial.serving for trial in leaders.values())
    learning = judged * len(leaders) * _LEARN_SECONDS
    return search.clock.monotonic() + MARGIN * (fits + serving + learning) <= search.deadline


def _members(search: Search) -> dict[str, Trial]:
    """The best candidate of each leading family, and of one that knows other things than who bought what."""
    best = search.best()
    leaders: dict[str, Trial] = {best.family: best}
    other = False
    for trial in sorted(search.trials, key=lambda t: (-t.value, t.number)):
        family = FAMILIES[trial.family]
        kin = any(frozenset((trial.family, name)) in _KIN for name in leaders)
        if not family.tuned or trial.family in leaders or kin or trial.value < family.blend_from * best.value:
            continue
        if family.blend_from < _OTHER and not other:
            other, leaders[trial.family] = True, trial
        elif family.blend_from >= _OTHER and len(leaders) - other < _MEMBERS:
            leaders[trial.family] = trial
    return leaders


def _blend(search: Search, judged: Holdout) -> None:
    """Try a stack of the best candidate of each leading family; it joins the leaderboard only if it is confirmed."""
    leaders = _members(search)
    while len(leaders) > 2 and not _stack_affordable(search, leaders, len(judged.users)):
        del leaders[max(list(leaders)[1:], key=lambda name: leaders[name].seconds)]
    if len(leaders) < 2 or not _stack_affordable(search, leaders, len(judged.users)):
        return
    started = search.clock.monotonic()
    fitted = [make(t.family, **t.params).fit(judged.train, search.catalog) for t in leaders.values()]
    pool = Pool.of(fitted, judged, search.k)
    del fitted
    gc.collect()
    weights = learn_weights(pool, search.k)
    if weights is None:
        return
    members = [
        {"model": t.family, "params": t.params, "weight": w}
        for t, w in zip(leaders.values(), weights, strict=True)
        if w > 0
    ]
    value = blended_quality(pool, weights, search.k)
    seconds = search.clock.monotonic() - started
    stack = Trial(
        len(search.trials), "stack", {"members": members, "scale": "model"}, value, seconds, 0.0, stacked=True
    )
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


def _leaderboard(trials: list[Trial]) -> pd.DataFrame:
    rows = sorted(trials, key=lambda t: t.standing, reverse=True)
    columns: dict[str, list[Any]] = {
        "model": [t.family for t in rows],
        "params": [t.params for t in rows],
        "ndcg": [t.value for t in rows],
        "second": [t.second for t in rows],
        "seconds": [t.seconds for t in rows],
        "trial": [t.number for t in rows],
        "pruned": [t.pruned for t in rows],
    }
    return pd.DataFrame(columns)
