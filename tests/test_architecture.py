"""What imports what, how fast the package is imported, how long its files are."""

import ast
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import alignment_theory

ROOT = Path(alignment_theory.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# Imports run one way: a part imports only parts of its own row and of those before it.
ROWS = [
    {"arrays", "sources", "threads"},
    {"alignment", "convergence"},
    {"kernels"},
    {"layers"},
    {"network", "trace"},
    {"ensembles", "rules", "ledger"},
    {"attribution", "explicit", "magnitudes", "rounding"},
]
ENGINE = set().union(*ROWS)
NEVER_IN_ENGINE = {"sympy", "pandas", "matplotlib", "hypothesis", "sklearn", "scipy"}
NOT_AT_IMPORT = {
    *("numba", "sympy", "pandas", "matplotlib", "scipy", "hypothesis", "sklearn", "rich"),
    *("safetensors", "typer", "torch", "zennit", "captum", "onnx", "PIL", "skimage"),
}
ONLY_IN = {"hypothesis": {"testing"}, "matplotlib": {"plotting"}, "typer": {"cli"}}


def part(path):
    """Return the part of the package that a file belongs to."""
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imports(path, *, everywhere=True):
    """Return the modules a file imports, as dotted names; or only those at module level."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if everywhere else tree.body
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def parts_of(path):
    """Return the parts of the package that a file imports, at any place."""
    names = [name.split(".") for name in imports(path)]
    return {name[1] for name in names if name[0] == "alignment_theory"}


def libraries_of(path, *, everywhere=True):
    return {name.split(".")[0] for name in imports(path, everywhere=everywhere)}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_one_way(path):
    own = part(path)
    if own not in ENGINE:
        if own in ("theory", "proving"):
            assert not parts_of(path) & {"kernels", "attribution"}
        return
    row = next(k for k, parts in enumerate(ROWS) if own in parts)
    allowed = set().union(*ROWS[: row + 1])
    assert parts_of(path) <= allowed, f"{own} imports {parts_of(path) - allowed}"
    assert not libraries_of(path) & NEVER_IN_ENGINE


def test_kernels_know_no_class_of_ours():
    for path in FILES:
        if part(path) == "kernels":
            assert parts_of(path) <= {"kernels"}


@pytest.mark.parametrize("library", ONLY_IN)
def test_libraries_with_one_place(library):
    users = {part(path) for path in FILES if library in libraries_of(path)}
    assert users <= ONLY_IN[library]


def test_slow_libraries_are_not_imported_at_module_level_where_the_package_starts():
    """The module-level imports reachable from ``import alignment_theory``, followed by hand."""
    seen, queue = set(), [ROOT / "__init__.py"]
    while queue:
        path = queue.pop()
        seen.add(path)
        assert not libraries_of(path, everywhere=False) & NOT_AT_IMPORT, path
        for name in imports(path, everywhere=False):
            stem = ROOT.parent.joinpath(*name.split("."))
            tried = (stem.with_suffix(".py"), stem / "__init__.py", stem.parent / "__init__.py")
            own = name.startswith("alignment_theory.")
            found = [p for p in (*tried, stem.parent.with_suffix(".py")) if own and p.exists()]
            queue += [p for p in found if p not in seen]
    assert len(seen) > 15


def test_a_fresh_import_loads_nothing_slow():
    code = "import sys, alignment_theory; print(*sorted(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={"PYTHONPATH": str(ROOT.parent), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.split(".")[0] for name in run.stdout.split()}
    assert "alignment_theory" in loaded
    assert not loaded & NOT_AT_IMPORT
    assert "scipy.stats" not in run.stdout.split()


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_are_short_and_documented(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 300
    assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"


def modules():
    """Return every module of the package by name, but for those that need an optional extra."""
    names = [m.name for m in pkgutil.walk_packages([str(ROOT)], "alignment_theory.")]
    return ["alignment_theory", *names]


@pytest.mark.parametrize("name", modules())
def test_public_names_resolve_and_are_documented(name):
    module = import_module(name)
    for public in getattr(module, "__all__", ()):
        value = getattr(module, public)
        if isinstance(value, type) or callable(value):
            assert value.__doc__, f"{name}.{public} has no docstring"
    assert len(set(getattr(module, "__all__", ()))) == len(getattr(module, "__all__", ()))


def test_public_names_are_listed_and_unknown_ones_refused():
    assert set(alignment_theory.__all__) <= set(dir(alignment_theory))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = alignment_theory.no_such_name


def test_there_is_one_jit_decorator():
    """Numba is named in kernels/__init__ only, and every kernel is declared by `kernel`."""
    users = {path for path in FILES if "numba" in libraries_of(path)}
    assert users == {ROOT / "kernels" / "__init__.py"}


def test_random_numbers_come_from_generators():
    """No module calls the legacy global generator of NumPy."""
    legacy = {name for name in dir(np.random.RandomState) if name[0] != "_"} | {"RandomState"}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            if text.startswith("np.random."):
                assert text.split(".")[2] not in legacy, f"{path}: {text}"
