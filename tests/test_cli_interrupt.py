"""Ctrl-C: one line that says how to go on, nothing half written, nobody left; so when killed."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from alignment_theory import cli
from alignment_theory.verification import audit, calibration, run
from alignment_theory.verification.store import VerdictStore

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
COMMAND = [sys.executable, "-c", "from alignment_theory.cli import main; main()"]


def interrupted(arguments, at_work):
    """Start a command, press Ctrl-C once it is at work, and return what it said."""
    command = [*COMMAND, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            deadline = time.monotonic() + 120
            while not at_work(process.pid):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            for _ in range(6):  # Numba may swallow one while it compiles
                os.killpg(process.pid, signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    output, errors = process.communicate(timeout=20)
                    break
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    return output, errors, process.pid


def running(group):
    """Return how many processes of a group run; those that only wait for init do not."""
    found = subprocess.run(
        ["ps", "-e", "-o", "pgid=,stat="], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    rows = [row.split() for row in found if row.strip()]
    return sum(pgid == str(group) and not state.startswith("Z") for pgid, state in rows)


def all_end(group):
    """Return whether no process of a group runs after a while."""
    deadline = time.monotonic() + 20
    while running(group) and time.monotonic() < deadline:
        time.sleep(0.1)
    return running(group) == 0


@pytest.mark.parametrize("stop", ["SIGTERM", "SIGKILL"])
def test_workers_end_with_a_command_that_is_killed(stop, tmp_path):
    store = tmp_path / "verdicts"
    arguments = ["audit", "--standard", "--store", str(store), "--workers", "2"]
    with subprocess.Popen(
        [*COMMAND, *arguments], stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            deadline = time.monotonic() + 120
            while not (store.exists() and store.read_bytes()):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert running(process.pid) >= 3
            process.send_signal(getattr(signal, stop))
            process.wait(timeout=20)
            assert all_end(process.pid)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_audit_with_a_store_says_how_to_go_on(workers, tmp_path):
    store, record = tmp_path / "verdicts", tmp_path / "record.json"
    arguments = ["audit", "--standard", "--store", store, "--json", record, "--workers", workers]
    output, errors, group = interrupted(arguments, lambda _: store.exists() and store.read_bytes())
    assert output == ""
    assert errors == (
        f"interrupted; run the same command again to go on from the verdicts in {store}\n"
    )
    assert all_end(group)
    assert [entry.name for entry in tmp_path.iterdir()] == ["verdicts"]
    with VerdictStore(store) as kept:
        assert kept.found
    assert all(json.loads(line) for line in store.read_text().splitlines())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["audit"], "interrupted; with --store FILE an audit goes on where it was\n"),
        (["audit", "--calibration"], "interrupted\n"),
        (["verify"], "interrupted\n"),
    ],
)
def test_other_commands_say_that_they_were_interrupted(
    arguments, words, tmp_path, monkeypatch, capsys
):
    def pressed(*_, **__):
        raise KeyboardInterrupt

    for module, name in ((audit, "audit"), (calibration, "calibrate"), (run, "verify")):
        monkeypatch.setattr(module, name, pressed)
    record = tmp_path / "record.json"
    monkeypatch.setattr(sys, "argv", ["alignment-theory", *arguments, "--json", str(record)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 130
    assert tuple(capsys.readouterr()) == ("", words)
    assert not list(tmp_path.iterdir())
