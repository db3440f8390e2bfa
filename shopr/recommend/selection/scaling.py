"""How the time and memory of models grow with the interactions: measured on synthetic logs, in processes of their own.

    python -m shopr.recommend.selection.scaling JOB    JOB: JSON as `measure` makes it; a line of JSON a cell is told

A process takes one model through its sizes, smallest first. Peaks are resident memory above what the process held with
the log in memory, its children (Spark's Java) included, and so they compare with `memory.estimate`.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from shopr.data.ids import IdMap
from shopr.data.interactions import Interactions
from shopr.errors import CapacityError, RunError
from shopr.recommend.contract.memory import Size, bounded, budget, estimate
from shopr.recommend.contract.registry import make, model_class

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Peak", "measure", "slopes", "synthetic"]

SERVED = 20_000
"""Users who are served at most; the time for all follows from theirs, as the cost of each is the same."""
_MB = 2**20
_LOOK_SECONDS = 0.01


def synthetic(rows: int, users: int, items: int, seed: int) -> Interactions:
    """A log without times: items by a Zipf law, users evenly, each row on its own."""
    rng = np.random.Generator(np.random.PCG64(seed))
    share = np.cumsum(1.0 / np.arange(10, items + 10) ** 0.8)
    what = np.minimum(np.searchsorted(share / share[-1], rng.random(rows)), items - 1).astype(np.int32)
    who = rng.integers(0, users, rows).astype(np.int32)
    return Interactions(IdMap(range(users)), IdMap(range(items)), who, what, None, np.ones(rows, np.float32))


def measure(
    models: Sequence[str],
    rows: Sequence[int],
    *,
    users: int,
    items: int,
    seed: int = 42,
    memory: int | None = None,
    settings: dict[str, dict[str, Any]] | None = None,
) -> pd.DataFrame:
    """Fit each model to logs of each size, and recommend to all, one thread.

    Args:
        models: by name; "spark" is `ials` with the engine "spark".
        memory: the bound in bytes; the settings' by default.
        settings: hyperparameters, by the name in `models`.

    Returns:
        One row a model and size: model, rows, users, items, pairs, fit_s, fit_cpu_s (NaN for Spark, whose time is spent
        in other processes), all_s (20 products to every user), peak_mb, told_mb (the estimate), refused (why, or "").

    Raises:
        UnknownNameError: if there is no such model.
        RunError: if a process failed.
    """
    import pandas as pd

    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    bound = budget() if memory is None else memory
    environment = {**os.environ, **threads, "SHOPR_MEMORY_BUDGET": str(bound)}
    cells: list[dict[str, Any]] = []
    for model in models:
        model_class(_registered(model))
        job = {"model": model, "rows": sorted(rows), "users": users, "items": items, "seed": seed, "memory": bound}
        job["settings"] = (settings or {}).get(model, {})
        command = [sys.executable, "-m", "shopr.recommend.selection.scaling", json.dumps(job)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no word"])[-1]
            raise RunError(f"measuring {model} failed (status {done.returncode}): {last}", hint="Try fewer rows")
        cells += [json.loads(line) for line in done.stdout.splitlines()]
    columns = "model rows users items pairs fit_s fit_cpu_s all_s peak_mb told_mb refused".split()
    found = pd.DataFrame(cells).reindex(columns=columns)
    numbers = columns[columns.index("pairs") : -1]
    return found.astype(dict.fromkeys(numbers, float))


def slopes(cells: pd.DataFrame, column: str = "fit_s") -> pd.Series:
    """Model -> the slope of log `column` against log rows over its two largest sizes: 1 is linear growth."""
    import pandas as pd

    found = {}
    for model, own in cells[(cells["refused"] == "") & (cells[column] > 0)].groupby("model", sort=False):
        first, last = (own.sort_values("rows").iloc[i] for i in (-2 if len(own) > 1 else -1, -1))
        if first["rows"] < last["rows"]:
            found[model] = math.log(last[column] / first[column]) / math.log(last["rows"] / first["rows"])
    return pd.Series(found, dtype=float, name=column)


class Peak:
    """Peak resident memory of this process and its children while it is open, in MB above what each had before.

    What a child gives back by ending is no credit to the others.
    """

    mb: float

    def __enter__(self) -> Self:
        import psutil

        self._me = psutil.Process()
        self._before, self.mb = self._resident(), 0.0
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._follow, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watch.join()
        self._look()

    def _follow(self) -> None:
        while not self._done.wait(_LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        grown = (rss - self._before.get(pid, 0) for pid, rss in self._resident().items())
        self.mb = max(self.mb, sum(max(0, each) for each in grown) / _MB)

    def _resident(self) -> dict[int, int]:
        """Process -> its bytes."""
        import psutil

        found = {}
        for process in (self._me, *self._me.children(recursive=True)):
            try:
                found[process.pid] = int(process.memory_info().rss)
            except psutil.NoSuchProcess:
                continue
        return found


def _registered(model: str) -> str:
    return "ials" if model == "spark" else model


def _cell(job: dict[str, Any], rows: int) -> dict[str, Any]:
    """One model on one size in this process."""
    name = _registered(job["model"])
    settings = {**job["settings"], **({"engine": "spark"} if job["model"] == "spark" else {})}
    log = synthetic(rows, job["users"], job["items"], job["seed"])
    told = {"model": job["model"], "rows": rows, "users": job["users"], "items": job["items"], "refused": ""}
    served = np.arange(min(SERVED, job["users"]))
    with bounded(job["memory"]), Peak() as peak:
        started, spent = time.perf_counter(), time.process_time()
        try:
            model = make(name, **settings).fit(log)
        except CapacityError as refusal:
            return {**told, "refused": refusal.one_line()}
        fitted, spent = time.perf_counter(), time.process_time() - spent
        model.recommend(served, 20)
        ended = time.perf_counter()
        need = estimate(model, Size.of(log, sampled=True)) / _MB
    return {
        **told,
        "pairs": int(log.matrix.nnz),
        "fit_s": round(fitted - started, 4),
        "fit_cpu_s": round(spent, 4) if job["model"] != "spark" else None,
        "all_s": round((ended - fitted) * job["users"] / len(served), 4),
        "peak_mb": round(peak.mb),
        "told_mb": round(need),
    }


def main(text: str) -> None:
    """Measure the job of a text and print its cells."""
    job = json.loads(text)
    make(_registered(job["model"])).fit(synthetic(2_000, 60, 80, 0)).recommend([0], 5)  # imports are not measured
    for rows in job["rows"]:
        print(json.dumps(_cell(job, rows)), flush=True)  # noqa: T201 - its answer to the process that asked


if __name__ == "__main__":
    main(sys.argv[1])
