"""Writers that are killed with signal 9 at random points while they record, store and compact.

A writer records event after event and says through a pipe which are acknowledged, and when a compaction begins and
ends. Two kills of three strike at a random moment, the third within a compaction. The next writer takes up what the
dead one left. After every tenth kill, and at the end, a process looks: all that was acknowledged is there, once.
"""

from __future__ import annotations

import os
import random
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shopr.analytics.intake.collector import Collector
from shopr.analytics.intake.spool import Spool
from shopr.analytics.store.event_store import EventStore
from shopr.data.events import Event, EventType
from shopr.errors import StorageError
from shopr.storage import Database

__all__ = ["Killed", "kill_writers"]

_COMPACT_EVERY = 400
_LOOK_EVERY = 10
_PAD = "x" * 200


@dataclass
class Killed:
    """What came of it.

    Attributes:
        kills: writers killed; `recording` and `compacting`: in what they were doing.
        acknowledged: events that were acknowledged in all.
        lost, doubled: of those, at any look.
        unacknowledged: stored without having been acknowledged: killed between the disk and the answer.
        left: segments and parts' left-overs in the end.
        looks: how often was looked.
    """

    kills: int = 0
    recording: int = 0
    compacting: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    unacknowledged: int = 0
    left: int = 0
    looks: int = 0
    seconds: float = 0.0


def kill_writers(home: Path, kills: int, seed: int, say: Callable[[str], None] = lambda _: None) -> Killed:
    """Kill so many writers one after another.

    Args:
        home: an empty folder.
        seed: of the moments.
    """
    Database.open(url=f"sqlite:///{home / 'events.db'}").close()
    draws, done, known = random.Random(seed), Killed(), set[str]()
    began, first = time.monotonic(), 0
    for number in range(kills):
        aimed = number % 3 == 2
        last, compacting = _one(home, first, draws, known, aimed=aimed)
        first = last + 1_000  # numbers that were recorded but not told are not used again
        done.kills += 1
        done.compacting += compacting
        done.recording += not compacting
        if done.kills % _LOOK_EVERY == 0 or done.kills == kills:
            lost, doubled, more = _look(home, known)
            done.lost, done.doubled = max(done.lost, lost), max(done.doubled, doubled)
            done.unacknowledged, done.looks = more, done.looks + 1
            say(f"{done.kills} kills, {len(known):,} events acknowledged, {done.lost} lost, {done.doubled} doubled")
    done.acknowledged, done.seconds = len(known), time.monotonic() - began
    done.left = len(list((home / "spool").glob("*"))) + len(list((home / "parts").rglob("*.tmp")))
    return done


def _one(home: Path, first: int, draws: random.Random, known: set[str], *, aimed: bool) -> tuple[int, bool]:
    """One writer's life: the last number it told, and whether it was killed in a compaction."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            _write(home, first, writer)
        finally:
            os._exit(1)
    os.close(writer)
    events = draws.randint(1, 1_500)
    compactions = draws.randint(1, 3)
    delay = draws.uniform(0.0, 0.04)
    told, text, compacting, seen = first, b"", False, 0
    while True:
        if not select.select([reader], [], [], 30.0)[0]:
            raise SystemExit("the writer says nothing")
        block = os.read(reader, 1 << 16)
        if not block:
            raise SystemExit("the writer ended by itself")
        *lines, text = (text + block).split(b"\n")
        for line in lines:
            if line in (b"c", b"d"):
                compacting = line == b"c"
                seen += compacting
            else:
                told = int(line)
                known.add(f"e{told}")
        if (aimed and compacting and seen >= compactions) or (not aimed and told - first >= events):
            break
    select.select([], [], [], delay)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with os.fdopen(reader, "rb") as rest:
        for line in (text + rest.read()).split(b"\n")[:-1]:
            if line in (b"c", b"d"):
                compacting = line == b"c"
            else:
                told = int(line)
                known.add(f"e{told}")
    return told, compacting


def _write(home: Path, number: int, out: int) -> None:
    store = EventStore(Database.open(url=f"sqlite:///{home / 'events.db'}"), home / "parts")
    collector = Collector(store, Spool(home / "spool"))
    collector.recover()
    while True:
        time_ = datetime.now(UTC) - timedelta(seconds=number % 7)
        properties = {"product_id": f"p{number % 97}", "note": _PAD}
        collector.record(
            Event(event_id=f"e{number}", type=EventType.ORDER_COMPLETED, time=time_, properties=properties)
        )
        os.write(out, b"%d\n" % number)
        number += 1
        if number % _COMPACT_EVERY == 0:
            os.write(out, b"c\n")
            try:
                store.compact(timedelta(0))
            except StorageError:
                continue
            finally:
                os.write(out, b"d\n")


def _look(home: Path, known: set[str]) -> tuple[int, int, int]:
    """In a process of its own, which takes up what is left: acknowledged events lost, doubled, and stored besides."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            store = EventStore(Database.open(url=f"sqlite:///{home / 'events.db'}"), home / "parts")
            Collector(store, Spool(home / "spool")).recover()
            with store.query() as events:
                found = [row[0] for row in events.sql("SELECT event_id FROM events").fetchall()]
            distinct = set(found)
            answer = (len(known - distinct), len(found) - len(distinct), len(distinct - known))
            os.write(writer, " ".join(map(str, answer)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer_:
        words = answer_.read().split()
    os.waitpid(pid, 0)
    if len(words) != 3:
        raise SystemExit("the process that looks failed")
    lost, doubled, more = map(int, words)
    return lost, doubled, more
