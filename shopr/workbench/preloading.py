"""What a notebook imports, so that it can be imported before its kernel is forked, while something else is awaited."""

from __future__ import annotations

import ast
import json
from pathlib import Path

__all__ = ["modules_of"]

# Modules that start nothing when they are imported, so that a process which has them may be forked.
_SAFE = frozenset(
    "numpy scipy pandas sklearn matplotlib PIL mlflow sqlalchemy pydantic alembic optuna implicit shopr".split()
)
# What the first run of a notebook imports.
_STORE = ("mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store")


def modules_of(notebook: Path) -> tuple[str, ...]:
    """Modules that a notebook imports in its first indentation and that may be imported before a fork."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError):
        return ()
    found: dict[str, None] = {"nbconvert.exporters.html": None}
    for cell in cells:
        if cell.get("cell_type") != "code":
            continue
        try:
            body = ast.parse("".join(cell["source"])).body
        except SyntaxError:  # a magic
            continue
        for node in body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            found |= {name: None for name in names if name.partition(".")[0] in _SAFE}
    if any(name.startswith("shopr.tracking") for name in found):
        found |= dict.fromkeys(_STORE)
    return tuple(found)
