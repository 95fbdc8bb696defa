"""What the commands share: the app, options, checks of what is given, the console and progress."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup


class Interrupted(Exception):
    """Ctrl-C, with what to tell the user."""


class _Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Run a command; Typer itself would end the process without a word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("interrupted") from None


def _file(text: str) -> Path:
    if not text:
        raise typer.BadParameter("expected the name of a file, got an empty path")
    return Path(text)


def file_option(text: str) -> Any:
    """Return an option that takes the name of a file, with its help."""
    return typer.Option(parser=_file, metavar="FILE", help=text)


app = typer.Typer(
    cls=_Commands,
    help="State, predict and test theorems about modified-backpropagation attributions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Ids = Annotated[list[str] | None, typer.Argument(help="Ids of theorems; all of them for none.")]
Settings = Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE...")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes; one a core by default.")]
JsonFile = Annotated[Path | None, file_option("Write the results to this file.")]


def cache_folder() -> Path | None:
    """Return the folder for trained classifiers, by the XDG convention; None if it is unusable."""
    from alignment_theory.kernels.cache import user_cache

    try:
        return user_cache()
    except (OSError, RuntimeError) as error:
        note = f"no cache for trained classifiers: {error}"
        Console(stderr=True, soft_wrap=True).print(note, markup=False)
        return None


def cores() -> int:
    """Return the cores that this process may use, where the system tells; else all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def require_writable(path: Path, option: str, *, inputs: Iterable[Path] = ()) -> None:
    """Raise ValueError, before any work is done, where a file cannot or should not be put.

    It should not where one of the `inputs` is.
    """
    from alignment_theory.models.files import destination

    try:
        target, there = destination(path)
    except (ValueError, OSError) as error:
        raise ValueError(f"{option}: {error}") from None
    if not os.access(target.parent, os.W_OK):
        raise ValueError(f"{option}: the folder {target.parent} cannot be written")
    for other in inputs:
        exist = there is not None and other.exists()
        if target.samefile(other) if exist else target == Path(os.path.realpath(other)):
            raise ValueError(
                f"{option}: expected a file of its own, got {path}, which would overwrite {other}; "
                "give another name"
            )


@contextmanager
def reading(option: str, path: Path) -> Iterator[None]:
    """Name the option in the error where a file that it gives cannot be read or is refused."""
    try:
        yield
    except FileNotFoundError:
        raise ValueError(
            f"{option}: there is no file {path}; give the path of one that is there"
        ) from None
    except OSError as error:
        raise ValueError(
            f"{option}: {path} cannot be read ({error.strerror}); give another file, or the right "
            "to read this one"
        ) from None
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None


def require_known(identifiers: Iterable[str]) -> None:
    """Raise ValueError for the first id that no theorem has, with the ids that look like it."""
    from difflib import get_close_matches

    from alignment_theory.theory import CATALOGUE, theorem

    for identifier in identifiers:
        close = get_close_matches(identifier.lower(), CATALOGUE)
        if identifier not in CATALOGUE and close:
            raise ValueError(
                f"no theorem {identifier!r}; did you mean {' or '.join(close)}? "
                "alignment-theory list shows all"
            )
        theorem(identifier)


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
