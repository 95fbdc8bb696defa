"""Run the checks: on the digits classifiers and on random networks, in one process or several."""

from collections.abc import Sequence
from pathlib import Path

from alignment_theory.models import digits, digits_classifier
from alignment_theory.models.classifier import Architecture
from alignment_theory.theory import theorem
from alignment_theory.verification.catalogue import CHECKS
from alignment_theory.verification.checks import STANDARD, Check, Effort
from alignment_theory.verification.judge import settle
from alignment_theory.verification.pool import Job, Progress, run_jobs
from alignment_theory.verification.subjects import Subject
from alignment_theory.verification.verdict import Verdict

EXPLAINED: dict[Architecture, int] = {"dense": 4, "cnn": 8}
"""Test images of each digits classifier on which identities and bounds are compared."""


def select(identifiers: Sequence[str]) -> list[Check]:
    """Return the checks of the given theorems, all of them for none; a string is one id.

    Raises
    ------
    ValueError
        For an unknown id.
    """
    chosen = (identifiers,) if isinstance(identifiers, str) else identifiers
    wanted = [theorem(identifier).id for identifier in chosen]
    return [check for check in CHECKS if not wanted or check.theorem.id in wanted]


def digits_subjects(seed: int, cache: Path | None) -> list[Subject]:
    """Return the digits classifiers with the first test images of their data.

    There is a dense and a convolutional one, each with and without bias; they are taken from the
    cache where they are in it, and trained otherwise.
    """
    images = digits(seed=seed).test_inputs
    subjects = []
    for architecture, count in EXPLAINED.items():
        for bias in (True, False):
            network = digits_classifier(
                seed=seed, bias=bias, architecture=architecture, cache=cache, progress=False
            ).network
            words = f"digits classifier ({architecture}) {'with' if bias else 'without'} bias"
            inputs = images[:count].reshape(count, *network.input_shape)
            subjects.append(Subject(words, network, inputs))
    return subjects


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
    require(seed, workers)
    checks = select(identifiers)
    report = progress or _silent
    free = [check for check in checks if not check.on_digits]
    waiting = [check for check in checks if check.on_digits]

    def on_digits() -> list[Job]:
        if not waiting:
            return []
        subjects = digits_subjects(seed, cache)
        report("digits classifiers")
        return [_job(check, seed, effort, subjects) for check in waiting]

    jobs = [_job(check, seed, effort, ()) for check in free]
    verdicts = run_jobs(jobs, workers=workers, report=report, later=on_digits)
    order = {id(check): k for k, check in enumerate(checks)}
    placed = sorted(zip(free + waiting, verdicts, strict=True), key=lambda p: order[id(p[0])])
    return settle([verdict for _, verdict in placed])


def require(seed: int, workers: int) -> None:
    """Raise ValueError for a negative seed or fewer than one worker."""
    if seed < 0:
        raise ValueError(f"verify: seed must be >= 0, got {seed}")
    if workers < 1:
        raise ValueError(f"verify: workers must be >= 1, got {workers}")


def _job(check: Check, seed: int, effort: Effort, subjects: Sequence[Subject]) -> Job:
    return Job(check.theorem.id, check.run, (seed, effort, subjects))


def _silent(words: str) -> None:
    del words
