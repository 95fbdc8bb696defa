"""What a function of one's own returns, checked trial by trial before anything is concluded."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.verification.comparisons import Comparison
from alignment_theory.verification.ladder import told_sizes
from alignment_theory.verification.samplers import Sampler

Evidence = Callable[..., Any]

OWN = "own evidence"

RESERVED = ("rng", "count", "start", "seed", "sampler", "wanted", "first", "cap")
"""Names that sizes must not have: samplers take arguments of these names."""


def checked_sizes(sizes: object) -> list[dict[str, Any]]:
    """Return the ladder as a list of dictionaries with the same names.

    Raises
    ------
    ValueError
        For anything else, no sizes, and reserved names.
    """
    listed = list(sizes) if isinstance(sizes, Sequence) and not isinstance(sizes, str) else None
    if listed is None or not all(isinstance(rung, Mapping) for rung in listed):
        raise ValueError(
            "judge: sizes must be a list of dictionaries, one a size, such as "
            f'[{{"n": 100}}, {{"n": 400}}], got {sizes!r}'
        )
    if not listed:
        raise ValueError("judge: expected at least one set of sizes, got none")
    names = set(listed[0])
    for rung in listed:
        if set(rung) != names:
            raise ValueError(
                f"judge: all sizes must have the same names, got {sorted(map(str, names))} and "
                f"{sorted(map(str, rung))}"
            )
    reserved = sorted(names.intersection(RESERVED))
    if reserved:
        raise ValueError(f"judge: a size cannot be named {', '.join(reserved)}; rename it")
    return [dict(rung) for rung in listed]


@dataclass(frozen=True)
class OwnSampler(Sampler):
    """A function of a generator and sizes as a sampler of one trial at a time.

    With ``single`` every trial must be one number.
    """

    gatherer: ClassVar[str] = OWN
    function: Evidence
    single: bool = False

    def draw(self, rng: np.random.Generator, count: int, **parameters: Any) -> Array:
        """Return `count` trials (count, columns).

        Raises
        ------
        ValueError
            For what is no number, and for another number of numbers than before.
        """
        rows: list[Array] = []
        for _ in range(count):
            found = np.ravel(self.one(rng, parameters))
            if (self.single and found.size != 1) or found.size == 0:
                wanted = "one number a trial" if self.single else "at least one number a trial"
                raise _refusal(parameters, wanted, f"{found.size} numbers")
            rows.append(found)
        return np.array(rows)

    def one(self, rng: np.random.Generator, parameters: Mapping[str, Any]) -> Array:
        """Return what the function returns at one trial, as float64."""
        return _floats(_called(self.function, rng, parameters), "a number", parameters)


def compared(
    evidence: Evidence,
    sizes: Sequence[Mapping[str, Any]],
    trials: int,
    seed: np.random.SeedSequence,
    one_sided: bool,
) -> Iterator[Comparison]:
    """Yield the two sides of an identity or a bound, trial by trial.

    Raises
    ------
    ValueError
        For evidence that is no ``(left, right, rounding)`` of one shape, infinite sides, and
        rounding bounds that are not finite or negative.
    """
    wanted = "(left, right, rounding)"
    for rung, child in zip(sizes, seed.spawn(len(sizes)), strict=True):
        for index, rng in enumerate(map(np.random.default_rng, child.spawn(trials))):
            found = _called(evidence, rng, rung)
            if not isinstance(found, tuple | list) or len(found) != 3:
                raise _refusal(rung, f"{wanted}, three arrays or numbers", found, index)
            parts = [_floats(part, f"{wanted} of numbers", rung, index) for part in found]
            left, right, rounding = parts
            if left.shape != right.shape or rounding.shape not in ((), left.shape):
                shapes = ", ".join(str(part.shape) for part in parts)
                raise _refusal(rung, f"{wanted} of one shape", f"shapes {shapes}", index)
            if np.isinf(left).any() or np.isinf(right).any():
                raise _refusal(rung, "finite sides", "an infinite one", index)
            if not (np.isfinite(rounding).all() and (rounding >= 0).all()):
                raise _refusal(rung, "a finite rounding bound >= 0", rounding.tolist(), index)
            scale = np.maximum(np.abs(left), np.abs(right))
            label = f"{_where(rung)}trial {index}"
            yield Comparison(label, left, right, rounding, scale, one_sided)


def _called(evidence: Evidence, rng: np.random.Generator, sizes: Mapping[str, Any]) -> Any:
    try:
        return evidence(rng, **deepcopy(dict(sizes)))
    except Exception as error:
        error.add_note(f"judge: raised by the evidence at {_where(sizes) or 'its only size'}")
        raise


def _floats(
    value: object, wanted: str, sizes: Mapping[str, Any], trial: int | None = None
) -> Array:
    """Return a copy of numbers as float64, and refuse what float64 does not hold."""
    try:
        given = np.asarray(value)
        exact = given.dtype.kind in "fiub" or given.dtype == object
        converted = np.array(given, dtype=float) if exact else None
    except (TypeError, ValueError, OverflowError):
        converted = None
    if converted is None or (given.dtype == object and any(item is None for item in given.flat)):
        raise _refusal(sizes, wanted, value, trial)
    changed = given.dtype.kind != "f" and converted.astype(object) != given.astype(object)
    if np.any(changed):
        raise _refusal(
            sizes, f"{wanted} that float64 holds exactly (give differences)", value, trial
        )
    return converted


def _where(sizes: Mapping[str, Any]) -> str:
    return f"{told_sizes([sizes])}, " if sizes else ""


def _refusal(
    sizes: Mapping[str, Any], wanted: str, came: object, trial: int | None = None
) -> ValueError:
    where = _where(sizes) + ("" if trial is None else f"trial {trial}, ")
    return ValueError(f"judge: {where}expected the evidence to return {wanted}, got {came!r}")
