"""Where arrays enter the package: coercion, checks and the one division policy.

Three element types are computed with: ``float32``, ``float64`` and *exact*, an object array of
:class:`fractions.Fraction`, with which small networks are worked by hand.
"""

from collections.abc import Iterable
from fractions import Fraction
from numbers import Rational, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from alignment_theory.threads import by_parts

Array = NDArray[Any]

EXACT = np.dtype(object)
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def float_dtype(dtype: DTypeLike, where: str) -> np.dtype[Any]:
    """Return float32 or float64 as a dtype; ValueError, which begins with `where`, for others."""
    try:
        found = np.dtype(dtype)
    except (TypeError, ValueError):
        raise ValueError(f"{where}: expected dtype float32 or float64, got {dtype!r}") from None
    if found not in FLOATS:
        raise ValueError(f"{where}: expected dtype float32 or float64, got {found}")
    return found


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
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{name}: a masked array has no value at its masked entries; fill them")
    given_as_array = isinstance(value, np.ndarray | np.generic)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name}: expected a rectangular array of numbers ({error})") from None
    if array.dtype == EXACT or wanted == EXACT:
        return _as_exact(array, name, wanted)
    if array.dtype.kind in "iub":
        array = _whole_numbers(array, name, wanted or np.dtype(np.float64))
    elif array.dtype not in FLOATS:
        raise ValueError(
            f"{name}: expected float32, float64, integers or fractions, got dtype {array.dtype}; "
            "convert it with .astype(numpy.float64)"
        )
    _require_finite(array, name)
    if wanted is not None and array.dtype != wanted:
        if given_as_array and array.dtype.itemsize > wanted.itemsize:
            raise ValueError(
                f"{name}: got {array.dtype} where the computation is in {wanted}; "
                f"convert one of them, for instance with .astype(numpy.{wanted})"
            )
        array = convert(array, name, wanted)
    return np.ascontiguousarray(array).reshape(array.shape)


def _whole_numbers(array: Array, name: str, wanted: np.dtype[Any]) -> Array:
    """Return integers as floats; ValueError where a float cannot hold one of them."""
    converted = array.astype(wanted)
    limit = 2 ** (np.finfo(wanted).nmant + 1)
    if array.dtype.kind != "b":
        for index in np.argwhere((array > limit) | (array < -limit)):
            at = tuple(int(i) for i in index)
            if int(converted[at]) != int(array[at]):
                raise ValueError(
                    f"{name}: {array[at]} at index {at} can be held only by rounding in {wanted}; "
                    "convert it yourself if that is meant"
                )
    return converted


def convert(array: Array, name: str, dtype: DTypeLike) -> Array:
    """Return a finite array rounded to float32 or float64, or as exact fractions.

    Raises
    ------
    ValueError
        For other element types, and for numbers beyond the range of `dtype`.
    """
    wanted = np.dtype(dtype)
    if wanted == EXACT:
        return as_array(array, name, wanted)
    if wanted not in FLOATS:
        raise ValueError(f"{name}: can be float32, float64 or object (fractions), not {wanted}")
    try:
        with np.errstate(over="ignore"):
            converted = array.astype(wanted)
    except OverflowError:
        converted = np.full(array.shape, np.inf)
    if not np.isfinite(converted).all():
        largest = np.abs(array).max()
        raise ValueError(f"{name}: {largest} is beyond the range of {wanted}")
    return converted


def _as_exact(array: Array, name: str, wanted: np.dtype[Any] | None) -> Array:
    if wanted is not None and wanted != EXACT:
        raise ValueError(f"{name}: got dtype object where the computation is in {wanted}")
    if array.dtype.kind == "f":
        _require_finite(array, name)
    exact = np.empty(array.shape, dtype=object)
    for index, entry in np.ndenumerate(array):
        plain = entry.item() if isinstance(entry, np.generic) else entry
        finite = isinstance(plain, float) and np.isfinite(plain)
        if isinstance(plain, Rational) or (wanted == EXACT and finite):
            exact[index] = Fraction(plain)
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


def require_numbers(owner: object, *names: str) -> None:
    """Raise ValueError where an attribute is no real number that a float can hold (NaN passes)."""
    for name in names:
        value = getattr(owner, name)
        where = f"{type(owner).__name__}: {name}"
        if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
            raise ValueError(f"{where} must be a number, got {value!r}")
        try:
            float(value)
        except OverflowError:
            raise ValueError(f"{where} is beyond the range of float64") from None


def whole_number(value: object, name: str, least: int) -> int:
    """Return an integer of at least `least` as an int; ValueError where it is none."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}: expected an integer of at least {least}, got {value!r}")
    return int(value)


def listed(values: object, name: str, what: str) -> tuple[Any, ...]:
    """Return the members of a list as a tuple; ValueError for a string and for what has none."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise ValueError(f"{name}: expected a list of {what}, got {values!r}")
    return tuple(values)


def require_flags(owner: object, *names: str) -> None:
    """Raise ValueError where an attribute is neither True nor False."""
    for name in names:
        value = getattr(owner, name)
        if not isinstance(value, bool | np.bool_):
            where = f"{type(owner).__name__}: {name}"
            raise ValueError(f"{where} must be True or False, got {value!r}")


def overflowed(array: Array) -> bool:
    """Tell whether a computation left the range of its element type.

    A sum of squares with a non-finite term is never finite, and is found in one pass; only where it
    overflows itself is each entry looked at.
    """
    if is_exact(array):
        return False
    parts: list[bool] = []

    def look(part: Array) -> None:
        parts.append(bool(np.isfinite(part @ part) or np.isfinite(part).all()))

    with np.errstate(over="ignore", invalid="ignore"):
        by_parts(look, array)
    return not all(parts)


def scalar_like(value: float | Fraction, array: Array) -> Any:
    """Return a scalar in the element type of `array`, so that arithmetic keeps that type."""
    plain = value.item() if isinstance(value, np.generic) else value
    if is_exact(array):
        return Fraction(plain)
    with np.errstate(over="ignore", under="ignore"):
        scalar = array.dtype.type(plain)
    if not np.isfinite(scalar) or (scalar == 0 and plain != 0):
        raise ValueError(f"{plain} is beyond the range of {array.dtype}; compute in float64")
    return scalar


def parameter_like(value: ArrayLike, batch: Array, name: str) -> Array:
    """Return a parameter broadcast to a batch, rounded to its element type.

    For images, a batch (samples, channels, height, width), a vector of as many numbers as there
    are channels gives each channel its own.

    Raises
    ------
    ValueError
        For values that are not finite numbers, and where the shape does not fit one sample.
    """
    parameter = convert(as_array(value, name), name, batch.dtype)
    if batch.ndim == 4 and parameter.shape == batch.shape[1:2]:
        parameter = parameter[:, np.newaxis, np.newaxis]
    try:
        return np.broadcast_to(parameter, batch.shape).copy()
    except ValueError:
        raise ValueError(
            f"{name}: shape {parameter.shape} does not fit samples of shape {batch.shape[1:]}"
        ) from None


def frozen_parameter(value: ArrayLike, name: str) -> Any:
    """Return a checked parameter that the caller can no longer change: a scalar stays as it is."""
    checked = as_array(value, name)
    return value if checked.ndim == 0 else readonly(checked)


def divide(numerator: Array, denominator: Array) -> Array:
    """Return ``numerator / denominator`` where the denominator is non-zero, and 0 elsewhere.

    The one division policy: relevance that meets an empty denominator is not passed on, and the
    conservation ledger names what was lost there.
    """
    empty = denominator == 0
    safe = np.where(empty, scalar_like(1, denominator), denominator)
    with np.errstate(over="ignore"):
        return np.where(empty, scalar_like(0, denominator), numerator / safe)


def readonly(array: Array) -> Array:
    """Return a read-only copy, so that parameters cannot change behind a cached derivative."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy
