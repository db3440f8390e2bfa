"""Do the shipped alert rules notice what they should, and are they quiet otherwise? Simulated shops with known truth.

    python benchmarks/alerts.py                     the recorded table: seeds 11 to 16, 13 weeks each
    python benchmarks/alerts.py --seeds 1 2 3 4 5   the seeds on which bounds were chosen

Three parts. Drills: weeks of a simulated shop with thirteen kinds of incidents at known times; false alarms a week and
detection delay, rule by rule. Quiet weeks: the same shops without incidents, where every alert is a false one. Null:
streams drawn from the very model that a condition assumes, and from harsher ones, against the false alarms it states.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from shopr.analytics.alerts.backtest import backtest  # noqa: E402
from shopr.analytics.alerts.rulebook import shipped  # noqa: E402
from shopr.workbench.drills.alerts import drill  # noqa: E402
from shopr.workbench.drills.null import null_rates  # noqa: E402

CHOSEN_ON, REPORTED = range(1, 6), range(11, 17)


def main() -> None:
    """Play, judge, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(REPORTED))
    parser.add_argument("--weeks", type=int, default=13, help="that are judged, of each seed and part")
    parser.add_argument("--years", type=int, default=100, help="of each null stream; 0 leaves them out")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--output", type=Path, help="write the figures to this file, too")
    args = parser.parse_args()
    began = time.process_time()
    report = measured(args.seeds, args.weeks, args.years)
    report["cpu seconds"] = round(time.process_time() - began, 1)
    text = json.dumps(report, indent=1, allow_nan=False)
    if args.output is not None:
        args.output.write_text(text + "\n", encoding="utf-8")
    print(text) if args.json else show(report)


def measured(seeds: list[int], weeks: int, years: int) -> dict[str, Any]:
    """All three parts."""
    drills, quiet, events = [], [], 0
    for seed in seeds:
        for kinds, into in (({}, drills), ({"kinds": ()}, quiet)):
            played = drill(seed, weeks=weeks, **kinds)  # type: ignore[arg-type]
            found = backtest(
                shipped().enabled, played.events, played.start, played.end, incidents=played.incidents,
                categories=played.categories,
            )  # fmt: skip
            events += played.events.table.num_rows
            into.append(found)
            print(f"seed {seed}: {len(found.alerts)} alerts, {len(found.incidents)} incidents", file=sys.stderr)
    return {
        "seeds": seeds,
        "weeks judged": round(sum(f.weeks for f in drills), 1),
        "events": events,
        "drills": rows(summary(drills)),
        "quiet weeks": rows(quiet_summary(quiet)),
        "false alarms": [
            {k: str(v) for k, v in row.items()}
            for f in drills
            for row in f.alerts[f.alerts["incident"].isna()].to_dict("records")
        ],
        "null": rows(null_rates(years, seed=20268)) if years else [],
    }


def summary(found: list[Any]) -> pd.DataFrame:
    """One row a rule over all seeds; delays in minutes."""
    weeks = sum(f.weeks for f in found)
    seen = pd.concat([f.detections() for f in found])
    made = []
    for rule in (r.name for r in found[0].rules):
        alerts = pd.concat([f.alerts[f.alerts["rule"] == rule] for f in found])
        own = seen[seen["rule"] == rule]
        for kind, group in own.groupby("incident"):
            delays = group["minutes"].dropna()
            made.append(
                {
                    "rule": rule, "alerts": len(alerts), "false_alarms": int(alerts["incident"].isna().sum()),
                    "false_a_week": float(alerts["incident"].isna().sum() / weeks), "incident": str(kind),
                    "incidents": len(group), "detected": len(delays),
                    "delay_median": _number(delays.median()), "delay_p90": _number(delays.quantile(0.9)),
                    "delay_worst": _number(delays.max()),
                }
            )  # fmt: skip
    return pd.DataFrame(made)


def quiet_summary(found: list[Any]) -> pd.DataFrame:
    """False alarms a week where nothing was wrong."""
    weeks = sum(f.weeks for f in found)
    counts = pd.concat([f.alerts for f in found])["rule"].value_counts()
    return pd.DataFrame(
        [
            {"rule": r.name, "alerts": int(counts.get(r.name, 0)), "a_week": float(counts.get(r.name, 0) / weeks)}
            for r in found[0].rules
        ]
    )


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A table for JSON."""
    return [{str(k): _plain(v) for k, v in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else round(float(value), 4)
    return value.item() if isinstance(value, np.generic) else value


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def show(report: dict[str, Any]) -> None:
    """The tables for people."""
    with pd.option_context("display.width", 200, "display.max_columns", 20, "display.max_rows", 100):
        print(
            f"Seeds {report['seeds']}, {report['weeks judged']} weeks judged in each part, {report['events']:,} events"
        )
        for part in ("drills", "quiet weeks", "null"):
            if report[part]:
                print(f"\n{part}\n{pd.DataFrame(report[part]).round(3).to_string(index=False)}")


if __name__ == "__main__":
    main()
