"""Executed notebooks, read: what failed, and a page for people who want the findings, not the code."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ADDED_TAGS", "Failure", "annotate", "every_cell_ran", "failure", "prepare", "render"]

ADDED_TAGS = {"injected-parameters", "papermill-error-cell-tag", "shopr-note"}
"""Tags of cells that no author wrote."""
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST_FRAME = 12


@dataclass(frozen=True)
class Failure:
    """The cell that failed.

    Attributes:
        cell, cells: its number, from 1, and how many there are; cells that Papermill added do not count.
        error: the error in one line.
        source: the cell's code.
        lines: where in the cell it happened, as the traceback shows it.
    """

    cell: int
    cells: int
    error: str
    source: str
    lines: str

    def text(self) -> str:
        """What a person wants to see first."""
        shown = self.lines or "\n".join(f"    {line}" for line in self.source.splitlines()[:_LONGEST_FRAME])
        return f"Cell {self.cell} of {self.cells} failed:\n{shown}\n{self.error}"


def failure(output: Path) -> Failure | None:
    """The cell that failed; None if none did, or the notebook cannot be read."""
    cells = _cells(output)
    own = [c for c in cells if not ADDED_TAGS & set(c.get("metadata", {}).get("tags", []))]
    for number, cell in enumerate(own, start=1):
        for shown in cell.get("outputs", []):
            if shown.get("output_type") == "error":
                error = f"{shown.get('ename')}: {shown.get('evalue')}"
                lines = _own_frame(shown.get("traceback") or [])
                return Failure(number, len(own), error, "".join(cell["source"]), lines)
    return None


def _own_frame(traceback: list[str]) -> str:
    """The part of IPython's traceback that points into the cell, without colours."""
    for part in traceback:
        text = _ANSI.sub("", part)
        if text.startswith(("Cell In", "  Cell In")):
            return "\n".join(f"    {line}" for line in text.rstrip().splitlines()[:_LONGEST_FRAME])
    return ""


def every_cell_ran(output: Path) -> bool:
    """Whether each cell of code was executed to its end."""
    return _first_that_did_not_run(_cells(output)) is None


def _first_that_did_not_run(cells: list[dict[str, Any]]) -> int | None:
    for i, cell in enumerate(cells):
        if cell["cell_type"] != "code" or not "".join(cell["source"]).strip():
            continue
        completed = cell.get("metadata", {}).get("papermill", {}).get("status") == "completed"
        if not completed or cell.get("execution_count") is None:
            return i
    return None


def annotate(output: Path, message: str) -> None:
    """Say in the notebook, after the last cell that ran or began to, why it went no further."""
    try:
        content = json.loads(output.read_text(encoding="utf-8"))
        own = [c for c in content["cells"] if "shopr-note" not in c.get("metadata", {}).get("tags", [])]
        content["cells"] = own  # whoever ended the run knows better than its kernel's process
        at = _first_that_did_not_run(content["cells"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if at is None:
        at = len(content["cells"])
    note: dict[str, Any] = {"cell_type": "markdown", "metadata": {"tags": ["shopr-note"]}, "source": f"**{message}**"}
    if (content.get("nbformat"), content.get("nbformat_minor", 0)) >= (4, 5):
        note["id"] = "shopr-note"
    content["cells"].insert(at, note)
    output.write_text(json.dumps(content, indent=1), encoding="utf-8")


def prepare() -> None:
    """Import what `render` needs."""
    import nbconvert.exporters.html  # noqa: F401


def render(output: Path) -> Path:
    """The executed notebook as HTML, without code; returns the page."""
    from nbconvert.exporters.html import HTMLExporter

    body, _ = HTMLExporter(exclude_input=True, exclude_output_prompt=True).from_filename(str(output))
    page = output.with_suffix(".html")
    page.write_text(body, encoding="utf-8")
    return page


def _cells(output: Path) -> list[dict[str, Any]]:
    try:
        return list(json.loads(output.read_text(encoding="utf-8"))["cells"])
    except (OSError, ValueError, KeyError, TypeError):
        return []
