"""Readings of A/B tests as MLflow runs."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from shopr.abtest.records.keeping import keep
from shopr.abtest.records.kept import Kept
from shopr.config import Settings
from shopr.errors import StorageError
from shopr.tracking import store
from shopr.tracking.abtests import EXPERIMENT, _place, track_reading
from shopr.tracking.runs import Run
from tests.abtest.units import SPEC, START, units


def tracked(settings, reading):
    return track_reading(
        settings,
        reading.analysis,
        reading.verdict,
        spec_text=reading.spec_text,
        html="<html>report</html>",
        document=reading.model_dump(mode="json"),
        fingerprint=reading.fingerprint,
        number=reading.number,
    )


def test_a_run_holds_the_report_the_spec_the_figures_and_the_way_back(stores):
    reading = keep(Kept(stores.home), units(effect=0.3), SPEC, at=START + timedelta(days=28))
    where = tracked(stores, reading)
    made = store.client(stores).get_run(where.run_id)
    assert made.info.status == "FINISHED"
    assert made.info.run_name == "checkout"
    folder = Path(urlsplit(made.info.artifact_uri).path)
    assert (folder / "report.html").read_text() == "<html>report</html>"
    assert (folder / "spec.yaml").read_text() == SPEC
    assert json.loads((folder / "reading.json").read_text())["number"] == 1
    row = reading.analysis.row("revenue", "short")
    assert made.data.metrics["revenue/short/estimate"] == pytest.approx(row.estimate)
    assert made.data.metrics["revenue/short/hi"] == pytest.approx(row.hi)
    assert made.data.metrics["units/control"] == 1400
    assert made.data.metrics["failed_checks"] == 0
    assert "bought/short/guardrail/lo" in made.data.metrics
    assert "bought/short/guardrail/hi" not in made.data.metrics  # it has none
    assert made.data.tags["shopr.verdict"] == "ship short"
    assert made.data.tags["shopr.data"] == reading.fingerprint
    assert made.data.params["design"] == "fixed"
    assert where.experiment == EXPERIMENT
    assert where.page == f"#/experiments/{made.info.experiment_id}/runs/{where.run_id}"
    assert where.address == ""


def test_names_that_mlflow_does_not_take_are_made_fit(stores):
    text = SPEC.replace("short: 1", "'kürzer (neu)': 1")
    frame = units()
    frame["variant"] = frame["variant"].replace("short", "kürzer (neu)")
    reading = keep(Kept(stores.home), frame, text, at=START + timedelta(days=28))
    made = store.client(stores).get_run(tracked(stores, reading).run_id)
    assert "units/k_rzer _neu_" in made.data.metrics


@pytest.mark.parametrize(
    ("uri", "address"),
    [("http://mlflow:5000/", "http://mlflow:5000"), ("https://me:secret@mlflow", ""), ("sqlite:////tmp/x.db", "")],
)
def test_only_an_address_without_a_password_is_noted(tmp_path, clock, uri, address):
    given = Settings(home=tmp_path, mlflow_uri=uri)
    assert _place(given, Run("r", "7", given, clock)).address == address


def test_a_store_that_refuses_is_named(stores):
    reading = keep(Kept(stores.home), units(400), SPEC, at=START + timedelta(days=3))
    Path(stores.mlflow_uri.removeprefix("sqlite:///")).write_bytes(b"no database at all, not even nearly one" * 99)
    store._client.cache_clear()
    with pytest.raises(StorageError, match="MLflow store"):
        tracked(stores, reading)
    store._client.cache_clear()
