"""A theorem of one's own: each kind of claim, right and wrong, and wrong input."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from alignment_theory import Claim, Number, Outcome, Theorem, judge

N = sp.Symbol("n", positive=True)
SIZES = [{"n": 10}, {"n": 40}]


HALF = sp.Rational(1, 2)


def theorem(claim, value=HALF + 1 / N):
    formula = sp.Eq(sp.Symbol("E u"), value)
    return Theorem("mine", "Mine", "E u = 1/2 + 1/n", (), claim, formula, parameters=PARAMETERS)


PARAMETERS = (Number("n", "size", minimum=1),)


def draw(rng, n):
    mean = 0.5 + 1 / n
    return rng.beta(10 * mean, 10 * (1 - mean))


@pytest.mark.parametrize("claim", [Claim.MEAN, Claim.LIMIT])
def test_means_and_limits(claim):
    verdict = judge(theorem(claim), draw, SIZES)
    assert verdict.outcome is Outcome.HOLDS and verdict.theorem == "mine"
    assert verdict.sizes == "n = 10; 40"
    wrong = theorem(claim, sp.Rational(1, 2) + 3 / N)
    assert judge(wrong, draw, SIZES).outcome is Outcome.FAILS


def test_exact_laws():
    law = theorem(Claim.EXACT_LAW)
    assert judge(law, lambda rng, n: rng.random(n), SIZES[:1], margin=0.05).outcome == "HOLDS"
    wrong = judge(law, lambda rng, n: rng.random(n) ** 1.2, SIZES[:1], margin=0.05)
    assert wrong.outcome == "FAILS"


def squares(rng, n):
    """Cauchy-Schwarz: ‖x‖² ‖y‖² >= (x·y)²."""
    x, y = rng.standard_normal((2, n))
    return (x @ x) * (y @ y), (x @ y) ** 2, 1e-12 * (x @ x) * (y @ y)


def test_bounds_and_identities():
    assert judge(theorem(Claim.BOUND), squares, SIZES, trials=200).outcome == "HOLDS"
    verdict = judge(theorem(Claim.IDENTITY), squares, SIZES, trials=200)
    assert verdict.outcome == "FAILS" and "n = 10, trial 0" in verdict.witness


def test_verdicts_depend_on_the_seed():
    first, again, other = (judge(theorem(Claim.MEAN), draw, SIZES, seed=s) for s in (1, 1, 2))
    assert first == again and first.observed != other.observed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sizes": []}, "at least one set of sizes"),
        ({"margin": 0.0}, "margin > 0"),
        ({"trials": 0}, "trials >= 1"),
        ({"seed": -1}, "seed >= 0"),
        ({"high": 0.6}, "expected values in"),
        ({"sizes": [{"m": 3}]}, "unknown parameter m"),
    ],
)
def test_bad_input_is_explained(changes, message):
    arguments = {"sizes": SIZES} | changes
    with pytest.raises(ValueError, match=message):
        judge(theorem(Claim.MEAN), draw, **arguments)


def test_a_formula_whose_symbols_are_no_parameters_is_refused():
    wrong = theorem(Claim.MEAN, 1 / sp.Symbol("m"))
    with pytest.raises(ValueError, match="the formula's m is no parameter"):
        judge(wrong, draw, SIZES)
    with pytest.raises(ValueError, match="form Eq"):
        replace(wrong, formula=sp.Symbol("m")).predict(n=3)


def test_predictions_take_arrays():
    values = theorem(Claim.MEAN).predict(n=np.array([1, 2, 4])).value
    assert values == pytest.approx([1.5, 1.0, 0.75])
