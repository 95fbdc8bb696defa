"""Safetensors files that mean harm: in the header, the metadata and the offsets."""

import json
import pickle
import re

import numpy as np
import pytest
from hostile import ARRAYS, TEXT, WEIGHT, assert_refused, safetensors

ENTRIES = json.loads(safetensors(data=b"")[8:])
ENTRIES.pop("__metadata__")


def tensors(**changes):
    """Return a safetensors file whose first tensor's entry is changed."""
    return safetensors(ENTRIES | {WEIGHT: ENTRIES[WEIGHT] | changes})


def without_tensor():
    kept = {"layers.0.bias": ARRAYS["layers.0.bias"], "layers.2.weight": np.ones((2, 3))}
    entries, start = {}, 0
    for name, array in kept.items():
        stop = start + array.nbytes
        entries[name] = {"dtype": "F64", "shape": array.shape, "data_offsets": [start, stop]}
        start = stop
    return safetensors(entries, data=bytes(start))


GOOD_HEAD = safetensors(data=b"")[8:].decode()
DATA = b"".join(array.tobytes() for array in ARRAYS.values())
SAFETENSORS = {
    "missing array": (without_tensor(), rf"missing: \['{WEIGHT}'\]"),
    "extra array": (
        safetensors(
            text=GOOD_HEAD[:-1] + ',"evil":{"dtype":"F64","shape":[1],"data_offsets":[120,128]}}',
            data=DATA + bytes(8),
        ),
        r"unexpected: \['evil'\]",
    ),
    "duplicate array": (
        safetensors(text=GOOD_HEAD[:-1] + f', "{WEIGHT}": {{}}}}'),
        f"'{WEIGHT}' stands there twice",
    ),
    "duplicate through escapes": (
        safetensors(text=GOOD_HEAD[:-1] + f', "\\u006c{WEIGHT[1:]}": {{}}}}'),
        f"'{WEIGHT}' stands there twice",
    ),
    "duplicate metadata": (
        safetensors(text=GOOD_HEAD[:-1] + ', "__metadata__": {}}'),
        "'__metadata__' stands there twice",
    ),
    "duplicate shape": (
        safetensors(text=GOOD_HEAD.replace('"shape"', '"shape": [1], "shape"', 1)),
        "'shape' stands there twice",
    ),
    "no metadata": (safetensors(text=json.dumps(ENTRIES)), '"architecture", got none'),
    "no architecture": (safetensors(metadata={"format": "np"}), '"architecture", got none'),
    "metadata as number": (safetensors(metadata=3), '"architecture", got none'),
    "architecture as number": (safetensors(metadata={"architecture": 3}), '"architecture"'),
    "architecture no JSON": (safetensors(metadata={"architecture": "x"}), "not a valid JSON"),
    "lone surrogate": (safetensors(metadata={"architecture": "\ud800"}), "not a valid JSON"),
    "other metadata as number": (
        safetensors(metadata={"architecture": TEXT, "x": 1}),
        "not a sound .safetensors",
    ),
    "NaN": (
        safetensors(data=np.float64(np.nan).tobytes() + DATA[8:]),
        rf"array {WEIGHT}: expected finite numbers, got nan at index \(0, 0\)",
    ),
    "half": (tensors(dtype="F16"), f"array {WEIGHT}: expected dtype F32 or F64, got 'F16'"),
    "integers": (tensors(dtype="I64"), "expected dtype F32 or F64, got 'I64'"),
    "bfloat": (tensors(dtype="BF16"), "expected dtype F32 or F64, got 'BF16'"),
    "dtype as list": (tensors(dtype=["F64"]), "expected dtype F32 or F64"),
    "entry as list": (
        safetensors(text=re.sub(rf'("{WEIGHT}": ){{.*?}}', r"\1[]", GOOD_HEAD)),
        "expected dtype F32 or F64, got None",
    ),
    "wrong type for the bytes": (tensors(dtype="F32"), "not a sound .safetensors"),
    "wrong shape": (tensors(shape=[2, 3]), r"layers.0: Dense bias: expected shape \(2,\)"),
    "flat weight": (tensors(shape=[6]), "layers.0: Dense weight"),
    "shape as number": (tensors(shape=6), f"array {WEIGHT}: shape: expected a list"),
    "negative shape": (tensors(shape=[-3, -2]), "shape: expected positive integers"),
    "empty shape": (tensors(shape=[0, 2], data_offsets=[0, 0]), "expected positive integers"),
    "float shape": (tensors(shape=[3.0, 2.0]), "shape: expected positive integers"),
    "huge shape": (tensors(shape=[2**62, 2**62]), "not a sound .safetensors"),
    "beyond 64 bits": (tensors(shape=[2**70]), "not a sound .safetensors"),
    "overlap": (tensors(data_offsets=[8, 56]), "not a sound .safetensors"),
    "backwards": (tensors(data_offsets=[48, 0]), "not a sound .safetensors"),
    "trailing bytes": (safetensors(data=DATA + b"x"), "not a sound .safetensors"),
    "truncated": (safetensors(data=DATA[:-1]), "not a sound .safetensors"),
    "endless header": (safetensors(length=2**64 - 1), "claims a header of 18446744073709551615"),
    "header beyond the file": (safetensors(length=5000), "claims a header of 5000"),
    "long header": (safetensors(text=GOOD_HEAD + " " * 2**20), "at most 1048576"),
    "deep header": (safetensors(text="[" * 100_000), "nested too deeply"),
    "header as list": (safetensors(text="[]"), "header: expected a JSON object"),
    "header cut": (safetensors(length=20), "header: not a valid JSON"),
    "empty": (b"", "claims a header"),
    "a pickle": (pickle.dumps(ARRAYS), "claims a header"),
}


@pytest.mark.parametrize("name", SAFETENSORS)
def test_hostile_files_are_refused(name, tmp_path):
    assert_refused(tmp_path / "bad.safetensors", *SAFETENSORS[name])
