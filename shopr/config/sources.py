"""Where settings come from: call > environment > file > defaults. Each source says which of its values it gave."""

from __future__ import annotations

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from shopr.errors import ConfigError

__all__ = ["CallSource", "EnvironmentSource", "FileSource", "config_path", "project_root", "unknown_variables"]

PREFIX = "SHOPR_"
# Variables of ours that are read elsewhere: they are no settings, and no misspelt ones either.
OTHER_VARIABLES = frozenset(
    {
        *("SHOPR_CONFIG", "SHOPR_KEYS", "SHOPR_DEBUG", "SHOPR_PROGRESS", "SHOPR_SHARED_DATA", "SHOPR_COMPLETE"),
        "SHOPR_APP_HOST",  # set for the app's server: where it listens
        *("SHOPR_RUN", "SHOPR_PARENT_RUN", "SHOPR_REPORTS"),  # set for the notebooks that `shopr run` executes
    }
)
# Names under which other tools know one of our settings; ours comes first.
FOREIGN_VARIABLES = {"mlflow_uri": "MLFLOW_TRACKING_URI"}


def project_root(start: Path | None = None) -> Path:
    """The checkout in use: the nearest folder upwards from `start` (default: the working folder) with our
    pyproject.toml; else the checkout that this package was installed from, editable; else `start` itself."""
    here = (start or Path.cwd()).absolute()
    source = Path(__file__).resolve().parents[2]
    return next((folder for folder in (here, *here.parents, source) if _is_ours(folder)), here)


def _is_ours(folder: Path) -> bool:
    try:
        text = (folder / "pyproject.toml").read_text(encoding="utf-8")
        return bool(tomllib.loads(text).get("project", {}).get("name") == "shopr")
    except (OSError, ValueError):
        return False


def config_path() -> Path | None:
    """The settings file in force: SHOPR_CONFIG, else `shopr.toml` in the working folder or the project root.

    Raises:
        ConfigError: if SHOPR_CONFIG names a file that does not exist.
    """
    named = os.environ.get("SHOPR_CONFIG")
    if named:
        path = Path(named).expanduser().absolute()
        if not path.is_file():
            raise ConfigError(f"SHOPR_CONFIG names {path}, which is not a file", hint="Correct or unset SHOPR_CONFIG")
        return path
    for folder in (Path.cwd(), project_root()):
        path = folder / "shopr.toml"
        if path.is_file():
            return path.absolute()
    return None


def unknown_variables(known: frozenset[str]) -> dict[str, str]:
    """SHOPR_ variables that no setting has, each with the nearest known name ("" if none is near)."""
    names = {f"{PREFIX}{field.upper()}" for field in known} | OTHER_VARIABLES
    strange = [n for n in os.environ if n.startswith(PREFIX) and n not in names and not n.startswith("SHOPR_TEST_")]
    return {n: next(iter(get_close_matches(n, sorted(names), n=1)), "") for n in sorted(strange)}


class _Source(PydanticBaseSettingsSource):
    """A source whose values carry their origin in the field `origins`; the sources above it win in both alike."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def found(self) -> dict[str, tuple[Any, str]]:
        """Field -> (value, origin)."""
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        found = self.found()
        values: dict[str, Any] = {name: value for name, (value, _) in found.items()}
        values["origins"] = {name: origin for name, (_, origin) in found.items()}
        return values


class CallSource(_Source):
    """Values given in the call itself."""

    def __init__(self, settings_cls: type[BaseSettings], values: dict[str, Any]) -> None:
        super().__init__(settings_cls)
        self._values = values

    def found(self) -> dict[str, tuple[Any, str]]:
        return {name: (value, "call") for name, value in self._values.items()}


class EnvironmentSource(_Source):
    """SHOPR_ variables; an empty one counts as not set."""

    def found(self) -> dict[str, tuple[Any, str]]:
        out = {}
        for name in self.settings_cls.model_fields:
            if name == "origins":
                continue
            for variable in (f"{PREFIX}{name.upper()}", FOREIGN_VARIABLES.get(name, "")):
                value = os.environ.get(variable, "").strip() if variable else ""
                if value:
                    out[name] = (value, f"environment {variable}")
                    break
        return out


class FileSource(_Source):
    """The table `[shopr]` of a TOML file, or its top level."""

    def found(self) -> dict[str, tuple[Any, str]]:
        path = config_path()
        if path is None:
            return {}
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}", hint="Check its permissions") from error
        except ValueError as error:
            raise ConfigError(
                f"{path} is not valid TOML: {error}", hint='Write lines such as currency = "GBP"'
            ) from None
        values = table.get("shopr", table)
        known = set(self.settings_cls.model_fields) - {"origins"}
        for name in values:
            if name not in known:
                near = next(iter(get_close_matches(name, sorted(known), n=1)), None)
                guess = f"Did you mean {near!r}?" if near else f"Known: {', '.join(sorted(known))}"
                raise ConfigError(f"{path}: unknown setting {name!r}", hint=guess)
        return {name: (value, f"file {path}") for name, value in values.items()}
