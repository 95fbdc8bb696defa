"""Compiled loops over plain arrays; nothing here knows a network, a rule or a theorem.

Every kernel is a self-contained Python function. It is compiled by Numba when it is first called,
so importing the package costs nothing; the compiled code is kept in the user's cache folder.
Kernels release the interpreter lock and are serial: `alignment_theory.threads` shares work.
``fastmath`` is off, so that NaN and the order of sums are kept.
"""

import threading
from collections.abc import Callable
from functools import cached_property, update_wrapper
from pathlib import Path
from typing import Any

import numpy as np

from alignment_theory.kernels.cache import UNUSABLE, folder_for, user_cache

_CHOOSING = threading.Lock()


class Kernel:
    """A function compiled on first use; on object arrays (exact fractions) it runs as Python."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.py_func = function
        update_wrapper(self, function)

    @cached_property
    def compiled(self) -> Callable[..., Any]:
        """The machine code, from the cache where it is there."""
        return _compile_cached(self.py_func)

    def __call__(self, first: Any, *rest: Any) -> Any:
        """Run the kernel; the first argument's element type decides compiled or Python."""
        if isinstance(first, np.ndarray) and first.dtype == object:
            return self.py_func(first, *rest)
        try:
            return self.compiled(first, *rest)
        except UNUSABLE:
            self.compiled = _compile_uncached(self.py_func)
            return self.compiled(first, *rest)


def kernel(function: Callable[..., Any]) -> Kernel:
    """Declare a function as a kernel (the package's one jit decorator)."""
    return Kernel(function)


def _compile_cached(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function compiled on first call, its machine code kept in the user's cache folder.

    It is kept in ``NUMBA_CACHE_DIR`` where the user has set that, and where no folder can be
    written, nowhere. Numba compares the source with that of the code it finds.
    """
    import numba

    config: Any = numba.config
    plain = _compile_uncached(function)
    # Numba reads this setting as it wraps a function and at no other time. Functions of the user
    # keep their own place, since it is set for that moment only.
    with _CHOOSING:
        chosen = config.CACHE_DIR
        try:
            folder = folder_for(function, Path(chosen) if chosen else user_cache())
            config.CACHE_DIR = str(folder)
            compiled: Callable[..., Any] = numba.njit(cache=True, nogil=True)(function)
        except (OSError, RuntimeError, TypeError):  # no file to write, no home, no source file
            return plain
        finally:
            config.CACHE_DIR = chosen
    stats = getattr(compiled, "stats", None)  # none with NUMBA_DISABLE_JIT
    return compiled if stats and Path(stats.cache_path).is_relative_to(folder) else plain


def _compile_uncached(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function compiled on first call, its machine code kept nowhere."""
    import numba

    compiled: Callable[..., Any] = numba.njit(nogil=True)(function)
    return compiled
