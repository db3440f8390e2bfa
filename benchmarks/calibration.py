"""Are the error rates what they say? A/A tests, power and coverage on simulated users, every seed tried once.

    python benchmarks/calibration.py --json

10,000 tests of 14 daily looks, 200 new users an arm and day. Revenue is heavy in the tail, sessions are nested in
users, past spending and a stratum were known before. Every cell is judged by three standard errors around its nominal
rate; a table is drawn from one seed, stated here and in the results, and no cell is drawn again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

from shopr.abtest.simulation.calibratedpower import Measured, baselines, measured_power  # noqa: E402
from shopr.abtest.simulation.calibration import Cell, coverage, false_positives  # noqa: E402
from shopr.abtest.simulation.trials import simulate  # noqa: E402

SEEDS = {"false positives": 20261, "history": 20262, "power": 20263, "coverage 0 %": 20264}
SEEDS |= {"coverage 2 %": 20265, "coverage 10 %": 20266}
LIFTS = {"coverage 0 %": 0.0, "coverage 2 %": 0.02, "coverage 10 %": 0.10}
LEAST_POWER = 0.94
DATA = (
    "users: taste u ~ N(0,1); converted with chance .8 expit(u); revenue if converted exp(.8u + .7 N); past spending "
    "exp(.8u + .5 N); sessions 1 + Poisson(2 exp(.4u)); clicks Binomial(sessions, .8 expit(N - .5)); three strata by "
    "u + .7 N. Treatment: chances of conversion and of clicks times 1 + lift; for the power of means, a constant sum."
)


def main() -> None:
    """Measure, print, write the figures, and leave with 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", type=int, default=10_000, help="tests of each table")
    parser.add_argument("--looks", type=int, default=14, help="looks of each test")
    parser.add_argument("--units", type=int, default=200, help="new users of each arm between two looks")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--output", type=Path, help="write the figures to this file, too")
    args = parser.parse_args()
    started = time.process_time()
    report = measure(args.tests, args.looks, args.units)
    report["cpu seconds"] = round(time.process_time() - started, 1)
    text = json.dumps(report, indent=1)
    if args.output is not None:
        args.output.write_text(text + "\n", encoding="utf-8")
    if args.json:
        print(text)
    else:
        show(report)
    sys.exit(1 if report["broken"] else 0)


def measure(tests: int, looks: int, units: int) -> dict[str, Any]:
    """All tables, and the cells that break a promise."""
    size = {"tests": tests, "looks": looks, "units": units}
    once, over_looks = false_positives(simulate(**size, seed=SEEDS["false positives"]))
    tables = {"false positives, read once": rows(once), "false positives over all looks": rows(over_looks)}
    for name, lift in LIFTS.items():
        tables[name] = rows(coverage(simulate(**size, lift=lift, seed=SEEDS[name])))
    plans = baselines(seed=SEEDS["history"])
    powers = [
        measured_power(m, plan, **size, seed=SEEDS["power"] + 10 * i) for i, (m, plan) in enumerate(plans.items())
    ]
    tables["power at the 80 % design"] = [row for found in powers for row in power_rows(found)]
    broken = [f"{table}: {row['method']}" for table, found in tables.items() for row in found if row["ok"] is False]
    return {
        **size,
        "seeds": {**SEEDS, "power": [found.seed for found in powers]},
        "tries": 1,
        "data": DATA,
        "versions": {name: version(name) for name in ("shopr", "numpy", "scipy")}
        | {"python": platform.python_version()},
        "tables": tables,
        "broken": broken,
    }


def rows(cells: list[Cell]) -> list[dict[str, Any]]:
    """Cells as plain rows; a missing nominal rate is null."""
    found = []
    for one in cells:
        row: dict[str, Any] = {**asdict(one), "place": one.place}
        for key in ("rate", "nominal", "low", "high"):
            row[key] = None if math.isnan(row[key]) else round(row[key], 5)
        found.append(row)
    return found


def power_rows(found: Measured) -> list[dict[str, Any]]:
    """Power of each way of reading, beside that of one reading of the same tests."""
    ways = rows([found.fixed, *found.sequential])
    for row in ways:
        row["of fixed"] = round(row["rate"] / found.fixed.rate, 4)
        row["lift"], row["seed"] = round(found.lift, 5), found.seed
        if row["method"] == "obrien-fleming":
            row["ok"] = bool(row["ok"] and row["of fixed"] >= LEAST_POWER)
        row["method"] = f"{found.metric}, {row['method']}"
    return ways


def show(report: dict[str, Any]) -> None:
    """For people."""
    print(f"{report['tests']:,} tests x {report['looks']} looks x {report['units']} users an arm; one try each")
    print(report["data"])
    print(f"seeds {report['seeds']}; {report['versions']}; {report['cpu seconds']:.0f} s of CPU")
    for name, found in report["tables"].items():
        print(f"\n{name:56}{'rate':>8}{'nominal':>9}{'3 s.e.':>16}")
        for row in found:
            bounds = "" if row["nominal"] is None else f"{row['low']:.2%} … {row['high']:.2%}"
            nominal = "" if row["nominal"] is None else f"{row['nominal']:.2%}"
            verdict = {None: "for comparison", True: row["place"], False: f"BROKEN, {row['place']}"}[row["ok"]]
            extra = f"  {row['of fixed']:.3f} x fixed" if "of fixed" in row else ""
            print(f"  {row['method']:54}{row['rate']:8.2%}{nominal:>9}{bounds:>17}  {verdict}{extra}")
    print("\nbroken: " + ("; ".join(report["broken"]) or "none"))


if __name__ == "__main__":
    main()
