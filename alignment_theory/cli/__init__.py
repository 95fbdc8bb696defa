"""The command line: parsing, and nothing else. ``alignment-theory --help`` lists the commands."""

import sys

from rich.console import Console

from alignment_theory.cli import explaining, judging, theorems
from alignment_theory.cli.common import Interrupted, app

__all__ = ["app", "explaining", "judging", "main", "theorems"]


def main() -> None:
    """Run the command line; exit code 2 with a message for bad input, 130 after Ctrl-C."""
    try:
        app()
    except (ValueError, OSError) as error:
        _say(f"error: {error}", style="red")
        sys.exit(2)
    except (Interrupted, KeyboardInterrupt) as stop:
        _say(str(stop) or "interrupted")
        sys.exit(130)


def _say(words: str, style: str = "") -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(words, markup=False, style=style)
