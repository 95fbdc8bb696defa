"""What the command line refuses or understands: files to write, names of theorems and rules."""

import os
import stat
from dataclasses import MISSING, fields
from io import StringIO

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from alignment_theory import Network, cli
from alignment_theory.models import save
from alignment_theory.rules.names import RULES, rule_by_name
from alignment_theory.theory import CATALOGUE

RUN = CliRunner()
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX files")


def refused(*arguments):
    """Run a command that must be refused, and return its message as one line."""
    done = RUN.invoke(cli.app, [str(argument) for argument in arguments])
    assert done.exit_code != 0
    if isinstance(done.exception, SystemExit):
        assert done.exit_code == 2
        return " ".join(done.output.replace("│", " ").split())
    assert isinstance(done.exception, ValueError), done.exception
    return str(done.exception)


@pytest.fixture
def files(tmp_path):
    save(Network.mlp([np.eye(3), np.ones((2, 3))]), tmp_path / "model.npz")
    np.save(tmp_path / "input.npy", np.arange(3.0))
    return ["attribute", "--model", tmp_path / "model.npz", "--input", tmp_path / "input.npy"]


@posix
@pytest.mark.parametrize("option", ["--json", "--store"])
def test_a_pipe_is_no_file_to_write(option, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    message = refused("audit", "nfr-sign", option, tmp_path / "pipe")
    assert message.startswith(f"{option}: ") and "got a pipe or a device" in message
    assert stat.S_ISFIFO((tmp_path / "pipe").lstat().st_mode)


@pytest.mark.parametrize("command", [["verify", "--json", ""], ["audit", "--store", ""]])
def test_an_empty_path_is_called_so(command):
    assert "expected the name of a file, got an empty path" in refused(*command)


def test_a_folder_is_no_file_to_write(tmp_path):
    assert "got a folder" in refused("verify", "--json", tmp_path)
    assert "got a folder" in refused("verify", "--json", ".")


def test_an_input_is_not_overwritten(files, tmp_path, monkeypatch):
    before = (tmp_path / "input.npy").read_bytes()
    monkeypatch.chdir(tmp_path)
    for out in (tmp_path / "input.npy", "input.npy", "./input.npy"):
        message = refused(*files, "--rule", "gradient", "--out", out)
        assert "--out: expected a file of its own" in message and "input.npy" in message
    assert (tmp_path / "input.npy").read_bytes() == before


@posix
@pytest.mark.parametrize("needed", ["input.npy", "model.npz"])
def test_an_input_is_not_overwritten_through_a_link(needed, files, tmp_path):
    before = (tmp_path / needed).read_bytes()
    (tmp_path / "link.npy").symlink_to(needed)
    message = refused(*files, "--rule", "gradient", "--out", tmp_path / "link.npy")
    assert "would overwrite" in message and needed in message
    assert (tmp_path / needed).read_bytes() == before


def test_the_record_is_not_written_over_the_store(tmp_path):
    both = ("--json", tmp_path / "a", "--store", tmp_path / "a")
    assert "--json: expected a file of its own" in refused("audit", "nfr-sign", *both)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["model.npz", "input.npy"])
def test_a_file_that_cannot_be_read_is_named_with_its_option(name, files, tmp_path):
    option = f"--{name.split('.')[0]}"
    command = (*files, "--rule", "gradient", "--out", tmp_path / "out.npy")
    (tmp_path / name).write_bytes(b"damaged")
    assert refused(*command).startswith(f"{option}: {tmp_path / name}: ")
    (tmp_path / name).unlink()
    message = refused(*command)
    assert message.startswith(f"{option}: there is no file {tmp_path / name}; give the path")
    through = refused(*command, option, tmp_path / "model.npz" / "x.npz")
    assert through.startswith(f"{option}: ") and "Errno" not in through


@pytest.mark.parametrize("command", ["verify", "audit", "show", "predict"])
def test_an_id_that_is_nearly_right_is_suggested(command):
    message = refused(command, "isotropic-alignmnt")
    assert "no theorem 'isotropic-alignmnt'; did you mean isotropic-alignment?" in message
    assert "did you mean combined-weight?" in refused(command, "Combined_Weight")
    assert "no theorem 'nope'; known are piecewise-linear" in refused(command, "nope")


@pytest.mark.parametrize("name", RULES)
def test_rules_go_by_their_class_name_and_without_hyphens(name):
    cls = RULES[name]
    required = [field.name for field in fields(cls) if field.init and field.default is MISSING]
    settings = {key: "0" for key in required}
    expected = rule_by_name(name, settings)
    for other in (cls.__name__, cls.__name__.lower(), name.replace("-", "_"), name.upper()):
        found = rule_by_name(other, settings)
        assert type(found) is cls and found.name == expected.name


def test_a_rule_that_is_nearly_right_is_suggested(files, tmp_path):
    command = (*files, "--out", tmp_path / "out.npy", "--rule")
    assert "no rule 'gradiant'; did you mean gradient?" in refused(*command, "gradiant")
    assert "did you mean rect-grad?" in refused(*command, "RecGrad")
    assert RUN.invoke(cli.app, [*map(str, command), "RectGrad"]).exit_code == 0


@pytest.mark.parametrize(
    "extra", [["--seeds", "1"], ["--seeds", "3"], ["--standard"], ["--store", "x"], ["nfr-sign"]]
)
def test_calibration_refuses_what_it_would_ignore(extra, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = refused("audit", "--calibration", "--replicates", "1", *extra)
    assert "leave out the ids and --store, --standard and --seeds" in message


def test_replicates_are_for_calibration():
    assert "--replicates is for --calibration" in refused("audit", "nfr-sign", "--replicates", "5")


def test_the_help_says_what_standard_leaves():
    output = " ".join(RUN.invoke(cli.app, ["audit", "--help"]).output.replace("│", " ").split())
    assert "variants that only the latter refutes may survive" in output


@pytest.mark.parametrize("width", [60, 80, 99, 100, 120])
def test_the_list_never_cuts_an_id(width, monkeypatch):
    screen = Console(file=StringIO(), width=width, highlight=False)
    monkeypatch.setattr(cli.theorems, "console", lambda: screen)
    assert RUN.invoke(cli.app, ["list"]).exit_code == 0
    output = screen.file.getvalue()
    words = set(output.split())
    assert set(CATALOGUE) <= words and "…" not in output
    assert max(map(len, output.splitlines())) <= width


def test_too_many_steps_are_refused(files, tmp_path):
    command = (*files, "--out", tmp_path / "out.npy", "--rule", "integrated-gradients")
    message = refused(*command, "steps=1000000000")
    assert "IntegratedGradients: steps must be at most 1000000, got 1000000000" in message
    assert "use quadrature='midpoint'" in refused(*command, "steps=10001")
