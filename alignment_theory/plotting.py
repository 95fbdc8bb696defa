"""Attributions and the tables of studies as matplotlib Axes. Nothing here shows or saves a figure.

Every function draws on the Axes that it is given, or else on new ones, and returns them.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import cbook
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from alignment_theory.arrays import Array
from alignment_theory.models.images import picture_of, require_picture
from alignment_theory.studies.photograph import Pictures, correlation, detail

if TYPE_CHECKING:
    import pandas as pd

CLIP = 99.5
_KINDS = {"trained": "o-", "random": "s-"}
_NUMBERS = (
    "level",
    "predicted",
    *(kind + end for kind in _KINDS for end in ("", "_low", "_high")),
)
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
        For what :func:`models.images.picture_of` refuses, and for an `ax` that is no Axes.
    """
    pixels = _pixels(relevance, clip, "picture")
    if ax is None:
        _, ax = plt.subplots()
    _require_axes([ax], "picture: ax")
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
        For rows of different lengths, no pictures, titles of another shape or that are no text, and
        as `picture`, naming the row and the column.
    """
    rows = _rows(grid, "pictures: grid")
    counts = [len(row) for row in rows]
    if len(set(counts)) != 1 or not counts[0]:
        raise ValueError(f"pictures: expected rows of one length >= 1, got {counts}")
    words = [[""] * counts[0]] * len(rows) if titles is None else _rows(titles, "pictures: titles")
    if [len(row) for row in words] != counts:
        raise ValueError(
            f"pictures: expected one title a picture, {counts} in the rows, got "
            f"{[len(row) for row in words]}"
        )
    for title in sum(words, []):
        if not isinstance(title, str):
            raise ValueError(f"pictures: titles must be text, got {title!r}")
    shown = [
        [_pixels(one, clip, f"pictures: row {i}, column {j}") for j, one in enumerate(row)]
        for i, row in enumerate(rows)
    ]
    figure, axes = _grid(len(rows), counts[0])
    for ax, pixels, title in zip(axes.flat, sum(shown, []), sum(words, []), strict=True):
        _show(pixels, ax)
        ax.set_title(title)
    return figure


def photograph(pictures: Pictures, *, clip: float = CLIP) -> Figure:
    """Show what a study of a photograph drew: one row a depth, the prediction beside the rules.

    All but the photograph are shown less the mean of each channel (grey is the mean), in the
    range of their own `clip`-th percentile; below them stands the correlation of just these
    pictures with the prediction and with the photograph.

    Raises
    ------
    ValueError
        For what is no :class:`studies.photograph.Pictures`, for no networks, and as `picture`.
    """
    if not isinstance(pictures, Pictures) or not pictures.drawn:
        raise ValueError(
            "photograph: expected the Pictures of at least one network, as "
            f"studies.photograph.pictures gives them, got {pictures!r}"
        )
    image = _as_photograph(pictures.image)
    others = {"prediction": pictures.predicted, "photograph": pictures.image}
    rows = [
        [
            (_pixels(detail(values), clip, "photograph"), _correlations(values, others))
            for values in (pictures.predicted, drawn.guided, drawn.gradient)
        ]
        for drawn in pictures.drawn
    ]
    figure, axes = _grid(len(rows), len(_COLUMNS))
    for places, drawn, row in zip(axes, pictures.drawn, rows, strict=True):
        _show(image, places[0])
        words = "layer" if drawn.depth == 1 else "layers"
        places[0].set_ylabel(f"{drawn.depth} {words} of {drawn.filters} filters")
        for ax, (pixels, below) in zip(places[1:], row, strict=True):
            _show(pixels, ax)
            ax.set_xlabel(below, fontsize="small")
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
        For another table or an empty one, and for a number of axes that is not the number of rules.
    """
    _require_table(frame)
    rules = list(dict.fromkeys(frame["rule"]))
    if axes is None:
        axes = _axes_for(len(rules))
    if isinstance(axes, str) or not isinstance(axes, Iterable):
        raise ValueError(f"alignment_by_layer: axes must be a sequence of Axes, got {axes!r}")
    axes = list(axes)
    _require_axes(axes, "alignment_by_layer: axes")
    if len(axes) != len(rules):
        raise ValueError(
            f"alignment_by_layer: expected one Axes for each of {rules}, got {len(axes)}"
        )
    for rule, ax in zip(rules, axes, strict=True):
        _levels(frame[frame["rule"] == rule], ax)
        ax.set_title(str(rule))
    axes[0].legend()
    return axes


def _require_table(frame: "pd.DataFrame") -> None:
    """Raise ValueError for what is no table of `studies.alignment_by_layer`."""
    import pandas as pd

    wanted = "the table that studies.alignment_by_layer gives"
    if not isinstance(frame, pd.DataFrame):
        raise ValueError(f"alignment_by_layer: expected {wanted}, got {type(frame).__name__}")
    missing = [name for name in ("rule", *_NUMBERS) if name not in frame]
    if missing:
        raise ValueError(f"alignment_by_layer: expected {wanted}, got one without {missing}")
    if frame.empty:
        raise ValueError(f"alignment_by_layer: expected {wanted}, got one without rows")
    words = [name for name in _NUMBERS if not pd.api.types.is_numeric_dtype(frame[name])]
    if words:
        raise ValueError(f"alignment_by_layer: the columns {words} must hold numbers")


def _axes_for(count: int) -> list[Axes]:
    """Return the Axes of a new figure, one a rule."""
    width = min(count, 3)
    figure, grid = plt.subplots(
        -(-count // width), width, squeeze=False, sharex=True, sharey=True, layout="constrained"
    )
    for unused in list(grid.flat)[count:]:
        unused.remove()
    figure.supxlabel("level (0 is the input)")
    figure.supylabel("root mean square of cos(g, a)")
    return list(grid.flat)[:count]


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


def _rows(grid: object, name: str) -> list[list[Any]]:
    """Return rows as lists; ValueError for what is no sequence of sequences, such as text."""
    outer = _entries(grid, f"{name} must be a sequence of rows")
    return [_entries(row, f"{name}: row {i} must be a sequence") for i, row in enumerate(outer)]


def _entries(values: object, words: str) -> list[Any]:
    if isinstance(values, str | bytes) or not isinstance(values, Sequence | np.ndarray):
        raise ValueError(f"{words}, got {values!r}")
    if isinstance(values, np.ndarray) and not values.ndim:
        raise ValueError(f"{words}, got a single number")
    return list(values)


def _require_axes(axes: Sequence[object], name: str) -> None:
    for ax in axes:
        if not isinstance(ax, Axes):
            raise ValueError(f"{name}: expected matplotlib Axes, got {ax!r}")


def _pixels(relevance: ArrayLike, clip: float, where: str) -> Array:
    try:
        return picture_of(relevance, clip)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _correlations(values: Array, others: Mapping[str, Array]) -> str:
    """Return a line for each picture that is another one."""
    return "\n".join(
        f"correlation with the {name} {_rounded(correlation(values, other))}"
        for name, other in others.items()
        if other is not values
    )


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
    wide = require_picture(image, "photograph: the image must be an array")
    shown = wide if len(wide) == 3 else wide.mean(axis=0, keepdims=True)
    low, high = min(0.0, shown.min()), max(1.0, shown.max())
    scaled = np.round(255 * (shown - low) / (high - low)).astype(np.uint8)
    return scaled.transpose(1, 2, 0)
