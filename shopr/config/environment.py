"""Where the process runs, and how careful it has to be there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shopr.errors import ConfigError

__all__ = ["Environment", "Posture", "detect", "parse"]


class Environment(StrEnum):
    """The three places where the house runs."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


_WORDS = {
    "dev": Environment.DEVELOPMENT,
    "development": Environment.DEVELOPMENT,
    "local": Environment.DEVELOPMENT,
    "test": Environment.DEVELOPMENT,
    "stage": Environment.STAGING,
    "staging": Environment.STAGING,
    "prod": Environment.PRODUCTION,
    "production": Environment.PRODUCTION,
}
# Names that other tools use for the same thing, asked after our own.
_FOREIGN = ("APP_ENV", "ENVIRONMENT", "ENV")


@dataclass(frozen=True, slots=True)
class Posture:
    """Safe defaults of an environment.

    Attributes:
        secure_cookies: cookies travel over HTTPS only, and HSTS is sent.
        show_tracebacks: people may see tracebacks and the interactive API documentation.
        host: the address that servers listen on unless told otherwise.
        log_level: the least severe level that is logged.
        sample_rate: share of the events that are not facts which is kept, 0–1.
        require_secrets: refuse to start with keys made up on the spot.
        require_server_stores: `shopr check --deploy` asks for PostgreSQL and Redis instead of embedded stores.
        require_sign_in: dashboards need an account, and shoppers see only themselves.
        ask_consent: nothing optional is kept of a visitor who was not asked.
    """

    secure_cookies: bool
    show_tracebacks: bool
    host: str
    log_level: str
    sample_rate: float
    require_secrets: bool
    require_server_stores: bool
    require_sign_in: bool = True
    ask_consent: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.sample_rate <= 1:
            raise ConfigError(f"sample_rate {self.sample_rate} is outside 0 to 1", hint="Give a share, such as 0.1")

    @classmethod
    def of(cls, environment: Environment) -> Posture:
        """The defaults of `environment`."""
        return _POSTURES[environment]


_POSTURES = {
    Environment.DEVELOPMENT: Posture(False, True, "127.0.0.1", "DEBUG", 1.0, False, False, False, False),
    Environment.STAGING: Posture(True, False, "127.0.0.1", "INFO", 1.0, True, False),
    Environment.PRODUCTION: Posture(True, False, "127.0.0.1", "INFO", 0.25, True, True),
}


def detect(environ: Mapping[str, str] | None = None) -> tuple[Environment, str]:
    """The environment that the variables tell, and which one told it.

    `SHOPR_ENVIRONMENT` decides; then `APP_ENV`, `ENVIRONMENT` and `ENV` where they hold a word we know; a Kubernetes
    pod counts as production, so that forgetting to say so is safe; all else is development.

    Raises:
        ConfigError: if `SHOPR_ENVIRONMENT` holds an unknown word.
    """
    variables = os.environ if environ is None else environ
    own = variables.get("SHOPR_ENVIRONMENT", "").strip().lower()
    if own:
        return parse(own), "environment SHOPR_ENVIRONMENT"
    for name in _FOREIGN:
        word = variables.get(name, "").strip().lower()
        if word in _WORDS:
            return _WORDS[word], f"environment {name}"
    if variables.get("KUBERNETES_SERVICE_HOST"):
        return Environment.PRODUCTION, "detected: Kubernetes"
    return Environment.DEVELOPMENT, "default"


def parse(word: str) -> Environment:
    """The environment that `word` names, its usual abbreviations included.

    Raises:
        ConfigError: if no environment has that name.
    """
    found = _WORDS.get(word.strip().lower())
    if found is None:
        raise ConfigError(f"environment {word!r} is unknown", hint="Use development, staging or production")
    return found
