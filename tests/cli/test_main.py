"""The door: one line for every failure, the right exit status, the nearest command, a log of the unexpected."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from shopr.cli import main as door
from shopr.errors import GateError, InputError
from tests.calling import Run, typed


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the command line in this process: (exit status, stdout, stderr)."""
    return partial(typed(), capsys)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Makes `shopr doctor` raise."""

    def prepare(error: BaseException) -> None:
        @click.command()
        def doctor() -> None:
            raise error

        monkeypatch.setattr("shopr.cli.doctor.doctor", doctor)

    return prepare


def test_every_command_of_the_table_exists_and_explains_itself() -> None:
    for name, (module, attribute, line) in door.COMMANDS.items():
        assert find_spec(module) is not None, f"{name}: no module {module}"
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        assert line.endswith(".")
        assert command.help, f"{name} has no help"


def walk(command: click.Command, path: str) -> list[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        return [(path, command)]
    context = click.Context(command)
    children = [(name, command.get_command(context, name)) for name in command.list_commands(context)]
    return [leaf for name, child in children if child is not None for leaf in walk(child, f"{path} {name}")]


@pytest.mark.parametrize(("path", "command"), walk(door.cli, "shopr"), ids=lambda v: v if isinstance(v, str) else "")
def test_every_command_shows_an_example(path: str, command: click.Command) -> None:
    text = f"{command.help or ''}\n{command.epilog or ''}"
    assert "Example" in text, f"{path} --help shows no example"
    assert path in text.replace("\n", " "), f"the example of {path} does not call it"


def test_help_is_the_map(run: Run) -> None:
    status, out, err = run("--help")
    assert (status, err) == (0, "")
    for name, (_, _, line) in door.COMMANDS.items():
        assert name in out
        assert " ".join(line.split()[:4]) in " ".join(out.split())


def test_a_command_without_its_module_is_not_listed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(door.COMMANDS, "fly", ("shopr.cli.fly", "fly", "Fly."))
    assert "Fly." not in run("--help")[1]
    assert run("fly")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["confg"], "error: unknown command 'confg'. Did you mean 'config'? Known: "),
        (["config", "shwo"], "error: unknown command 'shwo'. Did you mean 'show'? Known: show"),
        (["config", "show", "--jsn"], "Did you mean '--json'? See 'shopr config show --help'"),
        (["config", "show", "extra"], "Got unexpected extra argument"),
        (["--colour"], "error: No such option '--colour'"),
    ],
)
def test_a_wrong_call_is_one_line_and_2(run: Run, arguments: list[str], said: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_without_a_command_the_map_is_shown_and_the_call_was_wrong(run: Run) -> None:
    status, out, err = run()
    assert (status, out) == (2, "")
    assert "Commands:" in err


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (InputError("k is 0", hint="Ask for\nat least 1"), 2, "error: k is 0. Ask for at least 1\n"),
        (GateError("refused"), 1, "error: refused\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (OSError(errno.ENOSPC, "x", "/disk/f"), 1, "error: /disk/f: no space left on device. Free some disk space"),
        (PermissionError(errno.EACCES, "x", "/f"), 1, "error: /f: permission denied. Check the permissions"),
        (MemoryError(), 1, "error: the machine ran out of memory"),
    ],
)
def test_failures_are_one_line(
    run: Run, failing: Callable[[BaseException], None], error: BaseException, status: int, said: str
) -> None:
    failing(error)
    left, out, err = run("doctor")
    assert (left, out) == (status, "")
    assert err.startswith(said)
    assert err.count("\n") == 1


def test_the_unexpected_is_one_line_with_a_log(
    run: Run, failing: Callable[[BaseException], None], tmp_path: Path
) -> None:
    failing(ZeroDivisionError("by\nzero"))
    status, _, err = run("doctor")
    logs = list((tmp_path / "home" / "logs").iterdir())
    assert status == 1
    assert (
        err == f"error: internal error: ZeroDivisionError: by zero. Its traceback is in {logs[0]}; --debug shows it\n"
    )
    assert "raise error" in logs[0].read_text()


def test_debug_shows_the_traceback(run: Run, failing: Callable[[BaseException], None]) -> None:
    failing(ZeroDivisionError("x"))
    assert "Traceback" in run("--debug", "doctor")[2]
    assert "Traceback" in run("doctor", "--debug")[2]


def test_a_broken_home_does_not_hide_the_failure(
    run: Run, failing: Callable[[BaseException], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SHOPR_HOME", "/proc/nowhere")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failing(ZeroDivisionError("x"))
    assert f"Its traceback is in {tmp_path}/error-" in run("doctor")[2]


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m shopr config show --json | true; echo ${{PIPESTATUS[0]}} >&2"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr in ("141\n", "0\n")  # 0 where the pipe took all before it closed


def test_a_closed_pipe_is_quiet_even_for_much_output(tmp_path: Path) -> None:
    script = tmp_path / "much.py"
    script.write_text(
        "import click, shopr.cli.doctor as d\nfrom shopr.cli.main import main\n"
        "d.doctor = click.Command('doctor', callback=lambda: [click.echo('x' * 1000) for _ in range(10000)])\n"
        "main(['doctor'])\n"
    )
    command = f"{sys.executable} {script} | head -1 >/dev/null; echo ${{PIPESTATUS[0]}} >&2"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == "141\n"
