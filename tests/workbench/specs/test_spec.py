"""Specs: every refusal names the file, the line and the nearest key."""

from __future__ import annotations

import pytest

from shopr.abtest.design.spec import Experiment
from shopr.cli.main import main
from shopr.cli.params import keyed
from shopr.errors import InputError, SpecError
from shopr.tracking.rules import Rules
from shopr.workbench.specs.spec import GateSpec, RunSpec, gate_rules, load, notebook_of, resolve

GOOD = """\
name: weekly
notebook: notebooks/weekly.ipynb
timeout: 60
parameters:
  k:
    type: int
    default: 10
    min: 1
    max: 100
  share: {type: float, default: 0.2}
  model: {type: str, default: ease, choices: [ease, popular], help: Which model}
  fast: {type: bool, default: false}
  run: {type: list, default: [a]}
"""


@pytest.fixture
def written(tmp_path):
    def write(text: str, name: str = "spec.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refusal(path) -> str:
    with pytest.raises(SpecError) as refused:
        load(path)
    line = refused.value.one_line()
    assert str(path) in line
    assert refused.value.exit_status == 2
    return line.replace(str(path), "spec")


def test_a_good_spec(written):
    spec = load(written(GOOD))
    assert isinstance(spec, RunSpec)
    assert (spec.kind, spec.seed, spec.timeout, spec.experiment) == ("run", 42, 60, "shopr")
    assert resolve(spec, {}) == {"k": 10, "share": 0.2, "model": "ease", "fast": False, "run": ["a"]}


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("notebook:", "notebok:", 2, "notebok: unknown key. Did you mean 'notebook'? Known: name, kind,"),
        ("    min: 1", "    mim: 1", 8, "parameters.k.mim: unknown key. Did you mean 'min'? Known: type, default"),
        ("name: weekly\n", "", 1, "name: this key is missing"),
        ("name: weekly", "name: Weekly Health", 1, "name: 'Weekly Health' does not look like a name such as"),
        ("notebooks/weekly.ipynb", "weekly.py", 2, "notebook: 'weekly.py' does not look like notebooks/NAME.ipynb"),
        ("notebooks/weekly", "../weekly", 2, "notebook: '../weekly.ipynb' leaves the project"),
        ("notebooks/weekly", "/etc/weekly", 2, "does not look like"),
        ("timeout: 60", "timeout: 0", 3, "timeout: Input should be greater than 0"),
        (
            "timeout: 60",
            "timeout: soon",
            3,
            "timeout: Input should be a valid number, unable to parse string as a number, not 'soon'",
        ),
        ("default: 10", "default: 1000", 5, "parameters.k: the default 1000 is above 100"),
        ("default: 10", "default: ten", 5, "parameters.k: the default 'ten' is no int"),
        (
            "type: int",
            "type: integer",
            6,
            "parameters.k.type: 'integer' is not known. Did you mean 'int'? Known: str, int",
        ),
        ("default: [a]", "default: a", 13, "parameters.run: the default 'a' is no list"),
        ("    min: 1", "    max: 1", 9, "key 'max' occurs twice. Keep one of them"),
        (
            "name: weekly",
            "name: weekly\nkind: gat",
            2,
            "unknown kind 'gat'. Did you mean 'gate'? Known: run, sweep, gate",
        ),
        ("timeout: 60", "timeout: [60", 4, "expected ',' or ']'"),
        ("default: 0.2", "default: .nan", 10, "the default nan is no finite number"),
    ],
)
def test_refusals_name_the_line(written, old, new, line, says):
    assert old in GOOD
    assert refusal(written(GOOD.replace(old, new, 1))).startswith(f"spec, line {line}: ")
    assert says in refusal(written(GOOD.replace(old, new, 1)))


@pytest.mark.parametrize("text", ["", "- a\n", "just words\n", "1\n"])
def test_a_file_without_keys(written, text):
    assert "holds no keys. Start with name:" in refusal(written(text))


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(SpecError, match=r"quickstrt.yaml cannot be read.*Did you mean experiments/|Known: ") as refused:
        load(tmp_path / "quickstrt.yaml")
    assert "No such file" in str(refused.value)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match="cannot be read"):
        load(tmp_path / "binary.yaml")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kk": 5}, "weekly: unknown parameter 'kk'. Did you mean 'k'? Known: k, share, model, fast, run"),
        ({"k": 2.5}, "parameter k: 2.5 is no int"),
        ({"k": True}, "parameter k: True is no int"),
        ({"k": 0}, "parameter k: 0 is below 1"),
        ({"share": "much"}, "parameter share: 'much' is no float"),
        ({"share": float("inf")}, "parameter share: inf is no finite number"),
        ({"model": "eas"}, "parameter model: 'eas' is none of ease, popular. Which model"),
        ({"fast": 1}, "parameter fast: 1 is no bool"),
        ({"run": "a"}, "parameter run: 'a' is no list"),
    ],
)
def test_values_are_checked_before_anything_runs(written, given, says):
    with pytest.raises(SpecError) as refused:
        resolve(load(written(GOOD)), given)
    assert says in refused.value.one_line()


def test_a_whole_number_serves_as_a_float(written):
    value = resolve(load(written(GOOD)), {"share": 1})["share"]
    assert (value, type(value)) == (1.0, float)


def test_gate_specs(written, project):
    path = written("name: gate\nkind: gate\nrules:\n  alpha: 0.01\n")
    assert isinstance(load(path), GateSpec)
    assert gate_rules(path) == Rules(alpha=0.01)
    assert gate_rules() == load(project / "experiments" / "gate.yaml").rules
    line = refusal(written("name: gate\nkind: gate\nrules:\n  alpa: 0.01\n"))
    assert line.startswith("spec, line 4: rules.alpa: unknown key. Did you mean 'alpha'? Known: metric, alpha,")
    assert "line 4: rules.alpha: Input should be less than 0.5" in refusal(
        written("name: gate\nkind: gate\nrules:\n  alpha: 0.9\n")
    )
    with pytest.raises(SpecError, match=r"has kind 'run'\. A gate spec has kind: gate"):
        gate_rules(written(GOOD, "other.yaml"))


def test_every_spec_of_the_project_loads(project):
    specs = sorted((project / "experiments").glob("*.yaml"))
    assert specs
    for path in specs:
        spec = load(path)
        if isinstance(spec, RunSpec):
            assert resolve(spec, {}).keys() == spec.parameters.keys()


def test_specs_of_ab_tests_load_and_are_no_runs(project, capsys):
    path = project / "experiments" / "ab_recommender.yaml"
    assert isinstance(load(path), Experiment)
    with pytest.raises(SystemExit):
        main(["run", str(path)])
    assert "has kind 'abtest'. Read it with 'shopr abtest analyze TABLE --spec" in capsys.readouterr().err


def test_parameters_from_the_command_line():
    texts = ["k=5", "model=ease", "share=0.5", "run=[1,2]", "fast=true", "note=a=b", "empty="]
    assert dict(keyed(texts)) == {
        "k": 5, "model": "ease", "share": 0.5, "run": [1, 2], "fast": True, "note": "a=b", "empty": "",
    }  # fmt: skip
    for wrong in ("k", "=5", " =5"):
        with pytest.raises(InputError, match=r"is not KEY=VALUE"):
            list(keyed([wrong]))


def test_a_notebook_that_is_not_there_is_answered_with_the_nearest(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "weekly.ipynb").touch()
    there = RunSpec(name="weekly", notebook="notebooks/weekly.ipynb")
    assert notebook_of(there, tmp_path) == tmp_path / "notebooks" / "weekly.ipynb"
    with pytest.raises(SpecError, match=r"notebooks/wekly.ipynb does not exist. Did you mean notebooks/weekly.ipynb\?"):
        notebook_of(RunSpec(name="weekly", notebook="notebooks/wekly.ipynb"), tmp_path)


def test_a_value_without_a_declaration(written):
    said = refusal(written(GOOD + "  kk: 5\n"))
    assert "line 14: parameters.kk: 5 is its value, but no spec that this one extends declares it" in said
    assert "Did you mean 'k'? Known: k, share" in said
    alone = refusal(written("name: a\nnotebook: a.ipynb\nparameters: {kk: 5}\n"))
    assert alone.endswith("Declare it: {type: str, default: 5}")
