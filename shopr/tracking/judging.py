"""One candidate before the gate: its evidence beside the champion's and popularity's, and the decision on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from shopr.clock import Clock
from shopr.config import Settings
from shopr.data.fingerprint import fingerprint_interactions
from shopr.data.interactions import Interactions
from shopr.data.splitting import FourWay, four_way
from shopr.errors import InputError, NotReadyError, StorageError, UnknownNameError
from shopr.metrics.drift import psi
from shopr.recommend.contract.base import Recommender
from shopr.recommend.contract.registry import make
from shopr.tracking.evidence import Evidence, gather, summary
from shopr.tracking.gate import Decision, Rules, Trial, decide
from shopr.tracking.packaging import load_model
from shopr.tracking.registry import candidate, candidate_problems
from shopr.tracking.segments import segments

if TYPE_CHECKING:
    from shopr.data.catalog import Catalog

__all__ = ["Judged", "judge"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate said, and the record of it.

    Attributes:
        decision: of the gate.
        record: evidence and decision as plain values.
        unusable: why the champion could not be held against; "" if it was, or none serves.
    """

    decision: Decision
    record: Mapping[str, Any]
    unusable: str = ""

    @property
    def verdict(self) -> str:
        """The decision in one sentence."""
        return self.decision.verdict + (f" ({self.unusable})" if self.unusable else "")


def judge(
    settings: Settings,
    log: Interactions,
    run_id: str,
    serving: Any | None,
    rules: Rules,
    *,
    looks: Callable[[str], int],
    others: Mapping[str, Evidence] | None,
    catalog: Catalog | None,
    events: pd.DataFrame | None,
    clock: Clock,
) -> Judged:
    """Judge the model of a run on the gate's span of a log, beside the serving version and popularity.

    Args:
        looks: told the fingerprint of the span, counts the candidates judged on it, this one included.

    Raises:
        NotReadyError, InputError, StorageError: as `promotion.promote`.
    """
    spans = four_way(log)
    if not len(spans.gate):
        raise NotReadyError("the gate's span of the log holds no new purchases", hint="Give a longer log")
    split = fingerprint_interactions(spans.gate)
    model = candidate(settings, run_id)
    _blind(model, spans.gate)
    k = int(rules.metric.rpartition("@")[2])
    groups = {} if events is None else segments(events, log.user_ids)

    def judged(one: Recommender) -> Evidence:
        return gather(one, spans.gate, spans.before_gate, k=k, clock=clock, catalog=catalog, groups=groups)

    baseline = judged(make("popular").fit(spans.before_gate))
    rival, unusable = _usable(settings, serving)
    # The champion of another shop knows none of these products: here the candidate is the first, and faces popularity.
    champion = judged(rival) if rival is not None and _knows(rival, spans.gate) else None
    evidence = judged(model)
    evidence = replace(evidence, problems=(*candidate_problems(settings, run_id), *evidence.problems))
    decision = decide(
        evidence, champion, baseline, rules, looks=looks(split), seed=settings.seed, drift=_drift(spans, catalog),
        trial=_trial(settings, rules),
    )  # fmt: skip
    shown = [evidence, *([champion] if champion else []), baseline, *(others or {}).values()]
    record = {
        **summary(list({e.model: e for e in reversed(shown)}.values()), rules.metric, seed=settings.seed),
        "run_id": run_id,
        "split": split,
        "decision": decision.document(),
        **({"champion_unusable": unusable} if unusable else {}),
    }
    return Judged(decision, _plain(record), unusable)


def _drift(spans: FourWay, catalog: Catalog | None) -> float:
    """Stability index of what was bought: by category where a catalogue tells it, else by how well things sold before.

    It compares the gate's span with the time before it, as the model knew it.
    """
    before, after = spans.before_gate, spans.gate
    if catalog is not None and catalog.align(before.item_ids)["category"].notna().any():
        label = catalog.align(before.item_ids)["category"].astype("string").fillna("").to_numpy()
    else:
        label = np.bincount(before.items, minlength=before.n_items)
    return psi(label[before.items], label[after.items])


def _trial(settings: Settings, rules: Rules) -> Trial | None:
    """The last kept reading of the A/B test that the rules name; None without a name, or without a reading."""
    if rules.experiment is None:
        return None
    from shopr.abtest.records.kept import Kept

    try:
        last = Kept(settings.home).history(rules.experiment).latest
    except UnknownNameError:
        return None
    return None if last is None else Trial(rules.experiment, last.verdict.action, "; ".join(last.verdict.reasons))


def _usable(settings: Settings, serving: Any | None) -> tuple[Recommender | None, str]:
    """The champion's model, or why it cannot be one: a broken champion must not keep its successor out."""
    if serving is None:
        return None, ""
    try:
        return load_model(settings, serving), ""
    except StorageError as error:
        return None, f"held against popularity, since {error.message}"


def _blind(model: Recommender, gate: Interactions) -> None:
    """Refuse a model that was fitted on the very time it is to be judged on: its own rows say so."""
    learned, judged = model.train.times, gate.times
    if learned is None or judged is None or not len(learned):
        return
    last, first = int(learned.max()), int(judged.min())
    if last >= first and _knows(model, gate):
        until, since = (datetime.fromtimestamp(t, UTC).isoformat(timespec="minutes") for t in (last, first))
        raise InputError(
            f"the candidate learned from purchases until {until}, the gate judges those since {since}",
            hint="Train it by 'shopr train' or 'shopr tune', which stop before the gate's span",
        )


def _knows(model: Recommender, truth: Interactions, share: float = 0.5) -> bool:
    """Whether a model knows at least a share of the products that were bought."""
    bought = np.unique(truth.items)
    return bool((model.item_ids.encode(truth.item_ids.decode(bought)) >= 0).mean() >= share)


def _plain(value: Any) -> Any:
    """NaN has no place in JSON: it becomes null."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124 (NaN)
