"""A theorem of one's own: each kind of claim, right and wrong, and wrong input."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from alignment_theory import Claim, Number, Outcome, Theorem, judge
from alignment_theory.theory import Prediction

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
        ({"margin": 0.0}, "0 < margin < 1"),
        ({"margin": 10}, "0 < margin < 1"),
        ({"trials": 1e3}, "whole numbers"),
        ({"scale": 0.0}, "scale must be positive"),
        ({"sizes": {"n": 10}}, "a list of dictionaries"),
        ({"sizes": [{"n": 1}, {"m": 2}]}, "the same names"),
        ({"sizes": [{"seed": 1}]}, "cannot be named seed"),
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


def outcome_of(claim, evidence, sizes=({"n": 10},), **options):
    return judge(theorem(claim), evidence, sizes, **options).outcome


def test_an_exact_law_is_judged_at_every_size():
    def law(rng, n):
        return rng.random() ** n

    assert outcome_of(Claim.EXACT_LAW, law, [{"n": 1}]) == "HOLDS"
    verdict = judge(theorem(Claim.EXACT_LAW), law, [{"n": 1}, {"n": 5}])
    assert verdict.outcome == "FAILS" and "n = 5" in verdict.quantity
    assert verdict.trials == 40_000 and verdict.how_gathered == "own evidence"


def test_a_buffer_that_is_used_again_does_not_change_the_evidence():
    buffer = np.zeros(5)

    def wrong_but_for_the_last(rng, n):
        buffer[:] = 0.0 if rng.random() < 0.01 else rng.random(5)
        return buffer, np.zeros(5), 0.0

    assert outcome_of(Claim.IDENTITY, wrong_but_for_the_last, trials=200) == "FAILS"


def test_evidence_cannot_change_the_sizes():
    sizes = [{"n": [1, 2]}]

    def greedy(rng, n):
        n.append(3)
        return rng.random(5), np.zeros(5), 0.0

    assert outcome_of(Claim.IDENTITY, greedy, sizes, trials=20) == "FAILS"
    assert sizes == [{"n": [1, 2]}]


@pytest.mark.parametrize(
    ("claim", "value", "message"),
    [
        (Claim.IDENTITY, (1.0, 1.0), "three arrays or numbers"),
        (Claim.IDENTITY, 3.0, "three arrays or numbers"),
        (Claim.IDENTITY, ([1.0, 2.0], [[1.0], [2.0]], 0), "of one shape"),
        (Claim.IDENTITY, (1.0, 1.0, np.nan), "finite rounding bound >= 0"),
        (Claim.IDENTITY, (1.0, 1.0, -1.0), "finite rounding bound >= 0"),
        (Claim.IDENTITY, (np.inf, 1.0, 0), "finite sides"),
        (Claim.BOUND, (np.inf, 1.0, 0), "finite sides"),
        (Claim.IDENTITY, (1 + 1j, 1 - 1j, 0), "trial 0, expected the evidence"),
        (Claim.IDENTITY, (2**53 + 1, 2**53, 0), "that float64 holds exactly"),
        (Claim.IDENTITY, ("1", 1.0, 0), "of numbers"),
        (Claim.MEAN, [0.5, 0.9], "one number a trial"),
        (Claim.MEAN, [], "one number a trial"),
        (Claim.MEAN, "0.5", "n = 10, expected the evidence to return a number"),
        (Claim.MEAN, None, "a number"),
        (Claim.EXACT_LAW, [], "at least one number"),
    ],
)
def test_evidence_of_another_form_is_explained(claim, value, message):
    with pytest.raises(ValueError, match=message):
        judge(theorem(claim), lambda rng, n: value, SIZES, trials=200)


def test_errors_of_the_evidence_tell_where():
    with pytest.raises(ZeroDivisionError) as caught:
        judge(theorem(Claim.MEAN), lambda rng, n: 1 / 0, SIZES)
    assert "at n = 10" in caught.value.__notes__[0]


def test_a_prediction_of_0_needs_a_scale():
    zero = replace(theorem(Claim.MEAN), formula=sp.Eq(sp.Symbol("E u"), sp.Integer(0)))
    with pytest.raises(ValueError, match="predicts 0 at n = 10.* pass scale"):
        judge(zero, lambda rng, n: rng.uniform(-1, 1), SIZES, low=-1.0)
    verdict = judge(zero, lambda rng, n: rng.uniform(-1, 1), SIZES, low=-1.0, scale=1.0)
    assert verdict.outcome == "HOLDS"


def test_constant_predictions_need_no_parameter():
    half = replace(theorem(Claim.MEAN, HALF), parameters=())
    assert judge(half, lambda rng: rng.random()).outcome == "HOLDS"
    assert judge(half, lambda rng: rng.random() ** 2).outcome == "FAILS"


def test_a_remainder_that_leaves_room_for_everything_is_vacuous():
    loose = replace(theorem(Claim.LIMIT), evaluate=lambda n: Prediction(0.9, 5.0))
    verdict = judge(loose, draw, SIZES)
    assert verdict.outcome == "VACUOUS" and "room for every mean" in verdict.witness


def test_a_margin_below_what_can_be_resolved_is_inconclusive():
    assert outcome_of(Claim.MEAN, draw, margin=1e-12, trials=500) == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"claim": "foo"}, "claim must be one of identity, bound"),
        ({"formula": 0.5}, "formula must be a SymPy expression"),
        ({"parameters": PARAMETERS * 2}, "different names"),
    ],
)
def test_fields_of_a_theorem_are_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(theorem(Claim.MEAN), **changes)


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        (0.5, "must return a Prediction, got float"),
        (Prediction(0.5, np.nan), "remainder must be >= 0"),
        (Prediction(0.5, -1.0), "remainder must be >= 0"),
        (Prediction(np.nan), "not finite"),
    ],
)
def test_predictions_are_checked(prediction, message):
    odd = replace(theorem(Claim.LIMIT), evaluate=lambda n: prediction)
    with pytest.raises(ValueError, match=message):
        odd.predict(n=3)
