"""Settings: environment over file over defaults, bounds, origins, and no secret in print."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shopr.config import Settings
from shopr.config.settings import mask, parse_bytes
from shopr.config.sources import project_root
from shopr.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def test_environment_over_file_over_default(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "shopr.toml").write_text('seed = 1\ncurrency = "EUR"\n')
    monkeypatch.setenv("SHOPR_SEED", "2")
    settings = Settings(shop="shoes")
    assert (settings.shop, settings.seed, settings.currency, settings.time_zone) == ("shoes", 2, "EUR", "UTC")
    origins = [settings.origin(n) for n in ("shop", "seed", "currency", "time_zone")]
    assert origins == ["call", "environment SHOPR_SEED", f"file {folder / 'shopr.toml'}", "default"]


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPR_SEED", " ")
    assert Settings().origin("seed") == "default"


def test_a_named_file_and_its_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "other.toml").write_text('[shopr]\nmemory_budget = "2GB"\n')
    monkeypatch.setenv("SHOPR_CONFIG", "other.toml")
    assert Settings().memory_budget == 2 * 2**30


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed = ", r"shopr\.toml is not valid TOML"),
        ("sed = 1", r"unknown setting 'sed'. Did you mean 'seed'\?"),
        ("seed = -1", r"setting seed is -1: Input should be greater than or equal to 0"),
        ('time_zone = "Mars/Olympus"', "'Mars/Olympus': is no IANA time zone"),
        ('currency = "pounds"', "setting currency is 'pounds': is no ISO 4217 code"),
        ('shop = "../etc"', "setting shop is '../etc'"),
        ('memory_budget = "lots"', "is no amount of memory"),
        ("memory_budget = 1", "memory_budget is 1"),
        ('log_level = "loud"', "is no log level"),
        ('redis_url = "http://h"', "is no Redis URL"),
        ('database_url = "state.db"', "is no URL"),
        ('environment = "moon"', "environment 'moon' is unknown"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(folder: Path, text: str, said: str) -> None:
    (folder / "shopr.toml").write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        Settings()
    assert "\n" not in caught.value.one_line()
    assert caught.value.exit_status == 2


def test_a_byte_order_mark_is_read_over(folder: Path) -> None:
    (folder / "shopr.toml").write_bytes(b"\xef\xbb\xbfseed = 3\n")
    assert Settings().seed == 3


def test_a_named_file_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPR_CONFIG", "/nowhere/shopr.toml")
    with pytest.raises(ConfigError, match=r"/nowhere/shopr\.toml, which is not a file"):
        Settings()


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown setting 'sed'"):
        Settings(sed=1)


def test_paths_are_absolute_whatever_the_working_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SHOPR_MLFLOW_URI", "SHOPR_ARTIFACT_ROOT"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("SHOPR_HOME", "state")
    (folder / "pyproject.toml").write_text('[project]\nname = "shopr"\n')
    (folder / "notebooks").mkdir()
    monkeypatch.chdir(folder / "notebooks")
    settings = Settings()
    assert settings.home == folder / "notebooks" / "state"
    assert settings.database_url == f"sqlite:///{settings.home}/state.db"
    assert settings.mlflow_uri == f"sqlite:///{folder}/mlruns/mlflow.db"
    assert settings.artifact_root == folder / "mlruns" / "artifacts"
    assert settings.shop_folder() == settings.home / "shops" / "demo"
    monkeypatch.delenv("SHOPR_HOME")
    assert Settings().home == folder / "data" / "state"


def test_mlflows_own_variable_is_respected_after_ours(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[project]\nname = "shopr"\n')
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert Settings().origin("mlflow_uri") == "environment SHOPR_MLFLOW_URI"
    monkeypatch.delenv("SHOPR_MLFLOW_URI")
    settings = Settings()
    assert settings.mlflow_uri == "http://mlflow:5000"
    assert settings.origin("mlflow_uri") == "environment MLFLOW_TRACKING_URI"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlruns/x.db")
    assert Settings().mlflow_uri == f"sqlite:///{folder}/mlruns/x.db"


def test_the_project_root_is_ours_alone(folder: Path, project: Path) -> None:
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    (folder / "a" / "pyproject.toml").write_text('[project]\nname = "other"\n')
    assert project_root(inner) == project  # the checkout that this package runs from
    (folder / "pyproject.toml").write_text('[project]\nname = "shopr"\n')
    assert project_root(inner) == folder
    (folder / "a" / "pyproject.toml").write_text("not toml [")
    assert project_root(inner) == folder


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().seed = 3  # type: ignore[misc]


def test_passwords_are_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPR_DATABASE_URL", "postgresql://ann:s3cret@db:5432/shop")
    monkeypatch.setenv("SHOPR_REDIS_URL", "redis://:s3cret@cache:6379/0")
    settings = Settings()
    assert settings.shown("database_url") == "postgresql://ann:***@db:5432/shop"
    assert "s3cret" not in repr(settings) + str(settings)
    monkeypatch.setenv("SHOPR_REDIS_URL", "http://:s3cret@cache")
    with pytest.raises(ConfigError) as caught:
        Settings()
    assert "s3cret" not in str(caught.value)


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1),
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8),
)
def test_masking_hides_any_password(user: str, password: str) -> None:
    assert f":{password}@" not in mask(f"postgresql://{user}:{password}@h/d")
    assert (
        mask(f"postgresql://h/d?user={user}&password={password}&x=1")
        == f"postgresql://h/d?user={user}&password=***&x=1"
    )
    assert mask(f"sqlite:////{user}/state.db") == f"sqlite:////{user}/state.db"


@pytest.mark.parametrize(
    ("text", "size"), [("4GB", 2**32), ("512 MiB", 2**29), ("1.5k", 1536), ("100", 100), ("2t", 2**41), (7, 7)]
)
def test_amounts_of_memory(text: object, size: int) -> None:
    assert parse_bytes(text) == size


def test_a_misspelt_variable_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPR_CURENCY", "GBP")
    assert Settings.misspelt() == {"SHOPR_CURENCY": "SHOPR_CURRENCY"}


def test_an_unknown_setting_has_no_origin() -> None:
    with pytest.raises(ConfigError, match="unknown setting 'sed'"):
        Settings().origin("sed")


def test_a_sandbox_shares_nothing_with_the_real_stores() -> None:
    real, one, other = Settings(), Settings.sandbox(seed=7, shop="toy"), Settings.sandbox()
    assert (one.seed, one.shop) == (7, "toy")
    for name in ("home", "database_url", "mlflow_uri", "artifact_root"):
        assert len({str(getattr(s, name)) for s in (real, one, other)}) == 3
    assert one.home.parent.is_dir()
    assert one.shop_folder("toy").is_relative_to(one.home)
    with pytest.raises(ConfigError, match="unknown setting"):
        Settings.sandbox(colour="red")
