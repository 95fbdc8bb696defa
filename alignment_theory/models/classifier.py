"""A small trained classifier to judge theorems on, made on the spot and optionally kept."""

import hashlib
import io
import json
import os
import warnings
from pathlib import Path

import numpy as np

from alignment_theory.models.architecture import write_architecture
from alignment_theory.models.datasets import digits, require_seed
from alignment_theory.models.files import load, load_array, save, write_atomically
from alignment_theory.models.mlp import random_mlp
from alignment_theory.models.trainer import Trained, train
from alignment_theory.network import Network

WIDTHS = (64, 256, 256, 256, 10)
EPOCHS, BATCH_SIZE, LEARNING_RATE = 20, 64, 1e-3
# To be raised with every change of the procedure that its settings do not show.
PROCEDURE = 1


def digits_classifier(
    *,
    seed: int = 0,
    bias: bool = True,
    cache: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Trained:
    """Return a float64 ReLU network 64-256-256-256-10 trained on ``digits(seed=seed)``.

    It classifies about 98 % of the 359 or so test samples rightly (at least 97 % for seeds 0 to 9).

    Parameters
    ----------
    seed : int
        Decides the split of the data, the initial weights and the order of the samples.
    bias : bool
        Whether the layers have a bias.
    cache : path, optional
        A folder, made where it is missing, that keeps the result under a name for all settings.
        What is there is taken; damaged files are replaced with a warning.
    progress : bool, optional
        Whether to show a bar on stderr; left out, where stderr is a terminal.

    Raises
    ------
    ValueError
        For a seed that is no non-negative integer.
    OSError
        Where the cache cannot be read or written.
    """
    require_seed(seed)
    initial, order = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    start = random_mlp(WIDTHS, rng=initial, bias=bias)
    if cache is not None:
        stem = Path(cache) / _name(seed, bias)
        stem.parent.mkdir(parents=True, exist_ok=True)
        kept = _kept(stem, start)
        if kept is not None:
            return kept
    data = digits(seed=seed)
    trained = train(
        start,
        data.train_inputs,
        data.train_labels,
        epochs=EPOCHS,
        rng=order,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        progress=progress,
    )
    if cache is not None:
        buffer = io.BytesIO()
        np.save(buffer, np.array(trained.losses))
        write_atomically(_losses_file(stem), buffer.getvalue())
        save(trained.network, _network_file(stem))
    return trained


def _name(seed: int, bias: bool) -> str:
    from alignment_theory import __version__

    settings = [__version__, PROCEDURE, WIDTHS, EPOCHS, BATCH_SIZE, LEARNING_RATE, "float64"]
    digest = hashlib.sha256(json.dumps(settings).encode()).hexdigest()
    return f"digits-seed{seed}-{'bias' if bias else 'nobias'}-{digest[:16]}"


def _network_file(stem: Path) -> Path:
    return stem.with_name(f"{stem.name}.npz")


def _losses_file(stem: Path) -> Path:
    return stem.with_name(f"{stem.name}.losses.npy")


def _kept(stem: Path, start: Network) -> Trained | None:
    try:
        network, losses = load(_network_file(stem)), load_array(_losses_file(stem))
        expected = (write_architecture(start), start.shapes, start.dtype, (EPOCHS,))
        found = (write_architecture(network), network.shapes, network.dtype, losses.shape)
        if found != expected:
            raise ValueError(f"{stem}: expected {start!r} and {EPOCHS} losses, got {found}")
    except FileNotFoundError:
        return None
    except ValueError as error:
        warnings.warn(f"training again, since the cache is damaged: {error}", stacklevel=3)
        return None
    return Trained(network, tuple(losses.tolist()))
