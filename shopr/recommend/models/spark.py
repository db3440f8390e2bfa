"""Item factors by Spark's alternating least squares, for logs that one machine's own solver would take too long over.

Spark reads the confidences as Parquet, in a child process that alone knows Spark and Java; what comes back is an array
of item factors. The model is `IALS` with `engine="spark"`: folding in, explaining, saving and serving are its own and
need neither. The master is a setting, SHOPR_SPARK_MASTER: all cores of this machine by default, or a cluster, which
must see the folder SHOPR_HOME.

Regularisation. Hu, Koren & Volinsky weigh each row's squared norm by lambda; Spark weighs it by regParam times the
row's entries (ALS-WR, Zhou et al. 2008). What stands under both is alpha_u |x|^2 and alpha_i |y|^2, of which only the
product matters, as x -> s x, y -> y / s leaves every score alone. So `penalty_per_entry` takes the regParam for which
that product, at the mean lengths of users and items, is lambda^2.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopr.config import Settings
from shopr.errors import CapacityError, ConfigError, NotReadyError, RunError
from shopr.recommend.models.spark_job import FAILURE

__all__ = ["OLDEST_JAVA", "Factors", "check_ready", "java_version", "penalty_per_entry", "train"]

OLDEST_JAVA = 17
_LEAST_HEAP_MB, _BESIDE_HEAP_MB = 512, 512
"""Spark will not start below the first; Java and Python need about the second beside the heap."""
_BYTES_A_PAIR = 60
_PAIRS_A_BLOCK = 250_000
_MOST_BLOCKS = 400
_ROWS_A_PART = 2_000_000
_MASTER = re.compile(r"local(\[(\*|\d+)(,\d+)?\])?|spark://[^\s:,]+:\d+(,[^\s:,]+:\d+)*|k8s://\S+|yarn")
_PATIENCE_SECONDS = 5.0
_OUT_OF_MEMORY = re.compile(r"OutOfMemory|Java heap space|GC overhead limit|Cannot allocate memory|error='Not enough")
_NO_MASTER = re.compile(r"All masters are unresponsive|Failed to connect to master|UnknownHost|Connection refused")


@dataclass(frozen=True, slots=True)
class Factors:
    """What Spark learnt.

    Attributes:
        items: shape (n_items, d), float32; zero for items without interactions.
        users: likewise for users, where asked for; the exact user side at `items`, regParam times its entries a row.
        penalty_per_entry: the regParam that was used.
    """

    items: NDArray[np.float32]
    users: NDArray[np.float32] | None
    penalty_per_entry: float


def train(
    strengths: sparse.csr_matrix, *, factors: int, regularization: float, alpha: float, iterations: int, seed: int,
    users: bool = False, settings: Settings | None = None,
) -> Factors:  # fmt: skip
    """Implicit-feedback ALS on Spark.

    Args:
        strengths: CSR (n_users, n_items) of strengths > 0; a stored pair has confidence 1 + alpha times its strength.
        regularization: lambda as `IALS` takes it; mapped by `penalty_per_entry`.
        users: whether the user factors come back as well.
        settings: the master and the memory bound; by default those in force.

    Raises:
        NotReadyError: if pyspark or Java is missing or too old, or the master cannot be reached.
        ConfigError: if the master is none.
        CapacityError: if the memory budget is below what Spark needs, or was not enough.
        RunError: if Spark failed otherwise.
    """
    settings = settings or Settings()
    check_ready(settings)
    heap = _heap_mb(settings, strengths.nnz)
    penalty = penalty_per_entry(strengths, regularization)
    with _folder(settings) as folder:
        _write_pairs(strengths, folder / "pairs")
        job = {
            "folder": str(folder), "master": settings.spark_master, "heap_mb": heap, "factors": factors,
            "penalty": penalty, "alpha": alpha, "iterations": iterations, "seed": seed, "users": users,
            # By the data alone, so that the same data give the same factors on any number of cores.
            "blocks": int(np.clip(strengths.nnz // _PAIRS_A_BLOCK, 2, _MOST_BLOCKS)),
        }  # fmt: skip
        _run(job, folder, settings)
        return Factors(
            _read(folder / "items", strengths.shape[1], factors),
            _read(folder / "users", strengths.shape[0], factors) if users else None,
            penalty,
        )


def penalty_per_entry(strengths: sparse.csr_matrix, regularization: float) -> float:
    """Spark's regParam that regularises as lambda does, see the module: lambda / sqrt(mean |u| mean |i|)."""
    by_user = np.diff(strengths.indptr)
    by_item = np.bincount(strengths.indices, minlength=strengths.shape[1])
    means = [float(counts[counts > 0].mean()) if counts.any() else 1.0 for counts in (by_user, by_item)]
    return float(regularization / np.sqrt(means[0] * means[1]))


def check_ready(settings: Settings | None = None) -> None:
    """Refuse before any work where Spark cannot run.

    Raises:
        NotReadyError: if pyspark or Java is missing or too old, or nothing answers at the master's address.
        ConfigError: if the master is none.
        CapacityError: if the memory budget is below what Spark needs.
    """
    settings = settings or Settings()
    if find_spec("pyspark") is None:
        raise NotReadyError(
            "the engine 'spark' needs pyspark", hint="pip install 'shopr[spark]', or leave out --engine"
        )
    if not _MASTER.fullmatch(settings.spark_master):
        raise ConfigError(
            f"spark_master is {settings.spark_master!r}",
            hint="Set SHOPR_SPARK_MASTER to local[*], local[4], spark://host:7077, k8s://… or yarn",
        )
    fix = "Install openjdk-17-jre-headless or newer, or set JAVA_HOME to one"
    found = java_version()
    if found is None:
        raise NotReadyError("the engine 'spark' needs Java, and there is no java on PATH or in JAVA_HOME", hint=fix)
    if found < OLDEST_JAVA:
        raise NotReadyError(f"the engine 'spark' needs Java {OLDEST_JAVA} or newer, found {found}", hint=fix)
    _heap_mb(settings)
    # Spark itself would try for minutes before it gave up.
    if settings.spark_master.startswith("spark://") and not _answers(settings.spark_master):
        raise _unreachable(settings)


def _answers(master: str) -> bool:
    """Whether something listens at one at least of the addresses of spark://host:port,host:port."""
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        with suppress(OSError, OverflowError), socket.create_connection((host, int(port)), _PATIENCE_SECONDS):
            return True
    return False


def _unreachable(settings: Settings) -> NotReadyError:
    return NotReadyError(
        f"the Spark master {settings.spark_master} cannot be reached", hint="Start it, or correct SHOPR_SPARK_MASTER"
    )


def java_version() -> int | None:
    """The major version of the Java that Spark would start (JAVA_HOME, else PATH); None if there is none that works."""
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not program:
        return None
    try:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', done.stderr + done.stdout)  # Java 8 called itself 1.8
    return int(found[1]) if found else None


def _heap_mb(settings: Settings, pairs: int = 0) -> int:
    """What the budget leaves to Java's heap beside this process, which holds the log of so many pairs."""
    budget = settings.memory_budget // 2**20
    heap = budget - _BESIDE_HEAP_MB - _BYTES_A_PAIR * pairs // 2**20
    if heap < _LEAST_HEAP_MB:
        raise CapacityError(
            f"Spark needs {budget - heap + _LEAST_HEAP_MB:,} MB at least, memory_budget is {budget:,} MB",
            hint="Raise SHOPR_MEMORY_BUDGET, or leave out --engine",
        )
    return heap


@contextmanager
def _folder(settings: Settings) -> Iterator[Path]:
    """A folder for one job below SHOPR_HOME, which a cluster shares with this machine; it goes with the job."""
    root = settings.home / "spark"
    root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_pairs(strengths: sparse.csr_matrix, folder: Path) -> None:
    """Parquet parts of (user, item, rating), a bounded number of rows each."""
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir()
    lengths = np.diff(strengths.indptr)
    for number, start in enumerate(range(0, max(strengths.nnz, 1), _ROWS_A_PART)):
        part = slice(start, min(start + _ROWS_A_PART, strengths.nnz))
        first = int(np.searchsorted(strengths.indptr, part.start, side="right")) - 1
        last = int(np.searchsorted(strengths.indptr, part.stop, side="left"))
        owner = np.repeat(np.arange(first, last, dtype=np.int32), lengths[first:last])
        owner = owner[part.start - strengths.indptr[first] :][: part.stop - part.start]
        columns = [owner, strengths.indices[part].astype(np.int32), strengths.data[part].astype(np.float32)]
        table = pa.table(dict(zip(("user", "item", "rating"), columns, strict=True)))
        parquet.write_table(table, folder / f"{number:05d}.parquet")


def _read(folder: Path, rows: int, factors: int) -> NDArray[np.float32]:
    from pyarrow import parquet

    table = parquet.read_table(folder)
    out = np.zeros((rows, factors), np.float32)
    flat = table["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    out[table["id"].to_numpy()] = flat.reshape(-1, factors)
    return out


def _run(job: dict[str, Any], folder: Path, settings: Settings) -> None:
    path, log = folder / "job.json", folder / "log.txt"
    path.write_text(json.dumps(job), encoding="utf-8")
    command = [sys.executable, "-m", "shopr.recommend.models.spark_job", str(path)]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    if job["master"].startswith("local"):
        environment["SPARK_LOCAL_IP"] = "127.0.0.1"
    with log.open("wb") as sink:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=environment, start_new_session=True
        )
        try:
            status = child.wait()
        finally:
            with suppress(ProcessLookupError):  # Java is of the same group: an interrupt leaves nothing behind
                os.killpg(child.pid, signal.SIGKILL)
    if status:
        raise _failure(status, folder, log.read_text(encoding="utf-8", errors="replace"), settings)


def _failure(status: int, folder: Path, log: str, settings: Settings) -> Exception:
    """The error that says why a job failed: what it told, else what its log and exit status show."""
    told = folder / FAILURE
    message = json.loads(told.read_text(encoding="utf-8"))["message"] if told.exists() else ""
    text = f"{message}\n{log}"
    if _OUT_OF_MEMORY.search(text) or status == -signal.SIGKILL:
        return CapacityError(
            f"Spark ran out of memory with a heap of {_heap_mb(settings):,} MB",
            hint="Raise SHOPR_MEMORY_BUDGET, ask for fewer factors, or set SHOPR_SPARK_MASTER to a cluster",
        )
    if not settings.spark_master.startswith("local") and _NO_MASTER.search(text):
        return _unreachable(settings)
    lines = [line.strip() for line in (message or log).splitlines() if line.strip()]
    first = next((line for line in lines if "Exception" in line or "Error" in line), lines[-1] if lines else "no word")
    return RunError(f"Spark failed (status {status}): {first[:300]}", hint="Run 'shopr doctor' to check this machine")
