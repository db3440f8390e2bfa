"""Where a result came from: commit, lock, package and data, as tags that every run carries."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import shopr
from shopr.config.sources import project_root

__all__ = ["lineage_tags", "lock_hash", "package_hash"]

_GIT_SECONDS = 5.0


def lineage_tags() -> dict[str, str]:
    """Tags `shopr.*`: git commit, dirty flag, lock hash, package version and source hash, Python, key libraries."""
    commit = _git("rev-parse", "HEAD")
    dirty = _git("status", "--porcelain", "--untracked-files=no")
    tags = {
        "shopr.version": shopr.__version__,
        "shopr.source": package_hash(),
        "shopr.lock": lock_hash(),
        "shopr.python": platform.python_version(),
        "shopr.libraries": _libraries(),
    }
    if commit:
        tags["mlflow.source.git.commit"] = commit
    if commit and dirty is not None:  # where git did not answer, nothing is said: neither would be true
        tags["shopr.git_dirty"] = str(bool(dirty)).lower()
    return tags


def lock_hash() -> str:
    """Digest of the project's requirements.lock; "" where the package runs without its project."""
    return _file_hash(project_root() / "requirements.lock")


@lru_cache(maxsize=4)
def _file_hash(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest() if path.is_file() else ""


@lru_cache(maxsize=1)
def package_hash() -> str:
    """Digest of the package's own source files, by relative path."""
    root = Path(shopr.__file__).parent
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _libraries() -> str:
    found = []
    for name in ("numpy", "scipy", "pandas", "scikit-learn", "implicit", "optuna", "mlflow"):
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return " ".join(found)


def _git(*arguments: str) -> str | None:
    """What git printed; None where it is not there, refused, or took too long."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=project_root(), capture_output=True, text=True, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
