"""Modules by the names that they had: the same module, loaded only when asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec

import pytest

from shopr.former import former_names

for package in (
    "shopr.abtest",
    "shopr.recommend",
    "shopr.search",
    "shopr.workbench",
):  # each says which of its modules moved
    import_module(package)
NAMES = sorted(former_names().items())
ASIDE = """
import sys
import shopr.abtest.spec as before
assert "shopr.abtest.design.analysis" not in sys.modules and "shopr.abtest.judging.analysis" not in sys.modules
from shopr.abtest import spec as inside
import shopr.abtest.design.spec as today
from importlib import reload
assert before is today is inside, (before, today, inside)
assert today.__name__ == today.__spec__.name == "shopr.abtest.design.spec", today.__spec__
assert reload(today) is today
import pickle
kind = b"cshopr.abtest.spec\\nExperiment\\n."
assert pickle.loads(kind) is today.Experiment
print("same")
"""


@pytest.mark.parametrize(("before", "today"), NAMES, ids=[before for before, _ in NAMES])
def test_a_former_name_gives_the_module_of_today(before: str, today: str) -> None:
    module = import_module(today)
    assert import_module(before) is module
    assert module.__name__ == today
    assert module.__spec__ is not None
    assert module.__spec__.name == today


@pytest.mark.parametrize(("before", "today"), NAMES, ids=[before for before, _ in NAMES])
def test_no_module_or_room_has_a_name_that_another_had(before: str, today: str) -> None:
    package = import_module(before.rpartition(".")[0])
    spec = PathFinder.find_spec(before, package.__path__)
    assert spec is None or spec.loader is None  # nothing, or a folder that was left empty


def test_what_lies_in_a_package_that_moved_is_there_once() -> None:
    today = import_module("shopr.recommend.models.explicit.factors")
    assert import_module("shopr.recommend.explicit.factors") is today
    with pytest.raises(ModuleNotFoundError, match=r"shopr\.recommend\.models\.explicit\.nothing"):
        import_module("shopr.recommend.explicit.nothing")


def test_an_old_name_in_a_process_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", ASIDE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "same\n"), done.stderr


def test_a_name_that_never_was_is_refused_as_ever() -> None:
    assert find_spec("shopr.abtest.nothing") is None
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'shopr\.abtest\.nothing'"):
        import_module("shopr.abtest.nothing")
