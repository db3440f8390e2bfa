"""The notebooks: well built, committed executed, in step with their specs, and sound under other parameters."""

from __future__ import annotations

import ast
import re
import sqlite3
import struct
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest

from shopr.workbench.specs.spec import RunSpec, load, resolve

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
NAMES = (
    "quickstart",
    "data",
    "recommenders",
    "tuning",
    "personalisation",
    "abtest",
    "business_impact",
    "interleaving",
    "scale",
    "abtest_calibration",
    "search",
    "chat",
    "alert_backtest",
    "promotion",
    "security_report",
    "train_detector",
    "analytics_report",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "yearly",
)
SPECS = {spec.notebook: spec for name in NAMES if isinstance(spec := load(ROOT / f"experiments/{name}.yaml"), RunSpec)}
SHOWING = {"shopr", "matplotlib", "pandas", "numpy", "pathlib"}
# A path of the machine it ran on: a folder of a system or a home, or a temporary folder.
PRIVATE = re.compile(r"(?<![\w.:/])/(?:tmp|home|root|var|work|workspace|Users|private)/[\w.-]+")
FEW = {"preset": "tiny", "seed": 7}
OTHER = {
    "00_quickstart": {**FEW, "models": ["popular", "item_knn", "content"], "k": 5},
    "01_data": {**FEW, "sample": 5, "test_share": 0.3},
    "02_recommenders": {
        **FEW,
        "models": ["popular", "hybrid", "ease"],
        "k": 5,
        "play_days": 3,
        "players": ["ease"],
        "against": "hybrid",
    },
    "06_abtest_plan_and_analysis": {**FEW, "preset": "small", "treatment": "item_knn", "play_days": 7},
    "09_business_impact": {**FEW, "model": "item_knn", "play_days": 2},
    "04_personalisation": {**FEW, "model": "item_knn", "k": 4, "play_days": 2},
    "05_scale": {
        "sizes": [3000, 9000],
        "users": 500,
        "items": 300,
        "models": ["popular", "item_knn"],
        "budget_mb": 300,
        "wide_items": 15_000,
        "seed": 7,
    },
    "03_tuning": {**FEW, "budget_seconds": 3.0, "max_trials": 3, "models": ["popular", "item_knn"], "k": 5},
    "07_abtest_calibration": {**FEW, "tests": 60, "looks": 4, "units": 60, "lifts": [0.0, 0.05], "runs": 5},
    "08_interleaving_and_offpolicy": {
        **FEW,
        "models": ["popular", "item_knn"],
        "play_days": 3,
        "floor": 0.3,
        "rounds": 300,
    },
    "11_chat": {**FEW, "dialogues": 1, "messages": 100},
    "16_alert_backtest": {"weeks": 9, "visits_a_day": 100, "null_years": 1, "seed": 7},
    "17_promotion_and_rollback": {
        "model": "edlae",
        "noise": 0.6,
        "least_answers": 40,
        "canary_share": 0.3,
        "seed": 7,
    },
    "10_search": {**FEW, "queries": 20, "missing": 0.2, "photos": 6},
    "13_security_report": {"attacks": 3, "harmless": 6, "shoppers": 4, "others": 1, "days": 2, "seed": 7},
    "14_train_detector": {"attacks": 20, "harmless": 30, "folds": 2, "seed": 7},
    "15_analytics_report": {**FEW, "days": 30, "rate": 0.5},
    "90_daily": {**FEW, "day": "2025-03-04"},
    "91_weekly": {**FEW, "day": "2025-03-04"},
    "92_monthly": {**FEW, "day": "2025-03-04", "model": "popular", "judge": True},
    "93_quarterly": {**FEW, "day": "2025-03-04"},
    "94_yearly": {**FEW, "day": "2025-03-04", "preset": "tiny"},
}


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, 4)


def tagged(notebook: nbformat.NotebookNode, tag: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def assigned(source: str) -> dict[str, object]:
    """Name -> value of the plain assignments in a cell."""
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def test_every_notebook_has_other_parameters_to_run_with() -> None:
    assert {path.stem for path in NOTEBOOKS} >= set(OTHER)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_it_opens_with_a_question_and_the_minutes_it_takes(path: Path) -> None:
    first = read(path).cells[0]
    assert first.cell_type == "markdown"
    title, _, rest = first.source.partition("\n")
    assert title.startswith("# ")
    assert title.endswith("?")
    assert re.search(r"\bminutes?\b", rest.split("\n\n")[0] or rest.split("\n\n")[1])


def test_it_says_what_is_simulated(path: Path) -> None:
    opening = read(path).cells[0].source
    assert "**simulated**" in opening
    assert "nothing about any real shop" in " ".join(opening.split())


def test_one_cell_holds_the_parameters_and_nothing_else(path: Path) -> None:
    (cell,) = tagged(read(path), "parameters")
    assert all(isinstance(node, ast.Assign) for node in ast.parse(cell.source).body)
    assert code(read(path))[0] is not None
    assert code(read(path))[0].source == cell.source


def test_its_spec_declares_the_same_parameters_with_the_same_defaults(path: Path) -> None:
    spec = SPECS[f"notebooks/{path.name}"]
    (cell,) = tagged(read(path), "parameters")
    assert resolve(spec, {}) == assigned(cell.source)
    assert all(parameter.help for parameter in spec.parameters.values())


def test_it_imports_the_package_and_what_shows_results(path: Path) -> None:
    for cell in code(read(path)):
        assert not re.search(r"^\s*[%!]", cell.source, re.MULTILINE), "a magic hides what runs"
        for node in ast.walk(ast.parse(cell.source)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= SHOWING


def test_it_holds_no_logic(path: Path) -> None:
    for cell in code(read(path)):
        kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
        assert not kinds & {ast.FunctionDef, ast.ClassDef, ast.While, ast.Try, ast.Lambda}


def test_it_is_committed_executed_in_order_and_without_errors(path: Path) -> None:
    notebook = read(path)
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    for cell in code(notebook):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text
    assert notebook.metadata.kernelspec.name == "python3"


def test_it_shows_pictures_and_ends_with_one_table(path: Path) -> None:
    notebook = read(path)
    pictures = [o for c in code(notebook) for o in c.outputs if "image/png" in o.get("data", {})]
    assert pictures
    (last,) = tagged(notebook, "closing-table")
    assert last.source == notebook.cells[-1].source
    html = [output.data["text/html"] for output in last.outputs if "text/html" in output.get("data", {})]
    assert len(html) == 1
    assert html[0].count("<tr") >= 3


def test_one_cell_at_least_is_compared_word_for_word(path: Path) -> None:
    checked = [cell for cell in code(read(path)) if "NBVAL_CHECK_OUTPUT" in cell.source]
    assert checked
    assert all(output.output_type in ("stream", "execute_result") for cell in checked for output in cell.outputs)


def test_its_outputs_name_no_folder_of_the_machine_it_ran_on(path: Path) -> None:
    notebook = read(path)
    text = [str(o.get("text", "")) + str({k: v for k, v in o.get("data", {}).items() if "image" not in k})
            for c in code(notebook) for o in c.outputs]  # fmt: skip
    assert not [found for one in text for found in PRIVATE.findall(one)]
    assert str(ROOT) not in path.read_text(encoding="utf-8")


def test_the_check_for_folders_sees_them() -> None:
    assert PRIVATE.search("saved to /tmp/abc123/mlflow.db")
    assert PRIVATE.search("'/home/someone/shop'")
    assert not PRIVATE.search("https://example.org/home/page, 1/tmp, and/or")


def test_its_thumbnail_is_small(path: Path) -> None:
    content = (ROOT / "notebooks" / "thumbnails" / f"{path.stem}.png").read_bytes()
    width, _ = struct.unpack(">II", content[16:24])
    assert len(content) <= 60_000
    assert width == 480


@dataclass
class Workplace:
    """Runs each notebook once with its other parameters, all of them on one MLflow store: making one takes seconds."""

    folder: Path
    done: dict[str, Path] = field(default_factory=dict)

    def executed(self, name: str) -> nbformat.NotebookNode:
        import papermill

        if name not in self.done:
            source, output = ROOT / "notebooks" / f"{name}.ipynb", self.folder / f"{name}.ipynb"
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("SHOPR_HOME", str(self.folder / "home"))
                patch.setenv("SHOPR_MLFLOW_URI", f"sqlite:///{self.folder / 'mlflow.db'}")
                patch.setenv("SHOPR_ARTIFACT_ROOT", str(self.folder / "artifacts"))
                papermill.execute_notebook(
                    str(source), str(output), parameters=OTHER[name], kernel_name="python3", cwd=str(source.parent),
                    progress_bar=False, execution_timeout=300,
                )  # fmt: skip
            self.done[name] = output
        return read(self.done[name])


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    return Workplace(tmp_path_factory.mktemp("workplace"))


@pytest.mark.parametrize("name", OTHER)
def test_it_runs_with_other_parameters(name: str, workplace: Workplace) -> None:
    resolve(SPECS[f"notebooks/{name}.ipynb"], OTHER[name])  # the spec would let them through
    before = (ROOT / "notebooks" / f"{name}.ipynb").read_bytes()
    done = workplace.executed(name)
    assert assigned(tagged(done, "injected-parameters")[0].source) == OTHER[name]
    (last,) = tagged(done, "closing-table")
    assert any("text/html" in output.get("data", {}) for output in last.outputs)
    assert (ROOT / "notebooks" / f"{name}.ipynb").read_bytes() == before


def test_what_the_notebooks_log_is_on_record(workplace: Workplace) -> None:
    for name in OTHER:
        workplace.executed(name)
    with closing(sqlite3.connect(workplace.folder / "mlflow.db")) as store:  # importing MLflow itself takes seconds
        runs = store.execute("select e.name, r.status from runs r join experiments e using (experiment_id)").fetchall()
        candidates = store.execute("select count(*) from tags where key = ?", ("shopr.candidate",)).fetchone()[0]
    logged = {experiment for experiment, _ in runs}
    assert {"data", "recommenders", "tuning"} <= logged
    assert "quickstart" not in logged, "the quickstart's simulated shop stays in its sandbox"
    assert {status for _, status in runs} == {"FINISHED"}
    assert candidates == 0, "a simulated winner is no candidate"
