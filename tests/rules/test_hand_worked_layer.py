"""Relevance rules at one signed layer with bias, every number worked out by hand.

    x = (2, -1)    W = (1 2; -1 3)    b = (1, -2)    arriving relevance R = (3, 10)

Unit 0: contributions 2·1 = 2 and -1·2 = -2, sum 0, z = 0 + 1 = 1; positive part 2, negative -2.
Unit 1: contributions 2·(-1) = -2 and -1·3 = -3, sum -5, z = -5 - 2 = -7; no positive part.
With s_j = R_j / (stabilised denominator), R_i = Σ_j (contribution of i to j) · s_j.
"""

from fractions import Fraction

import numpy as np
import pytest

from alignment_theory import (
    LRP0,
    AlphaBeta,
    Dense,
    Epsilon,
    Flat,
    Gamma,
    Network,
    WSquare,
    ZBox,
    ZPlus,
    attribute,
)
from alignment_theory.rounding import relevance_bounds

WEIGHT, BIAS, INPUT, ABOVE = [[1, 2], [-1, 3]], [1, -2], [2, -1], [3, 10]


def half(numerator, denominator=2):
    return Fraction(numerator, denominator)


CASES = {
    # denominators 1, -7; s = 3, -10/7
    "lrp0": (LRP0(), "62/7 -12/7", {"bias": "41/7"}),
    # denominators 1+1, -7-1; s = 3/2, -5/4
    "epsilon": (Epsilon(1), "11/2 3/4", {"bias": "4", "stabiliser": "11/4"}),
    # 0+1, -5-1; s = 3, -5/3: sgn(0) = +1
    "epsilon, no bias": (Epsilon(1, "none"), "28/3 -1", {"stabiliser": "14/3"}),
    # unit 0 is empty, s1 = -2
    "lrp0, no bias": (Epsilon(0, "none"), "4 6", {"empty denominator": "3"}),
    # |1| < 2 becomes 2, -7 stays; s = 3/2, -10/7
    "clip": (Epsilon(2, stabiliser="clip"), "41/7 9/7", {"bias": "61/14", "stabiliser": "3/2"}),
    # 0 becomes 1/2, -5 stays; s = 6, -2
    "exact zeros": (Epsilon(half(1), "none", "exact zeros"), "16 -6", {"stabiliser": "3"}),
    # 0+1, -5+1; s = 3, -5/2
    "add": (Epsilon(1, "none", "add"), "11 3/2", {"stabiliser": "1/2"}),
    # 0+5, -5+5: the stabiliser itself can empty a denominator; s = 3/5, none
    "add to 0": (
        Epsilon(5, "none", "add"),
        "6/5 -6/5",
        {"stabiliser": "3", "empty denominator": "10"},
    ),
    # unit 0: s = 3/2 on the contribution 2; unit 1 has no positive part
    "z+": (ZPlus(), "3 0", {"empty denominator": "10"}),
    # a W+: unit 0: 2 and -2, empty; unit 1: 0 and -3, s = -10/3
    "z+, whole input": (ZPlus(split_input=False), "0 10", {"empty denominator": "3"}),
    # b+ = 1, 0: denominators 3, 0
    "z+, b+": (ZPlus(bias="modified"), "2 0", {"bias": "1", "empty denominator": "10"}),
    # b = 1, -2: denominators 3, -2; all of unit 1 goes to the bias
    "z+, b": (ZPlus(bias="plain"), "2 0", {"bias": "11"}),
    # 6/2 on 2; -3/-2 on -2; -10/-5 on -2 and -3; α·10 meets no positive part
    "αβ 2 1": (AlphaBeta(), "2 -9", {"empty denominator": "20"}),
    "αβ 1 0": (AlphaBeta(1, 0), "3 0", {"empty denominator": "10"}),
    # (9/2)/2 on 2; (-3/2)/-2 on -2; -5/-5 on -2 and -3; (3/2)·10 is lost
    "αβ 3/2 1/2": (AlphaBeta(half(3), half(1)), "5/2 -9/2", {"empty denominator": "15"}),
    # b+ = 1, 0 and b- = 0, -2: 6/3 on 2; -3/-2 on -2; -10/-7 on -2 and -3
    "αβ, b+ and b-": (
        AlphaBeta(bias="modified"),
        "8/7 -51/7",
        {"bias": "-6/7", "empty denominator": "20"},
    ),
    # b in both: 6/3 on 2; 20/-2 on nothing; -3/(-2+1) = 3 on -2; -10/-7 on -2 and -3
    "αβ, b": (AlphaBeta(bias="plain"), "8/7 -72/7", {"bias": "155/7"}),
    # W + W+ = (2 4; -1 6), b + b+ = (2, -2): sums 0, -8, denominators 2, -10; s = 3/2, -1
    "γ 1": (Gamma(1), "8 0", {"bias": "5"}),
    # denominators 0+1, -8-2; s = 3, -1
    "γ 1, b": (Gamma(1, bias="plain"), "14 -6", {"bias": "5"}),
    # denominators 0 (empty), -8; s1 = -5/4
    "γ 1, no bias": (Gamma(1, bias="none"), "5/2 15/2", {"empty denominator": "3"}),
    # W + W+/2 = (3/2 3; -1 9/2), b + b+/2 = (3/2, -2): sums 0, -13/2; s = 2, -20/17
    "γ 1/2": (Gamma(half(1)), "142/17 -12/17", {"bias": "91/17"}),
    # z0 > 0: 2·(1+1) = 4, -1·(2+0) = -2, b + b+ = 2: s = 3/4;
    # z1 < 0: 2·(-1-1) = -4, -1·(3+3) = -6, b + b- = -4: s = -5/7
    "γ 1 generalised": (Gamma(1, True), "41/7 39/14", {"bias": "61/14"}),
    # 4 - 2 + 1 = 3: s = 1;   -4 - 6 - 2 = -12: s = -5/6
    "γ 1 generalised, b": (Gamma(1, True, bias="plain"), "22/3 3", {"bias": "8/3"}),
    # W² = (1 4; 1 9): sums 5, 10; s = 3/5, 1
    "w²": (WSquare(), "8/5 57/5", {}),
    # b² = 1, 4: 6, 14; s = 1/2, 5/7
    "w², b²": (WSquare(bias="modified"), "17/14 59/7", {"bias": "47/14"}),
    "flat": (Flat(), "13/2 13/2", {}),
    # 2+1, 2+1 with ε = 1: s = 1, 10/3
    "flat, ε": (Flat(1), "13/3 13/3", {"stabiliser": "13/3"}),
    # x - low = 4, 1 where W > 0, x - high = -1, -4 where W < 0: (4 2; 1 3), s = 1/2, 5/2
    "box": (ZBox(-2, 3), "9/2 17/2", {}),
    # at the corner (2 0; 0 0): s0 = 3/2, unit 1 is empty
    "box corner": (ZBox([0, -1], [2, 0]), "3 0", {"empty denominator": "10"}),
}


def fractions(text):
    return [Fraction(word) for word in text.split()]


def exact(values):
    return np.array([[Fraction(v) for v in row] for row in values], dtype=object)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [object, np.float64, np.float32])
def test_relevance_and_losses(case, dtype):
    rule, below, losses = CASES[case]
    layer = Dense(exact(WEIGHT), [Fraction(b) for b in BIAS]).astype(dtype)
    result = attribute(Network([layer]), INPUT, rule=rule, seed=ABOVE)
    lost = {name: terms[0, 0] for name, terms in result.ledger.terms.items() if terms[0, 0] != 0}
    expected = {name: Fraction(amount) for name, amount in losses.items()}
    if dtype is object:
        assert result.relevance.tolist() == fractions(below)
        assert lost == expected
    else:
        bound = np.minimum(relevance_bounds(result)[0][0], 1e-3)  # infinite where S is empty
        assert (np.abs(result.relevance - np.array(fractions(below), float)) <= bound).all()
        assert lost == pytest.approx({k: float(v) for k, v in expected.items()}, rel=1e-5)
    assert sum(fractions(below)) + sum(expected.values()) == sum(ABOVE)


def test_generalised_gamma_passes_nothing_on_at_zero():
    """With b = (0, -2) unit 0 has z = 0; unit 1 is as above, s = -5/7."""
    net = Network([Dense(exact(WEIGHT), [Fraction(0), Fraction(-2)])])
    result = attribute(net, INPUT, rule=Gamma(1, generalised=True), seed=ABOVE)
    assert result.relevance.tolist() == fractions("20/7 30/7")
    assert result.ledger.terms["empty denominator"].tolist() == [[3]]
    assert result.ledger.terms["bias"].tolist() == [[Fraction(20, 7)]]


def test_no_positive_and_no_negative_part():
    """Only positive contributions: R = 1 gives α = 2. Only negative: -β = -1. Neither: 0."""
    for weight, below, lost in (([2, 1], 2, -1), ([-2, -1], -1, 2), ([0, 0], 0, 1)):
        net = Network([Dense(exact([weight]))])
        result = attribute(net, [1, 2], rule=AlphaBeta(), seed=[1])
        assert result.relevance.sum() == below
        assert result.ledger.terms["empty denominator"].tolist() == [[lost]]


def test_box_of_zero_width_is_empty():
    result = attribute(Network([Dense(exact(WEIGHT))]), [2, 2], rule=ZBox(2, 2), seed=ABOVE)
    assert result.relevance.tolist() == [0, 0]
    assert result.ledger.terms["empty denominator"].tolist() == [[13]]
