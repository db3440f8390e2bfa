"""How often does each verdict come? Simulated tests with known truth, concluded by the rules that reports use.

    python benchmarks/verdict.py --json

10,000 tests of up to 6,000 users for each truth, the same tests read once, at five planned looks (O'Brien-Fleming), and
at ten unplanned ones (confidence sequence). A test ends with its first verdict other than to keep running. Promised are
at most 5 % ships, plus three standard errors, where nothing should be shipped, and the planned power, less three, where
something should. Every table is drawn from one seed, stated here, and no cell is drawn again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

from scipy.special import ndtri  # noqa: E402

from shopr.abtest.methods.groupsequential import GroupSequential  # noqa: E402
from shopr.abtest.simulation.verdictrates import (  # noqa: E402
    ACTIONS,
    DESIGNS,
    SCENARIOS,
    Plan,
    Scenario,
    plan_tests,
    read_tests,
    simulate_tests,
    verdicts,
)

SEED = 20271
LOOKS = {"fixed": 1, "group_sequential": 5, "sequential": 10}
GUARD_POWER = 0.99
DATA = (
    "users: taste u ~ N(0,1); buys with chance .8 expit(u), then spends exp(.8u + .7 N); sessions 1 + Poisson(2 "
    "exp(.4u)). Revenue decides, sessions are the guardrail. Effects are constants added to every treated user."
)


def main() -> None:
    """Measure, print, write the figures, and leave with 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", type=int, default=10_000, help="tests of each truth")
    parser.add_argument("--units", type=int, default=600, help="new users of both arms between two of ten looks")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--output", type=Path, help="write the figures to this file, too")
    args = parser.parse_args()
    started = time.process_time()
    report = measure(args.tests, args.units)
    report["cpu seconds"] = round(time.process_time() - started, 1)
    text = json.dumps(report, indent=1)
    if args.output is not None:
        args.output.write_text(text + "\n", encoding="utf-8")
    print(text) if args.json else show(report)
    sys.exit(1 if report["broken"] else 0)


def measure(tests: int, units: int) -> dict[str, Any]:
    """The table, one row a truth and design, and the rows that break a promise."""
    plan = plan_tests(max(LOOKS.values()), units, seed=SEED)
    found = []
    for number, scenario in enumerate(SCENARIOS):
        drawn = simulate_tests(plan, scenario, tests, seed=SEED + 1 + number)
        for design in DESIGNS:
            actions, looks = verdicts(plan, design, read_tests(plan, design, drawn, LOOKS[design]))
            row: dict[str, Any] = {"truth": scenario.name, "design": design, "seed": SEED + 1 + number}
            for code, action in enumerate(ACTIONS):
                share = float((actions == code).mean())
                row |= {action: round(share, 5), f"{action} s.e.": round(math.sqrt(share * (1 - share) / tests), 5)}
            row["share of users seen"] = round(float((looks + 1).mean()) / LOOKS[design], 4)
            found.append({**row, **promise(plan, scenario, design, tests, row["ship"])})
    broken = [f"{r['truth']}, {r['design']}" for r in found if r["kept"] is False]
    return {
        "tests": tests,
        "users": plan.n,
        "planned lift": round(plan.lift, 5),
        "margin": round(plan.margin, 5),
        "looks": LOOKS,
        "seed": SEED,
        "tries": 1,
        "data": DATA,
        "versions": {name: version(name) for name in ("shopr", "numpy", "scipy")}
        | {"python": platform.python_version()},
        "rows": found,
        "broken": broken,
    }


def promise(plan: Plan, scenario: Scenario, design: str, tests: int, shipped: float) -> dict[str, Any]:
    """What was promised of the share of ships, and whether it is kept; None where nothing is."""
    if scenario.lost:
        return {"at most": None, "at least": None, "kept": None}
    if scenario.effect <= 0 or scenario.guard <= -1:
        most = 0.05 + 3 * math.sqrt(0.05 * 0.95 / tests)
        return {"at most": round(most, 5), "at least": None, "kept": shipped <= most}
    if design == "sequential":  # its price depends on when one looks: no power is promised
        return {"at most": None, "at least": None, "kept": None}
    drift = scenario.effect * float(ndtri(0.975) + ndtri(0.8))
    shares = [look / LOOKS[design] for look in range(1, LOOKS[design] + 1)]
    power = GroupSequential(0.05).power(drift, shares) * GUARD_POWER
    least = power - 3 * math.sqrt(power * (1 - power) / tests)
    return {"at most": None, "at least": round(least, 5), "kept": shipped >= least}


def show(report: dict[str, Any]) -> None:
    """For people."""
    print(f"{report['tests']:,} tests of {report['users']:,} users for each truth; one try each; {report['data']}")
    print(f"planned effect {report['planned lift']:+.1%} of revenue, margin of the guardrail {report['margin']:.1%}")
    print(f"seed {report['seed']}; {report['versions']}; {report['cpu seconds']:.0f} s of CPU")
    truth = ""
    for row in report["rows"]:
        if row["truth"] != truth:
            truth = row["truth"]
            print(f"\n{truth:58}{'ship':>14}{'stop':>14}{'find out':>14}{'users':>7}  promised")
        shares = "".join(f"{row[a]:8.2%} ±{row[f'{a} s.e.']:4.2%}" for a in ("ship", "stop", "find out"))
        promised = f"ship <= {row['at most']:.2%}" if row["at most"] is not None else ""
        promised = f"ship >= {row['at least']:.2%}" if row["at least"] is not None else promised
        kept = {None: "nothing", True: promised, False: f"BROKEN: {promised}"}[row["kept"]]
        print(f"  {row['design']:56}{shares}{row['share of users seen']:7.0%}  {kept}")
    print("\nbroken: " + ("; ".join(report["broken"]) or "none"))


if __name__ == "__main__":
    main()
