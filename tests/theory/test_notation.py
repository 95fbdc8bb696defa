"""Formulas in LaTeX: readable by a TeX parser, with the names that the field uses."""

import pytest
import sympy as sp
from matplotlib.mathtext import MathTextParser

from alignment_theory.theory import CATALOGUE
from alignment_theory.theory.notation import latex, latex_name

UNKNOWN_TO_MATHTEXT = {
    r"\int\limits": r"\int",
    r"\begin{cases}": "",
    r"\end{cases}": "",
    r"\text": r"\mathrm",
    "&": ",",
    "\\\\": r"\,",
}


@pytest.mark.parametrize("theorem", CATALOGUE.values(), ids=CATALOGUE)
def test_formulas_are_plain_latex(theorem):
    found = theorem.latex()
    assert found.isascii()
    for unknown, known in UNKNOWN_TO_MATHTEXT.items():
        found = found.replace(unknown, known)
    MathTextParser("agg").parse(f"${found}$")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("‖a_{l-1}‖", r"\|a_{l-1}\|"),
        ("cos(g_{l-1}, a_{l-1})", r"\cos(g_{l-1},\,a_{l-1})"),
        ("σ_max(W_A)", r"\sigma _{\max}(W_{A})"),
        ("xᵀΣ²x", r"x^{T}\Sigma ^{2}x"),
        ("E cos²", r"E\,\cos^{2}"),
        ("GuidedBackprop", r"\mathrm{GuidedBackprop}"),
    ],
)
def test_names(name, expected):
    assert latex_name(name) == latex(sp.Symbol(name)) == expected


@pytest.mark.parametrize("name", ["kappa", "gamma_2", "b_eff", "R'", "e_k"])
def test_names_that_sympy_writes_well_are_left_to_it(name):
    assert latex(sp.Symbol(name)) == sp.latex(sp.Symbol(name))


def test_functions_keep_their_commands():
    x = sp.Symbol("x")
    assert latex(sp.sin(x) + sp.tanh(x)) == sp.latex(sp.sin(x) + sp.tanh(x))
    assert latex(sp.Function("χ²")(x)) == r"\chi ^{2}{\left(x \right)}"
