"""What identities allow for beside rounding, by hand: no smaller and no larger than derived."""

import numpy as np

from alignment_theory import LRP0, Dense, Network, Relu, ZPlus, attribute
from alignment_theory.verification.identity_bounds import gamma_limit_bound, smallest_denominator


def test_the_smallest_denominator_is_one_that_relevance_meets():
    """z = (3, 1), (3, -1) and (-2, 0): of the second -1 is dead, of the third all is."""
    net = Network([Dense([[1.0, 1.0], [1.0, -1.0]]), Relu(), Dense([[1.0, 2.0]])])
    zero = attribute(net, np.array([[2.0, 1.0], [1.0, 2.0], [-1.0, -1.0]]), rule=LRP0())
    assert smallest_denominator(zero).tolist() == [1, 3, np.inf]


def test_the_bound_on_the_limit_of_gamma():
    """R = (1, 0) of z⁺ against (1 + 1/γ, -1/γ); |W| a = 2, D = 1: 2 · (1 + 2)/γ for both."""
    net = Network([Dense([[1.0, -1.0]])])
    zplus = attribute(net, np.array([[1.0, 1.0]]), rule=ZPlus(), seed=[1.0])
    assert gamma_limit_bound(zplus, 2.0**40).tolist() == [[6 / 2.0**40] * 2]
    assert gamma_limit_bound(zplus, 4.0).tolist() == [[np.inf] * 2]


def test_errors_of_the_limit_meet_the_layers_below():
    """The error from above is shared out by W⁺, and a unit without relevance has one of its own."""
    limit = 2.0**40
    lower = Dense([[1.0, 1.0], [-1.0, 2.0]])
    net = Network([lower, Relu(), Dense([[1.0, -1.0]])], (2,))
    zplus = attribute(net, np.array([[1.0, 1.0]]), rule=ZPlus(), seed=[1.0])
    # a_1 = (2, 1); the top has D = 2 and |W| a = 3: errors 2 a (1 + 3/2)/2/γ = (5, 2.5)/γ
    upper = np.array([5, 2.5]) / limit
    sizes = np.array([1.0, 0.0]) + upper
    totals, spread = np.array([2.0, 2.0]), np.array([1 + 2 / 2, 1 + 3 / 2])
    from_above = np.array([[1, 1], [0, 2]]).T @ (upper / totals)
    own = 2 * np.array([[1, 1], [1, 2]]).T @ (sizes * spread / totals) / limit
    np.testing.assert_allclose(gamma_limit_bound(zplus, limit)[0], from_above + own, rtol=1e-14)
