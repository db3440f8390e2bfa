"""Progress: silent unless watched or asked for, one plain line a step, and never in the way of the work."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest

from shopr import progress
from shopr.clock import ManualClock
from shopr.errors import InputError


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _default() -> Iterator[None]:
    yield
    progress.show(None)


def test_nothing_is_printed_where_no_one_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.step("Read"):
        assert list(progress.track(range(3), "Rows")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_asked_for_each_step_gives_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    progress.show(True)
    clock = ManualClock()
    with progress.step("Read the orders", clock=clock) as step:
        clock.advance(2.5)
        step.note("3 lines")
    assert capsys.readouterr() == ("", "✓ Read the orders: 3 lines (2.5 s)\n")


def test_what_is_asked_for_within_ends_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    progress.show(True)
    with pytest.raises(ZeroDivisionError), progress.kept():
        progress.show(False)
        with progress.step("Read"):
            pass
        1 / 0  # noqa: B018
    assert capsys.readouterr().err == ""
    with progress.step("Write", clock=ManualClock()):
        pass
    assert capsys.readouterr().err == "✓ Write (0.0 s)\n"


def test_a_failed_step_says_so_and_passes_the_error_on(capsys: pytest.CaptureFixture[str]) -> None:
    progress.show(True)
    with pytest.raises(ZeroDivisionError), progress.step("Divide", clock=ManualClock()):
        1 / 0  # noqa: B018
    assert capsys.readouterr().err == "✗ Divide (0.0 s)\n"


@pytest.mark.parametrize(("word", "lines"), [("1", 1), ("true", 1), ("0", 0), ("off", 0)])
def test_the_environment_decides(
    word: str, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOPR_PROGRESS", word)
    assert sum(progress.track([1, 2], "Add")) == 3
    assert len(capsys.readouterr().err.splitlines()) == lines


def test_an_unknown_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPR_PROGRESS", "perhaps")
    with pytest.raises(InputError, match="SHOPR_PROGRESS is 'perhaps'"), progress.step("x"):
        pass


def test_on_a_terminal_bars_may_stand_inside_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.step("Outer [not markup]"), progress.step("Inner"):
        assert sum(progress.track(iter([1, 2]), "Bar", total=2)) == 3
    printed = terminal.getvalue()
    assert "✓ Inner" in printed
    assert "✓ Outer [not markup]" in printed
    assert printed.index("✓ Inner") < printed.index("✓ Outer")


def test_leaving_a_loop_early_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    for value in progress.track(range(10), "Search"):
        if value == 2:
            break
    assert progress._State.spinners == []
