"""Every Python example of the README runs and prints what it says."""

import doctest
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_examples_print_what_the_readme_says():
    text = README.read_text(encoding="utf-8").replace("```", "")
    found = doctest.DocTestParser().get_doctest(text, {}, "README.md", str(README), 0)
    assert len(found.examples) > 10
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(found)
    assert runner.failures == 0


def test_commands_that_ci_takes_from_the_readme_are_there():
    lines = README.read_text(encoding="utf-8").splitlines()
    for command in (
        "pip install . && alignment-theory verify",
        "pip install -e '.[test]' && pytest",
        "pip install -q -e '.[lint]' && ruff check . && ruff format --check . && mypy",
    ):
        assert command in lines
