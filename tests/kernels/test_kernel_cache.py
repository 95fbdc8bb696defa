"""Machine code is kept in the user's cache folder, never in the package, and never stale."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

import alignment_theory
from alignment_theory.kernels import kernel
from alignment_theory.kernels.cache import user_cache
from alignment_theory.kernels.pooling import taken

ROOT = Path(alignment_theory.__file__).parent
VALUES = np.array([3.0, -1.0])


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    return tmp_path / "cache"


def kept(folder):
    """Return the files of Numba below a folder."""
    return sorted(path for path in folder.rglob("*.nb?"))


def imported(path, text):
    """Return a module made of some text."""
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def works(function):
    return function(VALUES[np.newaxis], np.array([[1, 0]])).tolist() == [[-1.0, 3.0]]


def test_kernels_are_kept_in_the_users_cache_folder(home):
    before = kept(ROOT)
    fresh = kernel(taken.py_func)
    assert works(fresh)
    assert len(kept(home / "alignment_theory" / "kernels")) == 2
    assert kept(ROOT) == before
    again = kernel(taken.py_func)
    assert works(again) and sum(again.compiled.stats.cache_hits.values()) == 1


def test_using_the_package_leaves_nothing_in_it(tmp_path):
    """What pip would not remove would shadow a later editable installation."""
    shutil.copytree(
        ROOT, tmp_path / "alignment_theory", ignore=shutil.ignore_patterns("__pycache__")
    )
    code = (
        "import numpy as np; from alignment_theory.kernels.pooling import taken; "
        "print(taken(np.ones((1, 1)), np.zeros((1, 1), int)), taken.__code__.co_filename)"
    )
    environment = dict(os.environ, PYTHONPATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "c"))
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", code.replace("taken.__code__", "taken.py_func.__code__")],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("[[1.]]") and str(tmp_path) in done.stdout
    assert kept(tmp_path / "alignment_theory") == [] and len(kept(tmp_path / "c")) == 2


def test_functions_of_the_user_keep_their_place(home, tmp_path):
    assert works(kernel(taken.py_func))
    assert numba.config.CACHE_DIR == "" and "NUMBA_CACHE_DIR" not in os.environ
    text = "import numba\n@numba.njit(cache=True)\ndef double(x):\n    return 2 * x\n"
    module = imported(tmp_path / "users_module.py", text)
    assert module.double(2) == 4
    assert len(kept(tmp_path / "__pycache__")) == 2


def test_a_folder_that_the_user_chose_for_numba_is_taken(home, tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "chosen"))
    assert works(kernel(taken.py_func))
    assert len(kept(tmp_path / "chosen")) == 2 and not home.exists()
    assert numba.config.CACHE_DIR == str(tmp_path / "chosen")


def test_an_edited_kernel_is_not_taken_from_the_cache(home, tmp_path):
    """Not even with the size, the time and the bytecode of the old one."""
    found, path, folders = [], tmp_path / "edited.py", set()
    for number in (1, 2):
        module = imported(path, f"def add(x):\n    return x + {number}.0\n")
        os.utime(path, (10**9, 10**9))
        fresh = kernel(module.add)
        found.append(fresh(VALUES)[0])
        folders |= {file.parents[1].name for file in kept(home)}
    assert found == [4.0, 5.0] and len(folders) == 2


@pytest.mark.parametrize(
    "place", ["cache", "cache/alignment_theory", "cache/alignment_theory/kernels"]
)
def test_where_no_folder_can_be_made_nothing_is_kept(place, home, tmp_path):
    before = kept(ROOT)
    blocked = tmp_path / place
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("a file, no folder")
    assert works(kernel(taken.py_func))
    assert kept(ROOT) == before and kept(tmp_path) == []


def test_a_cache_that_fails_while_in_use_is_done_without(home):
    fresh = kernel(taken.py_func)
    assert fresh.compiled is not None
    shutil.rmtree(home)
    home.write_text("a file, no folder")
    assert works(fresh) and works(fresh)


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("content", [b"", b"\x80\x05damaged"])
def test_a_damaged_cache_is_done_without(suffix, content, home):
    assert works(kernel(taken.py_func))
    (file,) = home.rglob(f"*.{suffix}")
    file.write_bytes(content)
    assert works(kernel(taken.py_func))


def test_without_compilation_kernels_run_as_python(home, monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    assert works(kernel(taken.py_func)) and kept(home) == []


def test_functions_without_a_file_are_compiled(home):
    space = {}
    exec("def one(x):\n    return x[0]\n", space)
    assert kernel(space["one"])(VALUES) == 3.0 and kept(home) == []


def test_the_users_folder_follows_the_convention(home, tmp_path, monkeypatch):
    assert user_cache() == home / "alignment_theory" and user_cache().is_dir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for unset in ("", "relative/folder"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert user_cache() == tmp_path / "home" / ".cache" / "alignment_theory"
