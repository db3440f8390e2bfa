"""The settings of the house: one frozen object, every value checked, every value with its origin."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shopr import __version__
from shopr.config.amounts import parse_bytes
from shopr.config.environment import Environment, Posture, detect, parse
from shopr.config.sources import CallSource, EnvironmentSource, FileSource, project_root, unknown_variables
from shopr.errors import ConfigError, InputError
from shopr.money import exponent
from shopr.randomness import DEFAULT_SEED

__all__ = ["Settings", "mask", "parse_bytes"]

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def mask(url: str) -> str:
    """`url` without its password, for people to read."""
    url = re.sub(r"((?:password|passwd|token|secret)=)[^&\s]*", r"\1***", url, flags=re.IGNORECASE)
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        return "(not a URL)"
    if password is None and "@" not in parts.netloc:
        return url
    user = f"{parts.username}:***@" if password is not None else f"{parts.username}@"
    return urlunsplit(parts._replace(netloc=f"{user}{parts.netloc.rpartition('@')[2]}"))


class Settings(BaseSettings):
    """Everything that may differ from one installation to another.

    `Settings()` reads, in this order, the call's own arguments, the SHOPR_ environment variables, the settings file
    (SHOPR_CONFIG, else ./shopr.toml, else shopr.toml beside pyproject.toml) and the defaults.

    Raises:
        ConfigError: naming the value, its origin and its bound.
    """

    model_config = SettingsConfigDict(env_prefix="SHOPR_", frozen=True, extra="forbid", validate_default=True)

    environment: Environment = Field(default_factory=lambda: detect()[0])
    """development, staging or production; detected where it is not said."""
    home: Path = Field(default_factory=lambda: project_root() / "data" / "state")
    """Folder of the house's state: databases, shops, models, logs. Absolute."""
    database_url: str = ""
    """SQLAlchemy URL of profiles, sessions, ledger, alerts; by default SQLite in `home`/state.db."""
    mlflow_uri: str = ""
    """MLflow tracking store; by default SQLite in <project>/mlruns/mlflow.db."""
    artifact_root: Path = Field(default_factory=lambda: project_root() / "mlruns" / "artifacts")
    """Folder of MLflow's artifacts. Absolute."""
    shop: str = Field("demo", pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    """Name of the shop in use, a folder under `home`/shops."""
    seed: int = Field(DEFAULT_SEED, ge=0, lt=2**63)
    """Seed of everything random."""
    currency: str = "GBP"
    """ISO 4217 code of the shop's prices."""
    time_zone: str = "UTC"
    """IANA time zone of the shop's days and schedules."""
    redis_url: str = ""
    """Redis for rate limits, lockouts and caches; "" keeps them in the database."""
    dask_address: str = ""
    """Dask scheduler for sweeps and batch scoring; "" uses local processes."""
    spark_master: str = "local[*]"
    """Spark master of `shopr train --engine spark`; by default all cores of this machine."""
    memory_budget: Annotated[int, BeforeValidator(parse_bytes)] = Field(4 * 2**30, ge=64 * 2**20, le=2**44)
    """Bytes of memory that one piece of work may plan for: a model that would need more refuses to start."""
    rate_text: int = Field(30, ge=1, le=10_000)
    """Chat messages that one person, session or key may send in any minute."""
    rate_image: int = Field(10, ge=1, le=10_000)
    """Images likewise."""
    rate_voice: int = Field(20, ge=1, le=10_000)
    """Voice messages likewise."""
    trusted_proxies: str = ""
    """Networks of our own proxies, separated by commas, whose X-Forwarded-For is believed; "" believes none."""
    app_hosts: str = ""
    """Names that the app's server answers to, separated by commas, such as those a proxy in front passes on; "" takes
    this machine's own where it listens here alone, else any."""
    require_sign_in: bool = Field(default_factory=lambda given: _posture(given).require_sign_in)
    """Whether dashboards need an analyst's account, acts an operator's, and shoppers see only themselves; by default in
    staging and production."""
    ask_consent: bool = Field(default_factory=lambda given: _posture(given).ask_consent)
    """Whether visitors are asked what may be kept of them; by default in staging and production. In development, where
    nobody is asked, all is allowed until somebody says otherwise; elsewhere nothing optional is."""
    clamav_url: str = ""
    """ClamAV's clamd that scans uploads, unix:///path or tcp://host:3310; "" scans none."""
    audit_anchor: str = ""
    """File of the audit log's anchor, best on another disk or host; by default `home`/keys/audit.anchor."""
    llm_url: str = ""
    """OpenAI-compatible endpoint beside the assistant, such as http://localhost:11434/v1; "" for none."""
    llm_model: str = ""
    """Name of the model at `llm_url`."""
    llm_api_key: str = Field("", repr=False)
    """Key for `llm_url`; "" for a local server."""
    llm_timeout_seconds: float = Field(2.0, gt=0, le=60)
    """How long a reply waits for it; then the built-in reply stands."""
    llm_tokens_a_day: int = Field(200_000, ge=0, le=10**9)
    """Tokens that one process may spend on it in 24 hours."""
    sample_performance: float = Field(0.1, gt=0, le=1)
    """Share of persons whose vitals and calls are kept as events."""
    sample_behaviour: float = Field(0.05, gt=0, le=1)
    """Share of persons whose page views, searches and messages are kept."""
    release: str = Field("", max_length=128)
    """Name of what runs, such as a version and a commit, on events and errors; by default the package's version."""
    sentry_dsn: str = Field("", repr=False, pattern=r"^(https?://[^@/\s]+@\S+/\d+)?$")
    """Where errors are sent as well, redacted (extra `sentry`); "" sends them nowhere."""
    log_level: str = ""
    """DEBUG, INFO, WARNING or ERROR; by default the environment's own."""
    origins: dict[str, str] = Field(default_factory=dict, exclude=True, repr=False)
    """Field -> where its value came from; filled by the sources."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _refusal(error) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        given = CallSource(settings_cls, dict(getattr(init_settings, "init_kwargs", {})))
        return given, EnvironmentSource(settings_cls), FileSource(settings_cls)

    @classmethod
    def sandbox(cls, **values: Any) -> Settings:
        """Settings for trying things out: every store lies in a temporary folder that goes when the process ends.

        Nothing that is done under them touches the real shops, runs or champion.

        Args:
            values: further settings.

        Raises:
            ConfigError: as `Settings`.
        """
        folder = Path(tempfile.mkdtemp(prefix="shopr-sandbox-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        own = {
            "home": folder / "home",
            "database_url": f"sqlite:///{folder / 'home' / 'state.db'}",
            "mlflow_uri": f"sqlite:///{folder / 'mlflow.db'}",
            "artifact_root": folder / "artifacts",
        }
        return cls(**{**own, **values})

    @field_validator("environment", mode="before")
    @classmethod
    def _environment(cls, value: object) -> object:
        return parse(value) if isinstance(value, str) else value

    @field_validator("home", "artifact_root", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("currency")
    @classmethod
    def _currency(cls, value: str) -> str:
        try:
            exponent(value)
        except InputError as error:
            raise ValueError("is no ISO 4217 code; write three capitals such as GBP") from error
        return value

    @field_validator("time_zone")
    @classmethod
    def _time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("is no IANA time zone; write Europe/London or UTC") from error
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in ("redis", "rediss", "unix"):
            raise ValueError("is no Redis URL; write redis://host:6379/0")
        return value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value and value.upper() not in _LEVELS:
            raise ValueError(f"is no log level; use one of {', '.join(_LEVELS)}")
        return value.upper()

    @model_validator(mode="after")
    def _derived(self) -> Settings:
        # Values that follow from others are filled in here; a frozen model is written to through its own dictionary.
        filled = {
            "database_url": self.database_url or f"sqlite:///{self.home / 'state.db'}",
            "mlflow_uri": _absolute_sqlite(self.mlflow_uri) or f"sqlite:///{project_root() / 'mlruns' / 'mlflow.db'}",
            "log_level": self.log_level or Posture.of(self.environment).log_level,
            "release": self.release or __version__,
        }
        self.__dict__.update(filled)
        if "environment" not in self.origins:
            self.origins["environment"] = detect()[1]
        if "://" not in self.database_url:
            raise ValueError(f"database_url {mask(self.database_url)!r} is no URL; write sqlite:////path/state.db")
        return self

    @property
    def posture(self) -> Posture:
        """Safe defaults of the environment in force."""
        return Posture.of(self.environment)

    @property
    def shops(self) -> Path:
        """Folder of all shops."""
        return self.home / "shops"

    def shop_folder(self, name: str | None = None) -> Path:
        """Folder of the shop `name`, or of the one in use."""
        return self.shops / (name or self.shop)

    def origin(self, name: str) -> str:
        """Where the value of a setting came from: "call", "environment NAME", "file PATH", "detected: …" or "default".

        Raises:
            ConfigError: if there is no such setting.
        """
        if name not in self.names():
            raise ConfigError(f"unknown setting {name!r}", hint=f"Known: {', '.join(self.names())}")
        return self.origins.get(name, "default")

    @classmethod
    def names(cls) -> list[str]:
        """The settings, in order."""
        return [name for name in cls.model_fields if name != "origins"]

    @classmethod
    def misspelt(cls) -> dict[str, str]:
        """SHOPR_ variables of this process that are no settings, each with the nearest one ("" if none is near)."""
        return unknown_variables(frozenset(cls.names()))

    def shown(self, name: str) -> str:
        """The value of a setting as people may read it: passwords in URLs are masked."""
        value = getattr(self, name)
        if name.endswith(("_key", "_dsn")):
            return "***" if value else ""
        return mask(value) if name.endswith(("_url", "_uri", "_address")) else str(value)

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={self.shown(name)!r}' for name in self.names())})"

    __str__ = __repr__


def _posture(given: Mapping[str, Any]) -> Posture:
    """The safe defaults of the environment that the settings before it name; of the strictest where that is wrong."""
    return Posture.of(given.get("environment", Environment.PRODUCTION))


def _absolute_sqlite(url: str) -> str:
    """A SQLite URL with its path made absolute: a notebook's working folder must not decide where runs are kept."""
    prefix = "sqlite:///"
    if not url.startswith(prefix) or url.startswith(f"{prefix}/") or ":memory:" in url:
        return url
    return f"{prefix}{project_root() / url.removeprefix(prefix)}"


def _refusal(error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    message = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    if not name:
        return ConfigError(message, hint="See 'shopr config show'")
    given = first.get("input")
    shown = mask(given) if isinstance(given, str) and name.endswith(("_url", "_uri", "_dsn")) else given
    if first["type"] == "extra_forbidden":
        return ConfigError(f"unknown setting {name!r}", hint=f"Known: {', '.join(Settings.names())}")
    return ConfigError(
        f"setting {name} is {shown!r}: {message}", hint=f"Correct SHOPR_{name.upper()} or the settings file"
    )
