"""What is drawn: the data of the artists, not pixels."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from PIL import Image

from alignment_theory import plotting
from alignment_theory.models.images import picture_of
from alignment_theory.studies.photograph import Drawn, Pictures, detail

pytestmark = pytest.mark.usefixtures("closed")


@pytest.fixture
def closed(monkeypatch):
    """Draw without a screen, let nothing be shown, and close what was opened."""
    matplotlib.use("Agg")
    monkeypatch.setattr(plt, "show", None)
    yield
    plt.close("all")


def _shown(ax):
    (image,) = ax.get_images()
    return np.asarray(image.get_array())


def _relevance(channels=3):
    return np.random.default_rng(channels).standard_normal((channels, 5, 4))


def test_the_sample_photograph_is_there():
    with Image.open(plotting.sample_photograph()) as photo:
        assert photo.size == (512, 600)


def test_a_picture_is_scaled_as_files_are():
    relevance = _relevance()
    ax = plotting.picture(relevance, clip=90, title="Gradient")
    assert isinstance(ax, Axes) and ax.get_title() == "Gradient"
    assert (_shown(ax) == picture_of(relevance, 90)).all()
    _, own = plt.subplots()
    assert plotting.picture(relevance, own) is own
    assert (_shown(own) == picture_of(relevance, plotting.CLIP)).all()


@pytest.mark.parametrize("channels", [1, 5])
def test_other_channels_are_shown_in_greys_around_0(channels):
    relevance = _relevance(channels)
    ax = plotting.picture(relevance, clip=100)
    assert (_shown(ax) == picture_of(relevance)[:, :, 0]).all()
    (image,) = ax.get_images()
    assert image.get_clim() == (0, 255) and image.get_cmap().name == "gray"
    assert plotting.picture(0 * relevance).get_images()[0].get_array().tolist() == [[128] * 4] * 5


def test_grids_of_pictures():
    grid = [[k * _relevance(), _relevance(1)] for k in (1, 2)]
    figure = plotting.pictures(grid, [["a", "b"], ["c", "d"]], clip=80)
    assert [ax.get_title() for ax in figure.axes] == ["a", "b", "c", "d"]
    assert (_shown(figure.axes[2]) == picture_of(grid[1][0], 80)).all()
    assert (_shown(figure.axes[3]) == picture_of(grid[1][1], 80)[:, :, 0]).all()
    assert not any(ax.get_title() for ax in plotting.pictures(grid).axes)


BAD_GRIDS = {
    "no rows": ([], None, "rows of one length"),
    "no columns": ([[]], None, "rows of one length"),
    "ragged": ([[np.ones((1, 2, 2))], []], None, r"got \[1, 0\]"),
    "titles": ([[np.ones((1, 2, 2))]], [["a", "b"]], "one title a picture"),
    "nothing": (None, None, "grid must be a sequence of rows, got None"),
    "a number": ([3], None, "grid: row 0 must be a sequence, got 3"),
    "text": ("ab", None, "grid must be a sequence of rows, got 'ab'"),
    "text for a row of titles": ([[np.ones((1, 2, 2))]], ["a"], "titles: row 0 must be .* got 'a'"),
    "no row of titles": ([[np.ones((1, 2, 2))]], [None], "titles: row 0 must be .* got None"),
    "a title that is no text": ([[np.ones((1, 2, 2))]], [[3]], "titles must be text, got 3"),
    "one that is no picture": (
        [[np.ones((1, 2, 2)), np.full((1, 2, 2), np.nan)]],
        None,
        "pictures: row 0, column 1: .*expected finite numbers, got nan",
    ),
}


@pytest.mark.parametrize("name", BAD_GRIDS)
def test_bad_grids(name):
    grid, titles, message = BAD_GRIDS[name]
    with pytest.raises(ValueError, match=message):
        plotting.pictures(grid, titles)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("relevance", "clip", "message"),
    [
        (np.ones((2, 2)), 99, r"got shape \(2, 2\)"),
        (np.ones((1, 2, 2)), 0, "clip must be a percentile"),
        (np.ones((1, 2, 2)), 101, "clip must be a percentile"),
        (np.ones((1, 2, 2)), "a", r"clip must be a percentile in .*, got 'a'"),
        (np.full((1, 2, 2), np.nan), 99, "picture: .*expected finite numbers, got nan"),
        (np.ones((0, 2, 2)), 99, "at least one entry"),
        (np.ones((1, 2, 2)) * 1j, 99, "got dtype complex128"),
    ],
)
def test_bad_pictures(relevance, clip, message):
    with pytest.raises(ValueError, match=message):
        plotting.picture(relevance, clip=clip)
    assert not plt.get_fignums()


def test_a_photograph_beside_what_networks_show():
    image = np.random.default_rng(0).uniform(size=(3, 5, 4))
    first = Drawn(1, 8, 2 * image + 5, -image)
    second = Drawn(3, 4, image**2, _relevance())
    pictures = Pictures(image, image**2, (first, second))
    figure = plotting.photograph(pictures, clip=90)
    axes = np.array(figure.axes).reshape(2, 4)
    for row, drawn in zip(axes, pictures.drawn, strict=True):
        assert (_shown(row[0]) == np.round(255 * image.transpose(1, 2, 0))).all()
        for ax, values in zip(row[1:], (image**2, drawn.guided, drawn.gradient), strict=True):
            assert (_shown(ax) == picture_of(detail(values), 90)).all()
    assert axes[0, 0].get_ylabel() == "1 layer of 8 filters"
    assert axes[1, 0].get_ylabel() == "3 layers of 4 filters"
    under = [ax.get_xlabel().splitlines() for ax in axes.flat]
    assert under[0] == [] and len(under[1]) == 1
    assert under[2][1] == "correlation with the photograph 1.00"
    assert under[3][1] == "correlation with the photograph -1.00"
    assert under[6][0] == "correlation with the prediction 1.00"
    assert [ax.get_title() != "" for ax in axes.flat] == [True] * 4 + [False] * 4


GOOD = np.ones((1, 2, 2))
BAD_PICTURES = {
    "nothing": (None, "expected the Pictures of at least one network, .* got None"),
    "no networks": (Pictures(GOOD, GOOD, ()), "expected the Pictures of at least one network"),
    "an image that is not finite": (
        Pictures(np.inf * GOOD, GOOD, (Drawn(1, 1, GOOD, GOOD),)),
        "photograph: the image must be an array: expected finite numbers, got inf",
    ),
    "a flat image": (Pictures(GOOD[0], GOOD, (Drawn(1, 1, GOOD, GOOD),)), r"got shape \(2, 2\)"),
}


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_bad_photographs(name):
    pictures, message = BAD_PICTURES[name]
    with pytest.raises(ValueError, match=message):
        plotting.photograph(pictures)
    assert not plt.get_fignums()


def test_only_axes_are_drawn_on():
    with pytest.raises(ValueError, match="picture: ax: expected matplotlib Axes, got 3"):
        plotting.picture(GOOD, 3)
    with pytest.raises(ValueError, match="axes must be a sequence of Axes, got 3"):
        plotting.alignment_by_layer(_table(), 3)
    with pytest.raises(ValueError, match="axes: expected matplotlib Axes, got 'b'"):
        plotting.alignment_by_layer(_table(), ["b", "c"])


@pytest.mark.parametrize("channels", [1, 2])
def test_grey_photographs_and_centred_ones(channels):
    image = 3 * _relevance(channels)
    grey = Pictures(image, image, (Drawn(1, 1, image, image),))
    shown, mean = _shown(plotting.photograph(grey).axes[0]), image.mean(axis=0)
    assert mean.min() < 0 and mean.max() > 1
    assert (shown == np.round(255 * (mean - mean.min()) / np.ptp(mean))).all()


def _table():
    rows = []
    for rule, predicted in (("GuidedBackprop", 0.5), ("AlphaBeta", np.nan)):
        for level in range(3):
            row = {"rule": rule, "level": level, "predicted": predicted / (level + 1)}
            for kind, value in (("trained", 0.8), ("random", 0.6)):
                value -= level / 10
                row |= {kind: value, f"{kind}_low": value - 0.1, f"{kind}_high": value + 0.05}
            rows.append(row)
    return pd.DataFrame.from_records(rows)


def test_alignment_by_layer_draws_the_table():
    first, second = plotting.alignment_by_layer(_table())
    assert (first.get_title(), second.get_title()) == ("GuidedBackprop", "AlphaBeta")
    trained, random = first.containers
    assert (trained.get_label(), random.get_label()) == ("trained", "random")
    assert trained.lines[0].get_xdata().tolist() == [0, 1, 2]
    assert trained.lines[0].get_ydata() == pytest.approx([0.8, 0.7, 0.6])
    segments = np.array(random.lines[2][0].get_segments())
    assert segments[:, :, 1] == pytest.approx(np.array([[0.5, 0.65], [0.4, 0.55], [0.3, 0.45]]))
    (crosses,) = [line for line in first.lines if line.get_label() == "predicted, random"]
    assert crosses.get_ydata() == pytest.approx([0.5, 0.25, 0.5 / 3])
    assert not [line for line in second.lines if line.get_label() == "predicted, random"]
    assert first.get_legend() is not None


def test_alignment_by_layer_draws_on_axes_that_it_is_given():
    _, axes = plt.subplots(1, 2)
    assert plotting.alignment_by_layer(_table(), list(axes)) == list(axes)
    with pytest.raises(ValueError, match="one Axes for each of .*AlphaBeta.*, got 1"):
        plotting.alignment_by_layer(_table(), axes[:1])


BAD_TABLES = {
    "nothing": (
        lambda table: None,
        "the table that studies.alignment_by_layer gives, got NoneType",
    ),
    "no columns": (
        lambda table: table[["rule", "level"]],
        r"without \['predicted', 'trained', 'tr",
    ),
    "one column less": (lambda table: table.drop(columns="random_low"), r"out \['random_low'\]"),
    "no rows": (lambda table: table[:0], "got one without rows"),
    "words": (lambda table: table.assign(trained="a"), r"columns \['trained'\] must hold numbers"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_tables(name):
    change, message = BAD_TABLES[name]
    with pytest.raises(ValueError, match=f"^alignment_by_layer: .*{message}"):
        plotting.alignment_by_layer(change(_table()))
    assert not plt.get_fignums()


def test_more_rules_than_a_row_holds():
    table = pd.concat([_table().assign(rule=name) for name in "abcd"])
    axes = plotting.alignment_by_layer(table)
    assert len(axes) == 4 == len(axes[0].figure.axes)
