r"""One layer of orthonormal rows or columns, uniform among these (Haar), with c = a.

Rows (n <= d): ``cos = ‖P_A x‖/‖x‖``, P_A onto the span of the active rows, and Wx/‖x‖ is the first
n coordinates of a uniform unit vector in R^d. With K ~ Binomial(n, ½) active neurons, exactly
``cos² ~ Beta(K/2, (d - K)/2)``, so ``E cos² = n/(2d)`` (0 where none is active).

Columns (n >= d): Wx/‖x‖ = z is uniform on the unit sphere of R^n and, given z, the other columns
span a uniform (d - 1)-space of the n - 1 dimensions across z. With ``q = ‖z₊‖²`` the part of z₊
across z has square q(1 - q), a share B of it in that span: exactly

    cos² = q / (q + (1 - q) B),   q ~ Beta(K/2, (n - K)/2),   B ~ Beta((d - 1)/2, (n - d)/2).
"""

import numpy as np

from alignment_theory.theory.expansions import Independent, OneNumber, Series
from alignment_theory.theory.theorem import Prediction


def predict_haar(n: int, d: int) -> Prediction:
    """Return E cos², given that some neuron is active.

    Rows: exact. Columns: limit ``1/(1 + (d - 1)/(n - 1))`` and the 1/n term by the second moments
    of q and B; the remainder is the size of the 1/n² term (magnitudes added up, since
    they cancel here), and P(no neuron is active).
    """
    if np.ndim(n) or np.ndim(d):
        raise ValueError("haar-law: n and d must be single numbers; predict one size at a time")
    dead = 0.5**n
    if n <= d:
        return Prediction(n / (2 * d) / (1 - dead), terms={"P(all c = 0)": dead})
    share = (d - 1) / (n - 1)
    squares = OneNumber(3 / (4 * (n + 2)))
    spans = OneNumber(2 * share * (1 - share) / (n + 1), _third_of_beta(n, d))
    q = Series.linear(0.5, [1.0, 0.0])
    across = Series.linear(0.5, [-1.0, 0.0]) * Series.linear(share, [0.0, 1.0])
    found = (q * (q + across).power(-1)).mean(Independent(((1, squares), (1, spans))))
    limit, first, second, size = found
    terms = {"limit": limit, "1/n term": first, "1/n² term": second, "P(all c = 0)": dead}
    return Prediction(limit + first, size + dead, terms)


def _third_of_beta(n: int, d: int) -> float:
    """Return the third central moment of B."""
    a, b = (d - 1) / 2, (n - d) / 2
    total = a + b
    return 2 * a * b * (b - a) / (total**3 * (total + 1) * (total + 2))
