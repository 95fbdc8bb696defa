"""The command line: parsing, and nothing else. ``alignment-theory --help`` lists the commands."""

import sys
import warnings

from rich.console import Console

from alignment_theory.cli import explaining, judging, theorems
from alignment_theory.cli.common import Interrupted, app

__all__ = ["app", "explaining", "judging", "main", "theorems"]


def main() -> None:
    """Run the command line; exit code 2 with a message for bad input, 130 after Ctrl-C."""
    warnings.showwarning = _show_warning
    try:
        app()
    except (ValueError, OSError) as error:
        _say(f"error: {error}", style="red")
        sys.exit(2)
    except (Interrupted, KeyboardInterrupt) as stop:
        _say(str(stop) or "interrupted")
        sys.exit(130)


def _show_warning(message: Warning | str, *where: object, **more: object) -> None:
    """Print a warning as users of a command read it, without the line of code that gave it."""
    _say(f"warning: {message}", style="yellow")


def _say(words: str, style: str = "") -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(words, markup=False, style=style)
