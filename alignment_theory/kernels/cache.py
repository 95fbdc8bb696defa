"""Where compiled kernels are kept: in the user's cache folder, never inside the package.

Numba's own choice is ``__pycache__`` beside the source. pip does not know the files there: they
would outlive the package, and their folder would stand in the way of another installation.
"""

import hashlib
import inspect
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

UNUSABLE = (OSError, EOFError, pickle.UnpicklingError)
"""What Numba raises for a cache that is damaged or full; the kernels raise none of these."""


def user_cache() -> Path:
    """Return the package's folder in the user's cache, made where it is missing.

    It is ``alignment_theory`` in ``$XDG_CACHE_HOME``, or in ``~/.cache`` where that is not set (to
    an absolute path, as the convention asks).

    Raises
    ------
    OSError
        Where it cannot be made or written.
    RuntimeError
        Where the user has no home.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    folder = (base if base.is_absolute() else Path.home() / ".cache") / "alignment_theory"
    _make_usable(folder)
    return folder


def folder_for(function: Callable[..., Any], base: Path) -> Path:
    """Return the folder below `base` for a function's machine code, made where it is missing.

    Its name is a hash of the source file, so that code of another source is never taken.

    Raises
    ------
    OSError, TypeError
        Where the function has no source file, and where the folder cannot be written.
    """
    source = Path(inspect.getfile(function)).read_bytes()
    folder = base / "kernels" / hashlib.sha256(source).hexdigest()[:16]
    _make_usable(folder)
    return folder


def _make_usable(folder: Path) -> None:
    """Make a folder and raise OSError unless a file can be written in it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(f"{folder} cannot be written ({error.strerror})") from None
