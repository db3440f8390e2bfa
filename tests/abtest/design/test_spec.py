"""Experiment files: what is accepted, and how what is not is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from shopr.abtest.design.spec import Experiment, json_schema, load_spec, parse_spec
from shopr.errors import SpecError

FULL = """
name: checkout
hypothesis: A shorter checkout lets more shoppers finish.
arms: {control: 2, short: 1}
metrics:
  - {name: conversion, type: proportion, window: {at: ordered_at, days: 7}}
  - {name: revenue, cap: {upper_quantile: 0.99}, covariates: [revenue_before], missing: zero}
  - {name: revenue_per_session, type: ratio, numerator: revenue, denominator: sessions, covariates: [rb/sb]}
  - {name: latency, type: quantile, q: 0.9, cluster: unit_id, direction: decrease}
primary: [conversion]
guardrails: [{metric: latency, margin: 0.02}]
segments: [country]
strata: device
adjustment: {model: ridge, columns: [age]}
alpha: 0.01
design: {type: group-sequential, n: 20000, looks: 4, spending: pocock}
correction: benjamini_hochberg
start: 2026-01-01
end: 2026-02-01T12:00:00
"""


def test_a_full_spec_is_read() -> None:
    spec = parse_spec(FULL)
    assert spec.baseline == "control"
    assert spec.treatments == ("short",)
    assert spec.deciding == ("conversion",)
    assert spec.design.type == "group_sequential"
    assert spec.correction == "benjamini-hochberg"
    assert spec.start == datetime(2026, 1, 1, tzinfo=UTC)
    assert spec.end == datetime(2026, 2, 1, 12, tzinfo=UTC)
    assert spec.metric("revenue_per_session").terms == (("revenue", "sessions"), ("rb", "sb"))
    assert spec.metric("revenue").columns == ("revenue", "revenue_before")


def test_short_forms() -> None:
    spec = parse_spec("name: t\narms: [a, b]\nmetrics: [x]\ndesign: sequential\n")
    assert spec.arms == {"a": 1.0, "b": 1.0}
    assert spec.metrics[0].type == "mean"
    assert spec.design.type == "sequential"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: t\narms: {a: 1, b: -1}\nmetrics: [x]", r"line 2: arms: weight -1 of 'b' is not above 0"),
        ("name: t\narms: {a: 1, b: .nan}\nmetrics: [x]", r"weight nan"),
        ("name: t\narms: [a]\nmetrics: [x]", r"1 is fewer than 2"),
        ("name: t\narms: [a, b]\nmetrics: [x]\ncontrol: c", r"line 4: control: unknown arm 'c'"),
        ("name: t\narms: [a, b]\nmetrics: []", r"line 3: metrics"),
        ("name: t\narms: [a, b]", r"metrics: this key is missing"),
        ("name: t\narms: [a, b]\nmetrcs: [x]", r"line 3: metrcs: unknown key. Did you mean 'metrics'"),
        ("name: t\narms: [a, b]\nmetrics:\n  - x\n  - x", r"the name 'x' occurs twice"),
        ("name: t\narms: [a, b]\nmetrics:\n  - {name: x, type: meen}", r"line 4: .*unknown type 'meen'.*'mean'"),
        ("name: t\narms: [a, b]\nmetrics:\n  - {name: x, cap: {uper: 1}}", r"line 4: .*Did you mean 'upper'"),
        ("name: t\narms: [a, b]\nmetrics:\n  - {name: x, cap: {upper: 1, lower: 2}}", r"lower 2 is above upper 1"),
        ("name: t\narms: [a, b]\nmetrics: [x]\nguardrails: [{metric: y, margin: 0.1}]", r"unknown metric 'y'"),
        ("name: t\narms: [a, b]\nmetrics: [x]\nalpha: 0.6", r"line 4: alpha"),
        ("name: t\narms: [a, b]\nmetrics: [x]\ndesign: {type: fixd}", r"line 4: design.type: unknown type 'fixd'"),
        ("name: t\narms: [a, b]\nmetrics: [x]\ndesign: {type: fixed, looks: 3}", r"unknown key"),
        ("name: t\narms: [a, b]\nmetrics: [x]\nstart: 2026-02-01\nend: 2026-01-01", r"is not after start"),
        ("name: T t\narms: [a, b]\nmetrics: [x]", r"line 1: name: 'T t' holds other characters"),
        ("name: t\nname: u", r"line 2: key 'name' occurs twice"),
        ("just text", r"holds no keys"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        parse_spec(text, "experiments/t.yaml")
    assert str(caught.value).startswith("experiments/t.yaml")
    assert "\n" not in caught.value.one_line()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        load_spec(tmp_path / "none.yaml")


def test_the_schema_documents_every_key() -> None:
    schema = json_schema()
    json.dumps(schema)
    for name, part in {"Experiment": schema, **schema["$defs"]}.items():
        for key, value in part.get("properties", {}).items():
            assert value.get("description") or value.get("const"), f"{name}.{key} is not described"
    assert set(schema["properties"]) == set(Experiment.model_fields)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: t\narms: [a, b, a]\nmetrics: [x]", "arms: 'a' occurs twice"),
        ("name: t\narms: {a: yes, b: 1}\nmetrics: [x]", "weight True of 'a' is no number"),
        ("name: t\narms: {a: 1e308, b: 1e+308}\nmetrics: [x]", "weights sum to more"),
        ("name: t\narms: &a [a, *a]\nmetrics: [x]", "line 2: an anchor is used within itself"),
        ("name: t\narms: [a, b]\nmetrics: [x]\nstart: 20260101", "line 4: start: 20260101: this is no time"),
        ("name: t\narms: [a, b]\nmetrics: [x]\nstart: 2026-02-01\nend: 2026-01-01", "line 5: end: 2026-01-01"),
        ("name: t\narms: [a, b]\nmetrics: [x]\nalpha: 5", "line 4: alpha: 5: input should be less than 0.5"),
        ("name: t\narms: [a, b]\nmetrics: [x]\nsegments: country", "segments: 'country': input should be a list"),
        ("name: t\narms: [a, b]\nmetrics: [{name: x, covariates: [x]}]", "'x' is a covariate of itself"),
    ],
)
def test_traps_of_yaml_are_named(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse_spec(text)


@pytest.mark.parametrize("arms", ["{no: 1, yes: 1}", "[no, yes]", "{no: 1, 'yes': 1}"])
def test_arms_that_yaml_takes_for_truth_values_are_named_as_written(arms: str) -> None:
    found = parse_spec(f"name: t\narms: {arms}\ncontrol: yes\nmetrics: [x]\n")
    assert (list(found.arms), found.baseline) == (["no", "yes"], "yes")
    plain = parse_spec("name: t\narms: [false, True]\ncontrol: false\nmetrics: [x]\n")
    assert (list(plain.arms), plain.baseline) == (["false", "true"], "false")


@pytest.mark.parametrize(
    "rest",
    [
        "metrics: [x]",
        "metrics: [{name: x}]",
        "metrics: [{name: x, type: quantile, q: 0.5}]\ndesign: sequential",
        "metrics: [x]\ndesign: {n: 100}",
        "metrics: [x]\ndesign: {type: group-sequential, n: 100, spending: obrien_fleming}",
        "metrics: [x]\ncorrection: benjamini_hochberg",
        "metrics: [{name: x, type: ratio, numerator: a}]",
        "metrics: [x]\ndesign: group_sequential",
        "metrics: [x]\nalpha: 0.9",
        "metrics: [x]\nmetric: 1",
        "metrics: []",
        "metrics: [x]\nguardrails: [{metric: x, margin: 0}]",
        "metrics: [{name: x, cap: {}}]",
        "metrics: [{name: x, cap: {upper: null}}]",
        "metrics: [{name: x, cap: {ignore_zeros: true}}]",
        "metrics: [{name: x, cap: {upper_quantile: 0.99, ignore_zeros: true}}]",
        "metrics: [x]\ndesign: {type: group_sequential, n: 100, looks: 500}",
        "metrics: [x]\nevents: {columns: {x: {event: order_completed, how: any}}}",
        "metrics: [x]\nevents: {columns: {x: {event: order_complete}}}",
    ],
)
@pytest.mark.parametrize("arms", ["{a: 1, b: 2}", "[a, b]", "{a: -1, b: 2}", "[a]", "[a, a]"])
def test_the_schema_accepts_what_the_loader_accepts(arms: str, rest: str) -> None:
    text = f"name: t\narms: {arms}\n{rest}\n"
    try:
        parse_spec(text)
        loads = True
    except SpecError:
        loads = False
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert jsonschema.Draft202012Validator(json_schema()).is_valid(yaml.safe_load(text)) is loads
