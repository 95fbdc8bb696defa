"""How many threads linear algebra may use."""

from contextlib import AbstractContextManager


def one_blas_thread() -> AbstractContextManager[object]:
    """Return a context in which BLAS uses one thread, for work on many small matrices.

    On a busy machine the waiting threads of OpenBLAS cost up to 50 times the work itself, and with
    one thread results do not depend on the number of cores.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits
