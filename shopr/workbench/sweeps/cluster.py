"""Workers of a sweep, sent out by joblib: in processes of this machine, or on a Dask cluster."""

from __future__ import annotations

import logging
import threading
from importlib.util import find_spec

from shopr.config import Settings
from shopr.errors import NotReadyError, RunError
from shopr.workbench.running.ledger import HEARTBEAT_SECONDS
from shopr.workbench.running.settling import reconcile
from shopr.workbench.sweeps.trials import Trials
from shopr.workbench.sweeps.work import SLOTS, Job, work

__all__ = ["send_out"]

_CONNECT_SECONDS = 10
_LOSSES = 5
_WORKERS = 10_000
"""Numbers set aside for the workers that are sent out together: each draws from a stream of its own."""


def send_out(settings: Settings, job: Job, jobs: int | None, trials: Trials) -> int:
    """Let workers take trials until none is left; returns how many they made.

    What a worker had that died is taken again, be it that the others had found none to take by then.

    Args:
        jobs: trials at a time; by default one for each core, or each thread of the cluster.

    Raises:
        NotReadyError: if a cluster cannot be used.
        RunError: if a cluster goes, or workers die again and again.
    """
    ran = 0
    for attempt in range(_LOSSES):
        made = _work(settings, job, jobs, attempt * _WORKERS)
        ran += made
        reconcile(settings)
        while trials.open():  # a worker on another machine is known to be gone when its heart has not beaten for long
            threading.Event().wait(HEARTBEAT_SECONDS)
            reconcile(settings)
        if not trials.lost() or (attempt and not made):
            break
    return ran


def _work(settings: Settings, job: Job, jobs: int | None, begin: int) -> int:
    """Let workers take trials until they find none; where workers of this machine die, others go on.

    Args:
        begin: number of the first worker.
    """
    import joblib
    from joblib.externals.loky.process_executor import BrokenProcessPool

    if settings.dask_address:
        return _on_cluster(settings.dask_address, job, jobs, begin)
    at_once = jobs or joblib.cpu_count()
    if at_once <= SLOTS:
        return work(job, begin, slots=at_once)
    workers = -(-at_once // SLOTS)
    shares = [at_once // workers + (i < at_once % workers) for i in range(workers)]
    for attempt in range(_LOSSES):
        try:
            with joblib.parallel_config(backend="loky"):
                first = begin + workers * attempt
                calls = (joblib.delayed(work)(job, first + i, slots=share) for i, share in enumerate(shares))
                return sum(joblib.Parallel(n_jobs=workers, batch_size=1)(calls))
        except BrokenProcessPool:
            reconcile(settings)  # what the dead one left open is free for the next
    raise RunError(
        f"workers of sweep {job.sweep['name']} died {_LOSSES} times", hint="Lower --jobs: memory may run out"
    )


def _on_cluster(address: str, job: Job, jobs: int | None, first: int) -> int:
    """Let the cluster's workers take trials; returns how many they made.

    They need the project's checkout, at the same place or as their working folder, and the database and the MLflow
    store of the settings within reach: SQLite files on a disk that they share, or servers.

    Args:
        address: of the scheduler, such as tcp://host:8786.
        jobs: trials at a time; by default one for each thread of the cluster.
        first: number of the first worker.

    Raises:
        NotReadyError: if Dask is not installed, or the scheduler does not answer or has no workers.
        RunError: if the scheduler goes while they work, or workers die again and again.
    """
    if find_spec("distributed") is None:
        raise NotReadyError("SHOPR_DASK_ADDRESS is set, but Dask is not installed", hint="pip install 'shopr[dask]'")
    import joblib
    from distributed import CancelledError, Client, KilledWorker
    from distributed.comm import CommClosedError

    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise NotReadyError(
            f"the Dask scheduler {address} does not answer: {error}", hint="Start it, or unset SHOPR_DASK_ADDRESS"
        ) from error
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # a lost connection is told below, in one line
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise NotReadyError(
                f"the Dask scheduler {address} has no workers", hint=f"Start one: dask worker {address}"
            )
        try:
            with joblib.parallel_config(backend="dask", client=client):
                calls = (joblib.delayed(work)(job, first + i) for i in range(jobs or threads))
                return sum(joblib.Parallel(n_jobs=jobs or threads, batch_size=1)(calls))
        except (CancelledError, CommClosedError) as error:
            raise RunError(
                f"the Dask scheduler {address} went away while sweep {job.sweep['name']} ran on it",
                hint="Start it again and go on with --resume: trials that finished are kept",
            ) from error
        except KilledWorker as error:
            raise RunError(
                f"workers of the Dask cluster {address} died again and again: {error}",
                hint="Give them more memory or fewer threads, and go on with --resume",
            ) from error
