"""The commands as a user types them."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from alignment_theory import GuidedBackprop, Network, attribute, cli
from alignment_theory.models import save
from alignment_theory.theory import theorem
from alignment_theory.verification import calibration
from alignment_theory.verification.compared import OnRandom
from alignment_theory.verification.identities import monotone_net, piecewise_linear
from alignment_theory.verification.variants import Operator, Variant

RUN = CliRunner()


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    network = Network.mlp([rng.standard_normal((5, 4)), rng.standard_normal((3, 5))])
    inputs = rng.uniform(size=(2, 4))
    save(network, tmp_path / "model.npz")
    np.save(tmp_path / "input.npy", inputs)
    return tmp_path, network, inputs


def failing(monkeypatch, capsys, *arguments):
    """Run a command that must end with exit code 2, and return its message as one line."""
    monkeypatch.setattr(sys, "argv", ["alignment-theory", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    return " ".join(capsys.readouterr().err.split())


def test_verify_prints_both_tables_and_writes_the_record(tmp_path):
    file = tmp_path / "verdicts.json"
    done = RUN.invoke(cli.app, ["verify", "--quick", "--json", str(file), "--seed", "3"])
    assert done.exit_code == 0, done.output
    assert "HOLDS" in done.output and "l = 0 (input)" in done.output
    record = json.loads(file.read_text())
    assert record["seed"] == 3 and record["versions"]["numpy"] == np.__version__
    assert {v["outcome"] for v in record["verdicts"]} == {"HOLDS"}
    wanted = {"theorem", "outcome", "predicted", "observed", "interval", "trials", "settings"}
    assert all(wanted <= set(v) for v in record["verdicts"])
    assert {row["rule"] for row in record["alignment"]} >= {"Gradient", "GuidedBackprop"}


UNFOUNDED = OnRandom(theorem("monotone-net"), "weights of any sign", monotone_net)


def test_verify_exits_1_where_a_verdict_is_not_holds(monkeypatch):
    monkeypatch.setattr("alignment_theory.verification.run.CHECKS", [UNFOUNDED])
    done = RUN.invoke(cli.app, ["verify", "monotone-net", "--workers", "1"])
    assert done.exit_code == 1
    assert "FAILS" in done.output and "witness" in done.output


def test_list_names_every_theorem():
    from alignment_theory.theory import CATALOGUE

    output = RUN.invoke(cli.app, ["list"]).output
    assert all(identifier in output for identifier in CATALOGUE)


def test_show_tells_all_about_a_theorem():
    output = RUN.invoke(cli.app, ["show", "exact-law"]).output
    for part in ("Hypotheses", "gaussian-weights", "Formula", "LaTeX", "Sources", "2503.11160"):
        assert part in output
    output = RUN.invoke(cli.app, ["show", "depth-recursion"]).output
    assert "widths such as 784,512,10" in output and "default fixed" in output


def test_list_draws_the_graph():
    output = RUN.invoke(cli.app, ["list", "--graph"]).output
    assert "├── piecewise-linear" in output and "(drawn above)" in output


def test_predict_prints_arrays():
    command = ["predict", "depth-recursion", "widths=20,30,20,5", "rule=gradient"]
    output = RUN.invoke(cli.app, command).output
    assert output.startswith("0.05 0.03333333333 0.05\n")


def test_audit_names_what_survives_and_exits_1(monkeypatch, tmp_path):
    file = tmp_path / "audit.json"
    right = OnRandom(theorem("monotone-net"), "as it is", monotone_net)
    variants = (
        Variant(Operator.HYPOTHESIS, "any sign", UNFOUNDED, "nonnegative-upper-weights"),
        Variant(Operator.HYPOTHESIS, "signed seed", UNFOUNDED, "positive-seed"),
    )
    monkeypatch.setattr("alignment_theory.verification.audit.VARIANTS", variants)
    command = ["audit", "monotone-net", "--workers", "1", "--json", str(file)]
    done = RUN.invoke(cli.app, command)
    assert done.exit_code == 0 and "2 of 2 refuted" in done.output, done.output
    assert json.loads(file.read_text())["killed"] == 2
    changed = replace(right, change=None, evidence=piecewise_linear)
    survivor = Variant(Operator.CONSTANT, "no error at all", changed)
    monkeypatch.setattr("alignment_theory.verification.audit.VARIANTS", (*variants, survivor))
    done = RUN.invoke(cli.app, command)
    assert done.exit_code == 1 and "survived: monotone-net" in done.output


def test_audit_calibration_counts_false_alarms(monkeypatch, tmp_path):
    kinds = {"limit, reduced": calibration.KINDS["limit, reduced"]}
    monkeypatch.setattr(calibration, "KINDS", kinds)
    monkeypatch.setattr(calibration.calibrate, "__defaults__", (tuple(kinds),))
    command = ["audit", "--calibration", "--replicates", "20", "--workers", "1"]
    done = RUN.invoke(cli.app, command)
    assert done.exit_code == 0 and "/ 20" in done.output


def test_predict_prints_the_number_and_its_terms():
    output = RUN.invoke(cli.app, ["predict", "alignment-curve", "n=200", "d=200"]).output
    assert output.startswith("0.2435799163") and "limit: 0.2423722608" in output


def test_attribute_writes_the_relevance(files):
    folder, network, inputs = files
    out = folder / "relevance.npy"
    arguments = ["--model", folder / "model.npz", "--input", folder / "input.npy", "--out", out]
    command = ["attribute", *map(str, arguments), "--rule", "guided-backprop", "--target", "1"]
    done = RUN.invoke(cli.app, command)
    assert done.exit_code == 0 and "GuidedBackprop" in done.output
    expected = attribute(network, inputs, rule=GuidedBackprop(), target=1).relevance
    assert np.array_equal(np.load(out), expected)


def test_attribute_passes_parameters_to_the_rule(files):
    folder, network, inputs = files
    out = folder / "relevance.npy"
    arguments = ["--model", folder / "model.npz", "--input", folder / "input.npy", "--out", out]
    command = ["attribute", *map(str, arguments), "--rule", "rect-grad", "q=75", "floor=false"]
    assert "q=75.0, floor=False" in RUN.invoke(cli.app, command).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "nope"], "no theorem 'nope'; known are piecewise-linear"),
        (["show", "nope"], "no theorem 'nope'"),
        (["predict", "alignment-curve", "n"], "expected NAME=VALUE, got 'n'"),
        (["predict", "alignment-curve", "n=1", "n=2"], "n is given twice"),
        (["predict", "alignment-curve", "m=1"], "unknown parameter m"),
        (["verify", "--json", "/no/such/folder/x.json"], "there is no folder"),
        (["verify", "--quick", "--thorough"], "either --quick or --thorough"),
        (["audit", "nope"], "no theorem 'nope'"),
        (["audit", "nfr-sign", "--calibration"], "leave out the ids and --store"),
        (["predict", "depth-recursion", "widths=3"], "at least 3 whole numbers, input first"),
    ],
)
def test_bad_arguments_end_with_a_message(arguments, message, monkeypatch, capsys):
    assert message in failing(monkeypatch, capsys, *arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--rule": "guided"}, "did you mean guided-backprop? All are alpha-beta"),
        ({"--model": "missing.npz"}, "missing.npz"),
        ({"--target": "3"}, "target: expected 0 to 2 (the outputs), got 3"),
        ({"--out": "relevance.txt"}, "expected a name that ends in .npy"),
        ({"--rule": "z-box", "extra": "low=2"}, "low must not exceed high"),
        ({"--rule": "gamma", "extra": "gamma=x"}, "gamma: gamma must be a number, got 'x'"),
        ({"--rule": "gamma", "extra": "delta=1"}, "gamma: unknown parameter 'delta'"),
    ],
)
def test_bad_attribute_arguments(files, change, message, monkeypatch, capsys):
    folder, _, _ = files
    options = {
        "--model": folder / "model.npz",
        "--input": folder / "input.npy",
        "--rule": "gradient",
        "--out": folder / "relevance.npy",
    }
    extra = [change.pop("extra")] if "extra" in change else []
    options |= change
    words = [str(word) for pair in options.items() for word in pair]
    assert message in failing(monkeypatch, capsys, "attribute", *words, *extra)
    assert not (folder / "relevance.npy").exists()
