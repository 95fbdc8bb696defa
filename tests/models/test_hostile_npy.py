"""Arrays that mean harm, alone in a .npy file and as a member of a network's archive."""

import os
import pickle

import numpy as np
import pytest
from hostile import WEIGHT, assert_refused, header, npy, raw_npy, weight


def pickled():
    class Harm:
        def __reduce__(self):
            return os.abort, ()

    return raw_npy(header("'|O'"), pickle.dumps(Harm()))


# What is wrong with one array: bytes of a .npy file, and the message. Used alone and as a member.
NPY = {
    "pickled object": (pickled(), r"expected dtype <f4 or <f8, got '\|O'"),
    "pickle": (pickle.dumps([1.0]), "not in the .npy format|truncated"),
    "half": (npy(np.ones((3, 2), "f2")), "expected dtype .*got '<f2'"),
    "long double": (npy(np.ones((3, 2), "g")), "expected dtype .*got '<f16'"),
    "integers": (npy(np.ones((3, 2), int)), "expected dtype .*got '<i8'; convert it"),
    "bytes": (npy(np.ones((3, 2), "u1")), "expected dtype .*got '|u1'"),
    "complex": (npy(np.ones((3, 2), complex)), "expected dtype .*got '<c16'"),
    "text": (npy(np.full((3, 2), "a")), "expected dtype .*got '<U1'"),
    "big-endian": (npy(np.ones((3, 2), ">f8")), "expected dtype .*got '>f8'"),
    "structured": (npy(np.ones((3, 2), "f8,f8")), "header of a plain array"),
    "NaN": (npy([[1, 2], [np.nan, 4], [5, 6]]), r"finite numbers, got nan at index \(1, 0\)"),
    "infinity": (npy([[1, 2], [3, -np.inf], [5, 6]]), r"finite numbers, got -inf at index \(1"),
    "empty array": (npy(np.ones((0, 2))), "shape: expected positive integers"),
    "empty file": (b"", "truncated"),
    "wrong magic": (b"\x93NUMPX" + npy([1.0])[6:], "not in the .npy format"),
    "unknown version": (raw_npy(header(), bytes(48), version=4), "not in the .npy format"),
    "endless header": (raw_npy("", version=2, length=2**32 - 1), "header of at most 4096"),
    "long header": (raw_npy(header() + " " * 5000, bytes(48)), "header of at most 4096"),
    "header beyond the file": (raw_npy(header(), length=4000), "truncated"),
    "code in the header": (
        raw_npy("__import__('os').abort()", bytes(48)),
        "header of a plain array, got .__import__",
    ),
    "code as shape": (raw_npy(header(shape="__import__('os').abort()"), bytes(48)), "plain array"),
    "nested header": (raw_npy("(" * 4000, bytes(48)), "header of a plain array"),
    "repeated key": (
        raw_npy("{'descr': '<f8', 'descr': '<f4', 'shape': (3, 2), }", bytes(48)),
        "header of a plain array",
    ),
    "key without value": (
        raw_npy("{'descr': '<f8', 'fortran_order': 'False', 'shape': (3, 2), }", bytes(48)),
        "header of a plain array",
    ),
    "missing key": (raw_npy("{'descr': '<f8', 'shape': (3, 2), }", bytes(48)), "plain array"),
    "extra key": (raw_npy(header()[:-1] + "'x': 1}", bytes(48)), "header of a plain array"),
    "shape without commas": (raw_npy(header(shape="(3 2)"), bytes(48)), "expected a shape"),
    "shape of commas": (raw_npy(header(shape="(,3,2)"), bytes(48)), "expected a shape"),
    "negative shape": (raw_npy(header(shape="(-3, -2)"), bytes(48)), "header of a plain array"),
    "33 axes": (raw_npy(header(shape=f"({'1, ' * 31}3, 2)"), bytes(48)), "at most 32 sizes"),
    "too much data": (npy(np.ones((3, 2))) + b"x", "but the file holds"),
    "too little data": (npy(np.ones((3, 2)))[:-1], "but the file holds"),
}  # fmt: skip


@pytest.mark.parametrize("name", NPY)
def test_hostile_arrays_are_refused(name, tmp_path):
    assert_refused(tmp_path / "bad.npy", *NPY[name])


@pytest.mark.parametrize("name", NPY)
def test_hostile_members_are_refused(name, tmp_path):
    data, message = NPY[name]
    assert_refused(tmp_path / "bad.npz", weight(data), f"member {WEIGHT}.npy.*({message})")
