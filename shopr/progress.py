"""Progress on stderr: a bar for loops, a line for steps. Silent where no one watches, unless asked.

Bars and spinners appear on a terminal. In a pipe or a log nothing is printed, unless `show(True)` or `SHOPR_PROGRESS=1`
asks for it; then each step gives one plain line when it ends. `SHOPR_PROGRESS=0` silences a terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from shopr.clock import Clock, SystemClock
from shopr.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

__all__ = ["Counter", "Step", "counted", "kept", "show", "step", "track"]

T = TypeVar("T")
_WORDS = {"1": True, "true": True, "on": True, "yes": True, "0": False, "false": False, "off": False, "no": False}


class _State:
    """What this process shows: asked for by `show`, and the spinners that stand open, outermost first."""

    wanted: bool | None = None
    spinners: list[Status] = []  # noqa: RUF012  (one terminal, one process)


class Step:
    """A step that is under way; `note` adds what came of it to the line printed when it ends."""

    def __init__(self, description: str) -> None:
        self.description = description
        self.result = ""

    def note(self, result: str) -> None:
        """Say in a few words what came of the step."""
        self.result = result


def show(wanted: bool | None) -> None:
    """Ask for progress (True), for silence (False), or for the default: only on a terminal (None)."""
    _State.wanted = wanted


@contextmanager
def kept() -> Iterator[None]:
    """What is asked for by `show` within holds until the end of it, and no longer."""
    before = _State.wanted
    try:
        yield
    finally:
        _State.wanted = before


@contextmanager
def step(description: str, *, clock: Clock | None = None) -> Iterator[Step]:
    """A step of a longer job: a spinner while it runs, one line with its duration when it ends.

    >>> with step("Read the orders") as reading:
    ...     reading.note("3 lines")
    """
    current = Step(description)
    if not _visible():
        yield current
        return
    watch = clock or SystemClock()
    started = watch.monotonic()
    with _alone():
        end = "failed"
        try:
            with _spinner(description):
                yield current
            end = "done"
        finally:
            _line(end, current, watch.monotonic() - started)


def track(iterable: Iterable[T], description: str, total: float | None = None) -> Iterator[T]:
    """Yield from `iterable` with a progress bar. `total` is its length where `len()` does not know it."""
    if not _visible() or not sys.stderr.isatty():
        with step(description):
            yield from iterable
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    length = total if total is not None else getattr(iterable, "__len__", lambda: None)()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with _alone(), Progress(*columns, console=_console(), transient=True) as bar:
        yield from bar.track(iterable, total=length, description=description)


class Counter:
    """Something that says by itself how far it is."""

    def __init__(self, description: str, tell: Callable[[int, int, str], None], say: Callable[[str], None]) -> None:
        self.description = description
        self.say = say
        self._tell = tell
        self._last = (0, 0)

    def at(self, number: int, total: int, unit: str) -> None:
        """It is at the `number`-th of `total` units now."""
        if (number, total) != self._last:
            self._last = (number, total)
            self._tell(number, total, unit)


@contextmanager
def counted(description: str) -> Iterator[Counter]:
    """A bar for work that counts by itself; where there is no terminal but progress is asked for, a line at each step.

    >>> with counted("Run quickstart") as running:
    ...     running.at(3, 9, "cell")
    """
    if not _visible():
        yield Counter(description, lambda *_: None, lambda _: None)
        return
    if not sys.stderr.isatty():
        yield Counter(
            description,
            lambda number, total, unit: _say(f"{description}: {unit} {number} of {total}"),
            _say,
        )
        return
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with _alone(), Progress(*columns, console=_console(), transient=True) as bar:
        task = bar.add_task(escape(description), total=None)

        def tell(number: int, total: int, unit: str) -> None:
            text = f"{description}: {unit} {number} of {total}"
            bar.update(task, description=escape(text), completed=number - 1, total=total)

        yield Counter(description, tell, lambda text: bar.console.print(escape(text), soft_wrap=True))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def _visible() -> bool:
    if _State.wanted is not None:
        return _State.wanted
    word = os.environ.get("SHOPR_PROGRESS", "").strip().lower()
    if word:
        if word not in _WORDS:
            raise InputError(f"SHOPR_PROGRESS is {word!r}", hint="Set it to 1 or 0")
        return _WORDS[word]
    return sys.stderr.isatty()


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the innermost spinner still: a terminal has room for one moving line."""
    outer = _State.spinners[-1] if _State.spinners else None
    if outer is not None:
        outer.stop()
    try:
        yield
    finally:
        if outer is not None:
            outer.start()


@contextmanager
def _spinner(description: str) -> Iterator[None]:
    if not sys.stderr.isatty():
        yield
        return
    from rich.markup import escape

    status = _console().status(escape(description))
    _State.spinners.append(status)
    try:
        with status:
            yield
    finally:
        _State.spinners.pop()


def _line(end: str, current: Step, seconds: float) -> None:
    mark = {"done": "✓", "failed": "✗"}[end] if (sys.stderr.encoding or "").lower().startswith("utf") else end
    result = f": {current.result}" if current.result else ""
    print(f"{mark} {current.description}{result} ({seconds:.1f} s)", file=sys.stderr, flush=True)  # noqa: T201
