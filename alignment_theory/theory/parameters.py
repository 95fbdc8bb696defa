"""The arguments of a prediction: what each may be, and what is said where it is not."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Parameter(ABC):
    """A named argument of a prediction: its meaning, and its default (None: it must be given)."""

    name: str
    meaning: str
    default: Any = None

    @abstractmethod
    def parse(self, theorem: str, value: object) -> Any:
        """Return a checked value; text is read as what is wanted. ValueError where it is not."""

    @property
    def admits(self) -> str:
        """What a value may be, in a few words."""
        return ""

    def refuse(self, theorem: str, wanted: str, value: object) -> ValueError:
        """Return the error that names the theorem, the parameter and what came."""
        return ValueError(
            f"{theorem}: {self.name} ({self.meaning}) must be {wanted}, got {value!r}"
        )


LARGEST_WIDTH = 10**8
"""Widest layer that is taken: rank statistics of a layer go through all its units."""

LARGEST_WHOLE = 10**12
"""Largest size that is taken: squares and products of a few of them are still exact or close."""


@dataclass(frozen=True)
class Number(Parameter):
    """A finite number, or an array of them, within bounds.

    `whole` asks for integers (at most 10^12 where no maximum is stated), `single` for one number.
    """

    minimum: float | None = None
    maximum: float | None = None
    whole: bool = False
    single: bool = False

    def parse(self, theorem: str, value: object) -> Any:
        """Return a float or an int, or an array of them."""
        try:
            numbers = np.asarray(value, dtype=float)
        except (TypeError, ValueError, OverflowError):
            raise self.refuse(theorem, "a number", value) from None
        if self.single and numbers.ndim:
            raise self.refuse(theorem, "a single number, not an array", value)
        if not np.isfinite(numbers).all():
            raise self.refuse(theorem, "finite", value)
        if self.minimum is not None and (numbers < self.minimum).any():
            raise self.refuse(theorem, f">= {self.minimum:g}", value)
        if self.highest is not None and (numbers > self.highest).any():
            raise self.refuse(theorem, f"<= {self.highest:g}", value)
        if self.whole:
            if (numbers != np.floor(numbers)).any():
                raise self.refuse(theorem, "a whole number", value)
            numbers = numbers.astype(int)
        return numbers if numbers.ndim else numbers.item()

    @property
    def highest(self) -> float | None:
        """The largest number admitted, None for any."""
        return LARGEST_WHOLE if self.whole and self.maximum is None else self.maximum

    @property
    def admits(self) -> str:
        """Bounds, where there are any."""
        bounds = [f">= {self.minimum:g}"] if self.minimum is not None else []
        bounds += [f"<= {self.maximum:g}"] if self.maximum is not None else []
        return ", ".join(bounds)


@dataclass(frozen=True)
class Choice(Parameter):
    """One of a few words."""

    choices: tuple[str, ...] = ()

    def parse(self, theorem: str, value: object) -> str:
        """Return the word."""
        if value not in self.choices:
            raise self.refuse(theorem, f"one of {', '.join(self.choices)}", value)
        return str(value)

    @property
    def admits(self) -> str:
        """The words."""
        return ", ".join(self.choices)


@dataclass(frozen=True)
class Widths(Parameter):
    """Layer widths, input first, as a sequence or as text such as "784,512,10".

    There must be `least` of them, and all but the last (the outputs) at least `smallest`.
    """

    least: int = 3
    smallest: int = 1

    def parse(self, theorem: str, value: object) -> tuple[int, ...]:
        """Return the widths."""
        wanted = (
            f"at least {self.least} whole numbers, input first, such as 784,512,10, from "
            f"{self.smallest} (the last from 1) to {LARGEST_WIDTH:g}"
        )
        parts = value.split(",") if isinstance(value, str) else value
        try:
            numbers = np.asarray(parts, dtype=float)
        except (TypeError, ValueError, OverflowError):
            raise self.refuse(theorem, wanted, value) from None
        if numbers.ndim != 1 or len(numbers) < self.least or not np.isfinite(numbers).all():
            raise self.refuse(theorem, wanted, value)
        small = numbers[-1] < 1 or (numbers[:-1] < self.smallest).any()
        if small or (numbers > LARGEST_WIDTH).any() or (numbers != np.floor(numbers)).any():
            raise self.refuse(theorem, wanted, value)
        return tuple(int(number) for number in numbers)

    @property
    def admits(self) -> str:
        """The form."""
        least = f", each but the last >= {self.smallest}" if self.smallest > 1 else ""
        return f"widths such as 784,512,10{least}"


@dataclass(frozen=True)
class Level(Parameter):
    """A layer or level of a network, or "all" (the default), for which the prediction is an array.

    With ``every`` another word, that word stands for None.
    """

    default: Any = "all"
    every: str = "all"

    def parse(self, theorem: str, value: object) -> int | None:
        """Return the level, or None for all of them."""
        if value == self.every:
            return None
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            number = -1.0
        if not 0 <= number <= LARGEST_WIDTH or number != int(number):
            raise self.refuse(theorem, f"a whole number >= 0 or {self.every!r}", value)
        return int(number)

    @property
    def admits(self) -> str:
        """What it may be."""
        return f"whole number or {self.every}"
