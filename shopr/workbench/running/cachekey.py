"""What a run depends on, as one key: the same key means the same result, so the finished run serves again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shopr.config import Settings
from shopr.errors import SpecError
from shopr.tracking.lineage import lock_hash, package_hash

__all__ = ["cache_key", "ingredients"]

_LONGEST_PATH = 1024


def ingredients(settings: Settings, notebook: Path, parameters: Mapping[str, Any], seed: int) -> dict[str, str]:
    """What goes into the key, by name, so that a miss can be explained.

    `notebook` (its cells, not its outputs), `parameters`, `data` (fingerprint of the shop that the parameters name, and
    of the files that they name), `package` (source), `lock` and `seed`.

    Raises:
        SpecError: if the notebook cannot be read.
    """
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
        cells = [
            [c["cell_type"], "".join(c["source"]), c.get("metadata", {}).get("tags", [])] for c in content["cells"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpecError(f"notebook {notebook} cannot be read: {error}", hint="Check the path in the spec") from error
    return {
        "notebook": _digest(cells),
        "parameters": _digest(dict(sorted(parameters.items()))),
        "data": _data(settings, notebook, parameters),
        "package": package_hash(),
        "lock": lock_hash(),
        "seed": str(seed),
    }


def cache_key(parts: Mapping[str, str]) -> str:
    """One digest of all ingredients."""
    return _digest(dict(sorted(parts.items())))


def _data(settings: Settings, notebook: Path, parameters: Mapping[str, Any]) -> str:
    shop = _shop_fingerprint(settings, str(parameters.get("shop") or settings.shop))
    files = {}
    for name, value in parameters.items():
        if isinstance(value, str) and 0 < len(value) < _LONGEST_PATH and "\0" not in value:
            path = notebook.parent / value  # a notebook's working folder is its own
            if path.is_file():
                with path.open("rb") as file:
                    files[name] = hashlib.file_digest(file, "blake2b").hexdigest()[:32]
    return _digest([shop, files]) if files else shop


def _shop_fingerprint(settings: Settings, shop: str) -> str:
    try:
        manifest = json.loads((settings.shops / shop / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "none"
    return str(manifest.get("fingerprint", "none"))


def _digest(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()
