"""Workers of a sweep on a Dask cluster, through joblib's own backend."""

from __future__ import annotations

from importlib.util import find_spec

from shopr.errors import NotReadyError
from shopr.workbench.sweeps.work import Job, work

__all__ = ["on_cluster"]

_CONNECT_SECONDS = 10


def on_cluster(address: str, job: Job, jobs: int | None) -> int:
    """Let the cluster's workers take trials; returns how many they made.

    They need the project's checkout, at the same place or as their working folder, and the database and the MLflow
    store of the settings within reach: SQLite files on a disk that they share, or servers.

    Args:
        address: of the scheduler, such as tcp://host:8786.
        jobs: trials at a time; by default one for each thread of the cluster.

    Raises:
        NotReadyError: if Dask is not installed, or the scheduler does not answer or has no workers.
    """
    if find_spec("distributed") is None:
        raise NotReadyError("SHOPR_DASK_ADDRESS is set, but Dask is not installed", hint="pip install 'shopr[dask]'")
    import joblib
    from distributed import Client

    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise NotReadyError(
            f"the Dask scheduler {address} does not answer: {error}", hint="Start it, or unset SHOPR_DASK_ADDRESS"
        ) from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise NotReadyError(
                f"the Dask scheduler {address} has no workers", hint=f"Start one: dask worker {address}"
            )
        with joblib.parallel_config(backend="dask", client=client):
            calls = (joblib.delayed(work)(job, i) for i in range(jobs or threads))
            return sum(joblib.Parallel(n_jobs=jobs or threads, batch_size=1)(calls))
