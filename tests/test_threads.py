"""Work side by side: errors, contexts, BLAS threads, forks, and the results of one thread."""

import os
import threading
import warnings

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from alignment_theory import (
    Conv2d,
    Dense,
    Flatten,
    GuidedBackprop,
    MaxPool2d,
    Network,
    Relu,
    attribute,
    threads,
)
from alignment_theory.arrays import overflowed
from alignment_theory.layers import linear
from alignment_theory.threads import (
    available,
    by_parts,
    one_blas_thread,
    one_pool,
    shares,
    side_by_side,
    useful,
)


@pytest.fixture
def two(monkeypatch):
    """Let there be two threads, on whatever machine."""
    monkeypatch.setattr(threads, "_blas_threads", lambda: 2)


def blas_threads():
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


def collected(work, items):
    """Return what work returns for the items, as it was done."""
    found = []
    side_by_side(lambda item: found.append(work(item)), items)
    return found


def test_every_item_is_worked_on_once_by_two_threads_at_a_time(two):
    meeting = threading.Barrier(2)

    def work(item):
        meeting.wait(timeout=20)  # passed only where two are here at a time
        return item, threading.get_ident()

    found = collected(work, range(6))
    assert sorted(item for item, _ in found) == list(range(6))
    assert len({thread for _, thread in found}) == 2
    assert threading.get_ident() in {thread for _, thread in found}


@pytest.mark.parametrize("items", [[], [5]])
def test_fewer_items_than_threads_leave_them_for_the_work_on_each(two, items):
    here = threading.get_ident()
    assert collected(lambda item: (item, threading.get_ident()), items) == [
        (item, here) for item in items
    ]
    assert collected(lambda item: available(), items) == [2 for _ in items]


def test_with_one_blas_thread_work_stays_in_the_thread_of_the_caller():
    with one_blas_thread():
        assert available() == 1
        found = set(collected(lambda item: threading.get_ident(), range(3)))
    assert found == {threading.get_ident()}


def test_work_inside_work_is_not_divided_again(two):
    inner = collected(
        lambda item: (available(), collected(lambda _: threading.get_ident(), range(3))), range(2)
    )
    assert all(number == 1 and len(set(found)) == 1 for number, found in inner)
    assert available() == 2


def test_blas_has_one_thread_meanwhile_and_its_own_afterwards(two):
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        assert collected(lambda item: blas_threads(), range(2)) == 2 * [[1] * len(before)]
        assert blas_threads() == before
        with one_pool():
            assert blas_threads() == [1] * len(before) and available() == 2
            with one_pool():
                assert collected(lambda item: blas_threads(), range(2)) == 2 * [[1] * len(before)]
            assert blas_threads() == [1] * len(before) and available() == 2
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


@pytest.mark.parametrize("failing", ["caller", "helper"])
def test_errors_reach_the_caller_end_the_work_and_restore_the_threads(two, failing):
    before, here, done = blas_threads(), threading.get_ident(), []
    meeting = threading.Barrier(2)

    def fail(item):
        done.append(item)
        if item < 2:
            meeting.wait(timeout=20)
            if (threading.get_ident() == here) == (failing == "caller"):
                raise ValueError("this item")
            failed.wait(timeout=20)

    failed = threading.Event()
    threading.Timer(0.2, failed.set).start()
    with pytest.raises(ValueError, match="this item"):
        side_by_side(fail, range(1000))
    assert len(done) < 1000
    assert blas_threads() == before and not threads._users and available() == 2


def test_threads_see_the_callers_error_state(two):
    huge = np.full(2, 1e308)
    with warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.simplefilter("error")
        assert all(np.isinf(collected(lambda item: huge[item] * 10, range(2))))
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        side_by_side(lambda item: huge[item] * 10, range(2))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(two):
    side_by_side(lambda item: None, range(2))
    child = os.fork()
    if not child:
        meeting = threading.Barrier(2)
        side_by_side(lambda item: meeting.wait(timeout=20), range(2))
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.parametrize(("count", "parts"), [(7, 2), (2, 7), (0, 3), (5, 1), (6, 3)])
def test_shares_cut_everything_once_into_equal_parts(count, parts):
    found = shares(count, parts)
    assert np.concatenate([np.arange(count)[part] for part in found]).tolist() == [*range(count)]
    assert len(found) == max(1, min(count, parts))
    sizes = [part.stop - part.start for part in found]
    assert max(sizes) - min(sizes) <= 1


def test_little_work_is_not_shared(two):
    assert (useful(2**20 - 1, 2**23 - 1), useful(2**20), useful(0, 2**23)) == (1, 2, 2)
    for size, parts in ((2**20 - 1, 1), (2**20, 2)):
        sizes = []
        by_parts(lambda one, other, sizes=sizes: sizes.append(len(one)), *2 * [np.zeros((1, size))])
        assert len(sizes) == parts and sum(sizes) == size


@pytest.mark.parametrize("place", [0, -1])
def test_overflow_is_found_in_every_part(two, monkeypatch, place):
    monkeypatch.setattr(threads, "_FEWEST_NUMBERS", 1)
    values = np.full((3, 5), 1e200)  # the sum of squares overflows, and they do not
    assert not overflowed(values)
    values[place, place] = np.inf
    assert overflowed(values)


def test_another_user_at_work_leaves_one_thread(two):
    with one_pool():
        found = []
        other = threading.Thread(target=lambda: found.append(available()))
        other.start()
        other.join()
        assert found == [1] and available() == 2


@pytest.mark.parametrize("place", ["set", "restore"])
def test_the_next_run_mends_what_an_interrupted_one_left(monkeypatch, place):
    class Library:
        num_threads = 2

        def set_num_threads(self, number):
            self.num_threads = number
            if interrupted and number == (1 if place == "set" else 2):
                interrupted.pop()
                raise KeyboardInterrupt

    library, interrupted = Library(), [True]
    monkeypatch.setattr(threads, "_blas", lambda: [library])
    with pytest.raises(KeyboardInterrupt):
        side_by_side(lambda item: None, range(2))
    for _ in range(2):
        side_by_side(lambda item: None, range(2))
        assert library.num_threads == 2 and not threads._users and not threads._numbers


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_attributions_are_those_of_one_thread(monkeypatch, dtype):
    """All layers share their work. Sums of such small whole numbers are exact in any order."""
    monkeypatch.setattr(threads, "_FEWEST_NUMBERS", 1)
    monkeypatch.setattr(linear, "_ADDED_UP", 5000)
    rng = np.random.default_rng(0)

    def whole(*shape):
        return rng.choice([-1, 0, 1], size=shape, p=[0.05, 0.9, 0.05])

    layers = [Conv2d(whole(16, 3, 3, 3), padding=1), Relu(), Conv2d(whole(20, 16, 3, 3), padding=1)]
    layers += [Relu(), MaxPool2d(4), Conv2d(whole(17, 20, 3, 3), padding=1), Relu(), Flatten()]
    layers += [Dense(whole(129, 17 * 15 * 13)), Relu(), Dense(whole(9, 129))]
    net = Network(layers, (3, 60, 52)).astype(dtype)

    def run(images):
        found = attribute(net, images, rule=GuidedBackprop(), target=3)
        return *found.trace.activations, *found.relevances

    for count in (1, 2, 3):
        images = whole(count, 3, 60, 52).astype(dtype)
        with one_blas_thread():
            single = run(images)
        for number in (2, 3):
            with monkeypatch.context() as patch:
                patch.setattr(threads, "_blas_threads", lambda number=number: number)
                several = run(images)
            for one, other in zip(single, several, strict=True):
                assert np.abs(one).max() < 2**24
                np.testing.assert_array_equal(one, other)
