"""Work side by side: order, errors, contexts, BLAS threads, and the same bits as on one thread."""

import threading
import warnings

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from alignment_theory import Conv2d, GuidedBackprop, Network, Relu, attribute, threads
from alignment_theory.threads import one_blas_thread, side_by_side


@pytest.fixture
def two(monkeypatch):
    """Let there be two threads, on whatever machine, where BLAS has not been limited."""
    monkeypatch.setattr(threads, "_blas_threads", lambda: 1 if threads._limits else 2)


def blas_threads():
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


def test_results_come_in_order_from_two_threads_at_once(two):
    meeting = threading.Barrier(2)

    def work(item):
        meeting.wait(timeout=20)  # passed only where two are here at a time
        return item, threading.get_ident()

    found = list(side_by_side(work, range(6)))
    assert [item for item, _ in found] == list(range(6))
    assert len({thread for _, thread in found}) == 2


@pytest.mark.parametrize("items", [[], [5]])
def test_little_work_stays_in_the_thread_of_the_caller(two, items):
    here = threading.get_ident()
    assert list(side_by_side(lambda item: (item, threading.get_ident()), items)) == [
        (item, here) for item in items
    ]


def test_with_one_blas_thread_work_stays_in_the_thread_of_the_caller():
    with one_blas_thread():
        found = set(side_by_side(lambda item: threading.get_ident(), range(3)))
    assert found == {threading.get_ident()}


def test_work_inside_work_is_not_divided_again(two):
    def outer(item):
        return list(side_by_side(lambda inner: threading.get_ident(), range(3)))

    assert all(len(set(inner)) == 1 for inner in side_by_side(outer, range(2)))


def test_blas_has_one_thread_meanwhile_and_its_own_afterwards(two):
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        assert set(map(tuple, side_by_side(lambda item: blas_threads(), range(2)))) == {
            (1,) * len(before)
        }
        assert blas_threads() == before


def test_runs_that_overlap_restore_the_threads_whichever_ends_first(two):
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        first, second = threads._single(), threads._single()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert blas_threads() == [1] * len(before)
        second.__exit__(None, None, None)
        assert blas_threads() == before


def test_errors_reach_the_caller_and_restore_the_threads(two):
    before = blas_threads()

    def fail(item):
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item 0"):
        list(side_by_side(fail, range(3)))
    assert blas_threads() == before and not threads._limits


def test_threads_see_the_callers_error_state(two):
    huge = np.full(2, 1e308)
    with warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.simplefilter("error")
        assert all(np.isinf(list(side_by_side(lambda item: huge[item] * 10, range(2)))))
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        list(side_by_side(lambda item: huge[item] * 10, range(2)))


@pytest.mark.parametrize("algorithm", ["direct", "winograd"])
def test_convolutions_have_the_same_bits_on_two_threads(monkeypatch, algorithm):
    rng = np.random.default_rng(0)
    layers = [Conv2d(rng.standard_normal((16, 16, 3, 3)), padding=1), Relu()]
    net = Network(2 * layers, (16, 60, 52)).astype(np.float32).with_algorithm(algorithm)
    images = rng.standard_normal((2, 16, 60, 52)).astype(np.float32)
    seed = np.ones((16, 60, 52), np.float32)

    def run():
        with one_blas_thread():
            found = attribute(net, images, rule=GuidedBackprop(), seed=seed)
        return found.trace.output, found.relevance

    single = run()
    monkeypatch.setattr(threads, "_blas_threads", lambda: 1 if threads._limits else 2)
    for one, other in zip(single, run(), strict=True):
        np.testing.assert_array_equal(one, other)
