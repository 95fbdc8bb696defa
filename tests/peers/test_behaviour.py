"""What the installed zennit and captum do where ours does otherwise, each worked by hand."""

import warnings

import numpy as np
import pytest
from installed import peers

from alignment_theory import (
    AlphaBeta,
    BatchNorm,
    Dense,
    Epsilon,
    EpsilonPlus,
    Flatten,
    Gradient,
    GuidedBackprop,
    LeakyRelu,
    MaxPool2d,
    Network,
    Relu,
    Residual,
    ZPlus,
    attribute,
    dialect,
    fold_batch_norm,
)

pytestmark = pytest.mark.peers
Z, C = 1e-6, 1e-9
"""What zennit and captum add to denominators."""
ROUNDED = {"rel": 16 * float(np.finfo(np.float64).eps), "abs": 0}
"""No number here takes more than 16 operations, on either side, and nothing rounded cancels."""


def tensor(values):
    return peers().torch.tensor(values, dtype=peers().torch.float64)


def dense(weight, bias=None):
    """Return a dense layer of theirs."""
    weight = tensor(weight)
    layer = peers().nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.weight.data = weight
    if bias is not None:
        layer.bias.data = tensor(bias)
    return layer


def stack(*modules):
    return peers().nn.Sequential(*modules).double().eval()


def captum(method, model, x, target=0, **settings):
    """Return captum's attribution and the texts of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        inputs = tensor(x).requires_grad_()
        found = method(model).attribute(inputs, target=target, **settings)
    return found.detach().numpy(), [str(warning.message) for warning in caught]


def zennit(composite, model, x):
    """Return zennit's relevance for 1 on the only output, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with peers().za.Gradient(model=model, composite=composite) as attributor:
            _, found = attributor(tensor(x), tensor([[1.0]]))
    return found.detach().numpy(), [str(warning.message) for warning in caught]


def test_captum_deletes_the_users_rules_and_the_second_call_differs():
    """x = (-1, 2), W = (-3, 1), z = 5, W⁺x = 2 of x⁺: α1β0 gives (0, 5), ε gives (3, 2)."""
    model = stack(dense([[-3, 1]]))
    model[0].rule = peers().lrp.Alpha1_Beta0_Rule()
    first, _ = captum(peers().ca.LRP, model, [[-1, 2]])
    assert not hasattr(model[0], "rule")
    second, texts = captum(peers().ca.LRP, model, [[-1, 2]])
    assert first[0] == pytest.approx([0, 5 * 2 / (2 + C)], **ROUNDED)
    assert second[0] == pytest.approx(np.array([3, 2]) * 5 / (5 + C), **ROUNDED)
    assert not [text for text in texts if "rule" in text]


def test_captums_alpha1_beta0_does_not_split_inputs_by_sign():
    """The same layer: contributions 3 and 2, of which z⁺ and zennit keep both."""
    model = stack(dense([[-3, 1]]))
    found, _ = zennit(peers().zc.EpsilonPlus(), model, [[-1, 2]])
    linear = [(peers().nn.Linear, peers().zr.ZPlus())]
    split, _ = zennit(peers().zc.LayerMapComposite(linear), model, [[-1, 2]])
    assert split[0] == pytest.approx([3 / (5 + Z), 2 / (5 + Z)], **ROUNDED)
    assert found[0] == pytest.approx(split[0], **ROUNDED)  # ε at a dense layer, z = 5
    net = Network([Dense([[-3.0, 1.0]])])
    mine = attribute(net, [-1, 2], rule=ZPlus(), seed=[1.0]).relevance
    assert mine == pytest.approx([0.6, 0.4], **ROUNDED)


def test_captum_refuses_layers_that_ours_knows():
    nn, lrp = peers().nn, peers().ca.LRP

    class OwnLinear(nn.Linear):
        pass

    for module in (nn.Flatten(), nn.Identity(), nn.LeakyReLU(), nn.BatchNorm1d(2), OwnLinear(2, 2)):
        with pytest.raises(TypeError, match="has no rule defined"):
            captum(lrp, stack(module, dense([[1, 1]])), [[1, 1]])
    with pytest.raises(TypeError, match="has no rule defined"):
        captum(lrp, stack(nn.Conv1d(1, 1, 1)), [[[1.0]]], target=(0, 0))
    shared = dense([[1, 0], [0, 1]])
    with pytest.raises(RuntimeError, match="used more than once"):
        captum(lrp, stack(shared, nn.ReLU(), shared), [[1, 1]])
    kept = Dense([[1.0, 0.0], [0.0, 1.0]])
    norm = BatchNorm([1.0, 1.0], [0.0, 0.0])
    net = Network([Flatten(), kept, LeakyRelu(0.1), norm, kept], (2,))
    assert attribute(net, [1.0, 2.0], rule=Epsilon(0.0), target=1).relevance.tolist() == [0, 2]


def test_a_functional_relu_is_not_seen():
    """z = (1, 5), R = (1, -1): guided backprop keeps the first, W⁻ of the second is let through."""

    class Functional(peers().nn.Module):
        def __init__(self):
            super().__init__()
            self.lower, self.upper = dense([[1, -1], [2, 1]]), dense([[1, -1]])

        def forward(self, x):
            return self.upper(peers().torch.relu(self.lower(x)))

    ca, gradient = peers().ca, [[-1, -2]]
    assert captum(ca.Saliency, Functional(), [[2, 1]], abs=False)[0].tolist() == gradient
    found, texts = captum(ca.GuidedBackprop, Functional(), [[2, 1]])
    assert found.tolist() == gradient
    assert not [text for text in texts if "functional" in text.lower()]
    found, texts = zennit(peers().zc.GuidedBackprop(), Functional(), [[2, 1]])
    assert found.tolist() == gradient
    assert not texts
    net = Network.mlp([[[1.0, -1.0], [2.0, 1.0]], [[1.0, -1.0]]])
    assert attribute(net, [2, 1], rule=GuidedBackprop()).relevance.tolist() == [1, -1]
    assert attribute(net, [2, 1], rule=Gradient()).relevance.tolist() == gradient[0]


@pytest.mark.parametrize(("value", "passed"), [(0.0, [0, 0, 0, 0]), (1.0, [1, 0, 0, 0])])
def test_max_pooling_goes_to_the_first_of_a_tie_and_captums_zero_takes_everything(value, passed):
    """Above the pool stands one weight, 1, and the bias 1 - value, so that the output is 1."""
    nn = peers().nn

    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool, self.upper = nn.MaxPool2d(2), dense([[1]], [1 - value])

        def forward(self, x):
            return self.upper(self.pool(x).flatten(1))

    image = np.full((1, 1, 2, 2), value).tolist()
    found, _ = captum(peers().ca.LRP, Pooled(), image)
    # ε at the dense layer and at the pool, both of z = 1
    assert found.ravel() == pytest.approx(np.array(passed) / (1 + C) ** 2, **ROUNDED)
    found, _ = zennit(None, Pooled(), image)
    assert found.ravel().tolist() == [1, 0, 0, 0]
    net = Network([MaxPool2d(2), Flatten(), Dense([[1.0]], [1 - value])], (1, 2, 2))
    assert attribute(net, image, rule=Gradient()).relevance.ravel().tolist() == [1, 0, 0, 0]


def test_batch_normalisation_passed_on_turns_relevance_round():
    """z = 2 - 1 = 1, y = -z + 2 = 1: with the scale -1 merged W is (-2, 1), passed on (2, -1)."""
    norm = peers().nn.BatchNorm1d(1, eps=0.0)
    model = stack(dense([[2, -1]], [0]), norm)
    norm.weight.data[:], norm.bias.data[:] = -1, 2
    passed, _ = zennit(peers().zc.EpsilonPlus(), model, [[1, 1]])
    merged, _ = zennit(peers().zc.EpsilonPlus(canonizers=[peers().merged()]), model, [[1, 1]])
    assert passed[0] == pytest.approx(np.array([2, -1]) / (1 + Z), **ROUNDED)
    assert merged[0] == pytest.approx(np.array([-2, 1]) / (1 + Z), **ROUNDED)
    net = Network([Dense([[2.0, -1.0]]), BatchNorm([-1.0], [2.0])])
    for network in (net, fold_batch_norm(net)):
        mine = attribute(network, [1.0, 1.0], rule=Epsilon(0.0))
        assert mine.relevance.tolist() == [-2, 1]
        assert mine.ledger.terms["bias"].sum() == 2


def test_zennits_merged_batch_normalisation_still_divides_by_its_epsilon():
    """f(1) = 1 / √(1 + eps) becomes 1 / (1 + eps)."""
    model = stack(dense([[1]], [0]), peers().nn.BatchNorm1d(1))
    wanted = 1 / np.sqrt(1 + 1e-5)
    assert model(tensor([[1]])).item() == pytest.approx(wanted, **ROUNDED)
    with peers().zc.EpsilonPlus(canonizers=[peers().merged()]).context(model) as merged:
        assert merged(tensor([[1]])).item() == pytest.approx(wanted**2, **ROUNDED)
    net = Network([Dense([[1.0]]), BatchNorm.of([1.0], [0.0], [0.0], [1.0])])
    found = fold_batch_norm(net).forward(np.array([[1.0]])).output
    assert found[0, 0] == pytest.approx(wanted, **ROUNDED)


def test_captum_multiplies_relevance_that_skips_a_block_by_the_activation():
    """x = (3, 1), identity body: the sum (6, 2) gives (6, 2) + (3·6, 1·2), of a logit of 8."""
    nn = peers().nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.upper = dense([[1, 0], [0, 1]]), dense([[1, 1]])

        def forward(self, x):
            return self.upper(self.body(x) + x)

    found, _ = captum(peers().ca.LRP, Block(), [[3, 1]])
    stabilised = np.array([18 + 6 * 3 / (3 + C), 2 + 2 / (1 + C)]) * 8 / (8 + C)
    assert found[0] == pytest.approx(stabilised, **ROUNDED)
    net = Network([Residual([Dense([[1.0, 0.0], [0.0, 1.0]])]), Dense([[1.0, 1.0]])], (2,))
    mine = attribute(net, [3.0, 1.0], rule=Epsilon(0.0))
    assert mine.relevance.tolist() == [6, 2]
    assert not mine.ledger.residual.any()


def test_not_a_number_goes_through_both_without_a_word():
    model = stack(dense([[1, 1]]), peers().nn.ReLU(), dense([[1]]))
    sample = [[float("nan"), 1]]
    found, texts = zennit(peers().zc.EpsilonPlus(), model, sample)
    assert np.isnan(found).all() and not texts
    found, texts = captum(peers().ca.LRP, model, sample)
    assert np.isnan(found).all() and not [text for text in texts if "nan" in text.lower()]


def test_zennit_compares_alpha_less_beta_with_1_exactly():
    with pytest.raises(ValueError, match="alpha - beta must equal 1"):
        peers().zr.AlphaBeta(2.3, 1.3)
    assert AlphaBeta(2.3, 1.3).alpha == 2.3


def test_first_is_the_order_of_definition_in_zennit_and_of_execution_in_ours():
    """W_1 = ((1, 2), (3, 4)), W_2 = (1, 2): theirs is flat at W_2 and ε at W_1."""

    class Unordered(peers().nn.Module):
        def __init__(self):
            super().__init__()
            self.upper, self.lower = dense([[1, 2]]), dense([[1, 2], [3, 4]])

        def forward(self, x):
            return self.upper(peers().torch.relu(self.lower(x)))

    found, _ = zennit(peers().zc.EpsilonPlusFlat(), Unordered(), [[1, 1]])
    lower = np.array([1 / (3 + Z) + 3 / (7 + Z), 2 / (3 + Z) + 4 / (7 + Z)])
    assert found[0] == pytest.approx(lower / (2 + Z), **ROUNDED)
    net = Network.mlp([[[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0]]])
    mine = attribute(net, [1, 1], rule=EpsilonPlus(0.0, flat_first=True), seed=[1.0])
    assert mine.relevance == pytest.approx([0.5, 0.5], **ROUNDED)


def test_captums_relevance_starts_at_the_logit_though_its_docstring_says_1():
    model = stack(dense([[1, 2]]))
    found, _ = captum(peers().ca.LRP, model, [[1, 2]])
    assert found.sum() == pytest.approx(5 * 5 / (5 + C), **ROUNDED)
    assert "sum(relevance)=1" in peers().ca.LRP.attribute.__doc__
    net = Network([Dense([[1.0, 2.0]])])
    assert attribute(net, [1, 2], rule=dialect("captum", "Epsilon")).top.tolist() == [[5]]


@pytest.mark.parametrize(("after_relu", "theirs"), [(True, [3, 0]), (False, [1, 0])])
def test_captums_deeplift_is_complete_at_a_max_pooling_unless_a_relu_stands_before(
    after_relu, theirs
):
    """x = (3, 1), x' = (0, 2), pooled 3 and 2, Δ = 1: the winner's multiplier 1 gives 3."""
    nn = peers().nn
    model = stack(*[nn.ReLU()] * after_relu, nn.MaxPool2d((1, 2)), nn.Flatten())
    found, _ = captum(peers().ca.DeepLift, model, [[[[3, 1]]]], baselines=tensor([[[[0, 2]]]]))
    assert found.ravel().tolist() == theirs
    net = Network([*[Relu()] * after_relu, MaxPool2d((1, 2)), Flatten()], (1, 1, 2))
    mine = attribute(net, [[[3.0, 1.0]]], rule=dialect("captum", "DeepLift", [[[0.0, 2.0]]]))
    assert mine.relevance.ravel().tolist() == [3, 0]
