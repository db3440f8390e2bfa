"""How sweeps choose: points that depend on the seed alone, and studies that several processes share."""

from __future__ import annotations

import math

import pytest

from shopr.storage.database import Database
from shopr.workbench.specs.spec import RunSpec
from shopr.workbench.specs.sweep import SweepSpec
from shopr.workbench.sweeps.choice import Study, points

RUN = RunSpec.model_validate(
    {
        "name": "r",
        "notebook": "n.ipynb",
        "parameters": {
            "k": {"type": "int", "default": 1},
            "lam": {"type": "float", "default": 1},
            "models": {"type": "list", "default": []},
        },
    }
)


def sweep(space: dict[str, object], **more: object) -> SweepSpec:
    given = {"name": "s", "kind": "sweep", "run": "r.yaml", "objective": {"metric": "m"}, "space": space}
    return SweepSpec.model_validate({**given, **more})


def test_a_grid_takes_every_combination_once():
    spec = sweep({"k": {"low": 1, "high": 5, "step": 2}, "lam": [0.5, 1], "models": [["a"], ["a", "b"]]})
    found = points(spec, RUN)
    assert found is not None
    assert len(found) == 12
    assert found[0] == {"k": 1, "lam": 0.5, "models": ["a"]}
    assert found[-1] == {"k": 5, "lam": 1, "models": ["a", "b"]}
    assert all(isinstance(point["k"], int) for point in found)


def test_draws_depend_on_the_seed_stay_in_range_and_do_not_repeat():
    space = {"k": {"low": 1, "high": 3}, "lam": {"low": 0.01, "high": 100, "log": True}, "models": [["a"], ["b"]]}
    first, again, other = (points(sweep(space, method="random", trials=2000, seed=s), RUN) for s in (1, 1, 2))
    assert first == again
    assert first != other
    assert first is not None
    assert {point["k"] for point in first} == {1, 2, 3}
    assert all(0.01 <= point["lam"] <= 100 for point in first)
    share = sum(point["lam"] < 1 for point in first) / 2000
    assert abs(share - 0.5) < 3 * math.sqrt(0.25 / 2000)  # half of a logarithmic range lies below its middle
    few = points(sweep({"k": {"low": 1, "high": 2}}, method="random", trials=50), RUN)
    assert few is not None
    assert sorted(point["k"] for point in few) == [1, 2]
    assert points(sweep({"k": [1]}, method="tpe"), RUN) is None


@pytest.mark.parametrize("kind", ["journal", "postgresql"])
def test_two_processes_share_a_study(kind, settings, request):
    if kind == "postgresql":
        settings = settings.model_copy(update={"database_url": request.getfixturevalue("postgres_url")})
    Database.open(settings).close()
    spec = sweep({"lam": {"low": 0, "high": 1}, "models": [["a"], ["b", "c"]]}, method="tpe")
    one, two = (Study(settings, spec, RUN, "abc", worker) for worker in (0, 1))
    first, second = one.ask(None), two.ask(None)
    assert first.values != second.values
    assert second.values["models"] in (["a"], ["b", "c"])
    first.tell(0.5)
    two.abandon()
    resumed = Study(settings, spec, RUN, "abc").ask(None)
    assert resumed.values == second.values  # what nobody ended is tried again first
    assert resumed.report(0.1, step=0) is False
    resumed.tell(None, pruned=True)
    with Database.open(settings) as database:
        assert database.revision() is not None
        assert str(database.revision()).isdigit()  # Optuna's own revisions are kept elsewhere


def test_fixed_points_are_told_to_a_study_that_prunes(settings):
    spec = sweep({"k": [1, 2]}, prune={"method": "median", "startup": 1})
    study = Study(settings, spec, RUN, "fixed")
    good = study.ask({"k": 1})
    assert good.values == {"k": 1}
    assert good.report(1.0, step=0) is False
    good.tell(1.0)
    bad = study.ask({"k": 2})
    assert bad.values == {"k": 2}
    assert bad.report(0.0, step=0) is True
    bad.tell(None, pruned=True)
