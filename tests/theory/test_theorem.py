"""Theorems as data: shown, evaluated, and independent of what they judge."""

import subprocess
import sys

import pytest

from alignment_theory.kernels import Kernel
from alignment_theory.theory import CATALOGUE, Claim, theorem

PREDICTIVE = [found for found in CATALOGUE.values() if found.evaluate]


@pytest.mark.parametrize("found", CATALOGUE.values(), ids=CATALOGUE)
def test_every_theorem_can_be_shown(found):
    assert found.statement and found.title and found.hypotheses and found.sources
    assert found.text().strip() and found.latex().strip()
    assert all(name in CATALOGUE for name in found.uses)
    assert isinstance(found.claim, Claim) and found.claim.judged_by


@pytest.mark.parametrize("found", PREDICTIVE, ids=lambda found: found.id)
def test_predictions_use_no_kernel(found, monkeypatch):
    def refuse(self, *arguments):
        raise AssertionError("a prediction called a kernel")

    monkeypatch.setattr(Kernel, "__call__", refuse)
    required = {p.name: 1.0 for p in found.parameters if p.default is None}
    assert float(found.predict(**required)) > 0


def test_theory_imports_no_engine():
    code = (
        "import sys; before = set(sys.modules); import alignment_theory.theory.laws as laws;"
        "import inspect, alignment_theory.theory as t, pkgutil;"
        "names = [m.name for m in pkgutil.iter_modules(t.__path__)];"
        "import importlib;"
        "sources = [inspect.getsource(importlib.import_module('alignment_theory.theory.' + n))"
        " for n in names];"
        "bad = [w for w in ('kernels', 'attribution', 'explicit', 'network', 'rules')"
        " if any('alignment_theory.' + w in s for s in sources)];"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("identifier", "parameters", "message"),
    [
        ("alignment-curve", {"n": "many"}, "n .number of neurons. must be a number, got 'many'"),
        ("alignment-curve", {"n": 0}, "must be >= 1, got 0"),
        ("alignment-curve", {"d": 2.5}, "must be a whole number, got 2.5"),
        ("alignment-curve", {"n": float("nan")}, "must be finite"),
        ("alignment-curve", {"coefficients": "best"}, "must be one of active, guided"),
        ("alignment-curve", {"width": 3}, "unknown parameter width; it takes coefficients, n"),
        ("alignment-curve", {"s": 1.0}, 's is the threshold of "top"; active has none'),
        ("alignment-curve", {"coefficients": "top", "s": 40}, "the prediction is not finite"),
        ("exact-law", {"z_dot_c": 1e300, "norm": 1e-300}, "the prediction is not finite"),
        ("exact-law", {}, r"parameter z_dot_c .* is missing"),
        ("nfr-sign", {}, "relates arrays of one network"),
    ],
)
def test_bad_parameters_are_explained(identifier, parameters, message):
    with pytest.raises(ValueError, match=message):
        theorem(identifier).predict(**parameters)


def test_unknown_theorem_lists_the_known():
    with pytest.raises(ValueError, match="no theorem 'nope'; known are piecewise-linear"):
        theorem("nope")


def test_spherical_kappa_tends_to_the_gaussian_one():
    predict = CATALOGUE["isotropic-alignment"].predict
    gaussian = predict(rows="gaussian", n=1, d=10_000).value
    assert predict(rows="sphere", n=1, d=10_000).value == pytest.approx(gaussian, rel=1e-4)
    assert predict(rows="sphere", n=1, d=2).value == pytest.approx(2**0.5 / 3.141592653589793)
