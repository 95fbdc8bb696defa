"""Independent jobs in several processes, with progress, and a clean end when interrupted."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process
from threading import Thread
from typing import Any

from alignment_theory.threads import one_blas_thread

Progress = Callable[[str], None]
"""Called with a few words whenever a piece of work is done."""


@dataclass(frozen=True, eq=False)
class Job:
    """A call that can travel to another process, and a name for it."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()

    def run(self) -> Any:
        """Make the call."""
        return self.function(*self.arguments)


def _nowhere(place: int, result: Any) -> None:
    del place, result


def run_jobs(
    jobs: Sequence[Job],
    *,
    workers: int,
    report: Progress,
    later: Callable[[], Sequence[Job]] = tuple,
    keep: Callable[[int, Any], None] = _nowhere,
) -> list[Any]:
    """Run jobs and return their results in order; `later` makes further jobs while they run.

    `keep` is given the place and the result of every job as soon as it is done.

    One worker means this process. More start new interpreters, so call it from a script only under
    ``if __name__ == "__main__"``.
    """
    if workers == 1:
        results = []
        with one_blas_thread():
            for place, job in enumerate((*jobs, *later())):
                results.append(job.run())
                keep(place, results[-1])
                report(job.name)
        return results
    with _pool(workers) as pool:
        try:
            return _collect(pool, jobs, later, report, keep)
        except BaseException:
            _stop(pool)
            raise


def _collect(
    pool: Executor,
    jobs: Sequence[Job],
    later: Callable[[], Sequence[Job]],
    report: Progress,
    keep: Callable[[int, Any], None],
) -> list[Any]:
    with _without_interrupts():
        futures: list[Future[Any]] = [pool.submit(job.run) for job in jobs]
    more = later()
    futures += [pool.submit(job.run) for job in more]
    places = {future: place for place, future in enumerate(futures)}
    names = [job.name for job in (*jobs, *more)]
    for future in as_completed(futures):
        keep(places[future], future.result())
        report(names[places[future]])
    return [future.result() for future in futures]


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Block Ctrl-C while workers are started: they inherit that, and it reaches us afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare_worker() -> None:
    """Leave Ctrl-C to the parent, which stops its workers, and end with it if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(parent_process(),), daemon=True).start()


def _end_with(parent: Any) -> None:
    """Wait for a process, then leave at once, whatever is under way."""
    parent.join()
    os._exit(1)


def _stop(pool: Executor) -> None:
    """Stop a pool at once, without waiting for the tasks that run."""
    children = active_children()
    pool.shutdown(wait=False, cancel_futures=True)
    for child in children:
        child.terminate()


@contextmanager
def _pool(workers: int) -> Iterator[Executor]:
    """Start fresh processes, each with one BLAS thread: small matrices gain nothing from more."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        context = get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker) as pool:
            yield pool
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
