"""A recommender as an MLflow model: what `mlflow` itself loads and serves."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shopr.tracking import promotion
from shopr.tracking.packaging import digest_folder, load_model
from shopr.tracking.registry import champion_version
from shopr.tracking.rules import Rules
from shopr.tracking.store import quiet_mlflow
from tests.tracking.shop import candidate, log
from tests.waiting import PATIENCE, until

MODEL = "models:/shopr-recommender@champion"


@pytest.fixture
def promoted(stores, monkeypatch):
    """Settings of a store whose champion is an item KNN, which plain `mlflow` finds through its own variables."""
    bought = log()
    candidate(stores, bought, "item_knn")
    done = promotion.promote(stores, bought, rules=Rules(resamples=200, most_latency_ms=10_000))
    assert done.version == "1"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stores.mlflow_uri)
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    return stores


def test_a_loaded_model_answers_as_the_fitted_one(promoted):
    model = load_model(promoted, champion_version(promoted))
    mlflow = quiet_mlflow()
    served = mlflow.pyfunc.load_model(MODEL)
    asked = pd.DataFrame({"user": ["u3", "nobody", "u9"], "k": [3, 2, 5]})
    found = served.predict(asked)
    assert found.groupby("user", sort=False).size().to_dict() == {"u3": 3, "nobody": 2, "u9": 5}
    own = model.recommend(model.user_ids.encode(np.array(["u3"], dtype=object)), 3)
    assert found.loc[found["user"] == "u3", "item"].tolist() == list(model.item_ids.decode(own.items[0]))
    assert found.loc[found["user"] == "u9", "rank"].tolist() == [1, 2, 3, 4, 5]
    assert len(served.predict(pd.DataFrame({"user": ["u1"]}))) == 10
    example = served.input_example
    assert list(served.predict(example).columns) == ["user", "item", "rank", "score"]
    assert served.metadata.metadata["recommender"] == "item_knn"
    with pytest.raises(Exception, match=r"k spans 0 to 0.*Ask for 1 to"):
        served.predict(pd.DataFrame({"user": ["u1"], "k": [0]}))
    with pytest.raises(Exception, match=r"user"):
        served.predict(pd.DataFrame({"customer": ["u1"]}))


def test_the_digest_sees_names_and_contents(tmp_path):
    (tmp_path / "a").write_text("1")
    first = digest_folder(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    second = digest_folder(tmp_path)
    (tmp_path / "b").write_text("2")
    assert len({first, second, digest_folder(tmp_path)}) == 3


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def post(port: int, content: object) -> tuple[int, str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        json.dumps(content).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.usefixtures("promoted")
def test_mlflow_serves_the_champion(tmp_path):
    port = free_port()
    command = ["models", "serve", "-m", MODEL, "--env-manager", "local", "-h", "127.0.0.1", "-p", str(port), "-w", "1"]
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # MLflow starts uvicorn by its name
    environment = {**os.environ, "PATH": programs, "MLFLOW_DISABLE_TELEMETRY": "true"}
    log_file = tmp_path / "serve.log"
    with log_file.open("wb") as sink:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *command],
            env=environment,
            stdout=sink,
            stderr=sink,
            cwd=tmp_path,
            start_new_session=True,
        )
    try:
        until(lambda: answers(port) or server.poll() is not None, log_file.read_text)
        assert server.poll() is None, log_file.read_text()
        status, body = post(port, {"dataframe_records": [{"user": "u3", "k": 2}, {"user": "nobody", "k": 1}]})
        assert status == 200, body
        rows = json.loads(body)["predictions"]
        assert [(r["user"], r["rank"]) for r in rows] == [("u3", 1), ("u3", 2), ("nobody", 1)]
        status, body = post(port, {"dataframe_records": [{"customer": "u3"}]})
        assert 400 <= status < 500
        assert "user" in json.loads(body)["message"]
        status, body = post(port, {"dataframe_records": [{"user": "u3", "k": 0}]})
        assert 400 <= status < 500
        assert "Ask for 1 to" in json.loads(body)["message"]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
