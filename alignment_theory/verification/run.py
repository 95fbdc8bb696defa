"""Run the checks: on the digits classifiers and on random networks, in one process or several."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from pathlib import Path

from alignment_theory.models import Trained, digits, digits_classifier
from alignment_theory.theory import theorem
from alignment_theory.threads import one_blas_thread
from alignment_theory.verification.catalogue import CHECKS, STANDARD, Check, Effort
from alignment_theory.verification.judge import settle
from alignment_theory.verification.subjects import Subject
from alignment_theory.verification.verdict import Verdict

Progress = Callable[[str], None]
"""Called with a few words whenever a piece of work is done."""

EXPLAINED = 4
"""Test images of each digits classifier on which identities and bounds are compared."""


def select(identifiers: Sequence[str]) -> list[Check]:
    """Return the checks of the given theorems, all of them for none.

    Raises
    ------
    ValueError
        For an unknown id.
    """
    wanted = [theorem(identifier).id for identifier in identifiers]
    return [check for check in CHECKS if not wanted or check.theorem in wanted]


def digits_subjects(classifiers: Sequence[Trained], seed: int) -> list[Subject]:
    """Return trained classifiers with the first test images of their data."""
    data = digits(seed=seed)
    return [
        Subject(
            f"digits classifier {'with' if trained.network.has_bias else 'without'} bias",
            trained.network,
            data.test_inputs[:EXPLAINED],
        )
        for trained in classifiers
    ]


def train_classifiers(seed: int, cache: Path | None) -> list[Trained]:
    """Return the digits classifiers with and without bias, from the cache where they are in it."""
    return [
        digits_classifier(seed=seed, bias=bias, cache=cache, progress=False)
        for bias in (True, False)
    ]


def verify(
    identifiers: Sequence[str] = (),
    *,
    seed: int = 0,
    effort: Effort = STANDARD,
    workers: int = 1,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> list[Verdict]:
    """Judge theorems and return one verdict a check, in the order of the catalogue.

    Parameters
    ----------
    identifiers : sequence of str
        Ids of theorems; all for none.
    seed : int
        Verdicts depend on it and on nothing else, not on the number of workers.
    effort : Effort
    workers : int
        Processes. More than one starts new interpreters, so call it from a script only under
        ``if __name__ == "__main__"``.
    cache : Path, optional
        Folder in which trained classifiers are kept.
    progress : callable, optional

    Raises
    ------
    ValueError
        For an unknown id, a negative seed or fewer than one worker.
    """
    if seed < 0:
        raise ValueError(f"verify: seed must be >= 0, got {seed}")
    if workers < 1:
        raise ValueError(f"verify: workers must be >= 1, got {workers}")
    checks = select(identifiers)
    report = progress or (lambda words: None)

    def subjects() -> list[Subject]:
        if not any(check.on_digits for check in checks):
            return []
        found = digits_subjects(train_classifiers(seed, cache), seed)
        report("digits classifiers")
        return found

    if workers == 1:
        on_digits = subjects()
        verdicts = []
        with one_blas_thread():
            for check in checks:
                verdicts.append(check.run(seed, effort, on_digits))
                report(check.theorem)
        return settle(verdicts)
    with _pool(workers) as pool:
        return settle(_run_in(pool, checks, seed, effort, subjects, report))


def _run_in(
    pool: Executor,
    checks: Sequence[Check],
    seed: int,
    effort: Effort,
    subjects: Callable[[], list[Subject]],
    report: Progress,
) -> list[Verdict]:
    """Run checks in a pool, the long ones (random weights) first, while classifiers train here."""
    places: dict[Future[Verdict], int] = {}
    waiting = [k for k, check in enumerate(checks) if check.on_digits]
    for k, check in reversed(list(enumerate(checks))):
        if not check.on_digits:
            places[pool.submit(check.run, seed, effort)] = k
    try:
        on_digits = subjects()
        for k in waiting:
            places[pool.submit(checks[k].run, seed, effort, on_digits)] = k
        found: dict[int, Verdict] = {}
        for future in as_completed(places):
            found[places[future]] = future.result()
            report(checks[places[future]].theorem)
    except BaseException:
        _stop(pool)
        raise
    return [found[k] for k in range(len(checks))]


def _ignore_interrupt() -> None:
    """Leave Ctrl-C to the parent, which stops its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


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
        with ProcessPoolExecutor(
            workers, mp_context=context, initializer=_ignore_interrupt
        ) as pool:
            yield pool
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
