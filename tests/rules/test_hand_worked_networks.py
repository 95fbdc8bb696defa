"""Two small networks, every step worked out by hand.

SMALL (2-2-1):  W1 = (1 1; 1 -1), W2 = (2 3), x = (1, 2):
    z = (3, -1), a = (3, 0), logit 6.  Unit 1 is dead.
WIDE (2-3-2):   W1 = (1 1; 2 -1; 1/2 1/2), W2 = (1 -1 2; -1 2 1), x = (1, 2):
    z = (3, 0, 3/2), a = (3, 0, 3/2), logits (6, -3/2).  Unit 1 has z exactly 0.
"""

from fractions import Fraction

import numpy as np
import pytest

from alignment_theory import (
    LRP0,
    BetaSmooth,
    Composite,
    Deconvnet,
    DeepLift,
    DeepTaylor,
    Dense,
    Epsilon,
    EpsilonAlpha2Beta1,
    EpsilonGammaBox,
    EpsilonPlus,
    ExcitationBackprop,
    Flat,
    Gradient,
    GuidedBackprop,
    InputTimesGradient,
    IntegratedGradients,
    Network,
    RectGrad,
    Relu,
    WSquare,
    attribute,
)


def exact(rows):
    return np.array([[Fraction(v) for v in row] for row in rows], dtype=object)


def fractions(text):
    return [Fraction(word) for word in text.split()]


SMALL = Network.mlp([exact([[1, 1], [1, -1]]), exact([[2, 3]])])
_WIDE = [Dense(exact([[1, 1], [2, -1], ["1/2", "1/2"]])), Dense(exact([[1, -1, 2], [-1, 2, 1]]))]
WIDE = Network([_WIDE[0], Relu(), _WIDE[1]])
WIDE_OPEN = Network([_WIDE[0], Relu(active_at_zero=True), _WIDE[1]])
X = [1, 2]


SIGNALS = [
    # g = (2, 3), gates (1, 0): 2·(1, 1)
    (SMALL, Gradient(), 0, "2 2"),
    (SMALL, InputTimesGradient(), 0, "2 4"),
    # 2·(1, 1) + 3·(1, -1): the dead unit is open
    (SMALL, Deconvnet(), 0, "5 -1"),
    (SMALL, GuidedBackprop(), 0, "2 2"),
    # g = (1, -1, 2), gates (1, 0, 1): (1, 1) + 2·(1/2, 1/2)
    (WIDE, Gradient(), 0, "2 2"),
    # the tie counts as active: less (2, -1)
    (WIDE_OPEN, Gradient(), 0, "0 3"),
    # g = (-1, 2, 1): -(1, 1) + (1/2, 1/2)
    (WIDE, Gradient(), 1, "-1/2 -1/2"),
    (WIDE, InputTimesGradient(), 1, "-1/2 -1"),
    # max(g, 0) = (0, 2, 1): 2·(2, -1) + (1/2, 1/2)
    (WIDE, Deconvnet(), 1, "9/2 -3/2"),
    # and the mask (1, 0, 1)
    (WIDE, GuidedBackprop(), 1, "1/2 1/2"),
    (WIDE_OPEN, GuidedBackprop(), 1, "9/2 -3/2"),
    # a∘g = (-3, 0, 3/2): the median 0, strictly above it only unit 2
    (WIDE, RectGrad(50), 1, "1/2 1/2"),
]


@pytest.mark.parametrize(("net", "rule", "target", "expected"), SIGNALS)
def test_signals(net, rule, target, expected):
    assert attribute(net, X, rule=rule, target=target).relevance.tolist() == fractions(expected)


class FlatAboveLrp0(Composite):
    """Flat at the output, LRP-0 at the input."""

    def __init__(self, block_dead):
        self.block_dead = block_dead

    def rule_for(self, layer, *, first):
        return Epsilon(0, block_dead=self.block_dead) if first else Flat()


RELEVANCES = [
    # R1 = a∘w = (3, 0, 3); z = 3 and 3/2: (1, 2) + 2·(1/2, 1)
    (WIDE, LRP0(), 0, "3 0 3", "2 4", {}),
    # unit seed: positive part 3 + 3 = 6: R1 = (1/2, 0, 1/2), then thirds
    (WIDE, ExcitationBackprop(), 0, "1/2 0 1/2", "1/3 2/3", {}),
    # positive part 3/2 of unit 2 alone (unit 1 has a = 0)
    (WIDE, ExcitationBackprop(), 1, "0 0 1", "1/3 2/3", {}),
    # z+ gives (3, 0, 3); w² halves each
    (WIDE, DeepTaylor(), 0, "3 0 3", "3 3", {}),
    # x - low = (1, 2): as z+
    (WIDE, DeepTaylor(0, 3), 0, "3 0 3", "2 4", {}),
    # x - low = (2, 3): 3·(2/5, 3/5) twice
    (WIDE, DeepTaylor(-1, 3), 0, "3 0 3", "12/5 18/5", {}),
    # 6/(6+2) = 3/4 of (3, 0, 3); then 3/(3+2) and (3/2)/(3/2+2)
    (WIDE, EpsilonPlus(2), 0, "9/4 0 9/4", "27/35 54/35", {"stabiliser": "129/35"}),
    (WIDE, EpsilonAlpha2Beta1(2), 0, "9/4 0 9/4", "27/35 54/35", {"stabiliser": "129/35"}),
    (WIDE, EpsilonPlus(0, flat_first=True), 0, "3 0 3", "3 3", {}),
    (WIDE, EpsilonAlpha2Beta1(0, flat_first=True), 0, "3 0 3", "3 3", {}),
    # the box at the first layer: (9/4)·(1/3, 2/3) twice
    (WIDE, EpsilonGammaBox(0, 3, 2), 0, "9/4 0 9/4", "3/2 3", {"stabiliser": "3/2"}),
    (
        WIDE,
        EpsilonGammaBox(0, 3, 2, box_dense=False),
        0,
        "9/4 0 9/4",
        "27/35 54/35",
        {"stabiliser": "129/35"},
    ),
    # flat gives the dead unit 3 of 6, which is blocked, or passed on in equal parts
    (SMALL, Flat(), 0, "3 3", "3/2 3/2", {"threshold": "3"}),
    (SMALL, Flat(block_dead=False), 0, "3 3", "3 3", {}),
    # w² = (4, 9)/13 of 6
    (SMALL, WSquare(), 0, "24/13 54/13", "12/13 12/13", {"threshold": "54/13"}),
    (SMALL, WSquare(block_dead=False), 0, "24/13 54/13", "3 3", {}),
    # below a dead unit with z = -1, LRP-0 multiplies by (1, -2)/(-1): (1, 2) + (-3, 6)
    (SMALL, FlatAboveLrp0(True), 0, "3 3", "1 2", {"threshold": "3"}),
    (SMALL, FlatAboveLrp0(False), 0, "3 3", "-2 8", {}),
]


@pytest.mark.parametrize(("net", "rule", "target", "hidden", "expected", "losses"), RELEVANCES)
def test_relevances(net, rule, target, hidden, expected, losses):
    result = attribute(net, X, rule=rule, target=target)
    assert result.relevances[2].tolist() == fractions(hidden)
    assert result.relevance.tolist() == fractions(expected)
    lost = {name: terms.sum() for name, terms in result.ledger.terms.items() if terms.sum() != 0}
    assert lost == {name: Fraction(amount) for name, amount in losses.items()}
    assert sum(fractions(expected)) + sum(lost.values()) == result.top.sum()


# a = relu(4, 1, -1, 0, 2) = (4, 1, 0, 0, 2), g = (1, 5, 3, 2, -1): a∘g = (4, 5, 0, 0, -2),
# in order -2, 0, 0, 4, 5; the place of the q-th percentile is 4 q / 100.
RECTGRAD = [
    (RectGrad(50), "1 5 0 0 0"),  # place 2, τ = 0
    (RectGrad(75), "0 5 0 0 0"),  # place 3, τ = 4
    (RectGrad(75, ties="include"), "1 5 0 0 0"),
    (RectGrad(100), "0 0 0 0 0"),  # τ = 5
    (RectGrad(100, ties="include"), "0 5 0 0 0"),
    (RectGrad(0), "1 5 0 0 0"),  # τ = -2 is raised to 0
    (RectGrad(0, ties="include"), "1 5 0 0 0"),
    (RectGrad(0, floor=False), "1 5 3 2 0"),  # the dead unit and the tie are open
    (RectGrad(0, ties="include", floor=False), "1 5 3 2 -1"),
    (RectGrad(25, floor=False), "1 5 0 0 0"),  # place 1, τ = 0
    (RectGrad(25, ties="include", floor=False), "1 5 3 2 0"),
    (RectGrad(80), "0 5 0 0 0"),  # place 3.2, τ = 4.2
    (RectGrad(80, "lower"), "0 5 0 0 0"),  # τ = 4
    (RectGrad(80, "lower", "include"), "1 5 0 0 0"),
    (RectGrad(80, "higher"), "0 0 0 0 0"),  # τ = 5
    (RectGrad(80, "higher", "include"), "0 5 0 0 0"),
    (RectGrad(80, "nearest"), "0 5 0 0 0"),  # τ = 4
    (RectGrad(80, "midpoint", "include"), "0 5 0 0 0"),  # τ = 4.5
    (RectGrad(90, "nearest"), "0 0 0 0 0"),  # place 3.6, τ = 5
    (RectGrad(90), "0 5 0 0 0"),  # τ = 4.6
    (RectGrad(62.5, "nearest"), "1 5 0 0 0"),  # place 2.5 goes to the even 2, τ = 0
    (RectGrad(87.5, "nearest"), "0 0 0 0 0"),  # place 3.5 goes to the even 4, τ = 5
    (RectGrad(50, magnitude=True), "1 5 0 0 0"),  # 0 0 2 4 5, τ = 2
    (RectGrad(50, ties="include", magnitude=True), "1 5 0 0 -1"),
    (RectGrad(threshold=4), "0 5 0 0 0"),
    (RectGrad(threshold=4, ties="include"), "1 5 0 0 0"),
    (RectGrad(threshold=0), "1 5 0 0 0"),
    (RectGrad(threshold=-1), "1 5 0 0 0"),  # the floor holds for constants too
    (RectGrad(threshold=-1, floor=False), "1 5 3 2 0"),
    (RectGrad(50, times_input=True), "4 5 0 0 0"),  # times x
    (RectGrad.reference_code(0), "4 5 -3 0 0"),  # (1, 5, 3, 2, 0) times x
]


@pytest.mark.parametrize(("rule", "expected"), RECTGRAD)
def test_rectgrad(rule, expected):
    net = Network([Dense(np.eye(5, dtype=int)), Relu()]).astype(object)
    result = attribute(net, [4, 1, -1, 0, 2], rule=rule, seed=[1, 5, 3, 2, -1])
    assert result.relevance.tolist() == fractions(expected)


REFERENCES = [
    # x' = (2, 0): z' = a' = (2, 2); slopes (3-2)/(3-2) = 1, (0-2)/(-1-2) = 2/3; g = (2, 2):
    # 2·(1, 1) + 2·(1, -1) = (4, 0), times x - x' = (-1, 2); f(x) - f(x') = 6 - 10
    (DeepLift([2, 0]), "-4 0"),
    # z' = 0: slopes 1 and 0
    (DeepLift(), "2 4"),
    # x' = (0, 3): z' = (3, -3): Δz = 0 at unit 0, so its mask 1; (2, 2) times (1, -1)
    (DeepLift([0, 3]), "2 -2"),
    (DeepLift([0, 3], tolerance=0), "2 -2"),
    # x' = (0, 1): z' = (1, -1): Δz = 0 at the dead unit 1, so 0
    (DeepLift([0, 1]), "2 2"),
    # |Δz| = 1 and 3 are below 4: the gradient (2, 2) times (-1, 2)
    (DeepLift([2, 0], tolerance=4), "-2 4"),
    # |Δz| = 3 is not below 3
    (DeepLift([2, 0], tolerance=3), "-4 0"),
    # the path z1 = 2 - 3t closes unit 1 at t = 2/3: gradient (5, -1) before, (2, 2) after
    (IntegratedGradients([2, 0], 1, "right"), "-2 4"),  # t = 1
    (IntegratedGradients([2, 0], 1, "midpoint"), "-5 -2"),  # t = 1/2
    (IntegratedGradients([2, 0], 1, "gauss"), "-5 -2"),  # the node 1/2
    (IntegratedGradients([2, 0], 2, "gauss"), "-7/2 1"),  # t = 1/2 -+ 1/√12
    (IntegratedGradients([2, 0], 2, "midpoint"), "-7/2 1"),  # t = 1/4, 3/4
    (IntegratedGradients([2, 0], 4, "right"), "-7/2 1"),  # t = 1/4, 1/2, 3/4, 1
    (IntegratedGradients([2, 0], 3, "midpoint"), "-4 0"),  # t = 1/6, 1/2, 5/6: complete
    (IntegratedGradients([2, 0], 3, "right"), "-3 2"),  # t = 1/3, 2/3 (a tie), 1
]


@pytest.mark.parametrize(("rule", "expected"), REFERENCES)
def test_references(rule, expected):
    assert attribute(SMALL, X, rule=rule).relevance.tolist() == fractions(expected)


def test_beta_smooth():
    """β z = 0, ln 3, -ln 3, ±1e300: sigmoids 1/2, 3/4, 1/4 and, without overflow, 1 and 0."""
    net = Network([Relu()], (5,))
    values = np.array([0, np.log(3), -np.log(3), 1e300, -1e300]) / 2
    result = attribute(net, values, rule=BetaSmooth(2), seed=[1.0, 4, -4, 2, 2])
    assert result.relevance == pytest.approx([0.5, 3, -1, 2, 0], rel=1e-15)
    with pytest.raises(ValueError, match="BetaSmooth at layer 1: the sigmoid of a fraction"):
        attribute(SMALL, X, rule=BetaSmooth())


def test_gradient_ledger_names_bias_and_gates():
    """b1 = (1, 2): z = (4, 1); deconvnet passes g = (2, 3) and R = a∘g = (8, 3).

    Σ R = 11 arrives; c·b = 2·1 + 3·2 = 8 goes to the bias; x∘(W1ᵀc) = (1·5, 2·(-1)) sums to 3.
    With b1 = (1, -1): z = (4, -2): the dead unit takes a·g = 0 and hands c·z = -6 down.
    """
    weights = [exact([[1, 1], [1, -1]]), exact([[2, 3]])]
    open_net = Network.mlp(weights, [[Fraction(1), Fraction(2)], None])
    ledger = attribute(open_net, X, rule=Deconvnet()).ledger
    assert ledger.totals[:, 0].tolist() == [3, 11, 11, 11]
    assert ledger.terms["bias"][:, 0].tolist() == [8, 0, 0]
    dead_net = Network.mlp(weights, [[Fraction(1), Fraction(-1)], None])
    ledger = attribute(dead_net, X, rule=Deconvnet()).ledger
    assert ledger.totals[:, 0].tolist() == [3, 2, 8, 8]
    assert ledger.terms["threshold"][:, 0].tolist() == [0, 6, 0]
    assert ledger.terms["bias"][:, 0].tolist() == [-1, 0, 0]
    assert (ledger.residual == 0).all()
