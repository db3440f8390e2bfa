"""How a sweep chooses values: all points of a grid, draws from ranges, or what a study of Optuna suggests.

Points of grids and draws depend on the seed alone, so that any number of workers on any machines runs the same trials.
Optuna's study lives in a journal file, or in the database where that is a server: several processes ask it and tell it.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from shopr.config import Settings
from shopr.storage.database import Database
from shopr.workbench.specs.spec import RunSpec
from shopr.workbench.specs.sweep import Dimension, SweepSpec

if TYPE_CHECKING:
    import optuna

__all__ = ["Chosen", "Study", "points"]

_TRIES = 100
_SCHEMA = "shopr_studies"


def points(spec: SweepSpec, run: RunSpec) -> list[dict[str, Any]] | None:
    """The values of all trials, in order; None where each depends on the results of those before.

    Draws that repeat an earlier one are drawn again, as long as there seem to be others.
    """
    if spec.method == "grid":
        return spec.grid(run)
    if spec.method == "tpe":
        return None
    from shopr.randomness import generator

    draws = generator(spec.seed, "sweep", spec.name)
    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    for _ in range(spec.trials):
        for _ in range(_TRIES):
            point = {n: _drawn(d, run.parameters[n].type == "int", draws) for n, d in spec.space.items()}
            if json.dumps(point) not in seen:
                break
        else:
            return found
        seen.add(json.dumps(point))
        found.append(point)
    return found


def _drawn(dimension: Dimension, whole: bool, draws: Any) -> Any:
    if dimension.values is not None:
        return dimension.values[int(draws.integers(len(dimension.values)))]
    low, high = float(dimension.low or 0.0), float(dimension.high or 0.0)
    if dimension.step is not None or (whole and not dimension.log):
        step = dimension.step or 1.0
        value = low + step * int(draws.integers(math.floor((high - low) / step + 1e-9) + 1))
    elif dimension.log:
        value = math.exp(draws.uniform(math.log(low), math.log(high)))
    else:
        value = draws.uniform(low, high)
    return round(min(max(value, low), high)) if whole else float(min(max(value, low), high))


class Chosen:
    """The values of one trial, and the study that hears of it, if there is one.

    Attributes:
        values: of the parameters that are varied.
    """

    def __init__(self, values: Mapping[str, Any], trial: optuna.Trial | None, study: optuna.Study | None) -> None:
        self.values = values
        self._trial = trial
        self._study = study

    def report(self, value: float, step: int) -> bool:
        """An intermediate value; True if the trial promises too little to go on."""
        if self._trial is None:
            return False
        self._trial.report(value, step)
        return bool(self._trial.should_prune())

    def tell(self, value: float | None, *, pruned: bool = False) -> None:
        """How the trial ended; None: without a value."""
        if self._trial is None or self._study is None:
            return
        import optuna

        states = optuna.trial.TrialState
        if value is not None and not pruned:
            self._study.tell(self._trial, value)
        else:
            self._study.tell(self._trial, state=states.PRUNED if pruned else states.FAIL)


class Study:
    """The study of a sweep, opened by one process.

    Args:
        worker: its number: each suggests from a seed of its own.
    """

    def __init__(self, settings: Settings, spec: SweepSpec, run: RunSpec, sweep_id: str, worker: int = 0) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._spec = spec
        self._seed = spec.seed + worker
        whole = {name: run.parameters[name].type == "int" for name in spec.space}
        self._distributions = {name: _distribution(d, whole[name]) for name, d in spec.space.items()}
        self._study = optuna.create_study(
            storage=_storage(settings, sweep_id),
            study_name=f"shopr-{sweep_id}",
            direction=spec.objective.goal,
            sampler=optuna.samplers.TPESampler(seed=self._seed),
            pruner=_pruner(spec),
            load_if_exists=True,
        )

    def ask(self, point: Mapping[str, Any] | None) -> Chosen:
        """The next trial: at a given point, or where the study suggests."""
        import optuna

        if point is not None:
            fixed = {name: _encoded(self._spec.space[name], value) for name, value in point.items()}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                base = optuna.samplers.RandomSampler(seed=self._seed)
                self._study.sampler = optuna.samplers.PartialFixedSampler(fixed, base)
        trial = self._study.ask(self._distributions)
        values = {name: _decoded(self._spec.space[name], value) for name, value in trial.params.items()}
        return Chosen(point or values, trial, self._study)

    def abandon(self) -> None:
        """Trials whose workers vanished will not be told of: they are tried again first."""
        import optuna

        states = optuna.trial.TrialState
        for trial in self._study.get_trials(deepcopy=False, states=(states.RUNNING,)):
            self._study.tell(trial.number, state=states.FAIL)
            if self._spec.method == "tpe":
                self._study.enqueue_trial(trial.params)


def _storage(settings: Settings, sweep_id: str) -> Any:
    from optuna.storages import RDBStorage
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    database = Database(settings.database_url)
    if not database.is_sqlite:
        # Optuna keeps its own record of revisions, in a table of the same name as ours: it needs a schema of its own.
        with database.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {_SCHEMA}"))
        options = {"connect_args": {"options": f"-c search_path={_SCHEMA}"}, "pool_pre_ping": True}
        return RDBStorage(database.engine.url.render_as_string(hide_password=False), engine_kwargs=options)
    folder = settings.home / "sweeps"
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return JournalStorage(JournalFileBackend(str(folder / f"{sweep_id}.journal")))


def _pruner(spec: SweepSpec) -> optuna.pruners.BasePruner:
    import optuna

    if spec.prune is None:
        return optuna.pruners.NopPruner()
    if spec.prune.method == "halving":
        return optuna.pruners.SuccessiveHalvingPruner()
    if spec.prune.method == "hyperband":
        return optuna.pruners.HyperbandPruner()
    return optuna.pruners.MedianPruner(n_startup_trials=spec.prune.startup, n_warmup_steps=spec.prune.warmup)


def _distribution(dimension: Dimension, whole: bool) -> Any:
    from optuna import distributions

    if dimension.values is not None:
        return distributions.CategoricalDistribution([_encoded(dimension, v) for v in dimension.values])
    low, high = float(dimension.low or 0.0), float(dimension.high or 0.0)
    if whole:
        return distributions.IntDistribution(int(low), int(high), log=dimension.log, step=int(dimension.step or 1))
    return distributions.FloatDistribution(low, high, log=dimension.log, step=dimension.step)


def _encoded(dimension: Dimension, value: Any) -> Any:
    """Optuna's choices are plain values: a list is written as JSON."""
    return json.dumps(value) if dimension.values is not None and isinstance(value, list) else value


def _decoded(dimension: Dimension, value: Any) -> Any:
    if dimension.values is None:
        return value
    return next(v for v in dimension.values if _encoded(dimension, v) == value)
