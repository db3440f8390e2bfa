"""Execute the notebooks anew, in place, and draw their thumbnails: `python .ci/notebooks.py [NAME …]`.

Runs go to a temporary state, so that neither the shops nor the MLflow store of this checkout are touched. What differs
from one execution to the next without meaning anything (times of cells, versions) is left out of the files.
"""

from __future__ import annotations

import base64
import io
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
WIDTH, MOST_BYTES = 480, 60_000


def execute(path: Path) -> None:
    """Run one notebook and write it back with its outputs."""
    notebook = nbformat.read(path, 4)
    NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    ).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    thumbnail(notebook, FOLDER / "thumbnails" / f"{path.stem}.png")


def thumbnail(notebook: nbformat.NotebookNode, target: Path) -> None:
    """The last picture of the cell tagged `thumbnail`, else of the notebook, in few colours."""
    tagged = [c for c in notebook.cells if "thumbnail" in c.metadata.get("tags", [])] or notebook.cells
    pictures = [
        output.data["image/png"]
        for cell in tagged
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    with Image.open(io.BytesIO(base64.b64decode(pictures[-1]))) as full:
        small = full.convert("RGB")
    small = small.resize((WIDTH, round(small.height * WIDTH / small.width)), Image.Resampling.LANCZOS)
    target.parent.mkdir(exist_ok=True)
    for colours in (256, 128, 64, 32):
        small.quantize(colours).save(target, optimize=True)
        if target.stat().st_size <= MOST_BYTES:
            break


def main() -> None:
    """Execute those named, or all."""
    names = sys.argv[1:] or [path.stem for path in sorted(FOLDER.glob("[0-9]*.ipynb"))]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SHOPR_HOME"] = f"{folder}/home"
        os.environ["SHOPR_MLFLOW_URI"] = f"sqlite:///{folder}/mlflow.db"
        os.environ["SHOPR_ARTIFACT_ROOT"] = f"{folder}/artifacts"
        for name in names:
            started = time.perf_counter()
            execute(FOLDER / f"{Path(name).stem}.ipynb")
            print(f"{name}: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
