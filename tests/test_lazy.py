"""Names that packages offer at their root: each is there, is what its module has, and costs nothing before its use."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

PACKAGES = ["shopr", "shopr.abtest", "shopr.commerce", "shopr.config", "shopr.data", "shopr.recommend", "shopr.storage"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there(package: str) -> None:
    module = import_module(package)
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name) is getattr(module, name)
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'; it offers "):
        _ = module.nothing


def test_a_name_is_what_its_module_has() -> None:
    from shopr.recommend import make
    from shopr.recommend.contract import registry

    assert make is registry.make


def test_packages_load_nothing_before_a_name_is_used() -> None:
    told = f"import sys, {', '.join(PACKAGES)}; print('pandas' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
