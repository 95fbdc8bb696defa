"""Networks and arrays in files: ``.npz`` (needs NumPy only), ``.safetensors``, ``.onnx``, ``.npy``.

A network file holds the arrays ``layers.k.weight`` and ``layers.k.bias`` of each layer k that has
them, as its class describes them, little-endian float32 or float64, and the JSON text that
:mod:`alignment_theory.models.architecture` describes:

- in ``.npz``, an uncompressed zip archive of .npy members, as the uint8 array ``architecture``;
- in ``.safetensors``, as the metadata entry ``architecture``; other metadata is ignored.

There must be no other arrays. Both keep every bit. A file is never unpickled nor executed, and
reading needs memory of a small multiple of its size at most.
"""

import io
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from alignment_theory.arrays import Array, is_exact
from alignment_theory.models.architecture import write_architecture
from alignment_theory.models.archives import read_npy, read_npz, read_safetensors
from alignment_theory.models.layer_kinds import array_of, described, is_count
from alignment_theory.network import Network

NETWORK_SUFFIXES = (".npz", ".safetensors")
ONNX_SUFFIX = ".onnx"
MAX_BYTES = 2**30


def save(network: Network, path: str | os.PathLike[str]) -> None:
    """Write a network to a ``.npz`` or ``.safetensors`` file, replacing a file that is there.

    The file appears complete or not at all, also after a crash; the same network gives the same
    bytes.

    Raises
    ------
    ValueError
        For another suffix, what is no Network, exact networks, layers that the format does not
        know, and where there is a folder, a pipe or a device.
    OSError
        Where the folder is missing or cannot be written.
    """
    target = Path(path)
    try:
        _require_suffix(target, NETWORK_SUFFIXES)
        if not isinstance(network, Network):
            raise ValueError(f"expected a Network, got {network!r}")
        if is_exact(np.empty(0, network.dtype)):
            raise ValueError(
                "exact networks cannot be saved, since files hold floats; convert it with "
                "network.astype(numpy.float64), which rounds"
            )
        text = write_architecture(network)
    except ValueError as error:
        raise ValueError(f"save to {target}: {error}") from None
    arrays: dict[str, Any] = {}
    for k, layer in enumerate(network.layers):
        for name in described(layer).arrays:
            arrays[f"layers.{k}.{name}"] = array_of(layer, name)
    if target.suffix == ".npz":
        buffer = io.BytesIO()
        np.savez(buffer, architecture=np.frombuffer(text.encode(), np.uint8), **arrays)
        data = buffer.getvalue()
    else:
        from safetensors.numpy import save as serialise

        data = serialise(arrays, metadata={"architecture": text})
    write_atomically(target, data)


def load(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Network:
    """Return the network in a ``.npz`` or ``.safetensors`` file, bit for bit as it was saved.

    A ``.onnx`` file is imported: its operators become layers, with the file's own outputs as check
    (:mod:`alignment_theory.models.onnx_files`; this needs the onnx package).

    Raises
    ------
    ValueError
        For a file over `max_bytes`, and for everything that :func:`save` would not have written:
        the message names the file, the member, what was expected and what came. For ``.onnx``, as
        :func:`alignment_theory.models.onnx_files.read_onnx`.
    FileNotFoundError
        Where there is no such file.
    """
    with _opened(path, (*NETWORK_SUFFIXES, ONNX_SUFFIX), max_bytes) as (file, size):
        if Path(path).suffix == ONNX_SUFFIX:
            from alignment_theory.models.onnx_files import read_onnx

            return read_onnx(file, size)
        read = read_npz if Path(path).suffix == ".npz" else read_safetensors
        architecture, arrays = read(file, size)
        return architecture.build(arrays)


def load_array(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Array:
    """Return the finite float32 or float64 array in a ``.npy`` file, in C order.

    Arrays saved in Fortran order keep their indices.

    Raises
    ------
    ValueError
        For a file over `max_bytes`, other element types, NaN and infinity, empty arrays, and
        damaged files.
    FileNotFoundError
        Where there is no such file.
    """
    with _opened(path, (".npy",), max_bytes) as (file, size):
        return read_npy(file, size, "array")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that its name shows the old content or the new, never a part of either.

    A symbolic link stays one, and what it points to is written. A file that is replaced hands on
    its permissions, and its owner where the system allows that.

    Raises
    ------
    ValueError
        Where there is a folder, a pipe or a device.
    OSError
        Where the folder is missing or cannot be written.
    """
    target, there = destination(path)
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    mode = 0o666 if there is None else 0o600
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if there is not None:
            _hand_on(there, temporary)
        os.replace(temporary, target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            error.filename, error.filename2 = str(path), None  # the wanted file, not our own
        raise


def destination(path: Path) -> tuple[Path, os.stat_result | None]:
    """Return the file that writing to `path` reaches, and what is there now.

    Raises
    ------
    ValueError
        Where there is a folder, a pipe or a device.
    FileNotFoundError
        Where the folder is missing.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {target.parent}")
    try:
        there = os.stat(target)
    except FileNotFoundError:
        return target, None
    if not stat.S_ISREG(there.st_mode):
        kind = "a folder" if stat.S_ISDIR(there.st_mode) else "a pipe or a device"
        raise ValueError(
            f"{path}: expected the name of a file, new or to be replaced, got {kind}; "
            "give another name"
        )
    return target, there


def _hand_on(there: os.stat_result, path: Path) -> None:
    """Give a file the permissions, and if possible the owner, of another."""
    if hasattr(os, "chown"):
        with suppress(OSError):
            os.chown(path, there.st_uid, there.st_gid)
    os.chmod(path, stat.S_IMODE(there.st_mode))


@contextmanager
def _opened(
    path: str | os.PathLike[str], suffixes: tuple[str, ...], max_bytes: int
) -> Iterator[tuple[BinaryIO, int]]:
    source = Path(path)
    try:
        _require_suffix(source, suffixes)
        if not is_count(max_bytes) or max_bytes < 1:
            raise ValueError(f"expected max_bytes to be a positive integer, got {max_bytes!r}")
        # Opening a named pipe would wait for ever, and a device has no end.
        if not stat.S_ISREG(source.stat().st_mode):
            raise ValueError("expected a regular file, got a folder, a pipe or a device")
        with open(source, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > max_bytes:
                raise ValueError(
                    f"the file has {size} bytes, above max_bytes={max_bytes}; pass a larger "
                    "max_bytes if you trust it"
                )
            yield file, size
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def _require_suffix(path: Path, suffixes: tuple[str, ...]) -> None:
    if path.suffix not in suffixes:
        raise ValueError(
            f"expected a file name that ends in {' or '.join(suffixes)}, got {path.name!r}"
        )
