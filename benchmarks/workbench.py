"""What the workbench costs and keeps: overhead against Papermill, throughput, cache, kills, and sweeps on a cluster.

    python benchmarks/workbench.py                  overhead, throughput, cache hit, this machine against Dask
    python benchmarks/workbench.py --kills 100      kill -9 at random points: what is on record, and what lives on

Figures are medians of `--repeat` tries; the load of the machine is printed beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from killing import TARGETS, WATCH, Driver, Project, kill_once

CELL = (
    "from shopr.config import Settings\n"
    "from shopr.data.simulator import simulate\n"
    "from shopr.data.splitting import temporal\n"
    "from shopr.recommend.contract.registry import make\n"
    "from shopr.recommend.selection.evaluation import judge\n"
    "from shopr.tracking.runs import run"
)
WORK = (
    "data = simulate(preset='tiny', seed=seed, name='bench', images=False)\n"
    "split = temporal(data.interactions())\n"
    "judged = judge(make('ease', lam=lam), split.train, split.test, k=10)"
)
LOG = (
    "with run('judged', settings=Settings(), params={'lam': lam}) as made:\n"
    "    made.metrics({'ndcg@10': judged.mean('ndcg')})\n"
    "judged.mean('ndcg')"
)


def write(folder: Path) -> None:
    """A project with a short real experiment: simulate a tiny shop, fit EASE, judge it, log it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "shopr"\n', encoding="utf-8")
    sources = [("lam = 100.0\nseed = 1", ["parameters"]), (CELL, []), (WORK, []), (LOG, [])]
    cells = [
        {"cell_type": "code", "execution_count": None, "id": f"c{i}", "metadata": {"tags": tags}, "outputs": [],
         "source": source} for i, (source, tags) in enumerate(sources)
    ]  # fmt: skip
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "short.ipynb").write_text(json.dumps(book), encoding="utf-8")
    parameters = {"lam": {"type": "float", "default": 100.0}, "seed": {"type": "int", "default": 1}}
    spec = {"name": "short", "notebook": "short.ipynb", "parameters": parameters}
    (folder / "short.yaml").write_text(json.dumps(spec), encoding="utf-8")
    lams = [float(x) for x in range(10, 201, 10)]
    objective = {"metric": "ndcg@10"}
    sweep = {"name": "many", "kind": "sweep", "run": "short.yaml", "objective": objective, "space": {"lam": lams}}
    (folder / "many.yaml").write_text(json.dumps(sweep), encoding="utf-8")
    few = {**sweep, "name": "few", "space": {"lam": lams[:6]}}
    (folder / "few.yaml").write_text(json.dumps(few), encoding="utf-8")


def command(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> tuple[float, str]:
    """Seconds of a command, and what it printed."""
    stores = {
        "SHOPR_HOME": str(folder / "home"),
        "SHOPR_MLFLOW_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "SHOPR_ARTIFACT_ROOT": str(folder / "artifacts"),
        **(environment or {}),
    }
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder, env={**os.environ, **stores}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    spent = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed: {done.stderr[-2000:]}")
    return spent, done.stdout


def overhead(folder: Path, repeat: int) -> None:
    """One notebook by `shopr run`, by plain Papermill, and as a script."""
    script = folder / "short.py"
    script.write_text(f"lam = 100.0\nseed = 1\n{CELL}\n{WORK}\n{LOG}\n", encoding="utf-8")
    shopr = ["-m", "shopr.cli.main", "run", "short.yaml", "--force"]
    papermill = ["-m", "papermill", "short.ipynb", "out.ipynb", "-k", "python3", "--no-progress-bar"]
    command(folder, *shopr)  # stores are made, bytecode is written
    ours, theirs, plain = [], [], []
    for _ in range(repeat):  # in turn, so that a busy moment hits all alike
        ours.append(command(folder, *shopr)[0])
        theirs.append(command(folder, *papermill)[0])
        plain.append(command(folder, str(script))[0])
    a, b, c = map(statistics.median, (ours, theirs, plain))
    print(f"one notebook, new process: shopr run {a:.2f} s, papermill {b:.2f} s, script {c:.2f} s")
    print(f"  shopr / papermill {a / b:.2f} (bound 1.15); shopr / script {a / c:.2f}; papermill / script {b / c:.2f}")


def cache(folder: Path, repeat: int) -> None:
    """An unchanged run, served in a new process."""
    line = ["-m", "shopr.cli.main", "run", "short.yaml"]
    command(folder, *line)
    spent = [command(folder, *line) for _ in range(max(repeat, 5))]
    assert all("Nothing changed" in out for _, out in spent)
    print(
        f"cache hit, new process: {statistics.median(s for s, _ in spent):.2f} s (bound 1), best {min(spent)[0]:.2f} s"
    )


def throughput(folder: Path) -> None:
    """Twenty short runs, one at a time and two at a time."""
    spent = {}
    for jobs in (1, 2):
        line = ["-m", "shopr.cli.main", "sweep", "many.yaml", "--force", "--json", "--jobs", str(jobs)]
        spent[jobs], _ = command(folder, *line)
    gain = spent[1] / spent[2]
    print(f"20 short runs: one at a time {spent[1]:.1f} s, two {spent[2]:.1f} s: {gain:.2f}x (bound 1.6)")
    papermill = ["-m", "papermill", "short.ipynb", "out.ipynb", "-k", "python3", "--no-progress-bar"]
    single = command(folder, *papermill)[0]
    print(f"  a run {spent[1] / 20:.2f} s in the sweep, one at a time; plain papermill takes {single:.2f} s")


def cluster(folder: Path) -> None:
    """The same sweep on local processes and on a Dask cluster of two workers."""
    from distributed import LocalCluster

    line = ["-m", "shopr.cli.main", "sweep", "few.yaml", "--force", "--json"]
    local_seconds, local = command(folder, *line, "--jobs", "2")
    os.environ |= {"SHOPR_HOME": str(folder / "home")}
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as workers:
        address = {"SHOPR_DASK_ADDRESS": workers.scheduler_address}
        dask_seconds, dask = command(folder, *line, environment=address)
    first, second = ({t["trial"]: t["value"] for t in json.loads(text)["trials"]} for text in (local, dask))
    same = "equal" if first == second and None not in first.values() else f"NOT EQUAL: {first} {second}"
    spent = f"two at a time here {local_seconds:.1f} s, by two Dask workers {dask_seconds:.1f} s"
    print(f"the same sweep of 6: {spent}, results {same}")


def kills(folder: Path, number: int, seed: int) -> bool:
    """Runs killed at random points; half of them while another process of Shopr is at work."""
    project = Project(folder)
    driver, draws = Driver(project), random.Random(seed)
    watcher = None
    found, bad = Counter[tuple[str, str, str]](), 0
    slow: list[float] = []
    for i in range(number):
        watched = i >= number // 2
        if watched and watcher is None:
            watcher = driver.start(WATCH)
        kill = kill_once(driver, project, draws, i, draws.choice(TARGETS), watched=watched)
        found[kill.target or "(had ended)", kill.state or "(not yet on record)", kill.by] += 1
        if kill.by == "a watcher":
            slow.append(kill.seconds)
        if not kill.ok:
            bad += 1
            print(f"  NOT TRUE: {kill}", flush=True)
    if watcher is not None:
        watcher.kill()
    driver.close()
    print(f"{number} kills with signal 9, seed {seed}: {number - bad} end in a true terminal state without orphans")
    for (target, state, by), count in sorted(found.items()):
        print(f"  {count:>3}  {target:<12} {state:<20} by {by}")
    if slow:
        print(f"  a watcher took {statistics.median(slow):.1f} s (median), {max(slow):.1f} s at most")
    return not bad


def main() -> None:
    """The entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, metavar="N", help="only kill runs, N times")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["overhead", "cache", "throughput", "cluster"])
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="shopr-workbench-"))
    print(f"{os.cpu_count()} cores, load before: {os.getloadavg()[0]:.1f}", flush=True)
    good = True
    try:
        if given.kills:
            good = kills(folder, given.kills, given.seed)
        else:
            write(folder)
            parts = {
                "overhead": lambda: overhead(folder, given.repeat),
                "cache": lambda: cache(folder, given.repeat),
                "throughput": lambda: throughput(folder),
                "cluster": lambda: cluster(folder),
            }
            for name, part in parts.items():
                if given.only in (None, name):
                    part()
                    sys.stdout.flush()
    finally:
        print(f"load after: {os.getloadavg()[0]:.1f}")
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(not good)


if __name__ == "__main__":
    main()
