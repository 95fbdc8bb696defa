"""The command line: parsing, and nothing else. ``alignment-theory --help`` lists the commands."""

import sys

from rich.console import Console

from alignment_theory.cli import explaining, judging, theorems
from alignment_theory.cli.common import app

__all__ = ["app", "explaining", "judging", "main", "theorems"]


def main() -> None:
    """Run the command line; bad input ends with a message and exit code 2."""
    try:
        app()
    except (ValueError, OSError) as error:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"error: {error}", markup=False, style="red")
        sys.exit(2)
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted")
        sys.exit(130)
