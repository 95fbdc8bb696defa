"""Archives that mean harm: members missing, repeated, misnamed, unfolding or lying."""

import io
import struct
import zipfile

import numpy as np
import pytest
from hostile import (
    TEXT,
    WEIGHT,
    archive,
    assert_refused,
    header,
    members,
    npy,
    npz,
    raw_npy,
    weight,
)


def patched(data, old, new, count=1):
    assert data.count(old) >= 1 and len(old) == len(new)
    return data.replace(old, new, count)


def central(data, name, offset, new):
    """Overwrite bytes at an offset of a member's entry in the zip directory."""
    start = data.rindex(b"PK\1\2", 0, data.rindex(name.encode()))
    return data[: start + offset] + new + data[start + offset + len(new) :]


def lie_about_size(factor):
    claim = struct.pack("<I", factor)
    return central(weight(raw_npy(header(shape=f"({factor // 8},)"))), WEIGHT, 20, claim * 2)


def bomb():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in members({f"{WEIGHT}.npy": npy(np.zeros((12_500, 1000)))}):
            kind = zipfile.ZIP_DEFLATED if WEIGHT in name else zipfile.ZIP_STORED
            file.writestr(name, data, kind)
    return buffer.getvalue()


def crowded():
    with io.BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w") as file:
            for k in range(1500):
                file.writestr(f"{k:0700}", b"")
        return buffer.getvalue()


def with_locator(data):
    return data[:-22] + b"PK\6\7" + bytes(16) + data[-22:]


BOMB = bomb()
NPZ = {
    "missing array": (npz({f"{WEIGHT}.npy": None}), rf"missing: \['{WEIGHT}.npy'\]"),
    "missing bias": (npz({"layers.0.bias.npy": None}), r"missing: \['layers.0.bias.npy'\]"),
    "extra array": (npz({"evil.npy": npy([1.0])}), r"unexpected: \['evil.npy'\]"),
    "extra file": (npz({"readme.txt": b"hello"}), r"unexpected: \['readme.txt'\]"),
    "bias not announced": (
        npz({"layers.2.bias.npy": npy([1.0, 2.0])}),
        r"unexpected: \['layers.2.bias.npy'\]",
    ),
    "duplicate array": (
        archive([*members(), (f"{WEIGHT}.npy", npy(np.ones((3, 2))))]),
        f"'{WEIGHT}.npy' is there twice",
    ),
    "duplicate architecture": (
        archive([*members(), members()[0]]),
        "'architecture.npy' is there twice",
    ),
    "name cut at a zero byte": (
        patched(
            archive([*members(), (f"{WEIGHT}.npyX", b"")]),
            f"{WEIGHT}.npyX".encode(),
            f"{WEIGHT}.npy\0".encode(),
            2,
        ),
        "unexpected",
    ),
    "negative place of a member": (
        patched(npz(), npz()[-6:-2], (len(npz()) * 2).to_bytes(4, "little")),
        "not a sound .npz|begins outside",
    ),
    "path upwards": (npz({"../../layers.npy": npy([1.0])}), r"unexpected: \['../../layers.npy'\]"),
    "absolute path": (npz({"/tmp/x.npy": npy([1.0])}), r"unexpected: \['/tmp/x.npy'\]"),
    "folder": (npz({"layers/": b""}), r"unexpected: \['layers/'\]"),
    "no architecture": (npz({"architecture.npy": None}), "member architecture.npy, got none"),
    "only an array": (archive([("a.npy", npy([1.0]))]), "member architecture.npy, got none"),
    "no member": (archive([]), "member architecture.npy, got none"),
    "architecture of floats": (npz({"architecture.npy": npy([1.0])}), "expected dtype .u1"),
    "architecture too long": (npz(text=TEXT + " " * 2**16), "member architecture.npy: .*65536"),
    "architecture no JSON": (npz(text="import os"), "architecture: not a valid JSON"),
    "architecture repeats": (npz(text=TEXT[:-1] + ',"version":1}'), "'version' stands there twice"),
    "unknown kind": (npz(text=TEXT.replace("relu", "exec")), "layer 1: .*got 'exec'"),
    "zip bomb": (BOMB, "member 'layers.0.weight.npy' is compressed .*100000128"),
    "small but compressed": (npz(compression=zipfile.ZIP_DEFLATED), "is compressed"),
    "lzma": (npz(compression=zipfile.ZIP_LZMA), "is compressed"),
    "unknown compression": (central(npz(), WEIGHT, 10, b"\x63\0"), "is compressed"),
    "compressed in the member only": (central(BOMB, WEIGHT, 10, b"\0\0"), "is compressed"),
    "stored, claims to grow": (central(npz(), WEIGHT, 24, b"\0\0\0\x70"), "is compressed"),
    "encrypted": (central(npz(), WEIGHT, 8, b"\1\0"), "is encrypted"),
    "directory claims too much": (lie_about_size(2**31), "members claim 2147.* in a file of"),
    "header claims too much": (
        weight(raw_npy(header(shape="(1000000000000,)"))),
        f"member {WEIGHT}.npy: shape .* needs 8000000000000 bytes",
    ),
    "header claims beyond 64 bits": (
        weight(raw_npy(header(shape="(4294967296, 4294967296, 4294967296)"))),
        "needs 633825300114114700748351602688 bytes",
    ),
    "header claims too little": (weight(raw_npy(header(shape="(1, 2)"), bytes(48))), "needs 16"),
    "member begins after the end": (
        central(npz(), WEIGHT, 42, b"\0\0\0\x70"),
        "begins outside of the file",
    ),
    "member begins elsewhere": (central(npz(), WEIGHT, 42, b"\3\0\0\0"), "not a sound .npz"),
    "other name at the member": (
        patched(npz(), f"{WEIGHT}.npy".encode(), b"layers.9.weight.npy"),
        "not a sound .npz archive .*differ",
    ),
    "wrong checksum": (
        patched(npz(), np.float64(5.0).tobytes(), np.float64(7.0).tobytes()),
        "not a sound .npz archive .*CRC",
    ),
    "crowded directory": (crowded(), "directory of at most 1048576 bytes"),
    "too many members": (archive([(str(k), b"") for k in range(2002)]), "at most 2001 members"),
    "64-bit directory": (with_locator(npz()), "32-bit below 2 GiB"),
    "bytes after the end": (npz() + b"x", "expected it to end with a zip directory"),
    "comment": (npz()[:-2] + b"\1\0x", "expected it to end with a zip directory"),
    "no zip": (b"hello" * 100, "expected it to end with a zip directory"),
    "empty": (b"", "expected it to end with a zip directory"),
    "a .npy file": (npy(np.ones(3)), "expected it to end with a zip directory"),
    "wrong width": (weight(npy(np.ones((3, 5)))), r"bad.npz: Network: layer 0: .*\(5,\), got \(2,"),
    "wrong bias": (npz({"layers.0.bias.npy": npy(np.ones(2))}), "layers.0: Dense bias: expected"),
    "bias as matrix": (npz({"layers.0.bias.npy": npy(np.ones((3, 1)))}), "layers.0: Dense bias"),
    "weight as vector": (weight(npy(np.ones(6))), "layers.0: Dense weight"),
    "mixed types": (weight(npy(np.ones((3, 2), "f4"))), "layers.0: .*float32"),
    "mixed layers": (npz({"layers.2.weight.npy": npy(np.ones((2, 3), "f4"))}), "one dtype"),
}


@pytest.mark.parametrize("name", NPZ)
def test_hostile_archives_are_refused(name, tmp_path):
    assert_refused(tmp_path / "bad.npz", *NPZ[name])


def test_the_bomb_is_one():
    assert len(BOMB) < 200_000
    with np.load(io.BytesIO(BOMB)) as unfolded:
        assert unfolded[WEIGHT].nbytes == 100_000_000
