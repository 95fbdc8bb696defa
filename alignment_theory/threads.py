"""How many threads linear algebra may use, and work on parts of arrays side by side.

BLAS shares one large product among its threads well, and many small ones badly; what NumPy does
between the products it does not share at all. So parts of an array are worked on by Python threads,
each with one BLAS thread. There are as many as BLAS may use, so that ``OMP_NUM_THREADS`` and
threadpoolctl say how many.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, copy_context
from functools import cache
from itertools import pairwise
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakSet

from numpy.typing import NDArray

Array = NDArray[Any]
Item = TypeVar("Item")

_FEWEST_NUMBERS, _FEWEST_PRODUCTS = 2**20, 2**23
"""What several threads work on at least: some 0.2 ms for one; less costs more than it gains."""

_threads: ContextVar[int] = ContextVar("threads", default=0)
"""How many threads work may be shared among, 0 where that is for BLAS to say."""


def one_blas_thread() -> AbstractContextManager[object]:
    """Return a context in which BLAS uses one thread, for work on many small matrices.

    On a busy machine the waiting threads of OpenBLAS cost up to 50 times the work itself, and with
    one thread results do not depend on the number of cores.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits


def side_by_side(function: Callable[[Item], object], items: Sequence[Item]) -> None:
    """Call a function with every item, in several threads; an error ends it and is raised.

    The caller's thread does its share. Inside another such run, where only one thread is
    `available`, it is a plain loop; so it is for fewer items than threads, which leaves them for
    the work on each item. The threads see the caller's context, and so its `numpy.errstate`.
    """
    threads = available()
    if threads == 1 or len(items) < threads:
        for item in items:
            function(item)
        return
    remaining, lock, end = iter(items), Lock(), object()

    def work() -> None:
        nonlocal remaining
        _threads.set(1)
        try:
            while True:
                with lock:
                    item: Any = next(remaining, end)
                if item is end:
                    return
                function(item)
        finally:
            remaining = iter(())

    with one_pool():
        helpers = [_pool().submit(copy_context().run, work) for _ in range(threads - 1)]
        try:
            copy_context().run(work)
        finally:
            begun = [helper for helper in helpers if not helper.cancel()]
            errors = [helper.exception() for helper in begun]
        for error in filter(None, errors):
            raise error


def by_parts(function: Callable[..., object], *arrays: Array) -> None:
    """Call a function with flat parts of C-ordered arrays of one size, side by side."""
    flat = [array.reshape(-1) for array in arrays]
    threads = useful(flat[0].size)
    if threads == 1:
        function(*flat)
        return
    parts = shares(flat[0].size, threads)
    side_by_side(lambda part: function(*(array[part] for array in flat)), parts)


def shares(count: int, parts: int) -> list[slice]:
    """Return slices that cut so many things into at most so many parts, about equal."""
    parts = min(count, parts)
    if parts <= 1:
        return [slice(0, count)]
    ends = [count * part // parts for part in range(parts + 1)]
    return [slice(*pair) for pair in pairwise(ends)]


def available() -> int:
    """Return how many threads work is shared among: as many as BLAS may use, 1 if not known.

    Also 1 while another thread of the user shares work: all of them are busy then.
    """
    return _threads.get() or (1 if _users else _blas_threads())


def useful(numbers: int, products: int = 0) -> int:
    """Return how many threads work is worth sharing among, that reads or makes so many numbers.

    `products` are the multiplications in products of matrices, which are faster.
    """
    enough = numbers >= _FEWEST_NUMBERS or products >= _FEWEST_PRODUCTS
    return available() if enough else 1


@contextmanager
def one_pool() -> Iterator[None]:
    """Share work in our threads only, and let BLAS use one, for as long as this lasts.

    Around many runs `side_by_side`, which do this each for itself otherwise: threads of BLAS that
    have just worked keep a processor busy for a while.
    """
    if _threads.get():
        yield
        return
    token = _threads.set(available())
    try:
        with _single():
            yield
    finally:
        _threads.reset(token)


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the threads that help; they wait for work until the interpreter ends."""
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "alignment_theory")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has none of them


def _blas_threads() -> int:
    """Return how many threads BLAS may use, 1 where it is not known."""
    return min((library.num_threads for library in _blas()), default=1)


@cache
def _blas() -> list[Any]:
    """Return the BLAS libraries; finding them takes longer than using them."""
    from threadpoolctl import ThreadpoolController

    found: list[Any] = ThreadpoolController().select(user_api="blas").lib_controllers
    return found


_LOCK = Lock()
_users: WeakSet["_User"] = WeakSet()  # who is at work; one that was interrupted is soon gone
_numbers: list[tuple[Any, int]] = []  # how many threads each library may use between the runs


class _User:
    """Somebody at work."""


@contextmanager
def _single() -> Iterator[None]:
    """Let BLAS use one thread while any such context is open, whichever thread opened it.

    The number is changed by the first run and the last only: it must not be while others are at
    work. What an interrupted run has left undone the next one does.
    """
    user = _User()
    try:
        with _LOCK:
            if not _numbers:
                _numbers.extend((library, library.num_threads) for library in _blas())
            _users.add(user)
            for library, _ in _numbers:
                library.set_num_threads(1)
        yield
    finally:
        with _LOCK:
            _users.discard(user)
            if not _users:
                for library, number in _numbers:
                    library.set_num_threads(number)
                _numbers.clear()
