"""Make `.venv` from nothing but python3: the pinned packages of requirements.lock, then this project, editable.

uv does it in seconds where it can; where it cannot (an index or a mirror that only pip is told about), pip does the
same. Every file is checked against the hashes of the lock.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
PYTHON = VENV / "bin" / "python"
OLDEST, NEWEST = (3, 11, 5), (3, 14)


def main() -> None:
    if not OLDEST <= sys.version_info[:3] < NEWEST:
        have = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            f"error: python3 is {have}, Shopr needs 3.11.5 up to 3.13. "
            "Install one and run: make PYTHON=/path/to/python3.11"
        )
    if not (PYTHON.exists() and run(PYTHON, "-m", "pip", "--version", quiet=True) == 0):
        print("Making .venv", flush=True)
        try:
            venv.create(VENV, with_pip=True, symlinks=True, clear=True)
        except subprocess.CalledProcessError:
            sys.exit("error: python3 has no venv or pip of its own. Install them: apt-get install python3-venv")
    install()
    (VENV / ".ready").touch()


def install() -> None:
    """The lock, then the project; by uv, else by pip."""
    project = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    if have_uv() and uv("--require-hashes", "--requirement", str(LOCK)):
        if uv(*project):
            return
    else:
        print("uv could not install the packages; pip does it now (this takes some minutes)", flush=True)
        pip("--require-hashes", "--requirement", str(LOCK))
    pip(*project)


def have_uv() -> bool:
    """Install uv into the environment, at the version and with the hashes of the lock."""
    pinned = []
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        if line.startswith("uv=="):
            pinned = [line]
        elif pinned and line.startswith("    --hash"):
            pinned.append(line)
        elif pinned:
            break
    wanted = VENV / "uv.lock.txt"
    wanted.write_text("\n".join(pinned).rstrip("\\ ") + "\n", encoding="utf-8")
    try:
        return bool(pinned) and not run(PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", wanted)
    finally:
        wanted.unlink()


def uv(*arguments: str) -> bool:
    """Whether uv could install; it copies where it cannot link, and takes no environment but ours."""
    environment = {"VIRTUAL_ENV": str(VENV), "UV_LINK_MODE": os.environ.get("UV_LINK_MODE", "copy")}
    return not run(PYTHON, "-m", "uv", "pip", "install", "--quiet", *arguments, **environment)


def pip(*arguments: str) -> None:
    """Install with pip, or leave with its status."""
    status = run(PYTHON, "-m", "pip", "install", "--quiet", *arguments)
    if status:
        sys.exit(f"error: pip could not install the packages (status {status}). Check the network, then run make again")


def run(*command: str | Path, quiet: bool = False, **environment: str) -> int:
    """The exit status of a command."""
    variables = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", **os.environ, **environment}
    output = subprocess.DEVNULL if quiet else None
    words = [str(word) for word in command]
    return subprocess.run(words, env=variables, cwd=ROOT, check=False, stdout=output, stderr=output).returncode


if __name__ == "__main__":
    main()
