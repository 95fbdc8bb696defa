"""Evidence on the best threshold: κ of coefficients above a threshold, by quadrature."""

from collections.abc import Callable, Iterator

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.theory.one_layer import BEST_THRESHOLD, RECTGRAD_27
from alignment_theory.verification.comparisons import Comparison
from alignment_theory.verification.quadrature import (
    Function,
    Moment,
    Power,
    integral,
    kappa,
    normal,
)

GRID = tuple(np.linspace(-2.5, 4.0, 53))
"""Thresholds at which κ is compared."""

NEAR = 0.01
"""κ this far from s* is larger by 1e-4 or more, which the quadrature resolves."""

HALF_DIGIT = 0.5e-4
"""Half a unit of the last of four printed decimals."""

COUNTED = Power(0)
"""Every neuron above the threshold counts 1."""


def predicted(thresholds: Array) -> Array:
    """Return κ(s) by the theorem."""
    return np.asarray(RECTGRAD_27.predict(s=thresholds).value)


def predicted_root(thresholds: Array) -> Array:
    """Return κ(s) with the square dropped, Φ̄/φ: a planted error."""
    from scipy.stats import norm

    return np.asarray(norm.sf(thresholds) / norm.pdf(thresholds))


def best_threshold(
    rng: np.random.Generator,
    *,
    predict: Callable[[Array], Array] = predicted,
    density: Function = normal,
    coefficients: Function = COUNTED,
    factor: float = 2.0,
    kept: float = 0.2703,
    least: float = 2.4697,
    side: float = 1.0,
) -> Iterator[Comparison]:
    """Compare κ(s) with its formula, and with κ at s* = 0.6120; and the printed digits.

    Planted errors: another formula, another density of t, other coefficients, another `factor` in
    ``2s = φ(s)/Φ̄(s)``, other digits, and `side` -1 (s* a maximum).
    """
    del rng
    grid = np.array(GRID)
    found = [_kappa(s, density, coefficients) for s in grid]
    values = np.array([one.value for one in found])
    errors = np.array([one.error for one in found])
    formula = predict(grid)
    yield Comparison("κ(s) and its formula", values, formula, errors, formula)
    best = _kappa(BEST_THRESHOLD, density, coefficients)
    others = (BEST_THRESHOLD - NEAR, BEST_THRESHOLD + NEAR)
    above = [*found, *(_kappa(s, density, coefficients) for s in others)]
    excess = side * np.array([one.value - best.value for one in above])
    excess = np.where(np.isfinite(excess), excess, 0)
    lost = np.array([one.error for one in above]) + best.error
    yield Comparison("κ(s) - κ(s*) and 0", excess, 0 * excess, lost, np.abs(excess), low_only=True)
    yield _slope(density, factor)
    share = integral(density, low=BEST_THRESHOLD)
    for name, moment, digits in (
        ("share kept", share, kept),
        ("κ*", best, least),
        ("s*", Moment(BEST_THRESHOLD), 0.6120),
    ):
        yield _printed(name, moment, digits)


def _printed(name: str, moment: Moment, digits: float) -> Comparison:
    """Compare a number with what is printed of it."""
    value, printed = np.array([moment.value]), np.array([digits])
    half = np.array([HALF_DIGIT + moment.error])
    return Comparison(f"{name} to the printed digits", value, printed, half, printed)


def _kappa(s: float, density: Function, coefficients: Function) -> Moment:
    square = integral(density, coefficients, coefficients, low=s)
    return kappa(square, integral(density, coefficients, Power(1, signed=True), low=s))


def _slope(density: Function, factor: float) -> Comparison:
    """Compare ``2 s Φ̄(s) - φ(s)``, which has the sign of dκ/ds, with 0 on both sides of s*."""
    places = (BEST_THRESHOLD - 1e-6, BEST_THRESHOLD + 1e-6)
    tails = [integral(density, low=s) for s in places]
    slopes = np.array(
        [
            sign * (factor * s * tail.value - density(s))
            for sign, s, tail in zip((-1, 1), places, tails, strict=True)
        ]
    )
    errors = np.array([factor * s * t.error + 1e-15 for s, t in zip(places, tails, strict=True)])
    label = "∓ dκ/ds at s* ∓ 1e-6 and 0"
    return Comparison(label, slopes, 0 * slopes, errors, np.abs(slopes), low_only=True)
