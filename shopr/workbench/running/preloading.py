"""What a notebook imports, so that it can be imported before its kernel is forked, while something else is awaited."""

from __future__ import annotations

import ast
import gc
import importlib
import json
import os
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

__all__ = ["Imported", "modules_of"]

# Modules that start nothing when they are imported, so that a process which has them may be forked.
_SAFE = frozenset(
    "numpy scipy pandas sklearn matplotlib PIL mlflow sqlalchemy pydantic alembic optuna implicit shopr".split()
)
_PIPE_BYTES = 4096
"""Bytes that a pipe takes in one piece (PIPE_BUF on Linux)."""
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
            found |= {name: None for name in names if _is_safe(name)}
    if any(name.startswith("shopr.tracking") for name in found):
        found |= dict.fromkeys(_STORE)
    return tuple(found)


class Imported:
    """What kernels imported, told to the process that they are forked from, so that the next ones inherit it.

    A notebook's own lines do not say all that it will import: much is imported within the functions that it calls.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)

    def tell(self, before: Collection[str]) -> None:
        """In a kernel that ends: say what it imported since `before`, as far as it may be imported before a fork."""
        names = [name for name in sys.modules if name not in before and _is_safe(name)]
        line = b""
        with suppress(OSError):  # nobody has read for long: the next kernel tells it again
            for name in names:
                piece = name.encode() + b"\n"
                if len(line) + len(piece) > _PIPE_BYTES:
                    os.write(self._write, line)
                    line = b""
                line += piece
            os.write(self._write, line)

    def follow(self) -> None:
        """In the process that forks: import what was told since the last time."""
        told = b""
        with suppress(BlockingIOError):
            while piece := os.read(self._read, 1 << 16):
                told += piece
        for name in told.decode(errors="replace").splitlines():
            if name not in sys.modules and _is_safe(name):
                with suppress(Exception):  # what cannot be imported here fails there, where it is wanted
                    importlib.import_module(name)
        if told:
            gc.freeze()  # objects that no collection touches stay shared with the forked processes


def _is_safe(name: str) -> bool:
    return name.partition(".")[0] in _SAFE
