"""What all tests share: no state outside temporary folders, one thread, fixed draws, no unexplained skip."""

from __future__ import annotations

import os

# Before NumPy is imported: several test processes share the cores, and one thread gives the same sums everywhere.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from shopr.clock import ManualClock
from shopr.config import Settings
from tests import postgres

ROOT = Path(__file__).resolve().parent.parent
ALLOWED_SKIPS = [
    re.compile(line)
    for line in (ROOT / "tests" / "allowed_skips.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
# What the person who runs the tests decides; every other SHOPR_ variable is cleared.
KEPT = {"SHOPR_SHARED_DATA", "SHOPR_TEST_POSTGRES_URL", "SHOPR_TEST_REDIS_URL"}

# Neither an example nor drawing it has a time limit: the machine may have other things to do.
hypothesis.settings.register_profile(
    "house", derandomize=True, deadline=None, max_examples=50, database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)  # fmt: skip
hypothesis.settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    folder = Path(tempfile.mkdtemp(prefix="shopr-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    for name in [n for n in os.environ if n.startswith("SHOPR_") and n not in KEPT]:
        del os.environ[name]
    for name in ("MLFLOW_TRACKING_URI", "APP_ENV", "ENVIRONMENT", "ENV", "KUBERNETES_SERVICE_HOST"):
        os.environ.pop(name, None)
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS"):  # they would change what commands print into pipes
        os.environ.pop(name, None)
    os.environ["SHOPR_HOME"] = str(folder / "home")
    os.environ["SHOPR_MLFLOW_URI"] = f"sqlite:///{folder / 'mlflow.db'}"
    os.environ["SHOPR_ARTIFACT_ROOT"] = str(folder / "artifacts")


def _not_allowed(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """The reason of a skip that no line of allowed_skips.txt allows."""
    if not report.skipped or hasattr(report, "wasxfail") or not isinstance(report.longrepr, tuple):
        return None
    reason = report.longrepr[2].removeprefix("Skipped: ")
    return None if any(pattern.match(reason) for pattern in ALLOWED_SKIPS) else reason


def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes name a case by their length: what is packed or drawn anew differs from one worker to the next."""
    return f"bytes[{len(val)}]" if isinstance(val, bytes) else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):  # type: ignore[no-untyped-def]
    report = yield
    reason = _not_allowed(report)
    if reason is not None:
        report.outcome, report.longrepr = "failed", f"skipped without an allowed reason: {reason}"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(collector):  # type: ignore[no-untyped-def]
    report = yield
    reason = _not_allowed(report)
    if reason is not None:
        report.outcome, report.longrepr = "failed", f"skipped without an allowed reason: {reason}"
    return report


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a home, an MLflow store and artifacts of its own, below its `tmp_path`."""
    monkeypatch.setenv("SHOPR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHOPR_MLFLOW_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.setenv("SHOPR_ARTIFACT_ROOT", str(tmp_path / "artifacts"))


@pytest.fixture
def settings() -> Settings:
    """The settings of this test: everything below its `tmp_path`."""
    return Settings()


@pytest.fixture(scope="session")
def _empty_stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty MLflow store and an empty database: their migrations take seconds, a copy takes none."""
    from shopr.storage.database import Database
    from shopr.tracking.store import client

    folder = tmp_path_factory.mktemp("stores")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    given = Settings(home=folder, mlflow_uri=uri, artifact_root=folder / "artifacts")
    client(given)
    Database.open(given).close()
    return folder


@pytest.fixture
def stores(settings: Settings, _empty_stores: Path) -> Settings:
    """The settings of this test, with an MLflow store and a database that are ready and empty."""
    settings.home.mkdir(parents=True, exist_ok=True)
    shutil.copy(_empty_stores / "mlflow.db", settings.mlflow_uri.removeprefix("sqlite:///"))
    for part in _empty_stores.glob("state.db*"):
        shutil.copy(part, settings.home / part.name)
    return settings


@pytest.fixture(scope="session")
def ready_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database at the newest revision, to be copied: without MLflow's store, which takes seconds."""
    from shopr.storage.database import Database

    path = tmp_path_factory.mktemp("ready") / "state.db"
    Database.open(url=f"sqlite:///{path}").close()
    return path


@pytest.fixture
def clock() -> ManualClock:
    """A clock that moves only when told to."""
    return ManualClock()


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, which are not part of the project."""
    folder = Path(os.environ.get("SHOPR_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"shared data absent: {folder}")
    return folder


@pytest.fixture(scope="session")
def _postgres_server() -> Iterator[str]:
    given = os.environ.get("SHOPR_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    programs = postgres.programs()
    if programs is None:
        pytest.skip(postgres.ABSENT)
    with postgres.server(programs) as url:
        yield url


@pytest.fixture
def postgres_url(_postgres_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test's own."""
    import psycopg
    from sqlalchemy.engine import make_url

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(_postgres_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield make_url(_postgres_server).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(_postgres_server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
