"""What the identities allow for beside rounding, and which samples meet their hypotheses."""

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import Attribution
from alignment_theory.layers import Linear
from alignment_theory.trace import Trace


def smallest_denominator(trace: Trace, targets: Array) -> Array:
    """Return per sample the least |z| > 0 among active units and the explained logit.

    Infinite where the network is dead: no relevance meets a denominator there.
    """
    rows = np.arange(trace.batch_size)
    logits = np.abs(trace.sites[-1].output[rows, targets])
    smallest = np.where(logits > 0, logits, np.inf)
    for site in trace.switch_sites:
        active = np.where(site.input > 0, site.input, np.inf).min(axis=1)
        smallest = np.minimum(smallest, active)
    return smallest


def kept_samples(zplus: Attribution, like: Array) -> Array:
    """Tell which samples meet the hypothesis: no relevance met an empty denominator."""
    lost = zplus.ledger.terms["empty denominator"]
    return (lost == 0).all(axis=0).reshape(-1, *(1,) * (like.ndim - 1))


def gamma_limit_bound(zplus: Attribution, gamma_value: float) -> Array:
    """Return a bound on |R(γ) - R(z⁺)| at the input, carried down with the magnitudes.

    With D = W⁺ a, the γ rule's matrix is ``a (W⁺ + W/γ) / (D + W a / γ)``; against ``a W⁺ / D`` its
    error is at most ``(a |W| / D) (1 + |W| a / D) / (γ (1 - η))``, ``η = |W| a / (γ D)``: twice the
    numerator over γ where η <= 1/2. It meets the relevance above with that one's error.
    """
    error, magnitude = np.abs(zplus.top) * 0, np.abs(zplus.top)
    for site in reversed(zplus.trace.sites):
        if not isinstance(site.layer, Linear):
            error, magnitude = (v.reshape(site.input.shape) for v in (error, magnitude))
            continue
        weight = site.layer.matrix(site.input)
        a = np.abs(site.input)
        total = a @ np.maximum(weight, 0).T
        safe = np.where(total > 0, total, np.inf)
        spread = 1 + (a @ np.abs(weight).T) / safe
        spread = np.where(spread <= gamma_value / 2, spread, np.inf)
        added = np.where(magnitude > 0, (magnitude + error) * spread, 0) / safe
        share = error / safe
        error = a * (share @ np.maximum(weight, 0)) + 2 * a * (added @ np.abs(weight)) / gamma_value
        magnitude = a * ((magnitude / safe) @ np.maximum(weight, 0))
    return error
