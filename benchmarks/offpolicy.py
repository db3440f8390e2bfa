"""Off-policy estimates and interleaving against the truth: `python benchmarks/offpolicy.py [--data FOLDER] [--json]`.

1. Open Bandit (FOLDER/abtest/obd_small; left out if absent): each policy's value from the log of the other, beside its
   own mean click rate.
2. Known truth: coverage of 95 % intervals and root mean squared error over `--tries` logs, for tame and wild weights.
3. Interleaving: share of significant tests of a ranker against itself, against another where clicks ignore
   products, and against a slightly worse one.
4. Speed: estimates on a log of a million rows.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from shopr.abtest.counterfactual import openbandit
from shopr.abtest.counterfactual.logged import Logged
from shopr.abtest.counterfactual.offpolicy import INTERVALS, METHODS, estimate
from shopr.abtest.counterfactual.overlap import overlap
from shopr.abtest.counterfactual.replay import replay
from shopr.abtest.counterfactual.rewardmodel import cross_fit
from shopr.abtest.policies.interleaving import SCHEMES, credit, interleave
from shopr.abtest.policies.preference import preference
from shopr.abtest.policies.thompson import BetaThompson


def open_bandit(folder: Path, seed: int) -> list[dict[str, Any]]:
    """Each policy from the other's log."""
    rows = []
    for campaign in ("men", "women"):
        logs = {name: openbandit.load(folder, campaign, name) for name in ("random", "bts")}
        for source, target in (("random", "bts"), ("bts", "random")):
            policy, own = openbandit.average_policy(logs[target]), float(logs[target].rewards.mean())
            if target == "random":
                policy = np.full(logs[source].n_actions, 1 / logs[source].n_actions)
            q = cross_fit(logs[source], seed=seed)
            left = overlap(logs[source], policy)
            for method in METHODS:
                e = estimate(logs[source], policy, method, q=q, interval="bootstrap", seed=seed)
                rows.append(
                    {"campaign": campaign, "policy": target, "log": source, "method": method, "value": e.value,
                     "lo": e.lo, "hi": e.hi, "own_mean": own, "inside": e.lo <= own <= e.hi,
                     "effective": left.effective, "max_weight": left.max_weight}
                )  # fmt: skip
        log = logs["random"]
        bandit = BetaThompson([str(a) for a in range(log.n_actions)], slots=3, draws=2000, seed=seed)
        done = replay(bandit, log, batch=200, seed=seed)
        rows.append(
            {"campaign": campaign, "policy": "our Thompson", "log": "random", "method": "replay", "value": done.value,
             "lo": done.lo, "hi": done.hi, "effective": done.accepted}
        )  # fmt: skip
    return rows


def known_truth(tries: int, n: int, seed: int) -> list[dict[str, Any]]:
    """Coverage and error where the value is known."""
    truth = np.array([0.05, 0.08, 0.04, 0.10, 0.06])
    cases = {
        "tame": (np.array([0.3, 0.25, 0.2, 0.15, 0.1]), np.array([0.1, 0.1, 0.1, 0.6, 0.1])),
        "wild": (np.array([0.6, 0.38, 0.01, 0.005, 0.005]), np.array([0.05, 0.05, 0.3, 0.3, 0.3])),
    }
    rows = []
    for name, (logging, target) in cases.items():
        value = float(target @ truth)
        rng = np.random.default_rng(seed)
        found: dict[tuple[str, str], list[tuple[float, bool]]] = {}
        for one in range(tries):
            actions = rng.choice(5, n, p=logging)
            log = Logged.of(actions, rng.random(n) < truth[actions], logging[actions], n_actions=5)
            q = cross_fit(log, seed=one)
            for method in METHODS:
                for interval in INTERVALS:
                    if interval == "bernstein" and method not in {"ips", "dr"}:
                        continue
                    e = estimate(
                        log, target, method, q=q, interval=interval, resamples=500, seed=one,
                        weight_bound=float((target / logging).max()),
                    )  # fmt: skip
                    found.setdefault((method, interval), []).append((e.value, e.lo <= value <= e.hi))
        for (method, interval), results in found.items():
            values, inside = (np.array(part) for part in zip(*results, strict=True))
            rows.append(
                {"weights": name, "method": method, "interval": interval, "coverage": float(inside.mean()),
                 "coverage_se": float(np.sqrt(0.95 * 0.05 / tries)), "bias": float(values.mean() - value),
                 "rmse": float(np.sqrt(((values - value) ** 2).mean())), "tries": tries, "n": n}
            )  # fmt: skip
    return rows


def interleaved(tries: int, requests: int, seed: int) -> list[dict[str, Any]]:
    """Share of significant tests at 5 %: a ranker against itself, and against a slightly worse one."""
    rng = np.random.default_rng(seed)
    n = tries * requests
    appeal = rng.random((n, 15))
    ranks = {noise: np.argsort(-appeal - noise * rng.random((n, 15)), axis=1)[:, :10] for noise in (0.3, 0.8)}
    rows = []
    for scheme in SCHEMES:
        for name, pair in (("same", (0.3, 0.3)), ("other, blind clicks", (0.3, 0.8)), ("better", (0.3, 0.8))):
            shown = interleave(ranks[pair[0]], ranks[pair[1]], 6, scheme=scheme, seed=seed)
            liked = 0.7 if "blind" in name else np.take_along_axis(appeal, shown.items, axis=1)
            outcomes = credit(shown, rng.random((n, 6)) < 0.3 * liked / np.arange(1, 7) ** 0.5).outcome
            p = [preference(part, resamples=100).p for part in outcomes.reshape(tries, requests)]
            rows.append({"scheme": scheme, "rankers": name, "significant": float((np.array(p) < 0.05).mean()),
                         "se": float(np.sqrt(0.05 * 0.95 / tries)), "tests": tries, "requests": requests})  # fmt: skip
    return rows


def speed(n: int, seed: int) -> list[dict[str, Any]]:
    """Seconds for a log of n rows, 20 actions, 3 slots."""
    rng = np.random.default_rng(seed)
    logging, target = rng.dirichlet(np.ones(20), 3), rng.dirichlet(np.ones(20), 3)
    slots = rng.integers(0, 3, n)
    actions = np.minimum((rng.random((n, 1)) > np.cumsum(logging, axis=1)[slots]).sum(axis=1), 19)
    log = Logged.of(actions, rng.random(n) < 0.05, logging[slots, actions], n_actions=20, positions=slots)
    rows, q = [], None
    for name in ("cross_fit", *METHODS):
        started = time.perf_counter()
        if name == "cross_fit":
            q = cross_fit(log)
        else:
            estimate(log, target, name, q=q)  # type: ignore[arg-type]
        rows.append({"rows": n, "step": name, "seconds": time.perf_counter() - started})
    return rows


def main() -> None:
    """Run all parts and print their tables, or one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SHOPR_SHARED_DATA", "../shared/data")))
    parser.add_argument("--tries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    folder = args.data / "abtest" / "obd_small"
    parts = {
        "open_bandit": open_bandit(folder, args.seed) if folder.is_dir() else [],
        "known_truth": known_truth(args.tries, 2000, args.seed),
        "interleaving": interleaved(args.tries, 200, args.seed),
        "speed": speed(1_000_000, args.seed),
    }
    if args.json:
        print(json.dumps(parts))
        return
    for name, rows in parts.items():
        print(f"\n{name}, seed {args.seed}")
        print(pd.DataFrame(rows).round(5).to_string(index=False) if rows else "left out: no such folder")


if __name__ == "__main__":
    main()
