"""One test from Parquet to p-values: Shopr beside DuckDB's bare sums, gbstats, tea-tasting and statsmodels.

    python benchmarks/abtest.py --users 1000000 --json

Six metrics, three arms, twelve comparisons. Each contender runs in a process of its own, the contenders in turn for
several rounds: cold is the first call of a process with the contender's imports, warm the median of the next ones, both
in CPU seconds of all threads. Memory is the peak of the process, and what the calls add to the loaded libraries.
Peers have environments of their own. gbstats tests sums that DuckDB made; tea-tasting is given a DuckDB table by ibis
and, apart, a pandas table; statsmodels a pandas table. All must give the same p-values. Shopr is shown twice: sums,
tests and decisions alone, which is what the others do, and with its health checks, for which ids and times are read,
too. Shopr keeps one DuckDB instance a process; the sums alone are shown twice, with a connection a call and on one
that is open. Ids are whole numbers in order, shuffled, or text, as `--ids` says.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

METRICS = ("orders", "revenue", "minutes", "bought", "pages", "returned")
ARMS = ("control", "short", "long")
OURS = ("duckdb", "duckdb_open", "shopr", "shopr_checked")
PEERS = {
    "gbstats": ("abtest-gbstats", ["gbstats==0.8.0", "duckdb>=1.4"]),
    "tea_duckdb": ("abtest-tea", ["tea-tasting==1.14.0", "ibis-framework[duckdb]", "statsmodels", "pandas", "pyarrow"]),
    "tea_pandas": ("abtest-tea", ["tea-tasting==1.14.0", "ibis-framework[duckdb]", "statsmodels", "pandas", "pyarrow"]),
    "statsmodels": (
        "abtest-tea",
        ["tea-tasting==1.14.0", "ibis-framework[duckdb]", "statsmodels", "pandas", "pyarrow"],
    ),
}
NAMES = {
    "duckdb": "DuckDB sums alone",
    "duckdb_open": "the same, on an open connection",
    "shopr": "Shopr: sums, tests, decisions",
    "shopr_checked": "Shopr with all health checks",
    "gbstats": "gbstats 0.8 on DuckDB sums",
    "tea_duckdb": "tea-tasting 1.14 on DuckDB",
    "tea_pandas": "tea-tasting 1.14 on pandas",
    "statsmodels": "statsmodels on pandas",
}

# What a contender does, in any Python that has its packages: argv is name, path, metrics, arms, calls.
WORKER = """
import json, resource, sys, time
name, path, calls = sys.argv[1], sys.argv[2], int(sys.argv[5])
metrics, arms = sys.argv[3].split(","), sys.argv[4].split(",")

def peak():
    # Linux hands ru_maxrss of the parent on to its children; VmHWM is the process's own.
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

begun = time.process_time(), time.perf_counter()
if name not in ("statsmodels", "tea_pandas"):
    import duckdb
    duckdb.connect().execute("SELECT 1").fetchall()
if name in ("shopr", "shopr_checked"):
    from pathlib import Path
    from shopr.abtest.judging.analysis import analyze
    from shopr.abtest.design.spec import parse_spec
    spec = parse_spec(f"name: t\\narms: [{', '.join(arms)}]\\nmetrics: [{', '.join(metrics)}]\\n")
elif name == "gbstats":
    from gbstats.frequentist.tests import FrequentistConfig, TwoSidedTTest
    from gbstats.models.statistics import SampleMeanStatistic
elif name == "statsmodels":
    import pandas as pd
    from statsmodels.stats.weightstats import ttest_ind
elif not name.startswith("duckdb"):
    import pandas as pd
    import tea_tasting as tt
if name == "tea_duckdb":
    import ibis
loading = time.process_time() - begun[0], time.perf_counter() - begun[1]
before = peak()
SUMS = ", ".join(f"sum({m}), sum({m} * {m})" for m in metrics)

kept = duckdb.connect() if name == "duckdb_open" else None

def duckdb_sums():
    con = kept or duckdb.connect()
    rows = con.execute(f"SELECT variant, count(*), {SUMS} FROM '{path}' GROUP BY variant").fetchall()
    if con is not kept:
        con.close()
    return {r[0]: r[1:] for r in rows}

def run():
    if name.startswith("duckdb"):
        duckdb_sums()
        return None
    if name in ("shopr", "shopr_checked"):
        found = analyze(Path(path), spec, checks=name == "shopr_checked")
        return [found.row(m, a, "welch").p for m in metrics for a in arms[1:]]
    if name == "gbstats":
        sums = duckdb_sums()
        stats = {a: [SampleMeanStatistic(n=r[0], sum=r[2 * i + 1], sum_squares=r[2 * i + 2])
                     for i in range(len(metrics))] for a, r in sums.items()}
        config = FrequentistConfig(difference_type="absolute")
        return [TwoSidedTTest(stats[arms[0]][i], stats[a][i], config).compute_result().p_value
                for i in range(len(metrics)) for a in arms[1:]]
    if name == "statsmodels":
        frame = pd.read_parquet(path, columns=["variant", *metrics])
        parts = {a: frame[frame["variant"] == a] for a in arms}
        return [ttest_ind(parts[a][m], parts[arms[0]][m], usevar="unequal")[1] for m in metrics for a in arms[1:]]
    if name == "tea_duckdb":
        table = ibis.duckdb.connect().read_parquet(path)
    else:
        table = pd.read_parquet(path, columns=["variant", *metrics])
    found = tt.Experiment({m: tt.Mean(m) for m in metrics}).analyze(table, control=arms[0], all_variants=True)
    return [found[arms[0], a][m].pvalue for m in metrics for a in arms[1:]]

times = []
for _ in range(calls):
    started, wall = time.process_time(), time.perf_counter()
    p = run()
    times.append((time.process_time() - started, time.perf_counter() - wall))
cpu, wall = [t[0] for t in times], [t[1] for t in times]
cpu[0], wall[0] = cpu[0] + loading[0], wall[0] + loading[1]
print(json.dumps({"p": p, "cpu": cpu, "wall": wall, "mb": peak() - before, "all_mb": peak()}))
"""


def make(path: Path, users: int, seed: int, ids: str = "ordered") -> None:
    """Write the table: ids, arms, times, and six metrics of the usual shapes, the treatments 1 % better."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    arm = rng.integers(0, len(ARMS), users)
    better = np.where(arm > 0, 1.01, 1.0)
    bought = rng.random(users) < 0.1 * better
    unit = np.arange(users)
    if ids == "shuffled":
        unit = rng.permutation(users)
    elif ids == "text":
        unit = np.array([f"{a:016x}{b:016x}" for a, b in rng.integers(0, 2**63, (users, 2)).tolist()])
    frame = pd.DataFrame(
        {
            "unit_id": unit,
            "variant": np.array(ARMS)[arm],
            "exposed_at": np.datetime64("2026-01-01", "us")
            + rng.integers(0, 14 * 86_400, users).astype("timedelta64[s]"),
            "orders": rng.poisson(0.3, users),
            "revenue": np.where(bought, rng.lognormal(3, 1, users), 0.0) * better,
            "minutes": rng.gamma(2, 6, users) * better,
            "bought": bought.astype(np.int64),
            "pages": rng.poisson(7 * better),
            "returned": (rng.random(users) < 0.4).astype(np.int64),
        }
    )
    frame.to_parquet(path, index=False)


def play(name: str, python: Path, path: Path, calls: int) -> dict[str, Any]:
    """One process of one contender."""
    call = [str(python), "-c", WORKER, name, str(path), ",".join(METRICS), ",".join(ARMS), str(calls)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} if name in OURS else dict(os.environ)
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n" + "\n".join(done.stderr.strip().splitlines()[-8:]))
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def summary(runs: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Medians over rounds, and ratios to DuckDB's bare sums."""
    rows = []
    for name, played in runs.items():
        rows.append(
            {
                "contender": NAMES[name],
                "cold_cpu_s": statistics.median(r["cpu"][0] for r in played),
                "warm_cpu_s": statistics.median(statistics.median(r["cpu"][1:]) for r in played),
                "warm_wall_s": statistics.median(statistics.median(r["wall"][1:]) for r in played),
                "added_mb": statistics.median(r["mb"] for r in played),
                "peak_mb": statistics.median(r["all_mb"] for r in played),
                "key": name,
            }
        )
    base = next((r for r in rows if r["key"] == "duckdb"), rows[0])
    for row in rows:
        row["warm_ratio"] = row["warm_cpu_s"] / base["warm_cpu_s"]
        row["memory_ratio"] = row["added_mb"] / base["added_mb"]
    return rows


def agreement(runs: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    """Largest difference of a contender's p-values from ours."""
    ours = runs["shopr"][0]["p"]
    return {
        NAMES[name]: max(abs(a - b) for a, b in zip(ours, played[0]["p"], strict=True))
        for name, played in runs.items()
        if name != "shopr" and played[0]["p"] is not None
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ids", choices=("ordered", "shuffled", "text"), default="ordered")
    parser.add_argument("--calls", type=int, default=8, help="calls of a process: the first is cold")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-peers", action="store_true", help="leave out what needs a download")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    pythons = {name: Path(sys.executable) for name in OURS}
    if not given.no_peers:
        from benchmarks.peers import peer_python

        pythons |= {name: peer_python(*PEERS[name]) for name in PEERS}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in pythons}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "users.parquet"
        make(path, given.users, given.seed, given.ids)
        for _ in range(given.rounds):
            for name, python in pythons.items():
                runs[name].append(play(name, python, path, given.calls))
    rows, apart = summary(runs), agreement(runs)
    if given.json:
        print(
            json.dumps(
                {
                    "users": given.users,
                    "ids": given.ids,
                    "rounds": given.rounds,
                    "rows": rows,
                    "largest_p_gap": apart,
                },
                indent=2,
            )
        )
        return
    print(
        f"{given.users:,} users (ids {given.ids}), {len(METRICS)} metrics, {len(ARMS)} arms; "
        f"medians of {given.rounds} rounds"
    )
    print(
        f"{'':34}{'cold CPU s':>11}{'warm CPU s':>11}{'x DuckDB':>10}{'wall s':>9}"
        f"{'peak MB':>9}{'calls MB':>10}{'x DuckDB':>10}"
    )
    for r in rows:
        print(
            f"{r['contender']:34}{r['cold_cpu_s']:11.3f}{r['warm_cpu_s']:11.3f}{r['warm_ratio']:10.2f}"
            f"{r['warm_wall_s']:9.3f}{r['peak_mb']:9.0f}{r['added_mb']:10.0f}{r['memory_ratio']:10.2f}"
        )
    for name, gap in apart.items():
        print(f"largest difference of a p-value from {name}: {gap:.1e}")


if __name__ == "__main__":
    main()
