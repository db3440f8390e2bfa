"""A search for the best model as MLflow runs: the study, one nested run a trial, its pictures, and the candidate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from shopr import plots
from shopr.config import Settings
from shopr.data.interactions import Interactions
from shopr.data.splitting import four_way
from shopr.recommend.contract.memory import bounded
from shopr.recommend.contract.registry import make
from shopr.recommend.selection.evaluation import judge
from shopr.recommend.selection.tuning import TuningResult, tune
from shopr.tracking.packaging import log_model
from shopr.tracking.registry import CANDIDATE_TAG
from shopr.tracking.runs import EXPERIMENT, Run, run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from shopr.data.catalog import Catalog

__all__ = ["StudyResult", "Trained", "study", "study_figures", "train_candidate"]


@dataclass(frozen=True)
class StudyResult:
    """A finished study.

    Attributes:
        tuning: leaderboard, winner and the fitted winner.
        run_id: of the parent run, which holds the candidate's model.
    """

    tuning: TuningResult
    run_id: str


def study(
    settings: Settings,
    log: Interactions,
    catalog: Catalog | None = None,
    *,
    budget_seconds: float,
    models: Sequence[str] | None = None,
    data: str = "",
    seed: int | None = None,
    k: int = 10,
    max_trials: int = 60,
    experiment: str = EXPERIMENT,
    validation: Any = "temporal",
    candidate: bool = True,
    on_trial: Callable[[int, str, dict[str, Any], float, float], None] | None = None,
) -> StudyResult:
    """Search models and hyperparameters on `log`, on record; the winner is logged as a candidate for promotion.

    Args:
        log: all that may be looked at: nothing of the gate's or the test's time.
        budget_seconds: for the search, the refit included.
        models: to choose among; by default all that suit the data.
        data: fingerprint of the data.
        validation: how the validation split is cut; see `shopr.recommend.selection.validation`.
        candidate: whether `shopr promote` may take the winner; False for studies on a shop that is not the one served.
        on_trial: called after each trial.

    Raises:
        InputError, UnknownNameError: as `tune`.
        StorageError: if the store refuses.
    """
    seed = settings.seed if seed is None else seed
    given = {"budget_seconds": budget_seconds, "k": k, "models": list(models or ["auto"]), "max_trials": max_trials}
    with run("study", settings=settings, experiment=experiment, params=given, seed=seed, data=data) as parent:

        def record(number: int, name: str, params: dict[str, Any], value: float, seconds: float) -> None:
            with run(f"trial {number}: {name}", settings=settings, experiment=experiment, parent=parent) as trial:
                trial.params({"model": name, **params})
                trial.metrics({f"validation_ndcg@{k}": value, "seconds": seconds})
                trial.tags({"shopr.model": name})
            if on_trial is not None:
                on_trial(number, name, params, value, seconds)

        with bounded(settings.memory_budget):
            result = tune(
                log,
                catalog,
                models=models,
                budget_seconds=budget_seconds,
                seed=seed,
                k=k,
                max_trials=max_trials,
                validation=validation,
                on_trial=record,
            )
        _keep(parent, result, k, candidate)
    return StudyResult(result, parent.run_id)


def _keep(parent: Run, result: TuningResult, k: int, candidate: bool) -> None:
    best = result.leaderboard.iloc[0]
    parent.params({f"best.{key}": value for key, value in result.params.items()})
    parent.tags({"shopr.pruned_trials": int(result.leaderboard["pruned"].sum())})
    parent.metrics({f"validation_ndcg@{k}": float(best["ndcg"]), "trials": len(result.leaderboard)})
    parent.tags({"shopr.model": result.name, "shopr.validation": result.validation})
    parent.table(result.leaderboard, "leaderboard")
    for name, figure in study_figures(result, k).items():
        parent.figure(figure, f"plots/{name}.png")
        _close(figure)
    if result.model is not None:
        log_model(parent, result.model)
        if candidate:
            parent.tags({CANDIDATE_TAG: "true"})


@dataclass(frozen=True)
class Trained:
    """One model that was fitted and logged: its run, and its measures on the validation span."""

    run_id: str
    metrics: dict[str, float]


def train_candidate(
    settings: Settings,
    log: Interactions,
    name: str,
    params: dict[str, Any],
    *,
    catalog: Catalog | None = None,
    data: str = "",
    k: int = 10,
    experiment: str = EXPERIMENT,
) -> Trained:
    """Judge one model on the validation span, refit it on everything before the gate's span, and log it as a candidate.

    Args:
        log: all interactions of the shop; the gate's and the test's spans are not looked at.

    Raises:
        UnknownNameError, InputError: if the model or a setting is not known.
        StorageError: if the store refuses.
    """
    spans = four_way(log)
    with run(
        f"train {name}", settings=settings, experiment=experiment, params={"model": name, **params}, data=data,
        seed=settings.seed,
    ) as made:  # fmt: skip
        with bounded(settings.memory_budget):
            judged = judge(make(name, **params), spans.train, spans.validation, k=k, catalog=catalog)
            fitted = make(name, **params).fit(spans.before_gate, catalog)
        metrics = {f"validation_{m}@{k}": judged.mean(m) for m in judged.metrics}
        metrics |= {"coverage": judged.coverage, "fit_seconds": judged.fit_seconds}
        made.metrics(metrics)
        log_model(made, fitted)
        made.tags({CANDIDATE_TAG: "true"})
    return Trained(made.run_id, metrics)


def study_figures(result: TuningResult, k: int = 10) -> dict[str, Figure]:
    """Pictures of a study: `history`, `models`, and of the winner's family `importance` and `coordinates`."""
    board = result.leaderboard.sort_values("trial")
    best = board.groupby("model")["ndcg"].max()
    curve = board.set_index("trial")[["ndcg"]].rename(columns={"ndcg": "trial"})
    curve["best so far"] = curve["trial"].cummax()
    out: dict[str, Any] = {
        "history": plots.lines(curve, title="The search", x="trial", y=f"validation nDCG@{k}").figure,
        "models": plots.bars(best, title="Best of each model", label=f"validation nDCG@{k}").figure,
    }
    own = board[board["model"] == result.name]
    params = pd.DataFrame(list(own["params"])).select_dtypes("number")
    params = params.loc[:, params.nunique() > 1]
    if len(own) >= 4 and params.shape[1] >= 1:
        weight = _importance(params, own["ndcg"].to_numpy(float))
        out["importance"] = plots.bars(weight, title=f"What mattered in {result.name}").figure
        out["coordinates"] = _coordinates(params, own["ndcg"].to_numpy(float), result.name, k)
    return out


def _importance(params: pd.DataFrame, values: np.ndarray[Any, Any]) -> dict[str, float]:
    """Share of the variance that a random forest attributes to each hyperparameter (Breiman 2001, impurity)."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(n_estimators=64, random_state=0).fit(params.to_numpy(float), values)
    return dict(zip(params.columns, forest.feature_importances_.tolist(), strict=True))


def _coordinates(params: pd.DataFrame, values: np.ndarray[Any, Any], name: str, k: int) -> Figure:
    """Parallel coordinates: a line a trial, its ranks in each hyperparameter, coloured by the result."""
    import matplotlib as mpl

    ranks = params.rank(pct=True)
    ax = plots.lines(pd.DataFrame(index=range(len(ranks.columns))), title=f"Trials of {name}")
    norm = mpl.colors.Normalize(float(values.min()), float(values.max()))
    for row, value in zip(ranks.to_numpy(float), values, strict=True):
        ax.plot(range(len(row)), row, color=mpl.colormaps["viridis"](norm(value)), alpha=0.8)
    ax.set_xticks(range(len(ranks.columns)), list(ranks.columns))
    ax.set_ylabel("rank of the value")
    figure: Figure = ax.figure  # type: ignore[assignment]
    figure.colorbar(mpl.cm.ScalarMappable(norm, "viridis"), ax=ax, label=f"validation nDCG@{k}")
    return figure


def _close(figure: Figure) -> None:
    from matplotlib import pyplot as plt

    plt.close(figure)
