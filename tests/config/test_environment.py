"""Where the process runs, and its safe defaults."""

from __future__ import annotations

import pytest

from shopr.config import Environment, Posture, Settings, detect
from shopr.errors import ConfigError


@pytest.mark.parametrize(
    ("variables", "expected", "told"),
    [
        ({}, "development", "default"),
        ({"SHOPR_ENVIRONMENT": "Prod"}, "production", "environment SHOPR_ENVIRONMENT"),
        ({"SHOPR_ENVIRONMENT": "stage", "APP_ENV": "production"}, "staging", "environment SHOPR_ENVIRONMENT"),
        ({"APP_ENV": "staging"}, "staging", "environment APP_ENV"),
        ({"ENV": "something else"}, "development", "default"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "production", "detected: Kubernetes"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "SHOPR_ENVIRONMENT": "dev"}, "development", None),
    ],
)
def test_detection(variables: dict[str, str], expected: str, told: str | None) -> None:
    environment, origin = detect(variables)
    assert environment == expected
    assert origin == (told or "environment SHOPR_ENVIRONMENT")


def test_an_unknown_word_is_refused_not_guessed() -> None:
    with pytest.raises(ConfigError, match="'productoin' is unknown. Use development, staging or production"):
        detect({"SHOPR_ENVIRONMENT": "productoin"})


def test_what_faces_people_is_careful() -> None:
    for environment in (Environment.STAGING, Environment.PRODUCTION):
        posture = Posture.of(environment)
        assert posture.secure_cookies
        assert posture.require_secrets
        assert not posture.show_tracebacks
    assert not Posture.of(Environment.DEVELOPMENT).secure_cookies


def test_a_share_is_bounded() -> None:
    with pytest.raises(ConfigError, match=r"sample_rate 1\.5 is outside 0 to 1"):
        Posture(True, False, "127.0.0.1", "INFO", 1.5, True, True)


def test_settings_take_the_detected_environment_and_its_log_level(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Settings().environment, Settings().log_level) == ("development", "DEBUG")
    monkeypatch.setenv("APP_ENV", "production")
    settings = Settings()
    assert (settings.environment, settings.log_level) == ("production", "INFO")
    assert settings.origin("environment") == "environment APP_ENV"
    assert settings.posture.require_server_stores
    monkeypatch.setenv("SHOPR_LOG_LEVEL", "warning")
    assert Settings().log_level == "WARNING"
