"""A second virtual environment for the libraries a benchmark compares with.

Peers pin old versions of what Shopr itself uses, so they never enter its own environment. `peer_python` makes one
environment per benchmark under `SHOPR_HOME/benchmarks/NAME`, and makes it anew when the requirements change. Packages
come from the index that pip is configured for: calling it is the user's request for a download.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from shopr.config import Settings

__all__ = ["peer_python"]


def peer_python(name: str, requirements: Sequence[str]) -> Path:
    """The Python of the environment `name` with `requirements` in it; made on the first call, reused after that.

    Raises:
        SystemExit: if the packages could not be installed, with the installer's last lines.
    """
    folder = Path(Settings().home).resolve() / "benchmarks" / name
    python, receipt = folder / "bin" / "python", folder / "requirements.json"
    wanted = sorted(requirements)
    if python.exists() and receipt.is_file() and json.loads(receipt.read_text()) == wanted:
        return python
    print(f"installing {', '.join(wanted)} into {folder}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    uv = Path(sys.executable).with_name("uv")
    installer = (
        [str(uv), "pip", "install", "--python", str(python)] if uv.exists() else [str(python), "-m", "pip", "install"]
    )
    done = subprocess.run([*installer, "-q", *wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise SystemExit(f"could not install the peers {wanted}:\n" + "\n".join(done.stderr.strip().splitlines()[-8:]))
    receipt.write_text(json.dumps(wanted))
    return python
