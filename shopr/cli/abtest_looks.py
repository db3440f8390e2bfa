"""`shopr abtest simulate --save`: readings of a simulated test, kept look by look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shopr.cli.abtest_analyze import track_kept
from shopr.cli.output import echo, echo_json, echo_table

if TYPE_CHECKING:
    import pandas as pd

    from shopr.abtest.design.spec import Experiment
    from shopr.abtest.records.kept import Reading

__all__ = ["keep_looks"]


def keep_looks(
    looks: Iterator[tuple[datetime, pd.DataFrame]],
    spec: Path,
    experiment: Experiment,
    preset: str,
    seed: int,
    *,
    track: bool,
    as_json: bool,
) -> pd.DataFrame:
    """Keep a reading of each look until one ships or stops, say so, and return the table of the last one."""
    from shopr.abtest.records.keeping import keep
    from shopr.abtest.records.kept import Kept
    from shopr.config import Settings

    settings = Settings()
    kept = Kept(settings.home)
    text, name = spec.read_text(encoding="utf-8"), f"simulated, {preset} shop, seed {seed}"
    found: list[Reading] = []
    for moment, units in looks:
        found.append(keep(kept, units, text, at=moment, simulated=True, name=name))
        if track:
            track_kept(settings, kept, found[-1])
        if found[-1].has_results and found[-1].verdict.action in ("ship", "stop"):
            break
    _report(found, experiment, kept.folder / experiment.name, as_json)
    return units


def _report(found: list[Reading], experiment: Experiment, folder: Path, as_json: bool) -> None:
    from shopr.abtest.records.board import headline

    said = [headline(r.verdict, r.spec) for r in found]
    if as_json:
        told = [
            {"number": r.number, "at": r.analysis.at, "units": r.analysis.units, "stands": words}
            for r, words in zip(found, said, strict=True)
        ]
        echo_json({"experiment": experiment.name, "folder": folder, "readings": told})
        return
    rows = [[r.number, f"{r.analysis.at:%Y-%m-%d}", f"{r.n:,}", words] for r, words in zip(found, said, strict=True)]
    echo_table(["reading", "as of", "units", "stands"], rows, title=f"{experiment.name}, simulated")
    echo(f"Kept in {folder}; see 'shopr abtest show {experiment.name}', or the app's page Experiments")
