"""Theorems as data: shown, evaluated, and independent of what they judge."""

import io
import pickle
import subprocess
import sys

import numpy as np
import pytest

from alignment_theory.kernels import Kernel
from alignment_theory.theory import CATALOGUE, Claim, theorem
from alignment_theory.theory.other_laws import Vector


def example(found):
    """Return admissible values for the parameters that have no default."""
    required = [p for p in found.parameters if p.default is None]
    return {p.name: [1.0, 0.5] if isinstance(p, Vector) else 1.0 for p in required}


PREDICTIVE = [found for found in CATALOGUE.values() if found.evaluate]


@pytest.mark.parametrize("found", CATALOGUE.values(), ids=CATALOGUE)
def test_every_theorem_can_be_shown(found):
    assert found.statement and found.title and found.sources
    assert found.text().strip() and found.latex().strip()
    assert all(name in CATALOGUE for name in found.uses)
    assert isinstance(found.claim, Claim) and found.claim.judged_by


@pytest.mark.parametrize("found", PREDICTIVE, ids=lambda found: found.id)
def test_predictions_use_no_kernel(found, monkeypatch):
    def refuse(self, *arguments):
        raise AssertionError("a prediction called a kernel")

    monkeypatch.setattr(Kernel, "__call__", refuse)
    required = example(found)
    assert np.max(found.predict(**required).value) > 0


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
        ("alignment-curve", {"d": 1e19}, r"must be <= 1e\+12"),
        ("alignment-curve", {"n": 10**400}, "must be a number"),
        ("exact-law", {"z_dot_c": 1, "c_norm": 1e300}, "float64 does not hold the prediction"),
        ("depth-recursion", {"widths": (1, 100, 1)}, "from 2 .the last from 1. to 1e.08"),
        ("depth-recursion", {"level": float("inf")}, "whole number >= 0 or 'all'"),
        ("sparsity-through-depth", {"level": 3}, "level must be in 0, ..., 2"),
        ("depth-fixed-point", {"ratio": [1, 2]}, "a single number, not an array"),
        ("depth-fixed-point", {"ratio": 4}, "widths from 0.0122 to 800"),
        ("depth-fixed-point", {"layers": 1e9}, "must be <= 1000"),
        ("rank-one-contraction", {"top": [1, 2]}, "a single number, not an array"),
        ("deconvnet-needs-a-gate", {"p": 1e6}, "must be <= 10000"),
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


@pytest.mark.parametrize("d", [1e9, 1e12])
def test_spherical_kappa_keeps_its_digits(d):
    found = CATALOGUE["isotropic-alignment"].predict(rows="sphere", n=1, d=d).value
    assert found == pytest.approx((2 * 3.141592653589793) ** -0.5, rel=2 / d + 1e-15)


def test_values_beyond_the_range_are_its_end():
    found = CATALOGUE["alignment-curve"].predict(coefficients="top", s=2.5, n=10, d=2)
    assert found.value == 0 and found.remainder == 1


def test_many_groups_contract_to_nothing_at_once():
    found = CATALOGUE["rank-one-contraction"].predict(top=1, below=0.5, groups=10**9)
    assert found.value == 0 and found.terms["least cosine"] == 1


@pytest.mark.parametrize("found", PREDICTIVE, ids=lambda found: found.id)
def test_theorems_travel_after_they_have_predicted(found):
    required = example(found)
    before = found.predict(**required).value
    assert np.array_equal(pickle.loads(pickle.dumps(found)).predict(**required).value, before)


def test_the_dependency_graph_has_no_cycle_and_draws_every_theorem():
    from rich.console import Console

    from alignment_theory.report.graph import dependency_tree

    order = list(CATALOGUE)
    depth = {}
    for name in order:
        depth[name] = 1 + max((depth.get(used, 99) for used in CATALOGUE[name].uses), default=0)
    assert max(depth.values()) < 20
    screen = Console(width=200, record=True, file=io.StringIO())
    screen.print(dependency_tree(CATALOGUE))
    text = screen.export_text()
    assert all(name in text for name in order)


def test_levels_are_read_as_numbers_or_all():
    found = CATALOGUE["depth-recursion"]
    widths = "20,30,20,5"
    every = found.predict(widths=widths).value
    assert every.shape == (3,)
    assert found.predict(widths=widths, level="1").value == every[1]
    for wrong in ("-1", "x", 1.5):
        with pytest.raises(ValueError, match="whole number >= 0 or 'all'"):
            found.predict(widths=widths, level=wrong)
