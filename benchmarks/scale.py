"""Time and peak memory of fits and of recommending to all, as interactions grow, on synthetic data.

    python benchmarks/scale.py                                    0.1M, 1M and 10M rows, and more items at 1M rows
    python benchmarks/scale.py --rows 100000,1000000 --models ease,item_knn --growing ""
    python benchmarks/scale.py --json > benchmarks/results/scale.json

Items are drawn from a Zipf law, users evenly, all by the seed. Each cell runs in a process of its own, one thread, with
the memory budget as its bound; a model that refuses is told so in the table. The slope is that of log seconds against
log rows at fixed items: 1 is linear, below 1 the fixed cost of the items still shows. CPU seconds are the steadier ones
on a busy machine. `spark` is iALS's item factors by Spark on all cores (where pyspark and Java are there), its memory
that of the whole family of processes; the estimate counts this process alone, Java's heap is what the budget leaves.
Users are fixed as well: histories grow with the rows, and what counts pairs within them grows a little faster.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
MODELS = "ease,edlae,item_knn,ials,spectral,spark"


def versions() -> dict[str, str]:
    """What the figures depend on."""
    found = {"python": platform.python_version(), "cores": str(os.cpu_count())}
    for name in ("numpy", "scipy", "implicit", "pyspark"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def spark_is_there() -> bool:
    """Whether Spark can start here; says why not on stderr."""
    from shopr.errors import ShoprError
    from shopr.recommend.models.spark import check_ready

    try:
        check_ready()
    except ShoprError as error:
        print(f"without spark: {error.one_line()}", file=sys.stderr)
        return False
    return True


def line(cell: dict[str, Any]) -> str:
    """A cell as a line of the table."""
    head = f"{cell['model']:<10} {cell['rows']:>11,} {cell['items']:>7,}"
    if cell["refused"]:
        return f"{head} {cell['refused']}"
    seconds = f"{cell['fit_s']:9.2f} {cell['fit_cpu_s']:9.2f} {cell['all_s']:9.2f}"
    return f"{head} {seconds} {cell['peak_mb']:9,.0f} {cell['told_mb']:9,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="100000,1000000,10000000", help="comma-separated sizes")
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--growing", default="10000,40000", help="other numbers of items, at the middle size")
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--factors", type=int, default=32, help="of ials and spark, with 10 iterations")
    parser.add_argument("--budget", type=int, default=4 * 2**30, help="memory budget in bytes")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    import pandas as pd

    from shopr.recommend.selection.scaling import measure, slopes

    sizes = [int(size) for size in arguments.rows.split(",")]
    models = [m for m in arguments.models.split(",") if m != "spark" or spark_is_there()]
    plan = [(rows, arguments.items) for rows in sizes]
    plan += [(sorted(sizes)[len(sizes) // 2], int(items)) for items in arguments.growing.split(",") if items]
    factors = {"factors": arguments.factors, "iterations": 10}
    out = sys.stderr if arguments.json else sys.stdout
    head = f"{'model':<10} {'rows':>11} {'items':>7} {'fit s':>9} {'fit CPU s':>9} {'all s':>9}"
    print(f"{head} {'peak MB':>9} {'told MB':>9}", file=out)
    parts = []
    for model in models:
        for rows, items in plan:
            parts.append(
                measure(
                    [model], [rows], users=arguments.users, items=items, seed=arguments.seed, memory=arguments.budget,
                    settings={"ials": factors, "spark": factors},
                )
            )  # fmt: skip
            print(line(parts[-1].iloc[0].to_dict()), file=out, flush=True)
    cells = pd.concat(parts, ignore_index=True)
    fixed = cells[cells["items"] == arguments.items]
    growth = {c: slopes(fixed, c).round(2).to_dict() for c in ("fit_s", "fit_cpu_s", "all_s", "peak_mb")}
    print(f"slope over the two largest sizes: {growth}\n{versions()}, seed {arguments.seed}", file=out)
    if arguments.json:
        given = {name: getattr(arguments, name) for name in ("users", "budget", "factors", "seed")}
        found = {
            **given,
            "versions": versions(),
            "slopes": growth,
            "cells": json.loads(cells.to_json(orient="records")),
        }
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
