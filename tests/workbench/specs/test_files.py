"""Specs that extend others, differ between environments, and are told apart by name."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from shopr.cli.main import main
from shopr.config.environment import Environment
from shopr.errors import SpecError
from shopr.workbench.specs.files import inventory
from shopr.workbench.specs.schema import json_schema
from shopr.workbench.specs.spec import RunSpec, load, resolve
from shopr.workbench.specs.sweep import SweepSpec, load_sweep
from shopr.yamlfile import parse

BASE = """\
name: base
notebook: notebooks/a.ipynb
timeout: 60
retry: {times: 2, wait: 1}
parameters:
  k: {type: int, default: 10, max: 100}
  preset: {type: str, default: tiny, choices: [tiny, demo]}
"""
OTHER = """\
name: other
extends: base.yaml
retry: {times: 5}
parameters:
  k: 20
  lam: {type: float, default: 1.5, min: 1, max: 50}
environments:
  production: {timeout: 600, parameters: {preset: demo}}
"""
SWEEP = """\
name: sweep
kind: sweep
run: other.yaml
objective: {metric: ndcg@10}
parameters: {preset: demo}
space:
  k: [5, 10]
  lam:
    low: 1
    high: 2
    step: 0.5
"""


@pytest.fixture
def files(tmp_path):
    def write(**texts: str):
        for name, text in texts.items():
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def refused(path) -> str:
    with pytest.raises(SpecError) as error:
        load(path)
    return error.value.one_line().replace(str(path.parent) + "/", "")


def test_what_is_extended_holds_where_the_spec_is_silent(files):
    folder = files(base=BASE, other=OTHER)
    spec = load(folder / "other.yaml", environment=Environment.DEVELOPMENT)
    assert isinstance(spec, RunSpec)
    assert (spec.name, spec.notebook, spec.timeout) == ("other", "notebooks/a.ipynb", 60)
    assert (spec.retry.times, spec.retry.wait) == (5, 1)
    assert resolve(spec, {}) == {"k": 20, "preset": "tiny", "lam": 1.5}
    assert spec.parameters["k"].max == 100


def test_environments_win_over_the_file_and_the_call_over_both(files, monkeypatch):
    folder = files(base=BASE, other=OTHER)
    spec = load(folder / "other.yaml", environment=Environment.PRODUCTION)
    assert isinstance(spec, RunSpec)
    assert (spec.timeout, resolve(spec, {})["preset"], resolve(spec, {"preset": "tiny"})["preset"]) == (
        600, "demo", "tiny",
    )  # fmt: skip
    monkeypatch.setenv("SHOPR_ENVIRONMENT", "production")
    assert load(folder / "other.yaml").timeout == 600


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("base", "name: base", "name: base\nextends: other.yaml",
         "base.yaml, line 2: extends: specs extend each other in a circle: other.yaml → base.yaml → other.yaml"),
        ("other", "base.yaml", "other.yaml", "specs extend each other in a circle: other.yaml → other.yaml"),
        ("other", "base.yaml", "bas.yaml", "other.yaml, line 2: extends: spec bas.yaml cannot be read"),
        ("other", "base.yaml", "[base.yaml]", "is no file name. Write extends: other"),
        ("base", "max: 100", "max: 15", "other.yaml, line 5: parameters.k: the default 20 is above 15"),
        ("base", "timeout: 60", "timeout: 0", "base.yaml, line 3: timeout: Input should be greater"),
        ("base", "wait: 1", "wiat: 1", "base.yaml, line 4: retry.wiat: unknown key. Did you mean 'wait'?"),
        ("other", "production:", "prod:", "other.yaml, line 8: environments.prod: unknown environment"),
        ("other", "timeout: 600", "name: x", "environments.production.name: this is the same everywhere"),
        ("other", "name: other\n", "", "name: this key is missing"),
        ("other", "name: other", "name: base", "other.yaml and base.yaml both have the name 'base'"),
        ("other", "times: 5", "after: [dyed]", "retry.after.0: 'dyed' is not known. Did you mean 'died'?"),
    ],
)  # fmt: skip
def test_refusals_name_the_file_the_line_and_the_chain(files, file, old, new, says):
    texts = {"base": BASE, "other": OTHER}
    assert old in texts[file]
    folder = files(**{**texts, file: texts[file].replace(old, new, 1)})
    assert says in refused(folder / "other.yaml")


def test_a_sweep_and_its_points(files):
    folder = files(base=BASE, other=OTHER, sweep=SWEEP)
    spec, run = load_sweep(folder / "sweep.yaml")
    assert isinstance(spec, SweepSpec)
    assert (spec.objective.metric, spec.objective.goal, spec.method) == ("ndcg_at_10", "maximize", "grid")
    assert spec.grid(run) == [{"k": k, "lam": lam} for k in (5, 10) for lam in (1.0, 1.5, 2.0)]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("k: [5", "kk: [5", "sweep.yaml, line 7: space.kk: other has no such parameter. Did you mean 'k'?"),
        ("[5, 10]", "[5, 1000]", "sweep.yaml, line 7: space.k.values: 1000 is above 100"),
        ("[5, 10]", "[5, x]", "space.k.values: 'x' is no int"),
        ("low: 1\n", "low: 0.5\n", "sweep.yaml, line 9: space.lam.low: 0.5 is below 1"),
        ("    step: 0.5\n", "", "space.lam: a grid needs values: or a step:. Or choose method: random or tpe"),
        ("high: 2", "high: 1", "space.lam: low: must be below high:"),
        ("step: 0.5", "stepp: 0.5", "sweep.yaml, line 11: space.lam.stepp: unknown key. Did you mean 'step'?"),
        ("run: other", "run: othr", "sweep.yaml, line 3: run: spec"),
        ("preset: demo", "preset: dem", "line 5: parameters.preset: 'dem' is none of tiny, demo"),
        ("preset: demo", "k: 5", "parameters.k: it cannot be fixed and varied"),
        ("metric:", "metrik:", "objective.metrik: unknown key. Did you mean 'metric'?"),
    ],
)
def test_sweeps_that_do_not_fit_their_run(files, old, new, says):
    assert old in SWEEP
    folder = files(base=BASE, other=OTHER, sweep=SWEEP.replace(old, new, 1))
    assert says in refused(folder / "sweep.yaml")


def test_the_list_of_specs_and_two_of_one_name(files, project, monkeypatch, capsys):
    names = [one.name for one in inventory()]
    assert len(names) == len(set(names))
    folder = files(base=BASE, other=OTHER.replace("name: other", "name: base"))
    with pytest.raises(SpecError, match="both have the name 'base'"):
        inventory(folder)
    with pytest.raises(SystemExit) as left:
        main(["run", "--list-specs", "--json"])
    assert left.value.code == 0
    assert {"run", "gate", "rules", "abtest"} <= {one["kind"] for one in json.loads(capsys.readouterr().out)}


def test_the_schema_takes_every_spec_of_the_project_and_refuses_wrong_ones(project, files):
    checker = Draft202012Validator(json_schema())
    Draft202012Validator.check_schema(json_schema())
    for path in sorted((project / "experiments").glob("*.yaml")):
        content, _ = parse(path, path.read_text())
        plain = json.loads(json.dumps(content, default=str))
        assert [f"{path.name}: {e.json_path}: {e.message}" for e in checker.iter_errors(plain)] == []
    for text, good in ((BASE, True), (OTHER, True), (SWEEP, True), (BASE + "tmeout: 1\n", False),
                       (SWEEP.replace("metric:", "metrik:"), False), ("name: x\nkind: nothing\n", False)):  # fmt: skip
        content, _ = parse(files() / "x.yaml", text)
        assert checker.is_valid(content) is good, text


def test_a_sweep_of_itself_is_refused(files):
    folder = files(sweep=SWEEP.replace("run: other", "run: sweep"))
    assert "sweep.yaml, line 3: run: it names itself" in refused(folder / "sweep.yaml")


def test_the_block_of_an_environment_that_is_not_in_force_is_checked_too(files):
    folder = files(base=BASE, other=OTHER.replace("timeout: 600", "timout: 600"))
    with pytest.raises(SpecError, match=r"other.yaml, line 8: timout: unknown key. Did you mean 'timeout'\?"):
        load(folder / "other.yaml", environment=Environment.DEVELOPMENT)


def test_a_spec_beside_the_wrong_name_is_offered(files, monkeypatch):
    folder = files(base=BASE)
    with pytest.raises(SpecError) as error:
        load(folder / "bas.yaml")
    assert error.value.hint == f"Did you mean {folder / 'base.yaml'}?"
    monkeypatch.chdir(folder)
    with pytest.raises(SpecError, match=r"Did you mean base.yaml\?"):
        load("bas.yaml")


def test_a_file_that_has_no_end_that_could_be_reached(tmp_path):
    rows = ['a: &a ["x", "x", "x", "x", "x", "x", "x", "x", "x"]']
    rows += [
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefghij", "bcdefghijk", strict=True)
    ]
    with pytest.raises(SpecError, match=r"bomb.yaml, line 7: by its anchors it holds more than 1,000,000 values"):
        parse(tmp_path / "bomb.yaml", "\n".join(rows))
    with pytest.raises(SpecError, match=r"deep.yaml is nested too deeply"):
        parse(tmp_path / "deep.yaml", "a: " + "[" * 5000 + "]" * 5000)
    shared, _ = parse(tmp_path / "shared.yaml", "a: &a {x: 1}\nb: *a\nc: [*a, *a]\n")
    assert shared["c"] == [{"x": 1}, {"x": 1}]
