"""One notebook, executed: the child process of a run. It lives no longer than its parent.

    python -m shopr.workbench.runner NOTEBOOK OUTPUT PARAMETERS.json

Standard input is a pipe that the parent holds and never writes to: its end means that the parent is gone.

Exit status 0: every cell ran. 1: a cell raised (the output keeps the traceback). 3: the kernel died. The executed
notebook is always written, and beside it an HTML page without code.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["CELL_FAILED", "KERNEL_DIED", "execute"]

CELL_FAILED = 1
KERNEL_DIED = 3


def execute(notebook: Path, output: Path, parameters: dict[str, Any]) -> int:
    """Run a notebook by Papermill; returns the exit status described above."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    status = 0
    try:
        papermill.execute_notebook(
            str(notebook),
            str(output),
            parameters=parameters,
            kernel_name="python3",
            cwd=str(notebook.parent),
            progress_bar=sys.stderr.isatty(),
        )
        # Papermill saves a notebook whose kernel died as completed: what did not run says otherwise.
        status = 0 if _every_cell_ran(output) else KERNEL_DIED
    except PapermillExecutionError as error:
        print(f"cell {error.cell_index}: {error.ename}: {error.evalue}", file=sys.stderr)  # noqa: T201
        status = CELL_FAILED
    except DeadKernelError as error:
        print(f"the kernel died: {error}", file=sys.stderr)  # noqa: T201
        status = KERNEL_DIED
    if output.is_file():
        _page(output)
    return status


def _every_cell_ran(output: Path) -> bool:
    cells = json.loads(output.read_text(encoding="utf-8"))["cells"]
    code = [c for c in cells if c["cell_type"] == "code" and "".join(c["source"]).strip()]
    return all(c.get("metadata", {}).get("papermill", {}).get("status") == "completed" for c in code) and all(
        c.get("execution_count") is not None for c in code
    )


def _page(output: Path) -> None:
    """The executed notebook as HTML for people who want the findings, not the code."""
    from nbconvert import HTMLExporter

    body, _ = HTMLExporter(exclude_input=True, exclude_output_prompt=True).from_filename(str(output))
    output.with_suffix(".html").write_text(body, encoding="utf-8")


def _end_with_parent() -> None:
    """Wait in the background for the parent to go, however it goes; then end the kernel and this process at once."""

    def watch() -> None:
        with suppress(OSError):
            while os.read(0, 1):
                pass
        import psutil

        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                process.kill()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def main() -> None:
    """The child's entry."""
    _end_with_parent()
    notebook, output, parameters = sys.argv[1:4]
    values = json.loads(Path(parameters).read_text(encoding="utf-8"))
    sys.exit(execute(Path(notebook), Path(output), values))


if __name__ == "__main__":
    main()
