"""The section about A/B tests: who saw what, whether the arms are as planned, and what was concluded."""

from __future__ import annotations

import pandas as pd

from shopr.abtest.allocation.exposures import Exposures
from shopr.abtest.methods.srm import sample_ratio
from shopr.abtest.records.board import standings
from shopr.abtest.records.kept import Kept
from shopr.storage.tables import experiment_exposures
from shopr.workbench.maintenance.parts import Context, Level, Part, Plot

__all__ = ["experiments"]

_SUSPECT = 0.001


def experiments(context: Context) -> Part:
    """Each experiment with its new units, the check of its arms, and where its last kept reading left it."""
    now, before = context.rows(experiment_exposures, "time")
    kept = Kept(context.settings.home)
    standing = {s.name: s for s in standings(kept, context.clock.now())}
    names = sorted({*now["experiment"], *before["experiment"], *standing})
    if not names:
        return Part("no experiment exposed anybody, and no reading is kept", Level.EMPTY)
    rows, broken = [], []
    store = Exposures(context.database, clock=context.clock)
    for name in names:
        counts, weights = _arms(kept, name, store.counts(name))
        p = float(sample_ratio(counts, weights).p) if len(counts) > 1 else float("nan")
        if p < _SUSPECT:
            broken.append(name)
        found = standing.get(name)
        rows.append(
            {
                "experiment": name,
                "new units": int((now["experiment"] == name).sum()),
                "period before": int((before["experiment"] == name).sum()),
                "arms": " / ".join(f"{count:,}" for count in counts),
                "ratio p": p,
                "readings": 0 if found is None else found.readings,
                "standing": "no reading kept" if found is None else found.words,
            }
        )
    table = pd.DataFrame(rows)
    plot = Plot(
        "bars", table.set_index("experiment")["new units"].astype(float), "Units new to each experiment", "units"
    )
    metrics = {"experiments": float(len(names)), "units": float(len(now)), "broken": float(len(broken))}
    if broken:
        words = f"the arms of {', '.join(broken)} are not as planned (p < {_SUSPECT}): find out why before reading"
        return Part(words, Level.ATTENTION, table, (plot,), metrics)
    return Part(f"{len(now):,} units were new to {len(names)} experiments", Level.OK, table, (plot,), metrics)


def _arms(kept: Kept, name: str, counts: dict[str, int]) -> tuple[list[int], list[float] | None]:
    """Units of each arm, and the weights of the spec of the last kept reading, where there is one."""
    last = kept.history(name).latest if name in kept.names() else None
    if last is None or not set(counts) <= set(last.spec.arms):
        return list(counts.values()), None
    return [counts.get(arm, 0) for arm in last.spec.arms], list(last.spec.arms.values())
