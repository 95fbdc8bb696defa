"""Careful readers of .npy, .npz and .safetensors: everything is checked before it is believed.

A reader takes an open file and its size on disk. What it allocates is bounded by that size: sizes
that a header claims are compared with the bytes that are there before anything is allocated, and
compressed archives are refused, so that no file can unfold to more than itself. Nothing is
unpickled and nothing evaluated.
"""

import re
import struct
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any, BinaryIO

import numpy as np

from alignment_theory.arrays import Array, as_array
from alignment_theory.models.architecture import (
    MAX_LAYERS,
    MAX_TEXT,
    Architecture,
    checked_shape,
    read_architecture,
    short,
    strict_json,
)

MAX_NPY_HEADER = 4096
MAX_SAFETENSORS_HEADER = 2**20
MAX_ZIP_DIRECTORY = 2**20
_FLOATS = {"<f4", "<f8", np.dtype(np.float32).str, np.dtype(np.float64).str}
_ENTRY = (
    r"['\"](descr|fortran_order|shape)['\"]\s*:\s*"
    r"(?:['\"]([^'\"\\]*)['\"]|(True|False)|\(([\d\s,]*)\))"
)
_HEADER = re.compile(rf"\s*\{{\s*{_ENTRY}\s*,\s*{_ENTRY}\s*,\s*{_ENTRY}\s*,?\s*\}}\s*")
_ZIP_ERRORS = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, struct.error)


def read_npz(file: BinaryIO, size: int) -> tuple[Architecture, dict[str, Array]]:
    """Return the architecture and the arrays of an .npz archive; ValueError where it is unsound."""
    _require_small_directory(file, size)
    with _as_value_error(_ZIP_ERRORS, "not a sound .npz archive"), zipfile.ZipFile(file) as archive:
        members = _zip_members(archive.infolist(), size)
        if "architecture.npy" not in members:
            raise ValueError(
                "expected a member architecture.npy, got none; this archive was not written by "
                "alignment_theory's save"
            )
        text = _read_member(archive, members.pop("architecture.npy"), {"|u1"}, MAX_TEXT)
        architecture = read_architecture(text.tobytes())
        expected = [f"{name}.npy" for name in architecture.array_names]
        _require_exactly(expected, members)
        arrays = {
            name.removesuffix(".npy"): _read_member(archive, members[name], _FLOATS, size)
            for name in expected
        }
    return architecture, arrays


def _require_small_directory(file: BinaryIO, size: int) -> None:
    # zipfile reads all of the directory, at 15 times its size in memory, before it can be asked
    # for its length. The record of that length ends the file; a 64-bit one may overrule it.
    file.seek(max(0, size - 42))
    tail = file.read(42)
    overruled, end = tail[:-22], tail[-22:]
    if end[:4] != b"PK\5\6" or end[20:] != b"\0\0":
        raise ValueError("not a sound .npz archive: expected it to end with a zip directory")
    length = int.from_bytes(end[12:16], "little")
    if length > MAX_ZIP_DIRECTORY or (overruled[:4] == b"PK\6\7" and size < 2**31):
        raise ValueError(
            f"not a sound .npz archive: expected a directory of at most {MAX_ZIP_DIRECTORY} bytes "
            f"(32-bit below 2 GiB), got {length}"
        )


def _zip_members(infos: list[zipfile.ZipInfo], size: int) -> dict[str, zipfile.ZipInfo]:
    if len(infos) > 2 * MAX_LAYERS + 1:
        raise ValueError(f"expected at most {2 * MAX_LAYERS + 1} members, got {len(infos)}")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        # orig_filename is the name before zipfile tidies it, so that no two names become one.
        name = info.orig_filename
        if name in members:
            raise ValueError(f"the member {short(name)} is there twice; save the network again")
        if not 0 <= info.header_offset < size:
            raise ValueError(f"member {short(name)} begins outside of the file; it is damaged")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise ValueError(
                f"member {short(name)} is compressed ({info.compress_size} bytes claim to become "
                f"{info.file_size}); save it with alignment_theory's save or numpy.savez"
            )
        members[name] = info
    claimed = sum(info.file_size for info in infos)
    if claimed > size:
        raise ValueError(f"the members claim {claimed} bytes in a file of {size}")
    return members


def _read_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, dtypes: set[str], most: int
) -> Array:
    with archive.open(info) as stream:
        return read_npy(stream, info.file_size, f"member {info.orig_filename}", dtypes, most)


def read_npy(
    file: Any, size: int, name: str, dtypes: set[str] = _FLOATS, most: int | None = None
) -> Array:
    """Return the finite array in a stream of `size` bytes in the .npy format, in C order.

    Parameters
    ----------
    file : binary stream
        At the first byte of the array's file.
    size : int
        Bytes the stream is said to hold; header and data must add up to it.
    name : str
        What error messages call the array.
    dtypes : set of str
        Element types accepted, as NumPy writes them.
    most : int, optional
        Largest number of bytes of data accepted.

    Raises
    ------
    ValueError
        For everything that is not a sound array of these types.
    """
    dtype, fortran, shape, start = _npy_header(file, name)
    if dtype not in dtypes:
        raise ValueError(
            f"{name}: expected dtype {' or '.join(sorted(dtypes))}, got {short(dtype)}; convert it "
            "with .astype(numpy.float64) and save it again"
        )
    shape = checked_shape(shape, f"{name}: shape")
    count = prod(shape) * np.dtype(dtype).itemsize
    if start + count != size:
        raise ValueError(
            f"{name}: shape {short(shape)} of {dtype} needs {count} bytes after the header of "
            f"{start}, but the file holds {size}; it is damaged"
        )
    if most is not None and count > most:
        raise ValueError(f"{name}: expected at most {most} bytes, got {count}")
    flat = np.frombuffer(_read_exactly(file, count, name), dtype)
    array = flat.reshape(shape, order="F" if fortran else "C")
    native = array.astype(array.dtype.newbyteorder("="))
    return native if native.dtype == np.uint8 else as_array(native, name)


def _npy_header(file: Any, name: str) -> tuple[str, bool, tuple[int, ...], int]:
    prefix = _read_exactly(file, 8, name)
    if prefix[:6] != b"\x93NUMPY" or prefix[6] not in (1, 2, 3):
        raise ValueError(f"{name}: not in the .npy format of version 1 to 3; save it with numpy")
    width = 2 if prefix[6] == 1 else 4
    length = int.from_bytes(_read_exactly(file, width, name), "little")
    if length > MAX_NPY_HEADER:
        raise ValueError(f"{name}: expected a header of at most {MAX_NPY_HEADER}, got {length}")
    text = _read_exactly(file, length, name).decode("latin-1")
    match = _HEADER.fullmatch(text)
    groups = match.groups() if match else ()
    found = {groups[k]: groups[k + 1 : k + 4] for k in range(0, len(groups), 4)}
    descr, order, sizes = (
        found.get(key, (None,) * 3)[k] for k, key in enumerate(("descr", "fortran_order", "shape"))
    )
    if descr is None or order is None or sizes is None:
        raise ValueError(f"{name}: expected the header of a plain array, got {short(text)}")
    if not re.fullmatch(r"(\s*\d+\s*,)*(\s*\d+\s*)?", sizes):
        raise ValueError(f"{name}: expected a shape, got ({short(sizes)})")
    shape = tuple(int(part) for part in sizes.split(",") if part.strip())
    return descr, order == "True", shape, 8 + width + length


def read_safetensors(file: BinaryIO, size: int) -> tuple[Architecture, dict[str, Array]]:
    """Return the architecture and the arrays of a .safetensors file; ValueError where unsound."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    data = _read_exactly(file, size, "file")
    entries = _safetensors_header(data)
    metadata = entries.pop("__metadata__", None)
    text = metadata.get("architecture") if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise ValueError(
            'expected the metadata "architecture", got none; this file was not written by '
            "alignment_theory's save"
        )
    architecture = read_architecture(text.encode("utf-8", "surrogatepass"))
    _require_exactly(architecture.array_names, entries)
    for name, entry in entries.items():
        dtype = entry.get("dtype") if isinstance(entry, dict) else None
        if dtype not in ("F32", "F64"):
            raise ValueError(
                f"array {name}: expected dtype F32 or F64, got {short(dtype)}; convert it with "
                ".astype(numpy.float64) and save it again"
            )
        checked_shape(entry.get("shape"), f"array {name}: shape")
    with _as_value_error((SafetensorError,), "not a sound .safetensors file"):
        arrays = load(data)
    return architecture, {
        name: as_array(arrays[name], f"array {name}") for name in architecture.array_names
    }


def _safetensors_header(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(MAX_SAFETENSORS_HEADER, len(data) - 8):
        raise ValueError(
            f"not a sound .safetensors file: it claims a header of {length} bytes in a file of "
            f"{len(data)} (at most {MAX_SAFETENSORS_HEADER} are accepted)"
        )
    return strict_json(data[8 : 8 + length], "header")


def _require_exactly(expected: Iterable[str], found: Iterable[str]) -> None:
    missing = sorted(set(expected) - set(found))
    extra = sorted(set(found) - set(expected))
    if missing or extra:
        raise ValueError(
            f"the arrays are not those of the architecture; missing: {short(missing)}, "
            f"unexpected: {short(extra)}; save the network again"
        )


def _read_exactly(file: Any, count: int, name: str) -> bytes:
    data: bytes = file.read(count)
    if len(data) != count:
        raise ValueError(f"{name}: truncated, expected {count} more bytes and got {len(data)}")
    return data


@contextmanager
def _as_value_error(kinds: tuple[type[Exception], ...], what: str) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        raise ValueError(f"{what} ({error}); it is damaged or of another format") from None
