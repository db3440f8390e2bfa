"""The examples under deploy/ parse, and every `shopr` command in them exists with its options."""

from __future__ import annotations

import base64
import configparser
import shlex
from pathlib import Path

import click
import pytest
import yaml

from shopr.cli.main import cli
from shopr.config import Settings
from shopr.security.crypto_keyring import KEYS_VARIABLE, Keyring
from shopr.workbench.specs.checking import load_schedule
from shopr.workbench.specs.times import Cron

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def unit() -> dict[str, dict[str, list[str]]]:
    """A systemd unit: keys may occur more than once, so each has a list."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in (DEPLOY / "systemd/shopr-schedule.service").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            assert value, f"{line!r} assigns nothing"
            found.setdefault(section, {}).setdefault(key, []).append(value)
    return found


def cronjob() -> dict:
    return yaml.safe_load((DEPLOY / "kubernetes/schedule-cronjob.yaml").read_text(encoding="utf-8"))


def workflow() -> dict:
    return yaml.safe_load((DEPLOY / "github/schedule.yml").read_text(encoding="utf-8"))


def container() -> dict:
    (found,) = cronjob()["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return found


def commands() -> list[list[str]]:
    """The words after `shopr` of every call."""
    (start,) = unit()["Service"]["ExecStart"]
    calls = [shlex.split(start), container()["command"]]
    for step in workflow()["jobs"]["run"]["steps"]:
        calls += [shlex.split(line) for line in step.get("run", "").splitlines() if line.startswith("shopr")]
    return [call[1:] for call in calls if Path(call[0]).name == "shopr"]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_exists_and_takes_its_arguments(words: list[str]) -> None:
    group = cli.get_command(click.Context(cli), words[0])
    assert isinstance(group, click.Group)
    command = group.get_command(click.Context(group), words[1])
    assert command is not None
    taken = command.make_context(words[1], list(words[2:]), resilient_parsing=False).params  # a wrong option raises
    assert load_schedule(ROOT / taken["spec_path"]).name == "maintenance"


def test_all_three_ways_are_there() -> None:
    assert [words[:2] for words in commands()] == [["schedule", "run"]] * 3 + [
        ["schedule", "backfill"],
        ["schedule", "list"],
    ]


def test_the_unit_is_one_that_systemd_takes() -> None:
    found = unit()
    assert set(found) == {"Unit", "Service", "Install"}
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / "systemd/shopr-schedule.service")
    assert parser["Service"]["Type"] == "exec"
    assert parser["Service"]["KillSignal"] == "SIGTERM"
    assert int(parser["Service"]["TimeoutStopSec"]) > 20 + 3  # what workers are given to end
    assert parser["Install"]["WantedBy"] == "multi-user.target"


def test_every_variable_is_a_setting() -> None:
    names = {f"SHOPR_{name.upper()}" for name in Settings.names()} | {
        "MLFLOW_TRACKING_URI",
        "FROM",
        "TO",
        KEYS_VARIABLE,
    }
    given = {pair.partition("=")[0] for pair in unit()["Service"]["Environment"]}
    given |= {entry["name"] for entry in container()["env"]} | set(workflow()["jobs"]["run"]["env"])
    assert given <= names


def test_master_keys_come_from_a_secret_everywhere() -> None:
    (entry,) = [entry for entry in container()["env"] if entry["name"] == KEYS_VARIABLE]
    assert set(entry["valueFrom"]["secretKeyRef"]) == {"name", "key"}
    assert workflow()["jobs"]["run"]["env"][KEYS_VARIABLE] == "${{ secrets.SHOPR_KEYS }}"
    text = (DEPLOY / "systemd/shopr-schedule.service").read_text(encoding="utf-8")
    assert f"{KEYS_VARIABLE}=k2:BASE64,k1:BASE64" in text
    made = ",".join(f"k{n}:{base64.b64encode(bytes([n]) * 32).decode()}" for n in (2, 1))
    assert Keyring.from_environment({KEYS_VARIABLE: made}).active() == "k2"


def test_the_cronjob_never_runs_two_pods_and_keeps_its_own_time() -> None:
    job = cronjob()
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    Cron(job["spec"]["schedule"], job["spec"]["timeZone"])
    assert "--once" in container()["command"]
    mounted = {mount["name"] for mount in container()["volumeMounts"]}
    assert mounted == {v["name"] for v in job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"]}


def test_the_workflow_passes_inputs_through_the_environment_only() -> None:
    found = workflow()
    Cron(found[True]["schedule"][0]["cron"])  # YAML reads the key `on` as true
    assert found["concurrency"]["cancel-in-progress"] is False
    for step in found["jobs"]["run"]["steps"]:
        assert "${{" not in step.get("run", ""), "an input in a script is run by the shell"
