"""How many threads linear algebra may use, and work on parts of arrays side by side.

BLAS shares one large product among its threads well, and many small ones badly; what NumPy does
between the products it does not share at all. So parts of an array are worked on by Python threads,
each with one BLAS thread. There are as many as BLAS may use, so that ``OMP_NUM_THREADS`` and
threadpoolctl say how many.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context
from functools import cache
from threading import Lock
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def one_blas_thread() -> AbstractContextManager[object]:
    """Return a context in which BLAS uses one thread, for work on many small matrices.

    On a busy machine the waiting threads of OpenBLAS cost up to 50 times the work itself, and with
    one thread results do not depend on the number of cores.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """Yield what a function returns for every item, in their order, from several threads.

    Inside another such run, where BLAS has one thread, and for a single item it is a plain loop.
    The threads see the caller's context, and so its `numpy.errstate`.
    """
    threads = min(len(items), _blas_threads()) if len(items) > 1 else 1
    if threads == 1:
        yield from map(function, items)
        return
    with _single(), ThreadPoolExecutor(threads) as pool:
        waiting = deque(pool.submit(copy_context().run, function, item) for item in items)
        while waiting:
            yield waiting.popleft().result()


@cache
def _blas() -> Any:
    """Return the controller of the BLAS libraries; finding them takes longer than using it."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def _blas_threads() -> int:
    """Return how many threads BLAS may use, 1 where it is not known."""
    return min((library.num_threads for library in _blas().lib_controllers), default=1)


_LOCK = Lock()
_limits: list[Any] = []  # of the runs in progress; undone last first, whichever run ends first


@contextmanager
def _single() -> Iterator[None]:
    """Let BLAS use one thread while any such context is open, whichever thread opened it."""
    with _LOCK:
        _limits.append(_blas().limit(limits=1))
    try:
        yield
    finally:
        with _LOCK:
            _limits.pop().restore_original_limits()
