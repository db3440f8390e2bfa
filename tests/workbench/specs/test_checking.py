"""Schedules as files: what they may hold, and refusals that name file, line and nearest key."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from shopr.errors import SpecError
from shopr.workbench.specs.checking import load_schedule
from shopr.workbench.specs.schema import json_schema
from shopr.workbench.specs.spec import load

GOOD = """\
name: maintenance
kind: schedule
time_zone: Europe/Berlin
jobs:
  health:
    cron: "15 6 * * *"
    spec: experiments/report.yaml
    parameters: {year: "{{ year }}", title: "of {{ logical_date - 1d }}"}
    retries: 3
    catch_up: all
  audit:
    after: [health]
    spec: experiments/report.yaml
"""
RUN = """\
name: report
notebook: notebooks/report.ipynb
parameters:
  year: {type: int, default: 2026, help: Which}
  title: {type: str, default: "", help: What}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    (root / "experiments").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[project]\nname = "shopr"\n')
    (root / "experiments" / "report.yaml").write_text(RUN)
    (root / "experiments" / "gate.yaml").write_text("name: gate\nkind: gate\n")
    monkeypatch.chdir(root)
    return root


def write(folder: Path, text: str = GOOD) -> Path:
    path = folder / "experiments" / "schedule.yaml"
    path.write_text(text)
    return path


def test_what_a_file_says_is_what_is_meant(folder):
    spec = load_schedule(write(folder))
    health, audit = spec.jobs["health"], spec.jobs["audit"]
    assert (health.retries.attempts, health.catch_up.policy, health.overlap) == (3, "all", "queue")
    assert spec.order() == ["health", "audit"]
    assert spec.cron("audit") == spec.cron("health")
    assert spec.cron("audit").zone_name == "Europe/Berlin"
    assert spec.upstream("audit") == {"health"}
    assert audit.when_failed == "skip"
    assert [round(health.retries.wait(n)) for n in (1, 2, 3, 9)] == [60, 120, 240, 3600]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("retries: 3", "retry: 3", "line 9: jobs.health.retry: unknown key. Did you mean 'retries'"),
        ("time_zone: Eur", "time_zon: Eur", "line 3: time_zon: unknown key. Did you mean 'time_zone'"),
        (
            "catch_up: all",
            "catch_up: al",
            "line 10: jobs.health.catch_up.policy: 'al' is not known. Did you mean 'all'",
        ),
        ("catch_up: all", "catch_up: {polcy: all}", "line 10: .*Did you mean 'policy'"),
        ("after: [health]", "after: [helth]", "line 12: jobs.audit.after: unknown job 'helth'. Did you mean 'health'"),
        ("Europe/Berlin", "Europe/Berln", "line 3: time_zone: 'Europe/Berln' is no IANA.*Did you mean 'Europe/Berlin'"),
        ('"15 6 * * *"', '"75 6 * * *"', "line 6: jobs.health.cron: .*minute '75'"),
        ('"15 6 * * *"', '"0 0 30 2 *"', "line 6: jobs.health.cron: .*never comes due"),
        ("{{ year }}", "{{ yeer }}", "line 8: jobs.health.parameters.year: .*Did you mean 'year'"),
        ("{{ year }}", "x{{ year }}", "line 8: jobs.health.parameters.year: .*'x2026' is no int"),
        ("{{ year }}", "{{ year - 1d }}", "line 8: .*year cannot be moved by -1d"),
        ("- 1d }}", "- 1d }", "line 8: .*braces in .* do not match"),
        ("{year:", "{yaer:", "line 8: .*unknown parameter 'yaer'. Did you mean 'year'"),
        (
            "report.yaml\n    param",
            "reprt.yaml\n    param",
            "line 7: jobs.health.spec: .*Did you mean experiments/report",
        ),
        ("report.yaml\n    param", "gate.yaml\n    param", "line 7: jobs.health.spec: .*has kind 'gate'"),
        ("experiments/report.yaml\n    param", "../x.yaml\n    param", "line 7: .*leaves the project"),
        ("after: [health]", "after: [audit]", "line 12: jobs.audit.after: jobs wait for each other: audit after audit"),
        ("retries: 3", "retries: {attempts: 0}", "line 9: jobs.health.retries.attempts: .*greater than or equal to 1"),
        ("retries: 3", "overlap: kill", "line 5: jobs.health: catch_up: all with overlap: kill"),
        ("  audit:", "  Audit!:", "line 4: jobs: 'Audit!' does not look like a name"),
        ('    cron: "15 6 * * *"\n', "", "line 5: jobs.health: give either cron: or after:"),
        ("after: [health]", "after: [health]\n    time_zone: UTC", "line 11: jobs.audit: time_zone: belongs to cron:"),
        ("kind: schedule", "kind: schedul", "unknown kind 'schedul'. Did you mean 'schedule'"),
        ("jobs:", "jobs: {}\nother:", "other: unknown key"),
    ],
)
def test_refusals_name_line_and_nearest_key(folder, old, new, said):
    assert old in GOOD
    with pytest.raises(SpecError, match=said):
        load(write(folder, GOOD.replace(old, new, 1)))


def test_jobs_of_different_instants_have_no_common_successor(folder):
    text = GOOD + '  late:\n    cron: "0 9 * * *"\n    spec: experiments/report.yaml\n'
    text = text.replace("after: [health]", "after: [health, late]")
    with pytest.raises(SpecError, match="line 12: jobs.audit.after: it comes after jobs of different instants"):
        load(write(folder, text))


def test_a_circle_of_several(folder):
    text = GOOD.replace('cron: "15 6 * * *"', "after: [audit]").replace("time_zone: Europe/Berlin\n", "")
    with pytest.raises(SpecError, match="jobs wait for each other: "):
        load(write(folder, text))


def test_only_schedules_are_taken(folder):
    with pytest.raises(SpecError, match=r"has kind 'run'.*takes kind: schedule"):
        load_schedule(folder / "experiments" / "report.yaml")


def test_the_schema_takes_what_the_loader_takes(project):
    import yaml

    schema = json_schema()
    for text in (GOOD, (project / "experiments" / "schedule.yaml").read_text(encoding="utf-8")):
        jsonschema.validate(yaml.safe_load(text), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(GOOD.replace("catch_up: all", "catch_up: some")), schema)
    assert "jitter_seconds" in json.dumps(schema)


def test_the_calendar_that_ships_is_sound(project):
    spec = load_schedule(project / "experiments" / "schedule.yaml")
    assert list(spec.jobs) == [
        "daily-health", "weekly-security", "monthly-performance", "quarterly-review", "yearly-audit"
    ]  # fmt: skip
