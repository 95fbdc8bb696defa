"""Attributions and the tables of studies as matplotlib Axes. Nothing here shows or saves a figure.

Every function draws on the Axes that it is given, or else on new ones, and returns them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import cbook
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from alignment_theory.arrays import Array
from alignment_theory.models.images import picture_of
from alignment_theory.studies.photograph import Pictures, correlation, detail

if TYPE_CHECKING:
    import pandas as pd

CLIP = 99.5
_KINDS = {"trained": "o-", "random": "s-"}
_COLUMNS = (
    "photograph",
    "prediction:\nlocally contrast-normalised",
    "Guided Backprop",
    "gradient",
)


def sample_photograph() -> Path:
    """Return the file of Grace Hopper's portrait (512 wide, 600 high) that matplotlib brings."""
    found = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    return Path(str(found))


def picture(
    relevance: ArrayLike, ax: Axes | None = None, *, clip: float = CLIP, title: str = ""
) -> Axes:
    """Show one attribution as :func:`models.images.picture_of` scales it: grey where it is 0.

    Parameters
    ----------
    relevance : array (channels, height, width)
        Three channels are shown as colours, any other number is added up and shown in greys.
    ax : Axes, optional
        A new figure's where left out.
    clip : float
        The percentile of |R| that gets the full range; what is larger is cut off.
    title : str
        Above the picture.

    Raises
    ------
    ValueError
        For arrays of another number of dimensions, or a percentile outside (0, 100].
    """
    pixels = picture_of(np.asarray(relevance), clip)
    if ax is None:
        _, ax = plt.subplots()
    _show(pixels, ax)
    ax.set_title(title)
    return ax


def pictures(
    grid: Sequence[Sequence[ArrayLike]],
    titles: Sequence[Sequence[str]] | None = None,
    *,
    clip: float = CLIP,
) -> Figure:
    """Show a grid of attributions, each scaled by itself, as :func:`picture` does.

    Raises
    ------
    ValueError
        For rows of different lengths, no pictures, titles of another shape, and as `picture`.
    """
    columns = {len(row) for row in grid}
    if len(columns) != 1 or columns == {0}:
        raise ValueError(
            f"pictures: expected rows of one length >= 1, got {[len(row) for row in grid]}"
        )
    if titles is not None and [len(row) for row in titles] != [len(row) for row in grid]:
        raise ValueError(
            f"pictures: expected one title a picture, {[len(row) for row in grid]} in the rows, "
            f"got {[len(row) for row in titles]}"
        )
    figure, axes = _grid(len(grid), columns.pop())
    for i, row in enumerate(grid):
        for j, relevance in enumerate(row):
            picture(relevance, axes[i, j], clip=clip, title=titles[i][j] if titles else "")
    return figure


def photograph(pictures: Pictures, *, clip: float = CLIP) -> Figure:
    """Show what a study of a photograph drew: one row a depth, the prediction beside the rules.

    All but the photograph are shown less the mean of each channel (grey is the mean), in the
    range of their own `clip`-th percentile; below them stands the correlation of just these
    pictures with the prediction and with the photograph.
    """
    figure, axes = _grid(len(pictures.drawn), len(_COLUMNS))
    for row, drawn in zip(axes, pictures.drawn, strict=True):
        _show(_as_photograph(pictures.image), row[0])
        words = "layer" if drawn.depth == 1 else "layers"
        row[0].set_ylabel(f"{drawn.depth} {words} of {drawn.filters} filters")
        shown = (pictures.predicted, drawn.guided, drawn.gradient)
        others = {"prediction": pictures.predicted, "photograph": pictures.image}
        for ax, values in zip(row[1:], shown, strict=True):
            picture(detail(values), ax, clip=clip)
            lines = [
                f"correlation with the {name} {_rounded(correlation(values, other))}"
                for name, other in others.items()
                if other is not values
            ]
            ax.set_xlabel("\n".join(lines), fontsize="small")
    for ax, name in zip(axes[0], _COLUMNS, strict=True):
        ax.set_title(name)
    return figure


def alignment_by_layer(frame: "pd.DataFrame", axes: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw the table of `studies.alignment_by_layer`: one Axes a rule, level against alignment.

    Trained and random networks with their confidence intervals, and crosses where theory predicts
    random ones.

    Raises
    ------
    ValueError
        For a number of axes that is not the number of rules in the table.
    """
    rules = list(dict.fromkeys(frame["rule"]))
    if axes is None:
        width = min(len(rules), 3)
        figure, grid = plt.subplots(
            -(-len(rules) // width),
            width,
            squeeze=False,
            sharex=True,
            sharey=True,
            layout="constrained",
        )
        axes = list(grid.flat)[: len(rules)]
        for unused in list(grid.flat)[len(rules) :]:
            unused.remove()
        figure.supxlabel("level (0 is the input)")
        figure.supylabel("root mean square of cos(g, a)")
    if len(axes) != len(rules):
        raise ValueError(
            f"alignment_by_layer: expected one Axes for each of {rules}, got {len(axes)}"
        )
    for rule, ax in zip(rules, axes, strict=True):
        _levels(frame[frame["rule"] == rule], ax)
        ax.set_title(str(rule))
    axes[0].legend()
    return list(axes)


def _levels(rows: "pd.DataFrame", ax: Axes) -> None:
    levels = rows["level"].to_numpy()
    for kind, style in _KINDS.items():
        middle, low, high = (
            rows[column].to_numpy() for column in (kind, f"{kind}_low", f"{kind}_high")
        )
        sides = np.stack([middle - low, high - middle])
        ax.errorbar(levels, middle, yerr=sides, fmt=style, label=kind)
    predicted = rows["predicted"].to_numpy()
    if not np.isnan(predicted).all():
        ax.plot(levels, predicted, "kx", markersize=10, label="predicted, random", zorder=3)
    ax.set_xticks(levels)
    ax.set_ylim(0, 1.02)


def _grid(rows: int, columns: int) -> tuple[Figure, Array]:
    return plt.subplots(
        rows, columns, squeeze=False, figsize=(2.6 * columns, 3.3 * rows), layout="constrained"
    )


def _show(pixels: Array, ax: Axes) -> None:
    if pixels.shape[2] == 1:
        ax.imshow(pixels[:, :, 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    else:
        ax.imshow(pixels, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])


def _rounded(value: float) -> str:
    """Return two decimals, without a sign before 0.00."""
    return f"{round(value, 2) + 0.0:.2f}"


def _as_photograph(image: Array) -> Array:
    """Return an image as 8 bits: 0 black and 1 white, or its extremes where they lie outside.

    Three channels are colours, of any other number the mean is shown.
    """
    wide = image.astype(np.float64)
    shown = wide if len(wide) == 3 else wide.mean(axis=0, keepdims=True)
    low, high = min(0.0, shown.min()), max(1.0, shown.max())
    scaled = np.round(255 * (shown - low) / (high - low)).astype(np.uint8)
    return scaled.transpose(1, 2, 0)
