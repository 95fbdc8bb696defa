"""Where arrays enter the package: coercion, checks and the one division policy.

Three element types are computed with: ``float32``, ``float64`` and *exact*, an object array of
:class:`fractions.Fraction`, with which small networks are worked by hand.
"""

from fractions import Fraction
from numbers import Rational
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array = NDArray[Any]

EXACT = np.dtype(object)
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def is_exact(array: Array) -> bool:
    """Tell whether an array holds exact fractions rather than floats."""
    return array.dtype == EXACT


def as_array(value: ArrayLike, name: str, dtype: DTypeLike | None = None) -> Array:
    """Return `value` as a finite C-ordered array of float32, float64 or fractions.

    Integers and booleans become `dtype`, or float64 where none is asked for; Python sequences of
    numbers likewise. float32 input to a float64 computation is widened, which is exact.

    Raises
    ------
    ValueError
        For other element types, NaN or infinity (naming the first place), and for arrays that
        `dtype` could hold only by rounding.
    """
    wanted = None if dtype is None else np.dtype(dtype)
    given_as_array = isinstance(value, np.ndarray | np.generic)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name}: expected a rectangular array of numbers ({error})") from None
    if array.dtype == EXACT or wanted == EXACT:
        return _as_exact(array, name, wanted)
    if array.dtype.kind in "iub":
        array = array.astype(wanted or np.float64)
    elif array.dtype not in FLOATS:
        raise ValueError(
            f"{name}: expected float32, float64, integers or fractions, got dtype {array.dtype}; "
            "convert it with .astype(numpy.float64)"
        )
    elif wanted is not None and array.dtype != wanted:
        if given_as_array and array.dtype.itemsize > wanted.itemsize:
            raise ValueError(
                f"{name}: got {array.dtype} where the computation is in {wanted}; "
                f"convert one of them, for instance with .astype(numpy.{wanted})"
            )
        array = array.astype(wanted)
    _require_finite(array, name)
    return np.ascontiguousarray(array).reshape(array.shape)


def _as_exact(array: Array, name: str, wanted: np.dtype[Any] | None) -> Array:
    if wanted is not None and wanted != EXACT:
        raise ValueError(f"{name}: got dtype object where the computation is in {wanted}")
    exact = np.empty(array.shape, dtype=object)
    for index, entry in np.ndenumerate(array):
        if isinstance(entry, Rational | np.integer):
            exact[index] = Fraction(int(entry.numerator), int(entry.denominator))
        elif wanted == EXACT and isinstance(entry, float | np.floating) and np.isfinite(entry):
            exact[index] = Fraction(float(entry))
        else:
            raise ValueError(
                f"{name}: an array of dtype object may hold only int and fractions.Fraction, got "
                f"{type(entry).__name__} at index {index}"
            )
    return exact


def _require_finite(array: Array, name: str) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(
            f"{name}: expected finite numbers, got {array[index]} at index {index} "
            f"({int((~finite).sum())} such entries); remove or replace them"
        )


def overflowed(array: Array) -> bool:
    """Tell whether a computation left the range of its element type."""
    return not is_exact(array) and not np.isfinite(array).all()


def scalar_like(value: float | Fraction, array: Array) -> Any:
    """Return a scalar in the element type of `array`, so that arithmetic keeps that type."""
    return Fraction(value) if is_exact(array) else array.dtype.type(value)


def divide(numerator: Array, denominator: Array) -> Array:
    """Return ``numerator / denominator`` where the denominator is non-zero, and 0 elsewhere.

    The one division policy: relevance that meets an empty denominator is not passed on, and the
    conservation ledger names what was lost there.
    """
    empty = denominator == 0
    safe = np.where(empty, scalar_like(1, denominator), denominator)
    return np.where(empty, scalar_like(0, denominator), numerator / safe)


def readonly(array: Array) -> Array:
    """Return a read-only copy, so that parameters cannot change behind a cached derivative."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy
