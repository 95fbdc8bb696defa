"""Parameters of rules: what is refused, with which words; names; values of NumPy types."""

import re
from fractions import Fraction
from inspect import isabstract

import numpy as np
import pytest

from alignment_theory import (
    DIALECTS,
    LRP0,
    AlphaBeta,
    BetaSmooth,
    Bias,
    DeepLift,
    DeepTaylor,
    Dense,
    Epsilon,
    EpsilonAlpha2Beta1,
    EpsilonGammaBox,
    EpsilonPlus,
    Flat,
    Gamma,
    Gradient,
    IntegratedGradients,
    Method,
    Network,
    RectGrad,
    Relu,
    SmoothGrad,
    Stabiliser,
    WSquare,
    ZBox,
    ZPlus,
    attribute,
    dialect,
    rules,
)
from alignment_theory.arrays import as_array

RULE_NAMES = [
    name
    for name in rules.__all__
    if isinstance(cls := getattr(rules, name), type)
    and issubclass(cls, Method)
    and not isabstract(cls)
]
NAN, INF = float("nan"), float("inf")
IMAGE = np.zeros((2, 2))

BAD = [
    (lambda: Epsilon(-1e-9), "Epsilon: epsilon must be finite and >= 0, got -1e-09"),
    (lambda: Epsilon(NAN), "Epsilon: epsilon .*got nan"),
    (lambda: Epsilon(INF), "Epsilon: epsilon .*got inf"),
    (lambda: ZPlus(epsilon=-1), "ZPlus: epsilon"),
    (lambda: Flat(-1), "Flat: epsilon"),
    (lambda: WSquare(-1), "WSquare: epsilon"),
    (lambda: ZBox(0, 1, -1), "ZBox: epsilon"),
    (lambda: Gamma(-0.1), "Gamma: gamma must be finite and >= 0, got -0.1"),
    (lambda: Gamma(NAN), "Gamma: gamma .*got nan"),
    (lambda: Gamma(INF), "Gamma: gamma .*got inf"),
    (lambda: Gamma(0.1, epsilon=NAN), "Gamma: epsilon .*got nan"),
    (lambda: AlphaBeta(-1, -2), "AlphaBeta: alpha and beta must be >= 0, got alpha=-1, beta=-2"),
    (lambda: AlphaBeta(0.5, -0.5), "AlphaBeta: alpha and beta must be >= 0"),
    (lambda: AlphaBeta(2, 2), "AlphaBeta: .*alpha - beta = 1, got alpha=2, beta=2"),
    (lambda: AlphaBeta(2.3, 1.30001), "AlphaBeta: .*alpha - beta = 1"),
    (lambda: AlphaBeta(NAN, 1), "AlphaBeta: .*alpha=nan"),
    (lambda: AlphaBeta(INF, INF), "AlphaBeta: .*alpha=inf"),
    (lambda: AlphaBeta(1e17, 1e17), "AlphaBeta: .*alpha - beta = 1"),
    (lambda: Epsilon(stabiliser="clamp"), "Epsilon: stabiliser: 'clamp' is not a valid Stab"),
    (lambda: ZPlus(bias="zero"), "ZPlus: bias: 'zero' is not a valid Bias; it is one of 'none'"),
    (lambda: Epsilon(None), "Epsilon: epsilon must be a number, got None"),
    (lambda: Epsilon(block_dead="a"), "Epsilon: block_dead must be True or False, got 'a'"),
    (lambda: Gamma("1"), "Gamma: gamma must be a number, got '1'"),
    (lambda: AlphaBeta("a"), "AlphaBeta: alpha must be a number, got 'a'"),
    (lambda: AlphaBeta(10**400, 1), "AlphaBeta: alpha is beyond the range of float64"),
    (lambda: RectGrad(q=None), "RectGrad: q must be a number, got None"),
    (lambda: RectGrad(threshold="1"), "RectGrad: threshold must be a number, got '1'"),
    (lambda: RectGrad(floor="a"), "RectGrad: floor must be True or False, got 'a'"),
    (lambda: DeepLift(tolerance="a"), "DeepLift: tolerance must be a number, got 'a'"),
    (lambda: SmoothGrad(random_state=-4), "SmoothGrad: random_state must be a whole number >= 0"),
    (lambda: Relu("x"), "Relu: active_at_zero must be True or False, got 'x'"),
    (lambda: ZBox(1, 0), "ZBox: low must not exceed high, got low=1, high=0"),
    (lambda: ZBox([0, 2], [1, 1]), "ZBox: low must not exceed high"),
    (lambda: ZBox(NAN, 1), "ZBox low: expected finite numbers, got nan"),
    (lambda: ZBox(0, INF), "ZBox high: expected finite numbers, got inf"),
    (lambda: ZBox("a", 1), "ZBox low"),
    (lambda: ZBox(np.zeros(2), np.ones(3)), r"ZBox: .*\(2,\).*\(3,\)"),
    (lambda: DeepTaylor(low=0), "DeepTaylor: give both low and high .* or neither"),
    (lambda: DeepTaylor(high=0), "DeepTaylor: give both"),
    (lambda: DeepTaylor(2, 1), "ZBox: low must not exceed high"),
    (lambda: EpsilonGammaBox(2, 1), "ZBox: low must not exceed high"),
    (lambda: EpsilonGammaBox(0, 1, -1), "Epsilon: epsilon"),
    (lambda: EpsilonGammaBox(0, 1, gamma=-1), "Gamma: gamma"),
    (lambda: EpsilonPlus(-1), "Epsilon: epsilon"),
    (lambda: EpsilonAlpha2Beta1(NAN), "Epsilon: epsilon"),
    (lambda: RectGrad(100.5), r"RectGrad: q is a percentile in \[0, 100\], got 100.5"),
    (lambda: RectGrad(-1), "RectGrad: q is a percentile"),
    (lambda: RectGrad(NAN), "RectGrad: q is a percentile .*got nan"),
    (lambda: RectGrad(50, "cubic"), "RectGrad: interpolation must be one of linear, .*'cubic'"),
    (lambda: RectGrad(50, ties="keep"), "RectGrad: ties must be 'exclude' or 'include'"),
    (lambda: RectGrad(threshold=NAN), "RectGrad: threshold must be finite, got nan"),
    (lambda: BetaSmooth(0), "BetaSmooth: beta must be finite and > 0, got 0"),
    (lambda: BetaSmooth(INF), "BetaSmooth: beta"),
    (lambda: DeepLift(NAN), "baseline: expected finite numbers, got nan"),
    (lambda: IntegratedGradients([NAN, 0]), "baseline: expected finite numbers, got nan"),
    (lambda: DeepLift(tolerance=-1), "DeepLift: tolerance must be >= 0, got -1"),
    (lambda: DeepLift(tolerance=NAN), "DeepLift: tolerance must be >= 0, got nan"),
    (lambda: DeepLift([NAN, 0]), "baseline: expected finite numbers, got nan"),
    (lambda: IntegratedGradients("a"), "baseline: "),
    (lambda: IntegratedGradients(steps=0), "IntegratedGradients: steps must be .*got 0"),
    (lambda: IntegratedGradients(steps=2.5), "IntegratedGradients: steps .*got 2.5"),
    (lambda: IntegratedGradients(steps=10**9), "IntegratedGradients: steps .*at most 1000000"),
    (lambda: IntegratedGradients(0, 10**6 + 1, "right"), "IntegratedGradients: .*at most 1000000"),
    (lambda: IntegratedGradients(steps=10**4 + 1), "IntegratedGradients: .*most 10000 steps, got"),
    (lambda: IntegratedGradients(quadrature="left"), "IntegratedGradients: quadrature .*'left'"),
    (lambda: SmoothGrad(samples=0), "SmoothGrad: samples must be .*got 0"),
    (lambda: SmoothGrad(samples=10**6 + 1), "SmoothGrad: samples must be at most 1000000, got"),
    (lambda: SmoothGrad(samples=2.5), "SmoothGrad: samples .*got 2.5"),
    (lambda: SmoothGrad(noise_level=-0.1), "SmoothGrad: noise_level must be >= 0, got -0.1"),
    (lambda: SmoothGrad(noise_level=NAN), "SmoothGrad: noise_level .*got nan"),
    (lambda: dialect("zennit", "SmoothGrad"), "dialect: no entry zennit:SmoothGrad; known are "),
    (lambda: dialect("torch", "Epsilon"), "dialect: no entry torch:Epsilon"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_bad_parameters(make, message):
    with pytest.raises(ValueError, match=f"(?s)^{message}"):
        make()


LINE = Network([Dense([[1, 2]])])
USES = [
    (ZBox(0, 1), [0.5, 2], r"ZBox: the input of layer 0 .*entry \(0, 1\) is 2.0, outside \[0.0, 1"),
    (ZBox(0, 1), [-0.5, 1], r"ZBox: .*entry \(0, 0\) is -0.5"),
    (ZBox([0, 0, 0], 9), [1, 1], r"ZBox: low.* shape \(3,\) does not fit samples of shape \(2,\)"),
    (ZBox(0, IMAGE + 9), [1, 1], r"ZBox: high.* shape \(2, 2\) does not fit samples"),
    (DeepLift([1, 2, 3]), [1, 1], r"baseline: shape \(3,\) does not fit samples of shape \(2,\)"),
    (IntegratedGradients(IMAGE), [1, 1], "baseline: .*does not fit samples"),
]


@pytest.mark.parametrize(("rule", "values", "message"), USES)
def test_bad_uses(rule, values, message):
    with pytest.raises(ValueError, match=f"(?s)^{message}"):
        attribute(LINE, values, rule=rule)


def test_alpha_minus_beta_may_be_one_up_to_rounding():
    assert 2.3 - 1.3 != 1
    for alpha, beta in ((2.3, 1.3), (1.1, 0.1), (1, 0), (Fraction(7, 3), Fraction(4, 3))):
        result = attribute(LINE, [1, 2], rule=AlphaBeta(alpha, beta), seed=[1.0])
        assert result.relevance == pytest.approx(float(alpha) * np.array([0.2, 0.8]))


def test_settings_may_be_strings_and_bounds_may_touch():
    assert Epsilon(stabiliser="exact zeros").stabiliser is Stabiliser.EXACT_ZEROS
    assert ZPlus(bias="modified").bias is Bias.MODIFIED
    result = attribute(LINE, [0, 1], rule=ZBox(0, 1), seed=[1.0])
    assert result.relevance.tolist() == [0, 1]


@pytest.mark.parametrize("number", [np.float32, np.float64, Fraction])
def test_parameters_of_numpy_types(number):
    half = number(0.5)
    chosen = [Epsilon(half), Gamma(half), RectGrad(half), RectGrad(threshold=half)]
    chosen += [AlphaBeta(half + 1, half), DeepLift(half), IntegratedGradients(half, np.int64(2))]
    for dtype in (np.float32, np.float64, object):
        net = LINE.astype(dtype)
        for rule in chosen:
            assert attribute(net, [1, 2], rule=rule).relevance.dtype == dtype
        for kind in (Epsilon, Gamma, DeepLift):
            values, expected = (attribute(net, [1, 2], rule=kind(n)).relevance for n in (half, 0.5))
            assert (values == expected).all()


def test_percentiles_too_small_for_the_element_type_are_0():
    for dtype in (np.float32, np.float64, object):
        net = Network([Relu()], (3,))
        values = as_array([1, 2, 3], "values", dtype)
        tiny, zero = (attribute(net, values, rule=RectGrad(q)) for q in (5e-324, 0))
        assert (tiny.relevance == zero.relevance).all()


def test_parameters_that_do_not_fit_the_element_type_are_refused():
    """1e39 and 1e-50 are infinity and 0 in float32: the rule would be another one."""
    net = LINE.astype(np.float32)
    for value in (1e39, 1e-50):
        for rule in (Epsilon(value), Gamma(value), ZPlus(epsilon=value)):
            with pytest.raises(ValueError, match=f"{re.escape(str(value))}.*float32"):
                attribute(net, [1, 2], rule=rule)
            assert np.isfinite(attribute(LINE, [1, 2], rule=rule).relevance).all()


def test_rules_do_not_change_with_the_callers_arrays():
    low, base = np.zeros(2), np.zeros(2)
    chosen = ZBox(low, 4), DeepTaylor(low, 4), DeepLift(base), IntegratedGradients(base, 2)
    before = [attribute(LINE, [1, 2], rule=rule).relevance for rule in chosen]
    low -= 3
    base += 1
    for rule, expected in zip(chosen, before, strict=True):
        assert (attribute(LINE, [1, 2], rule=rule).relevance == expected).all(), rule


def test_names_show_what_differs_from_the_defaults():
    assert Gradient().name == "Gradient"
    assert RectGrad().name == "RectGrad"
    assert RectGrad(90, floor=False).name == "RectGrad(q=90, floor=False)"
    assert LRP0().name == "Epsilon(epsilon=0.0)"
    assert ZPlus(bias="plain").name == "ZPlus(bias=plain)"
    assert AlphaBeta(1, 0).name == "AlphaBeta(alpha=1, beta=0)"
    assert DeepLift(0.5).name == "DeepLift(baseline=0.5)"


@pytest.mark.parametrize("name", RULE_NAMES)
def test_every_public_rule_lists_the_sources_of_its_docstring(name):
    """The papers named after "Source" are the ones in `sources`, and there is one at least."""
    rule = getattr(rules, name)
    text = rule.__doc__[rule.__doc__.index("Source") :]
    keys = {source.key for source in rule.sources}
    assert keys and set(re.findall(r"\w+ (?:19|20)\d\d", text)) == keys


def test_every_dialect_can_be_built_and_says_how_it_differs():
    for (library, rule), entry in DIALECTS.items():
        parameters = (0, 1) if rule == "ZBox" else ()
        assert isinstance(dialect(library, rule, *parameters), Method)
        assert entry.difference
