"""CIFAR-10 in files made in its format: values, order, and what is refused."""

import os
import pickle

import numpy as np
import pytest

from alignment_theory.models import cifar, cifar10

NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()
FILES = (*cifar.TRAIN, cifar.TEST)


@pytest.fixture
def short(monkeypatch):
    """Files of 20 records: the real number is used once, below."""
    monkeypatch.setattr(cifar, "RECORDS", 20)


def made(folder, records=20):
    """Write the seven files and return the records of each of the six, (records, 1 + pixels)."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, found = np.random.default_rng(5), {}
    for name in FILES:
        found[name] = rng.integers(0, 256, (records, 3073), dtype=np.uint8)
        found[name][:, 0] %= 10
        (folder / name).write_bytes(found[name].tobytes())
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    (folder / "readme.html").write_text("not read")
    return found


def test_real_sizes(tmp_path):
    files = made(tmp_path / "cifar-10-batches-bin", 10_000)
    data = cifar10(tmp_path)
    assert data.name == "cifar10" and data.image_shape == (3, 32, 32)
    assert data.label_names == tuple(NAMES)
    assert data.train_inputs.shape == (50_000, 3072) and data.test_inputs.shape == (10_000, 3072)
    assert data.train_inputs.dtype == np.float32 and data.train_labels.dtype == np.int64
    for number, name in enumerate(cifar.TRAIN):
        part = slice(10_000 * number, 10_000 * (number + 1))
        assert (data.train_labels[part] == files[name][:, 0]).all()
        assert (np.rint(255 * data.train_inputs[part]) == files[name][:, 1:]).all()
    assert (np.rint(255 * data.test_inputs) == files[cifar.TEST][:, 1:]).all()
    arrays = (data.train_inputs, data.train_labels, data.test_inputs, data.test_labels)
    assert not any(array.flags.writeable for array in arrays)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pixels_are_planes_of_colours_in_rows(tmp_path, short, dtype):
    files = made(tmp_path)
    record = files[cifar.TEST]
    record[3] = 0
    record[3, [0, 1, 1 + 1024 + 32, 1 + 2048 + 33]] = [7, 255, 51, 1]
    (tmp_path / cifar.TEST).write_bytes(record.tobytes())
    data = cifar10(tmp_path, dtype=dtype)
    image = data.test_inputs[3].reshape(data.image_shape)
    assert data.test_labels[3] == 7 and image.dtype == dtype
    places = np.argwhere(image).tolist()
    assert places == [[0, 0, 0], [1, 1, 0], [2, 1, 1]]
    assert [image[tuple(at)] for at in places] == [1, dtype(51) / dtype(255), dtype(1) / dtype(255)]


def test_the_files_may_be_in_the_folder_itself(tmp_path, short):
    made(tmp_path / "cifar-10-batches-bin")
    inner, outer = cifar10(tmp_path / "cifar-10-batches-bin"), cifar10(os.fspath(tmp_path))
    assert (inner.train_inputs == outer.train_inputs).all()


def refused(folder, message):
    with pytest.raises(ValueError, match=message) as caught:
        cifar10(folder)
    assert str(caught.value).startswith("cifar10: ")


def test_missing_files_are_all_named(tmp_path, short):
    refused(
        tmp_path, r"missing data_batch_1\.bin, .*data_batch_5\.bin, test_batch\.bin, batches\.m"
    )
    made(tmp_path)
    for name in ("data_batch_2.bin", "data_batch_4.bin"):
        (tmp_path / name).unlink()
    refused(tmp_path, r"missing data_batch_2\.bin, data_batch_4\.bin; expected all files of")
    (tmp_path / "data_batch_2.bin").mkdir()
    refused(tmp_path, r"missing data_batch_2\.bin, data_batch_4\.bin; expected all files of")


@pytest.mark.parametrize("change", [-3073, -1, 1, 3073])
def test_every_byte_is_counted(tmp_path, short, change):
    made(tmp_path)
    path = tmp_path / "data_batch_3.bin"
    path.write_bytes((path.read_bytes() + bytes(3073))[: 20 * 3073 + change])
    refused(tmp_path, rf"data_batch_3\.bin: expected 20 records .* got {20 * 3073 + change};")


def test_files_of_the_real_size_only(tmp_path):
    made(tmp_path)
    refused(tmp_path, r"data_batch_1\.bin: expected 10000 records of 3073 bytes, 30730000 bytes")


def test_labels_above_nine(tmp_path, short):
    records = made(tmp_path)[cifar.TEST]
    records[[4, 9], 0] = 10, 255
    (tmp_path / cifar.TEST).write_bytes(records.tobytes())
    refused(tmp_path, r"labels from 0 to 9, got 10 at record 4 \(2 such records\)")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\n".join(map(str.encode, NAMES[:9])), "ten different names, got 9"),
        (b"cat\n" * 10, "ten different names, got 10"),
        (b"\xff" * 10, "ten names in ASCII"),
        (b"a" * 10**4, "ten names, got 10000 bytes"),
    ],
)
def test_names(tmp_path, short, text, message):
    made(tmp_path)
    (tmp_path / "batches.meta.txt").write_bytes(text)
    refused(tmp_path, message)


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("inner", [".", "cifar-10-batches-py"])
def test_pickles_are_never_read(tmp_path, inner):
    (tmp_path / inner).mkdir(exist_ok=True)
    sprung = tmp_path / "sprung"
    for name in ("data_batch_1", "test_batch", "batches.meta"):
        (tmp_path / inner / name).write_bytes(pickle.dumps(Trap(os.fspath(sprung))))
    refused(
        tmp_path, "Python version of CIFAR-10, whose files are pickled.*Take the binary version"
    )
    assert not sprung.exists()


def test_other_paths_and_types(tmp_path):
    archive = tmp_path / "cifar-10-binary.tar.gz"
    archive.write_bytes(b"")
    refused(archive, r"expected a folder, got a file; unpack")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        cifar10(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="expected dtype float32 or float64, got float16"):
        cifar10(tmp_path, dtype=np.float16)
    with pytest.raises(ValueError, match="expected dtype float32 or float64, got 'foo'"):
        cifar10(tmp_path, dtype="foo")
    for folder in (None, 3):
        refused(folder, f"expected the path of a folder, got {folder}")
