"""Saving and loading: every bit kept, nothing half written."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest

from alignment_theory import Dense, Flatten, Network, Relu
from alignment_theory.models import load, load_array, random_mlp, save
from alignment_theory.models.files import write_atomically

SUFFIXES = (".npz", ".safetensors")


def extremes(dtype):
    info = np.finfo(dtype)
    values = [0.0, -0.0, info.max, -info.max, info.tiny, info.smallest_subnormal, info.eps, 1 / 3]
    return Network([Dense(np.array([values, values[::-1]], dtype), np.array([-0.0, 1], dtype))])


def mixed(dtype):
    rng = np.random.default_rng(0)
    first, second = (rng.standard_normal(shape).astype(dtype) for shape in ((4, 6), (3, 4)))
    layers = [Flatten(), Dense(first), Relu(active_at_zero=True), Dense(second, second[:, 0])]
    return Network([*layers, Relu()], (2, 3))


NETWORKS = {
    "mlp": lambda dtype: random_mlp((5, 7, 6, 3), rng=np.random.default_rng(1), dtype=dtype),
    "mlp with bias": lambda dtype: random_mlp(
        (5, 7, 3), rng=np.random.default_rng(1), bias=True, dtype=dtype
    ),
    "extremes": extremes,
    "mixed": mixed,
    "transposed": lambda dtype: Network([Dense(np.arange(6.0, dtype=dtype).reshape(2, 3).T)]),
    "one number": lambda dtype: Network([Dense(np.ones((1, 1), dtype))]),
}


def contents(network):
    """Return everything that decides what a network does, parameters as bytes."""
    layers = []
    for layer in network.layers:
        if isinstance(layer, Dense):
            bias = None if layer.bias is None else layer.bias.tobytes()
            layers.append((layer.weight.shape, layer.weight.tobytes(), bias))
        else:
            layers.append(layer)
    return network.input_shape, network.dtype, layers


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_bit_comes_back(name, dtype, suffix, tmp_path):
    network, path = NETWORKS[name](dtype), tmp_path / f"network{suffix}"
    save(network, path)
    assert contents(load(path)) == contents(network)
    assert contents(load(str(path))) == contents(network)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_networks_without_numbers_come_back(suffix, tmp_path):
    network, path = Network([Relu(), Flatten()], (2, 3)), tmp_path / f"network{suffix}"
    save(network, path)
    assert contents(load(path)) == contents(network)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_longest_network_comes_back(suffix, tmp_path):
    path = tmp_path / f"network{suffix}"
    save(Network([Dense([[2.0]], [1.0])] * 1000), path)
    assert len(load(path).layers) == 1000


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_network_gives_the_same_bytes(suffix, tmp_path):
    paths = [tmp_path / f"{k}{suffix}" for k in range(2)]
    for path in paths:
        save(mixed(np.float64), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_other_programs_can_read_the_files(tmp_path):
    from safetensors import safe_open

    network = mixed(np.float32)
    for suffix in SUFFIXES:
        save(network, tmp_path / f"network{suffix}")
    names = ["layers.1.weight", "layers.3.bias", "layers.3.weight"]
    with np.load(tmp_path / "network.npz") as archive:
        assert sorted(archive) == ["architecture", *names]
        np.testing.assert_array_equal(archive[names[0]], network.layers[1].weight)
        text = archive["architecture"].tobytes().decode()
    with safe_open(tmp_path / "network.safetensors", framework="np") as file:
        assert sorted(file.keys()) == names
        np.testing.assert_array_equal(file.get_tensor(names[1]), network.layers[3].bias)
        assert file.metadata() == {"architecture": text}


def test_files_of_plain_numpy_are_read(tmp_path):
    save(mixed(np.float64), tmp_path / "ours.npz")
    with np.load(tmp_path / "ours.npz") as archive:
        arrays = dict(archive)
    arrays["layers.1.weight"] = np.asfortranarray(arrays["layers.1.weight"])
    np.savez(tmp_path / "theirs.npz", **arrays)
    assert contents(load(tmp_path / "theirs.npz")) == contents(mixed(np.float64))


def test_other_metadata_is_ignored(tmp_path):
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    save(mixed(np.float64), tmp_path / "ours.safetensors")
    with safe_open(tmp_path / "ours.safetensors", framework="np") as file:
        metadata = file.metadata() | {"format": "np"}
    arrays = load_file(tmp_path / "ours.safetensors")
    save_file(arrays, tmp_path / "theirs.safetensors", metadata=metadata)
    assert contents(load(tmp_path / "theirs.safetensors")) == contents(mixed(np.float64))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_save_leaves_the_old_file(suffix, tmp_path, monkeypatch):
    path = tmp_path / f"network{suffix}"
    save(mixed(np.float64), path)
    for function in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, function, lambda *_: (_ for _ in ()).throw(OSError("disk full")))
            with pytest.raises(OSError, match="disk full"):
                save(extremes(np.float64), path)
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
        assert contents(load(path)) == contents(mixed(np.float64))
    save(extremes(np.float64), path)
    assert contents(load(path)) == contents(extremes(np.float64))


def test_saves_at_the_same_time_do_not_mix(tmp_path):
    path, networks = tmp_path / "network.npz", [mixed(np.float64), extremes(np.float64)]
    save(networks[0], path)
    with ThreadPoolExecutor(4) as pool:
        saves = [pool.submit(save, networks[k % 2], path) for k in range(40)]
        loads = [pool.submit(load, path) for _ in range(40)]
    assert [done.result() for done in saves] == [None] * 40
    sound = [contents(network) for network in networks]
    assert all(contents(done.result()) in sound for done in loads)
    assert [entry.name for entry in tmp_path.iterdir()] == ["network.npz"]


def test_content_is_complete_before_it_gets_its_name(tmp_path, monkeypatch):
    sizes, original = [], os.replace
    path = tmp_path / "file"

    def spy(source, target):
        sizes.append((os.path.getsize(source), os.path.dirname(source), path.exists()))
        original(source, target)

    monkeypatch.setattr(os, "replace", spy)
    write_atomically(path, b"12345")
    assert sizes == [(5, str(tmp_path), False)] and path.read_bytes() == b"12345"


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_files_get_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    save(mixed(np.float64), tmp_path / "network.npz")
    modes = {stat.S_IMODE(entry.stat().st_mode) for entry in tmp_path.iterdir()}
    assert len(modes) == 1


class Unknown(Relu):
    pass


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_exact_and_unknown_networks_are_refused(suffix, tmp_path):
    path = tmp_path / f"network{suffix}"
    with pytest.raises(ValueError, match="network.*exact networks cannot be saved.*astype"):
        save(Network([Dense([[Fraction(1, 3)]])]), path)
    with pytest.raises(ValueError, match="network.*layer 1: .*cannot be saved"):
        save(Network([Dense([[1.0]]), Unknown()]), path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["network", "network.pkl", "network.npy", "network.NPZ", ".npz"])
def test_other_suffixes_are_refused(name, tmp_path):
    (tmp_path / name).write_bytes(b"")
    for function in (load, lambda path: save(mixed(np.float64), path)):
        with pytest.raises(ValueError, match=r"ends in \.npz or \.safetensors"):
            function(tmp_path / name)


def test_missing_files_and_folders_are_named(tmp_path):
    for suffix in SUFFIXES:
        with pytest.raises(FileNotFoundError, match="absent"):
            load(tmp_path / f"absent{suffix}")
        with pytest.raises(FileNotFoundError, match="absent"):
            save(mixed(np.float64), tmp_path / "absent" / f"network{suffix}")
    with pytest.raises(FileNotFoundError, match="absent"):
        load_array(tmp_path / "absent.npy")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (4, 2, 3)])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_arrays_come_back(shape, dtype, order, version, tmp_path):
    array = np.asarray(np.random.default_rng(0).standard_normal(shape).astype(dtype), order=order)
    with open(tmp_path / "array.npy", "wb") as file:
        np.lib.format.write_array(file, array, version=version)
    found = load_array(tmp_path / "array.npy")
    assert found.dtype == dtype and found.dtype.isnative
    assert found.flags.c_contiguous and found.flags.writeable
    assert found.shape == shape and found.tobytes() == array.tobytes("C")


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".npy"])
def test_max_bytes_is_the_size_of_the_file(suffix, tmp_path):
    path, read = tmp_path / f"file{suffix}", load_array if suffix == ".npy" else load
    if suffix == ".npy":
        np.save(path, np.ones(5))
    else:
        save(mixed(np.float64), path)
    size = path.stat().st_size
    read(path, max_bytes=size)
    with pytest.raises(ValueError, match=f"{size} bytes, above max_bytes={size - 1}"):
        read(path, max_bytes=size - 1)
    for bad in (0, -1, 1e9, True, None):
        with pytest.raises(ValueError, match="max_bytes to be a positive integer"):
            read(path, max_bytes=bad)
