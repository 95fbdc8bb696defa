"""Compiled loops over plain arrays; nothing here knows a network, a rule or a theorem.

Every kernel is a self-contained Python function. It is compiled by Numba when it is first called,
so importing the package costs nothing; the compiled code is cached on disk. Kernels release the
interpreter lock and are serial: parallelism comes from threads over the batch. ``fastmath`` is
off, so that NaN and the order of sums are kept.
"""

from collections.abc import Callable
from functools import cached_property, update_wrapper
from typing import Any

import numpy as np


class Kernel:
    """A function compiled on first use; on object arrays (exact fractions) it runs as Python."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.py_func = function
        update_wrapper(self, function)

    @cached_property
    def compiled(self) -> Callable[..., Any]:
        """The machine code; compiled without a disk cache where no cache can be written."""
        import numba

        try:
            compiled: Callable[..., Any] = numba.njit(cache=True, nogil=True)(self.py_func)
        except RuntimeError:
            compiled = numba.njit(nogil=True)(self.py_func)
        return compiled

    def __call__(self, first: Any, *rest: Any) -> Any:
        """Run the kernel; the first argument's element type decides compiled or Python."""
        if isinstance(first, np.ndarray) and first.dtype == object:
            return self.py_func(first, *rest)
        return self.compiled(first, *rest)


def kernel(function: Callable[..., Any]) -> Kernel:
    """Declare a function as a kernel (the package's one jit decorator)."""
    return Kernel(function)
