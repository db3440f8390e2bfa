"""What `import shopr` offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import shopr

HEAVY = (
    "numpy pandas scipy sklearn mlflow streamlit papermill optuna sqlalchemy alembic pyarrow duckdb matplotlib".split()
)
DOOR = """
import sys
{code}
print(",".join(m for m in {heavy} if m in sys.modules))
"""


def loaded(code: str, heavy: list[str]) -> str:
    script = DOOR.format(code=code, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1] if done.stdout.endswith("\n") else ""


def test_the_public_names_are_pinned() -> None:
    assert sorted(shopr.__all__) == ["Catalog", "Interactions", "Settings", "Shop", "ShoprError", "__version__"]
    assert dir(shopr) == sorted(shopr.__all__)


@pytest.mark.parametrize("name", sorted(shopr.__all__))
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(shopr, name) is not None


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Shopp'; it offers Catalog, Interactions"):
        shopr.Shopp  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded("import shopr", [*HEAVY, "pydantic", "rich", "click"]) == ""


def test_the_help_of_the_command_line_loads_nothing_heavy() -> None:
    code = "from shopr.cli.main import main\ntry: main(['--help'])\nexcept SystemExit as end: assert end.code == 0"
    assert loaded(code, [*HEAVY, "pydantic", "rich"]) == ""


def test_settings_load_nothing_of_data_or_storage() -> None:
    assert loaded("import shopr; shopr.Settings()", [*HEAVY, "rich"]) == ""


def test_the_experiments_room_offers_what_it_names() -> None:
    import shopr.abtest

    assert all(getattr(shopr.abtest, name) is not None for name in shopr.abtest.__all__)
    with pytest.raises(AttributeError, match="offers Assignment"):
        shopr.abtest.nothing  # noqa: B018
