"""The record of a verification as one JSON object."""

import io
import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from alignment_theory.arrays import Array
from alignment_theory.models.files import write_atomically
from alignment_theory.verification.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

_PACKAGES = ("numpy", "scipy", "numba", "sympy", "scikit-learn")


def record(
    verdicts: Sequence[Verdict], alignment: "pd.DataFrame | None", *, seed: int, effort: str
) -> dict[str, object]:
    """Return ``verdicts``, ``alignment``, ``versions``, ``seed`` and ``effort`` as JSON values."""
    from alignment_theory import __version__

    rows = [] if alignment is None else alignment.to_dict(orient="records")
    versions = {name: version(name) for name in _PACKAGES}
    return {
        "verdicts": [verdict.as_json() for verdict in verdicts],
        "alignment": [{key: _plain(value) for key, value in row.items()} for row in rows],
        "versions": {
            "alignment_theory": __version__,
            "python": platform.python_version(),
            **versions,
        },
        "seed": seed,
        "effort": effort,
    }


def write(path: Path, content: dict[str, object]) -> None:
    """Write a record whole or not at all."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, text.encode())


def write_array(path: Path, array: Array) -> None:
    """Write an array as ``.npy``, whole or not at all."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_atomically(path, buffer.getvalue())


def _plain(value: object) -> object:
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not isfinite(value) else value
