"""The README holds: its examples run, its commands exist, and every command is in it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from shopr.cli.main import COMMANDS, cli

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
# Blocks that are quick and safe are marked; the others set up, download or serve.
BLOCKS = re.findall(r"<!-- run -->\n```console\n(.*?)```", README, re.DOTALL)
EXAMPLES = [
    (command, output)
    for block in BLOCKS
    for command, output in re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]
SHELL = re.sub(r"^```python\n.*?^```\n", "", README, flags=re.DOTALL | re.MULTILINE)
CODE = "\n".join(re.findall(r"^```\w*\n(.*?)^```", SHELL, re.DOTALL | re.MULTILINE) + re.findall(r"`([^`\n]+)`", SHELL))


def mentioned() -> list[list[str]]:
    """The words after `shopr` wherever code in the README calls it."""
    found = re.findall(r"(?:^|[ $])shopr((?: [a-z][a-z-]*)+)", CODE, re.MULTILINE)
    return sorted({tuple(words.split()) for words in found})  # type: ignore[arg-type]


def test_some_examples_are_marked() -> None:
    assert EXAMPLES


@pytest.mark.parametrize(("command", "output"), EXAMPLES, ids=[c for c, _ in EXAMPLES])
def test_an_example_prints_what_it_says(command: str, output: str) -> None:
    script = re.sub(r"\bshopr\b", f"{sys.executable} -m shopr", command)
    done = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # A line of three dots stands for any lines.
    pattern = "(?:.*\n)*".join(re.escape(part) for part in output.split("...\n"))
    assert re.fullmatch(pattern, done.stdout), done.stdout


@pytest.mark.parametrize("words", mentioned(), ids=" ".join)
def test_a_command_that_is_mentioned_exists(words: tuple[str, ...]) -> None:
    command: click.Command = cli
    for word in words:
        if not isinstance(command, click.Group):
            break  # what follows is an argument
        found = command.get_command(click.Context(command), word)
        assert found is not None, f"README: shopr {' '.join(words)}: no such command"
        command = found


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert any(words[0] == name for words in mentioned()), f"add 'shopr {name}' to the README's table of commands"


def test_every_make_target_that_is_mentioned_exists(project: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (project / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)", CODE)) <= targets


def test_the_python_versions_agree(project: Path) -> None:
    asked = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert asked == ">=3.11.5,<3.14"
    assert "3.11.5 to 3.13" in README
    bootstrap = (project / ".ci" / "bootstrap.py").read_text(encoding="utf-8")
    assert "OLDEST, NEWEST = (3, 11, 5), (3, 14)" in bootstrap


def test_the_python_examples_use_what_the_shop_offers() -> None:
    from shopr.shop import Shop

    called = set(re.findall(r"\bshop\.(\w+)\(", README))
    assert called
    assert [name for name in sorted(called) if not hasattr(Shop, name)] == []
