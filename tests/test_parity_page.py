"""PARITY.md: its table of settings is that of `DIALECTS`, and the tests that it names exist."""

import ast
import re
from dataclasses import MISSING, fields
from enum import StrEnum
from pathlib import Path

import convolutional_cases
import numpy as np
import ours
import pytest

import alignment_theory
from alignment_theory import DIALECTS, Method, dialect
from alignment_theory.rules.dialects import ZennitComposite

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "PARITY.md").read_text(encoding="utf-8")
NAMES = vars(alignment_theory) | {"ZennitComposite": ZennitComposite}

BOXED = {("zennit", "ZBox"), ("rpjl", "ZBox")}
"""Dialects that have no default box."""

HEAD = "| library | rule | the setting that makes ours equal | how it differs from our default |"


def code(value):
    """Return Python code that builds a method from the parameters that are not its defaults."""
    if isinstance(value, StrEnum):
        return repr(str(value))
    if isinstance(value, np.ndarray | np.generic):
        return repr(value.tolist())
    if not isinstance(value, Method):
        return repr(value)
    shown = []
    for entry in fields(value):
        found = code(getattr(value, entry.name))
        if entry.default is MISSING or found != code(entry.default):
            shown.append(f"{entry.name}={found}")
    return f"{type(value).__name__}({', '.join(shown)})"


def setting_of(library, rule):
    """Return the code that builds a dialect of ours."""
    return code(dialect(library, rule, *((0.0, 1.0) if (library, rule) in BOXED else ())))


def rows():
    """Return the rows that the table of settings must have."""
    return [
        f"| {library} | {rule} | `{setting_of(library, rule)}` | {entry.difference} |"
        for (library, rule), entry in DIALECTS.items()
    ]


def table():
    """Return the rows of the page's table of settings."""
    lines = PAGE.splitlines()
    start = lines.index(HEAD) + 2
    stop = next(k for k in range(start, len(lines)) if not lines[k].startswith("|"))
    return lines[start:stop]


def named_tests():
    return sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", PAGE)))


def test_the_table_of_settings_is_that_of_the_dialects():
    assert table() == rows()


@pytest.mark.parametrize("row", table(), ids=lambda row: ":".join(row.split(" | ")[:2])[2:])
def test_a_setting_on_the_page_builds_the_dialect(row):
    library, rule, setting, _ = row.strip("| ").split(" | ")
    built = eval(setting.strip("`"), dict(NAMES))
    assert isinstance(built, Method)
    assert code(built) == setting_of(library, rule)


@pytest.mark.parametrize("name", named_tests())
def test_a_test_that_the_page_names_exists(name):
    path, _, function = name.partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_line_of_formulas_names_a_test():
    marks = set(re.findall(r"^- \*\*(\w)\*\*: `tests/", PAGE, re.MULTILINE))
    assert len(marks) > 5
    formulas = PAGE[PAGE.index("## Formulas") : PAGE.index("## Settings")].splitlines()
    lines = [line for line in formulas if line.startswith("| ") and not line.startswith("| rule")]
    assert len(lines) > 15
    for line in lines:
        cited = line.strip("| ").rsplit(" | ", 1)[1].split()
        assert cited and set(cited) <= marks, line


def test_every_numbered_break_names_a_test_and_the_15_known_are_there():
    breaks = re.split(r"\n(?=\d+\. )", PAGE[PAGE.index("## Where theirs leaks") :])[1:]
    assert len(breaks) >= 15
    for number, item in enumerate(breaks, 1):
        assert item.startswith(f"{number}. **")
        assert re.search(r"`tests/[\w/]+\.py::\w+`", item), item


def test_the_numbers_of_records_are_those_that_are_stored():
    dense, convolutional = map(int, re.findall(r"(\d+)(?:\s+records| on convolutional)", PAGE)[:2])
    assert dense == len(ours.reference()["records"])
    assert convolutional == len(convolutional_cases.METHODS)


def test_the_readme_links_the_page():
    assert "(PARITY.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
