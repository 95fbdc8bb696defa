"""How often does each kind of check refute a true claim? (minutes; marker ``slow``)."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from alignment_theory.ensembles import Sphere
from alignment_theory.verification import bounds, identities
from alignment_theory.verification.chains import Chain
from alignment_theory.verification.judge import judge_comparisons, judge_law, judge_means
from alignment_theory.verification.layer_laws import (
    OneLayer,
    curve_draw,
    curve_sample,
    isotropic_draw,
    isotropic_samples,
)
from alignment_theory.verification.subjects import random_subjects
from alignment_theory.verification.trials import gather
from alignment_theory.verification.verdict import Outcome

REPLICATES = 1000
ALPHA = 0.05
LEAST_MARGIN = 1e-9


def identity(seed):
    """All identities' evidence on two fresh networks."""
    subjects = random_subjects(np.random.default_rng(seed), count=2)
    evidence = (
        *identities.piecewise_linear(subjects),
        *identities.combined_weights(subjects),
        *identities.lrp0(subjects),
        *identities.conservation(subjects),
        *identities.homogeneity(subjects),
        *identities.zplus_family(subjects),
    )
    return judge_comparisons("", "", evidence)


def bound(seed):
    subjects = random_subjects(np.random.default_rng(seed), count=6)
    return judge_comparisons("", "", bounds.nfr_sign(subjects))


def exact_law(seed):
    p_values = gather(Chain((6, 8, 7, 5)).draw, np.random.SeedSequence(seed), 60).ravel()
    return judge_law("", "", "", p_values, coarsest=1.0, alpha=ALPHA)


def mean(seed):
    """Margin next to 0, so that FAILS means that the interval misses the true mean."""
    inputs, across = np.array([1.0, 2.0, 2.0]), np.array([2.0, 1.0, -2.0]) / 3
    layer = OneLayer(inputs, 100, Sphere())
    draws = gather(isotropic_draw(layer, across), np.random.SeedSequence(seed), 150)
    samples = isotropic_samples(layer, "sphere", draws, LEAST_MARGIN)
    return judge_means("", "", "", samples, alpha=ALPHA)


def limit(seed):
    inputs = np.linspace(0.1, 1.0, 40)
    draw = curve_draw(OneLayer(inputs, 40), ["cascade"])
    draws = gather(draw, np.random.SeedSequence(seed), 200)
    sample = curve_sample("cascade", (40, 40), draws[:, 0], LEAST_MARGIN)
    return judge_means("", "", "", [sample], alpha=ALPHA)


CHECKS: dict[str, tuple[Callable, float]] = {
    "identity": (identity, 0.0),
    "bound": (bound, 0.0),
    "exact law": (exact_law, ALPHA),
    "mean": (mean, ALPHA),
    "limit": (limit, ALPHA),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHECKS)
def test_false_alarms_stay_within_the_stated_rate(kind, record_property, capsys):
    """At most the 1 - 1e-6 quantile of the binomial count; none where rounding is bounded."""
    check, rate = CHECKS[kind]
    outcomes = [check(seed).outcome for seed in range(REPLICATES)]
    alarms = outcomes.count(Outcome.FAILS)
    with capsys.disabled():
        print(f"\n{kind}: {alarms} false alarms in {REPLICATES} (stated rate {rate})")
    record_property("false_alarms", alarms)
    assert Outcome.VACUOUS not in outcomes
    assert alarms <= (binom.isf(1e-6, REPLICATES, rate) if rate else 0)
