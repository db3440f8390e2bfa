"""The door of the house: `shopr`. Commands are imported only when they are called, so that `--help` is instant.

Exit status: 0 done, 1 the work failed, 2 the call was wrong, 130 interrupted, 141 the reader of a pipe went away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import click

from shopr import __version__, progress
from shopr.cli.failures import explain, log_traceback
from shopr.errors import ShoprError, UnknownNameError

__all__ = ["COMMANDS", "cli", "main"]

COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("shopr.cli.demo", "demo", "The main job, end to end: data, tuning, comparison, promotion, app."),
    "data": ("shopr.cli.data", "data", "Make, import and describe a shop's data."),
    "train": ("shopr.cli.train", "train", "Fit one model and log it as a candidate."),
    "evaluate": ("shopr.cli.train", "evaluate", "Compare models on the shop's data, with intervals."),
    "tune": ("shopr.cli.train", "tune", "Search models and hyperparameters; log the winner as a candidate."),
    "recommend": ("shopr.cli.recommend", "recommend", "Recommend products to a file of users."),
    "chat": ("shopr.cli.chat", "chat", "Talk to the assistant, or replay scripted dialogues and score them."),
    "search": ("shopr.cli.search", "search", "Find products by words; index, ask and measure a catalogue."),
    "promote": ("shopr.cli.promote", "promote", "Let the gate judge a candidate; if it passes, it serves."),
    "rollback": ("shopr.cli.promote", "rollback", "Let the version before the champion serve again."),
    "models": ("shopr.cli.promote", "models", "List model versions, the champion and the history."),
    "alerts": ("shopr.cli.alerts", "alerts", "List, raise and settle alerts; check, try out and evaluate their rules."),
    "run": ("shopr.cli.run", "run", "Run an experiment: a parameterised notebook in a child process."),
    "sweep": ("shopr.cli.sweep", "sweep", "Run an experiment over many values of its parameters."),
    "schedule": ("shopr.cli.schedule", "schedule", "Run experiments at their times; see what ran and what comes next."),
    "report": ("shopr.cli.report", "report", "Compare runs on one page; trace what serves back to its origin."),
    "reproduce": ("shopr.cli.report", "reproduce", "Run a finished run again and compare what both measured."),
    "new": ("shopr.cli.report", "new", "Start a new experiment: a notebook and its spec."),
    "abtest": ("shopr.cli.abtest", "abtest", "Plan, read and simulate A/B tests."),
    "events": ("shopr.cli.events", "events", "Load events, follow shoppers through them, see how the shop performs."),
    "guard": ("shopr.cli.guard", "guard", "Read texts as the guard reads them: a file of them, or one explained."),
    "app": ("shopr.cli.app", "app", "Open the app: the shop, its champion, and what it recommends."),
    "users": ("shopr.cli.users", "users", "Accounts: make, list, lock and unlock them; end their sessions."),
    "audit": ("shopr.cli.audit", "audit", "Read the audit log, and prove that nobody changed it."),
    "keys": ("shopr.cli.keys", "keys", "List, rotate and destroy the master keys of encryption."),
    "config": ("shopr.cli.config", "config", "Show the settings in force and where each value comes from."),
    "doctor": ("shopr.cli.doctor", "doctor", "Check this machine, its storage and the optional extras."),
}
"""Name -> (module, attribute, one line of help), in the order in which `shopr --help` lists them."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, (module, _, _) in COMMANDS.items() if find_spec(module) is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, COMMANDS[name][2]) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Example: shopr demo. Each command has its own --help with an example.",
)
@click.version_option(__version__, prog_name="shopr")
@click.option("--debug", is_flag=True, help="Show the traceback of an internal error.")
@click.pass_context
def cli(context: click.Context, debug: bool) -> None:
    """The workbench where a shop's data science team builds, tests and ships a shopping assistant."""
    if not set(context.help_option_names) & set(context.obj or ()):
        from shopr.cli.settled import settle

        settle()


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit status; every failure is one line on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "_SHOPR_COMPLETE" in os.environ:
        cli.main(args=arguments, prog_name="shopr")
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments or bool(os.environ.get("SHOPR_DEBUG"))
    arguments = [a for a in arguments if a != "--debug"]
    try:
        # A program may call several commands: what one of them shows or silences is not the next one's.
        with progress.kept(), cli.make_context("shopr", arguments, obj=tuple(arguments)) as context:
            cli.invoke(context)
        sys.stdout.flush()
        return 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted")
        return 130
    except BrokenPipeError:
        # Python flushes stdout once more on its way out: let that go nowhere instead of complaining.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        return _report(error)
    except ShoprError as error:
        _say(error.one_line())
        return error.exit_status
    except Exception as error:
        return _unexpected(error, debug)


def _report(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoSuchCommand) and context is not None:
        group: Any = context.command
        _say(UnknownNameError("command", error.command_name, group.list_commands(context)).one_line())
        return 2
    message = " ".join(error.format_message().split())
    if context is not None:
        message += f"{'' if message.endswith(('.', '?')) else '.'} See '{context.command_path} --help'"
    _say(message)
    return error.exit_code


def _unexpected(error: Exception, debug: bool) -> int:
    known = explain(error)
    if known is not None and not debug:
        _say(known)
        return 1
    if debug:
        import traceback

        traceback.print_exception(error)
    path = log_traceback(error)
    kept = f"Its traceback is in {path}; " if path is not None else ""
    _say(f"internal error: {type(error).__name__}: {' '.join(str(error).split())}. {kept}--debug shows it")
    return 1


def _say(message: str) -> None:
    with suppress(OSError):  # where stderr itself is gone, the exit status still tells
        click.echo(f"error: {message}", err=True)


if __name__ == "__main__":
    main()
