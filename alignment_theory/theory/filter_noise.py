r"""How far the image of F random filters is from its mean image: E[1 - cos²(R, E R)].

With y and ρ the parts of one filter's r along and across E r, in units of ‖E r‖, and Y, P their
means over F filters, ``1 - cos² = h(Y, X) = X/(Y² + X)``, ``X = ‖P‖²``. Its means are 1 and ``N =
C/F``, and the moments that count are ``Var Y = a/F``, ``Cov(Y, X) = N s/F``, ``E[(Y-1)²(X-N)] =
2 N t/F`` and ``Var X = N² [2u + (b - 2u)/F]``, with ``a = Var y``, ``s = E[(y-1)‖ρ‖²]/C``, ``t =
‖Cov(y, ρ)‖²/C``, ``u = tr(Cov ρ)²/C²`` and ``b = Var ‖ρ‖²/C²``. Taylor's formula about (1, N)
gives, ``v = N/(1 + N)``,

    v + v (1-v) {[a (3 - 4v) + t (6 - 28v + 24v²) - 2 s (1 - 2v) - (b - 2u) v]/F - 2 u v}.

In powers of 1/F this is ``N + N [3a + 6t - 2s - C (1 + 2u)]/F + ...``, but it stays bounded where C
exceeds F, and for k = size it is the alignment curve of d = k² inputs.
"""

from alignment_theory.theory.filter_overlaps import blob, filter_moments, second_order
from alignment_theory.theory.theorem import Prediction

ROUNDING = 1e-12
"""C below this is the rounding of C = 0: for k = 1 all r are in proportion to E r."""

QUADRATURE = 0.2
"""Relative error allowed for the moments that are computed by quadrature."""


def predict_noise(size: int, k: int, coefficients: str, filters: int) -> Prediction:
    """Return E[1 - cos²] to second order in 1/F, within [0, 1].

    The remainder is made from magnitudes: with q the sum of the magnitudes in braces it is
    ``v (1-v) [q²/(1 - q) + 8 u^{3/2} v²]`` for the later orders, as of a geometric series and of
    the third cumulant of X, a fifth of the terms that are known by quadrature, and P(no neuron is
    active). Where q >= 1, and at most, it reaches from the value to the farther of 0 and 1.
    """
    found = filter_moments(size, k, coefficients)
    image, dead = blob(size), 0.5**filters
    overlap = float((image * found.mean).sum() ** 2 / ((image**2).sum() * (found.mean**2).sum()))
    if found.noise < ROUNDING:
        terms = {"limit": 0.0, "1/F term": 0.0, "1/F² term": 0.0, "cos²(E R, x)": overlap}
        return Prediction(0.0, dead + ROUNDING, terms)
    next_order = second_order(size, k, coefficients)
    a, s, t, u = found.along, next_order.skew, next_order.tilt, next_order.spread
    first = found.noise / filters
    v = first / (1 + first)
    scatter = 2 * u + max(0.0, next_order.scatter - 2 * u) / filters
    exact = a * (3 - 4 * v) / filters
    by_rule = (t * (6 - 28 * v + 24 * v**2) - 2 * s * (1 - 2 * v)) / filters - scatter * v
    value = min(1.0, max(0.0, v + v * (1 - v) * (exact + by_rule)))
    rule_size = (t * (6 + 28 * v + 24 * v**2) + 2 * abs(s) * (1 + 2 * v)) / filters + scatter * v
    q = a * (3 + 4 * v) / filters + rule_size
    left_out = float("inf")
    if q < 1:
        later = q**2 / (1 - q) + 8 * u**1.5 * v**2 + QUADRATURE * rule_size
        left_out = v * (1 - v) * later + dead
    terms = {
        "limit": 0.0,
        "1/F term": first,
        "1/F² term": first * (3 * a + 6 * t - 2 * s - found.noise * (1 + 2 * u)) / filters,
        "cos²(E R, x)": overlap,
    }
    return Prediction(value, min(left_out, max(value, 1 - value)), terms)
