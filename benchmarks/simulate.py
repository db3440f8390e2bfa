"""How fast a shop is simulated: `python benchmarks/simulate.py [--events N] [--preset NAME] [--images]`.

Prints the seconds of each part, events a second, and the peak memory of the process. Pictures are drawn only if asked.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from typing import TypeVar

from shopr.data.simulator import world_dataset, world_of

T = TypeVar("T")


def main() -> None:
    """Time the parts of one simulation and print them as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--events", type=int, default=None, help="about how many events; default: as the preset gives")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--images", action="store_true", help="draw the product pictures too")
    args = parser.parse_args()
    rows: list[tuple[str, float]] = []

    def timed(name: str, work: Callable[[], T]) -> T:
        started = time.perf_counter()
        result = work()
        rows.append((name, time.perf_counter() - started))
        return result

    world = timed("people, products, days", lambda: world_of(args.preset, events=args.events, seed=args.seed))
    timed("sessions and event table", world.history)
    data = timed("event table again, catalogue, texts, prices, fingerprint", lambda: world_dataset(world, images=False))
    if args.images:
        timed("all of that again, with pictures", lambda: world_dataset(world, images=True))
    total = sum(seconds for name, seconds in rows[:3])
    for name, seconds in rows:
        print(f"{name:<58}{seconds:8.2f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{len(data.events):,} events in {total:.1f} s: {len(data.events) / total:,.0f} events/s, peak {peak:,.0f} MB"
    )
    print(f"fingerprint {data.manifest.fingerprint}")


if __name__ == "__main__":
    main()
