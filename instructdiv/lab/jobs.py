"""Jobs: independent pieces of work in several processes."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from instructdiv.errors import InstructdivError, ParameterError
from instructdiv.lab.transformer import one_torch_thread

J = TypeVar("J")
R = TypeVar("R")


def done(
    work: Callable[[J], R], jobs: Sequence[J], workers: int | None = None
) -> Iterator[tuple[J, R]]:
    """Do jobs in several processes, and yield each with its result as it finishes.

    Each process has one torch thread, so that results do not depend on the number of processes;
    small models learn no slower.

    Parameters
    ----------
    work
        Does a job; a function of a module, since processes import it by name.
    jobs
        The jobs.
    workers
        Number of processes; by default the number of processors. With one, the jobs are done
        in this process, in order.

    Raises
    ------
    ParameterError
        `workers` is below 1.
    InstructdivError
        A process died.

    Examples
    --------
    >>> list(done(abs, [-1, 2], workers=1))
    [(-1, 1), (2, 2)]
    """
    workers = min(_n_processors() if workers is None else workers, len(jobs))
    if jobs and workers < 1:
        raise ParameterError(f"at least 1 worker is needed, got {workers}")
    if workers <= 1:
        with one_torch_thread():
            for job in jobs:
                yield job, work(job)
        return
    import multiprocessing

    # A forked process would have torch's threads in the state they were in.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(workers, context, initializer=_start)
    try:
        futures = {executor.submit(work, job): job for job in jobs}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise InstructdivError(
            "a training process died, perhaps of too little memory; finished runs are stored "
            "in the output folder, if any, so run it again, with fewer workers"
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _n_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _start() -> None:
    """Set up a process: one thread, and no traceback at Ctrl-C."""
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
