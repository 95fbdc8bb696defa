"""What the identities allow for beside rounding, and which samples meet their hypotheses."""

from collections.abc import Sequence

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.attribution import Attribution
from alignment_theory.layers import Linear, Selection
from alignment_theory.layers.base import Weights
from alignment_theory.magnitudes import applied, pulled_back
from alignment_theory.trace import Site
from alignment_theory.verification.passages import linear_passages


def smallest_denominator(zero: Attribution) -> Array:
    """Return per sample the least |z| > 0 of a unit of a linear layer where relevance arrives.

    `zero` is of LRP-0. Infinite where no relevance meets a denominator at all.
    """
    smallest = np.full(zero.trace.batch_size, np.inf)
    for passage in linear_passages(zero):
        z = np.abs(passage.site.output)
        met = np.where((z > 0) & (passage.above != 0), z, np.inf)
        smallest = np.minimum(smallest, met.reshape(len(z), -1).min(axis=1))
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
    size = np.abs(zplus.top)
    return _limit(zplus.trace.sites, 0 * size, size, gamma_value)[0]


def _limit(
    sites: Sequence[Site], error: Array, size: Array, gamma_value: float
) -> tuple[Array, Array]:
    """Return error and magnitude below some sites from those above them."""
    for site in reversed(sites):
        if site.branches:
            shared = _limit_below(site.sum, error, size, gamma_value)
            sides = [
                _limit(branch, shared[0][:, k], shared[1][:, k], gamma_value)
                for k, branch in enumerate(site.branches)
            ]
            error, size = sides[0][0] + sides[1][0], sides[0][1] + sides[1][1]
        elif isinstance(site.layer, Linear):
            error, size = _limit_below(site, error, size, gamma_value)
        elif site.selected is not None:
            selected, shape = site.selected, site.input.shape[1:]
            error, size = (Selection.pullback(v, selected, shape) for v in (error, size))
        else:
            error, size = (v.reshape(site.input.shape) for v in (error, size))
    return error, size


def _limit_below(site: Site, error: Array, size: Array, gamma_value: float) -> tuple[Array, Array]:
    """Return error and magnitude below one linear layer."""
    layer = site.layer
    assert isinstance(layer, Linear)
    a = np.abs(site.input)
    total = layer.apply(a, Weights.POSITIVE)
    some = total > 0
    safe = np.where(some, total, 1)
    spread = 1 + np.where(some, applied(layer, a) / safe, 0)
    spread = np.where(spread <= gamma_value / 2, spread, np.inf)
    added = np.where(some & (size + error > 0), (size + error) * spread, 0) / safe
    kept, share = (np.where(some, v, 0) / safe for v in (size, error))
    from_above, from_here, below = (
        pulled_back(layer, v, site.input, weights)
        for v, weights in (
            (share, Weights.POSITIVE),
            (added, Weights.PLAIN),
            (kept, Weights.POSITIVE),
        )
    )
    arriving = from_above + 2 * from_here / gamma_value
    return a * np.where(a > 0, arriving, 0), a * below
