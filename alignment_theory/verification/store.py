"""Verdicts kept on disk as they are reached, so that long work can be interrupted and resumed.

One JSON object a line: ``key`` and ``verdict``. A key names the check, the seed, the effort and the
code, by a hash of the package's source: verdicts of other code are never taken over. A line that an
interruption cut short is left out.
"""

import hashlib
import json
import os
import re
import stat
import weakref
from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_origin

from alignment_theory.verification.verdict import Outcome, Verdict

_KEY = re.compile(rb'\{"key": "(?:[^"\\]|\\.)*')
_VERDICT = b'", "verdict": {'


@cache
def code_hash() -> str:
    """Return a hash of all Python files of the package."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class VerdictStore:
    """Verdicts by key, in a file that grows by a line a verdict.

    One store at a time has a file, where the system has locks, until it is closed (``with`` does
    so) or no longer used.

    Parameters
    ----------
    path : Path
        Made where it does not exist.

    Raises
    ------
    ValueError
        For a file that is no such store, which is left as it is, and for one in use.
    OSError
        Where the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[str, Verdict] = {}
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            raise ValueError(f"{path}: expected a file of verdicts, got a folder, pipe or device")
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        self._release = weakref.finalize(self, os.close, handle)
        try:
            _lock(handle, path)
            self._read()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let others use the file."""
        self._release()

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the store."""
        self.close()

    def key(self, *parts: object) -> str:
        """Return the key of work described by some words, under the present code."""
        return " | ".join(map(str, (code_hash(), *parts)))

    def keep(self, keys: Sequence[str], index: int, verdict: Verdict) -> None:
        """Add a verdict, the `index`-th of work with the given keys, to the file."""
        self.found[keys[index]] = verdict
        line = json.dumps({"key": keys[index], "verdict": _encoded(verdict)})
        with self.path.open("ab") as file:
            file.write(line.encode() + b"\n")

    def _read(self) -> None:
        """Take over the whole lines, and mend the last where an interruption cut it short."""
        data = self.path.read_bytes()
        *whole, cut = data.split(b"\n")
        for number, line in enumerate(whole, start=1):
            self._take(line, number)
        if _begins_a_record(cut):
            os.truncate(self.path, len(data) - len(cut))
        elif cut:  # a record that lacks only the end of its line, or something else
            self._take(cut, len(whole) + 1)
            with self.path.open("ab") as file:
                file.write(b"\n")

    def _take(self, line: bytes, number: int) -> None:
        try:
            record = json.loads(line.decode())
            if not (isinstance(record, dict) and isinstance(record.get("key"), str)):
                raise ValueError("there is no key")
            self.found[record["key"]] = _decoded(record.get("verdict"))
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(
                f"{self.path}, line {number}: expected a stored verdict, got "
                f"{line[:60].decode(errors='replace')!r} ({error}); give another file, or remove "
                "that line"
            ) from None


def _lock(handle: int, path: Path) -> None:
    """Take the file for this process; not on systems and file systems without such locks."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(
            f"{path} is in use by another audit; wait until that ends, or give another file"
        ) from None
    except OSError:
        return


def _begins_a_record(text: bytes) -> bool:
    """Tell whether `text` is the beginning, and not the whole, of a line that `keep` writes."""
    start = b'{"key": "'
    if len(text) < len(start):
        return text != b"" and start.startswith(text)
    key = _KEY.match(text)
    if key is None:
        return False
    rest = text[key.end() :]
    if not rest.startswith(_VERDICT):
        return _VERDICT.startswith(rest) or rest == b"\\"
    try:
        json.JSONDecoder().raw_decode(text.decode())
    except UnicodeDecodeError:
        return False
    except (ValueError, RecursionError):
        return True
    return False


def _encoded(verdict: Verdict) -> dict[str, Any]:
    return {**vars(verdict), "outcome": str(verdict.outcome), "settings": dict(verdict.settings)}


def _decoded(record: Any) -> Verdict:
    """Return a verdict from its JSON object; ValueError or TypeError where it is none."""
    if not isinstance(record, dict):
        raise ValueError("there is no verdict")
    values: dict[str, Any] = dict(record)
    if isinstance(values.get("interval"), list):
        values["interval"] = tuple(map(_number, values["interval"]))
    verdict = Verdict(**{**values, "outcome": Outcome(values.get("outcome", ""))})
    for field in fields(Verdict):
        value, kind = getattr(verdict, field.name), get_origin(field.type) or field.type
        if kind is float:
            _number(value)
        elif not isinstance(value, kind) or isinstance(value, bool):  # type: ignore[arg-type]
            raise ValueError(f"{field.name} is {value!r}")
    if len(verdict.interval) != 2:
        raise ValueError(f"interval is {list(verdict.interval)}")
    return verdict


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    return value
