"""Layers along random directions: what is pushed forward is the explicit matrix's transpose."""

import numpy as np
import pytest

from alignment_theory import attribute
from alignment_theory.explicit import layer_matrix
from alignment_theory.layers import Residual
from alignment_theory.magnitudes import OPERATIONS_PER_TERM, gamma
from alignment_theory.verification.comparisons import judge_comparisons
from alignment_theory.verification.convolutional import convolutional_subjects
from alignment_theory.verification.judged_rules import LAYER_RULES
from alignment_theory.verification.layerwise import pieces, products, pushed
from alignment_theory.verification.passages import passages
from alignment_theory.verification.verdict import Outcome


@pytest.mark.parametrize("rule", LAYER_RULES, ids=lambda rule: rule.name)
def test_pushed_forward_is_the_transpose_of_the_matrix(rule):
    rng = np.random.default_rng(0)
    for subject in convolutional_subjects(rng, leaky=True, bias=0.3)[:5]:
        run = attribute(subject.network, subject.inputs, rule=rule)
        for passage in passages(run):
            assert not isinstance(passage.site.layer, Residual)
            direction = rng.standard_normal(passage.below.shape)
            found, size = (v.reshape(len(direction), -1) for v in pushed(passage, direction))
            matrix = layer_matrix(run, passage.site.index)
            expected = (direction.reshape(len(direction), 1, -1) @ matrix)[:, 0]
            certain = np.isfinite(size) & (size < 1e6)
            assert certain.mean() > 0.9
            terms = matrix.shape[1] + matrix.shape[2] + OPERATIONS_PER_TERM
            bound = 2 * gamma(terms, found.dtype) * size
            assert (np.abs(found - expected) <= bound)[certain].all()


def test_errors_close_to_rounding_are_seen_along_a_direction(monkeypatch):
    """An engine wrong by 1e-11 at every convolution is refuted; the right one is not."""
    subjects = convolutional_subjects(np.random.default_rng(1))
    for evidence in (pieces, products):
        assert judge_comparisons("", "", evidence(subjects)).outcome is Outcome.HOLDS
    conv = type(subjects[0].network.layers[0])
    right = conv.pullback
    monkeypatch.setattr(conv, "pullback", lambda *args: right(*args) * (1 + 1e-11))
    for evidence in (pieces, products):
        assert judge_comparisons("", "", evidence(subjects)).outcome is Outcome.FAILS
