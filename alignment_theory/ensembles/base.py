"""What a law of random weight matrices states: a sampler and the moments that theory needs."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import gamma, inf, pi, sqrt

import numpy as np

from alignment_theory.arrays import Array, require_numbers


class WeightLaw(ABC):
    """A law of matrices (outputs, inputs) whose rows all have one law.

    Moments are those of one row w of length `inputs`. Where they depend on the number of rows too
    (HaarColumns, Orthogonal), `outputs` must be given; elsewhere it is not looked at.
    """

    @property
    @abstractmethod
    def isotropic(self) -> bool:
        """Whether rotations leave the law of a row unchanged."""

    @property
    def independent_rows(self) -> bool:
        """Whether the rows are independent."""
        return True

    def sample(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        """Draw one matrix (outputs, inputs) of float64.

        Raises
        ------
        ValueError
            For sizes that are no positive integers or that the law does not have, and where `rng`
            is no Generator.
        """
        rows, columns = checked_size(outputs, "outputs"), checked_size(inputs, "inputs")
        return self._draw(rows, columns, checked_generator(rng))

    @abstractmethod
    def _draw(self, outputs: int, inputs: int, rng: np.random.Generator) -> Array:
        """Draw one matrix, its sizes checked."""

    def row_bound(self, inputs: int, outputs: int | None = None) -> float:
        """Return the largest norm that a row can have (infinite where there is none)."""
        return inf

    @abstractmethod
    def entry_variance(self, inputs: int) -> float:
        """Return ``E‖w‖²/inputs``, the second moment of an entry about 0, not about its mean.

        Only for `Positive` are the two different; else this is the mean of `covariance`.
        """

    def entry_mean(self, inputs: int) -> float:
        """Return the mean of an entry: 0 but for laws that are not centred."""
        checked_size(inputs, "inputs")
        return 0.0

    def covariance(self, inputs: int) -> Array:
        """Return the diagonal (inputs,) of the covariance matrix Σ of a row; the rest of Σ is 0."""
        return np.full(inputs, self.entry_variance(inputs) - self.entry_mean(inputs) ** 2)

    def half_mean(self, inputs: int, outputs: int | None = None) -> float:
        """Return ``κ_1 = E[(w·u) 1(w·u > 0)]`` for a unit vector u.

        It is κ_φ of the theorem `isotropic-alignment` with φ = 1.

        Raises
        ------
        ValueError
            For laws that are not isotropic, where it depends on u.
        """
        del outputs
        checked_size(inputs, "inputs")
        raise self._direction_error("κ_1 = E[(w·u) 1(w·u > 0)]")

    def half_square(self, inputs: int) -> float:
        """Return ``κ_t = E[(w·u)² 1(w·u > 0)]`` for a unit vector u.

        For an input x it gives κ_φ with φ(t) = t as ``‖x‖ κ_t``. A row as likely as its opposite
        gives half of ``u·Σu``, which is σ²/2 for every u where ``Σ = σ² I``.

        Raises
        ------
        ValueError
            For laws where it depends on u.
        """
        return self.entry_variance(inputs) / 2

    def _direction_error(self, moment: str) -> ValueError:
        return ValueError(
            f"{type(self).__name__}: {moment} depends on the direction u, since the law of a row "
            "is not isotropic; use an isotropic law, or estimate it by drawing rows"
        )


class ScaledLaw(WeightLaw):
    """A law whose entries have the root mean square `sigma` at every size."""

    sigma: float

    def __post_init__(self) -> None:
        """Check the scale."""
        fix_scale(self)

    def entry_variance(self, inputs: int) -> float:
        """Return ``sigma²``."""
        checked_size(inputs, "inputs")
        return self.sigma**2


class SphericalLaw(ScaledLaw):
    """A law whose rows are each uniform on the sphere of radius ``σ √inputs``."""

    isotropic = True

    def row_bound(self, inputs: int, outputs: int | None = None) -> float:
        """Return the norm of every row."""
        return self.sigma * sqrt(checked_size(inputs, "inputs"))

    def half_mean(self, inputs: int, outputs: int | None = None) -> float:
        """Return ``σ √d Γ(d/2) / (2 √π Γ((d + 1)/2))``, d = inputs."""
        return self.row_bound(inputs) * sphere_half_mean(inputs)


def gaussian_half_mean(variance: float) -> float:
    """Return ``E[t 1(t > 0)] = σ/√(2π)`` of ``t ~ N(0, σ²)``."""
    return sqrt(variance / (2 * pi))


def sphere_half_mean(size: int) -> float:
    """Return ``E[s 1(s > 0)]`` of a coordinate s of a uniform point on the unit sphere in R^size.

    ``Γ(k/2) / (2 √π Γ((k + 1)/2))`` for k = `size`.
    """
    return 1 / (2 * sqrt(pi) * gamma_step(size / 2))


def gamma_step(x: float) -> float:
    """Return ``Γ(x + 1/2) / Γ(x)`` for x > 0 to a few rounding errors.

    From x = 100 on by the asymptotic series, whose first term left out is below 3e-16 there: the
    difference of two ``lgamma`` would lose as many digits as these have before the point.
    """
    if x < 100:
        return gamma(x + 0.5) / gamma(x)
    y = 1 / x
    series = 1 + y * (-1 / 8 + y * (1 / 128 + y * (5 / 1024 + y * (-21 / 32768))))
    return sqrt(x) * (series - 399 / 262144 * y**5)


def checked_size(size: int, name: str) -> int:
    """Return a size as an int; ValueError where it is no positive integer."""
    whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
    if not whole or size < 1:
        raise ValueError(f"{name}: expected a positive integer, got {size!r}")
    return int(size)


def checked_sizes(sizes: object, name: str, what: str) -> tuple[int, ...]:
    """Return sizes as ints; ValueError where they are no sequence of positive integers.

    `what` says what was expected.
    """
    if isinstance(sizes, str | bytes) or not isinstance(sizes, Sequence | np.ndarray):
        raise ValueError(f"{name}: expected {what}, got {sizes!r}")
    return tuple(checked_size(size, f"{name}[{k}]") for k, size in enumerate(sizes))


def checked_generator(rng: np.random.Generator) -> np.random.Generator:
    """Return `rng` if it is a NumPy Generator, and raise ValueError otherwise."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(
            f"rng: expected a numpy.random.Generator, got {rng!r}; make one with "
            "numpy.random.default_rng(seed)"
        )
    return rng


def fix_number(
    owner: object, name: str, low: float, high: float, *, open_low: bool = False
) -> None:
    """Make a field of a frozen law a float; ValueError where it is outside [low, high].

    `open_low` leaves the lower end out.
    """
    require_numbers(owner, name)
    value = float(getattr(owner, name))
    if not low <= value <= high or (open_low and value == low):
        raise ValueError(
            f"{type(owner).__name__}: {name} must be {'>' if open_low else '>='} {low} and <= "
            f"{high}, got {value}"
        )
    object.__setattr__(owner, name, value)


def fix_scale(owner: object, name: str = "sigma") -> None:
    """Make a scale a float, positive and with a square that float64 holds."""
    fix_number(owner, name, 1e-150, 1e150)
