"""The child process of `shopr.recommend.models.spark`: one run of Spark's ALS, from Parquet to Parquet.

    python -m shopr.recommend.models.spark_job JOB.json

Only this process imports pyspark and starts Java. Both end with it, and with them all memory they took.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["FAILURE", "main", "train"]

_DIRECT_MB = 256
FAILURE = "failure.json"
"""Where in the job's folder a failure is told: {"error": the exception's name, "message": what it said}."""


def train(job: dict[str, Any]) -> None:
    """Fit and write `items` (and `users`): Parquet folders of (id, features), rows without interactions left out.

    Args:
        job: folder (with `pairs`, Parquet parts of user, item, rating), master, heap_mb, factors, penalty, alpha,
            iterations, seed, blocks, users.
    """
    from pyspark.ml.recommendation import ALS
    from pyspark.sql import SparkSession

    folder = Path(job["folder"])
    builder = SparkSession.builder.appName("shopr-als").master(job["master"])
    for name, value in _options(job, folder).items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    try:
        # ALS keeps the whole history of an iterated result unless it may write it down now and then.
        spark.sparkContext.setCheckpointDir((folder / "checkpoints").as_uri())
        als = ALS(
            rank=job["factors"], maxIter=job["iterations"], regParam=job["penalty"], alpha=job["alpha"],
            implicitPrefs=True, seed=job["seed"], numUserBlocks=job["blocks"], numItemBlocks=job["blocks"],
        )  # fmt: skip
        model = als.fit(spark.read.parquet((folder / "pairs").as_uri()))
        model.itemFactors.write.parquet((folder / "items").as_uri())
        if job["users"]:
            model.userFactors.write.parquet((folder / "users").as_uri())
    finally:
        spark.stop()


def _options(job: dict[str, Any], folder: Path) -> dict[str, str]:
    options = {
        "spark.driver.memory": f"{job['heap_mb']}m",
        # Beside its heap Java takes buffers, as many bytes again by default, and maps shuffle files into memory.
        "spark.driver.defaultJavaOptions": f"-XX:MaxDirectMemorySize={_DIRECT_MB}m -XX:+UseParallelGC",
        "spark.storage.memoryMapThreshold": "1g",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": str(job["blocks"]),
    }
    if job["master"].startswith("local"):
        # All in one process of this machine: no port that others could reach, no disk beside the job's own folder.
        options |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
        options["spark.local.dir"] = str(folder / "scratch")
    return options


def main(path: str) -> int:
    """Run the job of a file; the exit status is 0, or 1 with the failure told in the job's folder."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    try:
        train(job)
    except Exception as error:
        told = {"error": type(error).__name__, "message": str(error)}
        (Path(job["folder"]) / FAILURE).write_text(json.dumps(told), encoding="utf-8")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
