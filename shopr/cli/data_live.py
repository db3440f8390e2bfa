"""`shopr data simulate --live`: a simulated shop whose shoppers come now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from shopr.cli.output import echo, echo_json, echo_table

if TYPE_CHECKING:
    from shopr.shop.livestream import Streamed

__all__ = ["stream_shop"]

_RATE, _BACKFILL = 120.0, 60.0


def stream_shop(
    name: str,
    sizes: Mapping[str, Any],
    *,
    rate: float | None,
    minutes: float | None,
    backfill: float | None,
    as_json: bool,
) -> None:
    """Stream the future of a simulated shop into the store until the time is over or somebody stops it."""
    from shopr import __version__
    from shopr.config import Settings
    from shopr.progress import counted, step
    from shopr.shop import Shop
    from shopr.shop.livestream import LiveSessions, future_of, stream

    if sizes:
        raise click.UsageError(
            f"--{min(sizes)} is for a new shop: simulate it first, then stream it with --live --name {name}"
        )
    settings = Settings()
    shop = Shop.open(settings, name)
    with step("Play the shop's future") as playing:
        future = future_of(shop.data)
        release = settings.release or __version__
        sessions = LiveSessions(future, rate=rate or _RATE, seed=settings.seed, release=release)
        playing.note(f"{len(sessions):,} sessions")
    with counted("Stream the shop") as running, _stopped_by_signals() as stop:

        def told(done: Streamed, past: float) -> None:
            at = int(past) + 1
            running.at(at, max(at, int(minutes or 0)), "minute")

        past = _BACKFILL if backfill is None else backfill
        done = stream(
            shop.record, sessions, clock=shop.clock, wait=stop.wait, minutes=minutes, backfill=past, told=told
        )
    stored = shop.collector.close()
    if as_json:
        counts = shop.collector.counts()
        echo_json(
            {"sent": done.sent, "kept": done.kept, "new": counts.stored, "known": counts.doubled, "types": done.kinds}
        )
        return
    echo(f"{done.sent:,} events were sent; consent and sampling kept {done.kept:,}.")
    echo_table(["event type", "sent"], done.kinds.most_common())
    if not stored:
        echo("Some wait on disk: the store refuses them now; the next process takes them up.")


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl+C and a polite end of the process set, while the context is open."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
