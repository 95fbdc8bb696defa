"""How relevance crosses a max pooling, and RectGrad's padding trick: by hand."""

from fractions import Fraction

import numpy as np
import pytest

from alignment_theory import (
    AlphaBeta,
    Conv2d,
    Epsilon,
    GuidedBackprop,
    MaxPool2d,
    Network,
    Pooling,
    RectGrad,
    ZPlus,
    attribute,
)

PAIR = Network([MaxPool2d((1, 2))], (1, 1, 2))


def crossed(rule, values, seed):
    result = attribute(PAIR, [[values]], rule=rule, seed=[[[seed]]])
    return result.relevance.ravel().tolist(), result.ledger


@pytest.mark.parametrize(
    ("pooling", "below"),
    [("winner", [0, 4]), ("proportional", [1, 3]), ("uniform", [2, 2])],
)
@pytest.mark.parametrize("kind", [Epsilon, ZPlus, AlphaBeta])
def test_four_units_of_relevance_at_a_window_of_1_and_3(pooling, below, kind):
    found, ledger = crossed(kind(epsilon=0, pooling=pooling), [1, 3], 4.0)
    assert found == below
    assert not any(term.any() for term in ledger.terms.values())


def test_a_window_of_zeros_has_no_proportions():
    found, ledger = crossed(Epsilon(0, pooling="proportional"), [0, 0], 4.0)
    assert found == [0, 0] and ledger.terms["empty denominator"].tolist() == [[4]]


def test_the_redistribution_of_rectgrads_code():
    """a ∘ Pᵀ(g / (P a + 1e-10)), a = (1, 3): Σ a ∘ g is 12 above, and 10 below."""
    found, ledger = crossed(RectGrad(pooling=Pooling.PROPORTIONAL), [1, 3], 4.0)
    share = 2 / (2 + 1e-10)
    rounded = 8 * float(np.finfo(np.float64).eps)  # of 8 operations at most, on either side
    assert found == pytest.approx([share, 3 * share], rel=rounded, abs=0)
    lost = ledger.terms["pooling"].item()
    assert lost == pytest.approx(12 - 10 * share, rel=6 * rounded, abs=0)  # 12, less 10
    assert crossed(RectGrad(), [1, 3], 4.0)[0] == [0, 4]
    assert crossed(GuidedBackprop(), [1, 3], 4.0)[0] == [0, 4]


def test_the_padding_trick_drops_what_saw_the_padding():
    """Of 3 x 3 windows of ones on 3 x 3 pixels only the one in the middle saw none."""
    ones = np.full((1, 1, 3, 3), Fraction(1))
    network = Network([Conv2d(ones, padding=1)], (1, 3, 3))
    result = attribute(network, ones[0], rule=RectGrad(padding_trick=True), seed=ones[0])
    assert (result.relevance == 1).all()
    # Σ z over the border: four corners of 4 and four edges of 6
    assert result.ledger.terms["padding"].tolist() == [[40]]
    plain = attribute(network, ones[0], rule=RectGrad(), seed=ones[0])
    assert plain.relevance[0].tolist() == [[4, 6, 4], [6, 9, 6], [4, 6, 4]]


def test_unknown_choices_name_all():
    with pytest.raises(ValueError, match="'winner', 'proportional', 'uniform'"):
        ZPlus(pooling="mean")
    with pytest.raises(ValueError, match="RectGrad: pooling"):
        RectGrad(pooling="mean")
