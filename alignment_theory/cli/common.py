"""What the commands share: the app, options, checks of paths, the console and progress."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(
    help="State, predict and test theorems about modified-backpropagation attributions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Ids = Annotated[list[str] | None, typer.Argument(help="Ids of theorems; all of them for none.")]
Settings = Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE...")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes; one a core by default.")]
JsonFile = Annotated[Path | None, typer.Option(help="Write the results to this file.")]


def cache_folder() -> Path | None:
    """Return the folder for trained classifiers, by the XDG convention; None if it is unusable."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        folder = Path(base) / "alignment_theory"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
        reason = f"{folder} cannot be written"
    except (OSError, RuntimeError) as error:
        reason = str(error)
    Console(stderr=True).print(f"no cache for trained classifiers: {reason}", markup=False)
    return None


def cores() -> int:
    """Return the cores that this process may use, where the system tells; else all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def require_writable(path: Path, option: str) -> None:
    """Raise ValueError, before any work is done, where a file cannot be put at `path`."""
    folder = path.resolve().parent
    if not path.name or path.is_dir():
        raise ValueError(f"{option}: expected the name of a file, got {str(path)!r}")
    if not folder.is_dir():
        raise ValueError(f"{option}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"{option}: the folder {folder} cannot be written")


def pairs_of(settings: list[str] | None) -> dict[str, str]:
    """Return NAME=VALUE arguments as a mapping; ValueError for other forms and for repeats."""
    pairs: dict[str, str] = {}
    for text in settings or []:
        name, separator, value = text.partition("=")
        if not separator or not name or not value:
            raise ValueError(f"expected NAME=VALUE, got {text!r}")
        if name in pairs:
            raise ValueError(f"{name} is given twice")
        pairs[name] = value
    return pairs


def console() -> Console:
    """Return a console of the terminal's width, wide where output goes to a file."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


@contextmanager
def progress(total: int, words: str) -> "Iterator[Callable[[str], None]]":
    """Show a bar on stderr while checks run; nothing where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn(words),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda words: bar.update(task, advance=1, description=words)
