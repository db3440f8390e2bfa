"""Hash ids and assign units: Shopr beside an mmh3 loop, and how even and independent the arms are.

    python benchmarks/assignment.py --json

Speed: a number in [0, 1) for each id under a salt, Shopr's vectorised hash against a list comprehension over mmh3 (in
an environment of its own), turn by turn in one run, CPU time, medians of the rounds. Evenness: sequential whole numbers
under several salts, chi-square over 1,000 buckets; the smallest of all p-values is judged by Holm's correction.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from scipy import stats  # noqa: E402

from benchmarks.peers import peer_python  # noqa: E402
from shopr.abtest.allocation.assignment import Assignment  # noqa: E402
from shopr.abtest.methods.multiplicity import adjust  # noqa: E402
from shopr.abtest.methods.srm import sample_ratio  # noqa: E402
from shopr.hashing import bucket, growthbook, uniform  # noqa: E402

PEER = """
import sys, time
import mmh3, numpy as np
n = int(sys.argv[1])
ids = {"whole numbers": range(n), "texts": [f"user-{i}" for i in range(n)]}
numbers = np.arange(n).tolist()
loops = {
    "whole numbers": lambda: np.array([mmh3.hash(str(i), 7, signed=False) for i in numbers]) / 2**32,
    "texts": lambda: np.array([mmh3.hash(t, 7, signed=False) for t in ids["texts"]]) / 2**32,
}
print("ready", flush=True)
for line in sys.stdin:
    start = time.process_time()
    loops[line.strip()]()
    print(time.process_time() - start, flush=True)
"""
TARGETS = {"whole numbers": 10.0, "texts": 3.0}
SALTS = ["homepage", "homepage-2", "checkout", "1", "2", "a much longer salt than all the others", "", "ünï"]


def main() -> None:
    """Measure, print, and leave with 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000_000, help="ids in the test of evenness")
    parser.add_argument("--speed-n", type=int, default=2_000_000, help="ids in the test of speed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    report = {"speed": speed(args.speed_n, args.rounds), "evenness": evenness(args.n)}
    if args.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    met = all(row["ratio"] >= TARGETS[row["ids"]] for row in report["speed"]["rows"])
    sys.exit(0 if met and report["evenness"]["smallest p, corrected"] > 0.001 else 1)


def speed(n: int, rounds: int) -> dict[str, Any]:
    """Nanoseconds an id, ours and the loop's, each round one after the other."""
    texts, numbers = [f"user-{i}" for i in range(n)], np.arange(n)
    ours: dict[str, Callable[[], Any]] = {
        "whole numbers": lambda: uniform(numbers, "salt"),
        "texts": lambda: uniform(texts, "salt"),
    }
    python = peer_python("assignment", ["mmh3>=5,<6", "numpy>=2,<3"])
    peer = subprocess.Popen([str(python), "-c", PEER, str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert peer.stdin is not None
    assert peer.stdout is not None
    peer.stdout.readline()
    rows = []
    for name, work in ours.items():
        times: list[tuple[float, float]] = []
        for _ in range(rounds):
            mine = seconds(work)
            print(name, file=peer.stdin, flush=True)
            times.append((mine, float(peer.stdout.readline())))
        pairs = np.array(times)
        mine, theirs = np.median(pairs, axis=0) / n * 1e9
        ratio = float(np.median(pairs[:, 1] / pairs[:, 0]))
        rows.append({"ids": name, "shopr ns": float(mine), "mmh3 loop ns": float(theirs), "ratio": ratio})
    peer.stdin.close()
    peer.wait()
    peer.stdout.close()
    few = texts[: n // 10]
    extra = {
        "assign, whole numbers, ns": seconds(lambda: Assignment("test").assign(numbers)) / n * 1e9,
        "assign, texts, ns": seconds(lambda: Assignment("test").assign(texts)) / n * 1e9,
        "GrowthBook's hash, version 2, texts, ns": seconds(lambda: growthbook(few, "salt")) / len(few) * 1e9,
    }
    return {"n": n, "rounds": rounds, "rows": rows, **extra}


def seconds(work: Callable[[], Any]) -> float:
    """The CPU time of one call: others may share the machine."""
    start = time.process_time()
    work()
    return time.process_time() - start


def evenness(n: int) -> dict[str, Any]:
    """p-values of chi-square over buckets for each salt, over arms, and of independence for each pair of salts."""
    ids = np.arange(n)
    even = [float(stats.chisquare(np.bincount(bucket(ids, salt, 1000), minlength=1000)).pvalue) for salt in SALTS]
    halves = [bucket(ids, salt, 10).astype(np.int8) for salt in SALTS]
    apart = [
        float(stats.chi2_contingency(np.bincount(one * np.int64(10) + other, minlength=100).reshape(10, 10)).pvalue)
        for one, other in itertools.combinations(halves, 2)
    ]
    arms = [
        float(
            sample_ratio(
                np.bincount(Assignment(salt or "empty", ("a", "b", "c"), (0.2, 0.3, 0.5)).assign(ids).codes), [2, 3, 5]
            ).p
        )
        for salt in SALTS
    ]
    smallest = float(np.min(adjust([*even, *apart, *arms], "holm")))
    return {"n": n, "salts": even, "pairs of salts": apart, "arms": arms, "smallest p, corrected": smallest}


def show(report: dict[str, Any]) -> None:
    """For people."""
    fast, even = report["speed"], report["evenness"]
    print(f"{fast['n']:,} ids, {fast['rounds']} rounds, medians\n")
    print(f"{'ids':16}{'Shopr ns':>10}{'mmh3 ns':>10}{'ratio':>8}{'target':>8}")
    for row in fast["rows"]:
        print(
            f"{row['ids']:16}{row['shopr ns']:10.1f}{row['mmh3 loop ns']:10.1f}{row['ratio']:8.1f}"
            f"{TARGETS[row['ids']]:8.0f}"
        )
    for name in [key for key in fast if key.endswith(", ns")]:
        print(f"{name}: {fast[name]:.1f}")
    print(f"\n{even['n']:,} sequential ids, chi-square p-values")
    for name in ("salts", "arms", "pairs of salts"):
        values = even[name]
        print(f"{name:16}{len(values)} tests, smallest {min(values):.4f}, median {np.median(values):.3f}")
    print(f"smallest of all, corrected by Holm: {even['smallest p, corrected']:.3f}")


if __name__ == "__main__":
    main()
