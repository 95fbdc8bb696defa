"""Files written by hand, sound unless asked otherwise, for the tests of hostile files."""

import io
import json
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from alignment_theory import Dense, Network, Relu
from alignment_theory.models import load, load_array
from alignment_theory.models.architecture import write_architecture

NETWORK = Network([Dense(np.arange(6.0).reshape(3, 2), np.ones(3)), Relu(), Dense(np.ones((2, 3)))])
TEXT = write_architecture(NETWORK)
ARRAYS = {
    "layers.0.weight": NETWORK.layers[0].weight,
    "layers.0.bias": NETWORK.layers[0].bias,
    "layers.2.weight": NETWORK.layers[2].weight,
}
WEIGHT = "layers.0.weight"


def npy(array, **options):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asanyarray(array), **options)
    return buffer.getvalue()


def raw_npy(header, data=b"", *, version=1, length=None):
    text = header.encode() + b"\n"
    width = 2 if version == 1 else 4
    size = (len(text) if length is None else length).to_bytes(width, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + data


def header(descr="'<f8'", order="False", shape="(3, 2)"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


def members(changes=None, text=TEXT):
    """Return the members of a sound archive with changes; None takes a member out."""
    whole = {"architecture.npy": npy(np.frombuffer(text.encode(), np.uint8))}
    whole |= {f"{name}.npy": npy(array) for name, array in ARRAYS.items()} | (changes or {})
    return [(name, data) for name, data in whole.items() if data is not None]


def archive(entries, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, data in entries:
            if name in file.NameToInfo:
                file.NameToInfo.pop(name)  # otherwise zipfile warns of the repetition
            file.writestr(name, data)
    return buffer.getvalue()


def npz(changes=None, *, text=TEXT, compression=zipfile.ZIP_STORED):
    return archive(members(changes, text), compression)


def weight(data):
    return npz({f"{WEIGHT}.npy": data})


def safetensors(entries=None, *, data=None, metadata=None, text=None, length=None):
    """Return a safetensors file written by hand, so that it may be unsound."""
    if entries is None:
        entries, start = {}, 0
        for name, array in ARRAYS.items():
            offsets = [start, start + array.nbytes]
            entries[name] = {"dtype": "F64", "shape": list(array.shape), "data_offsets": offsets}
            start += array.nbytes
    if data is None:
        data = b"".join(array.tobytes() for array in ARRAYS.values())
    if text is None:
        chosen = {"architecture": TEXT} if metadata is None else metadata
        text = json.dumps({"__metadata__": chosen} | entries)
    head = text.encode()
    return struct.pack("<Q", len(head) if length is None else length) + head + data


SOUND = {".npz": npz(), ".safetensors": safetensors(), ".npy": npy(np.eye(2))}


def reader(suffix):
    return load_array if suffix == ".npy" else load


def assert_refused(path, data, message):
    """Write a file, and see it refused by name, in few words and with little memory."""
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message) as caught:
            reader(path.suffix)(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value) and len(str(caught.value)) < 600
    assert peak < 8 * len(data) + 2_000_000
