"""Notebooks run from top to bottom, and the README quotes what they print."""

import contextlib
import io
import json
import re
from pathlib import Path

import matplotlib
import pytest
from matplotlib import pyplot as plt
from PIL import Image

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Settings that replace those of the cell tagged "parameters".
QUICK = {
    "photograph": {
        "height": 30,
        "width": 26,
        "depths": (1, 1, 3, 4),
        "filters": (4, 16, 8, 8),
        "networks": 2,
    }
}
NUMBER = re.compile(r"-?\d+\.\d+|NaN")


def _cells(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def _stored(path):
    outputs = [output for cell in _cells(path) for output in cell["outputs"]]
    assert all(output["output_type"] == "stream" for output in outputs)
    return "".join("".join(output["text"]) for output in outputs)


def _run(path, folder, monkeypatch, settings):
    """Run the code cells in a folder and return what they print."""
    monkeypatch.chdir(folder)
    matplotlib.use("Agg")
    names, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        for cell in _cells(path):
            exec("".join(cell["source"]), names)
            if "parameters" in cell["metadata"].get("tags", ()):
                assert set(settings) <= set(names)
                names |= settings
    plt.close("all")
    return printed.getvalue()


def test_every_notebook_has_quick_settings():
    assert {path.stem for path in NOTEBOOKS} == set(QUICK)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path, tmp_path, monkeypatch):
    printed = _run(path, tmp_path, monkeypatch, QUICK[path.stem])
    stored = _stored(path).splitlines()
    assert len(printed.splitlines()) == len(stored)
    assert printed.splitlines()[0].split() == stored[0].split()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_as_run_from_top_to_bottom(path):
    counts = [cell["execution_count"] for cell in _cells(path)]
    assert counts == list(range(1, len(counts) + 1))
    assert path.stat().st_size < 500_000


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_print_what_is_stored(path, tmp_path, monkeypatch):
    """Up to one unit of the second decimal, which another machine may round the other way."""
    printed = _run(path, tmp_path, monkeypatch, {})
    stored = _stored(path)
    assert NUMBER.sub("", printed).split() == NUMBER.sub("", stored).split()
    found, expected = (
        [float(number) for number in NUMBER.findall(text)] for text in (printed, stored)
    )
    assert found == pytest.approx(expected, abs=0.0101, rel=0, nan_ok=True)


def test_the_photograph_is_drawn_and_the_readme_shows_it(tmp_path, monkeypatch):
    path = ROOT / "notebooks" / "photograph.ipynb"
    _run(path, tmp_path, monkeypatch, QUICK["photograph"])
    with (
        Image.open(tmp_path / "photograph.png") as drawn,
        Image.open(path.with_suffix(".png")) as stored,
    ):
        assert drawn.size == stored.size
    assert "](notebooks/photograph.png)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_quotes_the_notebook():
    """Its table of medians is the notebook's, row by row."""
    stored = [line.split() for line in _stored(ROOT / "notebooks" / "photograph.ipynb").split("\n")]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    assert len(rows) == 4
    for depth, filters, *cells in rows:
        for compared, cell in zip(("prediction", "photograph"), cells, strict=True):
            (line,) = [
                words
                for words in stored
                if words[:4] == [depth, filters, "GuidedBackprop", compared]
            ]
            assert cell == f"{line[5]} [{line[6]}, {line[7]}]"
