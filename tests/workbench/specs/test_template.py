"""A new experiment runs as it is, and nothing that exists is touched."""

from __future__ import annotations

import pytest

from shopr.errors import InputError
from shopr.workbench.running.executor import run_spec
from shopr.workbench.specs import spec as specs
from shopr.workbench.specs.template import new_notebook
from tests.calling import status


@pytest.fixture
def root(stores, tmp_path, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "shopr"\n')
    monkeypatch.chdir(folder)
    return folder


def test_what_is_made_runs_at_once_and_logs_its_measure(root, stores):
    _, path = new_notebook("who_waits", "Who waits for a sale?")
    done = run_spec(stores, specs.load(path), {"preset": "tiny"})
    assert done.state == "DONE", done.message
    assert done.metrics["ndcg_at_10"] > 0
    assert "Who waits for a sale?" in done.page.read_text()


def test_nothing_that_exists_is_touched(root):
    notebook, spec = new_notebook("mine")
    assert "# Mine" in notebook.read_text()
    notebook.write_text("precious")
    with pytest.raises(InputError, match=r"mine.ipynb is there already.*another name"):
        new_notebook("mine")
    assert notebook.read_text() == "precious"
    notebook.unlink()
    before = spec.read_text()
    with pytest.raises(InputError, match=r"mine.yaml is there already"):
        new_notebook("mine")
    assert spec.read_text() == before
    assert not notebook.exists()


@pytest.mark.parametrize(
    ("name", "title"), [("../up", ""), ("Big", ""), ("", ""), ("x" * 64, ""), ("a", "b: {c}"), ("a", "t" * 121)]
)
def test_names_that_cannot_be_used(root, name, title):
    with pytest.raises(InputError):
        new_notebook(name, title)
    assert not (root / "notebooks").exists()


def test_the_command_says_what_to_do_next(root, capsys):
    assert status(["new", "notebook", "price_sensitivity"]) == 0
    told = capsys.readouterr().out
    assert "Run it with: shopr run" in told
    assert (root / "experiments" / "price_sensitivity.yaml").is_file()
    assert status(["new", "notebook", "price_sensitivity"]) == 2
    assert "is there already" in capsys.readouterr().err
