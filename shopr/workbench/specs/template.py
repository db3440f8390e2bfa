"""A new experiment to start from: a notebook with its parameters cell, and the spec that runs it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from shopr.config.sources import project_root
from shopr.errors import InputError

__all__ = ["new_notebook"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_CELLS: tuple[tuple[str, str], ...] = (
    (
        "markdown",
        "# {title}\n\n**What question does this answer, and how long does it take?** Say in two sentences what a "
        "reader will know at the end.\n\nWithout a shop's name, a shop is simulated: its figures say nothing about a "
        "real one.",
    ),
    (
        "parameters",
        'shop = ""  # a shop\'s name; "" simulates one\n'
        'preset = "small"  # size of the simulated shop: tiny, small, medium or demo\n'
        "k = 10  # length of the lists\n"
        "seed = 42  # of everything random",
    ),
    (
        "code",
        "from shopr import Settings, Shop, plots\n"
        "from shopr.data.simulator import simulate\n"
        "from shopr.data.splitting import temporal\n"
        "from shopr.recommend import compare\n"
        "from shopr.recommend import make\n"
        "from shopr.tracking.runs import run\n\n"
        "plots.use_style()\n"
        "settings = Settings(seed=seed)\n"
        "data = (\n"
        "    Shop.open(settings, shop).data if shop else simulate(preset=preset, seed=seed, images=False)\n"
        ")\n"
        "split = temporal(data.interactions())",
    ),
    (
        "markdown",
        "## The experiment\n\nReplace the models below by what you want to try. Choose on a validation split; look at "
        "the test once.",
    ),
    (
        "code",
        'models = {{name: make(name) for name in ("popular", "item_knn", "ease")}}\n'
        "comparison = compare(models, split.train, split.test, k=k, catalog=data.catalog, seed=seed)\n"
        'table = comparison.table(reference="popular")\n'
        "table",
    ),
    (
        "code",
        'gains = table.dropna(subset=["gain"]).set_index("model")[["gain", "gain_lo", "gain_hi"]]\n'
        "plots.forest(\n"
        '    gains.set_axis(["estimate", "lo", "hi"], axis=1), title="How much better than best sellers",\n'
        '    label=f"paired gain in nDCG@{{k}}",\n'
        ");",
    ),
    (
        "code",
        "best = table.iloc[0]\n"
        "fingerprint = data.manifest.fingerprint\n"
        'with run("{name}", settings=settings, experiment="{name}", seed=seed, data=fingerprint) as tracked:\n'
        '    tracked.metrics({{f"ndcg@{{k}}": best["ndcg"]}})\n'
        '    tracked.table(table, "comparison")\n'
        "print(f\"{{best['model']}} leads with nDCG@{{k}} {{best['ndcg']:.4f}}\")",
    ),
)
_SPEC = """\
# {title}
name: {name}
kind: run
notebook: notebooks/{name}.ipynb
description: {title}
experiment: {name}
timeout: 1800  # seconds of one attempt, the start of its kernel included
seed: 42
parameters:
  shop: {{type: str, default: "", help: "A shop's name; empty simulates one"}}
  preset: {{type: str, default: small, choices: [tiny, small, medium, demo], help: Size of the simulated shop}}
  k: {{type: int, default: 10, min: 1, max: 100, help: Length of the lists}}
  seed: {{type: int, default: 42, min: 0, help: Seed of everything random}}
"""


def new_notebook(name: str, title: str = "", root: Path | None = None) -> tuple[Path, Path]:
    """Write notebooks/NAME.ipynb and experiments/NAME.yaml; nothing that exists is touched.

    Args:
        name: small letters, digits, - and _.
        title: what a reader sees; made of the name by default.
        root: of the project; the present one by default.

    Returns:
        The notebook and the spec.

    Raises:
        InputError: if the name or the title cannot be used, or one of the files is there already.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a notebook", hint="Use small letters, digits, - and _")
    title = " ".join(title.split()) or name.replace("_", " ").replace("-", " ").capitalize()
    if any(sign in title for sign in '{}#:"') or len(title) > 120:
        raise InputError(f"the title {title[:40]!r} cannot be used", hint='Up to 120 characters, none of {}#:"')
    root = root or project_root()
    notebook, spec = root / "notebooks" / f"{name}.ipynb", root / "experiments" / f"{name}.yaml"
    for path in (notebook, spec):
        if path.exists():
            raise InputError(f"{path} is there already", hint="Choose another name")
        path.parent.mkdir(parents=True, exist_ok=True)
    with notebook.open("x", encoding="utf-8") as file:
        json.dump(_notebook(name, title), file, indent=1)
        file.write("\n")
    with spec.open("x", encoding="utf-8") as file:
        file.write(_SPEC.format(name=name, title=title))
    return notebook, spec


def _notebook(name: str, title: str) -> dict[str, Any]:
    cells = []
    for number, (kind, source) in enumerate(_CELLS):
        text = source if kind == "parameters" else source.format(name=name, title=title)
        cell: dict[str, Any] = {
            "cell_type": "markdown" if kind == "markdown" else "code",
            "id": f"cell-{number}",
            "metadata": {"tags": ["parameters"]} if kind == "parameters" else {},
            "source": text.splitlines(keepends=True),
        }
        if kind != "markdown":
            cell |= {"execution_count": None, "outputs": []}
        cells.append(cell)
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
