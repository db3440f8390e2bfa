"""How often the gate is wrong: the share of candidates it promotes where their true effect is known.

    python benchmarks/gate.py --repeats 500 --resamples 400 --record
    python benchmarks/gate.py --repeats 1000 --only "no effect"

Each repeat draws shoppers whose measure is like nDCG (many zeros, the rest between 0 and 1) for a champion, and a
candidate whose hits move by a true effect: none, better, worse, or better on average and worse for one group. The gate
decides with its default rules, groups of 30, 15 and 5 % of the shoppers among its slices. Promised: a candidate that is
no better passes in 2.5 % at a first look, in 5 % over any number of looks together; a large group's loss as large as
the margin passes in 5 %. The rest is what it costs.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from shopr.progress import track  # noqa: E402 - the folder must be on the path first
from shopr.tracking.evidence import Evidence  # noqa: E402
from shopr.tracking.gate import decide  # noqa: E402
from shopr.tracking.rules import Rules  # noqa: E402

FILE = ROOT / "benchmarks" / "results" / "gate.json"
HIT = 0.3
"""Share of the shoppers with a hit under the champion; the mean measure is half of it."""
TRUTHS: dict[str, tuple[float, float]] = {
    "no effect": (0.0, 0.0),
    "5 % better": (0.05, 0.05),
    "10 % better": (0.10, 0.10),
    "20 % better": (0.20, 0.20),
    "10 % worse": (-0.10, -0.10),
    "20 % better, the large group loses 10 %": (0.20, -0.10),
    "20 % better, the large group loses 30 %": (0.20, -0.30),
}
"""Name -> true relative effect on everybody else, and on the large group (30 % of the shoppers)."""


def evidence(rng: np.random.Generator, n: int, rest: float, group: float) -> tuple[Evidence, Evidence]:
    """A candidate and a champion over n shoppers: most lists agree, some hits are gained and some lost."""
    large = np.arange(n) < 0.3 * n
    slices = {"large": large, "middle": np.arange(n) >= 0.85 * n, "small": np.arange(n) % 20 == 7}
    old = np.where(rng.random(n) < HIT, rng.random(n), 0.0)
    # A tenth of the lists change: what is lost and gained is alike but for the effect.
    effect = np.where(large, group, rest)
    changed = rng.random(n) < 0.1
    new = np.where(changed, np.where(rng.random(n) < HIT, rng.random(n), 0.0), old)
    extra = HIT / 2 * effect  # as an absolute change of the mean
    moved = rng.random(n) < np.abs(extra) / 0.5
    new = np.where(moved & (extra > 0), np.minimum(new + rng.random(n), 1.0 + new), new)
    # Losses take a random half away from shoppers with hits, so that the mean falls by `extra`.
    losing = (extra < 0) & (new > 0) & (rng.random(n) < np.abs(extra) / (HIT / 2) * 2)
    new = np.where(losing, new * 0.5, new)
    users = np.arange(n)
    make = [Evidence(name, users, {"ndcg@10": v}, slices, 0.5, 1.0) for name, v in (("new", new), ("old", old))]
    return make[0], make[1]


def rates(repeats: int, seed: int, rules: Rules, only: str = "") -> list[dict[str, Any]]:
    """One row a truth and number of shoppers: the share promoted, refused for the gain, and for a group."""
    rows = []
    for n in (500, 2_000, 10_000):
        for name, (rest, group) in TRUTHS.items():
            if only not in name:
                continue
            rng = np.random.default_rng([seed, n, list(TRUTHS).index(name)])
            counts = dict.fromkeys(("promoted", "gain", "group"), 0)
            for _ in track(range(repeats), f"{n:,} shoppers, {name}"):
                candidate, champion = evidence(rng, n, rest, group)
                decision = decide(candidate, champion, champion, rules)
                failed = [r.name for r in decision.reasons if not r.passed]
                counts["promoted"] += decision.allowed
                counts["gain"] += any(r.startswith("gain") for r in failed)
                counts["group"] += any(r.startswith("slice") for r in failed)
            rows.append({"shoppers": n, "truth": name, **{k: v / repeats for k, v in counts.items()}})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20_271)
    parser.add_argument("--record", action="store_true", help="keep the table in results/gate.json")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--resamples", type=int, default=Rules().resamples, help="bootstrap replicates (the rules')")
    parser.add_argument("--only", default="", metavar="TEXT", help="truths whose name holds this")
    asked = parser.parse_args()
    rules = Rules(resamples=asked.resamples)
    rows = rates(asked.repeats, asked.seed, rules, asked.only)
    told = {
        "repeats": asked.repeats, "seed": asked.seed, "rules": rules.model_dump(), "rows": rows,
        "versions": {p: version(p) for p in ("numpy", "scipy")} | {"python": platform.python_version()},
    }  # fmt: skip
    if asked.record:
        FILE.write_text(json.dumps(told, indent=1) + "\n")
    if asked.json:
        print(json.dumps(told))
        return
    print(f"seed {asked.seed}, {asked.repeats} candidates a row, one look; standard errors at most "
          f"{0.5 / asked.repeats**0.5:.3f}")  # fmt: skip
    print(f"{'shoppers':>8}  {'truth':<42} {'promoted':>9} {'no gain':>9} {'a group':>9}")
    for r in rows:
        print(f"{r['shoppers']:>8,}  {r['truth']:<42} {r['promoted']:9.1%} {r['gain']:9.1%} {r['group']:9.1%}")


if __name__ == "__main__":
    main()
