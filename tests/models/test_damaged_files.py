"""Accidents: truncated files, flipped bytes, folders and pipes; and that nothing is unpickled."""

import os
import pickle

import numpy as np
import pytest
from hostile import NETWORK, SOUND, reader

from alignment_theory.models import load, save


@pytest.mark.parametrize("suffix", SOUND)
def test_the_files_that_are_damaged_here_are_sound(suffix, tmp_path):
    path = tmp_path / f"good{suffix}"
    path.write_bytes(SOUND[suffix])
    found = reader(suffix)(path)
    if suffix == ".npy":
        np.testing.assert_array_equal(found, np.eye(2))
    else:
        assert repr(found) == repr(NETWORK)


@pytest.mark.parametrize("suffix", SOUND)
def test_truncated_files_are_refused_at_every_length(suffix, tmp_path):
    path = tmp_path / f"bad{suffix}"
    whole = SOUND[suffix]
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"bad\."):
            reader(suffix)(path)


@pytest.mark.parametrize("suffix", SOUND)
def test_damaged_bytes_give_a_network_or_a_value_error(suffix, tmp_path):
    path, rng = tmp_path / f"bad{suffix}", np.random.default_rng(8)
    whole = SOUND[suffix]
    refused = 0
    for k in range(600):
        data = bytearray(whole)
        for place in rng.integers(len(data), size=1 + k % 3):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            reader(suffix)(path)
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("suffix", SOUND)
def test_folders_and_pipes_are_refused(suffix, tmp_path):
    folder, pipe = tmp_path / f"folder{suffix}", tmp_path / f"pipe{suffix}"
    folder.mkdir()
    paths = [folder]
    if hasattr(os, "mkfifo"):
        os.mkfifo(pipe)
        paths.append(pipe)
    for path in paths:
        with pytest.raises(ValueError, match="expected a regular file"):
            reader(suffix)(path)


def test_nothing_is_unpickled(tmp_path, monkeypatch):
    def never(*_):
        raise AssertionError("unpickled")

    monkeypatch.setattr(pickle, "load", never)
    monkeypatch.setattr(pickle, "loads", never)
    for suffix in (".npz", ".safetensors"):
        save(NETWORK, tmp_path / f"good{suffix}")
        assert repr(load(tmp_path / f"good{suffix}")) == repr(NETWORK)
