"""The trained classifier: accurate, reproducible, and kept in a cache that heals itself."""

import sys
import time

import numpy as np
import pytest

from alignment_theory.models import accuracy, digits, digits_classifier, random_mlp, save

MODULE = sys.modules["alignment_theory.models.classifier"]


def test_accuracy(seed, bias):
    data = digits(seed=seed)
    start = time.perf_counter()
    trained = digits_classifier(seed=seed, bias=bias)
    seconds = time.perf_counter() - start
    share = accuracy(trained.network, data.test_inputs, data.test_labels)
    print(f"seed {seed}, bias {bias}: {share:.4f} in {seconds:.2f} s")
    assert share >= 0.97
    assert accuracy(trained.network, data.train_inputs, data.train_labels) > 0.99
    assert trained.network.shapes[0] == (64,) and trained.network.output_shape == (10,)
    assert [shape for shape in trained.network.shapes[1:-1:2]] == [(256,)] * 3
    assert trained.network.dtype == np.float64 and trained.network.has_bias == bias
    assert len(trained.losses) == MODULE.EPOCHS


def test_accuracy_of_the_cnn(seed, bias):
    data = digits(seed=seed)
    trained = digits_classifier(seed=seed, bias=bias, architecture="cnn")
    images = data.test_inputs.reshape(-1, 1, 8, 8)
    assert accuracy(trained.network, images, data.test_labels) >= 0.97
    assert trained.network.input_shape == (1, 8, 8) and trained.network.has_bias == bias
    assert trained.network.dtype == np.float64 and len(trained.losses) == MODULE.CNN_EPOCHS


def pytest_generate_tests(metafunc):
    if "bias" in metafunc.fixturenames:
        first = [(0, True), (0, False)]
        others = [
            pytest.param(seed, bias, marks=pytest.mark.slow)
            for seed in range(1, 10)
            for bias in (True, False)
        ]
        metafunc.parametrize(("seed", "bias"), first + others)


@pytest.fixture
def brief(monkeypatch):
    """Training cut to a moment, and a count of how often it ran."""
    runs, original = [], MODULE.train

    def counted(*data, **settings):
        runs.append(settings["epochs"])
        return original(*data, **settings)

    monkeypatch.setattr(MODULE, "train", counted)
    monkeypatch.setattr(MODULE, "EPOCHS", 1)
    monkeypatch.setattr(MODULE, "CNN_EPOCHS", 1)
    return runs


def bits(trained):
    layers = trained.network.layers[::2]
    return trained.losses, [(x.weight.tobytes(), x.bias is None) for x in layers]


def test_the_cache_gives_back_the_same_result(brief, tmp_path):
    folder = tmp_path / "made" / "on demand"
    fresh = digits_classifier(seed=3, cache=folder)
    names = sorted(entry.name for entry in folder.iterdir())
    again = digits_classifier(seed=3, cache=str(folder))
    assert len(brief) == 1 and bits(again) == bits(fresh)
    assert sorted(entry.name for entry in folder.iterdir()) == names and len(names) == 2
    assert bits(digits_classifier(seed=3)) == bits(fresh)


def test_every_setting_has_its_own_name(brief, tmp_path, monkeypatch):
    digits_classifier(cache=tmp_path)
    digits_classifier(cache=tmp_path, bias=False)
    digits_classifier(cache=tmp_path, seed=1)
    digits_classifier(cache=tmp_path, architecture="cnn")
    for name, value in [
        ("EPOCHS", 2), ("BATCH_SIZE", 128), ("LEARNING_RATE", 1e-4), ("PROCEDURE", 2),
        ("WIDTHS", (64, 8, 10)),
    ]:  # fmt: skip
        monkeypatch.setattr(MODULE, name, value)
        digits_classifier(cache=tmp_path)
    monkeypatch.setattr("alignment_theory.__version__", "0.0.0")
    digits_classifier(cache=tmp_path)
    assert len(brief) == 10 and len(list(tmp_path.glob("*.npz"))) == 10


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def other_network(path):
    save(random_mlp((64, 9, 10), rng=np.random.default_rng(0)), path)


def float32(path):
    rng = np.random.default_rng(0)
    save(random_mlp(MODULE.WIDTHS, rng=rng, bias=True, dtype=np.float32), path)


DAMAGES = {
    "network cut": ("*.npz", cut),
    "network emptied": ("*.npz", lambda path: path.write_bytes(b"")),
    "another network": ("*.npz", other_network),
    "another type": ("*.npz", float32),
    "losses cut": ("*.npy", cut),
    "other losses": ("*.npy", lambda path: np.save(path, np.ones(7))),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_repaired_with_a_warning(name, brief, tmp_path):
    pattern, damage = DAMAGES[name]
    fresh = digits_classifier(cache=tmp_path)
    (path,) = tmp_path.glob(pattern)
    damage(path)
    with pytest.warns(UserWarning, match="training again, since the cache is damaged") as caught:
        repaired = digits_classifier(cache=tmp_path)
    assert caught[0].filename == __file__
    assert len(brief) == 2 and bits(repaired) == bits(fresh)
    assert bits(digits_classifier(cache=tmp_path)) == bits(fresh) and len(brief) == 2


def test_the_cnn_is_kept_too(brief, tmp_path):
    made = [digits_classifier(cache=tmp_path, architecture="cnn") for _ in range(2)]
    assert len(brief) == 1 and made[0].losses == made[1].losses
    weights = [[layer.weight for layer in one.network.layers[::9]] for one in made]
    assert all((a == b).all() for a, b in zip(*weights, strict=True))
    (path,) = tmp_path.glob("digits-cnn-*.npz")
    cut(path)
    with pytest.warns(UserWarning, match="training again, since the cache is damaged"):
        digits_classifier(cache=tmp_path, architecture="cnn")


def test_an_unknown_architecture_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must be 'dense' or 'cnn', got 'rnn'"):
        digits_classifier(architecture="rnn", cache=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("pattern", ["*.npz", "*.npy"])
def test_half_a_cache_is_completed(pattern, brief, tmp_path):
    fresh = digits_classifier(cache=tmp_path)
    (path,) = tmp_path.glob(pattern)
    path.unlink()
    assert bits(digits_classifier(cache=tmp_path)) == bits(fresh) and path.exists()


def test_an_interrupt_leaves_no_cache(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(MODULE, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        digits_classifier(cache=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seed", [-1, 1.5, "a", True, None])
def test_unfit_seeds_are_refused(seed, tmp_path):
    with pytest.raises(ValueError, match="non-negative integer seed"):
        digits_classifier(seed=seed, cache=tmp_path)
    assert not list(tmp_path.iterdir())
