"""What an attribution shares with maps that know nothing of the network."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from alignment_theory.arrays import Array
from alignment_theory.layers.base import Shape
from alignment_theory.models.redraw import Redraw
from alignment_theory.network import Network
from alignment_theory.rules import Method
from alignment_theory.similarity import Similarity
from alignment_theory.studies.randomised import Subject, checked_presets, undefined
from alignment_theory.threads import one_blas_thread
from alignment_theory.verification.betting import confidence_interval

if TYPE_CHECKING:
    import pandas as pd

CONFIDENCE = 0.95


def run(
    network: Network,
    images: ArrayLike,
    *,
    rule: Method,
    seed: int,
    target: ArrayLike | None = None,
    start: str | None = None,
    presets: Sequence[Similarity] | None = None,
    image_shape: Shape | None = None,
) -> "pd.DataFrame":
    """Compare attributions with maps that know nothing of the network.

    A map of this kind is the same for every network, so it passes no sanity check: its own score
    under randomisation is 1 in every row, or undefined for a constant map. What an attribution
    shares with one is what it may owe to the input alone.

    Returns
    -------
    DataFrame
        A row a control and preset: control ("magnitude" and "edges" of the input, by Sobel's
        filter and for images only, "noise", "constant"), preset, similarity, low and high (betting
        interval at 95 % over images), images, undefined and reasons.

    Parameters and errors are those of `randomisation.run`.
    """
    import pandas as pd

    with one_blas_thread():
        subject = Subject.of(network, images, rule, target, start, seed, Redraw(), image_shape)
    used = checked_presets(presets, subject.shape)
    inputs = subject.images.reshape(subject.original.shape)
    records = []
    for name, maps in _control_maps(inputs, np.random.SeedSequence(seed, spawn_key=(1,))):
        for preset in used:
            found = preset(subject.original, maps)
            values = found.values[found.reasons == ""]
            low, high = np.nan, np.nan
            if len(values):
                clipped = np.clip(values, -1, 1)
                low, high = confidence_interval(clipped, alpha=1 - CONFIDENCE, low=-1.0, high=1.0)
            mean = float(values.mean()) if len(values) else np.nan
            record = {"control": name, "preset": preset.name, "similarity": mean}
            records.append(
                record | {"low": low, "high": high, "images": len(values)} | undefined([found])
            )
    return pd.DataFrame.from_records(records)


def _control_maps(inputs: Array, seed: np.random.SeedSequence) -> Iterable[tuple[str, Array]]:
    yield "magnitude", np.abs(inputs)
    if inputs.ndim >= 4:
        yield "edges", _edges(inputs)
    yield "noise", np.random.default_rng(seed).standard_normal(inputs.shape)
    yield "constant", np.ones_like(inputs)


def _edges(images: Array) -> Array:
    """Return the magnitude of Sobel's gradient of every channel of every image by itself."""
    from scipy.ndimage import sobel

    planes = images.reshape(-1, *images.shape[-2:]).astype(np.float64)
    found = [np.hypot(sobel(plane, axis=0), sobel(plane, axis=1)) for plane in planes]
    return np.reshape(found, images.shape)
