"""How fast a mean approaches its limit: the rate and the constant that a ladder shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

RESOLVED = 5.0
"""Standard errors by which a deviation must differ from 0 to speak for the rate."""

FEWEST_RUNGS = 3


@dataclass(frozen=True)
class Rate:
    """``|observed - limit| ≈ constant / size^rate`` fitted over the rungs that resolve it.

    Attributes
    ----------
    rate, rate_error : float
        Fitted exponent and its standard error.
    constant, constant_error : float
        ``(observed - limit) · size`` to the power of the derived rate, averaged over the rungs with
        weights from their standard errors.
    derived : float
        The same constant from theory.
    power : float
        The derived rate, which holds for size → ∞.
    predicted : float
        The rate fitted alike to the predictions at these sizes, higher terms included.
    rungs : int
    label : str
        What approaches its limit.
    """

    rate: float
    rate_error: float
    constant: float
    constant_error: float
    derived: float
    power: float
    predicted: float
    rungs: int
    label: str = ""

    def __str__(self) -> str:
        """Return the fit in one line."""
        where = f"{self.label}: " if self.label else ""
        return (
            f"{where}observed - limit ~ size^-{self.rate:.2f} (±{self.rate_error:.2f}), predicted "
            f"-{self.predicted:.2f} here and -{self.power:g} far out; constant {self.constant:.3g} "
            f"(±{self.constant_error:.1g}), derived {self.derived:.3g}"
        )


def fit_rate(
    sizes: Sequence[float],
    deviations: Sequence[float],
    errors: Sequence[float],
    derived: Sequence[float],
    power: float = 1.0,
    label: str = "",
) -> Rate | None:
    """Return the fitted rate of deviations from a limit, None where fewer than three rungs tell.

    Parameters
    ----------
    sizes : sequence of float
        What each rung is scaled by.
    deviations, errors : sequence of float
        Observed mean less limit, and its standard error.
    derived : sequence of float
        Predicted mean less limit.
    power : float
        The rate that theory states for size → ∞.
    label : str
        What approaches its limit.
    """
    n, dev, err, pred = (np.asarray(v, dtype=float) for v in (sizes, deviations, errors, derived))
    told = np.abs(dev) > RESOLVED * err
    if told.sum() < FEWEST_RUNGS or len(set(np.sign(dev[told]))) > 1:
        return None
    n, dev, err, pred = n[told], dev[told], err[told], pred[told]
    logs, trust = np.log(n), np.abs(dev) / err
    slope, slope_error = _weighted_slope(logs, np.log(np.abs(dev)), trust)
    predicted = _weighted_slope(logs, np.log(np.abs(pred)), trust)[0] if pred.all() else np.nan
    weights = (err * n**power) ** -2.0
    constant = float((weights * dev * n**power).sum() / weights.sum())
    from_theory = float((weights * pred * n**power).sum() / weights.sum())
    return Rate(
        -slope,
        slope_error,
        constant,
        sqrt(1 / weights.sum()),
        from_theory,
        power,
        -predicted,
        int(told.sum()),
        label,
    )


def _weighted_slope(x: np.ndarray, y: np.ndarray, inverse_error: np.ndarray) -> tuple[float, float]:
    """Return the slope of a weighted straight line and its standard error."""
    weights = inverse_error**2
    centre = (weights * x).sum() / weights.sum()
    spread = (weights * (x - centre) ** 2).sum()
    return float((weights * (x - centre) * y).sum() / spread), float(1 / sqrt(spread))
