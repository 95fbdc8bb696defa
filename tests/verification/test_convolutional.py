"""Theorems on convolutional networks: the subjects, the checks, and what they must refute."""

import pickle

import numpy as np
import pytest

from alignment_theory import (
    GuidedBackprop,
    LeakyRelu,
    Network,
    RectGrad,
    Relu,
    Residual,
    ZPlus,
    attribute,
)
from alignment_theory.explicit import combined_weight
from alignment_theory.layers import BatchNorm, Conv2d, Dense, Flatten, Linear, MaxPool2d
from alignment_theory.verification.alignment_floors import (
    alignment_floor,
    cascade,
    proportional_steps,
)
from alignment_theory.verification.bounds import filtered_steps, nfr_sign, norms
from alignment_theory.verification.checks import STANDARD
from alignment_theory.verification.comparisons import judge_comparisons
from alignment_theory.verification.contraction import contraction, zplus_operators
from alignment_theory.verification.convolutional import convolutional_subjects, vgg16_subjects
from alignment_theory.verification.experiments.convolutional import CHECKS, KINDS, VARIANTS
from alignment_theory.verification.identities import lrp0, zplus_family
from alignment_theory.verification.passages import passages
from alignment_theory.verification.subjects import Subject, with_nonnegative_upper_weights
from alignment_theory.verification.verdict import Outcome

ON_VGG = [check for check in CHECKS if "VGG16" in check.setting]
SMALL = [check for check in CHECKS if not check.on_digits and check not in ON_VGG]
QUICK = ("zplus-family", "monotone-net", "nfr-sign", "optimal-filter")


def name(check):
    return f"{check.theorem.id}, {check.setting}"


def test_every_kind_of_layer_is_there():
    drawn = convolutional_subjects(np.random.default_rng(0), leaky=True, bias=0.3)
    kinds = {type(layer).__name__ for s in drawn for layer in s.network.all_layers}
    assert kinds == {
        *("Conv2d", "Dense", "BatchNorm", "AvgPool2d", "AdaptiveAvgPool2d", "MaxPool2d"),
        *("Relu", "LeakyRelu", "Residual", "Flatten"),
    }
    convolutions = [x for s in drawn for x in s.network.all_layers if isinstance(x, Conv2d)]
    assert {c.groups for c in convolutions} == {1, 2}
    assert {c.windows.stride for c in convolutions} == {(1, 1), (2, 2)}
    assert {c.windows.dilation for c in convolutions} == {(1, 1), (2, 2)}
    assert any(c.windows.padded for c in convolutions)
    assert not any(s.bias_free for s in drawn) and all(s.convolutional for s in drawn)


def test_networks_are_what_was_asked_for():
    for subject in convolutional_subjects(np.random.default_rng(1), nonnegative=True):
        assert subject.bias_free
        trace = subject.network.forward(subject.inputs)
        assert not any(isinstance(layer, LeakyRelu) for layer in subject.network.all_layers)
        for passage in passages(attribute(trace, rule=ZPlus())):
            if isinstance(passage.site.layer, Linear):
                assert (passage.site.input >= 0).all(), passage.site.layer
    signed = convolutional_subjects(np.random.default_rng(1), signed=True)
    assert all(subject.inputs.min() < 0 for subject in signed)


def test_upper_weights_are_nonnegative_inside_residuals_too():
    for subject in convolutional_subjects(np.random.default_rng(2)):
        changed = with_nonnegative_upper_weights(subject).network.all_layers
        weights = [layer.weight for layer in changed if hasattr(layer, "weight")]
        assert (weights[0] < 0).any() and all((w >= 0).all() for w in weights[1:])


def test_the_digits_networks_and_vgg16_are_judged_on_every_theorem():
    assert {check.theorem.id for check in ON_VGG} == {kind.theorem.id for kind in KINDS}
    on_digits = {check.theorem.id for check in CHECKS if check.on_digits}
    assert on_digits == {kind.theorem.id for kind in KINDS}
    (vgg,) = vgg16_subjects(np.random.default_rng(0))
    convolutions = [x for x in vgg.network.layers if isinstance(x, Conv2d)]
    assert len(convolutions) == 13 and vgg.network.dtype == np.float64


def residual_net():
    """x = (1, 2) has the body relu(2 x_1 - x_2, x_2) = (0, 2) and the sum (1, 4)."""
    body = [Dense([[2.0, -1.0], [0.0, 1.0]]), Relu()]
    return Network([Residual(body), Relu(), Dense([[1.0, 3.0]])], (2,))


def test_passages_by_hand():
    run = attribute(residual_net(), np.array([[1.0, 2.0]]), rule=GuidedBackprop())
    kinds = [type(one.site.layer).__name__ for one in passages(run)]
    assert kinds == ["Dense", "Relu", "Sum", "Relu", "Dense"]
    _, _, total, _, lowest = passages(run)
    assert total.filtered and lowest.filtered
    assert total.above.tolist() == [[1, 3]] and total.below.tolist() == [[[1, 3], [1, 3]]]
    assert lowest.above.tolist() == [[0, 3]] and lowest.below.tolist() == [[0, 3]]


def places(steps, end=""):
    """Return below which layers there are steps, or comparisons whose labels end so."""
    labels = [step.label for step in steps if step.label.endswith(end)]
    return {int(label.removesuffix(end).rsplit(" ", 1)[1]) for label in labels}


def test_steps_below_switches_pooled_normalised_and_inside_residuals():
    weight, norm = -np.ones((2, 1, 1, 1)), BatchNorm([1.0, -2.0], np.zeros(2))
    body = [Conv2d(np.ones((2, 2, 1, 1))), Relu(), Conv2d(np.ones((2, 2, 1, 1)))]
    layers = [Conv2d(weight), norm, MaxPool2d(2), Relu(), Residual(body), Relu()]
    net = Network([*layers, Flatten(), Dense(np.ones((1, 8)))], (1, 4, 4))
    subjects = [Subject("all kinds", net, np.random.default_rng(7).uniform(size=(3, 1, 4, 4)))]
    rules = [GuidedBackprop()]
    first, second, total, inner = 0, 1, 4, 5
    assert places(filtered_steps(subjects, rules)) == {second, total, inner}
    assert places(nfr_sign(subjects, rules=rules), ", <g, a>") == {first, second, total, inner}
    assert places(proportional_steps(subjects)) == {total, inner}
    assert places(proportional_steps(subjects, most=16 * 8)) == {total, inner}
    assert places(proportional_steps(subjects, most=16 * 8 - 1)) == {inner}


def test_a_layer_that_stands_at_two_sizes_has_two_matrices():
    conv = Conv2d([[[[1.0, -0.5], [0.25, 1.0]]]])
    layers = [conv, Relu(), MaxPool2d(2), conv, Relu(), Flatten(), Dense(np.ones((2, 1)))]
    images = np.random.default_rng(9).uniform(size=(40, 1, 5, 5))
    subject = Subject("one convolution", Network(layers, (1, 5, 5)), images)
    found = [*alignment_floor([subject]), *cascade([subject])]
    assert judge_comparisons("", "", found).outcome is Outcome.HOLDS


@pytest.mark.parametrize("check", SMALL, ids=name)
def test_checks_hold_and_are_sharp(check):
    verdict = check.run(3, STANDARD)
    assert verdict.outcome is Outcome.HOLDS, verdict


@pytest.mark.parametrize(
    "check", [c for c in ON_VGG if c.theorem.id in QUICK], ids=lambda c: c.theorem.id
)
def test_vgg16_holds(check):
    verdict = check.run(3, STANDARD)
    assert verdict.outcome is Outcome.HOLDS, verdict


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=name)
@pytest.mark.parametrize("seed", range(5))
def test_everything_holds_over_five_seeds(check, seed):
    if not check.on_digits:
        assert check.run(seed, STANDARD).outcome is Outcome.HOLDS


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_planted_errors_are_caught(variant):
    verdict = variant.run(3, STANDARD)
    assert variant.caught(verdict) and verdict.witness, verdict


def test_everything_can_be_sent_to_processes():
    for item in (*CHECKS, *VARIANTS):
        pickle.loads(pickle.dumps(item))


@pytest.mark.parametrize("signed", [False, True])
def test_operators_are_those_of_the_engine(signed):
    rng = np.random.default_rng(4)
    for subject in convolutional_subjects(rng, signed=signed, leaky=True, bias=0.3):
        trace = subject.network.forward(subject.inputs)
        product = combined_weight(attribute(trace, rule=ZPlus(), seed="unit"))
        for sample in range(2):
            ours = np.linalg.multi_dot(zplus_operators(trace, sample))
            assert np.allclose(ours, product[sample], rtol=1e-11, atol=0)


def test_operators_below_a_large_one_in_the_middle_are_left_out():
    weights = [np.ones(shape) for shape in ((5, 3), (6, 5), (4, 6))]
    trace = Network.mlp(weights).forward(np.ones((1, 3)))
    assert len(zplus_operators(trace, 0, most=29)) == 1
    assert len(zplus_operators(trace, 0, most=30)) == 3


def test_lrp0_is_compared_at_every_layer():
    (subject, *_) = convolutional_subjects(np.random.default_rng(8))
    found = list(lrp0([subject], by_layer=True))
    layers = range(len(subject.network.layers))
    for words in ("LRP-0", "DeepLIFT"):
        assert [one.label for one in found if words in one.label] == [
            f"{subject.name}, layer {k}: {words}" for k in layers
        ]
    assert judge_comparisons("", "", found).outcome is Outcome.HOLDS


def test_operators_below_a_large_one_are_left_out():
    subject = convolutional_subjects(np.random.default_rng(5))[0]
    trace = subject.network.forward(subject.inputs)
    assert len(zplus_operators(trace, 0)) == 5
    assert len(zplus_operators(trace, 0, most=24 * 54)) == 2
    whole = contraction(trace)
    for part, all_ in zip(contraction(trace, most=24 * 54), whole, strict=True):
        assert part.bound >= all_.bound
        live = ~np.isnan(part.distances) & np.isfinite(part.bound)
        assert (part.distances[live] <= part.bound * (1 + 1e-9)).all()


def test_a_unit_without_relevance_hands_down_the_error_it_meets():
    """Of R(γ) and R(z⁺) at x_1: two negative weights in a row, only through 1/γ² reached."""
    upper = [[1.0, -1.0]]
    net = Network([Dense([[1.0, 1.0], [-1.0, 2.0]]), Relu(), Dense(upper)], (2,))
    subject = Subject("negative twice", net, np.array([[1.0, 1.5]]))
    assert not judge_comparisons("", "", zplus_family([subject])).witness


def inner_at_input(subjects, rule):
    """Return cos(g, a) at the input of each subject, for the least output of each sample."""
    found = []
    for subject in subjects:
        trace = subject.network.forward(subject.inputs)
        run = attribute(trace, rule=rule, target=trace.output.argmin(axis=1))
        g, a = (v.reshape(len(v), -1) for v in (run.batched[0], subject.inputs))
        size = norms(g) * norms(a)
        found += list((g * a).sum(axis=1)[size > 0] / size[size > 0])
    return np.array(found)


def test_a_residual_as_a_whole_may_point_away_under_rectgrad_and_not_under_guided_backprop():
    """Why the sum is a layer of `nfr-sign` and the residual is not.

    <g, a> of the body falls where RectGrad drops positive terms, and then that of the shortcut, of
    any sign, can outweigh it. Guided Backprop drops negative ones only.
    """
    rng = np.random.default_rng(6)
    subjects = []
    for _ in range(40):
        first, second = rng.standard_normal((60, 6)), rng.standard_normal((6, 60)) / 8
        last = rng.standard_normal((6, 6))
        body = [Dense(first), Relu(), Dense(second)]
        net = Network([Residual(body), Relu(), Dense(last)], (6,))
        subjects.append(Subject("residual", net, rng.uniform(-1, 1, (8, 6))))
    guided = inner_at_input(subjects, GuidedBackprop())
    assert len(guided) > 150 and guided.min() > -1e-12
    assert inner_at_input(subjects, RectGrad(98)).min() < -0.1
