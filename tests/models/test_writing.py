"""Where files are put: only at regular files, through links, with the permissions they had."""

import errno
import os
import re
import stat

import numpy as np
import pytest

from alignment_theory import Dense, Network
from alignment_theory.models import load, save
from alignment_theory.models.files import write_atomically
from alignment_theory.report.record import write_array

NETWORK = Network([Dense([[1.0, 2.0]])])
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX files")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@posix
def test_a_pipe_is_refused_and_stays(tmp_path):
    pipe = tmp_path / "model.npz"
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match=r"model\.npz: expected the name of a file.*got a pipe"):
        save(NETWORK, pipe)
    with pytest.raises(ValueError, match="got a pipe"):
        write_array(pipe, np.ones(2))
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.npz"]


def test_a_folder_is_refused_and_stays(tmp_path):
    (tmp_path / "model.npz").mkdir()
    with pytest.raises(ValueError, match="expected the name of a file.*got a folder"):
        save(NETWORK, tmp_path / "model.npz")
    assert not list((tmp_path / "model.npz").iterdir())


@posix
@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_target_is_written(there, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "model.npz", tmp_path / "link.npz"
    if there:
        target.write_bytes(b"old")
    link.symlink_to("elsewhere/model.npz")
    save(NETWORK, link)
    assert link.is_symlink() and not target.is_symlink()
    assert np.array_equal(load(target).layers[0].weight, [[1.0, 2.0]])
    assert [entry.name for entry in target.parent.iterdir()] == ["model.npz"]


@posix
def test_a_link_to_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with pytest.raises(ValueError, match="link: .*got a pipe"):
        write_atomically(tmp_path / "link", b"")
    assert (tmp_path / "link").is_symlink() and stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@posix
@pytest.mark.parametrize("kept", [0o600, 0o640, 0o666])
def test_a_file_keeps_its_permissions(kept, tmp_path):
    path = tmp_path / "file"
    path.touch()
    path.chmod(kept)
    write_atomically(path, b"new")
    assert mode(path) == kept and path.read_bytes() == b"new"


@posix
def test_a_new_file_gets_those_of_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == 0o640


@posix
def test_what_replaces_a_private_file_is_private_from_the_start(tmp_path, monkeypatch):
    path, seen, original = tmp_path / "file", [], os.fsync
    path.touch()
    path.chmod(0o600)
    monkeypatch.setattr(os, "fsync", lambda fd: (seen.append(os.fstat(fd)), original(fd)))
    write_atomically(path, b"secret")
    assert [stat.S_IMODE(found.st_mode) for found in seen] == [0o600]


def test_errors_name_the_wanted_file_and_folder(tmp_path, monkeypatch):
    path = tmp_path / "absent" / "model.npz"
    with pytest.raises(FileNotFoundError, match=r"model\.npz: there is no folder .*absent$"):
        save(NETWORK, path)
    path.parent.mkdir()

    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=re.escape(str(path))):
        save(NETWORK, path)
    monkeypatch.undo()

    def denied(name, *rest):
        raise PermissionError(errno.EACCES, "Permission denied", name)

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(PermissionError, match=re.escape(str(path))) as error:
        save(NETWORK, path)
    assert ".tmp" not in str(error.value)
